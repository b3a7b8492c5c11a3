"""Bodies move chunk by chunk in both directions, and a client that leaves is seen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from velo_testing import AsyncTestClient, ProtocolName, TestClient

Message = dict[str, Any]
PROTOCOLS: tuple[ProtocolName, ...] = ("asgi", "rsgi")  # those that run on an event loop
on_each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
SILENCE_SECONDS = 0.3
"""When a test has waited long enough for what never comes; until then a busy machine has to get where it waits."""


class Connection:
    """The same streams on both protocols. Received chunks end with an empty one."""

    def __init__(
        self, receive: Callable[[], Awaitable[bytes]], send: Callable[[bytes], Awaitable[None]], gone: Callable[[], Awaitable[None]]
    ):
        self.receive = receive
        self.send = send
        self.gone = gone


class Streaming:
    """Answers 200 at once, and leaves the rest to `handle(connection)`."""

    def __init__(self, handle: Callable[[Connection], Awaitable[None]], headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.handle = handle
        self.headers = headers

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            return

        async def receive_chunk() -> bytes:
            chunk: bytes = (await receive()).get("body", b"")
            return chunk

        async def send_chunk(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        headers = [(name.encode(), value.encode()) for name, value in self.headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.handle(Connection(receive_chunk, send_chunk, gone))
        await send({"type": "http.response.body"})

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        transport = protocol.response_stream(200, list(self.headers))
        chunks = aiter(protocol)
        await self.handle(Connection(lambda: anext(chunks), transport.send_bytes, protocol.client_disconnect))


async def echo(connection: Connection) -> None:
    while chunk := await connection.receive():
        await connection.send(chunk)


@on_each_protocol
def test_a_synchronous_body_is_pulled_chunk_by_chunk_in_the_thread_of_the_test(protocol: ProtocolName) -> None:
    """Each chunk is answered before the next one is taken, while the response is being read: full duplex."""
    log: list[str] = []

    async def handle(connection: Connection) -> None:
        while chunk := await connection.receive():
            log.append(f"got {chunk.decode()}")
            await connection.send(chunk)

    def chunks() -> Iterator[bytes]:
        assert threading.current_thread() is threading.main_thread()
        for number in range(3):
            log.append(f"took {number}")
            yield b"%d" % number

    with TestClient(Streaming(handle), protocol=protocol) as client, client.stream("POST", "/", content=chunks()) as response:
        assert list(response.iter_raw()) == [b"0", b"1", b"2"]

    assert log == ["took 0", "got 0", "took 1", "got 1", "took 2", "got 2"]


@on_each_protocol
async def test_an_asynchronous_body_waits_for_what_the_test_has_read(protocol: ProtocolName) -> None:
    """The second chunk is sent only after the echo of the first was read: nothing is collected anywhere."""
    read = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        await read.wait()
        yield b"second"

    async with AsyncTestClient(Streaming(echo), protocol=protocol) as client:
        async with client.stream("POST", "/", content=chunks()) as response:
            received: list[bytes] = []
            async for chunk in response.aiter_raw():
                received.append(chunk)
                read.set()

    assert received == [b"first", b"second"]


@on_each_protocol
async def test_a_receive_that_is_given_up_loses_nothing(protocol: ProtocolName) -> None:
    """Frameworks race a receive against other things and cancel it."""
    given_up = asyncio.Event()

    async def handle(connection: Connection) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.receive(), 0.01)
        given_up.set()
        await echo(connection)

    async def chunks() -> AsyncIterator[bytes]:
        await given_up.wait()
        yield b"late"

    async with AsyncTestClient(Streaming(handle), protocol=protocol) as client:
        assert (await client.post("/", content=chunks())).content == b"late"


@on_each_protocol
def test_leaving_an_endless_stream_early_ends_the_application(protocol: ProtocolName) -> None:
    """It has ended when `with` has; its sends fail, which is no failure of the test."""
    ended: list[str] = []

    async def handle(connection: Connection) -> None:
        try:
            while True:
                await connection.send(b"tick")
        finally:
            ended.append("stream")

    with TestClient(Streaming(handle), protocol=protocol) as client:
        with client.stream("GET", "/") as response:
            chunks = response.iter_raw()
            assert [next(chunks), next(chunks)] == [b"tick", b"tick"]
            assert ended == []
        assert ended == ["stream"]


@on_each_protocol
async def test_leaving_is_seen_by_an_application_that_waits_for_more_of_the_body(protocol: ProtocolName) -> None:
    received: list[bytes] = []

    async def handle(connection: Connection) -> None:
        received.append(await connection.receive())
        await connection.send(b"hello")
        received.append(await connection.receive())

    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async with AsyncTestClient(Streaming(handle), protocol=protocol) as client:
        async with client.stream("POST", "/", content=chunks()) as response:
            answer = response.aiter_raw()
            assert await anext(answer) == b"hello"

    assert received == [b"first", b""]


@on_each_protocol
async def test_leaving_is_seen_by_an_application_that_waits_for_it(protocol: ProtocolName) -> None:
    log: list[str] = []

    async def handle(connection: Connection) -> None:
        await connection.send(b"hello")
        await connection.gone()
        log.append("seen")
        for _ in range(2):
            try:
                await connection.send(b"anybody?")
            except OSError:
                log.append("OSError")
            except RuntimeError as error:
                log.append(type(error).__name__)
        await connection.gone()  # stays true
        raise ConnectionAbortedError from _send_error(protocol)

    async with AsyncTestClient(Streaming(handle), protocol=protocol) as client:
        with pytest.raises(ConnectionAbortedError):
            async with client.stream("GET", "/") as response:
                assert await anext(response.aiter_raw()) == b"hello"

    assert log == ["seen", *{"asgi": ["OSError"] * 2, "rsgi": ["RSGIProtocolClosed"] * 2}[protocol]]


def _send_error(protocol: ProtocolName) -> Exception:
    return ValueError(protocol)


@on_each_protocol
def test_an_error_raised_from_a_failed_send_is_no_failure_of_the_test(protocol: ProtocolName) -> None:
    """Alone, as an explicit cause, or in a group; a mistake in the clean-up is raised all the same."""

    async def handle(connection: Connection) -> None:
        try:
            while True:
                await connection.send(b"tick")
        except (OSError, RuntimeError) as error:
            raise ExceptionGroup("tasks", [LookupError("client left")]) from error

    async def clumsy(connection: Connection) -> None:
        try:
            while True:
                await connection.send(b"tick")
        finally:
            raise ZeroDivisionError

    with TestClient(Streaming(handle), protocol=protocol) as client, client.stream("GET", "/"):
        pass
    with TestClient(Streaming(clumsy), protocol=protocol) as client, pytest.raises(ZeroDivisionError):
        with client.stream("GET", "/"):
            pass


@on_each_protocol
def test_an_application_that_does_not_care_for_a_client_that_left_is_cancelled(protocol: ProtocolName) -> None:
    async def handle(connection: Connection) -> None:
        while True:
            with suppress(OSError, RuntimeError):
                await connection.send(b"tick")

    with TestClient(Streaming(handle), protocol=protocol) as client:
        with pytest.raises(httpx2.ReadTimeout, match="end after the client went away"):
            with client.stream("GET", "/", timeout=SILENCE_SECONDS):
                pass


@on_each_protocol
def test_closing_the_client_ends_open_responses(protocol: ProtocolName) -> None:
    ended: list[str] = []

    async def handle(connection: Connection) -> None:
        await connection.send(b"hello")
        await connection.gone()
        ended.append("stream")

    client = TestClient(Streaming(handle), protocol=protocol)
    response = client.send(client.build_request("GET", "/"), stream=True)
    client.close()
    assert ended == ["stream"]

    with pytest.raises(httpx2.ReadError, match="closed"):
        response.read()
    response.close()


@on_each_protocol
async def test_closing_the_asynchronous_client_ends_open_responses_and_tells_their_errors(protocol: ProtocolName) -> None:
    async def handle(connection: Connection) -> None:
        await connection.send(b"hello")
        await connection.gone()
        raise LookupError("clean-up")

    client = AsyncTestClient(Streaming(handle), protocol=protocol)
    response = await client.send(client.build_request("GET", "/"), stream=True)
    with pytest.raises(LookupError, match="clean-up"):
        await client.aclose()

    assert response.status_code == 200
    with pytest.raises(httpx2.ReadError, match="closed"):
        await response.aread()


@on_each_protocol
def test_an_error_in_the_middle_of_a_response_is_raised_where_it_is_read(protocol: ProtocolName) -> None:
    async def handle(connection: Connection) -> None:
        await connection.send(b"half")
        raise LookupError("middle")

    with TestClient(Streaming(handle), protocol=protocol) as client:
        with client.stream("GET", "/") as response:
            assert response.status_code == 200
            chunks = response.iter_raw()
            assert next(chunks) == b"half"
            with pytest.raises(LookupError, match="middle"):
                next(chunks)


@pytest.mark.parametrize(
    ("protocol", "headers"), [("asgi", ()), ("asgi", (("content-length", "8"),)), ("rsgi", (("content-length", "8"),))]
)
def test_without_raising_a_response_that_breaks_off_is_broken(protocol: ProtocolName, headers: tuple[tuple[str, str], ...]) -> None:
    async def handle(connection: Connection) -> None:
        await connection.send(b"half")
        raise LookupError("middle")

    with TestClient(Streaming(handle, headers), protocol=protocol, raise_app_exceptions=False) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get("/")


def test_without_raising_an_rsgi_stream_of_unknown_length_just_ends() -> None:
    """Granian cannot tell it from one that is complete."""

    async def handle(connection: Connection) -> None:
        await connection.send(b"half")
        raise LookupError("middle")

    with TestClient(Streaming(handle), protocol="rsgi", raise_app_exceptions=False) as client:
        assert client.get("/").content == b"half"


def test_an_asgi_application_waits_for_a_slow_client() -> None:
    sent = 0

    async def handle(connection: Connection) -> None:
        nonlocal sent
        while True:
            await connection.send(bytes(1024))
            sent += 1024

    with TestClient(Streaming(handle), protocol="asgi") as client, client.stream("GET", "/") as response:
        assert sent <= 65536
        assert len(next(response.iter_raw(100_000))) == 100_000
        assert 65536 < sent <= 300_000


def test_background_work_is_over_when_the_response_is() -> None:
    done: list[str] = []

    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"done"})
            await asyncio.sleep(0.01)
            done.append("work")

    with TestClient(app) as client:
        assert client.get("/").text == "done"
        assert done == ["work"]


async def test_two_parts_of_an_application_can_receive_at_once() -> None:
    """One of them is usually only interested in the disconnect."""
    messages: list[str] = []

    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "http":
            first, second = asyncio.ensure_future(receive()), asyncio.ensure_future(receive())
            messages.append((await first)["type"])
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})
            messages.append((await second)["type"])

    async with AsyncTestClient(app) as client:
        await client.post("/", content=b"body")

    assert messages == ["http.request", "http.disconnect"]
