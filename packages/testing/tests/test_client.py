"""What holds for both clients on every protocol."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import httpx2
import pytest

from velo_core import Request, Velo, error_reporter
from velo_testing import AsyncTestClient, ProtocolName, TestClient

Message = dict[str, Any]
Answer = tuple[int, list[tuple[str, str]], bytes]
PROTOCOLS: tuple[ProtocolName, ...] = ("asgi", "rsgi")  # those that run on an event loop
on_each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)

SILENCE_SECONDS = 0.3
"""When a test has waited long enough for what never comes; until then a busy machine has to get where it waits."""
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class App:
    """Answers on both protocols with what `handle(method, path, headers, body)` returns."""

    def __init__(self, handle: Callable[[str, str, dict[str, str], bytes], Awaitable[Answer]]) -> None:
        self.handle = handle

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        status, pairs, content = await self.handle(scope["method"], scope["path"], headers, body)
        encoded = [(name.encode(), value.encode()) for name, value in pairs]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": content})

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        protocol.response_bytes(*await self.handle(scope.method, scope.path, dict(scope.headers.items()), await protocol()))


async def echo(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    return 200, [("content-type", "application/json")], json.dumps([method, path, headers, body.decode()]).encode()


@on_each_protocol
def test_requests_are_httpx2_requests(protocol: ProtocolName) -> None:
    with TestClient(App(echo), protocol=protocol, headers={"x-default": "1"}) as client:
        method, path, headers, body = client.post("/a/b", json={"a": 1}, headers={"x-own": "2"}).json()

    assert (method, path, body) == ("POST", "/a/b", '{"a":1}')
    assert (headers["host"], headers["x-default"], headers["x-own"]) == ("testserver", "1", "2")
    assert headers["content-length"] == "7"


@on_each_protocol
def test_forms_and_files_arrive(protocol: ProtocolName) -> None:
    """Multipart bodies are streams inside httpx2."""
    with TestClient(App(echo), protocol=protocol) as client:
        assert client.post("/", data={"a": "b c"}).json()[3] == "a=b+c"
        assert "file content" in client.post("/", files={"file": b"file content"}).json()[3]


@on_each_protocol
async def test_the_asynchronous_client_does_the_same(protocol: ProtocolName) -> None:
    async with AsyncTestClient(App(echo), protocol=protocol, headers={"x-default": "1"}) as client:
        method, path, headers, body = (await client.post("/a/b", files={"file": b"file content"})).json()

    assert (method, path, headers["x-default"]) == ("POST", "/a/b", "1")
    assert "file content" in body


@on_each_protocol
def test_cookies_are_kept(protocol: ProtocolName) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return 200, [("set-cookie", "b=2; Path=/"), ("set-cookie", "c=3; Path=/elsewhere")], headers.get("cookie", "").encode()

    with TestClient(App(handle), protocol=protocol, cookies={"a": "1"}) as client:
        assert client.get("/").text == "a=1"
        assert client.get("/").text == "a=1; b=2"
        assert client.cookies["b"] == "2"


@on_each_protocol
def test_redirects_are_followed_only_when_wanted(protocol: ProtocolName) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return (307, [("location", "/new")], b"") if path == "/old" else (200, [], method.encode() + body)

    with TestClient(App(handle), protocol=protocol) as client:
        assert client.post("/old", content=b"body").status_code == 307
        followed = client.post("/old", content=b"body", follow_redirects=True)
    with TestClient(App(handle), protocol=protocol, follow_redirects=True) as client:
        followed_by_default = client.post("/old", content=b"body")

    assert (followed.text, followed_by_default.text) == ("POSTbody", "POSTbody")
    assert [response.status_code for response in followed.history] == [307]


@on_each_protocol
def test_exceptions_of_the_application_are_raised(protocol: ProtocolName) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise LookupError("outer") from error

    with TestClient(App(handle), protocol=protocol) as client, pytest.raises(LookupError, match="outer") as caught:
        client.get("/")

    assert isinstance(caught.value.__cause__, KeyError)


@on_each_protocol
async def test_exceptions_are_raised_by_the_asynchronous_client(protocol: ProtocolName) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        raise LookupError("outer")

    async with AsyncTestClient(App(handle), protocol=protocol) as client:
        with pytest.raises(LookupError, match="outer"):
            await client.get("/")


@pytest.mark.parametrize(("protocol", "text"), [("asgi", "Internal Server Error"), ("rsgi", "")])
def test_without_raising_an_exception_is_what_a_server_makes_of_it(protocol: ProtocolName, text: str) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        raise LookupError

    with TestClient(App(handle), protocol=protocol, raise_app_exceptions=False) as client:
        response = client.get("/")
        assert (response.status_code, response.text) == (500, text)
        assert client.head("/").status_code == 500


@on_each_protocol
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("by hand")])
def test_an_application_that_ends_the_process_ends_the_test_and_no_loop(protocol: ProtocolName, error: BaseException) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path == "/fine":
            return 200, [], b"fine"
        raise error

    with TestClient(App(handle), protocol=protocol) as client:
        with pytest.raises(type(error)):
            client.get("/")
        assert client.get("/fine").text == "fine"


@on_each_protocol
def test_a_cancellation_from_inside_is_an_error(protocol: ProtocolName) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        raise asyncio.CancelledError

    with TestClient(App(handle), protocol=protocol) as client, pytest.raises(RuntimeError, match="cancellation"):
        client.get("/")


@on_each_protocol
def test_a_reported_exception_is_raised_after_the_response(protocol: ProtocolName) -> None:
    """Frameworks that turn exceptions into responses tell of them, as Velo does."""
    completed: list[str] = []

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        report = error_reporter.get()
        assert report is not None
        report(LookupError("reported"))
        completed.append(path)
        return 500, [], b"sorry"

    with TestClient(App(handle), protocol=protocol) as client:
        with pytest.raises(LookupError, match="reported"):
            client.get("/1")
        with pytest.raises(LookupError, match="reported"), client.stream("GET", "/2") as response:
            assert response.status_code == 500
    with TestClient(App(handle), protocol=protocol, raise_app_exceptions=False) as client:
        assert client.get("/3").text == "sorry"

    assert completed == ["/1", "/2", "/3"]
    assert error_reporter.get() is None


@on_each_protocol
def test_context_variables_go_in_and_not_out(protocol: ProtocolName) -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        seen = variable.get()
        variable.set("the application's")
        return 200, [], seen.encode()

    with TestClient(App(handle), protocol=protocol) as client:
        token = variable.set("the test's")
        try:
            assert client.get("/").text == "the test's"
            assert variable.get() == "the test's"
        finally:
            variable.reset(token)


@on_each_protocol
async def test_the_asynchronous_client_runs_on_the_loop_of_the_test(protocol: ProtocolName) -> None:
    """Fifty requests meet at a barrier that the test has made: they are concurrent, and share the test's loop and context."""
    barrier = asyncio.Barrier(50)
    variable.set("the test's")
    before = asyncio.all_tasks()

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        await barrier.wait()
        return 200, [], f"{path} {variable.get()}".encode()

    async with AsyncTestClient(App(handle), protocol=protocol) as client:
        responses = await asyncio.gather(*(client.get(f"/{number}") for number in range(50)))

    assert [response.text for response in responses] == [f"/{number} the test's" for number in range(50)]
    assert asyncio.all_tasks() == before


@on_each_protocol
def test_the_synchronous_client_can_be_shared_by_threads_and_uses_one(protocol: ProtocolName) -> None:
    threads: set[int] = set()
    barrier: list[asyncio.Barrier] = []

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        threads.add(threading.get_ident())
        barrier.extend([asyncio.Barrier(8)] * (not barrier))
        await barrier[0].wait()
        return 200, [], path.encode()

    with TestClient(App(handle), protocol=protocol) as client, ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(client.get, [f"/{number}" for number in range(8)]))

    assert [response.text for response in responses] == [f"/{number}" for number in range(8)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@on_each_protocol
def test_a_silent_application_is_cancelled_and_its_place_is_named(protocol: ProtocolName) -> None:
    cancelled: list[str] = []

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(path)
            raise
        return 200, [], b""

    with TestClient(App(handle), protocol=protocol) as client, pytest.raises(httpx2.ReadTimeout, match=r"in .*handle\n"):
        client.get("/slow", timeout=SILENCE_SECONDS)

    assert cancelled == ["/slow"]


def test_a_blocked_loop_is_found_and_its_place_is_named() -> None:
    release = threading.Event()

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        release.wait()
        return 200, [], b""

    client = TestClient(App(handle))
    try:
        with pytest.raises(httpx2.ReadTimeout, match=r"in .*handle\n"):
            client.get("/", timeout=SILENCE_SECONDS)
    finally:
        release.set()
        client.close()


@on_each_protocol
def test_an_interrupted_test_takes_the_application_with_it(protocol: ProtocolName) -> None:
    """What Ctrl-C and a test's time-out raise goes through at once, and nothing hangs afterwards."""
    ended = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 200, [], b""

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell started in the background ignores it
    try:
        with TestClient(App(handle), protocol=protocol) as client:
            with pytest.raises(KeyboardInterrupt):
                client.get("/")
            assert ended.wait(60)
    finally:
        signal.signal(signal.SIGINT, before)


@on_each_protocol
async def test_a_test_that_gives_up_takes_the_application_with_it(protocol: ProtocolName) -> None:
    ended: list[str] = []
    limit = asyncio.timeout(None)

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        limit.reschedule(asyncio.get_running_loop().time())
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(path)
        return 200, [], b""

    async with AsyncTestClient(App(handle), protocol=protocol) as client:
        with pytest.raises(TimeoutError):
            async with limit:
                await client.get("/")
        assert ended == ["/"]


@on_each_protocol
def test_a_body_that_fails_in_the_test_fails_the_test(protocol: ProtocolName) -> None:
    """The application sees a client that breaks off."""

    def chunks() -> Iterator[bytes]:
        yield b"first"
        raise LookupError("mine")

    with TestClient(App(echo), protocol=protocol, raise_app_exceptions=False) as client, pytest.raises(LookupError, match="mine"):
        client.post("/", content=chunks())


@on_each_protocol
async def test_a_body_that_fails_in_an_asynchronous_test_fails_the_test(protocol: ProtocolName) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("mine")

    async with AsyncTestClient(App(echo), protocol=protocol, raise_app_exceptions=False) as client:
        with pytest.raises(LookupError, match="mine"):
            await client.post("/", content=chunks())


@on_each_protocol
async def test_an_asynchronous_body_lives_in_the_context_of_the_test_and_is_closed_with_the_request(protocol: ProtocolName) -> None:
    log: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                log.append(variable.get())
                yield b""  # no chunk at all, so the application waits for the next one
                await asyncio.sleep(0)
                yield b"chunk"
        finally:
            log.append("closed")

    class Impatient(App):
        async def __call__(
            self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
        ) -> None:
            if scope["type"] == "http":
                variable.set("the application's")
                log.append((await receive())["body"].decode())
                log.append((await receive())["body"].decode())
                await send({"type": "http.response.start", "status": 204})
                await send({"type": "http.response.body"})

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            variable.set("the application's")
            body = aiter(protocol)
            log.append((await anext(body)).decode())
            log.append((await anext(body)).decode())
            protocol.response_empty(204)

    variable.set("the test's")
    async with AsyncTestClient(Impatient(echo), protocol=protocol) as client:
        await client.post("/", content=chunks())
        assert log == ["the test's", "chunk", "the test's", "chunk", "closed"]


@on_each_protocol
@pytest.mark.parametrize("length", ["3", "30"])
def test_a_body_must_be_as_long_as_it_says(protocol: ProtocolName, length: str) -> None:
    with TestClient(App(echo), protocol=protocol, raise_app_exceptions=False) as client, pytest.raises(httpx2.LocalProtocolError):
        client.post("/", content=iter([b"first"]), headers={"content-length": length})


@on_each_protocol
def test_a_body_is_made_of_bytes(protocol: ProtocolName) -> None:
    chunks = cast("Iterator[bytes]", iter(["text"]))
    with TestClient(App(echo), protocol=protocol, raise_app_exceptions=False) as client, pytest.raises(TypeError, match="str"):
        client.post("/", content=chunks)


def test_an_application_cannot_wait_for_itself() -> None:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return 200, [], client.get("/again").content

    with TestClient(App(handle)) as client, pytest.raises(RuntimeError, match="wait for itself"):
        client.get("/")


def test_an_asynchronous_client_stays_on_its_loop() -> None:
    client = AsyncTestClient(App(echo))
    asyncio.run(_get(client))

    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(_get(client))


async def _get(client: httpx2.AsyncClient) -> None:
    await client.get("/")


def test_a_client_that_nobody_closes_ends_its_thread_and_says_so() -> None:
    clients = [TestClient(App(echo))]
    clients[0].get("/")
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "velo-test-client"]

    with pytest.warns(ResourceWarning, match="not closed"):
        _forget(clients)
    thread.join(5)

    assert not thread.is_alive()


def _forget(clients: list[TestClient]) -> None:
    clients.clear()
    gc.collect()


def test_a_client_that_is_never_used_has_no_thread() -> None:
    client = TestClient(App(echo))

    assert [thread for thread in threading.enumerate() if thread.name.startswith("velo-test")] == []
    client.close()


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="asgi, rsgi, wsgi"):
        TestClient(App(echo), protocol=cast("ProtocolName", "cgi"))


def test_rsgi_has_no_root_path() -> None:
    with pytest.raises(ValueError, match="root path"):
        TestClient(App(echo), protocol="rsgi", root_path="/a")


def test_pytest_does_not_collect_the_client() -> None:
    assert TestClient.__test__ is False


@on_each_protocol
def test_a_length_of_thousands_of_digits_reaches_the_application(protocol: ProtocolName) -> None:
    app = Velo()

    @app.post("/")
    async def read(request: Request) -> int:
        return len(await request.body())

    with TestClient(app, protocol=protocol) as client:
        assert client.post("/", content=b"{}", headers={"content-length": "9" * 5_000}).status_code in (400, 413)
