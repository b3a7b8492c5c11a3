"""The content of streaming responses: iterating, sending and closing it, the same on every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextvars import copy_context
from time import monotonic
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from velo_core.threads import InThread, in_teardown_thread, in_thread

__all__ = ["Begun", "ClientGone", "Mapped", "close_content", "iterate", "send_chunks", "send_pieces"]

T = TypeVar("T")
Made = TypeVar("Made")
Content: TypeAlias = AsyncIterable[bytes | str] | Iterable[bytes | str]
Sources: TypeAlias = tuple[AsyncIterator[object], ...]

_END: Final = object()

TURN_PIECES: Final = 512
"""Pieces of a stream that are sent before others have their turn with the loop, if nothing has waited; a turn costs more than a piece."""
TURN_SECONDS: Final = 0.001
"""The same in time, for pieces that take long to be made."""
LOOK_PIECES: Final = 4
"""Pieces for one look at the clock, which costs a sixth of one, while they are quick."""
QUICK_SECONDS: Final = TURN_SECONDS / 16
"""Pieces are quick if the last one took less. The first slow ones after them are seen late, by at most `LOOK_PIECES` of them."""


class ClientGone(ConnectionResetError):
    """The client left while it was answered, and nobody is there to be told. What the content itself raises is never this."""


async def send_chunks(
    content: Content,
    send: Callable[[bytes], Awaitable[None]],
    client_leaves: Callable[[], Awaitable[None]],
    *,
    lost: tuple[type[Exception], ...] = (),
    until: Callable[[], Awaitable[None]] | None = None,
    filler: tuple[float, bytes] | None = None,
) -> None:
    """Sends all of `content`, piece by piece, and closes it; stops where it is when the client goes away.

    Args:
        content: A plain iterable is stepped in the thread pool, for it may block.
        send: Sends one piece; raises `ClientGone`, or one of `lost`, when it finds that nobody is there.
        client_leaves: Returns when the client has gone, or never.
        lost: What else `send` raises then. From the content, the same is an error as every other.
        until: Returns when no more is to be sent. The content is cancelled if it waits for something then.
        filler: After so many seconds without a piece, these bytes are sent.

    Raises:
        ClientGone: the client has gone.
        Exception: what `content` raises, or `TypeError` for a piece that cannot be sent.
    """
    iterator = iterate(content)
    sources, convert = _taken_apart(iterator)
    beside = _Beside(send, client_leaves, lost, until, filler)
    looked = beside.last
    turn_over, turn_left = looked + TURN_SECONDS, TURN_PIECES
    step = left = 1
    try:
        for source in sources:
            async for item in source:
                beside.waits = False
                chunk: Any = item if convert is None else convert(item)
                if beside.filled is not None:
                    await beside.filled
                piece = chunk if chunk.__class__ is bytes else _bytes(chunk)
                try:
                    await send(piece)
                except lost as error:
                    raise ClientGone from error
                left -= 1
                if not left:
                    beside.last = now = monotonic()
                    turn_left -= step
                    # Most servers take what they are given at once. Content that never waits for anything else would keep the loop, and the
                    # news that the client has gone, for itself.
                    if now > turn_over or turn_left <= 0:
                        await asyncio.sleep(0)
                        turn_over, turn_left = monotonic() + TURN_SECONDS, TURN_PIECES
                    left = step = LOOK_PIECES if now - looked < step * QUICK_SECONDS else 1
                    looked = now
                if beside.stops:  # the content has caught the cancellation, or has never waited
                    break
                beside.waits = True
            if beside.stops:
                break
    except asyncio.CancelledError:
        if not beside.cancellations:  # somebody else cancels us
            raise
    finally:
        filling = beside.end()
        try:
            await _close(iterator)
        finally:
            if filling is not None:
                await asyncio.wait({filling})
    if beside.is_gone():
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
    sources, convert = _taken_apart(iterator)
    try:
        for source in sources:
            async for item in source:
                piece = _bytes(item if convert is None else convert(item))
                if piece:
                    await send(piece)
    finally:
        await _close(iterator)


class _Beside:
    """What happens beside a stream while it waits for something: the client leaves, the application closes, silence is filled.

    All of that begins with the first turn that others have with the loop: a stream that never waits, as many do, makes no task for it.

    Args:
        send: As for `send_chunks`, and so are the others.

    Attributes:
        waits: Whether the stream waits for its content, and is not in the middle of sending a piece. Servers want one at a time.
        last: When the last piece was sent, by `time.monotonic`. A few may be missed: silence is filled sooner then, never later.
        filled: Done when what fills the silence has been sent; `None` if nothing is being sent there.
        stops: Whether no more is to be sent; always so after `end`.
        cancellations: How often the task that sends has been cancelled from here.
    """

    __slots__ = (
        "_begins",
        "_client_leaves",
        "_filler",
        "_filling",
        "_gone",
        "_loop",
        "_lost",
        "_send",
        "_sender",
        "_until",
        "_watchers",
        "cancellations",
        "filled",
        "last",
        "stops",
        "waits",
    )

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        client_leaves: Callable[[], Awaitable[None]],
        lost: tuple[type[Exception], ...],
        until: Callable[[], Awaitable[None]] | None,
        filler: tuple[float, bytes] | None,
    ) -> None:
        self._send, self._client_leaves, self._until, self._filler = send, client_leaves, until, filler
        self._lost: tuple[type[Exception], ...] = (ClientGone, *lost)
        self._sender = cast("asyncio.Task[object]", asyncio.current_task())
        self._watchers: list[asyncio.Task[None]] = []
        self._filling: asyncio.Task[None] | None = None
        self._gone = self.stops = False
        self.waits = True
        self.cancellations = 0
        self.filled: asyncio.Future[None] | None = None
        self.last = monotonic()
        self._loop = asyncio.get_running_loop()
        self._begins: asyncio.Handle = self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._watchers.append(self._loop.create_task(self._watch_client()))
        if self._until is not None:
            self._watchers.append(self._loop.create_task(self._watch_end(self._until)))
        if self._filler is not None:
            self._begins = self._loop.call_later(self._filler[0], self._fill_silence, *self._filler)

    async def _watch_client(self) -> None:
        await self._client_leaves()
        self._leave()

    def _leave(self) -> None:
        self._gone = True
        self._stop()

    def _stop(self) -> None:
        self.stops = True
        self.cancellations += 1
        self._sender.cancel()

    async def _watch_end(self, until: Callable[[], Awaitable[None]]) -> None:
        await until()
        self.stops = True
        if self.waits:
            self._stop()

    def _fill_silence(self, seconds: float, filler: bytes) -> None:
        rest = self.last + seconds - monotonic()
        if rest <= 0 and self.waits:
            self.filled = self._loop.create_future()  # now, for the stream may go on before the task begins
            self._filling = self._loop.create_task(self._fill(self.filled, seconds, filler))
        else:  # a slow client has enough to read
            self._begins = self._loop.call_later(rest if rest > 0 else seconds, self._fill_silence, seconds, filler)

    async def _fill(self, filled: asyncio.Future[None], seconds: float, filler: bytes) -> None:
        try:
            await self._send(filler)
        except self._lost:  # some protocols tell only those who send
            self._leave()
        else:
            self.last = monotonic()
            if not self.stops:  # servers may catch a cancellation
                self._begins = self._loop.call_later(seconds, self._fill_silence, seconds, filler)
        finally:
            self.filled = None
            if not filled.done():  # else who waited for it has been cancelled
                filled.set_result(None)

    def end(self) -> asyncio.Task[None] | None:
        """Nothing happens any more; what is being sent there ends soon, and is to be waited for."""
        self.waits, self.stops = False, True
        self._begins.cancel()
        filling, self._filling = self._filling, None  # a task that has been cancelled refers to this object, and RSGI's streams end when
        watchers, self._watchers = self._watchers, []  # nothing refers to them any more, which must not wait for the garbage collector
        for watcher in watchers:
            watcher.cancel()
        if filling is not None:
            filling.cancel()
        return filling

    def is_gone(self) -> bool:
        """Whether the client has gone; the cancellations are forgotten, for they have done their work."""
        for _ in range(self.cancellations):
            self._sender.uncancel()
        return self._gone


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
        if isinstance(iterator, Mapped):  # one coroutine for each item, not two
            inner, first = cast("tuple[AsyncIterator[Any], Callable[[object], T]]", iterator.parts)
            self._iterator: AsyncIterator[Any] = inner
            self._function: Callable[[Any], Made] = lambda item: function(first(item))
        else:
            self._iterator, self._function = iterator, function

    @property
    def parts(self) -> tuple[AsyncIterator[Any], Callable[[Any], Made]]:
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

    @property
    def parts(self) -> tuple[AsyncIterator[T], ...]:
        """The first item, unless somebody has taken it, and the iterator with the others."""
        return _Taken(self.first), self._iterator

    async def aclose(self) -> None:
        """Closes the iterator."""
        self.first.clear()
        await _close(self._iterator)


class _Taken(Generic[T]):
    """An iterator that takes items out of a list."""

    def __init__(self, items: list[T]) -> None:
        self._items = items

    def __aiter__(self) -> _Taken[T]:
        return self

    async def __anext__(self) -> T:
        if not self._items:
            raise StopAsyncIteration
        return self._items.pop()


def _taken_apart(iterator: AsyncIterator[object]) -> tuple[Sources, Callable[[Any], object] | None]:
    """What is iterated, one after the other, and what makes pieces of the items, which saves a coroutine or two for each."""
    convert = None
    if isinstance(iterator, Mapped):
        iterator, convert = cast("Mapped[object, object]", iterator).parts
    return iterator.parts if isinstance(iterator, Begun) else (iterator,), convert


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
