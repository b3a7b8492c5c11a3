"""httpx2's transports onto an application: thin, because the work is done in the harness on the application's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import cast

import httpx2

from velo_testing.conversation import Conversation
from velo_testing.exchange import Exchange, ResponseHead
from velo_testing.harness import Harness
from velo_testing.hosts import LoopThread, RunningLoop
from velo_testing.request import AsyncBody, Inbox, RequestBody, SyncBody, WholeBody, read_head
from velo_testing.server import Server

__all__ = ["AsyncTransport", "SyncTransport"]


class SyncTransport(httpx2.BaseTransport):
    """Runs the application on a loop in one background thread, from the first need until `close`.

    Args:
        client: Host and port that requests seem to come from.
        timeout_seconds: How long starting and stopping may take, `None` for ever.
    """

    def __init__(
        self, server: Server, *, raise_app_exceptions: bool, client: tuple[str, int], lifespan: bool, timeout_seconds: float | None
    ) -> None:
        self._server = server
        self._raise_app_exceptions = raise_app_exceptions
        self._client = client
        self._lifespan = lifespan
        self._timeout_seconds = timeout_seconds
        self._starting = threading.Lock()  # httpx2 clients may be shared by threads
        self._running: tuple[LoopThread, Harness] | None = None

    def __enter__(self) -> SyncTransport:
        self._start()
        return self

    def _start(self) -> tuple[LoopThread, Harness]:
        with self._starting:
            if self._running is None:
                thread = LoopThread()
                harness = Harness(
                    self._server,
                    thread,
                    raise_app_exceptions=self._raise_app_exceptions,
                    lifespan=self._lifespan,
                    timeout_seconds=self._timeout_seconds,
                )
                try:
                    thread.run(harness.start(), timeout_seconds=self._timeout_seconds)
                except BaseException:
                    thread.close()
                    raise
                self._running = (thread, harness)
            return self._running

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2; also raises what the application raises."""
        head = read_head(request, self._client)
        thread, harness = self._start()
        body: RequestBody
        inbox: Inbox | None = None
        if isinstance(request.stream, httpx2.ByteStream):
            body = WholeBody(b"".join(request.stream))
        else:
            body = SyncBody(cast("httpx2.SyncByteStream", request.stream))  # httpx2 has refused the other kind
            inbox = body.inbox
        seconds = _silence(request)
        exchange, response = thread.run(harness.open(head, body, seconds), timeout_seconds=seconds, inbox=inbox)
        return _response(exchange, response, _SyncStream(thread, harness, exchange, seconds, inbox))

    def connect(self, request: httpx2.Request, subprotocols: tuple[str, ...]) -> tuple[LoopThread, Conversation]:
        """Opens a websocket, whose handshake is `request`; raises what the application raises."""
        head = read_head(request, self._client)
        thread, harness = self._start()
        seconds = _silence(request)
        return thread, thread.run(harness.connect(head, subprotocols, seconds), timeout_seconds=seconds)

    def close(self) -> None:
        """Stops the application and ends the thread; raises what the application raises meanwhile."""
        with self._starting:
            if self._running is None:
                return
            (thread, harness), self._running = self._running, None
        try:
            thread.run(harness.stop(), timeout_seconds=self._timeout_seconds)
        finally:
            thread.close()


class _SyncStream(httpx2.SyncByteStream):
    def __init__(self, thread: LoopThread, harness: Harness, exchange: Exchange, seconds: float | None, inbox: Inbox | None) -> None:
        self._thread = thread
        self._harness = harness
        self._exchange = exchange
        self._seconds = seconds
        self._inbox = inbox

    def __iter__(self) -> Iterator[bytes]:
        while not self._exchange.is_done:
            yield from self._receive()

    def _receive(self) -> list[bytes]:
        try:
            return self._thread.run(self._exchange.receive(), timeout_seconds=self._seconds, inbox=self._inbox)
        except BaseException:  # also an interrupted test, which must not wait for the application
            if self._thread.is_alive:
                self._thread.run(self._exchange.abandon(), timeout_seconds=self._seconds)
            raise

    def close(self) -> None:
        self._harness.forget(self._exchange)
        # Each run is two changes of threads, and most responses need no more than the two runs they have had.
        if not self._exchange.is_done and self._thread.is_alive:
            self._thread.run(self._exchange.close(), timeout_seconds=self._seconds)


class AsyncTransport(httpx2.AsyncBaseTransport):
    """Runs the application on the loop of the test; arguments as for `SyncTransport`."""

    def __init__(
        self, server: Server, *, raise_app_exceptions: bool, client: tuple[str, int], lifespan: bool, timeout_seconds: float | None
    ) -> None:
        self._client = client
        self._harness = Harness(
            server, RunningLoop(), raise_app_exceptions=raise_app_exceptions, lifespan=lifespan, timeout_seconds=timeout_seconds
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> AsyncTransport:
        self._check_loop()
        await self._harness.start()
        return self

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise RuntimeError("this AsyncTestClient was started on another event loop; give client and test the same one")

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2; also raises what the application raises."""
        self._check_loop()
        head = read_head(request, self._client)
        body: RequestBody
        if isinstance(request.stream, httpx2.ByteStream):
            body = WholeBody(b"".join(request.stream))
        else:
            body = AsyncBody(cast("httpx2.AsyncByteStream", request.stream))  # httpx2 has refused the other kind
        exchange, response = await self._harness.open(head, body, _silence(request))
        return _response(exchange, response, _AsyncStream(self._harness, exchange))

    async def connect(self, request: httpx2.Request, subprotocols: tuple[str, ...]) -> Conversation:
        """Opens a websocket, whose handshake is `request`; raises what the application raises."""
        self._check_loop()
        return await self._harness.connect(read_head(request, self._client), subprotocols, _silence(request))

    async def aclose(self) -> None:
        """Stops the application; raises what the application raises meanwhile."""
        if self._loop is not None:
            self._check_loop()
            await self._harness.stop()


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, harness: Harness, exchange: Exchange) -> None:
        self._harness = harness
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunks := await self._receive():
            for chunk in chunks:
                yield chunk

    async def _receive(self) -> list[bytes]:
        try:
            return await self._exchange.receive()
        except BaseException:  # also a test that gives up waiting
            await self._exchange.abandon()
            raise

    async def aclose(self) -> None:
        self._harness.forget(self._exchange)
        await self._exchange.close()


def _silence(request: httpx2.Request) -> float | None:
    """How many seconds the application may be silent: what httpx2 calls the read time-out."""
    timeout: dict[str, float | None] = request.extensions.get("timeout", {})
    return timeout.get("read")


def _response(exchange: Exchange, head: ResponseHead, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream) -> httpx2.Response:
    extensions = {"http_version": b"HTTP/1.1", "early_hints": exchange.early_hints, "trailers": exchange.trailers}
    return httpx2.Response(head.status, headers=list(head.headers), stream=stream, extensions=extensions)
