"""What waits at a websocket: messages that have come and nobody has taken yet, and those who want to send.

One task reads, for as long as the conversation lasts. So it is known when the client leaves, whatever the handler does meanwhile; and a
handler that gives up waiting (`asyncio.timeout`) gives up nothing of the server's, where a read that is cancelled may lose a message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from velo_core.errors import WebSocketDisconnect, WebSocketError

__all__ = ["End", "Inbox", "Mutex", "again", "size_of"]

End: TypeAlias = WebSocketDisconnect | WebSocketError
"""Why a conversation is over."""

HIGH_WATER_BYTES: Final = 65_536
"""Bytes that wait for the handler before reading stops, so that a client that sends faster is slowed down by its connection."""
_OVERHEAD_BYTES: Final = 64
"""What a message counts besides its own bytes: many empty ones take room too."""


def size_of(message: str | bytes) -> int:
    """Bytes of a message as they are sent."""
    return len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode("utf-8", "surrogatepass"))


def again(end: End) -> End:
    """The same reason, to be raised once more: an exception that is raised twice would carry the tracebacks of both."""
    copy = type(end)(end.close_code, end.reason)
    copy.__cause__ = end.__cause__
    return copy


class Inbox:
    """Reads messages until there are none.

    Args:
        receive: The next message; raises `WebSocketDisconnect`.
        max_message_size: Bytes that a message may have.
        on_end: Called when there is nothing more to come, with the reason.

    Attributes:
        end: Why there is nothing more to come.
        waiting: How many wait for a message.
    """

    __slots__ = (
        "_arrived",
        "_is_full",
        "_max_message_size",
        "_messages",
        "_on_end",
        "_receive",
        "_room",
        "_task",
        "_waiting_bytes",
        "end",
        "waiting",
    )

    def __init__(self, receive: Callable[[], Awaitable[str | bytes]], max_message_size: int, on_end: Callable[[End], None]) -> None:
        self._receive = receive
        self._max_message_size = max_message_size
        self._on_end = on_end
        self._messages: deque[tuple[str | bytes, int]] = deque()  # each with what it counts
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._is_full = False
        self.end: End | None = None
        self.waiting = 0
        self._task = asyncio.get_running_loop().create_task(self._read())

    def pop(self) -> str | bytes | None:
        """The next message, if it is there already."""
        if not self._messages:
            return None
        message, size = self._messages.popleft()
        self._waiting_bytes -= size
        if self._is_full:
            self._is_full = False
            self._room.set()
        return message

    async def take(self) -> str | bytes:
        """The next message. Several may wait; each message goes to one of them.

        Raises:
            WebSocketDisconnect: all messages are taken and there will be no other.
            WebSocketError: the next message is too large.
        """
        while (message := self.pop()) is None:
            if self.end is not None:
                raise again(self.end)
            self._arrived.clear()
            self.waiting += 1
            try:
                await self._arrived.wait()
            finally:
                self.waiting -= 1
        return message

    def close(self, end: End) -> None:
        """Stops reading; what was not taken is dropped, and who waits is told `end`."""
        self._task.cancel()
        if self.end is None:
            self._messages.clear()
            self.end = end
        self._arrived.set()

    async def _read(self) -> None:
        try:
            while True:
                message = await self._receive()
                size = len(message) if isinstance(message, bytes) or message.isascii() else size_of(message)
                if size > self._max_message_size:
                    raise WebSocketError(1009, f"A message has more than {self._max_message_size} bytes.")
                size += _OVERHEAD_BYTES
                self._messages.append((message, size))
                self._waiting_bytes += size
                if self.waiting:
                    self._arrived.set()
                while self._waiting_bytes >= HIGH_WATER_BYTES:
                    self._is_full = True
                    self._room.clear()
                    await self._room.wait()
        except (WebSocketDisconnect, WebSocketError) as error:
            end: End = error
        except Exception as error:  # the server's own, in place of a message
            end = WebSocketDisconnect(1006)
            end.__cause__ = error
        if self.end is None:
            self.end = end
            self._on_end(end)
        self._arrived.set()


class Mutex:
    """A lock that costs no coroutine where it is free, as it nearly always is. Who comes first has it first.

        if mutex.is_taken:
            await mutex.take()
        else:
            mutex.is_taken = True
        try: ...
        finally:
            mutex.leave()

    Attributes:
        is_taken: Whether somebody has it. Who finds it free takes it by setting this.
    """

    __slots__ = ("_waiting", "is_taken")

    def __init__(self) -> None:
        self.is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Waits for it, behind all others who wait, and takes it; it must not be free."""
        given = asyncio.get_running_loop().create_future()
        self._waiting.append(given)
        try:
            await given
        except BaseException:
            if given.done() and not given.cancelled():  # it was given, and then the task was cancelled
                self.leave()
            raise

    def leave(self) -> None:
        """Gives it to who waits longest, or to nobody."""
        while self._waiting:
            given = self._waiting.popleft()
            if not given.done():  # else who waited has been cancelled
                given.set_result(None)
                return
        self.is_taken = False
