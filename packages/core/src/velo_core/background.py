"""Work that is done when the response has been sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import Any, ParamSpec

from velo_core.errors import error_reporter
from velo_core.threads import in_thread

__all__ = ["RELEASE", "BackgroundTasks", "report"]

P = ParamSpec("P")
logger = logging.getLogger("velo.background")

RELEASE: ContextVar[asyncio.Future[None] | None] = ContextVar("velo_release", default=None)
"""What is done when nothing of a request matters to the server any more."""


class BackgroundTasks:
    """Functions to call when the response has been sent; handlers and dependencies get it by annotating a parameter with it.

    They run one after another, in the task of the request, while its dependencies are still open; the server does not wait for them. What
    one raises is logged, and the next one runs. If the handler fails, or its response breaks off, none of them runs. When the application
    stops it waits for them, 10 seconds at most.

    A plugin for a queue provides something else with the same `add`: `router.provide(BackgroundTasks, ...)`.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: list[tuple[Callable[..., object], partial[object]]] = []

    def __len__(self) -> int:
        """How many are to be called."""
        return len(self._calls)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._calls)

    def add(self, function: Callable[P, object], /, *arguments: P.args, **named: P.kwargs) -> None:
        """Calls `function` with these arguments when the response has been sent.

        Args:
            function: A coroutine function, or a plain one, which is called in a thread.
        """
        self._calls.append((function, partial(function, *arguments, **named)))

    async def run(self) -> None:
        """Calls all of them, and forgets them. For Velo, and for those who provide their own."""
        while self._calls:
            function, call = self._calls.pop(0)
            try:
                await _called(function, call)
            except Exception as error:
                report("%s failed after the response", getattr(function, "__qualname__", function), error=error)


async def _called(function: Callable[..., Any], call: Callable[[], Any]) -> None:
    if iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004 - objects with a coroutine function
        result: Coroutine[Any, Any, object] = call()
        await result
        return
    made: object = await in_thread(call)
    if isawaitable(made):  # a partial of a coroutine function, or a plain function that makes an awaitable
        await made


def report(message: str, *arguments: object, error: BaseException) -> None:
    """Logs what went wrong where nobody is there any more to be answered, once."""
    logger.error(message, *arguments, exc_info=error)
    reporter = error_reporter.get()
    if reporter is not None and isinstance(error, Exception):
        reporter(error)
