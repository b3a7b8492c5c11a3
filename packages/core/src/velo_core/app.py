"""`Velo`, the application: the root router, and what turns all that is registered into what runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, TypeVar, cast

from msgspec import Struct

from velo_core.errors import Problem, SetupError
from velo_core.limits import DEFAULT_LIMIT, DEFAULT_MAX_MESSAGE_SIZE, TIMEOUT_SECONDS
from velo_core.protocols.asgi_application import ASGI
from velo_core.protocols.rsgi_application import RSGI
from velo_core.protocols.wsgi_application import WSGI
from velo_core.router import Router
from velo_core.threads import SHARED_POOLS, ThreadPool, pools_of
from velo_core.types import WEBSOCKET

# What registers is here when `Velo` is imported, and no event loop: commands, tests and tools import applications that they never start.
# The rest, asyncio among it, is imported by the methods that use it, nearly all of it by `freeze`, and nothing by a request.
if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from velo_core.codecs import Media
    from velo_core.config import Config
    from velo_core.configuration import Configured
    from velo_core.contributions import HealthCheck
    from velo_core.description import Description
    from velo_core.frozen import Frozen, Mounted, Settings
    from velo_core.json import JSONCodec
    from velo_core.life import Life
    from velo_core.open_sockets import OpenSockets
    from velo_core.operations import Operation
    from velo_core.options import Setting
    from velo_core.plan import Middleware, Plan, Run
    from velo_core.plugin import Ready
    from velo_core.proxies import TrustedProxies
    from velo_core.request import Adapter
    from velo_core.request_ids import RequestIDs
    from velo_core.routing import Table
    from velo_core.scope import Scope
    from velo_core.slots import Slot
    from velo_core.versioning import Versioning
    from velo_core.watch import OnDisconnect

__all__ = ["Velo"]

T = TypeVar("T")
SHUTDOWN_SECONDS: Final = 10
"""How long handlers that must be finished may keep the server from stopping; as long as container platforms usually wait, less a margin."""

Lifespan: TypeAlias = "Callable[[Velo], AbstractAsyncContextManager[None]]"


class Velo(ASGI, RSGI, WSGI, Router):
    """A web application, callable by ASGI and RSGI servers alike; `app.wsgi` is what WSGI servers call.

    Args:
        lifespan: `async def lifespan(app)`, an async context manager, entered after those of the plugins and before the first request.
        debug: Whether a 500 tells its traceback to the client. Never in production.
        validate_responses: Whether results are checked against all that their types say, bounds included, and answered with 500 if they do
            not fit. It costs as much as reading a body; for tests and development, so `debug` decides if it is `None`.
        interpreted: Whether plans are interpreted in place of generated; slower, for debugging Velo itself.
        name: Before the name of every route.
        tags: For documentation.
        dependencies: `Depends(...)` to run before every handler.
        middleware: Around everything, outermost first.
        max_content_length: Bytes of request body that are accepted.
        timeout_seconds: What a handler and its dependencies may take; no limit if `None`.
        on_disconnect: What becomes of a handler whose client has left: `"cancel"`, `"shield"` or `"ignore"`.
        trailing_slash: What becomes of `/users/` where there is `/users`, and the other way round: `"strict"`, `"ignore"` or `"redirect"`.
        trusted_proxies: Networks of the proxies that are believed about the client's address and scheme, such as `["10.0.0.0/8"]`, or a
            `TrustedProxies` that says more; nobody by default.
        json: Reads and writes JSON; Velo's own if `None`.
        produces: Media types that results other than text and bytes can have, between which `Accept` chooses; JSON if `None`.
        consumes: Media types that bodies can have; JSON if `None`.
        versioning: Where requests name the version of the API that they want: `Versioning.path()`, `.header()` or `.media_type()`.
        pools: Threads at most, by the name of a pool: `{"cpu": 4}`, for `Depends(..., pool="cpu")` and `@app.get(..., pool="cpu")`. What
            names no pool runs in `"handlers"`, whose 40 threads all applications of the process share unless it is given here.
        plugin_timeout_seconds: What each plugin may take to start, to close and to stop; no limit if `None`.
        request_ids: Gives each request an id, for logs and for the client: `RequestIDs()`; nothing does if `None`.
        config: What the application wants to be told, such as `Shop.load()`; every parameter of that class is given it.

    Raises:
        SetupError: a pool has no threads; there is no such `trailing_slash`, or no such network.
    """

    is_application = True

    def __init__(
        self,
        *,
        lifespan: Lifespan | None = None,
        debug: bool = False,
        validate_responses: bool | None = None,
        interpreted: bool = False,
        name: str = "",
        tags: Sequence[str] = (),
        dependencies: Sequence[object] = (),
        middleware: Sequence[Middleware] = (),
        max_content_length: int = DEFAULT_LIMIT,
        timeout_seconds: float | None = None,
        on_disconnect: OnDisconnect = "cancel",
        trailing_slash: Literal["strict", "ignore", "redirect"] = "strict",
        trusted_proxies: TrustedProxies | Sequence[str] = (),
        versioning: Versioning | None = None,
        websocket_origins: Sequence[str] = (),
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        json: JSONCodec | None = None,
        produces: Sequence[Media] | None = None,
        consumes: Sequence[Media] | None = None,
        pools: Mapping[str, int] | None = None,
        plugin_timeout_seconds: float | None = TIMEOUT_SECONDS,
        request_ids: RequestIDs | None = None,
        config: Config | None = None,
    ) -> None:
        super().__init__(
            name=name,
            tags=tags,
            dependencies=dependencies,
            middleware=middleware if request_ids is None else (request_ids, *middleware),
            max_content_length=max_content_length,
            timeout_seconds=timeout_seconds,
            on_disconnect=on_disconnect,
            trailing_slash=trailing_slash,
            websocket_origins=websocket_origins,
            max_message_size=max_message_size,
            json=json,
            produces=produces,
            consumes=consumes,
        )
        try:
            self._own_pools = pools_of(pools or {})
        except ValueError as error:
            raise SetupError("VELO_POOL", str(error)) from error
        self.pools: Mapping[str, ThreadPool] = MappingProxyType({**SHARED_POOLS, **self._own_pools})
        """The threads for functions that may block; `app.pools["cpu"].waiting` is the number of functions that wait for one."""
        if request_ids is not None:
            from velo_core.logs import REQUEST_ID

            self.own_slots[cast("Slot[object]", REQUEST_ID)] = "Velo(request_ids=...)"
        self.config = config
        """The configuration it was given; handlers take it by its class."""
        if config is not None:
            self._provide_config(config)
        self.versioning = versioning
        self._proxies = _proxies_of(trusted_proxies)
        self.plugin_timeout_seconds = plugin_timeout_seconds
        self.debug = debug
        self.validate_responses = debug if validate_responses is None else validate_responses
        self.interpreted = interpreted
        self.dependency_overrides: dict[Callable[..., object], Callable[..., object]] = {}
        self._lifespan = lifespan
        self._frozen: Frozen | None = None
        self._problems: list[Problem] = []
        self._running: AsyncExitStack | None = None
        self._starting = False
        self._is_closing = False
        self.settings: Mapping[str, Setting] = {}
        """The options that `from_config` has found, each with its origin."""
        self._configured: tuple[Configured, ...] = ()
        self._shielded: set[asyncio.Task[None]] = set()

    @cached_property
    def life(self) -> Life:
        """Tasks that outlive requests, and the news that the application is about to stop."""
        from velo_core.life import Life

        return Life(self.closing)

    @cached_property
    def _sockets(self) -> OpenSockets:
        from velo_core.open_sockets import OpenSockets

        return OpenSockets()

    def _provide_config(self, config: Config) -> None:
        from velo_core.config import Config
        from velo_core.markers import Dependency
        from velo_core.steps import Given, Provider

        if not isinstance(config, Config):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            message = f"config is {config!r}; derive a class from Config, and give what it loads: Velo(config=Shop.load())"
            raise SetupError("VELO_CONFIG", message)
        self.own_providers[type(config)] = Provider(Dependency(Given(config), inline=True, lifetime="app"), "Velo(config=...)")

    def __repr__(self) -> str:
        return f"<Velo with {sum(len(router.own_routes) for router in self.tree())} routes>"

    @classmethod
    def from_config(cls, path: str | Path | None = None, *, config: type[Config] | Config | None = None, **options: object) -> Self:
        """An application with the options and the plugins that a file names; see the page on configuration.

        Args:
            path: `velo.toml`, or a `pyproject.toml` with `[tool.velo]`; by default the one of them that is in the current folder.
            config: What the application wants to be told; a class is loaded, with the table `[config]` of the same file.
            options: Those of `Velo` itself, which win over the file.

        Raises:
            SetupError: the file cannot be read, or says what nobody understands, or the configuration does not fit. What is wrong
                with a plugin is reported at the start.
        """
        from velo_core.configuration import read_configuration

        found = read_configuration(path, cls, options)
        if isinstance(config, type):
            config = config.from_tables(found.path, found.tables, {})
        app = cls(**cast("dict[str, Any]", {**{name: setting.value for name, setting in found.app.items()}, "config": config}))
        app.settings = found.app
        app._configured = found.plugins
        return app

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
                from velo_core.freezing import Freezer

                self._problems = list(self._install_configured())
                plugins: Sequence[Ready] = ()
                if any(router.installations for router in self.tree()):  # what installs is imported where there is something
                    from velo_core.installing import install_all

                    plugins, wrong = install_all(self)
                    self._problems += wrong
                frozen, problems = Freezer(self, self._settings()).freeze(plugins)
                self._problems += problems
                if not self._problems:
                    self._frozen = frozen  # which plugins may look at
                    self._problems = self._found_by(plugins)
                    self._frozen = None if self._problems else frozen
            if self._problems:
                raise SetupError.of(self._problems)
            self.close()
        return cast("Frozen", self._frozen)

    def _found_by(self, plugins: Sequence[Ready]) -> list[Problem]:
        if not plugins:
            return []
        from velo_core.installing import problems_found_by

        return list(problems_found_by(plugins, self))

    def _install_configured(self) -> Sequence[Problem]:
        if not self._configured:
            return ()
        from velo_core.configuration import install_configured

        return install_configured(self, self._configured)

    def bind(self, adapter: Adapter) -> Table[Run]:
        """What serves each path on one protocol; for adapters."""
        from velo_core.selection import table_of
        from velo_core.serving import runner

        frozen = self._freeze()
        adapter = adapter if self._proxies is None else self._proxies.before(adapter)
        run = runner(adapter, self.life, self._shielded, interpreted=self.interpreted)
        return table_of(frozen, run, adapter, self.versioning)

    def _settings(self) -> Settings:
        from velo_core.frozen import Settings

        return Settings(
            self.debug,
            self.dependency_overrides,
            self.pools,
            self.validate_responses,
            self.url_for,
            self._host_for,
            self._sockets,
            self.versioning,
        )

    def _host_for(self, name: str, values: Mapping[str, object]) -> str | None:
        from velo_core.urls import host_of

        return host_of(self._freeze().names.get(name, ()), name, values)

    async def startup(self) -> None:
        """Freezes the application, then enters the lifespans of the plugins and its own. Servers and test clients call it."""
        frozen = self._freeze()
        if self._running is not None:
            return
        if frozen.overrides != self.dependency_overrides:  # as between two tests of one application
            from velo_core.freezing import Freezer

            frozen, problems = Freezer(self, self._settings()).freeze(frozen.plugins)
            if problems:
                raise SetupError.of(problems)
            self._frozen = frozen
            self._unbind()
        self.life.reopen()  # made by now, before requests in several threads ask for it
        self._starting = True
        try:
            self._running = await self._open(frozen)
        finally:
            self._starting = False

    async def _open(self, frozen: Frozen) -> AsyncExitStack:
        """Enters everything that lives as long as the application."""
        from velo_core.slots import restorer

        async with AsyncExitStack() as stack:
            stack.callback(restorer(dict.fromkeys(self.tree())))
            for ready in frozen.plugins:
                from velo_core.running import running

                await stack.enter_async_context(running(ready, self))
            if frozen.container.values:  # they are constants in the plans
                stack.callback(self._unbind)
            await stack.enter_async_context(frozen.container.lifetime())
            if frozen.container.values:
                self._unbind()
            if self._lifespan is not None:
                from velo_core.running import lifespan_of

                await stack.enter_async_context(lifespan_of(self._lifespan, self))
            for mount, label in frozen.mounts:
                await stack.enter_async_context(mount.running(label))
            return stack.pop_all()

    async def closing(self) -> None:
        """Tells the plugins that the application is about to stop, while it still serves, and ends all websockets with 1001.

        For servers, when they are told to stop and before they wait for what is under way, so that plugins can end what would take long.
        `shutdown` does it if nobody else has.
        """
        if self._running is None or self._is_closing:
            return
        self._is_closing = True
        self.life.close()
        plugins = self._freeze().plugins
        if plugins:
            from velo_core.running import close_plugins

            await close_plugins(reversed(plugins), self)
        await self._sockets.close(SHUTDOWN_SECONDS)

    async def shutdown(self) -> None:
        """Ends all websockets, then leaves the lifespans in reverse order."""
        import asyncio

        await self.closing()
        await self._sockets.close(SHUTDOWN_SECONDS)  # who was let in meanwhile, or without a start
        if self._shielded:
            _, late = await asyncio.wait(self._shielded, timeout=SHUTDOWN_SECONDS)
            for task in late:
                task.cancel()
        await self.life.drain(SHUTDOWN_SECONDS)
        opened, self._running = self._running, None
        self.life.reopen()
        self._is_closing = False
        try:
            if opened is not None:
                await opened.aclose()
        finally:
            for pool in self._own_pools.values():
                pool.close()

    def spawn(self, work: Coroutine[object, object, T], *, name: str | None = None, wait: bool = True) -> asyncio.Task[T]:
        """Runs `work` in a task of the application's, beside all requests. It is logged if it fails.

        Args:
            work: Called already: `app.spawn(refresh())`.
            name: For messages.
            wait: Whether it is waited for when the application stops, before the lifespans end: 10 seconds, then it is cancelled. Work
                without an end of its own is cancelled at once: `wait=False`.
        """
        return self.life.spawn(work, name=name, wait=wait)

    def _unbind(self) -> None:
        """Lets each protocol make its plans anew when it needs them."""
        self._asgi_table = self._asgi_websockets = self._rsgi_table = self._rsgi_websockets = self._wsgi_table = None

    @asynccontextmanager
    async def scope(self) -> AsyncGenerator[Scope]:
        """Dependencies outside of any request, for commands and tasks.

            async with app.scope() as scope:
                session = await scope.get(Session)

        Starts the application if it does not run yet, lifespans and all, and stops it at the end.

        Raises:
            SetupError: the application cannot start.
        """
        from velo_core.scope import Scope

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

    def describe(self) -> Description:
        """What the application is made of, as data: its routes with all that runs around them, its plugins, and why in this order.

        Freezes the application.
        """
        from velo_core.description import describe

        return describe(self._freeze(), self, self.pools, self.config)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What clients can ask, in the order of registration: for OpenAPI documents. Freezes the application."""
        from velo_core.operations import operations

        return operations(self._freeze(), self.versioning)

    @property
    def dependencies(self) -> Iterator[tuple[Mounted, tuple[Callable[..., object], ...]]]:
        """Each route with the functions that run before its handler, in their order. Freezes the application."""
        from velo_core.operations import dependencies

        return dependencies(self._freeze())

    def plan(self, method: str, path: str, *, host: str | None = None, version: str | None = None) -> PlanView:
        """The plan that serves a request, for reading: `app.plan("GET", "/users/1").source`.

        Args:
            method: Such as `"GET"`; `"WEBSOCKET"` for websockets.
            path: Of a request, or the pattern of a route. Of a request that no route serves, the plan is that of its 404 or 405.
            host: That the request is for, where routes depend on that.
            version: That the request asks for, where routes depend on that.

        Raises:
            LookupError: it is a pattern, and there is no such route.
        """
        from velo_core.generate import source_of
        from velo_core.protocols import asgi
        from velo_core.selection import Selector, table_of

        method = WEBSOCKET if method == "WEBSOCKET" else method
        is_pattern = "{" in path or not path.startswith("/")
        for entry in self._freeze().plans if (host is None and version is None) or is_pattern else ():
            if entry.pattern.text == path and (entry.method == method or (method == "HEAD" and entry.method == "GET")):
                adapter = asgi.ADAPTER if entry.plan.socket is None else asgi.websocket_adapter()
                return PlanView(entry.plan.label, source_of(entry.plan, adapter))
        if is_pattern:
            raise LookupError(f"there is no route {method} {path}; `velo routes` lists all")
        adapter = asgi.websocket_adapter() if method == WEBSOCKET else asgi.ADAPTER
        table = cast("Table[Any]", table_of(self._freeze(), cast("Any", lambda _, plan: plan), adapter, self.versioning))  # pyright: ignore[reportUnknownLambdaType]: plans in place of what runs them
        path = path.partition("?")[0]
        if isinstance(table, Selector):
            asked = version or (None if self.versioning is None else self.versioning.default)
            found = table.find_at(host or "localhost", method, path, is_raw=True, version=asked)[0]
        else:
            found = table.find_raw(method, path)[0]
        plan = cast("Plan", found)
        return PlanView(plan.label, source_of(plan, adapter))

    @property
    def routes(self) -> tuple[Mounted, ...]:
        """All routes with their whole paths, in the order of registration. Freezes the application."""
        return self._freeze().routes

    @property
    def plugins(self) -> tuple[Ready, ...]:
        """All plugins, in the order of installation. Freezes the application."""
        return self._freeze().plugins

    @property
    def health_checks(self) -> tuple[HealthCheck, ...]:
        """All health checks; one that is not on the application's own router has the path before its name. Freezes the application."""
        return self._freeze().health_checks

    def url_for(self, name: str, /, **values: object) -> str:
        """The path of a route.

        Args:
            name: Of the route: its own with those of its routers before it, such as `"users.show"`; with `@` and a version at the end
                if the route has several.
            values: Of the path parameters. Those of the host may be among them, for `Request.absolute_url_for` needs them.

        Raises:
            LookupError: no route, or more than one, has that name.
            ValueError: the values are not those that the path takes.
        """
        from velo_core.urls import path_of

        return path_of(self._freeze().names.get(name, ()), name, values)


def _proxies_of(given: TrustedProxies | Sequence[str]) -> TrustedProxies | None:
    if given == ():
        return None
    from velo_core.proxies import TrustedProxies

    return TrustedProxies.of(given)


class PlanView(Struct, frozen=True):
    """A plan, for reading.

    Attributes:
        label: Method and path.
        source: Python source of what runs.
    """

    label: str
    source: str
