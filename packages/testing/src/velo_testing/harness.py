"""An application under test: started, stopped, and the exchanges that are open with it. Runs on the loop of the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from velo_testing.conversation import Conversation
from velo_testing.errors import LifespanFailed
from velo_testing.exchange import Exchange, ResponseHead
from velo_testing.request import RequestBody, RequestHead
from velo_testing.server import Host, Server, WebSocketServer

__all__ = ["Harness"]


class Harness:
    """See the module.

    Args:
        lifespan: Whether to start and stop the application at all.
        timeout_seconds: How long starting and stopping may take, `None` for ever.
    """

    def __init__(
        self, server: Server, host: Host, *, raise_app_exceptions: bool = True, lifespan: bool = True, timeout_seconds: float | None = None
    ) -> None:
        self._server = server
        self._host = host
        self._raise_app_exceptions = raise_app_exceptions
        self._lifespan = lifespan
        self._timeout_seconds = timeout_seconds
        self._is_started = False
        self._starting = asyncio.Lock()
        self._exchanges: set[Exchange | Conversation] = set()

    async def start(self) -> None:
        """Starts the application unless it is started.

        Raises:
            Exception: the application's own, if it cannot start.
            LifespanFailed: it cannot start and gives no exception, or takes too long.
        """
        async with self._starting:  # many first requests at once start it once
            if not self._is_started:
                await self._guarded(self._server.start, "start")
                self._is_started = True

    async def stop(self) -> None:
        """Ends what is open and stops the application if it was started; raises as `start` does."""
        exchanges, self._exchanges = self._exchanges, set()
        await asyncio.gather(*(exchange.abandon() for exchange in exchanges))
        if self._is_started:
            self._is_started = False
            await self._guarded(self._server.stop, "stop")
        for exchange in exchanges:
            exchange.raise_failure()

    async def _guarded(self, step: Callable[[Host], Awaitable[None]], what: str) -> None:
        if not self._lifespan:
            return
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                await step(self._host)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise LifespanFailed(f"the application did not {what} within {self._timeout_seconds} seconds") from error

    async def open(self, request: RequestHead, body: RequestBody, timeout_seconds: float | None) -> tuple[Exchange, ResponseHead]:
        """Sends a request and waits for the head of the response.

        Args:
            timeout_seconds: How long the application may be silent.

        Raises:
            Exception: whatever kept the application from answering.
        """
        await self.start()
        exchange = Exchange(request, body, raise_app_exceptions=self._raise_app_exceptions, timeout_seconds=timeout_seconds)
        self._exchanges.add(exchange)
        try:
            return exchange, await exchange.open(self._server.serve)
        except BaseException:
            await exchange.abandon()
            self._exchanges.discard(exchange)
            raise

    async def connect(self, request: RequestHead, subprotocols: tuple[str, ...], timeout_seconds: float | None) -> Conversation:
        """Opens a websocket, and waits until it is accepted or refused.

        Raises:
            ValueError: the protocol has no websockets.
            Exception: whatever kept the application from answering.
        """
        if not isinstance(self._server, WebSocketServer):
            raise ValueError("this protocol has no websockets; test them over ASGI and RSGI")
        await self.start()
        conversation = Conversation(request, subprotocols, raise_app_exceptions=self._raise_app_exceptions, timeout_seconds=timeout_seconds)
        self._exchanges.add(conversation)
        try:
            await conversation.open(self._server.converse)
        except BaseException:
            await conversation.abandon()
            self._exchanges.discard(conversation)
            raise
        return conversation

    def forget(self, exchange: Exchange | Conversation) -> None:
        """Lets go of an exchange that is done or closed; from any thread."""
        self._exchanges.discard(exchange)
