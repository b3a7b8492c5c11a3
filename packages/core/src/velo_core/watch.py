"""Ending a handler that nobody waits for any more: the client has left, or it has taken too long.

A handler that never waits cannot be ended and is never watched; `may_wait` tells which is which when the plan is made, so that what does
not wait does not pay either. One that waits is watched from the moment it has run for `PATIENCE_SECONDS`: most are done by then, and
starting a timer costs a tenth of starting a task.
"""

from __future__ import annotations

import asyncio
import dis
from collections.abc import Awaitable, Callable, Coroutine
from types import CodeType, TracebackType
from typing import Final, Literal, TypeAlias, cast

from velo_core.errors import ClientDisconnect, HTTPError

__all__ = ["PATIENCE_SECONDS", "Deadline", "OnDisconnect", "Watch", "may_wait", "shielded"]

OnDisconnect: TypeAlias = Literal["cancel", "shield", "ignore"]
"""What becomes of a handler whose client has left: cancelled; finished even if the server cancels it; nothing is done about it."""

PATIENCE_SECONDS: Final = 0.1
"""Arbitrary, as long as it is well below a second and well above what most handlers need."""

_WAITING: Final = {dis.opmap[name] for name in ("GET_AWAITABLE", "GET_ANEXT") if name in dis.opmap}


def may_wait(function: Callable[..., object]) -> bool:
    """Whether a coroutine function can ever wait for something: it has an `await`, an `async for` or an `async with`. In doubt, yes."""
    target = getattr(function, "__func__", function)
    code = getattr(target, "__code__", None)
    if not isinstance(code, CodeType):
        return True
    # Arguments of instructions have odd indexes. Inline caches may look like instructions: then it is in doubt.
    return not _WAITING.isdisjoint(code.co_code[::2])


class Watch:
    """Cancels the task that is inside of it when the client leaves.

    Args:
        client_leaves: Returns when the client has gone, or never.

    Raises:
        ClientDisconnect: at its end, in place of the cancellation.
    """

    __slots__ = ("_client_leaves", "_gone", "_task", "_timer", "_watcher")

    def __init__(self, client_leaves: Callable[[], Awaitable[None]]) -> None:
        self._client_leaves = client_leaves
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._task = cast("asyncio.Task[object]", asyncio.current_task())
        self._timer = self._task.get_loop().call_later(PATIENCE_SECONDS, self._start)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone:
            left = self._task.uncancel()
            if left == 0 and isinstance(error, asyncio.CancelledError):
                raise ClientDisconnect("the client left before it was answered") from error

    def _start(self) -> None:
        self._watcher = self._task.get_loop().create_task(self._watch())

    async def _watch(self) -> None:
        await self._client_leaves()
        self._gone = True
        self._task.cancel("the client has gone")


def shielded(
    run: Callable[..., Coroutine[object, object, None]], tasks: set[asyncio.Task[None]]
) -> Callable[..., Coroutine[object, object, None]]:
    """`run` in a task of its own, which goes on when the one that called it is cancelled.

    Args:
        run: A coroutine function.
        tasks: Where the task is kept until it ends.
    """

    async def run_shielded(*arguments: object) -> None:
        task = asyncio.ensure_future(run(*arguments))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.shield(task)

    return run_shielded


class Deadline:
    """Gives what is inside of it so many seconds.

    Args:
        seconds: More than zero.

    Raises:
        HTTPError: 503 at its end, in place of the cancellation: the server is too slow at present, so the client may try again later.
    """

    __slots__ = ("_seconds", "_timeout")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()

    def lift(self) -> None:
        """Gives what is inside all the time it needs."""
        self._timeout.reschedule(None)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as expired:
            if not self._timeout.expired():
                raise
            raise HTTPError(503, f"The request took longer than the {self._seconds:g} seconds that it may take.") from expired
