"""`Mount`: an application of another kind, as it was registered, and what serves it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from velo_core.errors import SetupError, not_found
from velo_core.mounting.asgi import ASGIApplication, bridged
from velo_core.mounting.asgi_websocket import bridged_socket
from velo_core.mounting.lifespan import SHUTDOWN_SECONDS, lifespan
from velo_core.mounting.place import Place
from velo_core.mounting.wsgi import WSGIApplication, called
from velo_core.plan import Plan, Run, Served
from velo_core.request import Adapter, Request
from velo_core.response import Response
from velo_core.steps import Read
from velo_core.websocket import WebSocket

__all__ = ["METHODS", "Mount"]

Interface: TypeAlias = Literal["asgi", "wsgi"]
Handler = TypeVar("Handler", bound=Callable[..., object])

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "CONNECT")
"""Those that are looked up for a mount; all others come to it where nothing else is found."""


class Mount:
    """An application of another kind below a path.

    Args:
        path: Pattern of its path, below that of the router.
        app: The application.
        interface: What it is called by.
        lifespan: Whether it is started and stopped with this one.
        name: For `url_for`.
        middleware: Whether what is around the routes of the router is around it, too.

    Raises:
        SetupError: `app` cannot be one.
    """

    def __init__(
        self, path: str, app: ASGIApplication | WSGIApplication, *, interface: Interface, lifespan: bool, name: str | None, middleware: bool
    ) -> None:
        if interface not in ("asgi", "wsgi"):
            raise SetupError("VELO_MOUNT", f"the interface of what is mounted at {path!r} is {interface!r}; it has to be 'asgi' or 'wsgi'")
        if not callable(app):
            raise SetupError("VELO_MOUNT", f"{app!r} cannot be mounted at {path!r}: it is no application, which can be called")
        if interface == "asgi" and inspect.isfunction(app) and len(inspect.signature(app).parameters) == 2:
            message = f"{app.__qualname__}, mounted at {path!r}, takes two arguments as WSGI applications do; write interface='wsgi'"
            raise SetupError("VELO_MOUNT", message)
        self.path = path.removesuffix("/")
        self.app = app
        self.interface = interface
        self.name = name
        self.middleware = middleware
        self.has_lifespan = lifespan and interface == "asgi"
        self.is_started_by_another = False
        self.state: dict[str, Any] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def handler(self, segments: int) -> Callable[[Request], Awaitable[Response]]:
        """What serves the application as a route.

        Args:
            segments: Of the whole path of the mount.
        """

        async def mounted(request: Request) -> Response:
            place = Place(request, segments)
            if self.interface == "wsgi":
                return await called(cast("WSGIApplication", self.app), request, place)
            return await bridged(cast("ASGIApplication", self.app), request, place, self.state, self.tasks)

        return self._named(mounted)

    def socket_handler(self, segments: int) -> Callable[[WebSocket], Awaitable[Response | None]]:
        """What serves the websockets of an ASGI application as a route; argument as for `handler`."""

        async def mounted(socket: WebSocket) -> Response | None:
            return await bridged_socket(cast("ASGIApplication", self.app), socket, Place(socket, segments), self.state)

        return self._named(mounted)

    def _named(self, handler: Handler) -> Handler:
        """The handler, which whoever lists routes knows by what is mounted."""
        known = self.app if hasattr(self.app, "__qualname__") else type(self.app)
        handler.__module__, handler.__qualname__ = str(known.__module__), str(getattr(known, "__qualname__", ""))
        return handler

    def direct(self, plan: Plan, segments: int) -> Callable[[Adapter], Run | None]:
        """What calls the application with what the server gave, where the server and it speak the same and nothing is between them."""
        binding = cast("Served", plan.endpoint).binding
        is_bare = not plan.middleware and all(isinstance(step, Read) or step is binding.handler for step in binding.steps)

        def run_on(adapter: Adapter) -> Run | None:
            open_request = plan.open_request(adapter)

            async def refuse(scope: Any, receive: Any, send: Any, values: tuple[object, ...]) -> None:
                """404 for a websocket where there is none."""
                response = await plan.answer_error(open_request(scope, receive, values), not_found())
                await adapter.send_response(response, scope, receive, send, None)

            if adapter.name != "asgi" or self.interface != "asgi" or not is_bare:
                is_stray = adapter.channel is not None and plan.socket is None
                return refuse if is_stray else None

            app = cast("ASGIApplication", self.app)

            async def run(scope: Any, receive: Any, send: Any, values: tuple[object, ...]) -> None:
                request = open_request(scope, receive, values)
                place = Place(request, segments)
                own = {"path": place.path, "raw_path": place.raw_path, "root_path": place.root_path}
                inner = {**scope, **own, "client": request.client, "state": dict(self.state)}
                inner["scheme"] = request.scheme if scope["type"] == "http" else {"http": "ws", "https": "wss"}[request.scheme]
                has_begun = False

                async def watched_send(message: Any) -> None:
                    nonlocal has_begun
                    has_begun = True
                    await send(message)

                try:
                    await app(inner, receive, watched_send)
                except Exception as error:
                    if has_begun or scope["type"] != "http":
                        raise
                    await adapter.send_response(await plan.answer_error(request, error), scope, receive, send, None)

            return run

        return run_on

    def share(self, other: Mount) -> None:
        """Leaves it to another mount to start the same application."""
        if self.has_lifespan and other.has_lifespan:
            self.state = other.state
            self.is_started_by_another = True

    @asynccontextmanager
    async def running(self, label: str) -> AsyncGenerator[None]:
        """Starts the application, and stops it at the end, when what it still does has been waited for."""
        try:
            if self.has_lifespan and not self.is_started_by_another:
                self.state.clear()
                async with lifespan(cast("ASGIApplication", self.app), self.state, label):
                    yield
                    await self._drain()
            else:
                yield
        finally:
            await self._drain()

    async def _drain(self) -> None:
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=SHUTDOWN_SECONDS)
            for task in late:
                task.cancel()
