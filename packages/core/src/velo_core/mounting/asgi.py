"""ASGI applications below a path.

On ASGI, with nothing around it, the application is called with what the server gave: the scope with another root path, its own `receive`
and `send`. Everywhere else there is a bridge: the application runs in a task of its own, its messages become a `Response`, and the body of
the request becomes messages. A body that comes in one message is a plain response, any other a stream with room for one message, so that
a slow client slows the application down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias, cast

from velo_core.body import check_declared_length
from velo_core.errors import ClientDisconnect
from velo_core.logs import REQUEST_ID
from velo_core.mounting.place import OF_THE_CONNECTION, Place
from velo_core.request import Request
from velo_core.response import Response, StreamingResponse
from velo_core.types import HeaderPairs

__all__ = ["ASGIApplication", "bridged", "described"]

# ASGI's own shapes, which only its applications and servers know.
Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""

NO_LIMIT: Final = 2**63
"""Bytes: how much is accepted is for the mounted application to say."""

logger = logging.getLogger("velo.mount")


def described(request: Request, place: Place, state: MutableMapping[str, Any]) -> Scope:
    """The scope of a mounted application, made of a request of any protocol."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": request.http_version,
        "method": request.method,
        "scheme": request.scheme,
        "path": place.path,
        "raw_path": place.raw_path,
        "root_path": place.root_path,
        "query_string": request.query_string.encode("utf-8", "surrogateescape"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()],
        "client": request.client,
        "server": request.server,
        "state": dict(state),
        "extensions": {},
    }


async def bridged(
    app: ASGIApplication, request: Request, place: Place, state: MutableMapping[str, Any], tasks: set[asyncio.Task[None]]
) -> Response:
    """The response of a mounted application.

    Args:
        app: The application.
        request: Of any protocol.
        place: Where the application is.
        state: Of its lifespan.
        tasks: Where its task is kept as long as it runs, which may be longer than the response: there may be work to do afterwards.

    Raises:
        ClientDisconnect: the client left, and the application ended without a response.
        Exception: what the application raised before it had begun to respond.
    """
    check_declared_length(request.headers.get("content-length"), NO_LIMIT)
    bridge = _Bridge(request)

    async def run() -> None:
        await app(described(request, place, state), bridge.receive, bridge.send)

    task = bridge.task = asyncio.ensure_future(run())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(bridge.ended)
    try:
        either: set[asyncio.Future[Any]] = {task, bridge.response}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        bridge.close()
        task.cancel()
        raise
    await bridge.stop_watching()
    if bridge.response.done():
        return bridge.response.result()
    bridge.told = True
    task.result()
    if bridge.gone.is_set():
        raise ClientDisconnect("the client left before the mounted application had answered")
    raise RuntimeError("the mounted application returned without a response")


class _Bridge:
    """One request to a mounted application: its messages on one side, a response on the other."""

    task: asyncio.Task[None]

    def __init__(self, request: Request) -> None:
        self.request = request
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.told = False
        self._body: AsyncIterator[bytes] | None = aiter(request.stream(NO_LIMIT))
        self._watcher: asyncio.Task[None] | None = None
        self._start: tuple[int, HeaderPairs] | None = None
        self._pieces: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue(1)
        """Parts of the body, and whether there are more: what is last has to wait for room like all others."""
        self._is_whole = False

    # The side of the application.

    async def receive(self) -> Message:
        """The next part of the body, then the end of the connection."""
        if self._body is not None:
            try:
                return {"type": "http.request", "body": await anext(self._body), "more_body": True}
            except StopAsyncIteration:
                self._body = None
                return {"type": "http.request", "body": b"", "more_body": False}
            except ClientDisconnect:
                self._body = None
                self.gone.set()
        # While a stream is sent, whoever sends it watches for the client to leave, and closes the stream then.
        if self._watcher is None and not self.response.done():
            self._watcher = asyncio.ensure_future(self._watch())
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _watch(self) -> None:
        await self.request.client_leaves()
        self.gone.set()

    async def stop_watching(self) -> None:
        """Leaves it to others to see the client go."""
        if self._watcher is not None and not self._watcher.done():
            self._watcher.cancel()
            await asyncio.wait({self._watcher})

    async def send(self, message: Message) -> None:
        """Takes the start of a response, or a piece of its body."""
        kind = message["type"]
        if kind == "http.response.start" and self._start is None:
            headers = [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in message.get("headers", ())]
            self._start = message["status"], [header for header in headers if header[0].lower() not in OF_THE_CONNECTION]
        elif kind == "http.response.body" and self._start is not None and not self._is_whole:
            await self._send_body(bytes(message.get("body", b"")), more=bool(message.get("more_body", False)))
        else:
            raise RuntimeError(f"the mounted application sent {kind!r} where it cannot come")

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        if self.gone.is_set():
            raise ConnectionResetError("the client has left")  # an OSError, as the specification wants it
        self._is_whole = not more
        if not self.response.done():
            status_code, headers = self._start or (500, [])
            if not more:
                self.gone.set()
                self.response.set_result(Response(body, status_code, headers))
                return
            self.response.set_result(StreamingResponse(_Content(self), status_code, headers))
        if body or not more:
            await self._pieces.put((body, more))

    # The side of the response.

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body."""
        try:
            more = True
            while more:
                piece, more = await self._next()
                if piece:
                    yield piece
        finally:
            self.close()

    async def _next(self) -> tuple[bytes, bool]:
        """The next piece, and whether there are more."""
        if self._pieces.empty() and not self.task.done():
            piece = asyncio.ensure_future(self._pieces.get())
            try:
                await asyncio.wait({piece, self.task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not piece.done():
                    piece.cancel()
            if piece.done() and not piece.cancelled():
                return piece.result()
        if not self._pieces.empty():
            return self._pieces.get_nowait()
        self.told = True
        self.task.result()
        raise RuntimeError("the mounted application returned before its response was complete")

    def close(self) -> None:
        """Tells the application that nothing more is taken."""
        self.gone.set()
        while not self._pieces.empty():  # somebody may wait for room
            self._pieces.get_nowait()

    def ended(self, task: asyncio.Task[None]) -> None:
        """Logs what the application raised, unless it is told in another way."""
        if self.told or task.cancelled() or not self.response.done():
            return
        error = task.exception()
        if error is not None and (self._is_whole or self.gone.is_set()) and not isinstance(error, OSError):
            fields = {"route": self.request.route.path, "request_id": self.request.get_slot(REQUEST_ID)}
            logger.error("an application mounted below %r failed after its response", self.request.route.path, exc_info=error, extra=fields)


class _Content:
    """The body, which tells the application when nothing of it is wanted. A generator that has not begun does nothing when it is closed."""

    def __init__(self, bridge: _Bridge) -> None:
        self._bridge = bridge
        self._pieces = bridge.pieces()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return anext(self._pieces)  # no coroutine of its own for each

    async def aclose(self) -> None:
        """See `_Bridge.close`."""
        await cast("AsyncGenerator[bytes]", self._pieces).aclose()
        self._bridge.close()
