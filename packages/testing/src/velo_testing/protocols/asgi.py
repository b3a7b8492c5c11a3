"""ASGI 3 with HTTP 2.5 and lifespan 2.0 (asgi.readthedocs.io/en/latest/specs).

As strict as the strictest server, and a little more: what any of them refuses, changes or drops is a violation here.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import quote

from velo_testing.conversation import Conversation
from velo_testing.errors import ClientDisconnected, ProtocolViolation
from velo_testing.exchange import Exchange
from velo_testing.protocols.asgi_lifespan import Lifespan
from velo_testing.protocols.asgi_messages import AsgiApplication, HasDescriptor, Message, Scope, field, header_list, items
from velo_testing.protocols.asgi_websocket import serve_websocket
from velo_testing.request import RequestHead
from velo_testing.rules import check_headers
from velo_testing.server import Host

__all__ = ["AsgiServer"]

Step: TypeAlias = Callable[[Message], Awaitable[None]]

_HIGH_WATER_BYTES = 65536  # as Uvicorn: an endless response waits for its client
_FILE_CHUNK_BYTES = 65536
_EXTENSIONS = ["http.response.early_hint", "http.response.pathsend", "http.response.trailers"]
if hasattr(os, "pread"):  # not on Windows
    _EXTENSIONS.append("http.response.zerocopysend")


# Read.


def _scope(request: RequestHead, root_path: str, state: Mapping[str, object]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": root_path + request.path,
        "raw_path": quote(root_path).encode() + request.raw_path,
        "query_string": request.query,
        "root_path": root_path,
        "headers": list(request.headers),
        "client": request.client,
        "server": request.server,
        "state": dict(state),
        "extensions": {name: {} for name in _EXTENSIONS},
    }


class _Receive:
    """`receive`: the request body as it is pulled, then the end of the connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __call__(self) -> Message:
        try:
            part = await self._exchange.read(self._exchange.over)
        except ClientDisconnected:
            return {"type": "http.disconnect"}
        if part is not None:
            return {"type": "http.request", "body": part[0], "more_body": part[1]}
        await asyncio.wait({self._exchange.over})
        return {"type": "http.disconnect"}


# Write.


class _Send:
    """`send`: the messages of one response, in their order.

    Attributes:
        expected: What has to come next, for messages.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._has_trailers = False
        self._has_body = False
        self.expected = "http.response.start"
        self._steps: Mapping[str, Step] = {
            "http.response.start": self._start,
            "http.response.body": self._body,
            "http.response.early_hint": self._early_hint,
            "http.response.pathsend": self._pathsend,
            "http.response.trailers": self._trailers,
            "http.response.zerocopysend": self._zerocopysend,
        }

    async def __call__(self, message: Message) -> None:
        if self._exchange.has_left:
            await asyncio.sleep(0)  # an application that tries again and again must not keep the loop from cancelling it
            raise ClientDisconnected("the client went away")
        with self._exchange.failures.checking():
            kind = field(message, "type", str)
            if kind not in self._steps:
                raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"{kind!r} is not a message of a response")
            await self._steps[kind](message)

    async def _start(self, message: Message) -> None:
        self._expect("http.response.start", message)
        headers = header_list(message)
        self._has_trailers = field(message, "trailers", bool, default=False)
        self._exchange.respond(message.get("status"), headers)
        self.expected = "http.response.body"

    async def _body(self, message: Message) -> None:
        self._expect("http.response.body", message)
        body = field(message, "body", bytes, default=b"")
        more = field(message, "more_body", bool, default=False)
        self._has_body = True
        self._exchange.push(body)
        await self._continue(more)

    async def _early_hint(self, message: Message) -> None:
        # The specification lets it come after the start, servers send it before; both precede the body.
        if self.expected != "http.response.start":
            self._expect("http.response.body", message)
        links = [(b"link", link) for link in items(message, "links", bytes)]
        check_headers(links, lower_case=True)
        self._exchange.early_hints += [link for _, link in links]

    async def _pathsend(self, message: Message) -> None:
        self._expect("http.response.body", message)
        path = field(message, "path", str)
        if self._has_body:
            raise ProtocolViolation("VELO_VIOLATION_ORDER", "http.response.pathsend cannot follow other parts of the body")
        if not Path(path).is_absolute():
            raise ProtocolViolation("VELO_VIOLATION_FILE", f"the path of http.response.pathsend must be absolute, not {path!r}")
        await self._send_file(path, _path_chunks(path), message)
        await self._continue(more=False)

    async def _zerocopysend(self, message: Message) -> None:
        self._expect("http.response.body", message)
        file = message.get("file")
        descriptor = file.fileno() if isinstance(file, HasDescriptor) else file
        if not isinstance(descriptor, int):
            raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"file of http.response.zerocopysend must be an open file, not {file!r}")
        offset = field(message, "offset", int) if "offset" in message else None
        count = field(message, "count", int) if "count" in message else None
        more = field(message, "more_body", bool, default=False)
        self._has_body = True
        await self._send_file(file, _descriptor_chunks(descriptor, offset, count), message)
        await self._continue(more)

    async def _send_file(self, file: object, chunks: Iterator[bytes], message: Message) -> None:
        try:
            for chunk in chunks:
                self._exchange.push(chunk)
                await self._exchange.drain(_HIGH_WATER_BYTES)
        except ClientDisconnected:  # an OSError too
            raise
        except OSError as error:
            raise ProtocolViolation("VELO_VIOLATION_FILE", f"{message['type']} cannot read {file!r}: {error.strerror}") from error

    async def _trailers(self, message: Message) -> None:
        self._expect("http.response.trailers", message)
        headers = header_list(message)
        if b"trailers" in (self._exchange.request.header(b"te") or b""):  # nobody else gets them (RFC 9110 section 6.5.1)
            self._exchange.trailers += headers
        if not field(message, "more_trailers", bool, default=False):
            self._finish()

    async def _continue(self, more: bool) -> None:
        if more:
            await self._exchange.drain(_HIGH_WATER_BYTES)
        elif self._has_trailers:
            self.expected = "http.response.trailers"
        else:
            self._finish()

    def _finish(self) -> None:
        self.expected = "nothing more"
        self._exchange.finish()

    def _expect(self, kind: str, message: Message) -> None:
        if kind != self.expected:
            raise ProtocolViolation("VELO_VIOLATION_ORDER", f"{message['type']} was sent where {self.expected} must come")


def _path_chunks(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        while chunk := file.read(_FILE_CHUNK_BYTES):
            yield chunk


def _descriptor_chunks(descriptor: int, offset: int | None, count: int | None) -> Iterator[bytes]:
    """Reads as `os.sendfile` does: from `offset` without moving the position of the file, otherwise from that position."""
    left = sys.maxsize if count is None else count
    while left:
        size = min(left, _FILE_CHUNK_BYTES)
        chunk = os.read(descriptor, size) if offset is None else os.pread(descriptor, size, offset)
        if not chunk:
            return
        yield chunk
        left -= len(chunk)
        offset = None if offset is None else offset + len(chunk)


# Call.


class AsgiServer:
    """Serves one ASGI application.

    Args:
        root_path: Prefix that a proxy is taken to have cut off. It is put before the path, decoded and raw, as Uvicorn does.
    """

    def __init__(self, app: object, *, root_path: str = "") -> None:
        self._app = cast("AsgiApplication", app)
        self._root_path = root_path
        self._lifespan = Lifespan(self._app)

    async def serve(self, exchange: Exchange) -> None:
        """See `Server`."""
        scope = _scope(exchange.request, self._root_path, self._lifespan.state)
        send = _Send(exchange)
        try:
            await self._app(scope, _Receive(exchange), send)
        except BaseException:
            exchange.crash([(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")], b"Internal Server Error")
            raise
        if not exchange.over.done():
            with exchange.failures.checking():
                raise ProtocolViolation("VELO_VIOLATION_NO_RESPONSE", f"the application returned where {send.expected} must come")

    async def converse(self, conversation: Conversation) -> None:
        """See `WebSocketServer`."""
        await serve_websocket(self._app, conversation, root_path=self._root_path, state=self._lifespan.state)

    # Lifespan.

    async def start(self, host: Host) -> None:
        """See `Server`."""
        self._lifespan = Lifespan(self._app)
        await self._lifespan.start()

    async def stop(self, host: Host) -> None:
        """See `Server`."""
        await self._lifespan.stop()
