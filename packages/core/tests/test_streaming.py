"""Bodies that are made while they are sent."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextvars import ContextVar
from typing import Annotated, Any, cast

import httpx2
import pytest

from velo_core import CallNext, Depends, HTTPError, Request, Response, StreamingResponse, Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient

Serve = Callable[..., TestClient]
Message = MutableMapping[str, Any]

both_protocols = pytest.mark.parametrize("protocol", ["asgi", "rsgi"])


def streaming(
    content: Callable[[], object], status_code: int = 200, headers: dict[str, str] | None = None, media_type: str | None = None
) -> Velo:
    """An application that answers `GET /` with what `content` makes."""
    app = Velo()

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(cast("Iterator[bytes]", content()), status_code, headers, media_type)

    return app


# What can be sent.


async def in_loop() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


def in_pool() -> Iterator[str]:
    yield "one "
    yield "two"


async def of_text() -> AsyncIterator[str]:
    yield "żółw "
    yield "🐢"


class Rows:
    """An asynchronous iterable that is no generator."""

    def __init__(self) -> None:
        self.left = [b"one ", b"two"]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return cast("AsyncIterator[bytes]", self)

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (in_loop, "one two"),
        (in_pool, "one two"),
        (of_text, "żółw 🐢"),
        (Rows, "one two"),
        (lambda: ["one ", b"two"], "one two"),
        (lambda: iter(("one ", "two")), "one two"),
        (lambda: ["", b"", "one", b""], "one"),
        (list, ""),
    ],
    ids=["async generator", "generator", "text", "async iterable", "list", "iterator", "empty chunks", "nothing"],
)
def test_everything_that_can_be_iterated_is_sent(serve: Serve, content: Callable[[], object], expected: str) -> None:
    response = serve(streaming(content, media_type="text/plain")).get("/")

    assert response.content == expected.encode()
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-length" not in response.headers


@pytest.mark.not_on_wsgi("nothing is sent before the first chunk (PEP 3333)")
def test_status_headers_and_cookies_are_sent_before_the_first_chunk(serve: Serve) -> None:
    app = Velo()
    may_begin = threading.Event()

    def slow() -> Iterator[bytes]:
        assert may_begin.wait(5)
        yield b"begun"

    @app.get("/")
    async def show() -> StreamingResponse:
        response = StreamingResponse(slow(), 201, {"x-kind": "slow"})
        response.set_cookie("seen", "1")
        return response

    with serve(app).stream("GET", "/") as response:
        assert (response.status_code, response.headers["x-kind"]) == (201, "slow")
        assert response.headers["set-cookie"].startswith("seen=1;")
        may_begin.set()
        assert response.read() == b"begun"


def test_a_middleware_may_take_the_first_piece_away(serve: Serve) -> None:
    """Which has been made before the response, to show what kind it is."""
    app = Velo()

    async def without_header_line(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert isinstance(response, StreamingResponse)
        assert await anext(cast("AsyncIterator[str]", response.content)) == "name,price\n"
        return response

    @app.get("/", middleware=[without_header_line])
    async def rows() -> AsyncIterator[Any]:
        yield "name,price\n"
        yield "lamp,3\n"
        yield "hat,5\n"

    assert serve(app).get("/").text == "lamp,3\nhat,5\n"


def test_a_length_that_is_known_can_be_declared(serve: Serve) -> None:
    response = serve(streaming(in_loop, headers={"content-length": "7"})).get("/")

    assert (response.content, response.headers["content-length"]) == (b"one two", "7")


@pytest.mark.not_on_wsgi("both are stepped in the thread of the server")
def test_a_plain_generator_is_stepped_in_the_pool_and_an_asynchronous_one_is_not(serve: Serve) -> None:
    app = Velo()
    threads: dict[str, set[str]] = {"plain": set(), "async": set()}

    def plain() -> Iterator[bytes]:
        for _ in range(3):
            threads["plain"].add(threading.current_thread().name.partition("_")[0])
            yield b"."

    async def asynchronous() -> AsyncIterator[bytes]:
        for _ in range(3):
            threads["async"].add(threading.current_thread().name.partition("_")[0])
            yield b"."

    @app.get("/{kind}")
    async def show(kind: str) -> StreamingResponse:
        return StreamingResponse(plain() if kind == "plain" else asynchronous())

    client = serve(app)
    client.get("/plain")
    client.get("/async")

    assert threads["plain"] == {"velo"}
    assert "velo" not in threads["async"]


def test_a_plain_generator_sees_the_context_of_the_request_and_keeps_its_own_changes(serve: Serve) -> None:
    app = Velo()
    step: ContextVar[int] = ContextVar("step")

    def chunks() -> Iterator[str]:
        for _ in range(3):
            yield str(step.get())
            step.set(step.get() + 1)

    @app.get("/")
    async def show() -> StreamingResponse:
        step.set(7)
        return StreamingResponse(chunks())

    assert serve(app).get("/").text == "789"


# What is not iterated.


@pytest.mark.parametrize("content", [in_loop, in_pool], ids=["async", "plain"])
def test_head_gets_the_head_and_nothing_is_iterated(serve: Serve, content: Callable[[], object]) -> None:
    app = Velo()
    events: list[str] = []

    async def session() -> AsyncIterator[None]:
        yield
        events.append("session closed")

    def watched() -> Iterator[bytes]:
        events.append("iterated")
        yield b""

    async def watched_in_loop() -> AsyncIterator[bytes]:
        events.append("iterated")
        yield b""

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> StreamingResponse:
        return StreamingResponse(watched() if content is in_pool else watched_in_loop(), headers={"x-kind": "rows"})

    response = serve(app).head("/")

    assert (response.status_code, response.content, response.headers["x-kind"]) == (200, b"", "rows")
    assert events == ["session closed"]


def test_a_status_without_a_body_sends_none(serve: Serve) -> None:
    response = serve(streaming(in_loop, status_code=304, headers={"etag": '"1"'})).get("/")

    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", '"1"')


def test_what_can_be_closed_is_closed_even_if_nothing_was_iterated(serve: Serve) -> None:
    class Rows:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            raise AssertionError

        def close(self) -> None:
            Rows.closed += 1

    app = Velo()

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(Rows())

    @app.get("/304")
    async def unchanged() -> StreamingResponse:
        return StreamingResponse(Rows(), 304)

    client = serve(app)
    client.head("/")
    client.get("/304")

    assert Rows.closed == 2


# Errors.


async def broken_at_once() -> AsyncIterator[bytes]:
    for number in list[int]():
        yield b"%d" % number
    raise ValueError("broken")


async def broken_midway() -> AsyncIterator[bytes]:
    yield b"first"
    raise ValueError("broken")


def broken_midway_in_pool() -> Iterator[bytes]:
    yield b"first"
    raise ValueError("broken")


async def missing_file() -> AsyncIterator[bytes]:
    yield b"first"
    raise FileNotFoundError(2, "No such file", "rows.csv")


def missing_file_in_pool() -> Iterator[bytes]:
    yield b"first"
    raise FileNotFoundError(2, "No such file", "rows.csv")


async def of_numbers() -> AsyncIterator[bytes]:
    yield b"first"
    yield cast("bytes", 7)


def of_numbers_in_pool() -> Iterator[bytes]:
    yield b"first"
    yield cast("bytes", 7)


ERRORS = [
    (broken_at_once, ValueError, "broken"),
    (broken_midway, ValueError, "broken"),
    (broken_midway_in_pool, ValueError, "broken"),
    (missing_file, FileNotFoundError, "rows.csv"),
    (missing_file_in_pool, FileNotFoundError, "rows.csv"),
    (of_numbers, TypeError, "gave int, not bytes or str"),
    (of_numbers_in_pool, TypeError, "gave int, not bytes or str"),
]


@pytest.mark.parametrize(("content", "kind", "text"), ERRORS, ids=[content.__name__ for content, _, _ in ERRORS])
def test_an_error_after_the_start_ends_the_response_and_is_told_to_the_server_once(
    serve: Serve, content: Callable[[], object], kind: type[Exception], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server logs what comes out of the application, so Velo does not."""
    client = serve(streaming(content))

    with pytest.raises(kind, match=text):
        client.get("/")
    assert [record for record in caplog.records if record.name.startswith("velo")] == []


@pytest.mark.parametrize("content", [content for content, _, _ in ERRORS])
@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
def test_a_client_sees_that_a_broken_response_is_not_whole(content: Callable[[], object], interpreted: bool) -> None:
    """On ASGI; RSGI has no way to say so."""
    app = streaming(content)
    app.interpreted = interpreted

    with TestClient(app, raise_app_exceptions=False) as client, pytest.raises(httpx2.RemoteProtocolError):
        client.get("/")


def test_an_error_before_the_response_is_made_is_an_ordinary_problem(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show() -> StreamingResponse:
        raise HTTPError(404)

    assert serve(app).get("/").status_code == 404


# Clients that leave.


@pytest.mark.parametrize("kind", ["async", "async, awaiting", "plain"])
def test_when_the_client_leaves_the_generator_is_closed_at_once(
    serve: Serve, protocol: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And then what is around it; neither is cancelled any more, so both may wait for something."""
    if protocol == "wsgi" and kind == "async, awaiting":
        pytest.skip("WSGI does not tell that the client has gone before the next chunk is sent")
    app = Velo()
    events: list[str] = []
    cancellations: list[int] = []

    async def session() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            task = asyncio.current_task()
            assert task is not None
            cancellations.append(task.cancelling())
            events.append("session closed")

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"chunk"
                await asyncio.sleep(0)
        finally:
            events.append("generator closed")

    async def waiting() -> AsyncIterator[bytes]:
        try:
            yield b"chunk"
            await asyncio.Event().wait()
        finally:
            events.append("generator closed")

    def plain() -> Iterator[bytes]:
        try:
            while True:
                yield b"chunk"
        finally:
            events.append("generator closed")

    made: dict[str, Callable[[], AsyncIterator[bytes] | Iterator[bytes]]] = {"async": chunks, "async, awaiting": waiting, "plain": plain}

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> StreamingResponse:
        return StreamingResponse(made[kind]())

    client = serve(app)
    with client.stream("GET", "/") as response:
        assert next(response.iter_raw()).startswith(b"chunk")

    assert events == ["generator closed", "session closed"]
    assert cancellations == [0]
    assert caplog.records == []


def test_a_generator_may_clean_up_with_awaits_when_the_client_leaves(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"chunk"
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            events.append("cleaned up")

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(chunks())

    with serve(app).stream("GET", "/") as response:
        next(response.iter_raw())

    assert events == ["cleaned up"]


@both_protocols
async def test_a_blocking_step_is_waited_for_when_the_client_leaves(protocol: ProtocolName) -> None:
    """A generator cannot be closed while a thread runs it."""
    app = Velo()
    events: list[str] = []
    stepping, go_on = threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            yield b"chunk"
            stepping.set()
            go_on.wait(5)
            events.append("stepped")
            yield b"chunk"
        finally:
            events.append("closed")

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(chunks())

    async with AsyncTestClient(app, protocol=protocol) as client:
        async with client.stream("GET", "/") as response:
            received = response.aiter_raw()
            assert await anext(received) == b"chunk"
            assert await asyncio.to_thread(stepping.wait, 5)
            asyncio.get_running_loop().call_later(0.02, go_on.set)  # when the client has left

        assert events == ["stepped", "closed"]


# Many at once.


@both_protocols
async def test_many_streams_at_once_do_not_get_into_each_other(protocol: ProtocolName) -> None:
    app = Velo()

    async def session() -> AsyncIterator[list[str]]:
        opened: list[str] = []
        yield opened
        assert opened

    @app.get("/{name}")
    async def show(name: str, request: Request, opened: Annotated[list[str], Depends(session)]) -> StreamingResponse:
        request.response_headers.set("x-name", name)
        opened.append(name)

        async def chunks() -> AsyncIterator[str]:
            for number in range(5):
                await asyncio.sleep(0)
                yield f"{opened[0]}{number};"

        return StreamingResponse(chunks())

    async with AsyncTestClient(app, protocol=protocol) as client:
        responses = await asyncio.gather(*(client.get(f"/{number}") for number in range(50)))

    for number, response in enumerate(responses):
        assert response.text == "".join(f"{number}{chunk};" for chunk in range(5))
        assert response.headers.get_list("x-name") == [str(number)]


@both_protocols
async def test_fifty_requests_at_once_do_not_share_anything(protocol: ProtocolName) -> None:
    """Path, query, headers, body, errors, dependencies, context and added headers are each request's own."""
    app = Velo()
    who: ContextVar[str] = ContextVar("who")

    async def remember(name: str, request: Request) -> None:
        request.response_headers.add("x-name", name)
        who.set(name)
        await asyncio.sleep(0)

    def again(request: Request) -> str:
        return f"{request.query['name']} {who.get()}"

    @app.post("/{number:int}", dependencies=[Depends(remember)])
    async def show(number: int, names: list[str], again: Annotated[str, Depends(again)], page: int = 0) -> str:
        await asyncio.sleep(0)
        return f"{number} {names[0]} {again} {who.get()} {page}"

    async with AsyncTestClient(app, protocol=protocol) as client:

        async def ask(number: int) -> None:
            query = f"name=n{number}" + (f"&page=x{number}" if number % 3 == 0 else f"&page={number}")
            response = await client.post(f"/{number}?{query}", json=[f"b{number}"])
            assert response.headers.get_list("x-name") == [f"n{number}"]
            if number % 3 == 0:
                assert response.status_code == 422
                assert len(response.json()["errors"]) == 1
            else:
                assert response.text == f"{number} b{number} n{number} n{number} n{number} {number}"

        await asyncio.gather(*(ask(number) for number in range(50)))
