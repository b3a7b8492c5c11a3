"""One websocket between an application and a client.

Theory of operation. It lives on the application's event loop, between two parties, as an `Exchange` does. The application runs in a task of
its own; its protocol's server calls `next_message`, `accept`, `begin_denial`, `deny`, `say` and `end`. The client calls `open`, `send`,
`receive` and `close`, each of which waits until the state has changed far enough. Messages wait in between, in both directions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias, cast

import httpx2

from velo_core import error_reporter
from velo_testing.diagnosis import task_is_at
from velo_testing.errors import ClientDisconnected, WebSocketClosed
from velo_testing.exchange import ResponseHead
from velo_testing.failures import Failures
from velo_testing.request import RequestHead
from velo_testing.rules import HeaderList, ResponseRules

__all__ = ["Closing", "Conversation", "Message"]

Message: TypeAlias = str | bytes
_GRACE_SECONDS = 0.5  # as for exchanges
_HIGH_WATER_BYTES = 1024 * 1024


class Closing(NamedTuple):
    """A closing frame, or the lack of one: then the code is 1005 or 1006."""

    code: int
    reason: str


class Conversation:
    """See the module. Created on the loop that runs the application.

    Args:
        request: The handshake.
        subprotocols: That the client offers.
        timeout_seconds: How long the application may be silent, `None` for ever.

    Attributes:
        accepted: Subprotocol and headers of the acceptance.
        denial: Status and headers of a refusal.
        denial_body: Of the refusal, so far.
        closing: The closing frame, whoever sent it first.
        failures: What went wrong so far.
    """

    def __init__(
        self, request: RequestHead, subprotocols: tuple[str, ...], *, raise_app_exceptions: bool, timeout_seconds: float | None
    ) -> None:
        self.request = request
        self.subprotocols = subprotocols
        self.accepted: tuple[str | None, HeaderList] | None = None
        self.denial: ResponseHead | None = None
        self.denial_body = bytearray()
        self.closing: Closing | None = None
        self.failures = Failures(raise_app_exceptions=raise_app_exceptions)
        self._timeout_seconds = timeout_seconds
        self._rules = ResponseRules(request.method)
        self._is_denied = False
        self._has_left = False
        self._to_app: deque[Message] = deque()
        self._to_client: deque[Message] = deque()
        self._buffered = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ended = self._cancelled = False

    # The application's side.

    @property
    def has_left(self) -> bool:
        """Whether the client has gone, with a closing frame or without."""
        return self._has_left

    @property
    def is_over(self) -> bool:
        """Whether nothing can be said any more."""
        return self.closing is not None or self._is_denied

    async def next_message(self) -> Message | Closing:
        """What the client sent next; once the conversation is over, how it ended."""
        await self._wait(lambda: bool(self._to_app) or self.closing is not None)
        return self._to_app.popleft() if self._to_app else cast("Closing", self.closing)

    def accept(self, subprotocol: str | None, headers: HeaderList) -> None:
        """Opens the conversation."""
        self.accepted = (subprotocol, headers)
        self._change()

    def begin_denial(self, status: object, headers: HeaderList) -> None:
        """Begins the response that refuses the handshake.

        Raises:
            ProtocolViolation: status or headers cannot be sent.
        """
        self.denial = ResponseHead(self._rules.start(status, headers), headers)

    def deny(self, chunk: bytes, *, more: bool = False) -> None:
        """Sends a part of the body of that response.

        Raises:
            ProtocolViolation: the response may not have it, or has too little.
        """
        self._rules.chunk(len(chunk))
        self.denial_body += chunk
        if not more:
            self._rules.end()
            self._is_denied = True
            self._change()

    async def say(self, message: Message) -> None:
        """Sends a message, and waits while the client has very many to take.

        Raises:
            ClientDisconnected: the client has gone.
        """
        if not self.has_left:
            self._to_client.append(message)
            self._buffered += len(message)
            self._change()
        await asyncio.sleep(0)  # an application that sends on and on must not keep the loop from ending it
        await self._wait(lambda: self._buffered <= _HIGH_WATER_BYTES or self.has_left)
        if self.has_left:
            raise ClientDisconnected("the client went away")

    def end(self, code: int, reason: str) -> None:
        """Sends the closing frame, unless the client has sent one."""
        if self.closing is None:
            self.closing = Closing(code, reason)
            self._change()

    # The client's side.

    async def open(self, serve: Callable[[Conversation], Awaitable[None]]) -> None:
        """Runs the application and waits until it has accepted or refused; in the second case, until it has ended.

        Raises:
            Exception: whatever kept the application from answering.
        """
        name = f"WEBSOCKET {self.request.path}"
        self._task = asyncio.get_running_loop().create_task(self._run(serve), name=name)
        await self._until(lambda: self.accepted is not None or self._is_denied or self._ended, "accept or refuse")
        if self.accepted is None:
            await self._until(lambda: self._ended, "end")
            self.raise_failure()
            if not self._is_denied:
                raise httpx2.RemoteProtocolError("the application ended without an answer to the handshake")

    async def send(self, message: Message) -> None:
        """Sends a message.

        Raises:
            WebSocketClosed: the conversation is over.
        """
        if self.closing is not None:
            raise WebSocketClosed(*self.closing)
        self._to_app.append(message)
        self._change()

    async def receive(self) -> Message:
        """The next message.

        Raises:
            WebSocketClosed: there is none, for the conversation is over and the application has ended.
            BaseException: what went wrong in the application.
        """
        await self._until(lambda: bool(self._to_client) or self.closing is not None or self._ended, "send a message")
        if self._to_client:
            message = self._to_client.popleft()
            self._buffered -= len(message)
            self._change()
            return message
        await self._until(lambda: self._ended, "end after the conversation is over")
        self.raise_failure()
        raise WebSocketClosed(*(self.closing or Closing(1006, "")))

    async def close(self, code: int, reason: str) -> None:
        """Sends the closing frame, unless the application has, and waits for the application to end.

        Raises:
            BaseException: what went wrong in the application, unless it was raised before.
        """
        self.leave(code, reason)
        await self._until(lambda: self._ended or self._cancelled, "end after the client has closed")
        self.raise_failure()

    async def abandon(self) -> None:
        """Goes away in a hurry: the application may clean up for a moment, then it is cancelled."""
        self.leave(1006, "")
        if self._task is not None and not (await asyncio.wait({self._task}, timeout=_GRACE_SECONDS))[0]:
            await self._cancel()

    def leave(self, code: int, reason: str) -> None:
        """Goes away: the application sees a client that has disconnected."""
        self._has_left = True
        self.closing = self.closing or Closing(code, reason)
        self._change()

    # Waiting.

    def _change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _wait(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                await self._wait(condition)
        except TimeoutError:
            if not limit.expired():
                raise
            where = "" if self._task is None else task_is_at(self._task)
            message = f"the application did not {what} within {self._timeout_seconds} seconds; it waits at\n{where}"
            await self._cancel()
            raise self.failures.find(is_broken=True) or httpx2.ReadTimeout(message) from None

    async def _cancel(self) -> None:
        self.leave(1006, "")
        self._cancelled = self.failures.are_told = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_GRACE_SECONDS)

    # What the application's task does, and what became of it.

    async def _run(self, serve: Callable[[Conversation], Awaitable[None]]) -> None:
        error_reporter.set(self._report)
        try:
            await serve(self)
        except BaseException as error:  # SystemExit too must reach the test, and not the loop
            self._report(error)
        finally:
            self._ended = True
            self.closing = self.closing or Closing(1006, "")
            self._change()

    def _report(self, error: BaseException) -> None:
        if not (self._cancelled and isinstance(error, asyncio.CancelledError)):
            self.failures.report(error)

    def raise_failure(self) -> None:
        """Raises what went wrong so far, unless it was raised before."""
        self.failures.tell(is_broken=False)
