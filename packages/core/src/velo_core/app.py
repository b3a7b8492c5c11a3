"""`Velo`, the application: the root router, and what turns all that is registered into what runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias, cast, get_args

from velo_core.answers import AnswerError, answers
from velo_core.binding import Surroundings, bind
from velo_core.body import DEFAULT_LIMIT
from velo_core.errors import HTTPError, Problem, SetupError, not_found, where
from velo_core.generate import compiled, source_of
from velo_core.interpret import interpreter
from velo_core.json import JSONCodec, MsgspecJSON
from velo_core.plan import Middleware, Plan, Refusal, Run, Served
from velo_core.plugin import Ready, install_all
from velo_core.protocols.asgi import ADAPTER as ASGI_ADAPTER
from velo_core.protocols.asgi import ASGI
from velo_core.protocols.rsgi import RSGI
from velo_core.request import Adapter
from velo_core.response import RedirectResponse, Response, check_status
from velo_core.results import result_of
from velo_core.router import Included, Inherited, Route, Router, inherit
from velo_core.routing import CONVERTERS, Fallback, Pattern, Table, join, parse
from velo_core.scope import Container, Scope, not_started
from velo_core.threads import SHARED_POOLS, ThreadPool, pools_of
from velo_core.watch import OnDisconnect, shielded

__all__ = ["Velo"]

SHUTDOWN_SECONDS: Final = 10
"""How long handlers that must be finished may keep the server from stopping; as long as container platforms usually wait, less a margin."""

Lifespan: TypeAlias = "Callable[[Velo], AbstractAsyncContextManager[None]]"


@dataclass(frozen=True, slots=True)
class Mounted:
    """A route in its place.

    Attributes:
        route: What the user declared.
        pattern: The whole path.
        inherited: What lies above it.
        name: The whole name.
    """

    route: Route
    pattern: Pattern
    inherited: Inherited
    name: str


@dataclass(frozen=True, slots=True)
class Info:
    """What requests tell of their route; see `RouteInfo`."""

    path: str
    name: str | None
    parameters: tuple[str, ...]
    max_content_length: int
    url_for: Callable[..., str]
    json_codec: JSONCodec


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is left of the registration when the application starts.

    Attributes:
        routes: In the order of registration.
        plans: One for each route and method.
        fallbacks: For each prefix, what answers where no route does.
        plugins: In the order of installation.
        overrides: Those that the plans were made with.
        container: What lives as long as the application.
    """

    routes: tuple[Mounted, ...]
    plans: tuple[tuple[str, Pattern, Plan], ...]
    fallbacks: tuple[tuple[Pattern, Fallback[Plan]], ...]
    plugins: tuple[Ready, ...]
    overrides: Mapping[Callable[..., object], Callable[..., object]]
    container: Container


class Velo(ASGI, RSGI, Router):
    """A web application, callable by ASGI and RSGI servers alike.

    Args:
        lifespan: `async def lifespan(app)`, an async context manager, entered after those of the plugins and before the first request.
        debug: Whether a 500 tells its traceback to the client. Never in production.
        interpreted: Whether plans are interpreted in place of generated; slower, for debugging Velo itself.
        name: Before the name of every route.
        tags: For documentation.
        dependencies: `Depends(...)` to run before every handler.
        middleware: Around everything, outermost first.
        max_content_length: Bytes of request body that are accepted.
        timeout_seconds: What a handler and its dependencies may take; no limit if `None`.
        on_disconnect: What becomes of a handler whose client has left: `"cancel"`, `"shield"` or `"ignore"`.
        pools: Threads at most, by the name of a pool: `{"cpu": 4}`, for `Depends(..., pool="cpu")` and `@app.get(..., pool="cpu")`. What
            names no pool runs in `"handlers"`, whose 40 threads all applications of the process share unless it is given here.

    Raises:
        SetupError: a pool has no threads.
    """

    is_application = True

    def __init__(
        self,
        *,
        lifespan: Lifespan | None = None,
        debug: bool = False,
        interpreted: bool = False,
        name: str = "",
        tags: Sequence[str] = (),
        dependencies: Sequence[object] = (),
        middleware: Sequence[Middleware] = (),
        max_content_length: int = DEFAULT_LIMIT,
        timeout_seconds: float | None = None,
        on_disconnect: OnDisconnect = "cancel",
        pools: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(
            name=name,
            tags=tags,
            dependencies=dependencies,
            middleware=middleware,
            max_content_length=max_content_length,
            timeout_seconds=timeout_seconds,
            on_disconnect=on_disconnect,
        )
        try:
            self._own_pools = pools_of(pools or {})
        except ValueError as error:
            raise SetupError("VELO_POOL", str(error)) from error
        self.pools: Mapping[str, ThreadPool] = MappingProxyType({**SHARED_POOLS, **self._own_pools})
        """The threads for functions that may block; `app.pools["cpu"].waiting` is the number of functions that wait for one."""
        self.debug = debug
        self.interpreted = interpreted
        self.dependency_overrides: dict[Callable[..., object], Callable[..., object]] = {}
        self._lifespan = lifespan
        self._frozen: Frozen | None = None
        self._problems: Sequence[Problem] = ()
        self._running: AsyncExitStack | None = None
        self._starting = False
        self._shielded: set[asyncio.Task[None]] = set()
        self._json: JSONCodec = MsgspecJSON()

    def __repr__(self) -> str:
        return f"<Velo with {sum(len(router.own_routes) for router in self.tree())} routes>"

    # Start-up.

    def freeze(self) -> None:
        """Ends registration and makes the plans. Done by itself when the application starts; does nothing the second time.

        Raises:
            SetupError: with everything that is wrong, at once.
        """
        self._freeze()

    def _freeze(self) -> Frozen:
        if self._frozen is None:
            if not self._problems:  # plugins are installed once, even if it was in vain
                plugins, self._problems = install_all(self)
                frozen, problems = _Freezer(self, self._json).freeze(plugins)
                self._problems = [*self._problems, *problems]
                self._frozen = None if self._problems else frozen
            if self._problems:
                raise SetupError.of(self._problems)
            self.close()
        return cast("Frozen", self._frozen)

    def bind(self, adapter: Adapter) -> Table[Run]:
        """What serves each path on one protocol; for adapters."""
        frozen = self._freeze()
        runs: dict[int, Run] = {}

        def run(plan: Plan) -> Run:
            if id(plan) not in runs:
                plan = _as_started(plan)
                made = interpreter(plan, adapter) if self.interpreted else compiled(plan, adapter)
                runs[id(plan)] = shielded(made, self._shielded) if plan.on_disconnect == "shield" else made
            return runs[id(plan)]

        table: Table[Run] = Table()
        for method, pattern, plan in frozen.plans:
            table.add(method, pattern, run(plan))
        for prefix, fallback in frozen.fallbacks:
            table.add_fallback(
                prefix,
                Fallback(
                    not_found=run(fallback.not_found),
                    method_not_allowed=run(fallback.method_not_allowed),
                    options=run(fallback.options),
                    redirect=run(fallback.redirect),
                ),
            )
        table.freeze()
        return table

    async def startup(self) -> None:
        """Freezes the application, then enters the lifespans of the plugins and its own. Servers and test clients call it."""
        frozen = self._freeze()
        if self._running is not None:
            return
        if frozen.overrides != self.dependency_overrides:  # as between two tests of one application
            frozen, problems = _Freezer(self, self._json).freeze(frozen.plugins)
            if problems:
                raise SetupError.of(problems)
            self._frozen = frozen
            self._unbind()
        self._starting = True
        try:
            self._running = await self._open(frozen)
        finally:
            self._starting = False

    async def _open(self, frozen: Frozen) -> AsyncExitStack:
        """Enters everything that lives as long as the application."""
        async with AsyncExitStack() as stack:
            for ready in frozen.plugins:
                try:
                    await stack.enter_async_context(ready.plugin.lifespan(self))
                except Exception as error:
                    error.add_note(f"while the plugin {ready.installation.label} was started")
                    raise
            if frozen.container.values:  # they are constants in the plans
                stack.callback(self._unbind)
            await stack.enter_async_context(frozen.container.lifetime())
            if frozen.container.values:
                self._unbind()
            if self._lifespan is not None:
                await stack.enter_async_context(self._lifespan(self))
            return stack.pop_all()

    async def shutdown(self) -> None:
        """Leaves the lifespans in reverse order."""
        if self._shielded:
            _, late = await asyncio.wait(self._shielded, timeout=SHUTDOWN_SECONDS)
            for task in late:
                task.cancel()
        running, self._running = self._running, None
        try:
            if running is not None:
                await running.aclose()
        finally:
            for pool in self._own_pools.values():
                pool.close()

    def _unbind(self) -> None:
        """Lets each protocol make its plans anew when it needs them."""
        self._asgi_table = self._rsgi_table = None

    @asynccontextmanager
    async def scope(self) -> AsyncGenerator[Scope]:
        """Dependencies outside of any request, for commands and tasks.

            async with app.scope() as scope:
                session = await scope.get(Session)

        Starts the application if it does not run yet, lifespans and all, and stops it at the end.

        Raises:
            SetupError: the application cannot start.
        """
        container = self._freeze().container
        starts = not container.is_open
        if starts and self._starting:
            message = "a plugin wants a scope in its lifespan, which is entered before what lives as long as the application is made"
            raise SetupError("VELO_NOT_STARTED", f"{message}; open it in a request, or in the application's own lifespan")
        if starts:
            await self.startup()
            container = self._freeze().container  # the overrides may have changed
        try:
            async with Scope(container) as scope:
                yield scope
        finally:
            if starts:
                await self.shutdown()

    # Looking at it.

    def plan(self, method: str, path: str) -> PlanView:
        """The plan that serves a request, for reading: `app.plan("GET", "/users/{user_id}").source`.

        Args:
            method: Such as `"GET"`.
            path: The pattern of a route.

        Raises:
            LookupError: there is no such route.
        """
        for known, pattern, plan in self._freeze().plans:
            if pattern.text == path and (known == method or (method == "HEAD" and known == "GET")):
                return PlanView(plan.label, source_of(plan, ASGI_ADAPTER))
        raise LookupError(f"there is no route {method} {path}; `velo routes` lists all")

    @property
    def routes(self) -> tuple[Mounted, ...]:
        """All routes with their whole paths, in the order of registration. Freezes the application."""
        return self._freeze().routes

    @property
    def plugins(self) -> tuple[Ready, ...]:
        """All plugins, in the order of installation. Freezes the application."""
        return self._freeze().plugins

    def url_for(self, name: str, /, **values: object) -> str:
        """The path of a route.

        Args:
            name: Of the route: its own with those of its routers before it, such as `"users.show"`.
            values: Of the path parameters.

        Raises:
            LookupError: no route, or more than one, has that name.
            ValueError: the values are not those that the path takes.
        """
        found = {mounted.pattern.text: mounted for mounted in self._freeze().routes if mounted.name == name}
        if len(found) != 1:
            state = (
                f"is the name of several routes: {', '.join(found)}; give them names of their own"
                if found
                else "is not the name of a route"
            )
            raise LookupError(f"{name!r} {state}")
        return next(iter(found.values())).pattern.build(values)


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan, for reading.

    Attributes:
        label: Method and path.
        source: Python source of what runs.
    """

    label: str
    source: str


class _Freezer:
    """Turns what is registered into plans, and collects everything that is wrong with it. Lives as long as `freeze` runs."""

    def __init__(self, app: Velo, json_codec: JSONCodec) -> None:
        self.app = app
        self.json_codec = json_codec
        self.problems: list[Problem] = []
        self.surroundings = Surroundings(overrides=dict(app.dependency_overrides), pools=app.pools)

    def freeze(self, plugins: Sequence[Ready]) -> tuple[Frozen, list[Problem]]:
        """What runs, and what is wrong. Only without problems does the first mean anything."""
        routes: list[Mounted] = []
        plans: list[tuple[str, Pattern, Plan]] = []
        fallbacks: list[tuple[Pattern, Fallback[Plan]]] = []
        for included, inherited in self.routers():
            prefix = self.pattern(inherited.prefix, "", inherited, "a router")
            if prefix is not None and not any(prefix.text == known.text for known, _ in fallbacks):
                fallbacks.append((prefix, self.fallback(prefix, inherited)))
            for route in included.router.own_routes:
                self.route(route, inherited, routes, plans)
        self.check_names(routes)
        self.check_table(plans, fallbacks)
        container = Container(replace(self.surroundings, providers=self.app.own_providers), self.app.pools)
        frozen = Frozen(tuple(routes), tuple(plans), tuple(fallbacks), tuple(plugins), self.surroundings.overrides, container)
        return frozen, self.problems

    # Routers and routes.

    def routers(self) -> Iterator[tuple[Included, Inherited]]:
        """Every router in each of its places, parents first."""
        above = Inherited(converters=CONVERTERS)

        def below(included: Included, parent: Inherited) -> Iterator[tuple[Included, Inherited]]:
            try:
                inherited = inherit(parent, included)
            except SetupError as error:
                self.problems += error.problems
                return
            yield included, inherited
            for child in included.router.children:
                yield from below(child, inherited)

        yield from below(Included(self.app, "", ()), above)

    def pattern(self, prefix: str, path: str, inherited: Inherited, owner: str) -> Pattern | None:
        """The pattern, or a problem."""
        try:
            return parse(join(prefix, path), inherited.converters)
        except SetupError as error:
            self.problems += [Problem(one.code, f"{one.message} ({owner})") for one in error.problems]
            return None

    def route(self, route: Route, inherited: Inherited, routes: list[Mounted], plans: list[tuple[str, Pattern, Plan]]) -> None:
        """Adds a route and its plans, or problems."""
        pattern = self.pattern(inherited.prefix, route.path, inherited, f"{route.name}, {where(route.handler)}")
        if pattern is None:
            return
        mounted = Mounted(route, pattern, inherited, inherited.name + route.name)
        routes.append(mounted)
        timeout_seconds = inherited.timeout_seconds if route.timeout_seconds is None else route.timeout_seconds
        on_disconnect = route.on_disconnect or inherited.on_disconnect
        self.check_options(f"{route.name} ({where(route.handler)})", timeout_seconds, on_disconnect)
        parameters = tuple(parameter.name for parameter in pattern.parameters)
        binding, problems = bind(
            route.handler,
            parameters,
            dependencies=(*inherited.dependencies, *route.dependencies),
            surroundings=replace(self.surroundings, providers=inherited.providers),
            namespace=route.namespace,
            inline=route.inline,
            pool=route.pool,
            made={parameter.name: parameter.converter.makes for parameter in pattern.parameters},
        )
        label = f"{', '.join(route.methods)} {pattern.text}"
        self.problems += [Problem(one.code, f"{label}: {one.message}") for one in problems]
        if binding is None:
            return
        try:
            if route.status_code is not None:
                check_status(route.status_code)
            result = result_of(binding.result, route.response_model, route.status_code)
        except (TypeError, ValueError) as error:
            self.problems.append(
                Problem("VELO_RESULT", f"{label}: the result of {route.name} ({where(route.handler)}) cannot be sent: {error}")
            )
            return
        limit = inherited.max_content_length if route.max_content_length is None else route.max_content_length
        for method in route.methods:
            plan = Plan(
                label=f"{method} {pattern.text}",
                endpoint=Served(binding, result),
                middleware=(*inherited.middleware, *route.middleware),
                answer_error=self.answer_error(inherited),
                route=Info(pattern.text, mounted.name, parameters, limit, self.app.url_for, self.json_codec),
                max_content_length=limit,
                pools=self.app.pools,
                timeout_seconds=timeout_seconds,
                on_disconnect=on_disconnect,
            )
            plans.append((method, pattern, plan))

    def check_options(self, place: str, timeout_seconds: float | None, on_disconnect: str) -> None:
        """Reports options of a route that have no meaning."""
        if timeout_seconds is not None and not timeout_seconds > 0:
            message = f"the timeout_seconds of {place} is {timeout_seconds!r}; it has to be more than 0, or None for no limit"
            self.problems.append(Problem("VELO_ROUTE_OPTION", message))
        if on_disconnect not in get_args(OnDisconnect):
            known = ", ".join(map(repr, get_args(OnDisconnect)))
            self.problems.append(
                Problem("VELO_ROUTE_OPTION", f"the on_disconnect of {place} is {on_disconnect!r}; it has to be one of {known}")
            )

    def answer_error(self, inherited: Inherited) -> AnswerError:
        """What answers exceptions below a router."""
        return answers(inherited.exception_handlers, debug=self.app.debug)

    def fallback(self, prefix: Pattern, inherited: Inherited) -> Fallback[Plan]:
        """What answers below a router where no route does."""
        watched = HTTPError in inherited.exception_handlers
        answer_error = self.answer_error(inherited)
        info = Info(prefix.text, None, (), inherited.max_content_length, self.app.url_for, self.json_codec)

        def plan(label: str, refusal: Refusal) -> Plan:
            limit = inherited.max_content_length
            return Plan(f"{label} {prefix.text or '/'}", refusal, inherited.middleware, answer_error, info, limit, self.app.pools)

        return Fallback(
            not_found=plan("404", Refusal("not_found", lambda values: not_found(), None if watched else not_found())),
            method_not_allowed=plan("405", Refusal("method_not_allowed", _method_not_allowed)),
            options=plan("OPTIONS", Refusal("allowed_methods", _allowed_methods)),
            redirect=plan("308", Refusal("other_slash", lambda values: RedirectResponse(cast("str", values[0]), 308))),
        )

    # What is wrong between routes.

    def check_names(self, routes: Sequence[Mounted]) -> None:
        """Reports names that were given to more than one route; one whose router is included twice may keep its own."""
        named: dict[str, Mounted] = {}
        for mounted in routes:
            if not mounted.route.named:
                continue
            first = named.setdefault(mounted.name, mounted)
            if first.route is not mounted.route and first.pattern.text != mounted.pattern.text:
                places = " and to ".join(f"{one.pattern.text} ({where(one.route.handler)})" for one in (first, mounted))
                message = f"the name {mounted.name!r} is given to {places}; rename one, or name their routers"
                self.problems.append(Problem("VELO_ROUTE_NAME", message))

    def check_table(self, plans: Sequence[tuple[str, Pattern, Plan]], fallbacks: Sequence[tuple[Pattern, Fallback[Plan]]]) -> None:
        """Reports methods and prefixes that cannot be, and routes that cannot be told apart."""
        table: Table[Plan] = Table()
        for method, pattern, plan in plans:
            try:
                table.add(method, pattern, plan)
            except SetupError as error:
                self.problems += [Problem(one.code, f"{one.message} ({_served_by(plan)})") for one in error.problems]
        for prefix, fallback in fallbacks:
            try:
                table.add_fallback(prefix, fallback)
            except SetupError as error:
                self.problems += error.problems
        for clash in table.freeze():
            if clash.code == "VELO_ROUTE_PREFIX":  # the first router answers below a prefix that two have
                continue
            places = " and ".join(f"{_served_by(plan)}" for plan in clash.values)
            self.problems.append(Problem(clash.code, f"{clash.message}: {places}; remove one or give it another path"))


def _as_started(plan: Plan) -> Plan:
    """The plan, or one that answers that the application has not been started, if it takes what is made then."""
    missing = not_started(plan.endpoint.binding.constants) if isinstance(plan.endpoint, Served) else None
    return plan if missing is None else replace(plan, endpoint=Refusal("not_started", lambda values: missing))


def _served_by(plan: Plan) -> str:
    handler = cast("Served", plan.endpoint).binding.handler.function
    return f"{getattr(handler, '__qualname__', handler)!s} ({where(handler)})"


def _method_not_allowed(values: tuple[object, ...]) -> HTTPError:
    return HTTPError(405, "This path does not answer to this method.", headers={"allow": cast("str", values[0])})


def _allowed_methods(values: tuple[object, ...]) -> Response:
    return Response(b"", 204, {"allow": cast("str", values[0])})
