"""`response_class=` on a route: what is made of results that are no responses themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from velo_core import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


@dataclass
class Item:
    name: str


@dataclass
class Secret(Item):
    cost: int = 1


class PNG(Response):
    media_type = "image/png"


class Problem(JSONResponse):
    media_type = "application/vnd.shop+json"


class Shout(Response):
    """A class with a way of its own."""

    media_type = "text/plain"

    def __init__(self, content: object, status_code: int = 200) -> None:
        super().__init__(f"{content}!", status_code, {"x-loud": "yes"})


@pytest.mark.parametrize(
    ("response_class", "declared", "value", "media_type", "body"),
    [
        (HTMLResponse, str, "<p>", "text/html; charset=utf-8", b"<p>"),
        (PlainTextResponse, str, "<p>", "text/plain; charset=utf-8", b"<p>"),
        (PNG, bytes, b"\x89PNG", "image/png", b"\x89PNG"),
        (Problem, Item, Secret("tea"), "application/vnd.shop+json", b'{"name":"tea"}'),
        (Problem, dict[str, int], {"a": 1}, "application/vnd.shop+json", b'{"a":1}'),
        (JSONResponse, str, "tea", "application/json", b'"tea"'),
        (HTMLResponse, None, "<p>", "text/html; charset=utf-8", b"<p>"),
        (Shout, str, "tea", "text/plain; charset=utf-8", b"tea!"),
        (Shout, int, 3, "text/plain; charset=utf-8", b"3!"),
        (Response, str, "tea", "text/plain; charset=utf-8", b"tea"),
        (HTMLResponse, HTMLResponse, HTMLResponse("<b>"), "text/html; charset=utf-8", b"<b>"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_result_is_made_into_the_class(
    serve: Serve, response_class: Any, declared: Any, value: object, media_type: str, body: bytes
) -> None:
    app = Velo()

    async def show() -> object:
        return value

    if declared is None:
        del show.__annotations__["return"]
    else:
        show.__annotations__["return"] = declared
    app.get("/", response_class=response_class, status_code=203)(show)
    response = serve(app).get("/")

    assert (response.headers["content-type"], response.content) == (media_type, body)
    assert response.status_code == (200 if isinstance(value, Response) else 203)


def test_a_response_that_is_returned_is_itself(serve: Serve) -> None:
    app = Velo()

    @app.get("/", response_class=HTMLResponse)
    async def show(plain: bool = False) -> str | PlainTextResponse:
        return PlainTextResponse("<p>") if plain else "<p>"

    client = serve(app)

    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/?plain=true").headers["content-type"] == "text/plain; charset=utf-8"


def test_a_class_that_names_a_media_type_needs_no_response_object() -> None:
    """It stays in the plan that hands status, field and body to the server."""
    app = Velo()

    @app.get("/", response_class=HTMLResponse)
    async def show() -> str:
        return "<p>"

    assert "send_ready" not in app.plan("GET", "/").source
    assert "HTMLResponse" not in app.plan("GET", "/").source
    assert "LENGTHS[len(content)]" in app.plan("GET", "/").source


@pytest.mark.parametrize("response_class", [dict, "HTMLResponse", object()])
def test_what_is_no_class_of_responses_is_told_at_start_up(response_class: Any) -> None:
    app = Velo()

    @app.get("/", response_class=response_class)
    async def show() -> str:
        return "<p>"

    with pytest.raises(SetupError, match="no class of responses") as raised:
        app.freeze()
    assert raised.value.code == "VELO_RESULT"


def test_a_redirect_has_the_status_of_one(serve: Serve) -> None:
    app = Velo()

    @app.get("/to", response_class=RedirectResponse)
    async def to() -> str:
        return "/there"

    @app.get("/see", response_class=RedirectResponse, status_code=303)
    async def see() -> str:
        return "/there"

    client = serve(app)

    assert [(one.status_code, one.headers["location"]) for one in map(client.get, ("/to", "/see"))] == [(307, "/there"), (303, "/there")]


def test_a_redirect_with_another_status_is_told_at_start_up() -> None:
    app = Velo()

    @app.get("/", response_class=RedirectResponse, status_code=201)
    async def to() -> str:
        return "/there"

    with pytest.raises(SetupError, match="a redirect has no status 201; write status_code=301") as raised:
        app.freeze()
    assert raised.value.code == "VELO_RESULT"
