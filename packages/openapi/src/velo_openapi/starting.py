"""What is wrong with a document, as far as that can be told without making it: the start reports it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from velo_core import OpenAPIContribution, Operation, Problem, Router, SetupError, Velo, openapi_of, where
from velo_openapi.operation_ids import OperationIds, handler_key
from velo_openapi.options import DocumentOptions, options_of_handler

__all__ = ["Components", "problems_at_start", "webhooks_of"]


class _Documents(Protocol):
    """The plugin, which imports this module."""

    options: DocumentOptions

    def operations(self, app: Velo) -> list[Operation]:
        """Of its document."""
        ...


class Components:
    """Components that are contributed, by kind and name, the first of each name.

    Attributes:
        named: Those that are in the document.
    """

    def __init__(self) -> None:
        self.named: dict[str, dict[str, Any]] = {}
        self._told: set[tuple[str, str]] = set()

    def add(self, contribution: OpenAPIContribution, place: str) -> Iterator[Problem]:
        """Adds those of a contribution, and tells which names mean something else already, each once.

        Args:
            contribution: Of a router or a dependency.
            place: Of an operation that has it.
        """
        for kind, named in contribution.components.items():
            known = self.named.setdefault(kind, {})
            for name, component in named.items():
                if known.setdefault(name, component) != component and (kind, name) not in self._told:
                    self._told.add((kind, name))
                    message = f"two plugins or dependencies contribute different {kind} of the name {name!r}, to {place}; rename one"
                    yield Problem("OPENAPI_COMPONENT", message)


def problems_at_start(plugin: _Documents, app: Velo, router: Router | None) -> Iterator[Problem]:
    """What is wrong with what a document will be made of.

    Looks at handlers and contributions alone. Operations take as long as the start itself, so they are made only where ids come from a
    policy, or seem to be given twice.

    Args:
        plugin: That makes it.
        app: In which all is in its place.
        router: That the plugin is installed on; all if `None`.
    """
    webhooks, wrong = webhooks_of(plugin.options)
    yield from wrong
    components = Components()
    known: set[int] = set()
    ids: dict[str, set[Hashable]] = {}
    for mounted, functions in app.dependencies:
        route = mounted.route
        if not route.include_in_schema or (router is not None and router not in mounted.inherited.slots.holders):
            continue
        said = options_of_handler(route.handler).operation_id
        if said:
            ids.setdefault(said, set()).add(handler_key(route.handler))
        for contributor in (*mounted.inherited.openapi, *functions):
            if id(contributor) not in known:
                known.add(id(contributor))
                place = f"{', '.join(route.methods) or 'WEBSOCKET'} {mounted.place} ({where(route.handler)})"
                yield from _of_contributor(contributor, components, place)
    for one in webhooks:
        said = options_of_handler(one.handler).operation_id
        if said:
            ids.setdefault(said, set()).add(handler_key(one.handler))
    policy = plugin.options.operation_id
    if policy is not None or any(len(handlers) > 1 for handlers in ids.values()):
        shown = [one for one in plugin.operations(app) if one.include_in_schema]
        yield from OperationIds([*shown, *webhooks], policy).problems


def webhooks_of(options: DocumentOptions) -> tuple[Sequence[Operation], list[Problem]]:
    """The operations of the webhooks, whose router nobody serves, and what is wrong with it."""
    if options.webhooks is None:
        return (), []
    described = Velo()
    described.include(options.webhooks)
    try:
        return described.operations, []
    except SetupError as error:
        return (), [Problem("OPENAPI_WEBHOOK", f"in the webhooks: {one.message} [{one.code}]") for one in error.problems]


def _of_contributor(one: object, components: Components, place: str) -> Iterator[Problem]:
    """What is wrong with what a contribution, or a dependency, adds to an operation."""
    contribution = one if isinstance(one, OpenAPIContribution) else openapi_of(one)
    if contribution is not None:
        yield from components.add(contribution, place)
    elif isinstance(getattr(one, "openapi", None), Mapping | list | tuple):  # anything else may be there for reasons of its own
        name, kind = getattr(one, "__qualname__", type(one).__qualname__), type(getattr(one, "openapi", None)).__name__
        message = f"the dependency {name} ({where(one)}) of {place} has a {kind} as its attribute openapi, which says nothing to documents"
        yield Problem("OPENAPI_CONTRIBUTION", f"{message}; make it an OpenAPIContribution(security=..., responses=..., components=...)")
