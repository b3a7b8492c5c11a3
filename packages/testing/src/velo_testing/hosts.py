"""The two places where an application runs: a thread with a loop of its own, or the loop of the test."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeAlias, TypeVar, cast

import httpx2

from velo_testing.diagnosis import thread_is_at
from velo_testing.request import Inbox

__all__ = ["LoopThread", "RunningLoop"]

_JOIN_SECONDS = 5.0  # arbitrary: a loop that is not blocked ends at once
_JUDGEMENT_SECONDS = 1.5  # how much later than the loop the waiting thread gives up, so that the loop's own better message comes first
_SECOND_CHANCE_SECONDS = 0.1

T = TypeVar("T")
Pauses: TypeAlias = "SimpleQueue[Callable[[], None] | None]"


class LoopThread:
    """One event loop in one background thread, from construction to `close`.

    Theory of operation. The thread runs the loop for ever; to have something done while the loop is *not* running, it is put into `pauses`
    and the loop is stopped: the thread does it and runs the loop again. `None` in `pauses` ends the thread. Neither the thread nor the loop
    refers to this object, so that a client that nobody closed is collected, and then ends its thread with a `ResourceWarning`.
    """

    def __init__(self) -> None:
        ready: SimpleQueue[asyncio.AbstractEventLoop] = SimpleQueue()
        self._pauses: Pauses = SimpleQueue()
        self._thread = threading.Thread(target=_run_loop, args=(ready, self._pauses), name="velo-test-client", daemon=True)
        self._thread.start()
        self._loop = ready.get()
        self._is_blocked = False
        self._finalizer = weakref.finalize(self, _end_forgotten, self._loop, self._pauses)

    def run(self, work: Coroutine[object, object, T], *, timeout_seconds: float | None = None, inbox: Inbox | None = None) -> T:
        """Runs a coroutine on the loop, in the caller's context variables; meanwhile does in the calling thread what comes into `inbox`.

        Args:
            timeout_seconds: When the loop ends the work by itself. Only a loop that is blocked is late, and that is an error here.

        Raises:
            httpx2.ReadError: the thread has ended.
            httpx2.ReadTimeout: the application blocks its loop.
        """
        if not self.is_alive:
            work.close()
            raise httpx2.ReadError("the client was closed before the response was complete")
        if threading.get_ident() == self._thread.ident:
            work.close()
            raise RuntimeError("an application cannot use the TestClient that runs it: it would wait for itself")
        inbox = SimpleQueue() if inbox is None else inbox
        job = _Job(work, inbox)
        patience = None if timeout_seconds is None else timeout_seconds + _JUDGEMENT_SECONDS
        if self._is_blocked:  # it was given its time before
            patience = _SECOND_CHANCE_SECONDS
        try:
            self._loop.call_soon_threadsafe(job.start)
            while (item := inbox.get(timeout=patience)) is not job:
                if callable(item):
                    item()
        except Empty:
            self._is_blocked = True
            self._loop.call_soon_threadsafe(job.cancel)
            where = thread_is_at(self._thread.ident)
            raise httpx2.ReadTimeout(f"the application blocks its event loop; innermost last, it is at\n{where}") from None
        except BaseException:  # also KeyboardInterrupt, and what pytest-timeout raises, at whatever point that is
            self._loop.call_soon_threadsafe(job.cancel)
            raise
        self._is_blocked = False
        return job.outcome()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    async def call_stopped(self, function: Callable[[asyncio.AbstractEventLoop], object]) -> None:
        """See `Host`."""
        done: asyncio.Future[None] = self._loop.create_future()
        call = _Call(partial(function, self._loop))

        def pause() -> None:
            call()
            done.set_result(None)

        self._pauses.put(pause)
        self._loop.stop()
        await asyncio.shield(done)
        call.raise_error()

    def close(self) -> None:
        """Ends the thread.

        Raises:
            RuntimeError: it cannot be ended, because the application blocks it.
        """
        self._finalizer.detach()
        _end(self._loop, self._pauses)
        self._thread.join(_JOIN_SECONDS)
        if self._thread.is_alive():
            where = thread_is_at(self._thread.ident)
            raise RuntimeError(
                f"the thread of the TestClient does not end, because the application blocks it; innermost last, it is at\n{where}"
            )


class _Job(Generic[T]):
    """Work for a loop that another thread waits for: it finds the job in its inbox when the work is done."""

    def __init__(self, work: Coroutine[object, object, T], inbox: Inbox) -> None:
        self._work = work
        self._inbox = inbox
        self._task: asyncio.Task[None] | None = None
        self._results: list[T] = []
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begins; called on the loop, in the context variables that the work is to have."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def cancel(self) -> None:
        """Ends the work early, or before it begins; called on the loop."""
        if self._task is None:
            self._work.close()
        else:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            self._results.append(await self._work)
        except BaseException as error:  # SystemExit too is for the thread that waits, and not for the loop
            self._error = error
        finally:
            self._inbox.put(self)

    def outcome(self) -> T:
        """The result of the work, or its exception."""
        if self._error is not None:
            raise self._error
        return self._results[0]


def _run_loop(ready: SimpleQueue[asyncio.AbstractEventLoop], pauses: Pauses) -> None:
    with asyncio.Runner() as runner:  # its end cancels what is left, and closes generators, executor and loop
        loop = runner.get_loop()
        ready.put(loop)
        while True:
            if pauses.empty():
                _run_until_stopped(loop)
                continue
            pause = pauses.get()
            if pause is None:
                return
            pause()


def _run_until_stopped(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    except (SystemExit, KeyboardInterrupt) as error:  # asyncio lets them through when a stray task raises them; nobody else would see it
        loop.call_exception_handler({"message": "a task of the application tried to end the process", "exception": error})


def _end(loop: asyncio.AbstractEventLoop, pauses: Pauses) -> None:
    pauses.put(None)
    with suppress(RuntimeError):  # the thread was between two runs, saw the None and has closed the loop
        loop.call_soon_threadsafe(loop.stop)


def _end_forgotten(loop: asyncio.AbstractEventLoop, pauses: Pauses) -> None:
    _end(loop, pauses)
    warnings.warn("a TestClient was not closed: its application never left its lifespan", ResourceWarning, stacklevel=2)


class RunningLoop:
    """The loop that the test itself runs on, so that the application shares loop-bound objects with the test."""

    async def call_stopped(self, function: Callable[[asyncio.AbstractEventLoop], object]) -> None:
        """See `Host`. A running loop cannot be stopped from inside, so `function` is called in a thread, with a stand-in for this loop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        stand_in = _StandIn(loop)
        call = _Call(partial(function, cast("asyncio.AbstractEventLoop", stand_in)))

        def work() -> None:
            call()
            loop.call_soon_threadsafe(done.set_result, None)

        thread = threading.Thread(target=work, name="velo-test-lifespan", daemon=True)
        thread.start()
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            stand_in.give_up()
            await done
            raise
        finally:
            if done.done():
                thread.join()
        call.raise_error()


class _StandIn:
    """A running loop seen from another thread as if it were not running: each method is called in the loop's own thread.

    `run_until_complete` has the loop run the coroutine while only the calling thread waits, so what it creates belongs to the real loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._waiting: Callable[[], object] | None = None

    def is_running(self) -> bool:
        return False

    def run_until_complete(self, awaitable: asyncio.Future[T] | Coroutine[object, object, T]) -> T:
        if threading.get_ident() == self._loop_thread:
            raise RuntimeError("this event loop is already running")

        async def work() -> T:
            return await awaitable

        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        self._waiting = future.cancel
        return future.result()

    def give_up(self) -> None:
        """Ends a `run_until_complete` under way with a cancellation."""
        if self._waiting is not None:
            self._waiting()

    def __getattr__(self, name: str) -> object:
        value: object = getattr(self._loop, name)
        return partial(self._call, value) if callable(value) else value

    def _call(self, function: Callable[..., object], *arguments: object, **named: object) -> object:
        call = _Call(partial(function, *arguments, **named))
        if threading.get_ident() == self._loop_thread:
            call()
        else:
            done = threading.Event()
            self._loop.call_soon_threadsafe(call)
            self._loop.call_soon_threadsafe(done.set)
            done.wait()
        call.raise_error()
        return call.result


class _Call:
    """A call made in one thread in the context variables of another; its outcome is taken back there."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._context = contextvars.copy_context()
        self._error: BaseException | None = None
        self.result: object = None

    def __call__(self) -> None:
        try:
            self.result = self._context.run(self._function)
        except BaseException as error:
            self._error = error

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error
