"""`examples/catalog.py` over real sockets: what every server sends is what the documents say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.examples.servers import SERVERS, Answer, Server, serving
from velo_testing import Contract

KEEPER = {"authorization": "Bearer let-me-in"}
JSON = {"content-type": "application/json"}


class Shop:
    """A running server, and what it promises in both of its documents."""

    paths: ClassVar = ("/openapi.json", "/admin/openapi.json")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.documents: list[dict[str, Any]] = [json.loads(server.ask("GET", path, KEEPER).body) for path in self.paths]
        self.contract = Contract(*self.documents, ignore=[*self.paths, "/docs", "/docs/{file}"])

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: object = None) -> Answer:
        """Sends a request, and holds the response against the documents."""
        content = None if body is None else json.dumps(body).encode()
        answer = self.server.ask(method, target, {**(headers or {}), **({} if content is None else JSON)}, content)
        request = httpx2.Request(method, f"http://localhost{target}")
        self.contract.check(httpx2.Response(answer.status, headers=dict(answer.headers), content=answer.body, request=request))
        return answer


@pytest.fixture(scope="module", params=SERVERS)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with serving(request.param, "catalog") as running:
        yield Shop(running)


def test_the_documents_are_valid_and_tell_each_reader_their_part(shop: Shop) -> None:
    public, keeping = shop.documents

    for document in shop.documents:
        OpenAPIV31SpecValidator(document).validate()
    assert public["paths"].keys() == {"/products", "/products/{number}"}
    assert public["webhooks"].keys() == {"sold_out"}
    assert "security" not in json.dumps(public)
    assert keeping["paths"].keys() == {"/admin/products", "/admin/products/{number}", "/admin/products/{number}/left"}
    assert keeping["components"]["securitySchemes"].keys() == {"token"}
    assert all(one["security"] == [{"token": []}] for item in keeping["paths"].values() for one in item.values())


def test_the_document_of_keepers_is_for_keepers(shop: Shop) -> None:
    assert shop.server.ask("GET", "/admin/openapi.json").status == 401
    assert shop.server.ask("GET", "/docs").status == 200


def test_everybody_looks_for_products(shop: Shop) -> None:
    found = shop.ask("GET", "/products?text=ASS&kind=tea")

    assert [one["name"] for one in json.loads(found.body)] == ["Assam"]
    assert "ratelimit" in found.headers
    assert json.loads(shop.ask("GET", "/products/3").body)["kind"] == "spice"
    assert shop.ask("GET", "/products?size=0").status == 422
    assert shop.ask("GET", "/products?kind=salt").status == 422
    assert shop.ask("GET", "/products/77").status == 404
    assert shop.ask("GET", "/products/0").status == 422
    assert shop.ask("HEAD", "/products/1").status == 200
    assert shop.ask("DELETE", "/products/1").status == 405


def test_keepers_add_change_and_remove(shop: Shop) -> None:
    new = {"name": "Fennel", "kind": "spice", "price_cents": 300}
    made = shop.ask("POST", "/admin/products", KEEPER, new)
    number = json.loads(made.body)["number"]

    assert (made.status, json.loads(made.body)["left"]) == (201, 0)
    assert shop.ask("POST", "/admin/products", KEEPER, new).status == 409
    assert shop.ask("POST", "/admin/products", KEEPER, new | {"price_cents": -1}).status == 422
    assert shop.ask("PUT", f"/admin/products/{number}/left", KEEPER, 7).status == 200
    assert json.loads(shop.ask("GET", f"/products/{number}").body)["left"] == 7
    assert shop.ask("DELETE", f"/admin/products/{number}", KEEPER).status == 204
    assert shop.ask("DELETE", f"/admin/products/{number}", KEEPER).status == 404


def test_others_are_told_how_to_become_keepers(shop: Shop) -> None:
    refused = shop.ask("DELETE", "/admin/products/1", {"authorization": "Bearer guess"})

    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_who_asks_too_often_is_told_when_to_come_back(shop: Shop) -> None:
    """After all others, which it leaves no budget."""
    answers = [shop.ask("GET", "/products") for _ in range(101)]

    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) > 0
