"""The content of streaming responses: iterating, sending and closing it, the same on every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextvars import copy_context
from time import monotonic
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from velo_core.threads import InThread, in_teardown_thread, in_thread

__all__ = ["Begun", "ClientGone", "Mapped", "Pulse", "close_content", "iterate", "send_chunks", "send_pieces"]

T = TypeVar("T")
Made = TypeVar("Made")
Content: TypeAlias = AsyncIterable[bytes | str] | Iterable[bytes | str]

_END: Final = object()

TURN_PIECES: Final = 128
"""Pieces of a stream that are sent before others have their turn with the loop, if nothing has waited; a turn costs more than a piece."""
TURN_SECONDS: Final = 0.001
"""The same in time, for pieces that take long to be made."""


class ClientGone(ConnectionResetError):
    """The client left while it was answered, and nobody is there to be told. What the content itself raises is never this."""


class Pulse:
    """What a stream that sends, and another one that fills its silence, know of each other: servers want one piece at a time.

    Attributes:
        last: When the last piece was sent, by `time.monotonic`.
        sends: Whether the stream is sending one.
        filled: Done when what fills the silence has been sent; `None` if nothing is being sent there.
    """

    __slots__ = ("filled", "last", "sends")

    def __init__(self) -> None:
        self.last = monotonic()
        self.sends = False
        self.filled: asyncio.Future[None] | None = None


async def send_chunks(
    content: Content,
    send: Callable[[bytes], Awaitable[None]],
    client_leaves: Callable[[], Awaitable[None]],
    *,
    until: Callable[[], Awaitable[None]] | None = None,
    pulse: Pulse | None = None,
) -> None:
    """Sends all of `content`, piece by piece, and closes it; stops where it is when the client goes away.

    Args:
        content: A plain iterable is stepped in the thread pool, for it may block.
        send: Sends one piece; raises `ClientGone` when it finds that nobody is there.
        client_leaves: Returns when the client has gone, or never.
        until: Returns when no more is to be sent. The content is cancelled if it waits for something then.
        pulse: Is told of each piece, if somebody else sends as well.

    Raises:
        ClientGone: the client has gone.
        Exception: what `content` raises, or `TypeError` for a piece that cannot be sent.
    """
    iterator = iterate(content)
    items, convert = _unmapped(iterator)
    sender = cast("asyncio.Task[object]", asyncio.current_task())
    gone = over = False
    waits = True
    cancellations = 0

    async def watch() -> None:
        nonlocal gone, cancellations
        await client_leaves()
        gone = True
        cancellations += 1
        sender.cancel()

    async def watch_end(until: Callable[[], Awaitable[None]]) -> None:
        nonlocal over, cancellations
        await until()
        over = True
        if waits:  # and not in the middle of sending a piece
            cancellations += 1
            sender.cancel()

    watchers = [asyncio.ensure_future(watch())]
    if until is not None:
        watchers.append(asyncio.ensure_future(watch_end(until)))
    try:
        turn_over, pieces = monotonic() + TURN_SECONDS, TURN_PIECES
        async for item in items:
            waits = False
            chunk: Any = item if convert is None else convert(item)
            if pulse is not None:
                if pulse.filled is not None:
                    await pulse.filled
                pulse.sends = True
            await send(chunk if chunk.__class__ is bytes else _bytes(chunk))
            now = monotonic()
            if pulse is not None:
                pulse.sends = False
                pulse.last = now
            # Most servers take what they are given at once. Content that never waits for anything else would keep the loop, and the news
            # that the client has gone, for itself.
            pieces -= 1
            if pieces == 0 or now > turn_over:
                await asyncio.sleep(0)
                turn_over, pieces = monotonic() + TURN_SECONDS, TURN_PIECES
            if gone or over:  # the content has caught the cancellation, or has never waited
                break
            waits = True
    except asyncio.CancelledError:
        if not cancellations:  # somebody else cancels us
            raise
    finally:
        waits = False
        for watcher in watchers:
            watcher.cancel()
        await _close(iterator)
    for _ in range(cancellations):
        sender.uncancel()
    if gone:
        raise ClientGone


async def send_pieces(content: Content, send: Callable[[bytes], Awaitable[None]]) -> None:
    """Sends all of `content`, piece by piece, and closes it, where sending waits until the next piece is wanted.

    Args:
        content: As for `send_chunks`.
        send: Sends one piece, which is not empty.

    Raises:
        ClientGone: `send` has raised it.
        Exception: what `content` raises, or `TypeError` for a piece that cannot be sent.
    """
    iterator = iterate(content)
    try:
        async for chunk in iterator:
            piece = _bytes(chunk)
            if piece:
                await send(piece)
    finally:
        await _close(iterator)


async def close_content(content: Content) -> None:
    """Closes content of which nothing is sent."""
    await _close(iterate(content))


def iterate(content: AsyncIterable[T] | Iterable[T], in_thread: InThread = in_thread) -> AsyncIterator[T]:
    """An asynchronous iterator over `content`; a plain iterable is stepped in threads."""
    return aiter(content) if isinstance(content, AsyncIterable) else _Threaded(iter(content), in_thread)


class Mapped(Generic[T, Made]):
    """An iterator whose items are made into something to send; closing it closes the iterator.

    Args:
        iterator: What is stepped.
        function: Item to bytes or text, or to what is made into them.
    """

    def __init__(self, iterator: AsyncIterator[T], function: Callable[[T], Made]) -> None:
        self._iterator = iterator
        self._function = function

    @property
    def parts(self) -> tuple[AsyncIterator[T], Callable[[T], Made]]:
        """The iterator and the function."""
        return self._iterator, self._function

    def __aiter__(self) -> Mapped[T, Made]:
        return self

    async def __anext__(self) -> Made:
        return self._function(await anext(self._iterator))

    async def aclose(self) -> None:
        """Closes the iterator."""
        await _close(self._iterator)


class Begun(Generic[T]):
    """An iterator that has given its first item already, so that what goes wrong before that can still be answered.

    Made by `begin`.
    """

    def __init__(self, iterator: AsyncIterator[T], first: list[T]) -> None:
        self._iterator = iterator
        self.first = first
        """The first item, until it has been taken; empty if there is none."""

    @classmethod
    async def begin(cls, iterator: AsyncIterator[T]) -> Begun[T]:
        """Steps `iterator` once.

        Raises:
            Exception: what it raises; it is closed then.
        """
        try:
            return cls(iterator, [await anext(iterator)])
        except StopAsyncIteration:
            return cls(iterator, [])
        except BaseException:
            await _close(iterator)
            raise

    def __aiter__(self) -> Begun[T]:
        return self

    async def __anext__(self) -> T:
        return self.first.pop() if self.first else await anext(self._iterator)

    async def aclose(self) -> None:
        """Closes the iterator."""
        self.first.clear()
        await _close(self._iterator)


def _unmapped(iterator: AsyncIterator[object]) -> tuple[AsyncIterator[object], Callable[[Any], object] | None]:
    """What is iterated, and what makes pieces of its items, which saves a coroutine for each."""
    return cast("Mapped[object, object]", iterator).parts if isinstance(iterator, Mapped) else (iterator, None)


def _bytes(chunk: object) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        return chunk.encode()
    raise TypeError(f"the content of a streaming response gave {type(chunk).__qualname__}, not bytes or str")


async def _close(iterator: AsyncIterator[object]) -> None:
    """Lets a generator run its `finally` blocks now, and not when it is collected."""
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()


class _Threaded(Generic[T]):
    """A plain iterator, stepped in threads; all steps see the same context variables, as they would in one function."""

    def __init__(self, iterator: Iterator[T], in_thread: InThread) -> None:
        self._iterator = iterator
        self._in_thread = in_thread
        self._context = copy_context()

    def __aiter__(self) -> _Threaded[T]:
        return self

    async def __anext__(self) -> T:
        item = await self._in_thread(self._step, self._context)
        if item is _END:
            raise StopAsyncIteration
        return cast("T", item)

    def _step(self) -> object:
        return next(self._iterator, _END)  # StopIteration cannot cross a future

    async def aclose(self) -> None:
        """Closes the iterator if it can be closed."""
        closing: Callable[[], None] | None = getattr(self._iterator, "close", None)
        if closing is not None:
            await in_teardown_thread(closing, self._context)
