"""The thread pool for plain functions, which may block.

One bounded pool for the whole process, made when first used. Its bound is a promise to the rest of the machine, not a tuning knob for
speed: 40 threads wait well for slow databases and still fit into a small container.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor
    from contextvars import Context

__all__ = ["MAX_THREADS", "in_thread"]

T = TypeVar("T")
MAX_THREADS = 40

_pool: ThreadPoolExecutor | None = None


async def in_thread(function: Callable[[], T], context: Context | None = None) -> T:
    """What `function` returns, called in the pool.

    A thread cannot be interrupted. If the caller is cancelled meanwhile, this waits until the function has ended (or takes it back, if it
    has not begun), so that nothing is closed while the thread still works with it.

    Args:
        context: Where `function` runs and leaves its changes of context variables; a copy of the caller's if `None`.

    Raises:
        RuntimeError: the function raised `StopIteration`, which no future can carry.
    """
    import asyncio
    from contextvars import copy_context

    job = _threads().submit((copy_context() if context is None else context).run, _call, function)
    try:
        return await asyncio.wrap_future(job)
    except asyncio.CancelledError:
        if not job.cancel():
            await _end_of(job)
        raise


def _call(function: Callable[[], T]) -> T:
    try:
        return function()
    except StopIteration as error:  # as coroutines do it (PEP 479); before Python 3.12 the caller would wait for ever
        raise RuntimeError("a plain function raised StopIteration") from error


async def _end_of(job: Future[T]) -> None:
    """Waits, whatever comes, until `job` is done."""
    import asyncio

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    job.add_done_callback(lambda job: loop.call_soon_threadsafe(ended.set))
    while not ended.is_set():
        try:
            await ended.wait()
        except asyncio.CancelledError:  # the first one is raised when the thread is done
            continue


def _threads() -> ThreadPoolExecutor:
    global _pool  # noqa: PLW0603 - one pool for the process is what a bound on threads means
    if _pool is None:
        from concurrent.futures import ThreadPoolExecutor

        _pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="velo")
    return _pool
