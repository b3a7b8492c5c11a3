"""The thread pools for plain functions, which may block.

Every pool is bounded. Its bound is a promise to the rest of the machine, not a tuning knob for speed: 40 threads wait well for slow
databases and still fit into a small container.

Tear-downs have threads of their own. What is to be closed is what those who hold all other threads may be waiting for, such as the last
connection of a database: behind them, it would never be its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar, copy_context
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor
    from contextvars import Context

__all__ = [
    "CALLER",
    "FILES_POOL",
    "HANDLERS",
    "HANDLERS_POOL",
    "MAX_THREADS",
    "SHARED_POOLS",
    "TEARDOWN_POOL",
    "Caller",
    "InThread",
    "ThreadPool",
    "in_teardown_thread",
    "in_thread",
    "on_loop",
    "pools_of",
]

T = TypeVar("T")
MAX_THREADS: Final = 40
HANDLERS: Final = "handlers"
"""Name of the pool for everything that names no other."""


class InThread(Protocol):
    """Runs a plain function in one of the pools."""

    def __call__(self, function: Callable[[], T], context: Context | None = None) -> Coroutine[object, object, T]:
        """What `function` returns."""
        ...


class Caller(Protocol):
    """A thread that serves one request and may block, as those of WSGI servers. No pool is needed where there is one."""

    @property
    def is_here(self) -> bool:
        """Whether it is the current thread."""
        ...

    async def call(self, function: Callable[[], T], context: Context) -> T:
        """What `function` returns, called in the current thread."""
        ...

    def submit(self, context: Context, function: Callable[[], T]) -> Future[T] | None:
        """Has the thread call `function`; `None` if it cannot, for it does not wait for the request."""
        ...

    async def enter_loop(self) -> None:
        """Makes what comes next a task of the event loop, if it is none yet."""
        ...


CALLER: Final[ContextVar[Caller | None]] = ContextVar("velo_caller", default=None)


async def on_loop() -> None:
    """Sees to it that a loop runs, for code that may want one. It always does but where a thread serves the request."""
    caller = CALLER.get()
    if caller is not None:
        await caller.enter_loop()


class ThreadPool:
    """Threads for plain functions, at most `size` at once; who comes later waits. Threads are made when they are needed.

    Args:
        name: For the names of the threads.
        size: Threads at most.
        is_default: Whether the functions could run in any thread that may block: in that of the request, if it has one.
    """

    __slots__ = ("_executor", "_is_default", "_lock", "_name", "_size", "_submitted", "_begun", "_ended")

    def __init__(self, name: str, size: int, *, is_default: bool = False) -> None:
        self._name = name
        self._size = size
        self._is_default = is_default
        self._lock = Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._submitted = self._begun = self._ended = 0

    def __repr__(self) -> str:
        return f"<ThreadPool {self._name}: {self.busy} of {self._size} threads busy, {self.waiting} waiting>"

    @property
    def is_default(self) -> bool:
        """Whether its functions run in the thread of the request, if it has one."""
        return self._is_default

    @property
    def size(self) -> int:
        """Threads at most."""
        return self._size

    @property
    def waiting(self) -> int:
        """Functions that wait for a thread."""
        with self._lock:
            return self._submitted - self._begun

    @property
    def busy(self) -> int:
        """Functions that run."""
        with self._lock:
            return self._begun - self._ended

    async def run(self, function: Callable[[], T], context: Context | None = None) -> T:
        """What `function` returns, called in the pool.

        A thread cannot be interrupted. If the caller is cancelled meanwhile, this waits until the function has ended (or takes it back, if
        it has not begun), so that nothing is closed while the thread still works with it.

        Args:
            function: Called without arguments.
            context: Where `function` runs and leaves its changes of context variables; a copy of the caller's if `None`.

        Raises:
            RuntimeError: the function raised `StopIteration`, which no future can carry.
        """
        context = copy_context() if context is None else context
        caller = CALLER.get() if self._is_default else None
        if caller is not None and caller.is_here:
            return await caller.call(function, context)
        import asyncio

        lent = caller.submit(context, function) if caller is not None else None
        job = lent or self._submit(context, function)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            if job.cancel():
                if job is not lent:
                    with self._lock:  # it neither runs nor waits any more
                        self._submitted -= 1
            else:
                await _end_of(job)
            raise

    def close(self) -> None:
        """Lets the threads end when they have nothing more to do. The pool can still be used: it makes new ones then."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)

    def _submit(self, context: Context, function: Callable[[], T]) -> Future[T]:
        from concurrent.futures import ThreadPoolExecutor

        with self._lock:
            if self._executor is None:
                prefix = "velo" if self._name == HANDLERS else f"velo-{self._name}"
                self._executor = ThreadPoolExecutor(self._size, thread_name_prefix=prefix)
            try:
                job = self._executor.submit(context.run, self._call, function)
            except RuntimeError:  # no thread is made any more while the interpreter ends, which WSGI applications only hear of then
                job = None
            else:
                self._submitted += 1
        return _done(context, function) if job is None else job

    def _call(self, function: Callable[[], T]) -> T:
        with self._lock:
            self._begun += 1
        try:
            return function()
        except StopIteration as error:  # as coroutines do it (PEP 479); before Python 3.12 the caller would wait for ever
            raise RuntimeError("a plain function raised StopIteration") from error
        finally:
            with self._lock:
                self._ended += 1


def _done(context: Context, function: Callable[[], T]) -> Future[T]:
    """What `function` has become, called here and now."""
    from concurrent.futures import Future

    job: Future[T] = Future()
    try:
        job.set_result(context.run(function))
    except BaseException as error:
        job.set_exception(error)
    return job


async def _end_of(job: Future[T]) -> None:
    """Waits, whatever comes, until `job` is done."""
    import asyncio

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    job.add_done_callback(lambda job: loop.call_soon_threadsafe(ended.set))
    while not ended.is_set():
        try:
            await ended.wait()
        except asyncio.CancelledError:  # the first one is raised when the thread is done
            continue


HANDLERS_POOL: Final = ThreadPool(HANDLERS, MAX_THREADS, is_default=True)
"""The default pool, shared by all applications of the process."""
TEARDOWN_POOL: Final = ThreadPool("teardown", MAX_THREADS, is_default=True)
"""The lane for tear-downs. As wide as that for handlers, or it would hold up an application that commits behind its `yield`."""

FILES_POOL: Final = ThreadPool("files", 16, is_default=True)
"""For reading the files of responses: many slow downloads cannot take the threads of the handlers, for each read is a visit of its own."""

SHARED_POOLS: Final[Mapping[str, ThreadPool]] = MappingProxyType({HANDLERS: HANDLERS_POOL})
"""What an application has that defines no pools of its own."""

in_thread: InThread = HANDLERS_POOL.run
in_teardown_thread: InThread = TEARDOWN_POOL.run


def pools_of(sizes: Mapping[str, int]) -> dict[str, ThreadPool]:
    """Pools by name.

    Args:
        sizes: Threads at most, by name.

    Raises:
        ValueError: a pool has no name, or no thread.
    """
    for name, size in sizes.items():
        if not name or size < 1:
            raise ValueError(f"the pool {name!r} has {size!r} threads; give it a name, and at least one")
    return {name: ThreadPool(name, size) for name, size in sizes.items()}
