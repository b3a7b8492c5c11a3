"""What was opened, and how it is closed again.

A dependency that yields is open until the response has been sent, or with the lifetime `"handler"` until the handler has returned; an error
reaches it at its `yield`, before the error is answered, so that a transaction can be rolled back.

`contextlib.AsyncExitStack` is not used for one reason: there, a manager that swallows an error hides it from those outside of it. Here the
client is told of the error in any case, so what was opened before must not take it for a success.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import copy_context
from typing import TypeAlias, TypeVar

from velo_core.background import RELEASE, BackgroundTasks, report
from velo_core.streams import ClientGone
from velo_core.threads import InThread, in_teardown_thread

__all__ = ["Teardown"]

T = TypeVar("T")
Leave: TypeAlias = Callable[[BaseException | None], Awaitable[object]]


class Teardown:
    """Closes, in reverse order, what was entered: first what is to be closed early, then the rest."""

    __slots__ = ("_early", "_open", "_tasks")

    def __init__(self) -> None:
        self._open: list[Leave] = []
        self._early: list[Leave] = []
        self._tasks: BackgroundTasks | None = None

    @property
    def tasks(self) -> BackgroundTasks:
        """What is to be done after the response, before the rest is closed."""
        if self._tasks is None:
            self._tasks = BackgroundTasks()
        return self._tasks

    @property
    def is_open(self) -> bool:
        """Whether there is anything to close."""
        return bool(self._open or self._early or self._tasks)

    async def enter(self, manager: AbstractAsyncContextManager[T], *, early: bool = False) -> T:
        """Enters `manager`, to be left at the end; if `early`, before the response is sent."""
        value = await manager.__aenter__()
        (self._early if early else self._open).append(
            lambda error: manager.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
        )
        return value

    async def enter_in_thread(self, manager: AbstractContextManager[T], in_thread: InThread, *, early: bool = False) -> T:
        """Enters a blocking `manager` in a thread, to be left in one as well, in the same context: variables it sets it can reset."""
        context = copy_context()
        entered = False

        def enter() -> T:
            nonlocal entered
            value = manager.__enter__()
            entered = True
            return value

        async def leave(error: BaseException | None) -> None:
            if entered:
                kind, trace = (type(error), error.__traceback__) if error else (None, None)
                await in_teardown_thread(lambda: manager.__exit__(kind, error, trace), context)

        # Before it is entered: whoever is cancelled while the thread opens something has to close it.
        (self._early if early else self._open).append(leave)
        return await in_thread(enter, context)

    async def end_early(self, error: BaseException | None = None) -> None:
        """Closes what lives as long as the handler, because of `error` if there is one.

        Raises:
            BaseException: what a tear-down raised, else `error`.
        """
        ended = await _close(self._early, error)
        if ended is not None:
            raise ended

    async def fail(self, error: Exception) -> Exception:
        """Closes everything because of `error`.

        Returns:
            The error to answer: the same one, or what a tear-down raised in its place. A tear-down that swallows the error changes nothing,
            neither for the answer nor for what was opened before.
        """
        self._tasks = None
        ended = await self.close(error)
        if isinstance(ended, Exception):
            return ended
        raise ended or error

    async def finish(self, error: BaseException | None) -> None:
        """Does what is to be done after the response, and closes everything. What goes wrong now is logged.

        Args:
            error: What has kept the response from being sent, if anything; then everything is closed because of it.
        """
        tasks, self._tasks = self._tasks, None
        if tasks and (error is None or isinstance(error, ClientGone)):
            release = RELEASE.get()
            if release is not None and not release.done():
                release.set_result(None)
            try:
                await tasks.run()
            except BaseException as cancelled:
                await self.close(cancelled)
                raise
        ended = await self.close(error)
        if ended is error or ended is None:
            return
        if not isinstance(ended, Exception):
            raise ended
        report("the tear-down of a dependency failed after the response", error=ended)

    async def close(self, error: BaseException | None) -> BaseException | None:
        """Leaves everything, whatever happens. Returns the error as it is in the end."""
        return await _close(self._open, await _close(self._early, error))


async def _close(opened: list[Leave], error: BaseException | None) -> BaseException | None:
    while opened:
        leave = opened.pop()
        try:
            await leave(error)
        except BaseException as raised:
            error = raised
    return error
