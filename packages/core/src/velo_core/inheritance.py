"""What a router has from the one above it: the whole rule of encapsulation, in one function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field

from velo_core.answers import ExceptionHandler
from velo_core.codecs import DEFAULT, Coding
from velo_core.limits import DEFAULT_MAX_MESSAGE_SIZE
from velo_core.markers import Dependency, Marker
from velo_core.middleware import Around, ordered
from velo_core.phases import NO_PHASES, Phases
from velo_core.routing import Converter, TrailingSlash, join
from velo_core.slots import NO_SLOTS, SlotScope
from velo_core.steps import Provider

if TYPE_CHECKING:
    from velo_core.contributions import OpenAPIContribution
    from velo_core.extractors import Extractor
    from velo_core.plan import Middleware
    from velo_core.registering import Included
    from velo_core.versioning import Deprecation
    from velo_core.watch import OnDisconnect

__all__ = ["Inherited", "inherit"]

K = TypeVar("K")
V = TypeVar("V")


class Inherited(Struct, frozen=True):
    """What lies above a route: the sum of its routers, outermost first.

    Attributes:
        prefix: Before every path.
        name: Before every name.
        tags: On every route.
        around: Middleware around every route, and around 404 and 405 below the prefix.
        phases: Hooks for the same.
        exception_handlers: By class of exception.
        dependencies: Before every handler.
        converters: For patterns, by name.
        providers: For parameters, by type.
        extractors: For parameters, by marker.
        coding: How bodies are read and results written.
        max_content_length: Bytes of body accepted.
        timeout_seconds: What handlers and their dependencies may take.
        on_disconnect: What becomes of handlers when the client leaves.
        openapi: For the documentation of every route.
        slots: What can be used here, and the routers that may have it.
        trailing_slash: What becomes of paths with a slash more or less at their end.
        host: The pattern of the hosts that routes are for; all if `None`.
        versions: The versions of the API that routes belong to.
        deprecation: That routes should not be used any more.
        websocket_origins: Of pages that may open websockets, besides our own.
        max_message_size: Bytes of a websocket's message accepted.
    """

    prefix: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    around: tuple[Around, ...] = ()
    phases: Phases = NO_PHASES
    exception_handlers: Mapping[type[Exception], ExceptionHandler] = field(default_factory=dict[type[Exception], ExceptionHandler])
    dependencies: tuple[Dependency, ...] = ()
    converters: Mapping[str, Converter] = field(default_factory=dict[str, Converter])
    providers: Mapping[object, Provider] = field(default_factory=dict[object, Provider])
    extractors: Mapping[type[Marker], Extractor] = field(default_factory=dict[type[Marker], "Extractor"])
    coding: Coding = DEFAULT
    max_content_length: int = 0
    timeout_seconds: float | None = None
    on_disconnect: OnDisconnect = "cancel"
    openapi: tuple[OpenAPIContribution, ...] = ()
    slots: SlotScope = NO_SLOTS
    trailing_slash: TrailingSlash = TrailingSlash.STRICT
    host: str | None = None
    versions: tuple[str, ...] = ()
    deprecation: Deprecation | None = None
    websocket_origins: tuple[str, ...] = ()
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE

    @property
    def middleware(self) -> tuple[Middleware, ...]:
        """Around every route, outermost first."""
        return tuple(one.function for one in self.around)


def inherit(parent: Inherited, child: Included) -> Inherited:
    """What holds below `child`.

    This is the whole rule of encapsulation:

    | what | a child |
    |---|---|
    | prefix, name | appends its own |
    | tags, dependencies, OpenAPI contributions | has the parent's, then its own |
    | middleware | is inside the parent's; within a router, bands and edges decide |
    | hooks | on_request after the parent's, all others before them |
    | exception handlers, converters, providers, extractors | has the parent's, and replaces those it defines itself |
    | slots | has the parent's and its own; a value of its own wins |
    | model backends | asks its own, then the parent's |
    | JSON codec, media types, host, version, deprecation | has the parent's unless it sets one |
    | limits of body, time and message, `on_disconnect`, `trailing_slash`, `websocket_origins` | has the parent's unless it sets one |
    | routes, plugins | keeps to itself: neither the parent nor a sibling sees them |
    """
    router = child.router
    return Inherited(
        prefix=join(join(parent.prefix, child.prefix), router.prefix),
        name=parent.name + (f"{router.name}." if router.name else ""),
        tags=tuple(dict.fromkeys((*parent.tags, *child.tags, *router.tags))),
        around=(*parent.around, *ordered(router.own_around, parent.around)),
        phases=parent.phases.below(router.own_phases),
        exception_handlers=_with(parent.exception_handlers, router.own_exception_handlers),
        dependencies=(*parent.dependencies, *router.own_dependencies),
        converters=_with(parent.converters, router.own_converters),
        providers=_with(parent.providers, router.own_providers),
        extractors=_with(parent.extractors, router.own_extractors),
        coding=parent.coding.below(router.json, router.produces, router.consumes, router.own_backends),
        max_content_length=parent.max_content_length if router.max_content_length is None else router.max_content_length,
        timeout_seconds=parent.timeout_seconds if router.timeout_seconds is None else router.timeout_seconds,
        on_disconnect=router.on_disconnect or parent.on_disconnect,
        openapi=(*parent.openapi, *router.own_openapi),
        slots=SlotScope({**parent.slots.declared, **router.own_slots}, (router, *parent.slots.holders)),
        trailing_slash=router.trailing_slash or parent.trailing_slash,
        host=router.host or parent.host,
        versions=router.versions or parent.versions,
        deprecation=router.deprecation or parent.deprecation,
        websocket_origins=parent.websocket_origins if router.websocket_origins is None else router.websocket_origins,
        max_message_size=parent.max_message_size if router.max_message_size is None else router.max_message_size,
    )


def _with(above: Mapping[K, V], own: Mapping[K, V]) -> Mapping[K, V]:
    """What a child has: the parent's itself if it adds nothing, which most do not."""
    return {**above, **own} if own else above
