"""One request between the thread of a WSGI server and the plan that answers it.

Theory of operation. A plan of plain functions needs no event loop: the server's thread runs it from its first line to its last, and such
requests never wait for each other. A plan that needs one (`needs_loop`) is started as a task of the application's loop, and so is the rest
of a plan that finds out later, by `enter_loop`, that it does. The server's thread runs the task itself until it waits for the first time
(see `turns`). What waits goes on in the thread of the loop, and the server's thread waits for news: that there is something for the server,
that the plan has ended, or that the plan wants a function called that may block.

The plan waits after each part of the response until the server asks for the next one, or closes the response. So its tear-downs come after
the last byte, in the task that has entered what is left, and a slow client holds up the plan and not a buffer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextvars import Context, copy_context
from functools import partial
from queue import SimpleQueue
from threading import get_ident
from types import coroutine
from typing import Any, TypeVar

from velo_core.protocols.turns import TurnLoop
from velo_core.streams import ClientGone
from velo_core.threads import CALLER
from velo_core.types import HeaderPairs

__all__ = ["Exchange"]

T = TypeVar("T")


class Exchange:
    """See the module. Is the iterable that the server gets, when the response is more than some bytes.

    Args:
        loop: Of the application.

    Attributes:
        status: Such as `"200 OK"`; empty while there is no response.
        headers: Of the response.
        is_over: Whether the plan has ended.
        needs_loop: Whether the plan that comes is to be a task from its first line.
        is_task: Whether it is one by now.
    """

    # Attributes of the class, because most requests change few of them, and setting all would cost as much as finding the route.
    status = ""
    headers: HeaderPairs
    is_over = False
    needs_loop = False
    is_task = False
    _chunk: bytes | None = None
    _error: BaseException | None = None
    _inbox: SimpleQueue[Callable[[], None] | None]
    _is_away = False  # whether the plan goes on in the thread of the loop
    _is_here = False  # whether the server's thread runs the plan right now
    _is_last = False
    _is_ready = False
    _left = False
    _task: asyncio.Task[None]
    _thread = 0
    _wanted: asyncio.Future[None] | None = None

    def __init__(self, loop: TurnLoop) -> None:
        self._loop = loop

    # The server's side: an iterable of bytes with a `close` (PEP 3333).

    def run(self, plan: Coroutine[Any, Any, None]) -> None:
        """Runs a plan until it has something for the server.

        Raises:
            BaseException: what came out of the plan.
        """
        context = copy_context()
        if not self.needs_loop:
            self._thread = get_ident()
            self._is_here = True
            try:
                context.run(self._run_here, plan)
            except StopIteration:
                self.is_over = True
                return
            except BaseException:
                self.is_over = True
                raise
            finally:
                self._is_here = False

        def begin() -> None:
            if self._loop.is_closed():  # the application was stopped meanwhile, and nobody would ever go on with what waits
                self.is_over = self._is_ready = True
                plan.close()
                raise ConnectionAbortedError("the application was stopped while it answered this request")
            # Tasks are only weakly held by their loop.
            self._task = asyncio.Task(self._run(plan), loop=self._loop, context=context)

        self._inbox = SimpleQueue()
        self.is_task = True
        self._advance(begin)

    def _run_here(self, plan: Coroutine[Any, Any, None]) -> None:
        CALLER.set(self)
        plan.send(None)

    @property
    def body(self) -> bytes:
        """The whole body, of a plan that has ended."""
        return self._chunk or b""

    def __iter__(self) -> Exchange:
        return self

    def __next__(self) -> bytes:
        if self._chunk is None and not (self._is_last or self.is_over):
            self._advance(self._go_on)
        chunk, self._chunk = self._chunk, None
        if chunk is None:
            self._raise()  # the end of the application may have ended the plan
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Lets the plan end; if parts of the body are left, the client has gone."""
        if not self.is_over:
            self._left = True
            self._advance(self._go_on if self._is_last else self._leave)

    def _advance(self, begin: Callable[[], object]) -> None:
        """Runs the plan on until there is something for the server, here for as long as it does not wait."""
        loop = self._loop
        self._thread = get_ident()
        if asyncio._get_running_loop() is not None:  # no thread can be that of two loops
            with loop.turn:
                self._is_ready = self.is_over
                self._is_away = not self._is_ready
            loop.call_soon_threadsafe(begin)
        else:
            loop.take_turn()
            self._is_ready = self.is_over  # the end of the application may have ended the plan
            self._is_here = True
            try:
                loop.step(begin)
            finally:
                self._is_here = False
                self._is_away = not self._is_ready  # before the loop has its turn, and can go on with the plan
                loop.give_turn()
        while self._is_away:
            call = self._inbox.get()
            if call is None:
                self._is_away = False
            else:
                call()
        self._raise()

    def _raise(self) -> None:
        """Raises what came out of the plan, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _go_on(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    def _leave(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_exception(ClientGone())

    # The plan's side.

    def respond(self, status: str, headers: HeaderPairs, body: bytes = b"", *, is_last: bool = True) -> None:
        """Begins the response.

        Args:
            status: With the reason phrase.
            headers: As they are sent.
            body: The first part of it.
            is_last: Whether there is no other part.
        """
        self.status = status
        self.headers = headers
        self._chunk = body or None
        self._is_last = is_last

    async def send(self, chunk: bytes) -> None:
        """Sends a part of the body, and waits until the server wants the next one.

        Raises:
            ClientGone: it wants no more.
        """
        self._chunk = chunk
        await self._pause()

    async def end(self) -> None:
        """Waits until the last byte is sent.

        Raises:
            ClientGone: the client has not waited for it.
        """
        await self.enter_loop()
        self._is_last = True
        await self._pause()

    async def never(self) -> None:
        """Waits for ever."""
        await self._loop.create_future()

    async def _pause(self) -> None:
        if self._left:
            raise ClientGone
        self._wanted = self._loop.create_future()
        self._tell()
        await self._wanted

    async def _run(self, plan: Coroutine[Any, Any, None]) -> None:
        CALLER.set(self)
        try:
            await _Rest(plan)
        except asyncio.CancelledError:  # to the server it would be worse than an exception: it ends threads
            self._error = ConnectionAbortedError("the application was stopped while it answered this request")
        except BaseException as error:
            self._error = error
        finally:
            self.is_over = True
            self._tell()

    def _tell(self) -> None:
        """Tells the server's thread that there is something for it."""
        self._is_ready = True
        if self._is_away:
            self._inbox.put(None)

    # Functions that may block; see `Caller`.

    @property
    def is_here(self) -> bool:
        """Whether the current thread is the server's, and runs the plan."""
        return self._is_here and self._thread == get_ident()

    async def enter_loop(self) -> None:
        """Makes a task of the rest of the plan, if it is none yet."""
        if not self.is_task:
            await _suspended()

    async def call(self, function: Callable[[], T], context: Context) -> T:
        """What `function` returns, called in the current thread while others have their turn with the loop."""
        if not self.is_task:
            return context.run(function)
        self._is_here = False
        try:
            with self._loop.turn_given():
                result = context.run(function)
        finally:
            self._is_here = True
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # meanwhile its time was up
            await asyncio.sleep(0)
        return result

    def submit(self, context: Context, function: Callable[[], T]) -> Future[T] | None:
        """Has the server's thread call `function`, if it waits for this plan."""
        if not self._is_away or self._is_ready:
            return None
        job: Future[T] = Future()
        self._inbox.put(partial(_work, job, context, function))
        return job


class _Rest:
    """Awaits a coroutine that may have begun already."""

    __slots__ = ("_plan",)

    def __init__(self, plan: Coroutine[Any, Any, None]) -> None:
        self._plan = plan

    def __await__(self) -> Generator[Any, Any, None]:
        return self._plan.__await__()


@coroutine
def _suspended() -> Generator[None]:
    """Gives control to whoever runs the plan."""
    yield


def _work(job: Future[T], context: Context, function: Callable[[], T]) -> None:
    if not job.set_running_or_notify_cancel():
        return
    try:
        result = context.run(function)
    except StopIteration:  # no future can carry it
        job.set_exception(RuntimeError("a plain function raised StopIteration"))
    except BaseException as error:
        job.set_exception(error)
    else:
        job.set_result(result)
