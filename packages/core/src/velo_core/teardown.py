"""What a request opened, and how it is closed again.

A dependency that yields is open until the response has been sent; an error reaches it at its `yield`, before the error is answered, so
that a transaction can be rolled back.

`contextlib.AsyncExitStack` is not used for one reason: there, a manager that swallows an error hides it from those outside of it. Here the
client is told of the error in any case, so what was opened before must not take it for a success.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import copy_context
from typing import TypeAlias, TypeVar

from velo_core.errors import error_reporter
from velo_core.threads import in_thread

__all__ = ["Teardown"]

T = TypeVar("T")
Leave: TypeAlias = Callable[[BaseException | None], Awaitable[object]]
logger = logging.getLogger("velo")


class Teardown:
    """Closes, in reverse order, what was entered."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[Leave] = []

    async def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enters `manager`, to be left at the end."""
        value = await manager.__aenter__()
        self._open.append(lambda error: manager.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None))
        return value

    async def enter_in_thread(self, manager: AbstractContextManager[T]) -> T:
        """Enters a blocking `manager` in the thread pool, to be left there as well, in the same context: variables it sets it can reset."""
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
                await in_thread(lambda: manager.__exit__(kind, error, trace), context)

        self._open.append(leave)  # before it is entered: whoever is cancelled while the thread opens something has to close it
        return await in_thread(enter, context)

    async def fail(self, error: Exception) -> Exception:
        """Closes everything because of `error`.

        Returns:
            The error to answer: the same one, or what a tear-down raised in its place. A tear-down that swallows the error changes nothing,
            neither for the answer nor for what was opened before.
        """
        ended = await self._close(error)
        if isinstance(ended, Exception):
            return ended
        raise ended or error

    async def finish(self, error: BaseException | None) -> None:
        """Closes everything after the response, or after `error` has kept it from being sent. What goes wrong now is logged."""
        ended = await self._close(error)
        if ended is error or ended is None:
            return
        if not isinstance(ended, Exception):
            raise ended
        logger.error("the tear-down of a dependency failed after the response", exc_info=ended)
        reporter = error_reporter.get()
        if reporter is not None:
            reporter(ended)

    async def _close(self, error: BaseException | None) -> BaseException | None:
        """Leaves everything, whatever happens. Returns the error as it is in the end."""
        while self._open:
            leave = self._open.pop()
            try:
                await leave(error)
            except BaseException as raised:
                error = raised
        return error
