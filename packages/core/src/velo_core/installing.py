"""In which order plugins are installed, and what is wrong with them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from msgspec.structs import replace

from velo_core.discovery import instantiate
from velo_core.errors import Problem, SetupError
from velo_core.hooks import call_hook
from velo_core.plugin import Installation, Ready

if TYPE_CHECKING:
    from velo_core.app import Velo
    from velo_core.router import Router

__all__ = ["install_all", "problems_found_by"]


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
        problems += _install(ready, done)
        done.append(ready)
    problems += [*_missing(given), *_conflicts(given), *_misplaced(given, done)]
    return [replace(ready, reasons=tuple(_reasons(ready, done))) for ready in done], problems


def problems_found_by(plugins: Iterable[Ready], app: Velo) -> Iterator[Problem]:
    """What plugins find wrong with an application in which all is in its place."""
    for ready in plugins:
        try:
            yield from call_hook(ready.plugin.find_problems, app=app)
        except Exception as error:
            message = f"find_problems of the plugin {ready.label} raised {type(error).__name__}: {error}; report it to its authors"
            yield Problem("VELO_PLUGIN_HOOK", message)


def _install(ready: Ready, done: Sequence[Ready]) -> list[Problem]:
    """Runs one plugin's `install`."""
    router = ready.installation.router
    before = time.perf_counter()
    router.installed = frozenset(name for other in done if _visible(ready, other) for name in other.names)
    try:
        call_hook(ready.plugin.install, router=router)
    except SetupError as error:
        return [Problem(one.code, f"{one.message} (while the plugin {ready.label} was installed)") for one in error.problems]
    except Exception as error:
        return [Problem("VELO_PLUGIN_INSTALL", f"the plugin {ready.label} could not be installed: {type(error).__name__}: {error}")]
    finally:
        ready.times.install_seconds = time.perf_counter() - before
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


def _related(plugin: Ready, other: Ready) -> bool:
    """Whether two plugins matter to each other. Those that are beside each other in the tree do not."""
    return other is not plugin and (_visible(plugin, other) or _visible(other, plugin))


def _why(plugin: Ready, other: Ready) -> Iterator[tuple[str, str, bool]]:
    """Why `other` has to come before `plugin`: the field, the name in it, and whether it is the other's field."""
    for field in ("requires", "optional", "after"):
        yield from ((field, name, False) for name in getattr(plugin.manifest, field) if name in other.names)
    yield from (("before", name, True) for name in other.manifest.before if name in plugin.names)


def _edges(plugins: Sequence[Ready]) -> dict[Ready, list[Ready]]:
    """For each plugin, those that have to come before it."""
    return {
        plugin: [other for other in plugins if _related(plugin, other) and next(_why(plugin, other), None) is not None]
        for plugin in plugins
    }


def _reasons(plugin: Ready, others: Sequence[Ready]) -> Iterator[str]:
    """What had to come before a plugin, and why."""
    for other in others:
        if _related(plugin, other):
            for field, name, is_others in _why(plugin, other):
                yield f"after {other.manifest.name}: {'its ' if is_others else ''}{field}={name!r}"


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
            places = f"{first.label} and {plugin.label}"
            message = f"the plugin {plugin.manifest.name!r} is installed twice on one router: {places}; remove one, or use another router"
            return Problem("VELO_PLUGIN_DUPLICATE", message)
    return None


def _missing(plugins: Sequence[Ready]) -> list[Problem]:
    """Requirements that nothing meets."""
    problems: list[Problem] = []
    for plugin in plugins:
        for need in plugin.manifest.requires:
            if _provided(need, plugin, plugins):
                continue
            elsewhere = [other.label for other in plugins if need in other.names and other is not plugin]
            advice = (
                f"{' and '.join(elsewhere)} is on another router; install it on the same one or above"
                if elsewhere
                else f"install a plugin that does, for example app.install({need!r})"
            )
            message = f"the plugin {plugin.label} requires {need!r}, which nothing on its router or above it provides; {advice}"
            problems.append(Problem("VELO_PLUGIN_REQUIRES", message))
    return problems


def _conflicts(plugins: Sequence[Ready]) -> list[Problem]:
    """Plugins that cannot be installed beside each other, and capabilities that only one can have."""
    problems: list[Problem] = []
    for first, second in combinations(plugins, 2):
        if not _related(first, second):
            continue
        for one, other in ((first, second), (second, first)):
            if met := sorted(other.names & set(one.manifest.conflicts)):
                message = f"the plugin {one.label} conflicts with {' and '.join(map(repr, met))}: {other.label}; remove one of them"
                problems.append(Problem("VELO_PLUGIN_CONFLICT", message))
        shared = set(first.manifest.provides) & set(second.manifest.provides)
        for name in sorted(shared & {*first.manifest.exclusive, *second.manifest.exclusive}):
            if first.manifest.name != second.manifest.name:
                message = f"{name!r} can be provided once, and {first.label} and {second.label} both do; remove one of them"
                problems.append(Problem("VELO_PLUGIN_EXCLUSIVE", message))
    return problems


def _misplaced(plugins: Sequence[Ready], done: Sequence[Ready]) -> list[Problem]:
    """Plugins that wait for each other; if there are none, those that came too late because another plugin installed them."""
    _, edges, cycles = _sorted(plugins)
    if cycles:
        return [
            Problem(
                "VELO_PLUGIN_CYCLE",
                f"plugins wait for each other: {' -> '.join(one.label for one in [*cycle, cycle[0]])}; "
                "drop one of these requires, after or before",
            )
            for cycle in cycles
        ]
    places = {plugin: place for place, plugin in enumerate(done)}
    return [
        Problem(
            "VELO_PLUGIN_ORDER",
            f"the plugin {first.label} has to come before {plugin.label}, but another plugin installed it later; "
            f"install it yourself, or let {plugin.manifest.name!r} require it",
        )
        for plugin in plugins
        for first in edges[plugin]
        if places[first] > places[plugin]
    ]
