"""RSGI 1.6 as Granian 2.8 serves it over HTTP/1.1, quirks included; tests/test_granian.py compares the two.

Where Granian drops, cuts or replaces what an application sent, or dies of it, this raises a `ProtocolViolation` instead. Known
differences: a stream without end is held back above `_HIGH_WATER_BYTES` (Granian goes on queueing), and each send gives the event loop a
turn.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias, cast

from velo_testing.conversation import Conversation
from velo_testing.errors import ClientDisconnected, ProtocolViolation
from velo_testing.exchange import Exchange
from velo_testing.protocols.rsgi_scope import RSGIHTTPScope
from velo_testing.protocols.rsgi_websocket import RSGIWebsocketProtocol, RSGIWebsocketScope, serve_websocket
from velo_testing.rules import HeaderList, check_headers
from velo_testing.server import Host

__all__ = ["RSGIHTTPProtocol", "RSGIHTTPStreamTransport", "RSGIProtocolClosed", "RSGIProtocolError", "RsgiServer"]

HeaderPairs: TypeAlias = Sequence[tuple[str, str]]
RsgiCallable: TypeAlias = Callable[[RSGIHTTPScope, "RSGIHTTPProtocol"], Awaitable[object]]
WebSocketCallable: TypeAlias = Callable[[RSGIWebsocketScope, RSGIWebsocketProtocol], Awaitable[object]]

_HIGH_WATER_BYTES = 16 * 1024 * 1024


class RSGIProtocolError(RuntimeError):
    """The application used the protocol in a wrong order."""


class RSGIProtocolClosed(RuntimeError):
    """The client takes no more."""


def _granian_own(own: type[RuntimeError]) -> type[RuntimeError]:
    """Granian's class of the same name where it is loaded, which it is if the application catches it."""
    return cast("type[RuntimeError]", getattr(sys.modules.get("granian._granian"), own.__name__, own))


class RSGIHTTPProtocol:
    """What an RSGI application reads the request from and answers it with. Created on the loop that runs the application."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._closed = _granian_own(RSGIProtocolClosed)
        self._is_read = False
        self._is_iterated = False
        self._is_broken = False
        self._stream_over: asyncio.Future[None] = self._loop.create_future()
        exchange.failures.excused = (self._closed,)

    # Read.

    def __call__(self) -> Awaitable[bytes]:
        """The whole body. Like an asyncio future: it begins at once, and `create_task` does not take it."""
        self._take_body()
        return self._exchange.run_aside(self._read_all())

    def __aiter__(self) -> RSGIHTTPProtocol:
        """The body chunk by chunk, with an empty one at the end."""
        self._take_body()
        self._is_iterated = True
        return self

    def __anext__(self) -> Awaitable[bytes]:
        if not self._is_iterated:
            raise StopAsyncIteration("stream exhausted")
        return self._exchange.run_aside(self._read_chunk())

    def client_disconnect(self) -> Awaitable[None]:
        """Done when the client leaves before the response is complete, or when a streamed response is. After any other it never is."""
        return self._exchange.run_aside(self._wait_for_disconnect())

    def _take_body(self) -> None:
        if self._is_read:
            raise _granian_own(RSGIProtocolError)("RSGI protocol error")
        self._is_read = True

    async def _read_all(self) -> bytes:
        content = bytearray()
        try:
            while part := await self._exchange.read(self._exchange.left):
                content += part[0]
        except ClientDisconnected as error:
            raise self._closed("RSGI transport is closed") from error
        return bytes(content)

    async def _read_chunk(self) -> bytes:
        try:
            part = await self._exchange.read(self._exchange.left)
        except ClientDisconnected:  # seen only as an early end, with one empty chunk more
            self._is_iterated, self._is_broken = not self._is_broken, True
            return b""
        if part is None or part == (b"", False):
            self._is_iterated = False
            return b""
        return part[0]

    async def _wait_for_disconnect(self) -> None:
        await asyncio.wait({self._exchange.left, self._stream_over}, return_when=asyncio.FIRST_COMPLETED)

    # Write.

    def response_empty(self, status: int = 200, headers: HeaderPairs = ()) -> None:
        """Answers without a body."""
        self._respond(status, _encoded(headers), b"")

    def response_str(self, status: int = 200, headers: HeaderPairs = (), body: str = "") -> None:
        """Answers with text, as UTF-8."""
        _demand(body, str)
        self._respond_with(status, headers, body.encode())

    def response_bytes(self, status: int = 200, headers: HeaderPairs = (), body: bytes | bytearray | memoryview = b"") -> None:
        """Answers with bytes."""
        _demand(body, bytes, bytearray, memoryview)
        self._respond_with(status, headers, bytes(body))

    def response_file(self, status: int, headers: HeaderPairs, file: str) -> None:
        """Answers with a file; one that cannot be opened becomes the server's own 404."""
        self._respond_file(status, _encoded(headers), file, 0, sys.maxsize)

    def response_file_range(self, status: int, headers: HeaderPairs, file: str, start: int, end: int) -> None:
        """Answers with a part of a file, without the byte at `end`; headers are the application's business."""
        pairs = _encoded(headers)
        _demand(start, int)
        _demand(end, int)
        if start < 0 or start >= end:
            raise ValueError("Invalid range")
        self._respond_file(status, pairs, file, start, end)

    def response_stream(self, status: int = 200, headers: HeaderPairs = ()) -> RSGIHTTPStreamTransport:
        """Begins to answer; the response ends when nothing refers to the transport any more."""
        pairs = _encoded(headers)
        if self._exchange.response is not None:
            raise _granian_own(RSGIProtocolError)("RSGI protocol error")
        with self._exchange.failures.checking():
            self._begin(status, pairs)
            if self._exchange.request.method == "HEAD":
                self._exchange.finish()
                self._stream_over.set_result(None)
        return RSGIHTTPStreamTransport(self._exchange, self._closed, self._stream_over)

    def _respond_with(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        """Sends what the application gave, if it may give it."""
        pairs = _encoded(headers)
        if body and self._exchange.request.method == "HEAD":
            with self._exchange.failures.checking():
                raise ProtocolViolation(
                    "VELO_VIOLATION_BODY",
                    f"a response to HEAD (RFC 9110 section 9.3.2) has no body, but the application sent {len(body)} bytes, which Granian"
                    " leaves out over HTTP/1.1 only; call response_empty with their length",
                )
        self._respond(status, pairs, body)

    def _respond(self, status: int, headers: HeaderList, body: bytes) -> None:
        """Sends a response whose length is known, with the content-length that hyper gives it."""
        is_head = self._exchange.request.method == "HEAD"
        lengths = [pair for pair in headers if pair[0] == b"content-length"]
        if status == 304 and not is_head:
            headers = [pair for pair in headers if pair not in lengths]
        elif not lengths and status not in (204, 304) and (body or not is_head):
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        with self._exchange.failures.checking():
            self._begin(status, headers)
            if not is_head:
                self._exchange.push(body)
            self._exchange.finish()

    def _respond_file(self, status: int, headers: HeaderList, file: str, start: int, end: int) -> None:
        _demand(file, str)
        path = Path(file)
        if path.is_dir():
            with self._exchange.failures.checking():
                raise ProtocolViolation("VELO_VIOLATION_FILE", f"{file!r} is a directory: Granian breaks off in the middle of the response")
        try:
            with path.open("rb") as opened:
                size = os.fstat(opened.fileno()).st_size
                opened.seek(start)
                content = opened.read(max(min(end, size) - start, 0))
        except OSError:
            self._respond(404, [], b"Not found")
            return
        with self._exchange.failures.checking():
            self._begin(status, headers)
            if self._exchange.request.method != "HEAD":
                self._exchange.push(content)
            self._exchange.finish()

    def _begin(self, status: int, headers: HeaderList) -> None:
        if self._exchange.response is not None:
            raise ProtocolViolation("VELO_VIOLATION_ORDER", "the application answered twice; Granian would ignore the second response")
        check_headers(headers, lower_case=True)
        self._exchange.respond(status, headers)


class RSGIHTTPStreamTransport:
    """Sends the body of one response; the last reference that goes away ends it."""

    def __init__(self, exchange: Exchange, closed: type[RuntimeError], over: asyncio.Future[None]) -> None:
        self._exchange = exchange
        self._closed = closed
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._is_cut = False

    def send_bytes(self, data: bytes | bytearray | memoryview) -> Awaitable[None]:
        """Sends at the call, awaited or not; to await it only shows that the client has gone."""
        _demand(data, bytes, bytearray, memoryview)
        return self._send(bytes(data))

    def send_str(self, data: str) -> Awaitable[None]:
        """Sends text as UTF-8, as `send_bytes` does."""
        _demand(data, str)
        return self._send(data.encode())

    def _send(self, data: bytes) -> Awaitable[None]:
        if self._exchange.has_left or self._is_cut:
            return _Sent(self._exchange, self._closed("RSGI transport is closed"))
        if self._exchange.request.method == "HEAD":
            self._is_cut = True  # hyper throws the body away, and closes the transport as soon as it has seen that there is one
        else:
            with self._exchange.failures.checking():
                self._exchange.push(data)
        return _Sent(self._exchange, None)

    def __del__(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(_end_stream, self._exchange, self._over)


class _Sent:
    """An awaitable that is no coroutine and need not be awaited."""

    def __init__(self, exchange: Exchange, error: RuntimeError | None) -> None:
        self._exchange = exchange
        self._error = error

    def __await__(self) -> Generator[object, None, None]:
        yield from asyncio.sleep(0).__await__()
        if self._error is not None:
            raise self._error
        with suppress(ClientDisconnected):  # the next send will tell
            yield from self._exchange.drain(_HIGH_WATER_BYTES).__await__()


def _end_stream(exchange: Exchange, over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
    if not exchange.has_left and not exchange.failures.of_application:
        with suppress(ProtocolViolation), exchange.failures.checking():
            exchange.finish()


def _encoded(headers: object) -> HeaderList:
    """Header pairs as hyper keeps them: lower-case, values as UTF-8, those of one name together."""
    _demand(headers, Sequence)
    values: dict[bytes, list[bytes]] = {}
    for pair in cast("Sequence[object]", headers):
        _demand(pair, tuple)
        name, value = cast("tuple[object, object]", pair)
        _demand(name, str)
        _demand(value, str)
        values.setdefault(cast("str", name).lower().encode(), []).append(cast("str", value).encode())
    return [(name, value) for name in values for value in values[name]]


def _demand(value: object, *kinds: type[object]) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"{type(value).__name__!r} object is not an instance of {' or '.join(repr(kind.__name__) for kind in kinds)}")


# Call.


class RsgiServer:
    """Serves one RSGI application.

    Raises:
        ValueError: a root path, which RSGI does not know.
    """

    def __init__(self, app: object, *, root_path: str = "") -> None:
        if root_path:
            raise ValueError("RSGI has no root path: Granian gives an RSGI application none")
        self._app = app
        self._call = cast("RsgiCallable", getattr(app, "__rsgi__", app))

    async def serve(self, exchange: Exchange) -> None:
        """See `Server`."""
        try:
            await self._call(RSGIHTTPScope(exchange.request), RSGIHTTPProtocol(exchange))
        except BaseException:
            exchange.crash([] if exchange.request.method == "HEAD" else [(b"content-length", b"0")], b"")
            exchange.finish_truncated()
            raise
        if exchange.response is None and not exchange.has_left:
            with exchange.failures.checking():
                raise ProtocolViolation("VELO_VIOLATION_NO_RESPONSE", "the application returned without a response")

    async def converse(self, conversation: Conversation) -> None:
        """See `WebSocketServer`."""
        await serve_websocket(cast("WebSocketCallable", self._call), conversation)

    # Lifespan.

    async def start(self, host: Host) -> None:
        """See `Server`."""
        await self._call_hook("__rsgi_init__", host)

    async def stop(self, host: Host) -> None:
        """See `Server`."""
        await self._call_hook("__rsgi_del__", host)

    async def _call_hook(self, name: str, host: Host) -> None:
        hook: Callable[[asyncio.AbstractEventLoop], object] | None = getattr(self._app, name, None)
        if hook is not None:
            await host.call_stopped(hook)
