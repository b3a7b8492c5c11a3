"""The document, served."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args

import pytest
from openapi_spec_validator import validate

from velo_core import Depends, FileResponse, HTTPError, RedirectResponse, Router, Velo
from velo_openapi import OpenAPI, OpenAPIError, operation
from velo_testing import AsyncTestClient, ProtocolName, TestClient


def shop(plugin: OpenAPI) -> Velo:
    app = Velo()
    app.install(plugin)

    @app.get("/items/{number}")
    async def item(number: int) -> int:
        return number

    return app


@pytest.mark.parametrize("protocol", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("interpreted", [False, True])
def test_the_document_is_served_on_every_protocol(protocol: ProtocolName, interpreted: bool) -> None:
    app = shop(OpenAPI(title="Shop", version="7"))
    app.interpreted = interpreted
    with TestClient(app, protocol=protocol) as client:
        response = client.get("/openapi.json")

    assert response.headers["content-type"] == "application/json"
    assert response.json()["info"] == {"title": "Shop", "version": "7"}
    assert response.json()["paths"].keys() == {"/items/{number}"}
    validate(response.json())


def test_who_has_the_document_already_gets_304() -> None:
    with TestClient(shop(OpenAPI())) as client:
        etag = client.get("/openapi.json").headers["etag"]
        again = client.get("/openapi.json", headers={"if-none-match": etag})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


def test_the_document_is_made_once_and_not_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = OpenAPI()
    made: list[object] = []
    draft = plugin.draft
    monkeypatch.setattr(plugin, "draft", lambda *given, **named: made.append(given) or draft(*given, **named))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]: it takes what the method takes
    with TestClient(shop(plugin)) as client:
        client.get("/items/1")
        assert made == []
        client.get("/openapi.json")
        client.get("/openapi.json")

    assert len(made) == 1


def test_a_router_has_a_document_of_its_own_and_keeps_its_guards() -> None:
    async def refuse() -> None:
        raise HTTPError(403)

    app, admin = Velo(), Router("/admin", dependencies=[Depends(refuse)])
    public, private = OpenAPI(include=lambda one: not one.path.startswith("/admin")), OpenAPI(title="Admin")
    app.install(public)
    admin.install(private)
    for router in (app, admin):

        @router.get("/home")
        async def home() -> int:
            return 1

    app.include(admin)
    with TestClient(app) as client:
        assert client.get("/openapi.json").json()["paths"].keys() == {"/home"}
        assert client.get("/admin/openapi.json").status_code == 403

    assert private.document(app).content["paths"].keys() == {"/admin/home"}


def test_the_document_tells_where_the_application_is_mounted() -> None:
    outer = Velo()
    outer.mount("/v1", shop(OpenAPI()))
    with TestClient(outer) as client:
        document: dict[str, Any] = client.get("/v1/openapi.json").json()

    assert document["servers"] == [{"url": "/v1"}]


def test_it_is_found_by_name() -> None:
    (point,) = entry_points(group="velo.plugins", name="openapi")
    app = Velo()
    app.install("openapi", title="By name", path="/api.json")
    with TestClient(app) as client:
        assert client.get("/api.json").json()["info"]["title"] == "By name"

    assert point.load() is OpenAPI


async def test_the_document_is_served_where_the_lifespan_is_not_entered() -> None:
    """As behind servers that are told so; on routers as well."""
    app, admin = Velo(), Router("/admin")
    app.install(OpenAPI(title="Shop"))
    admin.install(OpenAPI(title="Admin"))
    app.include(admin)
    async with AsyncTestClient(app, lifespan=False) as client:
        assert (await client.get("/openapi.json")).json()["info"]["title"] == "Shop"
        assert (await client.get("/admin/openapi.json")).json()["info"]["title"] == "Admin"


def test_headers_that_are_always_there_are_required(tmp_path: Path) -> None:
    """Held against what is sent."""
    app = Velo()
    app.install(OpenAPI(title="Shop"))
    file = tmp_path / "tea.txt"
    file.write_text("tea")

    @app.get("/file")
    async def send() -> FileResponse:
        return FileResponse(file)

    @app.get("/moved")
    async def move() -> RedirectResponse:
        return RedirectResponse("/file")

    @app.get("/forms", produces=("application/json", "application/msgpack"))
    async def forms() -> list[int]:
        return [1]

    asked: list[tuple[str, dict[str, str], int]] = [
        ("/file", {}, 200),
        ("/file", {"range": "bytes=0-1"}, 206),
        ("/file", {"range": "bytes=0-0,2-2"}, 206),
        ("/file", {"range": "bytes=7-"}, 416),
        ("/file", {"if-match": '"x"'}, 412),
        ("/moved", {}, 307),
        ("/forms", {}, 200),
        ("/forms", {"accept": "application/msgpack"}, 200),
        ("/forms", {"accept": "image/png"}, 406),
    ]
    responses: dict[str, Any] = {}
    for protocol in get_args(ProtocolName):
        with TestClient(app, protocol=protocol, contract=True) as client:
            for path, headers, status in asked:
                assert client.get(path, headers=headers).status_code == status
            etag = client.get("/file").headers["etag"]
            assert client.get("/file", headers={"if-none-match": etag}).status_code == 304
            responses = client.get("/openapi.json").json()["paths"]

    def required(path: str, status: str) -> set[str]:
        return {name for name, one in responses[path]["get"]["responses"][status].get("headers", {}).items() if one.get("required")}

    assert required("/file", "200") == {"ETag", "Last-Modified", "Accept-Ranges"}
    assert required("/moved", "3XX") == {"Location"}
    assert required("/forms", "200") == {"Vary"}


def test_responses_of_routes_of_one_template_are_in_the_document() -> None:
    """The contract in tests looks at alternatives, too."""
    app = Velo()
    app.install(OpenAPI(title="Shop"))

    @app.get("/{number:int}")
    async def show(number: int) -> int:
        return number

    @app.get("/{word}")
    async def show_word(word: str) -> list[str]:
        return [word]

    with TestClient(app, contract=True) as client:
        assert client.get("/1").json() == 1
        assert client.get("/tea").json() == ["tea"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tags": ["x"]}, "`tags` takes objects such as"),
        ({"servers": ["https://x"]}, "`servers` takes objects such as"),
        ({"tags": [{"description": "Tea."}]}, "`tags` takes objects such as"),
        ({"tags": [{"name": "tea"}, {"name": "salt"}, {"name": "tea"}]}, "`tags` has 'tea' twice"),
        ({"title": None}, "`title` takes a text, not None"),
        ({"info": {"x-made": object()}}, "`info` has no form in JSON"),
        ({"extra": [1]}, "`extra` takes a mapping, not [1]"),
        ({"path": "openapi.json"}, "`path` takes a path such as '/openapi.json', not 'openapi.json'"),
        ({"swagger_ui": True}, "`swagger_ui` takes a path such as '/docs', not True"),
        ({"oauth2": {"clientId": object()}, "swagger_ui": "/docs"}, "`oauth2` has no form in JSON"),
        ({"include": "/admin"}, "`include` takes a function"),
        ({"webhooks": Velo()}, "`webhooks` takes a Router that is never served"),
        ({"page_options": {"swagger": {}}, "swagger_ui": "/docs"}, "'swagger', which is no page"),
        ({"oauth2": {}, "redoc": "/redoc"}, "give `swagger_ui` a path"),
        ({"connect": ["https://x; script-src *"]}, "`connect` takes origins"),
        ({"connect": ["https://x\r\nset-cookie: a=b"]}, "`connect` takes origins"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_where_they_are_given(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OpenAPIError, match=re.escape(said)) as caught:
        OpenAPI(**options)
    assert caught.value.code == "OPENAPI_OPTION"


def test_origins_of_all_kinds_can_be_connected_to() -> None:
    for origin in (
        "https://login.example.com",
        "wss://x.example:8443",
        "https://*.example.com",
        "http://[::1]:8000",
        "https://x/path/",
        "x.example",
    ):
        OpenAPI(swagger_ui="/docs", connect=[origin])


def test_a_path_without_a_slash_is_one_problem_that_says_what_to_write() -> None:
    with pytest.raises(OpenAPIError) as caught:
        OpenAPI(swagger_ui="docs")
    assert str(caught.value) == "`swagger_ui` takes a path such as '/docs', not 'docs' [OPENAPI_OPTION]"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"responses": {410: "Gone"}}, "for 410 it has 'Gone'"),
        ({"responses": {"gone": None}}, "takes statuses, their classes such as '4XX', and 'default', not 'gone'"),
        ({"responses": {410: {"x-made": object()}}}, "`responses` has no form in JSON"),
        ({"extra": {"x-made": {1, object}}}, "`extra` has no form in JSON"),
        ({"callbacks": "paid"}, "`callbacks` takes a mapping, not 'paid'"),
        ({"operation_id": 7}, "`operation_id` takes a text, not 7"),
    ],
)
def test_what_no_operation_can_say_is_refused_where_it_is_given(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OpenAPIError, match=re.escape(said)) as caught:
        operation(**options)
    assert caught.value.code == "OPENAPI_OPTION"
