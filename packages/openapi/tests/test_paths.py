"""Paths, webhooks and websockets: each operation has a place, and none takes that of another."""

from __future__ import annotations

from datetime import date
from typing import TypeVar

import msgspec
import pydantic
import pytest
from describing import document
from openapi_spec_validator import OpenAPIV31SpecValidator

from velo_core import Deprecation, Router, Velo, Versioning, WebSocket
from velo_openapi import DocumentOptions, OpenAPI, build
from velo_testing import TestClient

T = TypeVar("T")


class Item(msgspec.Struct):
    name: str


class Counted(pydantic.BaseModel):
    count: int

    @pydantic.computed_field
    @property
    def double(self) -> int:
        return 2 * self.count


def test_paths_that_differ_in_names_alone_are_one_path() -> None:
    app = Velo()

    @app.get("/users/{user_id}")
    async def show(user_id: int) -> None:
        """Shows."""

    @app.delete("/users/{number}")
    async def remove(number: int) -> None:
        """Removes."""

    (path,) = document(app)["paths"].items()

    assert path[0] == "/users/{user_id}"
    assert path[1]["delete"]["parameters"][0]["name"] == "user_id"


def test_a_route_that_the_document_has_no_place_for_is_a_warning() -> None:
    app = Velo()

    @app.get("/{number:int}")
    async def number(number: int) -> None:
        """Shows a number."""

    @app.get("/{word}")
    async def word(word: str) -> None:
        """Shows a word."""

    made = build(app.operations, DocumentOptions())

    assert len(made.warnings) == 1
    assert made.warnings[0].startswith("GET /{word} (")
    assert "is in x-alternatives of another route" in made.warnings[0]


def test_routes_of_one_template_stand_in_one_operation_and_its_alternatives() -> None:
    """Those that host, version or types of parameters tell apart; all of them are valid, and none is lost."""
    app = Velo(versioning=Versioning.header("Api-Version", default="1"))

    for version in ("1", "2"):

        @app.get("/price", version=version)
        async def price() -> int:
            """Shows the price."""
            return 1

    @app.get("/{number:int}")
    async def show(number: int) -> int:
        return number

    @app.get("/{word}")
    async def show_word(word: str) -> str:
        return word

    @app.get("/{word}", host="{shop}.example.com")
    async def show_in_shop(word: str, shop: str) -> list[str]:
        return [word, shop]

    made = build(app.operations, DocumentOptions()).content
    OpenAPIV31SpecValidator(made).validate()
    price_1, shown = made["paths"]["/price"]["get"], made["paths"]["/{number}"]["get"]

    assert price_1["x-version"] == "1"
    assert [one["x-version"] for one in price_1["x-alternatives"]] == ["2"]
    types = [one["responses"]["200"]["content"] for one in (shown, *shown["x-alternatives"])]
    assert [next(iter(one.values()))["schema"]["type"] for one in types] == ["integer", "string", "array"]
    assert shown["x-alternatives"][1]["servers"][0]["url"] == "//{shop}.example.com"
    ids = [one["operationId"] for one in (price_1, *price_1["x-alternatives"], shown, *shown["x-alternatives"])]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("versioning", "asking", "refused"),
    [
        (Versioning.header(default="1"), {"api-version": "2"}, 400),
        (Versioning.header(), {"api-version": "2"}, 400),
        (Versioning.media_type(default="1"), {"accept": "application/json; version=2"}, 406),
    ],
    ids=["header, with a default", "header", "media type"],
)
def test_how_a_version_is_asked_for_is_in_the_document(versioning: Versioning, asking: dict[str, str], refused: int) -> None:
    app = Velo(versioning=versioning)
    app.install(OpenAPI())

    @app.get("/price", version="1", deprecation=Deprecation(date(2026, 1, 1), date(2027, 1, 1), link="https://example.com/why"))
    async def price() -> int:
        return 1

    @app.get("/price", version="2")
    async def new_price() -> float:
        return 1.5

    @app.get("/always")
    async def always() -> int:
        return 0

    with TestClient(app, contract=True) as client:
        document = client.get("/openapi.json").json()
        assert client.get("/price", headers=asking).json() == 1.5
        unknown = client.get("/price", headers={name: value.replace("2", "3") for name, value in asking.items()})
        first = client.get("/price", headers={name: value.replace("2", "1") for name, value in asking.items()})
        assert client.get("/always").json() == 0
    old = document["paths"]["/price"]["get"]
    (new,) = old["x-alternatives"]
    parameters = [{"in": "header", "schema": {"type": "string", "enum": [version]}} for version in ("1", "2")]

    assert unknown.status_code == refused
    assert {str(refused), "200"} == old["responses"].keys() == new["responses"].keys()
    if versioning.by == "header":
        found = [one["parameters"][0] for one in (old, new)]
        assert [{name: one[name] for name in ("in", "schema")} for one in found] == parameters
        assert [one["name"] for one in found] == ["api-version"] * 2
        assert [one.get("required", False) for one in found] == [versioning.default is None, True]
    assert old["responses"]["200"]["headers"].keys() == {"Vary", "Deprecation", "Sunset", "Link"}
    assert {"vary", "deprecation", "sunset", "link"} <= {*first.headers}
    assert new["responses"]["200"]["headers"].keys() == {"Vary"}
    assert document["paths"]["/always"]["get"]["responses"].keys() == {"200"}
    assert "headers" not in document["paths"]["/always"]["get"]["responses"]["200"]


def test_webhooks_are_routes_of_a_router_that_is_not_served() -> None:
    hooks = Router()

    @hooks.post("/sold", name="sold")
    async def sold(item: Item) -> None:
        """Something was sold."""

    content = document(Velo(), webhooks=hooks)

    assert content["webhooks"]["sold"]["post"]["requestBody"]["required"]
    assert "Item" in content["components"]["schemas"]


def test_what_answers_a_webhook_is_not_velo() -> None:
    hooks = Router()

    @hooks.post("/sold", name="sold", produces=("application/json", "text/plain"))
    async def sold(item: Counted, trace: int = 0) -> int:
        """Something was sold."""
        return 1

    @hooks.put("/sold", name="sold")
    async def again(item: Item) -> None:
        """The same, under the same name."""

    hook = document(Velo(), webhooks=hooks)["webhooks"]["sold"]

    assert hook["post"]["responses"].keys() == {"200"}
    assert hook["put"]["responses"].keys() == {"204"}


def test_the_body_of_a_webhook_is_what_is_written() -> None:
    hooks = Router()

    @hooks.post("/sold", name="sold")
    async def sold(item: Counted) -> None:
        """Something was sold."""

    content = document(Velo(), webhooks=hooks)

    assert content["components"]["schemas"]["Counted"]["properties"].keys() == {"count", "double"}


def test_websockets_of_one_path_stand_beside_each_other() -> None:
    app = Velo(versioning=Versioning.header("Api-Version", default="1"))

    @app.websocket("/chat")
    async def chat(socket: WebSocket, room: int) -> None:
        """Talks."""

    shops, first, second = Router(host="{shop}.example.com"), Router(version="1"), Router(version="2")

    @shops.websocket("/chat")
    async def chat_of(socket: WebSocket, shop: str) -> None:
        """Talks in a shop."""

    @first.websocket("/news")
    async def news(socket: WebSocket) -> None:
        """Tells news."""

    @second.websocket("/news")
    async def more_news(socket: WebSocket) -> None:
        """Tells more."""

    for version in ("1", "2"):

        @app.route("/cache", methods=("PURGE",), version=version)
        async def purge() -> None:
            """Forgets."""

    for router in (shops, first, second):
        app.include(router)
    made = build(app.operations, DocumentOptions())
    OpenAPIV31SpecValidator(made.content).validate()
    sockets = made.content["x-websockets"]
    purged = made.content["paths"]["/cache"]["x-additionalOperations"]["PURGE"]

    assert [one["summary"] for one in (sockets["/chat"], *sockets["/chat"]["x-alternatives"])] == ["Talks.", "Talks in a shop."]
    assert [one["x-version"] for one in (sockets["/news"], *sockets["/news"]["x-alternatives"])] == ["1", "2"]
    assert [one["x-version"] for one in (purged, *purged["x-alternatives"])] == ["1", "2"]
    assert len(made.warnings) == 3


def test_websockets_hosts_and_hidden_routes() -> None:
    app, tenant = Velo(), Router(host="{name}.example.com")

    @app.websocket("/chat")
    async def chat(socket: WebSocket, room: int) -> None:
        """Talks."""

    @app.get("/hidden", include_in_schema=False)
    async def hidden() -> None:
        """Is not told."""

    @tenant.get("/home")
    async def home(name: str) -> None:
        """Home."""

    app.include(tenant)
    content = document(app)

    assert content["paths"].keys() == {"/home"}
    assert content["paths"]["/home"]["get"]["servers"] == [{"url": "//{name}.example.com", "variables": {"name": {"default": "name"}}}]
    assert content["x-websockets"]["/chat"]["parameters"][0]["name"] == "room"
