"""Patterns mean what they mean in JSON Schema, wherever the value comes from and whoever makes it of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import pydantic
import pytest

from velo_core import Body, Cookie, Header, Path, Query, StdlibJSON, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]
CODE = r"^\d{2}$"
Code = Annotated[str, msgspec.Meta(pattern=CODE)]
FieldCode = Annotated[str, pydantic.Field(pattern=CODE)]
WRONG = ["12\n", "１２", "1２", "12\n\n", "x"]


class Struct(msgspec.Struct):
    code: Code


class Optional(msgspec.Struct):
    code: Code | None = None


@dataclass
class Plain:
    code: Code


class Model(pydantic.BaseModel):
    code: FieldCode


class Constrained(pydantic.BaseModel):
    code: Annotated[str, pydantic.StringConstraints(pattern=CODE)] | None


class Compiled(pydantic.BaseModel):
    code: str = pydantic.Field(pattern=re.compile(CODE))


@pydantic.dataclasses.dataclass
class Dataclass:
    code: FieldCode


KINDS: list[Any] = [Struct, Optional, Plain, Model, Constrained, Compiled, Dataclass]


def taking(kind: Any) -> Callable[..., Any]:
    async def take(value: Any) -> str:
        return "taken"

    take.__annotations__["value"] = kind
    return take


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("has_codec", [False, True], ids=["own", "stdlib"])
def test_a_field_of_a_body_matches_exactly(serve: Serve, kind: Any, has_codec: bool) -> None:
    app = Velo(json=StdlibJSON() if has_codec else None)
    app.post("/")(taking(Annotated[kind, Body()]))
    client = serve(app)

    assert client.post("/", json={"code": "12"}).status_code == 200
    for text in WRONG:
        refused = client.post("/", json={"code": text})
        assert refused.status_code == 422, text
        (error,) = refused.json()["errors"]
        assert (error["loc"], error["code"]) == (["body", "code"], "pattern")


@pytest.mark.parametrize("kind", [Struct, Model], ids=lambda kind: kind.__name__)
def test_a_field_of_message_pack_matches_exactly(serve: Serve, kind: Any) -> None:
    app = Velo()
    app.post("/", consumes=("application/msgpack",))(taking(Annotated[kind, Body()]))
    client, headers = serve(app), {"content-type": "application/msgpack"}

    found = [client.post("/", content=msgspec.msgpack.encode({"code": text}), headers=headers).status_code for text in ("12", *WRONG)]

    assert found == [200] + [422] * len(WRONG)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_field_of_a_query_matches_exactly(serve: Serve, kind: Any) -> None:
    app = Velo()
    app.get("/")(taking(Annotated[kind, Query()]))
    client = serve(app)

    assert [client.get("/", params={"code": text}).status_code for text in ("12", *WRONG)] == [200] + [422] * len(WRONG)


def test_a_value_of_its_own_matches_exactly(serve: Serve) -> None:
    app = Velo()

    @app.get("/{code}")
    async def show(
        code: Annotated[str, Path(pattern=CODE)],
        query: Annotated[str, Query(pattern=CODE)] = "12",
        x_code: Annotated[str, Header(pattern=CODE)] = "12",
        cookie: Annotated[str, Cookie(pattern=CODE)] = "12",
    ) -> str:
        return code

    @app.post("/")
    async def take(code: Annotated[str, Body(embed=True, pattern=CODE)]) -> str:
        return code

    client = serve(app)
    assert client.get("/12?query=12", headers={"x-code": "12", "cookie": "cookie=12"}).status_code == 200
    for text in WRONG:
        assert client.get("/12", params={"query": text}).status_code == 422
        assert client.post("/", json={"code": text}).status_code == 422
    assert client.get("/%EF%BC%91%EF%BC%92").status_code == 422
    assert client.get("/12", headers={"x-code": "1x"}).status_code == 422


class Pair(NamedTuple):
    number: int
    code: Code


class Cat(msgspec.Struct, tag="cat", frozen=True):
    name: str


class Dog(msgspec.Struct, tag="dog"):
    name: Annotated[str, msgspec.Meta(pattern=r"^\w+$")]


class Deep(msgspec.Struct, rename="camel"):
    in_list: list[Code] = []
    by_code: dict[Code, Code] = {}
    pair: Pair = Pair(1, "12")
    fixed: tuple[int, Code] = (1, "12")
    pet: Cat | Dog = Cat("Tom")
    either: int | Code = 1
    below: Deep | None = None


class Tree(pydantic.BaseModel):
    kind: Literal["tree"] = "tree"
    name: str = pydantic.Field("12", pattern=CODE, alias="theName", validation_alias=pydantic.AliasChoices("theName", "other"))
    below: list[Tree | Leaf] = []


class Leaf(pydantic.BaseModel):
    kind: Literal["leaf"]
    name: str


@pytest.mark.parametrize(
    ("kind", "body", "loc"),
    [
        (Deep, {"inList": ["12", "12\n"]}, ["inList", 1]),
        (Deep, {"byCode": {"12": "１２"}}, ["byCode", "12"]),
        (Deep, {"byCode": {"１２": "12"}}, ["byCode", "１２"]),
        (Deep, {"pair": [1, "12\n"]}, ["pair", 1]),
        (Deep, {"fixed": [1, "12\n"]}, ["fixed", 1]),
        (Deep, {"pet": {"type": "dog", "name": "é"}}, ["pet", "name"]),
        (Deep, {"pet": {"type": "cat", "name": "é\n"}}, None),
        (Deep, {"either": "12\n"}, ["either"]),
        (Deep, {"below": {"below": {"inList": ["12\n"]}}}, ["below", "below", "inList", 0]),
        (Tree, {"theName": "１２"}, ["theName"]),
        (Tree, {"other": "１２"}, ["other"]),
        (Tree, {"below": [{"kind": "leaf", "name": "１２"}, {"kind": "tree", "theName": "１２"}]}, ["below", 1, "theName"]),
        (Tree, {"below": [{"kind": "leaf", "name": "é\n"}]}, None),
    ],
)
def test_a_text_that_is_deep_inside_is_found(serve: Serve, kind: Any, body: object, loc: list[str | int] | None) -> None:
    app = Velo()
    app.post("/")(taking(Annotated[kind, Body()]))

    response = serve(app).post("/", json=body)

    assert response.status_code == (200 if loc is None else 422), response.text
    if loc is not None:
        assert [error["loc"] for error in response.json()["errors"]] == [["body", *loc]]


def test_a_pattern_that_says_so_has_the_classes_of_unicode(serve: Serve) -> None:
    class Word(msgspec.Struct):
        word: Annotated[str, msgspec.Meta(pattern=r"(?u)^\w+$")]

    app = Velo()
    app.post("/")(taking(Annotated[Word, Body()]))

    @app.get("/")
    async def show(word: Annotated[str, Query(pattern=r"(?u)^\w+$")]) -> str:
        return word

    client = serve(app)
    assert [client.post("/", json={"word": word}).status_code for word in ("née", "née\n", "-")] == [200, 422, 422]
    assert [client.get("/", params={"word": word}).status_code for word in ("née", "née\n", "-")] == [200, 422, 422]
