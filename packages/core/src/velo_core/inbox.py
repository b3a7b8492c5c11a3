"""What waits at a websocket: messages that have come and nobody has taken yet, and those who want to send.

One task reads, for as long as the conversation lasts. So it is known when the client leaves, whatever the handler does meanwhile; and a
handler that gives up waiting (`asyncio.timeout`) gives up nothing of the server's, where a read that is cancelled may lose a message.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias

from velo_core.errors import WebSocketDisconnect, WebSocketError

__all__ = ["End", "Inbox", "Mutex", "again", "begun", "size_of"]

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


def begun(coroutine: Coroutine[object, object, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
    """A task that has run up to where it waits for the first time, and is done if it never does.

    That saves a turn of the loop, which costs more than the task. It is a plain task on Python 3.11, which has no other, and where the loop
    makes tasks in a way of its own.
    """
    if sys.version_info < (3, 12) or loop.get_task_factory() is not None:
        return loop.create_task(coroutine)
    return asyncio.Task(coroutine, loop=loop, eager_start=True)


class Source(Protocol):
    """What gives messages; see `Channel`."""

    def receive(self) -> Awaitable[Any]: ...
    def read(self, message: Any) -> str | bytes: ...


class Inbox:
    """Reads messages until there are none.

    Args:
        source: What gives them.
        max_message_size: Bytes that a message may have.
        on_end: Called when there is nothing more to come, with the reason.

    Attributes:
        end: Why there is nothing more to come.
        has_given: Whether a message has been taken.
    """

    __slots__ = (
        "_loop",
        "_max_message_size",
        "_messages",
        "_on_end",
        "_room",
        "_source",
        "_task",
        "_waiters",
        "_waiting_bytes",
        "end",
        "has_given",
    )

    def __init__(self, source: Source, max_message_size: int, on_end: Callable[[End], None]) -> None:
        self._source = source
        self._max_message_size = max_message_size
        self._on_end = on_end
        self._messages: deque[tuple[str | bytes, int]] = deque()  # each with what it counts
        self._waiting_bytes = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._room: asyncio.Future[None] | None = None  # what the reader waits for
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.end: End | None = None
        self.has_given = False

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits for a message."""
        return bool(self._waiters)

    def start(self) -> None:
        """Begins to read.

        What the server has already is there when this returns. But the end is told in the next turn of the loop: by then it is known
        whether the handler waits for messages.
        """
        self._task = begun(self._read(), self._loop)
        if self.end is not None:
            self._loop.call_soon(self._on_end, self.end)

    def pop(self) -> str | bytes | None:
        """The next message, if it is there already."""
        if not self._messages:
            return None
        self.has_given = True
        message, size = self._messages.popleft()
        self._waiting_bytes -= size
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return message

    async def take(self) -> str | bytes | End:
        """The next message when `pop` has found none, or why there will be none. Several may wait; each message goes to one of them."""
        while self.end is None:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
            message = self.pop()
            if message is not None:
                return message
        return self.end

    def close(self, end: End) -> None:
        """Stops reading; what was not taken is dropped, and who waits is told `end`."""
        if self._task is not None:
            self._task.cancel()
        if self.end is None:
            self._messages.clear()
            self.end = end
        self._wake()

    async def _read(self) -> None:
        receive, read = self._source.receive, self._source.read
        try:
            while True:
                message = read(await receive())
                size = len(message) if isinstance(message, bytes) or message.isascii() else size_of(message)
                if size > self._max_message_size:
                    raise WebSocketError(1009, f"A message has more than {self._max_message_size} bytes.")
                size += _OVERHEAD_BYTES
                self._messages.append((message, size))
                self._waiting_bytes += size
                if self._waiters:
                    self._wake()
                while self._waiting_bytes >= HIGH_WATER_BYTES:
                    self._room = self._loop.create_future()
                    await self._room
                    self._room = None
        except (WebSocketDisconnect, WebSocketError) as error:
            end: End = error
        except Exception as error:  # the server's own, in place of a message
            end = WebSocketDisconnect(1006)
            end.__cause__ = error
        if self.end is None:
            self.end = end
            if self._task is not None:  # else `start` tells it
                self._on_end(end)
        self._wake()

    def _wake(self) -> None:
        """Lets all look again who wait."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


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
        waiting: Those who wait for it; `None` if nobody ever has, so that it may be left by setting `is_taken`.
    """

    __slots__ = ("is_taken", "waiting")

    def __init__(self) -> None:
        self.is_taken = False
        self.waiting: deque[asyncio.Future[None]] | None = None  # few ever need one

    async def take(self) -> None:
        """Waits for it, behind all others who wait, and takes it; it must not be free."""
        given = asyncio.get_running_loop().create_future()
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(given)
        try:
            await given
        except BaseException:
            if given.done() and not given.cancelled():  # it was given, and then the task was cancelled
                self.leave()
            raise

    def leave(self) -> None:
        """Gives it to who waits longest, or to nobody."""
        while self.waiting:
            given = self.waiting.popleft()
            if not given.done():  # else who waited has been cancelled
                given.set_result(None)
                return
        self.is_taken = False
