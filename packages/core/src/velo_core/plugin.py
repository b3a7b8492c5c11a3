"""Plugins: what one is, and in which order several of them are installed.

A plugin records what it wants on the router it is installed on; nothing happens until the application starts, when all plugins are put into
an order that satisfies what they require, and everything that is wrong is reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

from velo_core.errors import Problem

if TYPE_CHECKING:
    from velo_core.app import Velo
    from velo_core.router import Router

__all__ = ["ENTRY_POINTS", "PLUGIN_API", "Installation", "Manifest", "Plugin", "instantiate", "ordered"]

PLUGIN_API = "0.1"
"""Level of the plugin contract. It changes when the contract does, not with every release of velo-core."""
ENTRY_POINTS = "velo.plugins"
"""Entry-point group in which plugins can be found by name. Being installed enables nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a plugin says of itself; readable without running it.

    Attributes:
        name: Unique, such as `"limiter"`.
        requires_api: Levels of the plugin contract it works with, such as `">=0.1,<1"`.
        requires: Names of plugins, or capabilities, that must be installed on the same router or above it; they come first.
        after: Names or capabilities that come first if they are installed.
        before: Names or capabilities that come later if they are installed.
        provides: Capabilities that others can require.
        multi: Whether it may be installed more than once on one router.
    """

    name: str
    requires_api: str = f">={PLUGIN_API}"
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    multi: bool = False


class Plugin:
    """Base of all plugins: a manifest, and `install`.

    class Greeter(Plugin):
        manifest = Manifest(name="greeter", requires_api=">=0.1,<1")

        def install(self, router: Router) -> None:
            router.get("/greet")(self.greet)
    """

    manifest: ClassVar[Manifest]

    def install(self, router: Router) -> None:
        """Records on `router` what the plugin adds. Runs once for each router it is installed on, before the application starts."""
        raise NotImplementedError(f"{type(self).__qualname__} has no install(router)")

    def lifespan(self, app: Velo) -> AbstractAsyncContextManager[None]:
        """A context that is entered before the first request and left after the last one, in reverse order of installation."""
        return nullcontext()


@dataclass(frozen=True, slots=True, eq=False)
class Installation:
    """One call of `install`.

    Attributes:
        given: The plugin, or its name.
        options: For the constructor, when it is given by name.
        router: Where it is installed.
        place: File and line of the call.
    """

    given: Plugin | str
    options: Mapping[str, object]
    router: Router
    place: str

    @property
    def label(self) -> str:
        """Name and place, for messages."""
        name = self.given if isinstance(self.given, str) else manifest_name(self.given)
        return f"{name!r} ({self.place})"


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """An installation whose plugin exists.

    Attributes:
        plugin: The instance.
        manifest: Its manifest.
        installation: Where it comes from.
    """

    plugin: Plugin
    manifest: Manifest
    installation: Installation
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset({self.manifest.name, *self.manifest.provides}))


def manifest_name(plugin: Plugin) -> str:
    """The plugin's name, or its class's if it has no manifest."""
    manifest = getattr(type(plugin), "manifest", None)
    return manifest.name if isinstance(manifest, Manifest) else type(plugin).__qualname__


def instantiate(installation: Installation) -> Ready | Problem:
    """The plugin of an installation, loaded by name if need be."""
    given = installation.given
    plugin = _load(installation, given) if isinstance(given, str) else given
    if isinstance(plugin, Problem):
        return plugin
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(plugin, Plugin) or not isinstance(manifest, Manifest):
        found = type(plugin).__qualname__
        return Problem("VELO_PLUGIN_INVALID", f"{found}, installed at {installation.place}, is not a Plugin with a manifest = Manifest(name=...)")
    if not satisfies(PLUGIN_API, manifest.requires_api):
        return Problem(
            "VELO_PLUGIN_API",
            f"the plugin {installation.label} works with plugin API {manifest.requires_api}, this velo-core has {PLUGIN_API}; "
            "install a release of the plugin for it, or another velo-core",
        )
    return Ready(plugin, manifest, installation)


def _load(installation: Installation, name: str) -> Plugin | Problem:
    from importlib.metadata import entry_points  # reads the metadata of every distribution: only those who ask for a name pay for that

    found = list(entry_points(group=ENTRY_POINTS, name=name))
    distributions = sorted({point.dist.name for point in found if point.dist is not None})
    if not found:
        known = ", ".join(sorted(entry_points(group=ENTRY_POINTS).names)) or "none"
        message = f"no installed distribution offers the plugin {name!r} ({installation.place}); installed are: {known}. Try: pip install velo-{name}"
        return Problem("VELO_PLUGIN_UNKNOWN", message)
    if len(distributions) > 1:
        message = f"the plugin {name!r} ({installation.place}) is offered by {' and '.join(distributions)}; uninstall one, or install an instance"
        return Problem("VELO_PLUGIN_AMBIGUOUS", message)
    try:
        factory = cast("Callable[..., Plugin]", found[0].load())
        return factory(**installation.options)
    except Exception as error:
        message = f"the plugin {name!r} ({installation.place}) could not be made from {found[0].value}: {type(error).__name__}: {error}"
        return Problem("VELO_PLUGIN_OPTIONS", message)


def satisfies(level: str, specification: str) -> bool:
    """Whether an API level is within a specification such as `">=0.1,<1"`. Anything that cannot be read is not."""
    return all(_holds(_numbers(level), clause.strip()) for clause in specification.split(","))


def _holds(level: tuple[int, ...], clause: str) -> bool:
    for operator in (">=", "<=", "==", "!=", ">", "<"):
        if clause.startswith(operator):
            try:
                bound = _numbers(clause[len(operator) :])
            except ValueError:
                return False
            size = max(len(level), len(bound))
            left, right = level + (0,) * (size - len(level)), bound + (0,) * (size - len(bound))
            return {">=": left >= right, "<=": left <= right, "==": left == right, "!=": left != right, ">": left > right, "<": left < right}[
                operator
            ]
    return False


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip().split("."))


def ordered(plugins: Sequence[Ready], visible: Callable[[Ready, Ready], bool]) -> tuple[list[Ready], list[Problem]]:
    """The plugins in an order in which each comes after what it requires; otherwise in the order in which they were installed.

    Args:
        plugins: In the order of installation.
        visible: Whether the first plugin can see the second: it is on the same router, or above.

    Returns:
        The order, and what is wrong: requirements that nobody provides, duplicates, cycles.
    """
    problems = [*_duplicates(plugins), *_missing(plugins, visible)]
    edges: dict[Ready, list[Ready]] = {plugin: [] for plugin in plugins}
    for plugin in plugins:
        for other in plugins:
            if other is plugin:
                continue
            if other.names & {*plugin.manifest.requires, *plugin.manifest.after}:
                edges[plugin].append(other)
            if plugin.names & set(other.manifest.before):
                edges[plugin].append(other)
    order: list[Ready] = []
    path: list[Ready] = []

    def visit(plugin: Ready) -> None:
        if plugin in order:
            return
        if plugin in path:
            cycle = " -> ".join(one.manifest.name for one in [*path[path.index(plugin) :], plugin])
            problem = Problem("VELO_PLUGIN_CYCLE", f"plugins wait for each other: {cycle}; drop one of these requires, after or before")
            if problem not in problems:
                problems.append(problem)
            return
        path.append(plugin)
        for first in edges[plugin]:
            visit(first)
        path.pop()
        if plugin not in order:
            order.append(plugin)

    for plugin in plugins:
        visit(plugin)
    return order, problems


def _duplicates(plugins: Iterable[Ready]) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[tuple[str, int], Ready] = {}
    for plugin in plugins:
        key = (plugin.manifest.name, id(plugin.installation.router))
        first = seen.setdefault(key, plugin)
        if first is not plugin and not plugin.manifest.multi:
            message = (
                f"the plugin {plugin.manifest.name!r} is installed twice on one router, at {first.installation.place} and "
                f"{plugin.installation.place}; remove one, or install it on a router of its own"
            )
            problems.append(Problem("VELO_PLUGIN_DUPLICATE", message))
    return problems


def _missing(plugins: Sequence[Ready], visible: Callable[[Ready, Ready], bool]) -> list[Problem]:
    problems: list[Problem] = []
    for plugin in plugins:
        for need in plugin.manifest.requires:
            if not any(need in other.names and visible(plugin, other) for other in plugins if other is not plugin):
                message = (
                    f"the plugin {plugin.installation.label} requires {need!r}, which nothing on its router or above it provides; "
                    f"install a plugin that does, for example app.install({need!r})"
                )
                problems.append(Problem("VELO_PLUGIN_REQUIRES", message))
    return problems
