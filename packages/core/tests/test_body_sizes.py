"""How large the request body may be."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from itertools import product
from typing import Annotated, Any, Protocol, cast

import pytest
from body_routes import JSON, Item, app_for, around, chunks, taking

from velo_core import Body, Header, Middleware, Router, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def test_a_body_is_read_up_to_the_limit(serve: Serve) -> None:
    """Exactly at the limit it fits; declared or not, one byte more is a 413."""
    client = serve(app_for(bytes, max_content_length=1000))
    expected = {
        "type": "about:blank",
        "title": "Content Too Large",
        "status": 413,
        "detail": "The request body is larger than the 1000 bytes that are accepted here.",
    }

    assert client.post("/0", content=b"x" * 1000).status_code == 200
    assert client.post("/0", content=chunks(500, 500)).status_code == 200
    assert client.post("/0", content=chunks(*[1] * 1000)).status_code == 200
    for content in (b"x" * 1001, chunks(1001), chunks(500, 501), chunks(*[1] * 1001)):
        response = client.post("/0", content=content)
        assert (response.status_code, response.json()) == (413, expected)


def test_a_declared_length_over_the_limit_is_refused_before_anything_is_read(serve: Serve) -> None:
    taken: list[int] = []

    def content() -> Iterator[bytes]:
        taken.append(1)
        yield b"x" * 5000

    response = serve(app_for(Item, max_content_length=1000)).post("/0", content=content(), headers={"content-length": "5000", **JSON})

    assert (response.status_code, taken) == (413, [])


def test_an_endless_body_is_refused_when_the_limit_is_passed(serve: Serve, protocol: str) -> None:
    """On WSGI, up to 64 KiB are read at once."""
    taken: list[int] = []

    def content() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 100

    response = serve(app_for(Item, max_content_length=1000)).post("/0", content=content(), headers=JSON)

    assert response.status_code == 413
    assert len(taken) <= (656 if protocol == "wsgi" else 20)


@pytest.mark.parametrize("length", ["+5", "5x", "٥", "²", "-1", "1_0", "0x5", "5,5", ""])
def test_a_content_length_that_is_no_number_is_a_400(serve: Serve, length: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", length.encode("latin-1", "replace"))]
    response = serve(app_for(Item)).post("/0", content=chunks(5), headers=headers)

    assert response.status_code == 400


@pytest.mark.parametrize("length", ["9" * 20, "9" * 4000])
def test_a_content_length_without_end_is_a_413(serve: Serve, length: str) -> None:
    response = serve(app_for(Item)).post("/0", content=chunks(5), headers={"content-length": length, **JSON})

    assert response.status_code == 413


@pytest.mark.parametrize("limit", [0, 9, 10, 11, 1_000_000])
@pytest.mark.parametrize("length", [1, 9, 10, 11, 99, 100])
@pytest.mark.parametrize("zeros", ["", "0000000000"])
@pytest.mark.parametrize("middleware", [[], [around]], ids=["alone", "behind middleware"])
def test_a_limit_is_exact_whatever_the_number_of_digits(limit: int, length: int, zeros: str, middleware: list[Middleware]) -> None:
    """And zeros before a number mean nothing. On ASGI, where plans compare digits before they compare numbers."""
    app, read = app_for(bytes, max_content_length=limit, middleware=middleware), 0

    async def receive() -> dict[str, object]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * length}

    status = asgi_status(app, receive, [(b"content-length", f"{zeros}{length}".encode())])

    assert (status, read) == ((200, 1) if length <= limit else (413, 0))
    assert asgi_status(app, receive, []) == (200 if length <= limit else 413)


def test_a_client_that_leaves_in_place_of_a_body_is_noticed() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def forget() -> dict[str, object]:
        return {"type": "http.request"}

    for annotation, middleware in product((bytes, Item), ([], [around])):
        assert asgi_status(app_for(annotation, middleware=middleware), receive, [(b"content-type", b"application/json")]) == 400
    assert asgi_status(app_for(bytes), forget, []) == 200


def asgi_status(app: Velo, receive: Callable[[], Coroutine[Any, Any, dict[str, object]]], headers: list[tuple[bytes, bytes]]) -> int:
    """What a request of a plain ASGI server is answered with."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/0", "query_string": b"", "headers": headers, "http_version": "1.1"}
    asyncio.run(cast("Any", app)(scope, receive, send))
    return cast("int", sent[0]["status"])


@pytest.mark.parametrize("others", [0, 3])
def test_the_first_of_several_headers_counts(serve: Serve, protocol: str, others: int) -> None:
    """Whether they are searched for one by one or all together; WSGI servers join them before anybody sees them."""
    app = Velo()

    async def show(item: Item, x_a: Annotated[str, Header()], more: Annotated[list[str], Header(alias="x-b")]) -> list[str]:
        return [item.name, x_a, *more]

    async def show_one(x_a: Annotated[str, Header()]) -> list[str]:
        return [x_a]

    app.post("/body")(show)
    app.get("/one")(show_one)
    noise = [(b"x-noise", b"0")] * others
    twice = [(b"x-a", b"1"), *noise, (b"x-a", b"2"), (b"x-b", b"3"), (b"x-b", b"4")]
    client = serve(app)
    content = client.post("/body", content=b'{"name":"a"}', headers=[(b"content-type", b"application/json"), *twice])
    joined = protocol == "wsgi"

    assert content.json() == (["a", "1,2", "3,4"] if joined else ["a", "1", "3", "4"])
    assert client.get("/one", headers=twice).json() == ["1,2" if joined else "1"]


def test_what_reads_a_body_is_asked_again_only_when_it_does_not_fit(serve: Serve) -> None:
    response = serve(app := app_for(list[Item])).post("/0", content=b'[{"name":"a"},{"name":1}]', headers=JSON)

    assert (response.status_code, [error["loc"] for error in response.json()["errors"]]) == (422, [["body", 1, "name"]])
    assert app.interpreted or " = decode_" in app.plan("POST", "/0").source


def test_limits_of_routes_and_routers(serve: Serve) -> None:
    """A route's own limit first, then that of the innermost router that has one."""
    app = Velo(max_content_length=100)
    router = Router("/router", max_content_length=200)
    inner = Router("/inner")
    smaller = Router("/smaller", max_content_length=50)
    for owner in (app, router, inner, smaller):
        owner.post("/plain")(taking(Annotated[bytes, Body()]))
        owner.post("/own", max_content_length=300)(taking(Annotated[bytes, Body()]))
    router.include(inner)
    router.include(smaller)
    app.include(router)
    client = serve(app)
    limits = {"": 100, "/router": 200, "/router/inner": 200, "/router/smaller": 50}
    for prefix, limit in limits.items():
        for path, allowed in ((f"{prefix}/plain", limit), (f"{prefix}/own", 300)):
            assert client.post(path, content=b"x" * allowed).status_code == 200, path
            assert client.post(path, content=b"x" * (allowed + 1)).status_code == 413, path


def test_a_body_that_nobody_reads_is_not_measured(serve: Serve) -> None:
    app = Velo(max_content_length=10)

    @app.post("/")
    async def show() -> str:
        return "done"

    assert serve(app).post("/", content=b"x" * 100).text == "done"
