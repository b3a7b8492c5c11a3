"""Several parameters in one body, and the shape of it."""

from typing import Annotated, Any, Protocol

import httpx2
import msgspec
import pydantic
import pytest

from velo_core import Body, Depends, Query, SetupError, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Item(msgspec.Struct):
    name: str
    price: float = 0.5


class Owner(pydantic.BaseModel):
    age: int = pydantic.Field(ge=0)


def misfits(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of all that did not fit."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


def two() -> Velo:
    app = Velo()

    @app.post("/")
    async def show(
        item: Item,
        owner: Owner,
        count: Annotated[int, Body(ge=1)] = 1,
        note: Annotated[str | None, Body(alias="remark")] = "none",
        tags: Annotated[list[str], Body()] = [],  # noqa: B006 - copied for each request
        page: int = 0,
    ) -> object:
        tags.append("!")
        return [item, owner, count, note, tags, page]

    return app


def test_several_parameters_are_members_of_one_object(serve: Serve) -> None:
    client = serve(two())
    body = {"item": {"name": "oak"}, "owner": {"age": 3}, "count": 2, "remark": None, "tags": ["a"], "unknown": 1}
    expected = [{"name": "oak", "price": 0.5}, {"age": 3}, 2, None, ["a", "!"], 7]
    assert client.post("/?page=7", json=body).json() == expected


def test_members_that_are_not_there_have_their_defaults_or_are_missing(serve: Serve) -> None:
    client = serve(two())
    body = {"item": {"name": "oak"}, "owner": {"age": 3}}
    for _ in range(2):  # a default that can be changed is copied
        assert client.post("/", json=body).json() == [{"name": "oak", "price": 0.5}, {"age": 3}, 1, "none", ["!"], 0]
    for content in (b"", b"{}"):
        refused = client.post("/", content=content, headers={"content-type": "application/json"})
        assert misfits(refused) == [("body", "item", "missing"), ("body", "owner", "missing")]


def test_what_does_not_fit_in_any_member_is_told_together(serve: Serve) -> None:
    refused = serve(two()).post("/?page=x", json={"item": {"price": "x"}, "owner": {"age": -1}, "count": 0, "remark": 5, "tags": ["a", 1]})
    assert misfits(refused) == [
        ("query", "page", "type"),
        ("body", "item", "name", "missing"),
        ("body", "item", "price", "type"),
        ("body", "owner", "age", "ge"),
        ("body", "count", "ge"),
        ("body", "remark", "type"),
        ("body", "tags", 1, "type"),
    ]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"[]", 422),
        (b"null", 422),
        (b"7", 422),
        (b'{"item"', 400),
        (b'[1, {"item": NaN}]', 400),
        (b'{"item": {"name": "a"}, "owner": {"age": 1}, "x": nan}', 400),
        (b'{"item": {"name": "\xff"}, "owner": {"age": 1}}', 400),
        (b"[" * 100_000, 400),
        (b'{"x":' + b"[" * 100_000, 400),
        (b'{"item": ' + b'{"name":' * 50_000, 400),
        (b"\xef\xbb\xbf{}", 400),
        ('{"item": {}}'.encode("utf-16"), 400),
    ],
)
def test_a_body_that_is_no_object_or_no_json_is_refused(serve: Serve, content: bytes, status: int) -> None:
    answer = serve(two()).post("/", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_body_of_several_has_to_say_that_it_is_json(serve: Serve) -> None:
    assert serve(two()).post("/", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_of_a_member_that_is_repeated_the_last_counts(serve: Serve) -> None:
    content = b'{"item": {"name": "a"}, "owner": {"age": 1}, "count": 5, "count": 6}'
    assert serve(two()).post("/", content=content, headers={"content-type": "application/json"}).json()[2] == 6


def test_embed_makes_the_only_parameter_a_member(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def show(item: Annotated[Item, Body(embed=True)]) -> Item:
        return item

    @app.post("/alias")
    async def alias(item: Annotated[Item, Body(embed=True, alias="thing")]) -> Item:
        return item

    @app.post("/bytes")
    async def octets(content: Annotated[bytes, Body(embed=True)]) -> bytes:
        return content

    client = serve(app)
    assert client.post("/", json={"item": {"name": "oak"}}).json() == {"name": "oak", "price": 0.5}
    assert client.post("/alias", json={"thing": {"name": "oak"}}).json() == {"name": "oak", "price": 0.5}
    assert misfits(client.post("/", json={"name": "oak"})) == [("body", "item", "missing")]
    assert client.post("/bytes", json={"content": "AAE="}).content == b"\x00\x01"


def test_two_parameters_of_one_type_in_one_function_are_two_members(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def show(old: Item, new: Item) -> list[str]:
        return [old.name, new.name]

    assert serve(app).post("/", json={"old": {"name": "a"}, "new": {"name": "b"}}).json() == ["a", "b"]


def test_a_dependency_and_the_handler_get_the_same_body_by_whatever_name(serve: Serve) -> None:
    def name_of(thing: Item) -> str:
        return thing.name

    app = Velo()

    @app.post("/")
    async def show(item: Item, name: Annotated[str, Depends(name_of)]) -> list[str]:
        return [item.name, name]

    client = serve(app)
    assert client.post("/", json={"name": "oak"}).json() == ["oak", "oak"]
    assert misfits(client.post("/", json={})) == [("body", "name", "missing")]


def test_a_dependency_runs_if_its_own_member_fits(serve: Serve) -> None:
    ran: list[str] = []

    async def audit(item: Item) -> None:
        ran.append(item.name)

    app = Velo()

    @app.post("/", dependencies=[Depends(audit)])
    async def show(count: Annotated[int, Body()], page: Annotated[int, Query()] = 0) -> int:
        return count

    client = serve(app)
    assert misfits(client.post("/", json={"item": {}, "count": 1})) == [("body", "item", "name", "missing")]
    assert ran == []
    assert misfits(client.post("/", json={"item": {"name": "oak"}, "count": "x"})) == [("body", "count", "type")]
    assert client.post("/", json={"item": {"name": "elm"}, "count": 3}).json() == 3
    assert ran == ["oak", "elm"]


def conflicting(first: Any, second: Any) -> Velo:
    app = Velo()

    async def show(a: object, b: object) -> None: ...

    show.__annotations__ = {"a": first, "b": second, "return": None}
    app.post("/")(show)
    return app


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Item, Annotated[bytes, Body()]),
        (Annotated[bytes, Body()], Item),
        (Annotated[Item, Body(embed=False)], Owner),
        (Item, Annotated[Owner, Body(embed=False)]),
        (Annotated[Item, Body(alias="x")], Annotated[Owner, Body(alias="x")]),
    ],
)
def test_parameters_that_cannot_share_the_body_are_found_at_start_up(first: Any, second: Any) -> None:
    with pytest.raises(SetupError, match="parameter 'b'") as caught:
        conflicting(first, second).freeze()
    assert caught.value.code == "VELO_BODY_TWICE"
