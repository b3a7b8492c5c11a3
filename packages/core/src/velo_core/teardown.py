"""What a request opened, and how it is closed again.

A dependency that yields is open until the response has been sent; an error reaches it at its `yield`, before the error is answered, so
that a transaction can be rolled back. `contextlib.AsyncExitStack` does the bookkeeping.
"""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from types import TracebackType
from typing import TypeVar

from velo_core.threads import in_thread

__all__ = ["Teardown"]

T = TypeVar("T")
logger = logging.getLogger("velo")


class Teardown:
    """Closes, in reverse order, what was entered."""

    __slots__ = ("_stack",)

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enters `manager`, to be left at the end."""
        return await self._stack.enter_async_context(manager)

    async def enter_in_thread(self, manager: AbstractContextManager[T]) -> T:
        """Enters a blocking `manager` in the thread pool, to be left there as well."""
        value = await in_thread(manager.__enter__)

        async def leave(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool | None:
            return await in_thread(lambda: manager.__exit__(kind, error, trace))

        self._stack.push_async_exit(leave)
        return value

    async def fail(self, error: Exception) -> Exception:
        """Closes everything because of `error`.

        Returns:
            The error to answer: the same one, or what a tear-down raised in its place. A tear-down that swallows the error changes nothing
            about the answer, for there is no other.
        """
        try:
            await self._stack.__aexit__(type(error), error, error.__traceback__)
        except Exception as replaced:
            return replaced
        return error

    async def finish(self, error: BaseException | None) -> None:
        """Closes everything after the response, or after `error` has kept it from being sent. What goes wrong now is logged."""
        try:
            await self._stack.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except Exception as failure:
            if failure is not error:
                logger.error("the tear-down of a dependency failed after the response", exc_info=failure)
