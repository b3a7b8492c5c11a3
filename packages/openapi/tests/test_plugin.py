"""The document, served."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest
from openapi_spec_validator import validate

from velo_core import Depends, HTTPError, Router, Velo
from velo_openapi import OpenAPI
from velo_testing import ProtocolName, TestClient


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
    document = plugin.document
    monkeypatch.setattr(plugin, "document", lambda *given, **named: made.append(given) or document(*given, **named))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
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
