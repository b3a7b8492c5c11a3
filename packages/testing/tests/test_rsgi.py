"""What is special about RSGI; what the client shares with Granian is compared in test_granian.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx2
import pytest

from velo_testing import AsyncTestClient, TestClient

App = Callable[[Any, Any], Awaitable[None]]
SILENCE_SECONDS = 0.3
"""When a test has waited long enough for what never comes; until then a busy machine has to get where it waits."""


def client_for(app: App, **options: Any) -> TestClient:
    return TestClient(app, protocol="rsgi", **options)


@pytest.mark.parametrize(("host", "client", "server"), [("127.0.0.1", "127.0.0.1:1", "testserver:80"), ("::1", "[::1]:1", "[::1]:8080")])
def test_addresses_are_text(host: str, client: str, server: str) -> None:
    async def app(scope: Any, protocol: Any) -> None:
        protocol.response_str(200, [], f"{scope.client} {scope.server}")

    base_url = f"http://{server.removesuffix(':80')}"
    with client_for(app, base_url=base_url, client=(host, 1)) as test_client:
        assert test_client.get("/").text == f"{client} {server}"


def test_a_body_is_iterated_as_it_was_sent_and_ends_with_an_empty_chunk() -> None:
    chunks: list[bytes] = []

    async def app(scope: Any, protocol: Any) -> None:
        chunks.extend([chunk async for chunk in protocol])
        with pytest.raises(StopAsyncIteration):
            await anext(protocol)
        protocol.response_empty()

    with client_for(app) as client:
        client.post("/", content=iter([b"one", b"", b"two"]))

    assert chunks == [b"one", b"two", b""]


async def test_a_client_that_leaves_inside_the_body_is_an_error_or_an_early_end() -> None:
    """An error for who wants the whole body, two empty chunks for who iterates."""
    log: list[object] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("mine")

    async def app(scope: Any, protocol: Any) -> None:
        if scope.path == "/whole":
            try:
                await protocol()
            except RuntimeError as error:
                log.append(type(error).__name__)
        else:
            log.extend([chunk async for chunk in protocol])
        await protocol.client_disconnect()
        protocol.response_str(200, [], "to nobody")

    async with AsyncTestClient(app, protocol="rsgi") as client:
        for path in ("/whole", "/chunks"):
            with pytest.raises(LookupError, match="mine"):
                await client.post(path, content=chunks())

    assert log == ["RSGIProtocolClosed", b"first", b"", b""]


def test_after_a_whole_response_no_disconnect_comes() -> None:
    """The connection is kept alive: an application that waits for it without an end waits for ever."""

    async def app(scope: Any, protocol: Any) -> None:
        protocol.response_str(200, [], "done")
        await protocol.client_disconnect()

    with client_for(app) as client, pytest.raises(httpx2.ReadTimeout, match="send the rest of the response and end"):
        client.get("/", timeout=SILENCE_SECONDS)


def test_after_a_streamed_response_the_disconnect_comes() -> None:
    """Also for who has begun to wait for it before there was a stream."""

    async def app(scope: Any, protocol: Any) -> None:
        gone = protocol.client_disconnect()
        transport = protocol.response_stream()
        await transport.send_str("done")
        assert not gone.done()
        del transport
        await gone
        await protocol.client_disconnect()

    with client_for(app) as client:
        assert client.get("/").text == "done"


def test_a_streamed_response_to_head_is_cut() -> None:
    """As hyper does it: the first send may go through, then the transport is closed."""
    sent = 0

    async def app(scope: Any, protocol: Any) -> None:
        nonlocal sent
        transport = protocol.response_stream(200, [("content-length", "10")])
        while True:
            await transport.send_bytes(b"x")
            sent += 1

    with client_for(app) as client:
        response = client.head("/")

    assert (response.headers["content-length"], response.content, sent) == ("10", b"", 1)


def test_an_endless_stream_that_nobody_reads_is_held_back() -> None:
    """Granian has no back-pressure; a test run has only so much memory."""
    sent = 0

    async def app(scope: Any, protocol: Any) -> None:
        nonlocal sent
        transport = protocol.response_stream()
        while True:
            await transport.send_bytes(bytes(1 << 20))
            sent += 1

    with client_for(app) as client, client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        for _ in range(30):
            next(chunks)

    assert 16 <= sent <= 64


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (-1, 5)])
def test_an_empty_range_of_a_file_is_refused(start: int, end: int) -> None:
    async def app(scope: Any, protocol: Any) -> None:
        protocol.response_file_range(206, [], __file__, start, end)

    with client_for(app) as client, pytest.raises(ValueError, match="Invalid range"):
        client.get("/")


def test_the_call_is_used_where_there_is_no_method_of_the_protocol() -> None:
    class Both:
        async def __call__(self, *arguments: object) -> None:
            raise AssertionError("this is ASGI")

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            protocol.response_str(200, [], "method")

    async def function(scope: Any, protocol: Any) -> None:
        protocol.response_str(200, [], "function")

    with client_for(Both()) as client:
        assert client.get("/").text == "method"
    with client_for(function) as client:
        assert client.get("/").text == "function"


def test_what_an_application_begins_and_leaves_ends_with_it() -> None:
    """Nothing warns of futures that were never awaited, and no task is left."""
    before: set[asyncio.Task[Any]] = set()
    tasks: list[set[asyncio.Task[Any]]] = []

    async def app(scope: Any, protocol: Any) -> None:
        if scope.path == "/leave":
            before.update(asyncio.all_tasks())
            protocol.client_disconnect()
            protocol()
        else:
            tasks.append({task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()})
        protocol.response_empty()

    def chunks() -> Iterator[bytes]:
        yield b"never asked for"

    with client_for(app) as client:
        client.post("/leave", content=chunks())
        client.get("/look")

    assert [{task.get_name() for task in found if "client_disconnect" in repr(task)} for found in tasks] == [set()]


def test_granians_own_exceptions_are_raised_where_it_is_loaded() -> None:
    granian = pytest.importorskip("granian.rsgi", reason="GRANIAN IS NOT INSTALLED: whether its exceptions are raised was not tested")
    caught: list[Exception] = []

    async def app(scope: Any, protocol: Any) -> None:
        await protocol()
        try:
            await protocol()
        except granian.ProtocolError as error:
            caught.append(error)
        transport = protocol.response_stream()
        try:
            while True:
                await transport.send_str("tick")
        except granian.ProtocolClosed as error:
            caught.append(error)

    with client_for(app) as client, client.stream("GET", "/"):
        pass

    assert [type(error) for error in caught] == [granian.ProtocolError, granian.ProtocolClosed]
