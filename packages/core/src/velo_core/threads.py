"""The thread pool for plain functions, which may block.

One bounded pool for the whole process, made when first used. Its bound is a promise to the rest of the machine, not a tuning knob for
speed: 40 threads wait well for slow databases and still fit into a small container.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["MAX_THREADS", "in_thread"]

T = TypeVar("T")
MAX_THREADS = 40

_pool: ThreadPoolExecutor | None = None


async def in_thread(function: Callable[[], T]) -> T:
    """What `function` returns, called in the pool with the context variables of the caller."""
    import asyncio
    from contextvars import copy_context

    return await asyncio.get_running_loop().run_in_executor(_threads(), copy_context().run, function)


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        from concurrent.futures import ThreadPoolExecutor

        _pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="velo")
    return _pool
