"""Websockets in tests: what `websocket_connect` of the two clients gives."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self

import httpx2

from velo_testing.conversation import Conversation, Message
from velo_testing.errors import WebSocketDenied
from velo_testing.hosts import LoopThread

__all__ = ["AsyncWebSocketSession", "WebSocketSession"]


class Connection(Protocol):
    """How a client opens a conversation and lets go of it."""

    def connect(self) -> Awaitable[Conversation]:
        """Opens it."""
        ...


class AsyncWebSocketSession:
    """A websocket from the side of the client, once it is entered with `async with`.

        async with client.websocket_connect("/chat/1") as socket:
            await socket.send_text("hello")
            assert await socket.receive_text() == "hello"

    At the end of the block the client closes with 1000 and waits for the application; exceptions of the application are raised then, or
    where the test waits for a message that does not come.

    Raises:
        WebSocketDenied: on entering, if the application refuses the handshake; has its response.
    """

    def __init__(self, connect: Callable[[], Awaitable[Conversation]], adopt: Callable[[httpx2.Response], None]) -> None:
        self._connect = connect
        self._adopt = adopt
        self._conversation: Conversation | None = None

    async def __aenter__(self) -> Self:
        conversation = await self._connect()
        _check_accepted(conversation, self._adopt)
        self._conversation = conversation
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            await self._open.close(1000, "")
        else:  # the test has failed already, and must not wait
            await self._open.abandon()

    @property
    def _open(self) -> Conversation:
        return _opened(self._conversation)

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the application has chosen."""
        return _accepted(self._open)[0]

    @property
    def headers(self) -> httpx2.Headers:
        """Headers that came with the acceptance."""
        return _accepted(self._open)[1]

    async def send_text(self, text: str) -> None:
        """Sends text.

        Raises:
            WebSocketClosed: the conversation is over.
        """
        await self._open.send(text)

    async def send_bytes(self, data: bytes) -> None:
        """Sends bytes; raises as `send_text`."""
        await self._open.send(data)

    async def send_json(self, value: object) -> None:
        """Sends plain data as JSON, in a text message; raises as `send_text`."""
        await self._open.send(json.dumps(value))

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            WebSocketClosed: there is none; the conversation is over.
            Exception: that of the application.
        """
        return await self._open.receive()

    async def receive_text(self) -> str:
        """The next message, which has to be text; raises as `receive`."""
        return _text(await self.receive())

    async def receive_bytes(self) -> bytes:
        """The next message, which has to be bytes; raises as `receive`."""
        return _bytes(await self.receive())

    async def receive_json(self) -> object:
        """The next message, which has to be JSON in text; raises as `receive`."""
        return json.loads(await self.receive_text())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the conversation and waits for the application to end. Raises what went wrong in the application."""
        await self._open.close(code, reason)

    async def disconnect(self) -> None:
        """Goes away without a closing frame, as when the connection breaks, and waits for the application to end."""
        await self._open.close(1006, "")


class WebSocketSession:
    """A websocket from the side of the client, as `AsyncWebSocketSession` is, for tests without `await`."""

    __test__ = False

    def __init__(
        self, connect: Callable[[], tuple[LoopThread, Conversation]], adopt: Callable[[httpx2.Response], None], seconds: float | None
    ) -> None:
        self._connect = connect
        self._adopt = adopt
        self._seconds = seconds
        self._running: tuple[LoopThread, Conversation] | None = None

    def __enter__(self) -> Self:
        thread, conversation = self._connect()
        _check_accepted(conversation, self._adopt)
        self._running = (thread, conversation)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:  # the test has failed already, and must not wait
            thread, conversation = self._open
            if thread.is_alive:
                thread.run(conversation.abandon(), timeout_seconds=self._seconds)

    @property
    def _open(self) -> tuple[LoopThread, Conversation]:
        if self._running is None:
            raise RuntimeError("the websocket is opened by `with client.websocket_connect(...) as socket`")
        return self._running

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the application has chosen."""
        return _accepted(self._open[1])[0]

    @property
    def headers(self) -> httpx2.Headers:
        """Headers that came with the acceptance."""
        return _accepted(self._open[1])[1]

    def send_text(self, text: str) -> None:
        """Sends text.

        Raises:
            WebSocketClosed: the conversation is over.
        """
        self._send(text)

    def send_bytes(self, data: bytes) -> None:
        """Sends bytes; raises as `send_text`."""
        self._send(data)

    def send_json(self, value: object) -> None:
        """Sends plain data as JSON, in a text message; raises as `send_text`."""
        self._send(json.dumps(value))

    def receive(self) -> str | bytes:
        """The next message.

        Raises:
            WebSocketClosed: there is none; the conversation is over.
            Exception: that of the application.
        """
        thread, conversation = self._open
        return thread.run(conversation.receive(), timeout_seconds=self._seconds)

    def receive_text(self) -> str:
        """The next message, which has to be text; raises as `receive`."""
        return _text(self.receive())

    def receive_bytes(self) -> bytes:
        """The next message, which has to be bytes; raises as `receive`."""
        return _bytes(self.receive())

    def receive_json(self) -> object:
        """The next message, which has to be JSON in text; raises as `receive`."""
        return json.loads(self.receive_text())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the conversation and waits for the application to end. Raises what went wrong in the application."""
        thread, conversation = self._open
        thread.run(conversation.close(code, reason), timeout_seconds=self._seconds)

    def disconnect(self) -> None:
        """Goes away without a closing frame, as when the connection breaks, and waits for the application to end."""
        self.close(1006, "")

    def _send(self, message: Message) -> None:
        thread, conversation = self._open
        thread.run(conversation.send(message), timeout_seconds=self._seconds)


def _opened(conversation: Conversation | None) -> Conversation:
    if conversation is None:
        raise RuntimeError("the websocket is opened by `async with client.websocket_connect(...) as socket`")
    return conversation


def _check_accepted(conversation: Conversation, adopt: Callable[[httpx2.Response], None]) -> None:
    """Raises the refusal, if it is one. Cookies are kept in both cases, as browsers keep them."""
    if conversation.denial is not None:
        head = conversation.denial
        denial = httpx2.Response(head.status, headers=list(head.headers), content=bytes(conversation.denial_body))
        adopt(denial)
        raise WebSocketDenied(denial)
    _, headers = _accepted(conversation)
    adopt(httpx2.Response(101, headers=headers))


def _accepted(conversation: Conversation) -> tuple[str | None, httpx2.Headers]:
    subprotocol, headers = conversation.accepted or (None, ())
    return subprotocol, httpx2.Headers(list(headers))


def _text(message: Message) -> str:
    if isinstance(message, str):
        return message
    raise TypeError(f"the application sent bytes where text is expected: {message[:80]!r}")


def _bytes(message: Message) -> bytes:
    if isinstance(message, bytes):
        return message
    raise TypeError(f"the application sent text where bytes are expected: {message[:80]!r}")
