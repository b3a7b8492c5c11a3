"""RSGI's websockets as Granian 2.8 serves them: no subprotocol, no headers, no codes, and nothing twice at once in one direction."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar, cast

from velo_testing.conversation import Closing, Conversation, Message
from velo_testing.errors import ClientDisconnected, ProtocolViolation
from velo_testing.protocols.rsgi_scope import RSGIHTTPScope

__all__ = ["RSGIWebsocketProtocol", "RSGIWebsocketScope", "RSGIWebsocketTransport", "serve_websocket"]

T = TypeVar("T")
_NO_CODE = 1005  # RFC 6455 section 7.4.1: what a closing frame without a code means


def _granian_own(name: str) -> type[RuntimeError]:
    """Granian's class of that name where it is loaded, which it is if the application catches it."""
    return cast("type[RuntimeError]", getattr(sys.modules.get("granian._granian"), name, RuntimeError))


class RSGIWebsocketScope(RSGIHTTPScope):
    """The connection scope: that of a request, but for `proto`."""

    __slots__ = ()

    @property
    def proto(self) -> str:
        """Always `"ws"` here."""
        return "ws"

    @property
    def scheme(self) -> str:
        """`"http"` or `"https"`, as Granian has it."""
        return "https" if super().scheme in ("https", "wss") else "http"


class RSGIWebsocketProtocol:
    """What an RSGI application accepts or refuses a websocket with."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.is_closed = False

    def accept(self) -> Awaitable[RSGIWebsocketTransport]:
        """Opens the conversation."""
        with self._conversation.failures.checking():
            if self._conversation.accepted is not None or self.is_closed:
                raise ProtocolViolation("VELO_VIOLATION_ORDER", "the websocket was answered before; Granian's process dies of accept()")
        self._conversation.accept(None, [])
        return _future(_now(RSGIWebsocketTransport(self._conversation)))

    def close(self, status: int | None = None) -> None:
        """Refuses the handshake with `status`, or sends a closing frame without a code."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._conversation.accepted is not None:
            self._conversation.end(_NO_CODE, "")
            return
        with self._conversation.failures.checking():
            self._conversation.begin_denial(403 if status is None else status, [(b"content-length", b"0")])
            self._conversation.deny(b"")


class RSGIWebsocketTransport:
    """An open websocket."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._is_receiving = self._is_sending = self._is_over = False

    def receive(self) -> Awaitable[object]:
        """The next message: an object with `kind`, and `data` unless that is 0."""
        return _future(self._receive())

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Sends bytes."""
        if not isinstance(data, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]: whatever the application sends
            raise TypeError(f"{type(data).__name__!r} object is not an instance of 'bytes'")
        return _future(self._send(bytes(data)))

    def send_str(self, data: str) -> Awaitable[None]:
        """Sends text."""
        data.encode()  # a lone surrogate cannot be sent
        return _future(self._send(data))

    async def _receive(self) -> object:
        if self._is_receiving:
            raise _granian_own("RSGIProtocolError")("RSGI protocol error")
        if self._is_over:
            raise _granian_own("RSGIProtocolClosed")("RSGI transport is closed")
        self._is_receiving = True
        try:
            message = await self._conversation.next_message()
        finally:
            self._is_receiving = False
        if isinstance(message, Closing):
            self._is_over = True
            if message.code == 1006:
                raise _granian_own("RSGIProtocolClosed")("RSGI transport is closed")
            return _Close()
        return _Data(message)

    async def _send(self, data: Message) -> None:
        if self._is_sending:
            raise _granian_own("RSGIProtocolError")("RSGI protocol error")
        if self._conversation.closing is not None:
            raise _granian_own("RSGIProtocolClosed")("RSGI transport is closed")
        self._is_sending = True
        try:
            await self._conversation.say(data)
        except ClientDisconnected as error:
            raise _granian_own("RSGIProtocolClosed")("RSGI transport is closed") from error
        finally:
            self._is_sending = False


class _Close:
    kind = 0


class _Data:
    def __init__(self, data: Message) -> None:
        self.kind = 2 if isinstance(data, str) else 1
        self.data = data


async def _now(transport: RSGIWebsocketTransport) -> RSGIWebsocketTransport:
    return transport


def _future(work: Coroutine[object, object, T]) -> Awaitable[T]:
    """Like Granian's awaitables: the work begins at once."""
    return asyncio.ensure_future(work)


async def serve_websocket(
    call: Callable[[RSGIWebsocketScope, RSGIWebsocketProtocol], Awaitable[object]], conversation: Conversation
) -> None:
    """Has the application serve one websocket; its exceptions come back.

    Raises:
        ProtocolViolation: it returned without an answer.
    """
    protocol = RSGIWebsocketProtocol(conversation)
    conversation.failures.excused = (_granian_own("RSGIProtocolClosed"),) if "granian._granian" in sys.modules else ()
    try:
        await call(RSGIWebsocketScope(conversation.request), protocol)
    finally:
        if conversation.accepted is not None:
            protocol.close()
    if not conversation.is_over:
        with conversation.failures.checking():
            raise ProtocolViolation("VELO_VIOLATION_NO_RESPONSE", "the application returned without accept() or close()")
