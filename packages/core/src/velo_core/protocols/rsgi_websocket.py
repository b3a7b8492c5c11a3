"""Websockets on RSGI 1.6, the protocol of Granian.

What RSGI cannot do: tell the client of a subprotocol, send headers with an acceptance, send or tell the code of a closing frame, and refuse
a handshake with more than a status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final, Protocol

from velo_core.errors import WebSocketDisconnect
from velo_core.inbox import begun
from velo_core.protocols.websockets import websocket_adapter
from velo_core.request import Adapter
from velo_core.response import Response, StreamingResponse
from velo_core.streams import close_content
from velo_core.types import HeaderPairs

__all__ = ["Handshake", "rsgi_websockets"]


_HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands for a value that RSGI does not show. No such value is an origin or a token."""


class Message(Protocol):
    """What a transport receives. `kind` is 0 for a closing frame, which has no `data`, 1 for bytes and 2 for text."""

    kind: int
    data: str | bytes


class Transport(Protocol):
    """An accepted websocket. Both directions refuse to be used twice at once."""

    def receive(self) -> Awaitable[Message]: ...
    def send_bytes(self, data: bytes) -> Awaitable[None]: ...
    def send_str(self, data: str) -> Awaitable[None]: ...


class Handshake(Protocol):
    """RSGI's protocol object of one websocket."""

    def accept(self) -> Awaitable[Transport]:
        """Opens the conversation. A second call ends the process."""
        ...

    def close(self, status: int | None = None) -> object:
        """Refuses the handshake with a status, or sends a closing frame without a code."""
        ...


class Headers(Protocol):
    """RSGI's headers."""

    def keys(self) -> list[str]: ...
    def get_all(self, key: str) -> list[str]: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    """What is used of RSGI's scope."""

    method: str
    scheme: str
    headers: Headers


def rsgi_websockets(http: Adapter) -> Adapter:
    """The adapter for websockets, from the one for HTTP."""
    return websocket_adapter(
        http,
        lambda scope, receive, send: _Channel(send),
        method=http.method,
        scheme=lambda scope: "https" if scope.scheme in ("https", "wss") else "http",
        header_pairs=_header_pairs,
        handshake=_handshake,
        capabilities=lambda scope: frozenset(),
    )


def _header_pairs(scope: Scope) -> HeaderPairs:
    """All fields. Values that are not visible ASCII are hidden from us, but not that they are there, and they must not count as absent."""
    headers = scope.headers
    hidden = [(name, _HIDDEN) for name in headers.keys() if not headers.get_all(name)]  # noqa: SIM118 - no mapping
    return [*headers.items(), *hidden]


def _handshake(scope: Scope) -> tuple[list[str], list[str]]:
    headers = scope.headers
    names = headers.keys()
    origins = (headers.get_all("origin") or [_HIDDEN]) if "origin" in names else []
    subprotocols = (headers.get_all("sec-websocket-protocol") or [_HIDDEN]) if "sec-websocket-protocol" in names else []
    return origins, subprotocols


class _Channel:
    """See `Channel`."""

    lost: ClassVar[tuple[type[Exception], ...]] = ()

    __slots__ = ("_handshake", "_last_send", "_transport")

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake
        self._transport: Transport | None = None
        self._last_send: asyncio.Future[None] | None = None

    async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
        try:
            self._transport = await self._handshake.accept()
        except (RuntimeError, OSError) as error:  # Granian's errors for a connection that has ended
            raise WebSocketDisconnect(1006) from error

    async def deny(self, response: Response) -> None:
        if isinstance(response, StreamingResponse):
            await close_content(response.content)
        self._handshake.close(response.status_code)

    def receive(self) -> Awaitable[Message]:
        return self._open.receive()

    def read(self, message: Message) -> str | bytes:
        if message.kind == 0:
            raise WebSocketDisconnect(1005)
        return message.data

    async def send(self, message: str | bytes) -> None:
        if self._last_send is not None and not self._last_send.done():
            await asyncio.wait({self._last_send})
        # Shielded: Granian refuses to send, and cannot say goodbye, while a message that somebody gave up is still on its way.
        try:
            send = self._open.send_str if isinstance(message, str) else self._open.send_bytes
            self._last_send = sending = begun(_awaited(send, message), asyncio.get_running_loop())
            del send  # see `let_go`
            if sending.done():
                sending.result()
            else:
                await asyncio.shield(sending)
        except (RuntimeError, OSError) as error:
            raise WebSocketDisconnect(1006) from error

    async def close(self, close_code: int, reason: str) -> None:
        if self._last_send is not None and not self._last_send.done():
            await asyncio.wait({self._last_send})
        self._handshake.close(0)

    def let_go(self) -> None:
        # Granian keeps the connection for as long as anything refers to its transport, such as an exception that somebody has kept.
        self._transport = None

    @property
    def _open(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("the websocket has not been accepted")
        return self._transport


async def _awaited(send: Callable[..., Awaitable[None]], message: str | bytes) -> None:
    sending = send(message)
    del send  # see `let_go`
    await sending
