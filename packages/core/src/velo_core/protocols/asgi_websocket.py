"""Websockets on ASGI 3 (WebSocket 2.5, and the extension `websocket.http.response`).

What servers differ in: without that extension a refusal is a 403 without a body. Granian drops the headers of an acceptance, and takes the
body of a refusal in one message only. Some take what is sent after the client has gone, others raise. The code of a client's closing frame
may be lost on the way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar, Final, TypeAlias

from velo_core.errors import WebSocketDisconnect
from velo_core.protocols.websockets import websocket_adapter
from velo_core.request import Adapter
from velo_core.response import Response, StreamingResponse
from velo_core.streams import ClientGone, close_content
from velo_core.types import HeaderPairs

__all__ = ["asgi_websockets"]

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_SUBPROTOCOL: Final = "sec-websocket-protocol"
_DENIAL: Final = "websocket.http.response"
GATHERED_BYTES: Final = 65_536
"""Bytes of a stream that may refuse a handshake. What is longer is no refusal, and would have to be kept in memory."""
GATHERED_SECONDS: Final = 10
"""Seconds that it may take. Nobody hears before its end that the client has gone."""
_ABOUT_CONTENT: Final = frozenset(
    {
        b"accept-ranges",
        b"content-disposition",
        b"content-encoding",
        b"content-language",
        b"content-length",
        b"content-range",
        b"content-type",
        b"etag",
        b"last-modified",
    }
)
"""Fields that are not true any more of a refusal without its content."""
_CAPABILITIES: Final = frozenset({"subprotocol", "accept_headers", "close_code"})

logger = logging.getLogger("velo.request")


def asgi_websockets(http: Adapter) -> Adapter:
    """The adapter for websockets, from the one for HTTP."""

    def channel(scope: Scope, receive: Receive, send: Send) -> _Channel:
        return _Channel(http, scope, receive, send)

    def capabilities(scope: Scope) -> frozenset[str]:
        found = _CAPABILITIES if scope.get("raw_path") is None else _CAPABILITIES | {"raw_path"}
        return found | {"denial_response"} if _DENIAL in (scope.get("extensions") or {}) else found

    def header_pairs(scope: Scope) -> HeaderPairs:
        pairs = http.header_pairs(scope)
        if scope.get("subprotocols") and not any(name == _SUBPROTOCOL for name, _ in pairs):  # wsproto takes the field away
            pairs.append((_SUBPROTOCOL, ", ".join(scope["subprotocols"])))
        return pairs

    def handshake(scope: Scope) -> tuple[list[str], list[str]]:
        origins: list[str] = []
        subprotocols: list[str] = []
        for name, value in scope["headers"]:
            if name in {b"origin", b"sec-websocket-protocol"}:
                (origins if name == b"origin" else subprotocols).append(value.decode("latin-1"))
        if not subprotocols and scope.get("subprotocols"):
            subprotocols.append(", ".join(scope["subprotocols"]))
        return origins, subprotocols

    return websocket_adapter(
        http,
        channel,
        method=lambda scope: "GET",
        scheme=lambda scope: "https" if scope.get("scheme") == "wss" else "http",
        header_pairs=header_pairs,
        handshake=handshake,
        capabilities=capabilities,
    )


class _Channel:
    """See `Channel`."""

    lost: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    __slots__ = ("_http", "_is_connected", "_receive", "_scope", "_send")

    def __init__(self, http: Adapter, scope: Scope, receive: Receive, send: Send) -> None:
        self._http = http
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_connected = False

    async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
        await self._connect()
        fields = [self._http.native_header(pair) for pair in headers]
        try:  # as `_tell` does it, without its frame
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields})
        except OSError as error:
            raise WebSocketDisconnect(1006) from error

    async def deny(self, response: Response) -> None:
        await self._connect()
        if _DENIAL in (self._scope.get("extensions") or {}):
            # The response goes the way of all others, under the names that its messages have here. No extension of HTTP holds for it.
            scope: Scope = {**self._scope, "type": "http", "method": "GET", "extensions": {}}
            if isinstance(response, StreamingResponse):
                await self._deny_at_once(response, scope)
            else:
                await self._http.send_response(response, scope, _never, self._deny, None)
            return
        if isinstance(response, StreamingResponse):
            await close_content(response.content)
        await self._tell({"type": "websocket.close"})  # before the acceptance: the server answers 403

    def receive(self) -> Awaitable[Message]:
        return self._receive()

    def read(self, message: Message) -> str | bytes:
        if message["type"] != "websocket.receive":
            raise WebSocketDisconnect(message.get("code") or 1005, message.get("reason") or "")
        text: str | None = message.get("text")
        return message.get("bytes") or b"" if text is None else text

    def send(self, message: str | bytes) -> Awaitable[None]:
        return self._send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})

    async def close(self, close_code: int, reason: str) -> None:
        await self._tell({"type": "websocket.close", "code": close_code, "reason": reason})

    def let_go(self) -> None:
        """The server's own `receive` and `send` hold nothing open."""

    async def _connect(self) -> None:
        """Takes the first message, before which nothing may be said."""
        if self._is_connected:
            return
        message = await self._receive()
        if message["type"] != "websocket.connect":
            raise WebSocketDisconnect(message.get("code") or 1006, message.get("reason") or "")
        self._is_connected = True

    async def _deny_at_once(self, response: StreamingResponse, scope: Scope) -> None:
        """Refuses with a stream or a file, whose content is gathered before anything is sent."""
        gathered, limit = _Gathered(), asyncio.timeout(GATHERED_SECONDS)
        try:
            async with limit:
                await self._http.send_response(response, scope, _never, gathered.take, None)
        except TimeoutError:
            if not limit.expired():  # the content's own
                raise
            gathered.is_whole = False
        if not gathered.is_whole:
            bounds = f"{GATHERED_BYTES} bytes or {GATHERED_SECONDS} seconds"
            logger.warning("a websocket is refused without the content of the response, which takes more than %s", bounds)
        for message in gathered.messages(response):
            await self._deny(message)

    async def _deny(self, message: Message) -> None:
        await self._tell({**message, "type": f"websocket.{message['type']}"})

    async def _tell(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError as error:  # how a server says that the client has gone
            raise WebSocketDisconnect(1006) from error


class _Gathered:
    """The messages of a response that comes in pieces, made into those of one that does not."""

    def __init__(self) -> None:
        self.is_whole = True
        self._start: Message | None = None
        self._body = bytearray()
        self._comes_in_pieces = False

    async def take(self, message: Message) -> None:
        """Takes what would be sent.

        Raises:
            ClientGone: it is too much. That ends the stream and closes its content, and is no mistake.
        """
        if message["type"] == "http.response.start":
            self._start = message
            return
        piece: bytes = message.get("body", b"")
        if message.get("more_body"):
            self._comes_in_pieces = True
            if len(self._body) + len(piece) > GATHERED_BYTES:
                self.is_whole = False
                raise ClientGone
        self._body += piece

    def messages(self, response: Response) -> tuple[Message, Message]:
        """What is sent in their place."""
        start = self._start or {"type": "http.response.start", "status": response.status_code, "headers": []}
        headers: list[tuple[bytes, bytes]] = start["headers"]
        body = bytes(self._body)
        if not self.is_whole:
            body, headers = b"", [field for field in headers if field[0] not in _ABOUT_CONTENT]
        if not self.is_whole or (self._comes_in_pieces and not any(name == b"content-length" for name, _ in headers)):
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        return {**start, "headers": headers}, {"type": "http.response.body", "body": body}


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
