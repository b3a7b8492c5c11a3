"""`WebSocket`: the request that asked for it, and the conversation that follows.

What a protocol does comes as a `Channel`. Everything else is here, once: what may be said when, how large a message may be, what becomes of
a handler whose client has left. The conversation ends with one closing frame, whoever sends it first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar, cast, overload

from msgspec import Struct, field

from velo_core.codecs import Decode, DoesNotFit, backend_for
from velo_core.errors import HTTPError, UnsupportedError, ValidationError, WebSocketDisconnect, WebSocketError, check_close
from velo_core.headers import MutableHeaders, is_token
from velo_core.inbox import End, Inbox, Mutex, again
from velo_core.limits import DEFAULT_MAX_MESSAGE_SIZE
from velo_core.open_sockets import GOING_AWAY, OpenSockets
from velo_core.parsing.origin import Origin, parse_origin
from velo_core.request import Request
from velo_core.response import NO_HEADERS, HeadersLike, Response
from velo_core.types import HeaderPairs
from velo_core.watch import Deadline, OnDisconnect

__all__ = [
    "Channel",
    "SocketOptions",
    "Upgraded",
    "WebSocket",
    "origins_of",
    "requested_subprotocols",
]

T = TypeVar("T")
ANY_ORIGIN: Final = "*"
GRACE_SECONDS: Final = 0.5
"""How long a handler that has taken messages may work on the last ones before it is cancelled, when its client has left. Arbitrary, as long
as it is below a second."""


class Channel(Protocol):
    """One websocket, as a protocol adapter gives it.

    Messages are sent one at a time, and one is received at a time; servers refuse more. Each method raises `WebSocketDisconnect` when it
    finds that the client has gone. What is awaited of `receive` and `send` may be the server's own, to save a coroutine for each message.

    Attributes:
        lost: What `send` raises besides when it finds that.
    """

    lost: ClassVar[tuple[type[Exception], ...]]

    async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
        """Opens the conversation."""
        ...

    async def deny(self, response: Response) -> None:
        """Answers the handshake with a response, as far as the protocol can."""
        ...

    def receive(self) -> Awaitable[Any]:
        """The next message, for `read`. Any exception means that there will be none."""
        ...

    def read(self, message: Any) -> str | bytes:
        """Text or bytes of a message."""
        ...

    def send(self, message: str | bytes) -> Awaitable[None]:
        """Sends one message."""
        ...

    async def close(self, close_code: int, reason: str) -> None:
        """Sends the closing frame."""
        ...

    def let_go(self) -> None:
        """Drops what the server gave; nothing is said or heard after this."""
        ...


class SocketOptions(Struct, frozen=True):
    """What holds for the websockets of one route.

    Attributes:
        origins: Which pages may open one besides those of our own origin; `None` for all.
        max_message_size: Bytes that a message may have.
        timeout_seconds: What may pass until it is accepted; no limit if `None`.
        on_disconnect: What becomes of the handler when the client leaves.
        open: The application's.
    """

    origins: frozenset[Origin] | None = frozenset()
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    timeout_seconds: float | None = None
    on_disconnect: OnDisconnect = "cancel"
    open: OpenSockets = field(default_factory=OpenSockets)


class Upgraded(Response):
    """What middleware is given when a conversation is over: status 101, which was sent long ago. Headers added to it go nowhere.

    Attributes:
        close_code: With which it ends, if the client has not ended it.
        reason: Text to that.
    """

    __slots__ = ("close_code", "reason")

    def __init__(self, close_code: int = 1000, reason: str = "") -> None:
        # Not by way of `Response`, whose checks cost as much as a message: nothing of this is ever sent.
        self.status_code = 101
        self._headers = NO_HEADERS
        self.body = b""
        self.close_code = close_code
        self.reason = reason


class WebSocket(Request):
    """A websocket, and the request that asked for it. Handlers get it by annotating a parameter with `WebSocket`.

        @app.websocket("/echo")
        async def echo(socket: WebSocket) -> None:
            await socket.accept()
            async for text in socket.iter_text():
                await socket.send_text(text)

    Several tasks may send at once; each message is sent whole. After the handler has returned it is closed with 1000.
    """

    __slots__ = (
        "_accepted",
        "_channel",
        "_decoders",
        "_ended",
        "_inbox",
        "_left_alone",
        "_listens",
        "_refused",
        "_sending",
        "_task",
        "_timer",
        "_was_cancelled",
        "accepted_subprotocol",
        "deadline",
        "options",
    )

    is_websocket = True

    def converse(self, channel: Channel, options: SocketOptions) -> Self:
        """The websocket, after `fill`: there is no `__init__` for the same reason as in `Request`."""
        self._channel = channel
        self.options = options
        self.accepted_subprotocol: str | None = None
        """The subprotocol that was agreed on."""
        self.deadline: Deadline | None = None
        self._accepted = False
        self._refused: str | None = None
        self._ended: WebSocketDisconnect | None = None
        self._inbox: Inbox | None = None
        self._sending = Mutex()
        self._decoders: dict[object, Decode] | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._listens = False  # whether the handler itself waits for a message
        self._left_alone = False
        self._was_cancelled = False
        return self

    def __repr__(self) -> str:
        return f"<WebSocket {self.path}>"

    # Before it is accepted.

    @property
    def authority(self) -> str | None:
        """Host and port that the handshake is for, as sent or as trusted proxies say; `None` if that is not clear."""
        return self._adapter.authority(self._scope)

    @property
    def is_accepted(self) -> bool:
        """Whether the conversation has begun; it may have ended since."""
        return self._accepted

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """Subprotocols that the client offers, the ones it likes best first."""
        return requested_subprotocols(self.headers.get_all("sec-websocket-protocol")) or ()

    def select_subprotocol(self, *known: str) -> str | None:
        """The first of `known` that the client offers, for `accept`; `None` if it offers none of them."""
        offered = self.subprotocols
        return next((name for name in known if name in offered), None)

    async def accept(self, subprotocol: str | None = None, headers: HeadersLike = None) -> None:
        """Begins the conversation. Whatever has been raised before this answers the client by HTTP.

        Args:
            subprotocol: One that the client offers. RSGI cannot tell it: `"subprotocol" in socket.capabilities`.
            headers: For the response to the handshake, with what `response_headers` has. RSGI cannot send them: those given here are an
                error there, those of `response_headers` are left out.

        Raises:
            WebSocketDisconnect: the client has left.
            ValueError: the client does not offer that subprotocol, or a header cannot be sent.
            UnsupportedError: the protocol cannot do it.
            RuntimeError: it was accepted or refused before.
        """
        if self._accepted or self._refused is not None:
            raise RuntimeError("this websocket has been accepted or refused already")
        says_more = subprotocol is not None or headers or self._response_headers is not None
        fields = self._acceptance(subprotocol, headers) if says_more else []
        if self.options.open.are_closing:
            raise HTTPError(503, GOING_AWAY)
        try:
            await self._channel.accept(subprotocol, fields)
        except WebSocketDisconnect as error:
            self._ended = error
            raise
        self._accepted = True
        self.accepted_subprotocol = subprotocol
        if self.deadline is not None:
            self.deadline.lift()
        self._inbox = Inbox(self._channel, self.options.max_message_size, self._on_end)
        self.options.open.add(self, cast("asyncio.Task[object]", self._task))
        self._inbox.start()

    def _acceptance(self, subprotocol: str | None, headers: HeadersLike) -> HeaderPairs:
        """Header fields of the answer to the handshake. Raises as `accept`."""
        if subprotocol is not None and subprotocol not in self.subprotocols:
            offered = ", ".join(self.subprotocols) or "none"
            raise ValueError(f"the client does not offer the subprotocol {subprotocol!r}, but {offered}; ask select_subprotocol() first")
        fields = MutableHeaders(headers.items() if isinstance(headers, Mapping) else headers or ())
        if any(name.startswith("sec-websocket-") for name in fields):
            raise ValueError("the Sec-WebSocket fields of the answer are the server's; give the subprotocol as such")
        capabilities = self.capabilities
        if subprotocol is not None and "subprotocol" not in capabilities:
            raise UnsupportedError(
                f"{self._adapter.name.upper()} cannot tell the client of the subprotocol {subprotocol!r}; serve over ASGI"
            )
        if fields and "accept_headers" not in capabilities:
            raise UnsupportedError(f"{self._adapter.name} cannot send headers when a websocket is accepted; serve over ASGI")
        added = self.take_response_headers()
        if added is not None and "accept_headers" in capabilities:
            for name, value in added.items():
                fields.add(name, value)
        return list(fields.items())

    # Receiving.

    async def receive(self) -> str | bytes:
        """The next message: `str` for text, `bytes` for binary. Several tasks may wait; each message goes to one of them.

        Raises:
            WebSocketDisconnect: the conversation has ended, and all messages are taken.
            WebSocketError: the message is larger than `max_message_size`.
            RuntimeError: it has not been accepted.
        """
        inbox = self._inbox
        message = None if inbox is None else inbox.pop()
        found = await self._wait() if message is None else message
        if isinstance(found, Exception):
            raise again(found)
        return found

    async def _wait(self) -> str | bytes | End:
        """The next message when none is there yet. The end comes as a value: raising it costs as much as a message."""
        inbox = self._inbox
        if inbox is None:
            if self._ended is not None:
                return self._ended
            raise RuntimeError("this websocket has not been accepted; await accept() first")
        is_handler = asyncio.current_task() is self._task
        self._listens = self._listens or is_handler
        try:
            found = await inbox.take()
            if isinstance(found, WebSocketDisconnect):
                self._ended = self._ended or found
                if is_handler:  # it knows now, and may tidy up for as long as it likes
                    self.stand_down()
            return found
        finally:
            if is_handler:
                self._listens = False
                if inbox.end is not None:  # and the handler got something else, or has given up waiting
                    self._leave(hears=True)

    async def receive_text(self) -> str:
        """The next message, which is text. Raises as `receive`, and `WebSocketError` 1003 if it is binary."""
        message = await self.receive()
        if isinstance(message, str):
            return message
        raise WebSocketError(1003, "A text message is expected here.")

    async def receive_bytes(self) -> bytes:
        """The next message, which is binary. Raises as `receive`, and `WebSocketError` 1003 if it is text."""
        message = await self.receive()
        if isinstance(message, bytes):
            return message
        raise WebSocketError(1003, "A binary message is expected here.")

    @overload
    async def receive_json(self) -> object: ...
    @overload
    async def receive_json(self, kind: type[T]) -> T: ...
    async def receive_json(self, kind: object = object) -> object:
        """The next message, as JSON.

        Args:
            kind: Type that it is read as: a model, or any type that a request body can be. Plain data if not given.

        Raises:
            ValidationError: it is not of the type. The conversation goes on if you catch it, else it ends with 1007.
            HTTPError: it is not well-formed JSON; likewise.
            WebSocketError: it is binary; else as `receive`.
        """
        text = (await self.receive_text()).encode("utf-8", "surrogatepass")
        decode = self.route.json_codec.decode if kind is object else self._decoder(kind)
        try:
            return decode(text)
        except DoesNotFit as error:
            raise ValidationError(error.errors) from None
        except HTTPError as error:
            raise HTTPError(400, "The message is not well-formed JSON.") from error

    def iter_text(self) -> AsyncIterator[str]:
        """Messages, which are text, until the conversation ends. Raises as `receive_text` for all else."""
        return _Messages(self, str, "A text message is expected here.")

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """Messages, which are binary, until the conversation ends. Raises as `receive_bytes` for all else."""
        return _Messages(self, bytes, "A binary message is expected here.")

    @overload
    def iter_json(self) -> AsyncIterator[object]: ...
    @overload
    def iter_json(self, kind: type[T]) -> AsyncIterator[T]: ...
    def iter_json(self, kind: object = object) -> AsyncIterator[object]:
        """Messages as JSON, until the conversation ends: `async for message in socket.iter_json(Message)`.

        One that does not fit ends the loop with what `receive_json` raises; to answer it and go on, call that in a loop of your own.
        """
        return self._iter_json(kind)

    async def _iter_json(self, kind: object) -> AsyncIterator[object]:
        try:
            while True:
                yield await self.receive_json(cast("type[object]", kind))
        except WebSocketDisconnect:
            return

    def _decoder(self, kind: object) -> Decode:
        if self._decoders is None:
            self._decoders = {}
        decode = self._decoders.get(kind)
        if decode is None:
            decode = self._decoders[kind] = backend_for(kind).decoder(kind)
        return decode

    # Sending.

    async def send_text(self, text: str) -> None:
        """Sends text, and waits until the connection has taken it.

        Raises:
            WebSocketDisconnect: the conversation has ended.
            RuntimeError: it has not been accepted.
            TypeError: this is no `str`.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            raise TypeError(f"send_text takes str, not {type(text).__name__}; use send_bytes or send_json")
        await self._send(text)

    async def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Sends bytes; else as `send_text`."""
        if not isinstance(data, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            raise TypeError(f"send_bytes takes bytes, not {type(data).__name__}; use send_text or send_json")
        await self._send(bytes(data))

    async def send_json(self, value: object) -> None:
        """Sends JSON as text: plain data, structs, dataclasses, pydantic models.

        Raises as `send_text`, and `TypeError` for what has no JSON form.
        """
        await self._send(self.route.json_codec.encode(value).decode())

    async def _send(self, message: str | bytes) -> None:
        if not self._accepted:
            raise RuntimeError("this websocket has not been accepted; await accept() first")
        sending = self._sending
        if sending.is_taken:
            await sending.take()
        else:
            sending.is_taken = True
        try:
            if self._ended is not None:
                raise again(self._ended)
            await self._channel.send(message)
        except self._channel.lost as error:
            raise WebSocketDisconnect(1006) from error
        finally:
            if sending.waiting is None:  # as `leave` does it, without its frame
                sending.is_taken = False
            else:
                sending.leave()

    # The end.

    @property
    def close_code(self) -> int | None:
        """Code of the closing frame, whoever sent it; `None` while the conversation goes on."""
        return None if self._ended is None else self._ended.close_code

    @property
    def close_reason(self) -> str | None:
        """Text of the closing frame; `None` while the conversation goes on."""
        return None if self._ended is None else self._ended.reason

    async def close(self, close_code: int = 1000, reason: str = "") -> None:
        """Ends the conversation; does nothing if it has ended. Before it was accepted, the client gets a 403 with `reason` as its detail.

        Args:
            close_code: See `WebSocketError`. RSGI cannot send it: `"close_code" in socket.capabilities`.
            reason: For the client, at most 123 bytes of UTF-8.

        Raises:
            ValueError: code or reason cannot be sent.
        """
        check_close(close_code, reason)
        if not self._accepted:
            self._refused = reason
            return
        if self._sending.is_taken:
            await self._sending.take()
        else:
            self._sending.is_taken = True
        try:
            if self._ended is not None:
                return
            self._ended = end = WebSocketDisconnect(close_code, reason)
            if self._inbox is not None:
                self._inbox.close(end)
            if self._task is not asyncio.current_task():
                self._leave()
            with suppress(WebSocketDisconnect):  # it was about to end anyway
                await self._channel.close(close_code, reason)
        finally:
            self._sending.leave()

    # For plans.

    @property
    def handshake(self) -> tuple[list[str], list[str]]:
        """All values of `Origin` and of `Sec-WebSocket-Protocol`. Reading all headers for them took longer than the rest of the check."""
        find = cast("Callable[[object], tuple[list[str], list[str]]]", self._adapter.handshake)  # an adapter for websockets has it
        return find(self._scope)

    @property
    def refusal(self) -> str | None:
        """The reason given to `close` before the socket was accepted."""
        return self._refused

    @property
    def end(self) -> End:
        """Why the conversation is over, for who was cancelled because of it."""
        inbox_end = None if self._inbox is None else self._inbox.end
        return again(inbox_end or self._ended or WebSocketDisconnect(1006))

    async def deny(self, response: Response) -> None:
        """Answers the handshake with a response."""
        if self._ended is None:
            self._refused = self._refused or ""
            await self._channel.deny(response)

    def begin(self) -> None:
        """The task that runs now serves this socket: it is cancelled when the client leaves."""
        self._task = cast("asyncio.Task[object]", asyncio.current_task())

    def stand_down(self) -> bool:
        """Leaves the task alone from now on. Whether it was cancelled because the client has left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._left_alone = True
        was_cancelled, self._was_cancelled = self._was_cancelled, False
        return was_cancelled

    def finish(self) -> None:
        """Lets go of everything."""
        self.stand_down()
        self.options.open.discard(self)
        if self._inbox is not None:
            self._inbox.close(self._ended or self._inbox.end or WebSocketDisconnect(1000))
        self._channel.let_go()

    def _on_end(self, end: End) -> None:
        """Nothing more will come."""
        if isinstance(end, WebSocketDisconnect):
            self._ended = self._ended or end
        self._leave()

    def _leave(self, *, hears: bool = False) -> None:
        """Ends the handler, unless it wants to be left alone, or is about to hear by itself that the client has left.

        Args:
            hears: It receives messages, so it gets some time.
        """
        if self._left_alone or self._listens:  # who listens hears it in the next turn, and no timer has to be started for it
            return
        if self.options.on_disconnect == "cancel" and self._task is not None and self._timer is None:
            hears = hears or (self._inbox is not None and (self._inbox.has_given or self._inbox.is_awaited))
            self._timer = self._task.get_loop().call_later(GRACE_SECONDS if hears else 0, self._cancel)

    def _cancel(self) -> None:
        if not self._left_alone and self._task is not None:
            self._left_alone = self._was_cancelled = True
            self._task.cancel("the client has gone")


M = TypeVar("M", bound=str | bytes)


class _Messages(Generic[M]):
    """Messages of one kind. No generator, which the event loop has to know of: that takes 9 000 instructions, half a message."""

    __slots__ = ("_expected", "_kind", "_socket")

    def __init__(self, socket: WebSocket, kind: type[M], expected: str) -> None:
        self._socket = socket
        self._kind = kind
        self._expected = expected

    def __aiter__(self) -> _Messages[M]:
        return self

    async def __anext__(self) -> M:
        inbox = self._socket._inbox  # pyright: ignore[reportPrivateUsage]: of the same module
        message = None if inbox is None else inbox.pop()
        found = await self._socket._wait() if message is None else message  # pyright: ignore[reportPrivateUsage]: as said
        if isinstance(found, self._kind):
            return found
        if isinstance(found, WebSocketDisconnect):
            raise StopAsyncIteration
        raise again(found) if isinstance(found, WebSocketError) else WebSocketError(1003, self._expected)


def origins_of(values: Sequence[str]) -> frozenset[Origin] | None:
    """The origins that an option names; `None` for all.

    Raises:
        ValueError: one is no origin.
    """
    if ANY_ORIGIN in values:
        return None
    origins: set[Origin] = set()
    for value in values:
        origin = parse_origin(value)
        if origin is None:
            raise ValueError(f"{value!r} is no origin; write scheme and host, and nothing after them: 'https://app.example.com'")
        origins.add(origin)
    return frozenset(origins)


def requested_subprotocols(values: Sequence[str]) -> tuple[str, ...] | None:
    """The members of all `Sec-WebSocket-Protocol` fields (RFC 6455 section 4.1); `None` if one is no token or comes twice."""
    names = [name.strip(" \t") for value in values for name in value.split(",")]
    names = [name for name in names if name]
    return tuple(names) if all(map(is_token, names)) and len(set(names)) == len(names) else None
