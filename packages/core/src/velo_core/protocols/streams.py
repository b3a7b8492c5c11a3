"""Stepping the content of a streaming response."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextvars import copy_context
from typing import Final, cast

from velo_core.threads import in_thread

__all__ = ["as_async", "as_bytes", "close"]

_END: Final = object()


def as_async(content: AsyncIterable[bytes | str] | Iterable[bytes | str]) -> AsyncIterator[bytes | str]:
    """An asynchronous iterator over `content`; a plain iterable is stepped in the thread pool, for it may block."""
    return aiter(content) if isinstance(content, AsyncIterable) else _Threaded(iter(content))


def as_bytes(chunk: object) -> bytes:
    """What is sent for one piece.

    Raises:
        TypeError: it is neither bytes nor text.
    """
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        return chunk.encode()
    raise TypeError(f"the content of a streaming response gave {type(chunk).__qualname__}, not bytes or str")


async def close(iterator: AsyncIterator[bytes | str]) -> None:
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
        step: Callable[[], object] = lambda: next(self._iterator, _END)  # noqa: E731: StopIteration cannot cross a future
        chunk = await in_thread(step, self._context)
        if chunk is _END:
            raise StopAsyncIteration
        return cast("bytes | str", chunk)  # `as_bytes` looks at it

    async def aclose(self) -> None:
        """Closes the iterator if it can be closed."""
        closing = getattr(self._iterator, "close", None)
        if closing is not None:
            await in_thread(closing, self._context)
