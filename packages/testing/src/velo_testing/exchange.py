"""One request on its way into the application, and the response on its way out.

Theory of operation. An exchange lives on the application's event loop, between two parties. The application runs in a task of its own, as
under a server; its protocol's server calls `read`, `respond`, `push`, `drain` and `finish`. The client calls `open`, `receive` and `close`,
each of which waits until the state has changed far enough. Chunks wait in between, for as long as `drain` allows.

What went wrong is told to the test at one point: when the response is over (or cannot begin) and the application has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar, cast

import httpx2

from velo_core import error_reporter
from velo_testing.diagnosis import task_is_at
from velo_testing.errors import ClientDisconnected
from velo_testing.failures import Failures
from velo_testing.request import Part, RequestBody, RequestHead
from velo_testing.rules import HeaderList, ResponseRules

__all__ = ["Exchange", "ResponseHead"]

_GRACE_SECONDS = 0.5  # arbitrary: long enough for clean-up in memory, short enough not to be noticed in a test that gives up

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What comes before the body of a response."""

    status: int
    headers: HeaderList


class Exchange:
    """See the module. Created on the loop that runs the application.

    Args:
        timeout_seconds: How long the application may be silent, `None` for ever.

    Attributes:
        request: What the client asked.
        response: What the application answered so far.
        early_hints: `link` values sent ahead of the response.
        trailers: Filled when the body is over.
        left: Done when the client went away.
        over: Done when the response is complete or the client went away.
        failures: What went wrong so far.
    """

    def __init__(self, request: RequestHead, body: RequestBody, *, raise_app_exceptions: bool, timeout_seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self.request = request
        self.response: ResponseHead | None = None
        self.early_hints: list[bytes] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.left: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()
        self.failures = Failures(raise_app_exceptions=raise_app_exceptions)
        self._timeout_seconds = timeout_seconds
        self._rules = ResponseRules(request.method)
        self._body = body
        self._unread = _declared_length(request)
        self._part: asyncio.Future[Part] | None = None
        self._reading = asyncio.Lock()
        self._body_is_read = False
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._drained = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._side_tasks: set[asyncio.Future[object]] = set()
        self._finished = self._crashed = self._ended = self._cancelled = False

    # The application's side.

    async def read(self, gone: asyncio.Future[None]) -> Part | None:
        """The next part of the request body, `None` after the last one.

        Args:
            gone: `left` or `over`: what ends the body early on this protocol.

        Raises:
            ClientDisconnected: it was ended early.
        """
        async with self._reading:
            if self._body_is_read:
                return None
            if self._part is None:
                self._part = self._body.pull()
            await asyncio.wait([self._part, cast("asyncio.Future[Part]", gone)], return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                part, self._part = self._part, None
                try:
                    return self._counted(part.result())
                except Exception as error:  # the test's own iterator failed: to the application this is a client that breaks off
                    self.failures.request_error = error
                    self.leave()
        raise ClientDisconnected("the client went away")

    def _counted(self, part: Part) -> Part:
        """Holds a body to its content-length, as every client does that writes to a wire."""
        content, more = part
        self._body_is_read = not more
        if self._unread is not None:
            self._unread -= len(content)
            if self._unread < 0 or (self._unread and not more):
                raise httpx2.LocalProtocolError("the request body is not as long as its content-length says")
        return part

    @property
    def has_left(self) -> bool:
        """Whether the client went away."""
        return self.left.done()

    def respond(self, status: object, headers: HeaderList) -> None:
        """Begins the response.

        Raises:
            ProtocolViolation: status or headers cannot be sent.
        """
        status = self._rules.start(status, headers)
        # Framing is the server's business: ASGI tells servers to ignore this header.
        self.response = ResponseHead(status, [pair for pair in headers if pair[0].lower() != b"transfer-encoding"])
        self._changed.set()

    def push(self, chunk: bytes) -> None:
        """Sends bytes of the body without waiting.

        Raises:
            ProtocolViolation: the response may not have them.
        """
        self._rules.chunk(len(chunk))
        if chunk:
            self._chunks.append(chunk)
            self._buffered += len(chunk)
            self._changed.set()

    async def drain(self, high_water_bytes: int) -> None:
        """Waits until the client has taken so much that no more than `high_water_bytes` are left.

        Raises:
            ClientDisconnected: the client went away instead.
        """
        while self._buffered > high_water_bytes and not self.has_left:
            self._drained.clear()
            await self._drained.wait()
        if self.has_left:
            raise ClientDisconnected("the client went away")

    def finish(self) -> None:
        """Ends the response; once is enough.

        Raises:
            ProtocolViolation: bytes are missing.
        """
        if not self._finished:
            self._rules.end()
            self._finished = True
            self._mark(self.over)

    def finish_truncated(self) -> None:
        """Ends a response of unknown length wherever it is; one that promised more bytes, or whose client has left, stays broken."""
        if self.response is not None and not self._rules.short and not self.has_left:
            self.finish()

    def crash(self, headers: HeaderList, body: bytes) -> None:
        """What a server answers when the application has failed before it answered anything."""
        if self.response is None and not self.has_left:
            self._crashed = True
            self.respond(500, headers)
            if self.request.method != "HEAD":
                self.push(body)
            self._finished = True
            self._mark(self.over)

    def run_aside(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Runs something for the application, at most as long as the application itself runs."""
        task = asyncio.get_running_loop().create_task(work)
        side_task = cast("asyncio.Future[object]", task)
        self._side_tasks.add(side_task)
        side_task.add_done_callback(self._forget)
        return task

    def _forget(self, side_task: asyncio.Future[object]) -> None:
        self._side_tasks.discard(side_task)
        if not side_task.cancelled():
            side_task.exception()  # what the application does not await is not missed

    # The client's side.

    async def open(self, serve: Callable[[Exchange], Awaitable[None]]) -> ResponseHead:
        """Runs the application and waits for the head of its response.

        Raises:
            Exception: whatever kept the application from answering.
        """
        name = f"{self.request.method} {self.request.path}"
        self._task = asyncio.get_running_loop().create_task(self._run(serve), name=name)
        await self._until(lambda: self.response is not None or self._ended, "begin a response")
        if self.response is None or self._crashed:
            await self._until(lambda: self._ended, "end")
            self.raise_failure()
        if self.response is None:
            raise httpx2.RemoteProtocolError("the application ended without a response")
        return self.response

    async def receive(self) -> list[bytes]:
        """The chunks that have been sent since the last call, none after the last one.

        Raises:
            BaseException: whatever went wrong in the application.
        """
        await self._until(lambda: bool(self._chunks) or self._is_complete, "send the rest of the response and end")
        if self._chunks:
            chunks, self._chunks, self._buffered = self._chunks, [], 0
            self._drained.set()
            return chunks
        self.raise_failure()
        if not self._finished:
            raise httpx2.ReadError("the client was closed before the response was complete")
        return []

    @property
    def is_done(self) -> bool:
        """Whether response and application have ended, all chunks are received and there is nothing to raise: `close` would do nothing."""
        return (
            self._ended and self._finished and not self._chunks and (self.failures.are_told or self.failures.find(is_broken=False) is None)
        )

    async def close(self) -> None:
        """Goes away and waits for the application to end.

        Raises:
            BaseException: what went wrong in the application, unless it was raised before.
        """
        self.leave()
        await self._until(lambda: self._ended or self._cancelled, "end after the client went away")
        self.raise_failure()

    async def abandon(self) -> None:
        """Goes away in a hurry: the application may clean up for a moment, then it is cancelled."""
        self.leave()
        if not await self._ends_within(_GRACE_SECONDS):
            await self._cancel()

    def leave(self) -> None:
        """Goes away: the application sees a client that has disconnected."""
        self._mark(self.left)
        self._mark(self.over)
        self._drained.set()

    def _mark(self, future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)
        self._changed.set()

    @property
    def _is_complete(self) -> bool:
        return self._ended and (self._finished or self.has_left or self.failures.of_application)

    async def _until(self, ready: Callable[[], bool], what: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_seconds):
                while not ready():
                    self._changed.clear()
                    await self._changed.wait()
                return
        where = task_is_at(self._task) if self._task else ""
        message = f"the application did not {what} within {self._timeout_seconds} seconds; it waits at\n{where}"
        failure = self.failures.find(is_broken=self._is_broken) or httpx2.ReadTimeout(message)
        await self._cancel()
        raise failure

    async def _ends_within(self, seconds: float) -> bool:
        return self._task is None or bool((await asyncio.wait({self._task}, timeout=seconds))[0])

    async def _cancel(self) -> None:
        self.leave()
        self._cancelled = self.failures.are_told = True
        if self._task is not None:
            self._task.cancel()
            await self._ends_within(_GRACE_SECONDS)

    # What the application's task does, and what became of it.

    async def _run(self, serve: Callable[[Exchange], Awaitable[None]]) -> None:
        error_reporter.set(self._report)
        try:
            await serve(self)
        except BaseException as error:  # SystemExit too must reach the test, and not the loop
            self._report(error)
        try:
            await self._clean_up()
        except Exception as error:
            self._report(error)
        finally:
            self._ended = True
            self._changed.set()

    async def _clean_up(self) -> None:
        side_tasks = tuple(self._side_tasks)
        for side_task in side_tasks:
            side_task.cancel()
        await asyncio.gather(*side_tasks, return_exceptions=True)
        await self._body.close()

    def _report(self, error: BaseException) -> None:
        if not (self._cancelled and isinstance(error, asyncio.CancelledError)):
            self.failures.report(error)

    def raise_failure(self) -> None:
        """Raises what went wrong so far, unless it was raised before."""
        self.failures.tell(is_broken=self._is_broken)

    @property
    def _is_broken(self) -> bool:
        return not self._finished and not self.has_left


_MAX_DIGITS = 19
"""Of a length that can be. Python refuses to read thousands of digits; what the application makes of them is its own business."""


def _declared_length(request: RequestHead) -> int | None:
    declared = request.header(b"content-length")
    return int(declared) if declared is not None and declared.isdigit() and len(declared) <= _MAX_DIGITS else None
