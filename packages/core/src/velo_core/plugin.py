"""Plugins: what one is, and in which order several of them are installed.

A plugin records what it wants on the router it is installed on; nothing happens until the application starts, when all plugins are put into
an order that satisfies what they require, and everything that is wrong is reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

from velo_core.errors import Problem, SetupError

if TYPE_CHECKING:
    from velo_core.app import Velo
    from velo_core.router import Router

__all__ = ["ENTRY_POINTS", "PLUGIN_API", "Installation", "Manifest", "Plugin", "Ready", "install_all"]

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

    Raises:
        SetupError: names are given as one text and not as a tuple, or the API level cannot be read.
    """

    name: str
    requires_api: str = f">={PLUGIN_API}"
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    multi: bool = False

    def __post_init__(self) -> None:
        for field_name in ("requires", "after", "before", "provides"):
            given: object = getattr(self, field_name)
            if isinstance(given, str):
                message = f"{field_name} of the plugin {self.name!r} is the text {given!r}; write a tuple: {field_name}=({given!r},)"
                raise SetupError("VELO_PLUGIN_MANIFEST", message)
        try:
            satisfies(PLUGIN_API, self.requires_api)
        except ValueError:
            message = f"requires_api of the plugin {self.name!r} is {self.requires_api!r}; write bounds of an API level, such as '>=0.1,<1'"
            raise SetupError("VELO_PLUGIN_MANIFEST", message) from None


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
    plugin: object = _load(installation, given) if isinstance(given, str) else given
    if isinstance(plugin, Problem):
        return plugin
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(plugin, Plugin) or not isinstance(manifest, Manifest):
        return Problem("VELO_PLUGIN_INVALID", _why_not(plugin, installation.place))
    if not satisfies(PLUGIN_API, manifest.requires_api):
        return Problem(
            "VELO_PLUGIN_API",
            f"the plugin {installation.label} works with plugin API {manifest.requires_api}, this velo-core has {PLUGIN_API}; "
            "install a release of the plugin for it, or another velo-core",
        )
    return Ready(plugin, manifest, installation)


def _why_not(thing: object, place: str) -> str:
    kind = type(thing).__qualname__
    if isinstance(thing, type) and issubclass(thing, Plugin):
        return f"{thing.__qualname__}, installed at {place}, is a class; make an instance: {thing.__qualname__}()"
    return f"{kind}, installed at {place}, is not a Plugin with a manifest = Manifest(name=...)"


def _load(installation: Installation, name: str) -> object:
    """The plugin, or a `Problem`."""
    from importlib.metadata import entry_points  # reads the metadata of every distribution: only those who ask for a name pay for that

    found = list(entry_points(group=ENTRY_POINTS, name=name))
    distributions = sorted({point.dist.name for point in found if point.dist is not None})
    if not found:
        known = ", ".join(sorted(entry_points(group=ENTRY_POINTS).names)) or "none"
        message = (
            f"no installed distribution offers the plugin {name!r} ({installation.place}); installed are: {known}. "
            f"Try: pip install velo-{name}"
        )
        return Problem("VELO_PLUGIN_UNKNOWN", message)
    if len(distributions) > 1:
        message = (
            f"the plugin {name!r} ({installation.place}) is offered by {' and '.join(distributions)}; uninstall one, or install an instance"
        )
        return Problem("VELO_PLUGIN_AMBIGUOUS", message)
    try:
        factory = cast("Callable[..., object]", found[0].load())
    except Exception as error:
        message = f"the plugin {name!r} ({installation.place}) could not be loaded from {found[0].value}: {type(error).__name__}: {error}"
        return Problem("VELO_PLUGIN_LOAD", message)
    try:
        return factory(**installation.options)
    except Exception as error:
        message = f"the plugin {name!r} ({installation.place}) could not be made from {found[0].value}: {type(error).__name__}: {error}"
        return Problem("VELO_PLUGIN_OPTIONS", message)


def satisfies(level: str, specification: str) -> bool:
    """Whether an API level is within a specification such as `">=0.1,<1"`.

    Raises:
        ValueError: the specification cannot be read.
    """
    held = [_holds(_numbers(level), clause.strip()) for clause in specification.split(",")]  # a list, so that all of it is read
    return all(held)


def _holds(level: tuple[int, ...], clause: str) -> bool:
    for operator in (">=", "<=", "==", "!=", ">", "<"):
        if clause.startswith(operator):
            bound = _numbers(clause[len(operator) :])
            size = max(len(level), len(bound))
            left, right = level + (0,) * (size - len(level)), bound + (0,) * (size - len(bound))
            return {
                ">=": left >= right,
                "<=": left <= right,
                "==": left == right,
                "!=": left != right,
                ">": left > right,
                "<": left < right,
            }[operator]
    raise ValueError(f"{clause!r} has no operator")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip().split("."))


# The order.


def install_all(root: Router) -> tuple[list[Ready], list[Problem]]:
    """Runs `install` of every plugin on `root` and below, each after what it requires, otherwise in the order in which they were given.

    A plugin may install others. What requires something that is not there yet therefore waits as long as there is anything else to install.

    Returns:
        The plugins in the order in which they were installed, and everything that is wrong.
    """
    problems: list[Problem] = []
    known: set[Installation] = set()
    given: list[Ready] = []
    done: list[Ready] = []
    while True:
        for installation in [one for router in dict.fromkeys(root.tree()) for one in router.installations if one not in known]:
            known.add(installation)
            made = instantiate(installation)
            wrong = made if isinstance(made, Problem) else _duplicate(made, given)
            if isinstance(made, Ready) and wrong is None:
                given.append(made)
            elif wrong is not None:
                problems.append(wrong)
        waiting = [ready for ready in given if ready not in done]
        if not waiting:
            break
        ready = _next(waiting, done)
        problems += _install(ready)
        done.append(ready)
    return done, [*problems, *_missing(given), *_misplaced(given, done)]


def _install(ready: Ready) -> list[Problem]:
    """Runs one plugin's `install`."""
    label = ready.installation.label
    try:
        ready.plugin.install(ready.installation.router)
    except SetupError as error:
        return [Problem(one.code, f"{one.message} (while the plugin {label} was installed)") for one in error.problems]
    except Exception as error:
        return [Problem("VELO_PLUGIN_INSTALL", f"the plugin {label} could not be installed: {type(error).__name__}: {error}")]
    return []


def _next(waiting: Sequence[Ready], done: Sequence[Ready]) -> Ready:
    """The first plugin that nothing keeps waiting. If there is none, the first of all: why none is left to wait for is reported later."""
    order, edges, _ = _sorted(waiting)
    blocked: set[Ready] = set()
    for plugin in order:
        if all(_provided(need, plugin, done) for need in plugin.manifest.requires) and not blocked.intersection(edges[plugin]):
            return plugin
        blocked.add(plugin)
    return order[0]


def _visible(plugin: Ready, other: Ready) -> bool:
    """Whether `other` is on the router of `plugin`, or above it."""
    return any(router is plugin.installation.router for router in other.installation.router.tree())


def _provided(need: str, plugin: Ready, others: Iterable[Ready]) -> bool:
    """Whether one of `others` has what `plugin` requires, where it can see it."""
    return any(need in other.names and _visible(plugin, other) for other in others if other is not plugin)


def _edges(plugins: Sequence[Ready]) -> dict[Ready, list[Ready]]:
    """For each plugin, those that have to come before it. Plugins that are beside each other in the tree do not matter to each other."""
    edges: dict[Ready, list[Ready]] = {plugin: [] for plugin in plugins}
    for plugin in plugins:
        for other in plugins:
            wanted = other.names & {*plugin.manifest.requires, *plugin.manifest.after} or plugin.names & set(other.manifest.before)
            if wanted and other is not plugin and (_visible(plugin, other) or _visible(other, plugin)):
                edges[plugin].append(other)
    return edges


def _sorted(plugins: Sequence[Ready]) -> tuple[list[Ready], dict[Ready, list[Ready]], list[list[Ready]]]:
    """The plugins in order, the edges that it follows, and the cycles that it could not follow."""
    edges = _edges(plugins)
    order: list[Ready] = []
    path: list[Ready] = []
    cycles: list[list[Ready]] = []

    def visit(plugin: Ready) -> None:
        if plugin in path:
            cycles.append(path[path.index(plugin) :])
        elif plugin not in order:
            path.append(plugin)
            for first in edges[plugin]:
                visit(first)
            path.pop()
            order.append(plugin)

    for plugin in plugins:
        visit(plugin)
    return order, edges, cycles


# What is wrong.


def _duplicate(plugin: Ready, others: Iterable[Ready]) -> Problem | None:
    """The problem that the same plugin is already on the same router, unless it may be."""
    for first in others:
        same = first.manifest.name == plugin.manifest.name and first.installation.router is plugin.installation.router
        if same and not plugin.manifest.multi:
            places = f"{first.installation.place} and {plugin.installation.place}"
            message = (
                f"the plugin {plugin.manifest.name!r} is installed twice on one router, at {places}; remove one, or use another router"
            )
            return Problem("VELO_PLUGIN_DUPLICATE", message)
    return None


def _missing(plugins: Sequence[Ready]) -> list[Problem]:
    return [
        Problem(
            "VELO_PLUGIN_REQUIRES",
            f"the plugin {plugin.installation.label} requires {need!r}, which nothing on its router or above it provides; "
            f"install a plugin that does, for example app.install({need!r})",
        )
        for plugin in plugins
        for need in plugin.manifest.requires
        if not _provided(need, plugin, plugins)
    ]


def _misplaced(plugins: Sequence[Ready], done: Sequence[Ready]) -> list[Problem]:
    """Plugins that wait for each other; if there are none, those that came too late because another plugin installed them."""
    _, edges, cycles = _sorted(plugins)
    if cycles:
        return [
            Problem(
                "VELO_PLUGIN_CYCLE",
                f"plugins wait for each other: {' -> '.join(one.installation.label for one in [*cycle, cycle[0]])}; "
                "drop one of these requires, after or before",
            )
            for cycle in cycles
        ]
    places = {plugin: place for place, plugin in enumerate(done)}
    return [
        Problem(
            "VELO_PLUGIN_ORDER",
            f"the plugin {first.installation.label} has to come before {plugin.installation.label}, but another plugin installed it later; "
            f"install it yourself, or let {plugin.manifest.name!r} require it",
        )
        for plugin in plugins
        for first in edges[plugin]
        if places[first] > places[plugin]
    ]
