"""Stepping the content of a streaming response."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from functools import partial

from velo_core.threads import in_thread

__all__ = ["as_async", "close"]


def as_async(content: AsyncIterable[bytes | str] | Iterable[bytes | str]) -> AsyncIterator[bytes | str]:
    """An asynchronous iterator over `content`; a plain iterable is stepped in the thread pool, for it may block."""
    return aiter(content) if isinstance(content, AsyncIterable) else _Threaded(iter(content))


async def close(iterator: AsyncIterator[bytes | str]) -> None:
    """Lets a generator run its `finally` blocks now, and not when it is collected."""
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()


class _Threaded:
    """A plain iterator, stepped in the thread pool."""

    def __init__(self, iterator: Iterator[bytes | str]) -> None:
        self._iterator = iterator

    def __aiter__(self) -> _Threaded:
        return self

    async def __anext__(self) -> bytes | str:
        chunk = await in_thread(partial(next, self._iterator, None))  # with a default: StopIteration cannot cross a future
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Closes the iterator if it can be closed."""
        closing = getattr(self._iterator, "close", None)
        if closing is not None:
            await in_thread(closing)
