"""The content of streaming responses: iterating, sending and closing it, the same on every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextvars import copy_context
from typing import Final, TypeAlias, cast

from velo_core.threads import in_teardown_thread, in_thread

__all__ = ["ClientGone", "close_content", "send_chunks", "send_pieces"]

Content: TypeAlias = AsyncIterable[bytes | str] | Iterable[bytes | str]

_END: Final = object()


class ClientGone(ConnectionResetError):
    """The client left while it was answered, and nobody is there to be told. What the content itself raises is never this."""


async def send_chunks(content: Content, send: Callable[[bytes], Awaitable[None]], client_leaves: Callable[[], Awaitable[None]]) -> None:
    """Sends all of `content`, piece by piece, and closes it; stops where it is when the client goes away.

    Args:
        content: A plain iterable is stepped in the thread pool, for it may block.
        send: Sends one piece; raises `ClientGone` when it finds that nobody is there.
        client_leaves: Returns when the client has gone, or never.

    Raises:
        ClientGone: the client has gone.
        Exception: what `content` raises, or `TypeError` for a piece that cannot be sent.
    """
    iterator = _iterator(content)
    sender = cast("asyncio.Task[object]", asyncio.current_task())
    gone = False

    async def watch() -> None:
        nonlocal gone
        await client_leaves()
        gone = True
        sender.cancel()

    watcher = asyncio.ensure_future(watch())
    try:
        async for chunk in iterator:
            await send(_bytes(chunk))
            # Most servers take what they are given at once. Content that never waits for anything else would keep the loop, and the news
            # that the client has gone, for itself.
            await asyncio.sleep(0)
            if gone:  # and the content has caught the cancellation
                break
    except asyncio.CancelledError:
        if not gone:  # somebody else cancels us
            raise
    finally:
        watcher.cancel()
        await _close(iterator)
    if gone:
        sender.uncancel()
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
    iterator = _iterator(content)
    try:
        async for chunk in iterator:
            piece = _bytes(chunk)
            if piece:
                await send(piece)
    finally:
        await _close(iterator)


async def close_content(content: Content) -> None:
    """Closes content of which nothing is sent."""
    await _close(_iterator(content))


def _iterator(content: Content) -> AsyncIterator[bytes | str]:
    return aiter(content) if isinstance(content, AsyncIterable) else _Threaded(iter(content))


def _bytes(chunk: object) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        return chunk.encode()
    raise TypeError(f"the content of a streaming response gave {type(chunk).__qualname__}, not bytes or str")


async def _close(iterator: AsyncIterator[bytes | str]) -> None:
    """Lets a generator run its `finally` blocks now, and not when it is collected."""
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()


class _Threaded:
    """A plain iterator, stepped in the thread pool; all steps see the same context variables, as they would in one function."""

    def __init__(self, iterator: Iterator[bytes | str]) -> None:
        self._iterator = iterator
        self._context = copy_context()

    def __aiter__(self) -> _Threaded:
        return self

    async def __anext__(self) -> bytes | str:
        chunk = await in_thread(self._step, self._context)
        if chunk is _END:
            raise StopAsyncIteration
        return cast("bytes | str", chunk)  # `_bytes` looks at it

    def _step(self) -> object:
        return next(self._iterator, _END)  # StopIteration cannot cross a future

    async def aclose(self) -> None:
        """Closes the iterator if it can be closed."""
        closing: Callable[[], None] | None = getattr(self._iterator, "close", None)
        if closing is not None:
            await in_teardown_thread(closing, self._context)
