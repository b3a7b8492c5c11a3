"""What people write who come from other frameworks: it works, or they are told at the start, and never finds out the first user."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from velo_core import Response, Router, SetupError, Velo, WebSocket
from velo_testing import TestClient, WebSocketClosed

Serve = Callable[..., TestClient]


def refusal(app: Velo) -> str:
    """What is said of the one thing that is wrong, with files by their names alone."""
    with pytest.raises(SetupError) as caught:
        app.freeze()
    assert len(caught.value.problems) == 1
    return re.sub(r"/\S*?(test_mistakes)\.py:\d+", r"\1.py:N", str(caught.value))


# The request.


def test_a_parameter_that_says_nothing_but_request_is_the_request(serve: Serve) -> None:
    app = Velo()

    @app.get("/page")
    async def page(request, name: str = "nobody") -> str:  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]: as users write it
        return f"{cast('Any', request).path} {name}"

    client = serve(app)
    assert client.get("/page?name=Ada&request=x").text == "/page Ada"


def test_what_says_more_than_its_name_is_no_request(serve: Serve) -> None:
    app = Velo()

    @app.get("/text")
    async def text(request: str) -> str:
        return request

    @app.get("/default")
    async def default(request="none") -> str:  # pyright: ignore[reportMissingParameterType]: as users write it
        return request

    @app.get("/path/{request}")
    async def path(request) -> str:  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]: as users write it
        return cast("str", request)

    client = serve(app)
    assert client.get("/text?request=a").text == "a"
    assert client.get("/default").text == "none"
    assert client.get("/path/b").text == "b"


@pytest.mark.not_on_wsgi("WSGI has no websockets")
@pytest.mark.parametrize("name", ["websocket", "socket", "ws", "request"])
def test_a_parameter_that_says_nothing_but_its_name_is_the_websocket(serve: Serve, name: str) -> None:
    app = Velo()
    namespace: dict[str, Any] = {}
    exec(f"async def talk({name}):\n    await {name}.accept()\n    await {name}.send_text('hi')\n", namespace)  # noqa: S102 - our own text
    app.websocket("/")(namespace["talk"])

    with serve(app).websocket_connect("/") as socket:
        assert socket.receive_text() == "hi"


# The handler.


def test_a_class_is_no_handler() -> None:
    class Items:
        async def get(self) -> str:
            return "items"

    app = Velo()
    app.get("/items")(Items)

    assert refusal(app) == (
        f"GET /items: the handler Items ({Items.__module__}.{Items.__qualname__}) is a class; "
        "give it a function, or an instance that can be called: Items() [VELO_HANDLER]"
    )


@dataclass
class Item:
    name: str


@pytest.mark.parametrize(
    "declared", [tuple[dict[str, int], int], tuple[str, int], tuple[Item, int], tuple[Response, int], tuple[str, int, dict[str, str]]]
)
def test_a_body_with_its_status_is_told_how_to_say_so(declared: Any) -> None:
    app = Velo()

    async def make() -> object: ...

    make.__annotations__["return"] = declared
    app.get("/")(make)

    assert refusal(app).endswith(
        f"cannot be sent: {declared} would be a list in JSON, and no body with its status; write status_code=201 into the decorator, "
        f"or return a Response; if it is a list that you mean, say so: response_model={declared} [VELO_RESULT]"
    )


def test_a_list_of_different_things_can_still_be_written(serve: Serve) -> None:
    app = Velo()

    @app.get("/pair", response_model=tuple[str, int])
    async def pair() -> tuple[str, int]:
        return "a", 1

    @app.get("/point")
    async def point() -> tuple[int, int]:
        return 1, 2

    client = serve(app)
    assert client.get("/pair").json() == ["a", 1]
    assert client.get("/point").json() == [1, 2]


def test_a_websocket_that_nobody_takes_is_reported() -> None:
    app = Velo()

    @app.websocket("/talk")
    async def talk(room: str = "all") -> None: ...

    assert refusal(app) == (
        "WEBSOCKET /talk: talk (test_mistakes.py:N) takes no WebSocket, so it can neither accept nor talk; "
        "add a parameter socket: WebSocket [VELO_WEBSOCKET_HANDLER]"
    )


@pytest.mark.not_on_wsgi("WSGI has no websockets")
def test_a_handler_that_always_refuses_needs_no_websocket(serve: Serve) -> None:
    app = Velo()

    @app.websocket("/old")
    async def old() -> Response:
        return Response(b"gone", 410)

    serve(app)


# Around the routes.


@asynccontextmanager
async def decorated() -> AsyncGenerator[None]:
    yield


async def bare(app: Velo) -> AsyncGenerator[None]:
    yield


async def without_yield(app: Velo) -> None: ...


def other(app: Velo) -> Velo:
    return app


def test_a_lifespan_may_leave_the_application_out(serve: Serve) -> None:
    serve(Velo(lifespan=cast("Any", decorated)))


@pytest.mark.parametrize(("lifespan", "kind"), [(bare, "async_generator"), (without_yield, "coroutine"), (other, "Velo")])
async def test_a_lifespan_without_its_decorator_says_what_is_missing(lifespan: Callable[[Velo], object], kind: str) -> None:
    app = Velo(lifespan=cast("Any", lifespan))
    with pytest.raises(SetupError) as caught:
        await app.startup()

    assert caught.value.code == "VELO_APP_LIFESPAN"
    assert re.search(
        rf"the lifespan of the application \(.*test_mistakes\.py:\d+\) gives {kind}, no asynchronous context manager; "
        r"write @asynccontextmanager before an async def that yields once",
        str(caught.value),
    )


def test_the_host_of_a_router_that_is_none_is_reported_once() -> None:
    app, router = Velo(), Router(host="exa mple..com")
    for path in ("/a", "/b"):
        router.get(path)(decorated_handler)
    app.include(router)

    assert refusal(app) == (
        "the host 'exa mple..com' is none: write a name such as 'api.example.com' or '{tenant}.example.com' (a router) [VELO_ROUTE_HOST]"
    )


async def decorated_handler() -> str:
    return "here"


@pytest.mark.not_on_wsgi("WSGI has no websockets")
def test_a_websocket_that_fails_is_logged_as_one(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="velo")
    app = Velo()

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        raise ValueError("three")

    with serve(app, raise_app_exceptions=False).websocket_connect("/talk") as socket:
        with pytest.raises(WebSocketClosed):
            socket.receive()
    (record,) = caplog.records

    assert record.getMessage() == "WEBSOCKET '/talk' failed"
    assert vars(record)["method"] == "WEBSOCKET"
