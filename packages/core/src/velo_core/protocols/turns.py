"""An event loop that other threads take turns with.

Theory of operation. A WSGI server calls from threads of its own, and most handlers never wait for anything: to hand each request to a loop
in another thread and back would cost more than all the rest of it. So the server's thread runs the code itself, as a task of the loop, for
as long as it does not wait. What asynchronous code relies on stays true: there is a running loop and a current task, and nothing else of
the loop runs at the same time. For that the loop has a turn. Its own thread has it while it runs callbacks and gives it away while it waits
for events; a server's thread takes it for one step of a task. Whoever has the turn may do with the loop whatever its own thread may.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from selectors import EpollSelector as DefaultSelector
else:
    from selectors import DefaultSelector

__all__ = ["LoopThread", "TurnLoop"]

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class _Selector(DefaultSelector):
    """Gives the turn away while it waits."""

    def __init__(self, turn: threading.Lock) -> None:
        super().__init__()
        self._turn = turn

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._turn.release()
        try:
            return super().select(timeout)
        finally:
            self._turn.acquire()


class TurnLoop(asyncio.SelectorEventLoop):
    """See the module. Runs in a `LoopThread`.

    A selector loop on every system, because a proactor cannot be taken apart like this: on Windows it starts no subprocesses.
    """

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._catches = False
        self._caught: tuple[Callable[..., object], tuple[object, ...], Context] | None = None
        self._has_news = False
        self._hooks = sys.get_asyncgen_hooks()
        super().__init__(_Selector(self.turn))

    # What asyncio calls.

    def run_forever(self) -> None:
        """Runs until it is stopped; the thread must have the turn."""
        self.call_soon(self._keep_hooks)
        super().run_forever()

    def _keep_hooks(self) -> None:
        self._hooks = sys.get_asyncgen_hooks()  # the loop's own, which close forgotten asynchronous generators

    def call_soon(
        self, callback: Callable[[Unpack[Arguments]], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """As every loop does it; but the first callback of a step is kept for the thread that steps."""
        if self._catches and context is not None:
            self._catches = False
            self._caught = callback, args, context
            return asyncio.Handle(callback, args, self, context)
        self._has_news = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Arguments]], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As every loop does it."""
        self._has_news = True
        return super().call_at(when, callback, *args, context=context)

    def _check_thread(self) -> None:
        """In debug mode asyncio wants all calls to come from one thread. Here they come from the one that has the turn."""

    # What the threads of a server call.

    def step(self, begin: Callable[[], object]) -> None:
        """Runs a task in this thread until it waits; the thread must have the turn.

        Args:
            begin: Makes the task, or wakes it: whatever leads to one call of `call_soon`.
        """
        self._catches = True
        try:
            begin()
        finally:
            self._catches = False
        caught, self._caught = self._caught, None
        if caught is not None:
            callback, arguments, context = caught
            context.run(callback, *arguments)

    def take_turn(self) -> None:
        """Waits for the turn; from now on this is the thread of the loop."""
        self.turn.acquire()
        self._has_news = False
        asyncio._set_running_loop(self)
        sys.set_asyncgen_hooks(*self._hooks)

    def give_turn(self) -> None:
        """Gives the turn away, and wakes the loop if there is something for it to do."""
        sys.set_asyncgen_hooks(None, None)
        asyncio._set_running_loop(None)
        has_news = self._has_news
        self.turn.release()
        if has_news:
            self.call_soon_threadsafe(_nothing)

    @contextmanager
    def turn_given(self) -> Generator[None]:
        """Lets others have their turn in the middle of a step, for something that may block; the task is not left."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no step to be interrupted")
        asyncio.tasks._leave_task(self, task)
        self.give_turn()
        try:
            yield
        finally:
            self.take_turn()
            asyncio.tasks._enter_task(self, task)


def _nothing() -> None:
    """Does nothing: that it is called ends the wait of the loop."""


SIGNALS_SECONDS: Final = 0.2
"""How often the main thread looks for signals while it waits: the handler of one that another thread has taken waits for that."""


class LoopThread:
    """A thread that runs a `TurnLoop` until `close`. It does not keep the process from ending."""

    def __init__(self) -> None:
        self.loop = TurnLoop()
        self._thread = threading.Thread(target=_run, args=(self.loop,), name="velo-loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns, run in the thread of the loop."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        while True:
            try:
                return future.result(SIGNALS_SECONDS)
            except TimeoutError:
                if future.done():  # it comes from the coroutine
                    raise

    def close(self) -> None:
        """Cancels what still runs, and ends the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


def _run(loop: TurnLoop) -> None:
    with loop.turn, asyncio.Runner(loop_factory=lambda: loop) as runner:  # whose end cancels tasks, and closes generators and executor
        runner.get_loop().run_forever()
