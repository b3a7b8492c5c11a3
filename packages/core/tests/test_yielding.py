"""Handlers that yield: what is sent, as what, and what is open meanwhile."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from velo_core import Depends, EventSourceResponse, HTTPError, Request, Response, ServerSentEvent, SetupError, StreamingResponse, Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient

Serve = Callable[..., TestClient]
both_protocols = pytest.mark.parametrize("protocol", ["asgi", "rsgi"])


@dataclass
class Item:
    name: str
    price: float


@dataclass
class Secret(Item):
    cost: float = 1.0


async def items() -> AsyncIterator[Item]:
    yield Item("tea", 3.5)
    yield Secret("coffee", 4.0)


def items_in_thread() -> Iterator[Item]:
    yield Item("tea", 3.5)
    yield Item("coffee", 4.0)


async def octets() -> AsyncGenerator[bytes, None]:
    yield b"\0"
    yield b"\xff"


def text() -> Generator[str, None, None]:
    yield "żółw "
    yield "🐢"


async def nothing() -> AsyncIterator[Item]:
    for item in ():
        yield item


async def undeclared():
    yield {"name": "tea"}
    yield [1, None]


async def undeclared_text():
    yield "a"
    yield b"b"


async def undeclared_nothing():
    for item in ():
        yield item


async def events() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent("a")


async def undeclared_events():
    yield ServerSentEvent("a")


@pytest.mark.parametrize(
    ("handler", "media_type", "body"),
    [
        (items, "application/jsonl", b'{"name":"tea","price":3.5}\n{"name":"coffee","price":4.0}\n'),
        (items_in_thread, "application/jsonl", b'{"name":"tea","price":3.5}\n{"name":"coffee","price":4.0}\n'),
        (octets, "application/octet-stream", b"\0\xff"),
        (text, "text/plain; charset=utf-8", "żółw 🐢".encode()),
        (nothing, "application/jsonl", b""),
        (undeclared, "application/jsonl", b'{"name":"tea"}\n[1,null]\n'),
        (undeclared_text, "text/plain; charset=utf-8", b"ab"),
        (undeclared_nothing, "application/jsonl", b""),
        (events, "text/event-stream; charset=utf-8", b":\ndata: a\n\n"),
        (undeclared_events, "text/event-stream; charset=utf-8", b":\ndata: a\n\n"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_yielded_is_sent_as_its_type_says(serve: Serve, handler: Any, media_type: str, body: bytes) -> None:
    app = Velo()
    app.get("/")(handler)
    response = serve(app).get("/")

    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    assert response.content.replace(b":\n\n", b":\n", 1) == body
    assert "content-length" not in response.headers


def test_the_data_of_events_is_written_as_its_type_says(serve: Serve) -> None:
    async def mixed() -> AsyncIterator[Item | str | ServerSentEvent | None]:
        yield Secret("coffee", 4.0)
        yield "a\nb"
        yield ServerSentEvent("c", id="1")

    app = Velo()
    app.get("/", response_class=EventSourceResponse)(items)
    app.get("/mixed", response_class=EventSourceResponse)(mixed)
    client = serve(app)

    assert client.get("/").text == ':\n\ndata: {"name":"tea","price":3.5}\n\ndata: {"name":"coffee","price":4.0}\n\n'
    assert client.get("/mixed").text == ':\n\ndata: {"name":"coffee","price":4.0}\n\ndata: a\ndata: b\n\nid: 1\ndata: c\n\n'


def test_parameters_status_and_class_are_those_of_any_route(serve: Serve) -> None:
    class CSV(StreamingResponse):
        media_type = "text/csv"

    app = Velo()

    @app.get("/rows/{count:int}", status_code=203, response_class=CSV)
    async def rows(count: int, prefix: str = "row") -> AsyncIterator[str]:
        for number in range(count):
            yield f"{prefix},{number}\n"

    client = serve(app)
    response = client.get("/rows/2?prefix=line")

    assert (response.status_code, response.headers["content-type"]) == (203, "text/csv; charset=utf-8")
    assert response.text == "line,0\nline,1\n"
    assert client.get("/rows/0").text == ""
    assert client.get("/rows/2?prefix=a&prefix=b").text == "b,0\nb,1\n"


def test_head_steps_no_further_than_the_first_item(serve: Serve) -> None:
    app = Velo()
    steps: list[str] = []

    @app.get("/")
    async def show() -> AsyncIterator[str]:
        try:
            steps.append("first")
            yield "a"
            steps.append("second")
            yield "b"
        finally:
            steps.append("closed")

    response = serve(app).head("/")

    assert (response.content, response.headers["content-type"]) == (b"", "text/plain; charset=utf-8")
    assert steps == ["first", "closed"]


# Errors.


def test_an_error_before_the_first_item_is_answered(serve: Serve) -> None:
    app = Velo()

    @app.get("/{name}")
    async def show(name: str) -> AsyncIterator[Item]:
        await asyncio.sleep(0)
        if name != "tea":
            raise HTTPError(404, f"There is no {name}.")
        yield Item("tea", 3.5)

    client = serve(app)

    assert client.get("/tea").status_code == 200
    assert (client.get("/beer").status_code, client.get("/beer").json()["detail"]) == (404, "There is no beer.")


def test_one_of_a_plain_generator_as_well(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    def show() -> Iterator[Item]:
        raise HTTPError(409, "Not now.")
        yield Item("tea", 3.5)

    assert serve(app).get("/").status_code == 409


def test_one_after_it_breaks_off(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])

    @app.get("/")
    async def show() -> AsyncIterator[str]:
        yield "a"
        raise LookupError("the cursor is gone")

    with TestClient(app, protocol=way[0]) as client, pytest.raises(LookupError, match="the cursor is gone"):
        client.get("/")


def test_waiting_for_the_first_item_counts_for_the_timeout(serve: Serve) -> None:
    app = Velo()
    closed: list[bool] = []

    @app.get("/", timeout_seconds=0.02)
    async def show() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            closed.append(True)

    assert serve(app).get("/").status_code == 503
    assert closed == [True]


# What is open meanwhile.


def test_dependencies_are_open_until_the_last_item(serve: Serve) -> None:
    app = Velo()
    happened: list[str] = []

    async def cursor() -> AsyncIterator[list[str]]:
        happened.append("open")
        yield ["a", "b"]
        happened.append("close")

    @app.get("/")
    async def show(rows: Annotated[list[str], Depends(cursor)]) -> AsyncIterator[str]:
        for row in rows:
            happened.append(row)
            yield row

    assert serve(app).get("/").text == "ab"
    assert happened == ["open", "a", "b", "close"]


def test_what_ends_with_the_handler_cannot_be_asked_for() -> None:
    async def transaction() -> AsyncIterator[None]:
        yield

    app = Velo()

    @app.get("/")
    async def show(transaction: Annotated[None, Depends(transaction, lifetime="handler")]) -> AsyncIterator[str]:
        yield "a"

    with pytest.raises(SetupError, match=r"yields after .*transaction.* has ended") as raised:
        app.freeze()
    assert raised.value.code == "VELO_LIFETIME"


@both_protocols
async def test_a_client_that_leaves_ends_it(protocol: ProtocolName) -> None:
    app = Velo()
    closed = asyncio.Event()

    @app.get("/")
    async def show() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with AsyncTestClient(app, protocol=protocol) as client:
        async with client.stream("GET", "/") as response:
            assert await anext(response.aiter_raw()) == b"a"
        await asyncio.wait_for(closed.wait(), 5)


def test_a_plain_one_is_stepped_in_the_pool_of_its_route(serve: Serve) -> None:
    app = Velo(pools={"reports": 1})
    threads: set[str] = set()

    @app.get("/", pool="reports")
    def show() -> Iterator[str]:
        for letter in "ab":
            threads.add(threading.current_thread().name.rpartition("_")[0])
            yield letter

    assert serve(app).get("/").text == "ab"
    assert threads == {"velo-reports"}


def test_middleware_and_request_see_it_like_any_other(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def sign(request: Request, call_next: Callable[..., Any]) -> Response:
        response: Response = await call_next(request)
        response.headers.set("x-signed", type(response).__name__)
        return response

    @app.get("/")
    async def show(request: Request) -> AsyncIterator[str]:
        yield request.path

    response = serve(app).get("/")

    assert (response.text, response.headers["x-signed"]) == ("/", "StreamingResponse")


# What cannot be.


class Page(Response):
    pass


@pytest.mark.parametrize(
    ("declared", "options", "message"),
    [
        (int, {}, "write AsyncIterator"),
        (list[str], {}, "write AsyncIterator"),
        (AsyncIterator[object], {"response_class": Page}, "kind of StreamingResponse"),
        (AsyncIterator[type], {}, "<class 'type'>|type"),
    ],
)
def test_what_cannot_be_sent_is_told_at_start_up(declared: object, options: dict[str, Any], message: str) -> None:
    app = Velo()

    async def show():
        yield 1

    show.__annotations__["return"] = declared
    app.get("/", **options)(show)

    with pytest.raises(SetupError, match=message) as raised:
        app.freeze()
    assert raised.value.code == "VELO_RESULT"
