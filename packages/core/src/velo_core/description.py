"""What an application is made of, as data: for commands, documentation and tests, which look at nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from velo_core.callables import name_of
from velo_core.config import Config
from velo_core.errors import where
from velo_core.frozen import Frozen, Mounted
from velo_core.manifest import PLUGIN_API
from velo_core.plan import Plan, Served
from velo_core.plugin import Ready
from velo_core.router import Router
from velo_core.steps import Call, Given, Hop
from velo_core.threads import HANDLERS, ThreadPool

__all__ = ["Description", "HookDescription", "PluginDescription", "RouteDescription", "describe"]


@dataclass(frozen=True, slots=True)
class HookDescription:
    """What runs for a request besides the handler.

    Attributes:
        kind: `"middleware"`, `"dependency"`, `"exception handler"`, or the phase of a hook, such as `"on_request"`.
        function: Module and name.
        place: File and line.
        reason: Why it runs here, and when.
    """

    kind: str
    function: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class RouteDescription:
    """A route in its place.

    Attributes:
        methods: Without the automatic ones; empty for a websocket.
        path: The whole pattern.
        host: Pattern of the hosts it is for; all if `None`.
        name: The whole name.
        handler: Module and name.
        place: File and line of the handler.
        tags: For documentation.
        websocket: Whether it serves websockets.
        hooks: In the order in which they run: `on_request`, middleware from the outermost to the innermost, dependencies; then exception
            handlers, `on_error`, `on_response` and `on_sent`.
        max_content_length: Bytes of body accepted.
        timeout_seconds: What the handler and its dependencies may take; no limit if `None`.
        on_disconnect: What becomes of the handler when the client leaves.
        version: The version of the API that it belongs to, if it has versions.
    """

    methods: tuple[str, ...]
    path: str
    host: str | None
    name: str
    handler: str
    place: str
    tags: tuple[str, ...]
    websocket: bool
    hooks: tuple[HookDescription, ...]
    max_content_length: int
    timeout_seconds: float | None
    on_disconnect: str
    version: str | None


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """A plugin of the application.

    Attributes:
        name: Of the plugin.
        distribution: Name and version, such as `"velo-limiter 0.1.0"`; `None` if it comes from none.
        router: Where it is installed: the application or a router.
        place: File and line of its installation.
        reasons: Why it stands where it does in the order.
        provides: Capabilities.
        options: Where each of its options comes from, if it was installed by name. Not their values, which may be secrets.
        install_seconds: In its `install`.
        start_seconds: Until its lifespan was entered, the last time.
    """

    name: str
    distribution: str | None
    router: str
    place: str
    reasons: tuple[str, ...]
    provides: tuple[str, ...]
    options: Mapping[str, str]
    install_seconds: float
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Description:
    """An application. `dataclasses.asdict` makes plain data of it.

    Attributes:
        plugin_api: Level of the contract with plugins.
        routes: In the order of registration.
        plugins: In the order of installation.
        pools: Threads at most, by the name of the pool.
        health_checks: Names.
        config: Where each value of the application's configuration comes from. Not the values, which may be secrets.
    """

    plugin_api: str
    routes: tuple[RouteDescription, ...]
    plugins: tuple[PluginDescription, ...]
    pools: Mapping[str, int]
    health_checks: tuple[str, ...]
    config: Mapping[str, str] = field(default_factory=dict[str, str])


def describe(frozen: Frozen, root: Router, pools: Mapping[str, ThreadPool], config: Config | None) -> Description:
    """The description of an application.

    Args:
        frozen: What it is made of.
        root: The application itself.
        pools: Its threads.
        config: Its configuration.
    """
    plans = {(id(entry.pattern), entry.method): entry.plan for entry in frozen.plans}
    routes: list[RouteDescription] = []
    for mounted in frozen.routes:
        found = [plan for (pattern, _), plan in plans.items() if pattern == id(mounted.pattern)]
        if found:
            routes.append(_route(mounted, found[0], root))
    return Description(
        plugin_api=str(PLUGIN_API),
        routes=tuple(routes),
        plugins=tuple(_plugin(ready, root) for ready in frozen.plugins),
        pools={name: pool.size for name, pool in pools.items()},
        health_checks=tuple(check.name for check in frozen.health_checks),
        config={} if config is None else {name: setting.origin for name, setting in config.settings.items()},
    )


def _route(mounted: Mounted, plan: Plan, root: Router) -> RouteDescription:
    route, inherited = mounted.route, mounted.inherited
    return RouteDescription(
        methods=route.methods,
        path=mounted.pattern.text,
        host=None if mounted.host is None else mounted.host.text,
        name=mounted.name,
        handler=_qualified(route.handler),
        place=where(route.handler),
        tags=tuple(dict.fromkeys((*inherited.tags, *route.tags))),
        websocket=route.is_websocket,
        hooks=(
            *_phases(mounted, root, "on_request"),
            *_middleware(mounted, plan, root),
            *_dependencies(plan),
            *_exception_handlers(mounted, root),
            *_phases(mounted, root, "on_error"),
            *_phases(mounted, root, "on_response"),
            *_phases(mounted, root, "on_sent"),
        ),
        max_content_length=plan.max_content_length,
        timeout_seconds=plan.timeout_seconds,
        on_disconnect=plan.on_disconnect,
        version=mounted.version,
    )


def _chain(mounted: Mounted) -> tuple[Router, ...]:
    """The routers above a route, outermost first."""
    return cast("tuple[Router, ...]", tuple(reversed(mounted.inherited.slots.holders)))


def _middleware(mounted: Mounted, plan: Plan, root: Router) -> Iterator[HookDescription]:
    owners = {id(one): "of the route" for one in mounted.route.middleware}
    owners |= {
        id(one.function): ", ".join(filter(None, (f"of {_label(router, root)}", one.reason)))
        for router in _chain(mounted)
        for one in router.own_around
    }
    for number, one in enumerate(plan.middleware):
        place = "outermost" if number == 0 else f"inside {name_of(plan.middleware[number - 1])}"
        yield HookDescription("middleware", _qualified(one), where(one), f"{owners.get(id(one), 'of Velo')}, {place}")


def _phases(mounted: Mounted, root: Router, kind: str) -> Iterator[HookDescription]:
    """Those of outer routers first before the handler, and last after it."""
    own = [("the route", mounted.route.hooks.get(kind, ()))]
    owners = [*((_label(router, root), router.own_phases[kind]) for router in _chain(mounted)), *own]
    for owner, hooks in owners if kind == "on_request" else reversed(owners):
        for hook in hooks:
            function = getattr(hook, "__wrapped__", hook)
            yield HookDescription(kind, _qualified(function), where(function), f"of {owner}")


def _dependencies(plan: Plan) -> Iterator[HookDescription]:
    if not isinstance(plan.endpoint, Served):
        return
    binding = plan.endpoint.binding
    for step in binding.steps:
        for call in step.steps if isinstance(step, Hop) else [step]:
            if isinstance(call, Call) and call is not binding.handler:
                yield HookDescription("dependency", _qualified(call.function), where(call.function), _when(call))
    for value in binding.constants.values():
        if isinstance(value.call.function, Given):  # nothing runs
            continue
        yield HookDescription("dependency", _qualified(value.call.function), where(value.call.function), "once, for all of the application")


def _when(call: Call) -> str:
    body = "after the body is read" if call.needs_body else "before the body is read"
    thread = "" if not call.kind.blocks else ", in a thread" + (f" of the pool {call.pool!r}" if call.pool != HANDLERS else "")
    if not call.kind.opens:
        return body + thread
    end = "before the response starts" if call.ends_early else "after the response is sent"
    return f"{body}{thread}; torn down {end}"


def _exception_handlers(mounted: Mounted, root: Router) -> Iterator[HookDescription]:
    owners = {id(one): _label(router, root) for router in _chain(mounted) for one in router.own_exception_handlers.values()}
    for kind, handler in mounted.inherited.exception_handlers.items():
        yield HookDescription(
            "exception handler", _qualified(handler), where(handler), f"of {owners.get(id(handler), 'a plugin')}, for {kind.__name__}"
        )


def _plugin(ready: Ready, root: Router) -> PluginDescription:
    return PluginDescription(
        name=ready.manifest.name,
        distribution=ready.distribution,
        router=_label(ready.installation.router, root),
        place=ready.installation.place,
        reasons=ready.reasons,
        provides=tuple(ready.manifest.provides),
        options={name: setting.origin for name, setting in ready.settings.items()},
        install_seconds=ready.times.install_seconds,
        start_seconds=ready.times.start_seconds,
    )


def _label(router: Router, root: Router) -> str:
    if router is root:
        return "the application"
    named = router.prefix or router.name
    return f"the router {named}" if named else "a router without prefix and name"


def _qualified(function: object) -> str:
    while isinstance(function, partial):
        function = cast("object", function.func)
    thing = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', '?')}"
