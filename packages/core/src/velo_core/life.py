"""What an application does beside its requests: work that outlives them, and the news that it is about to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from types import FrameType
from typing import Any, Final, TypeAlias, TypeVar, cast
from weakref import WeakSet

from velo_core.background import RELEASE, report

__all__ = ["NO_LIFE", "Life", "detached"]

T = TypeVar("T")
logger = logging.getLogger("velo.background")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
Handler: TypeAlias = Callable[[int, FrameType | None], object]


class Life:
    """One application's.

    Args:
        begin_closing: What happens when the process is told to end.
    """

    def __init__(self, begin_closing: Callable[[], Coroutine[object, object, None]] | None = None) -> None:
        self.is_closing = False
        self._begin_closing = begin_closing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._endless: WeakSet[asyncio.Task[object]] = WeakSet()
        self._closers: set[asyncio.Task[None]] = set()

    # The end.

    async def closing(self) -> None:
        """Returns when the application is about to stop."""
        if self.is_closing:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Tells all who wait for it that the application is about to stop."""
        self.is_closing = True
        for future in tuple(self._waiting):
            future.get_loop().call_soon_threadsafe(_resolve, future)

    def reopen(self) -> None:
        """The application has stopped, and may start again."""
        self.is_closing, self._loop = False, None
        _LIVES.discard(self)
        if not _LIVES:
            _release_signals()

    def listen(self) -> None:
        """Closes when the process is told to end, from now on. For what servers wait for: most do not tell the application before.

        The server's own handler of the signal is called as well. Nothing happens outside of the main thread.
        """
        if self not in _LIVES:
            self._loop = asyncio.get_running_loop()
            _LIVES.add(self)
            _take_signals()

    def told_to_end(self) -> None:
        """A signal has come."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(self._start_closing)

    def _start_closing(self) -> None:
        if self._begin_closing is None:
            self.close()
            return
        task = asyncio.get_running_loop().create_task(self._begin_closing())
        self._closers.add(task)
        task.add_done_callback(self._closers.discard)

    # Work beside requests.

    @property
    def running(self) -> int:
        """Tasks that have not ended."""
        return len(self._tasks)

    def spawn(self, work: Coroutine[object, object, T], *, name: str | None = None, wait: bool = True) -> asyncio.Task[T]:
        """Runs `work` in a task of the application: it is waited for, or cancelled, when the application stops, and logged if it fails."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(cast("asyncio.Task[object]", task))
        if not wait:
            self._endless.add(cast("asyncio.Task[object]", task))
        task.add_done_callback(self._ended)
        return task

    def adopt(self, task: asyncio.Task[None]) -> None:
        """Waits for a task when the application stops; somebody else looks at what comes of it."""
        self._tasks.add(cast("asyncio.Task[object]", task))
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> None:
        """Waits for all tasks that long, then cancels the rest and waits for its end."""
        loop = asyncio.get_running_loop()
        tasks = {task for task in self._tasks if task.get_loop() is loop}
        if not tasks:
            return
        for task in tasks & set(self._endless):
            task.cancel()
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            logger.warning("the task %s did not end within %g s and was cancelled", task.get_name(), seconds)
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            report("the task %s failed", task.get_name(), error=error)


NO_LIFE: Final = Life()
"""Of nobody: it never ends."""


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def detached(run: Callable[..., Coroutine[object, object, None]], life: Life) -> Callable[..., Coroutine[object, object, None]]:
    """`run` in a task of the application, of which the server sees no more than it has to: until the response has been sent.

    What is entered and left in `run` is so in one task, as many context managers want it.

    Args:
        run: A plan; it tells by `RELEASE` that the response has been sent.
        life: Of the application, which waits for the rest when it stops.
    """

    async def run_detached(*arguments: object) -> None:
        loop = asyncio.get_running_loop()
        released: asyncio.Future[None] = loop.create_future()
        context = copy_context()
        context.run(RELEASE.set, released)
        task = loop.create_task(run(*arguments), context=context)
        life.adopt(task)
        try:
            await asyncio.wait({task, released}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not released.done():
                task.cancel()
                await asyncio.wait({task})
            raise
        if not released.done():
            task.result()

    return run_detached


# Signals. They belong to the process, so what is taken is given back when no application listens any more.

_LIVES: Final[WeakSet[Life]] = WeakSet()
_PREVIOUS: Final[dict[int, Handler]] = {}


def _take_signals() -> None:
    for number in SIGNALS:
        current = signal.getsignal(number)
        if current is _handle or not callable(current):  # the default is to end at once, and nothing waits
            continue
        try:
            signal.signal(number, _handle)
        except ValueError:  # only the main thread may
            return
        _PREVIOUS[number] = current


def _release_signals() -> None:
    for number in tuple(_PREVIOUS):
        previous = _PREVIOUS.pop(number)
        if signal.getsignal(number) is _handle:  # nobody has taken it since
            try:
                signal.signal(number, previous)
            except ValueError:
                _PREVIOUS[number] = previous
                return


def _handle(number: int, frame: FrameType | None) -> None:
    for life in tuple(_LIVES):
        life.told_to_end()
    previous = _PREVIOUS.get(number)
    if previous is not None:
        previous(number, frame)
