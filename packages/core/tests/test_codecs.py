"""Codecs and model backends: who reads and writes what, and that it is the same JSON whoever does."""

import json
from decimal import Decimal
from typing import Annotated, Any, Protocol

import httpx2
import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from velo_core import (
    Body,
    JSONCodec,
    MsgspecJSON,
    OrjsonJSON,
    Request,
    Router,
    SetupError,
    StdlibJSON,
    Velo,
)
from velo_testing import TestClient

JSON, MSGPACK, TEXT = "application/json", "application/msgpack", "text/plain"
CODECS: list[JSONCodec] = [MsgspecJSON(), OrjsonJSON(), StdlibJSON()]


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def name_of(value: object) -> str:
    return type(value).__name__


class Item(msgspec.Struct, rename="camel"):
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


class PydanticItem(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel)
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


def echo(annotation: Any, **options: Any) -> Velo:
    """`POST /` answers with the body that it got."""
    app = Velo()

    async def show(body: Any) -> object:
        return body

    show.__annotations__ = {"body": Annotated[annotation, Body()], "return": annotation}
    app.post("/", **options)(show)
    return app


def post_json(client: TestClient, content: bytes) -> httpx2.Response:
    return client.post("/", content=content, headers={"content-type": JSON})


def misfits(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of all that did not fit."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


# JSON, whoever reads and writes it.


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"[1,]",
        b"{'a': 1}",
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b"\xef\xbb\xbf1",
        '"ä"'.encode("utf-16"),
        '"ä"'.encode("latin-1"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5_000,
        b"01",
        b'"a\nb"',
        b"1 2",
        b"\x00",
    ],
)
def test_what_is_no_json_is_400_for_every_codec(serve: Serve, codec: JSONCodec, content: bytes) -> None:
    client = serve(echo(Any, json=codec))
    answer = post_json(client, content or b" ")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
@pytest.mark.parametrize("model", [Item, PydanticItem], ids=name_of)
def test_models_are_read_and_written_alike_by_every_codec(serve: Serve, codec: JSONCodec, model: type) -> None:
    client = serve(echo(model, json=codec))
    assert client.post("/", json={"itemName": "oak", "unitPrice": "1.10", "tags": ["a", "a"]}).json() == {
        "itemName": "oak",
        "unitPrice": "1.10",
        "tags": ["a"],
    }
    assert misfits(client.post("/", json={"unitPrice": "x", "tags": [1]}))[:2] == [
        ("body", "itemName", "missing"),
        ("body", "unitPrice", "type" if model is Item else "decimal_parsing"),
    ]
    assert post_json(client, b'{"itemName": "a", "x": NaN}').status_code == 400


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_of_a_repeated_member_the_last_counts_for_every_codec(serve: Serve, codec: JSONCodec) -> None:
    for annotation in (Any, dict[str, int]):
        assert post_json(serve(echo(annotation, json=codec)), b'{"a": 1, "a": 2}').json() == {"a": 2}


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_nan_and_infinities_are_written_as_null(serve: Serve, codec: JSONCodec) -> None:
    app = Velo(json=codec)

    @app.get("/any")
    async def anything() -> object:
        return {"a": float("nan"), "b": [float("inf")], "c": (1.5,)}

    @app.get("/typed")
    async def typed() -> list[float]:
        return [float("-inf"), 1.0]

    client = serve(app)
    assert client.get("/any").json() == {"a": None, "b": [None], "c": [1.5]}
    assert client.get("/typed").json() == [None, 1.0]


def test_every_codec_reads_and_writes_the_same(serve: Serve) -> None:
    values = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
    clients = [serve(echo(Any, json=codec)) for codec in CODECS]

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(values)
    def same(value: object) -> None:
        content = json.dumps([value]).encode()
        assert all(json.loads(post_json(client, content).content) == [value] for client in clients)

    same()


def test_the_nearest_codec_is_used(serve: Serve) -> None:
    app, child = Velo(json=StdlibJSON(sort_keys=True)), Router("/child", json=StdlibJSON(indent=1))

    async def show() -> dict[str, int]:
        return {"b": 1, "a": 2}

    async def read(request: Request) -> object:
        return [await request.json()]

    app.get("/")(show)
    app.get("/route", json=MsgspecJSON())(show)
    app.post("/read", json=Upper())(read)
    child.get("/")(show)
    app.include(child)
    client = serve(app)
    assert client.get("/").content == b'{"a":2,"b":1}'
    assert client.get("/route").content == b'{"b":1,"a":2}'
    assert client.get("/child/").content == b'{\n "b": 1,\n "a": 2\n}'
    assert client.post("/read", content=b'"abc"').content == b'["ABC"]'


class Upper:
    """A JSON codec of one's own."""

    def encode(self, value: object) -> bytes:
        return msgspec.json.encode(value)

    def decode(self, body: bytes) -> object:
        return MsgspecJSON().decode(body.upper())


def test_a_plain_plan_is_the_same_with_and_without_options_that_change_nothing() -> None:
    plain, same = echo(Item), echo(Item, exclude_none=False, by_alias=True, produces=None)
    assert plain.plan("POST", "/").source == same.plan("POST", "/").source
    assert "offer" not in plain.plan("POST", "/").source


# MessagePack in.


@pytest.mark.parametrize("media", [MSGPACK, "application/x-msgpack", "application/vnd.msgpack"])
@pytest.mark.parametrize("model", [Item, PydanticItem], ids=name_of)
def test_message_pack_is_read_where_it_is_consumed(serve: Serve, model: type, media: str) -> None:
    client = serve(echo(model, consumes=(JSON, MSGPACK)))

    def send(value: object) -> httpx2.Response:
        return client.post("/", content=msgspec.msgpack.encode(value), headers={"content-type": media})

    assert send({"itemName": "oak", "unitPrice": "1.5", "tags": ["a"]}).json() == {"itemName": "oak", "unitPrice": "1.5", "tags": ["a"]}
    assert client.post("/", json={"itemName": "oak"}).status_code == 200
    assert misfits(send({"unitPrice": "1.5", "tags": [5]})) == [
        ("body", "itemName", "missing"),
        ("body", "tags", 0, "type" if model is Item else "string_type"),
    ]
    refused = client.post("/", content=b"x", headers={"content-type": "text/plain"})
    assert (refused.status_code, refused.headers["accept"]) == (415, "application/json, application/msgpack")


@pytest.mark.parametrize("annotation", [Any, Item, PydanticItem, dict[str, int], list[int]], ids=str)
@pytest.mark.parametrize(
    "content",
    [
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 50_000,
        b"\x81\xa1a" * 50_000,
        b"\xa1\xff",
        b"\x01\x01",
        b"\x81",
        b"\xc6\xff\xff\xff\xff",
        b"\xd4\x05\x00",
        b"\x81\xa1a\xd4\x05\x00",
    ],
)
def test_what_is_no_message_pack_is_refused(serve: Serve, annotation: Any, content: bytes) -> None:
    client = serve(echo(annotation, consumes=(MSGPACK,)))
    answer = client.post("/", content=content, headers={"content-type": MSGPACK})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_whatever_bytes_come_as_message_pack_the_answer_is_well_formed(serve: Serve) -> None:
    clients = [serve(echo(annotation, consumes=(MSGPACK,), produces=(JSON,))) for annotation in (Any, Item, PydanticItem)]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(min_size=1, max_size=40))
    def answered(content: bytes) -> None:
        for client in clients:
            assert client.post("/", content=content, headers={"content-type": MSGPACK}).status_code in (200, 400, 422)

    answered()


def test_maps_of_message_pack_have_text_as_keys_as_in_json(serve: Serve) -> None:
    packed = msgspec.msgpack.encode({1: 2})
    sent = {"content-type": MSGPACK}
    for annotation in (Any, dict[int, int], dict[str, int]):
        assert serve(echo(annotation, consumes=(MSGPACK,))).post("/", content=packed, headers=sent).status_code in (400, 422)
    packed = msgspec.msgpack.encode({"1": 2})
    assert serve(echo(dict[int, int], consumes=(MSGPACK,), produces=(JSON,))).post("/", content=packed, headers=sent).json() == {"1": 2}


def test_members_of_a_shared_body_can_be_message_pack(serve: Serve) -> None:
    app = Velo()

    @app.post("/", consumes=(JSON, MSGPACK))
    async def show(item: Item, other: PydanticItem, count: Annotated[int, Body(ge=1)] = 1) -> list[object]:
        return [item.item_name, other.item_name, count]

    client = serve(app)

    def send(value: object) -> httpx2.Response:
        return client.post("/", content=msgspec.msgpack.encode(value), headers={"content-type": MSGPACK})

    assert send({"item": {"itemName": "a"}, "other": {"itemName": "b"}}).json() == ["a", "b", 1]
    assert client.post("/", json={"item": {"itemName": "a"}, "other": {"itemName": "b"}}).json() == ["a", "b", 1]
    assert misfits(send({"item": {}, "other": {}, "count": 0})) == [
        ("body", "item", "itemName", "missing"),
        ("body", "other", "itemName", "missing"),
        ("body", "count", "ge"),
    ]
    assert misfits(send([1])) == [("body", "type")]


# What cannot be.


@pytest.mark.parametrize(
    ("annotation", "options", "code"),
    [
        (Item, {"exclude_unset": True}, "VELO_RESULT"),
        (object, {"exclude_none": True}, "VELO_RESULT"),
        (Item, {"produces": (TEXT,)}, "VELO_RESULT"),
        (Item, {"produces": ("text/csv",)}, "VELO_CODEC"),
        (Item, {"consumes": ("text/csv",)}, "VELO_CODEC"),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_found_at_start_up(annotation: Any, options: Any, code: str) -> None:
    with pytest.raises(SetupError) as caught:
        echo(annotation, **options).freeze()
    assert caught.value.code == code


def test_media_types_are_a_tuple() -> None:
    with pytest.raises(SetupError, match="write a tuple") as caught:
        Velo(produces=JSON)
    assert caught.value.code == "VELO_CODEC"
