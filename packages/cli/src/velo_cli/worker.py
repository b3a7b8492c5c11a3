"""What runs in a worker: it loads the application, starts it, and stops it.

Servers show a traceback when that fails, or go on without lifespan, or start the next worker; here the reason goes to the parent instead,
and the process ends.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
import sys
import threading
from collections.abc import Generator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from types import FrameType

from velo_cli.errors import Failure, Signalled, details, reason
from velo_cli.process import ENDING, hold_signals, release_signals
from velo_cli.reports import Failed, Outbox, Ready
from velo_cli.target import Loaded, Target

__all__ = ["Ended", "Life", "load"]


def load(target: Target, outbox: Outbox) -> Loaded:
    """The application.

    Raises:
        SystemExit: it cannot be loaded; the parent knows why.
    """
    try:
        return target.load()
    except Failure as failure:
        outbox.put(Failed(failure.line, failure.details))
        raise SystemExit(1) from failure


class Ended(Exception):
    """The application is not started, or not stopped cleanly, and the parent knows why.

    Args:
        status: Exit status for the process: 0 if a signal came before the application had started.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Life:
    """Start and end of an application in this process.

    Args:
        loaded: The application.
        outbox: Who is told.
    """

    def __init__(self, loaded: Loaded, outbox: Outbox) -> None:
        self._app = loaded.app
        self._label = loaded.label
        self._outbox = outbox

    async def start(self) -> None:
        """Enters the lifespans, and releases signals that were held. One that ends the process leaves the lifespans that were entered.

        Raises:
            Ended: the application does not start, or a signal came first.
        """
        with _cancelled_by_signals() as signals:
            try:
                await self._app.startup()
            except (Exception, asyncio.CancelledError) as error:
                raise Ended(0) if signals else self._failed(error, "does not start") from error
        self._outbox.put(Ready(self._label))

    async def closing(self) -> None:
        """Has the plugins end what would keep requests from ending. Before the server waits for those."""
        await self._app.closing()

    async def stop(self) -> None:
        """Leaves the lifespans.

        Raises:
            Ended: one of them failed.
        """
        try:
            await self._app.shutdown()
        except Exception as error:
            raise self._failed(error, "did not stop cleanly") from error

    def start_wsgi(self) -> None:
        """The same on WSGI, where the application has an event loop in a thread of its own. Signals are held when it returns.

        Raises:
            Ended: as `start` does.
        """
        with _raised_by_signals() as signals:
            try:
                self._app.wsgi.start()
            except Signalled as error:
                self._app.wsgi.stop()  # it may have come at the very end
                raise Ended(0) from error
            except (Exception, CancelledError) as error:
                raise Ended(0) if signals else self._failed(error, "does not start") from error
        self._outbox.put(Ready(self._label))

    def closing_wsgi(self) -> None:
        """See `closing`."""
        self._app.wsgi.closing()

    def stop_wsgi(self) -> None:
        """Leaves the lifespans; raises as `stop` does."""
        try:
            self._app.wsgi.stop()
        except Exception as error:
            raise self._failed(error, "did not stop cleanly") from error

    def _failed(self, error: BaseException, what: str) -> Ended:
        from velo_core import SetupError

        why = str(error) if isinstance(error, SetupError) else reason(error)
        self._outbox.put(Failed(f"{self._label} {what}: {why}", details(error)))
        return Ended(1)


@contextmanager
def _cancelled_by_signals() -> Generator[list[int]]:
    """Turns a signal that ends this process into the cancellation of the current task.

    So a start that waits for a database can be given up, and what has been started before it is stopped. A signal that comes too late for
    that is passed on.

    Yields:
        The signals, as they come.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen: list[int] = []
    if task is None or threading.current_thread() is not threading.main_thread():
        yield seen
        return
    over = False

    def cancel() -> None:
        if not over:
            task.cancel()

    def handle(number: int, frame: FrameType | None) -> None:
        if not seen:  # a second one would cancel what the first one has started
            loop.call_soon_threadsafe(cancel)
        seen.append(number)

    ending = ENDING if multiprocessing.parent_process() is None else (signal.SIGTERM,)  # see `adopt`
    previous = {number: signal.signal(number, handle) for number in ending}
    try:
        with _woken_by_signals(loop):
            release_signals()
            yield seen
    finally:
        over = True
        for number, handler in previous.items():
            signal.signal(number, handler)
    for late in seen:
        signal.raise_signal(late)


@contextmanager
def _woken_by_signals(loop: asyncio.AbstractEventLoop) -> Generator[None]:
    """Ends the wait of the loop when a signal has come.

    One that comes just before the wait begins, or to another thread, does not interrupt it, and its handler would run when something else
    does. Some loops, such as uvloop's and those of Windows, see to that themselves.
    """
    if sys.platform == "win32":
        yield
        return
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
            yield
            return

        def drain() -> None:  # in Python, so that the handler has run when it returns
            reading.recv(4096)

        loop.add_reader(reading, drain)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            loop.remove_reader(reading)


@contextmanager
def _raised_by_signals() -> Generator[list[int]]:
    """Turns the first signal that ends this process into `Signalled`, wherever this thread is, and holds signals in the end.

    Yields:
        The signals, as they come.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    over = False

    def handle(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1 and not over:  # a second one would end what the first one has started
            raise Signalled

    ending = ENDING if multiprocessing.parent_process() is None else (signal.SIGTERM,)  # see `adopt`
    previous = {number: signal.signal(number, handle) for number in ending}
    try:
        release_signals()
        yield seen
    finally:
        over = True
        hold_signals()
        for number, handler in previous.items():
            signal.signal(number, handler)
    for late in seen:
        signal.raise_signal(late)  # it waits until signals are let through
