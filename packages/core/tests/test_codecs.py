"""Codecs and model backends: who reads and writes what, and that it is the same JSON whoever does."""

import dataclasses
import importlib.util
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, NotRequired, Protocol, TypeVar, cast
from uuid import UUID

import httpx2
import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from velo_core import (
    Body,
    DoesNotFit,
    HTTPError,
    InvalidValue,
    JSONCodec,
    MessagePack,
    ModelBackend,
    MsgspecJSON,
    OrjsonJSON,
    Query,
    Request,
    Response,
    Router,
    SetupError,
    StdlibJSON,
    Velo,
)
from velo_testing import TestClient

T = TypeVar("T")
JSON, MSGPACK, TEXT = "application/json", "application/msgpack", "text/plain"
CODECS: list[JSONCodec] = [MsgspecJSON(), OrjsonJSON(), StdlibJSON()]


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def name_of(value: object) -> str:
    return type(value).__name__


class Colour(Enum):
    RED = "red"


class Item(msgspec.Struct, rename="camel"):
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


class PydanticItem(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel)
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


ELM = PydanticItem.model_validate({"itemName": "elm"})


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


# Content negotiation.


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (MSGPACK, MSGPACK),
        (f"{JSON};q=0.5, {MSGPACK}", MSGPACK),
        (f"{JSON};q=0, */*", MSGPACK),
        ("text/html, */*;q=0.1", JSON),
        ("nonsense", JSON),
        ("text/html", None),
        (f"{JSON};q=0, {MSGPACK};q=0", None),
    ],
)
@pytest.mark.parametrize("model", [Item, PydanticItem], ids=name_of)
def test_accept_chooses_the_media_type(serve: Serve, model: type, accept: str | None, chosen: str | None) -> None:
    client = serve(echo(model, produces=(JSON, MSGPACK)))
    client.headers.pop("accept", None)
    answer = client.post("/", json={"itemName": "oak"}, headers={} if accept is None else {"accept": accept})
    assert answer.headers["vary"] == "Accept"
    if chosen is None:
        assert answer.status_code == 406
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["available"] == [JSON, MSGPACK]
        return
    assert answer.headers["content-type"] == chosen
    decode = msgspec.json.decode if chosen == JSON else msgspec.msgpack.decode
    assert decode(answer.content) == {"itemName": "oak", "unitPrice": None, "tags": []}


def test_several_accept_fields_are_one(serve: Serve) -> None:
    client = serve(echo(Item, produces=(JSON, MSGPACK)))
    sent = [("accept", f"{JSON};q=0.1"), ("accept", MSGPACK), ("content-type", JSON)]
    assert client.post("/", content=b'{"itemName": "a"}', headers=sent).headers["content-type"] == MSGPACK


def test_a_request_that_accepts_nothing_is_refused_before_anything_runs(serve: Serve) -> None:
    ran: list[str] = []
    app = Velo()

    @app.delete("/", produces=(JSON, MSGPACK))
    async def remove() -> int:
        ran.append("handler")
        return 1

    client = serve(app)
    assert client.delete("/", headers={"accept": "text/html"}).status_code == 406
    assert ran == []


def test_text_is_for_single_values(serve: Serve) -> None:
    app = Velo(produces=(JSON, TEXT))

    @app.get("/number")
    async def number() -> float:
        return 1.5

    @app.get("/colour")
    async def colour() -> Colour | None:
        return Colour.RED

    @app.get("/day")
    async def day() -> date:
        return date(2024, 5, 1)

    @app.get("/model")
    async def model() -> list[int]:
        return [1]

    @app.get("/text")
    async def text() -> str:
        return "ä"

    @app.get("/both", produces=(TEXT, JSON))
    async def both() -> str:
        return "ä"

    @app.get("/response")
    async def response() -> Response:
        return Response(b"<p>", media_type="text/html")

    client = serve(app)
    wanted = {"accept": TEXT}
    for path, expected in {"/number": "1.5", "/colour": "red", "/day": "2024-05-01", "/text": "ä", "/both": "ä"}.items():
        answer = client.get(path, headers=wanted)
        assert (answer.text, answer.headers["content-type"]) == (expected, "text/plain; charset=utf-8")
    assert client.get("/model", headers=wanted).status_code == 406
    assert client.get("/both", headers={"accept": JSON}).content == '"ä"'.encode()
    assert client.get("/text", headers={"accept": JSON}).headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get("/response", headers={"accept": JSON}).headers["content-type"] == "text/html; charset=utf-8"


def test_undeclared_results_are_negotiated_too(serve: Serve) -> None:
    app = Velo()

    @app.get("/", produces=(JSON, MSGPACK))
    async def show() -> object:
        return {"at": datetime(2024, 5, 1, tzinfo=UTC), "raw": b"\x00", "model": Item("oak"), "other": ELM}

    client = serve(app)
    packed = msgspec.msgpack.decode(client.get("/", headers={"accept": MSGPACK}).content)
    assert packed["at"] == datetime(2024, 5, 1, tzinfo=UTC)
    assert packed["raw"] == b"\x00"
    assert client.get("/").json()["at"] == "2024-05-01T00:00:00Z"
    assert packed["other"]["itemName"] == "elm"


def test_a_response_of_the_handler_and_a_route_without_content_are_not_negotiated(serve: Serve) -> None:
    app = Velo(produces=(JSON, MSGPACK))

    @app.get("/either")
    async def either(own: bool = False) -> Item | Response:
        return Response(b"own") if own else Item("oak")

    @app.get("/nothing")
    async def nothing() -> None: ...

    client = serve(app)
    assert client.get("/either?own=1").content == b"own"
    assert client.get("/either", headers={"accept": MSGPACK}).headers["content-type"] == MSGPACK
    assert client.get("/nothing", headers={"accept": "text/html"}).status_code == 204


class Lines:
    """A codec of one's own: the keys and values of an object, line by line."""

    media_type: ClassVar[str] = "text/x-lines"
    native_types: ClassVar[tuple[type, ...]] = (date,)

    def encode(self, value: object) -> bytes:
        assert isinstance(value, dict)
        items = cast("dict[str, object]", value)
        return "".join(f"{name}: {item!r}\n" for name, item in items.items()).encode()

    def decode(self, body: bytes) -> object:
        try:
            return dict(line.split(": ") for line in body.decode().splitlines())
        except ValueError:
            raise HTTPError(400, "Lines have a colon.") from None


class Day(msgspec.Struct):
    day: date
    name: str = "x"


class PydanticDay(pydantic.BaseModel):
    day: date
    name: str = "x"


@pytest.mark.parametrize("model", [Day, PydanticDay], ids=name_of)
def test_a_codec_of_ones_own_reads_and_writes_plain_data(serve: Serve, model: type) -> None:
    client = serve(echo(model, produces=(Lines(), JSON), consumes=(Lines(), JSON)))

    def send(content: bytes) -> httpx2.Response:
        return client.post("/", content=content, headers={"content-type": "text/x-lines; charset=utf-8", "accept": "text/*"})

    day = "datetime.date(2024, 5, 1)" if model is Day else "'2024-05-01'"
    assert send(b"day: 2024-05-01\n").text == f"day: {day}\nname: 'x'\n"
    assert misfits(send(b"day: soon\n"))[0][:2] == ("body", "day")
    assert send(b"day\n").status_code == 400
    assert client.post("/", json={"day": "2024-05-01"}, headers={"accept": JSON}).json()["name"] == "x"


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


# Leaving out fields.


class Inner(msgspec.Struct):
    a: int | None = None
    b: int = 5


class Tagged(msgspec.Struct, tag="tagged"):
    a: int | None = None


class Listed(msgspec.Struct, array_like=True):
    a: int | None = None


@dataclasses.dataclass
class Data:
    a: int | None = None
    c: int = dataclasses.field(init=False, default=9)


class Typed(TypedDict):
    a: NotRequired[int | None]


class Box(msgspec.Struct, Generic[T]):
    item: T
    more: list[Inner] = []
    free: dict[str, int | None] = {}
    typed: Typed | None = None


class Pair(NamedTuple):
    a: int | None


def returning(value: object, annotation: object, **options: Any) -> Velo:
    app = Velo()

    async def show() -> object:
        return value

    show.__annotations__ = {"return": annotation}
    app.get("/", **options)(show)
    return app


WITHOUT_NONE: list[tuple[Any, object, object]] = [
    (Inner, Inner(), {"b": 5}),
    (Inner | None, None, None),
    (list[Inner | None], [Inner(1), None], [{"a": 1, "b": 5}, None]),
    (dict[str, Inner], {"x": Inner()}, {"x": {"b": 5}}),
    (dict[str, int | None], {"x": None}, {"x": None}),
    (Tagged | int, Tagged(), {"type": "tagged"}),
    (Listed, Listed(), [None]),
    (Data, Data(), {"c": 9}),
    (Typed, {"a": None}, {}),
    (list[Typed | int], [{"a": None}, 3], [{}, 3]),
    (Pair, Pair(None), [None]),
    (
        Box[Inner],
        Box(Inner(), [Inner()], {"x": None}, {"a": None}),
        {"item": {"b": 5}, "more": [{"b": 5}], "free": {"x": None}, "typed": {}},
    ),
    (tuple[Inner, ...], (Inner(),), [{"b": 5}]),
]


if importlib.util.find_spec("attrs") is not None:  # no dependency of ours
    import attrs

    @attrs.define
    class Attrs:
        a: int | None = None

    WITHOUT_NONE.append((Attrs, Attrs(), {}))


@pytest.mark.parametrize(("annotation", "value", "expected"), WITHOUT_NONE, ids=str)
def test_exclude_none_leaves_out_fields_of_models_and_nothing_else(serve: Serve, annotation: Any, value: object, expected: object) -> None:
    assert serve(returning(value, annotation, exclude_none=True)).get("/").json() == expected


class PydanticInner(pydantic.BaseModel):
    a: int | None = None
    b: int = 5
    c: int = pydantic.Field(7, alias="C")
    free: dict[str, int | None] = {}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"exclude_none": True}, {"b": 6, "C": 7, "free": {"x": None}}),
        ({"exclude_unset": True}, {"b": 6, "free": {"x": None}}),
        ({"exclude_defaults": True}, {"b": 6, "free": {"x": None}}),
        ({"by_alias": False}, {"a": None, "b": 6, "c": 7, "free": {"x": None}}),
    ],
    ids=str,
)
def test_pydantic_models_are_written_with_the_same_options(serve: Serve, options: Any, expected: object) -> None:
    value = PydanticInner.model_validate({"b": 6, "free": {"x": None}})
    assert serve(returning(value, PydanticInner, **options)).get("/").json() == expected
    packed = serve(returning(value, PydanticInner, produces=(MSGPACK,), **options)).get("/").content
    assert msgspec.msgpack.decode(packed) == expected


def test_exclude_defaults_and_names_of_structs(serve: Serve) -> None:
    assert serve(returning(Inner(1), Inner, exclude_defaults=True)).get("/").json() == {"a": 1}
    assert serve(returning(Box(1, []), Box[int], exclude_defaults=True)).get("/").json() == {"item": 1}
    assert serve(returning(Item("oak"), Item, exclude_none=True)).get("/").json() == {"itemName": "oak", "tags": []}
    assert serve(returning(Item("oak"), Item, by_alias=False, exclude_none=True)).get("/").json() == {"item_name": "oak", "tags": []}


class Secret(Inner):
    password: str = "x"


def test_what_the_type_does_not_have_stays_out_with_options_too(serve: Serve) -> None:
    for options in (
        {"exclude_none": True},
        {"json": OrjsonJSON()},
        {"json": StdlibJSON()},
        {"produces": (JSON,)},
        {"response_model": Inner},
    ):
        assert "password" not in serve(returning(Secret(), Inner, **options)).get("/").json()
    packed = serve(returning([Secret()], list[Inner], produces=(MSGPACK,))).get("/").content
    assert msgspec.msgpack.decode(packed) == [{"a": None, "b": 5}]


# Checking responses.


class Bounded(msgspec.Struct):
    size: Annotated[int, msgspec.Meta(ge=0)]


class PydanticBounded(pydantic.BaseModel):
    size: int = pydantic.Field(ge=0, alias="Size")

    @pydantic.computed_field
    def double(self) -> int:
        return self.size * 2


WRONG: list[tuple[object, object]] = [
    (Bounded(-1), Bounded),
    (Bounded("x"), Bounded),  # pyright: ignore[reportArgumentType]: a wrong value is the point
    ([Bounded(-1)], list[Bounded]),
    (PydanticBounded.model_construct(size=-1), PydanticBounded),
    (PydanticBounded.model_construct(size="x"), PydanticBounded),
]


@pytest.mark.parametrize(("value", "annotation"), WRONG, ids=str)
def test_a_result_that_does_not_fit_is_a_500_that_the_log_explains(
    serve: Serve, value: object, annotation: object, caplog: pytest.LogCaptureFixture
) -> None:
    app = returning(value, annotation)
    app.validate_responses = True
    with caplog.at_level(logging.ERROR, "velo"):
        answer = serve(app, raise_app_exceptions=False).get("/")
    assert answer.status_code == 500
    assert "size" not in answer.text.lower()
    assert "the result is not" in caplog.text
    assert "size" in caplog.text.lower()


def test_results_that_fit_are_written_as_without_the_check(serve: Serve) -> None:
    for value, annotation in (
        (Bounded(1), Bounded),
        (PydanticBounded.model_validate({"Size": 2}), PydanticBounded),
        ({"x": Item("oak")}, dict[str, Item]),
    ):
        app = returning(value, annotation)
        plain = serve(returning(value, annotation)).get("/").content
        app.validate_responses = True
        assert serve(app).get("/").content == plain


def test_plain_fields_are_trusted_by_default_and_checked_in_debug(serve: Serve) -> None:
    assert serve(returning(Bounded(-1), Bounded)).get("/").json() == {"size": -1}
    assert Velo(debug=True).validate_responses is True
    assert Velo(debug=True, validate_responses=False).validate_responses is False
    assert Velo().validate_responses is False


# Families of models that Velo does not know.


class Point:
    """What only the backend below knows."""

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class Points(ModelBackend):
    def claims(self, annotation: object) -> bool:
        return annotation is Point

    def reader(self, annotation: Any) -> Callable[[object], object]:
        def read(data: object) -> Point:
            if not isinstance(data, Mapping):
                raise TypeError("a point has an x and a y")
            given = cast("Mapping[str, Any]", data)
            wrong = [InvalidValue((name,), "Expected `int`", "type") for name in "xy" if not isinstance(given.get(name), int)]
            if wrong:
                raise DoesNotFit(wrong)
            return Point(given["x"], given["y"])

        return read

    def writer(self, annotation: Any) -> Callable[[Any], object]:
        def write(value: Any) -> object:
            if not isinstance(value, Point):
                raise TypeError(f"{value!r} is no point")
            return {"x": value.x, "y": value.y}

        return write

    def from_text(self, annotation: Any) -> Callable[[str], object]:
        return lambda text: Point(*map(int, text.split(",")))


class Solid(ModelBackend):
    """Instances come from bodies alone."""

    def claims(self, annotation: object) -> bool:
        return annotation is Cube

    def reader(self, annotation: Any) -> Callable[[object], object]:
        return lambda data: Cube(float(data))  # pyright: ignore[reportArgumentType]: a backend gets any data

    def writer(self, annotation: Any) -> Callable[[Any], object]:
        return lambda cube: cube.side


class Cube:
    def __init__(self, side: float) -> None:
        self.side = side


class Map(msgspec.Struct):
    name: str
    points: list[Point]
    centre: Point | None = None


def points() -> Velo:
    app = Velo()
    app.add_model_backend(Points())
    app.add_model_backend(Solid())
    return app


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Point, {"x": 1, "y": 2}),
        (list[Point], [{"x": 1, "y": 2}]),
        (dict[str, Point], {"a": {"x": 1, "y": 2}}),
        (Point | None, None),
        (Map, {"name": "here", "points": [{"x": 1, "y": 2}], "centre": {"x": 3, "y": 4}}),
        (Cube, 2.5),
    ],
    ids=str,
)
@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_a_family_of_ones_own_is_read_and_written_wherever_it_is(serve: Serve, annotation: Any, value: object, codec: JSONCodec) -> None:
    app = points()

    async def show(body: Any) -> object:
        return body

    show.__annotations__ = {"body": Annotated[annotation, Body()], "return": annotation}
    app.post("/", json=codec, produces=(JSON, MSGPACK), consumes=(JSON, MSGPACK))(show)
    client = serve(app)
    assert client.post("/", json=value).json() == value
    packed = client.post("/", content=msgspec.msgpack.encode(value), headers={"content-type": MSGPACK, "accept": MSGPACK})
    assert msgspec.msgpack.decode(packed.content) == value


def test_what_such_a_family_refuses_is_told_with_its_place(serve: Serve) -> None:
    app = points()

    @app.post("/")
    async def one(point: Annotated[Point, Body()]) -> None: ...

    @app.post("/list")
    async def several(points: list[Point]) -> None: ...

    @app.post("/map")
    async def inside(map: Map) -> None: ...

    @app.post("/cube")
    async def cube(cube: Cube) -> None: ...

    client = serve(app)
    assert misfits(client.post("/", json={"x": "1"})) == [("body", "x", "type"), ("body", "y", "type")]
    assert misfits(client.post("/", json=5)) == [("body", "type")]
    assert misfits(client.post("/list", json=[{"x": 1, "y": 1}, {"x": 1}, 7])) == [("body", 1, "y", "type"), ("body", 2, "type")]
    assert misfits(client.post("/list", json={})) == [("body", "type")]
    assert misfits(client.post("/map", json={"name": "a", "points": [{"x": 1, "y": 1}, {"x": 1}]})) == [("body", "points", 1, "type")]
    assert misfits(client.post("/cube", json="x")) == [("body", "type")]
    assert client.post("/", content=b"{", headers={"content-type": JSON}).status_code == 400


def test_a_family_may_read_text(serve: Serve) -> None:
    app = points()

    @app.get("/")
    async def show(point: Point, other: Annotated[Point, Query()]) -> list[int]:
        return [point.x, other.y]

    client = serve(app)
    assert client.get("/?point=1,2&other=3,4").json() == [1, 4]
    assert misfits(client.get("/?point=1&other=x,y")) == [("query", "point", "type"), ("query", "other", "type")]


def test_a_backend_is_known_to_its_router_and_below(serve: Serve) -> None:
    app, child = Velo(), Router("/child")
    child.add_model_backend(Points())

    @child.post("/")
    async def show(point: Annotated[Point, Body()]) -> int:
        return point.x

    app.include(child)
    assert serve(app).post("/child/", json={"x": 1, "y": 2}).json() == 1

    other = Velo()
    other.include(child)
    other.post("/")(show)
    with pytest.raises(SetupError, match="Point"):
        other.freeze()


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
        returning(None, annotation, **options).freeze()
    assert caught.value.code == code


def test_media_types_are_a_tuple() -> None:
    with pytest.raises(SetupError, match="write a tuple") as caught:
        Velo(produces=JSON)
    assert caught.value.code == "VELO_CODEC"


def test_a_backend_has_to_be_one() -> None:
    with pytest.raises(SetupError) as caught:
        Velo().add_model_backend(Points)  # pyright: ignore[reportArgumentType]: the mistake itself
    assert caught.value.code == "VELO_MODEL_BACKEND"


# Numbers that hash alike.

MERSENNE = 2**61 - 1


class Sets(msgspec.Struct):
    sizes: set[int] = set()
    prices: frozenset[Decimal] = frozenset()


class PydanticSets(pydantic.BaseModel):
    sizes: set[int] = set()
    prices: frozenset[Decimal] = frozenset()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (set[int], [number * MERSENNE for number in range(2_000)]),
        (dict[int, int], {str(number * MERSENNE): 0 for number in range(2_000)}),
        (set[UUID], [str(UUID(int=number * MERSENNE)) for number in range(2_000)]),
        (frozenset[Decimal], [str(number * MERSENNE) for number in range(2_000)]),
        (Sets, {"sizes": [number * MERSENNE for number in range(2_000)]}),
        (PydanticSets, {"sizes": [number * MERSENNE for number in range(2_000)]}),
        (set[int], [*range(9_000), *(number * MERSENNE for number in range(1, 2_000))]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_of_numbers_that_hash_alike_is_refused(serve: Serve, annotation: Any, value: object) -> None:
    answer = serve(echo(annotation)).post("/", json=value)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_many_numbers_that_do_not_are_read(serve: Serve) -> None:
    numbers = list(range(5_000))
    assert sorted(serve(echo(set[int])).post("/", json=numbers).json()) == numbers
    assert serve(echo(set[int])).post("/", json=[7] * 5_000).json() == [7]
    named = {f"k{number}": 0 for number in numbers}
    assert serve(echo(dict[str, int])).post("/", json=named).json() == named


def test_codecs_can_be_used_alone() -> None:
    packed = MessagePack().encode({"a": [1, {"b": Item("oak")}]})
    assert MessagePack().decode(packed) == {"a": [1, {"b": {"itemName": "oak", "unitPrice": None, "tags": []}}]}


def test_types_of_many_routes_that_look_alike_are_not_taken_for_each_other(serve: Serve) -> None:
    """What is found out about a type is kept while the application freezes."""

    class Thing(msgspec.Struct):
        number: int

    few, one = Annotated[list[Thing], msgspec.Meta(max_length=1)], Annotated[list[Thing], msgspec.Meta(max_length=1, description="one")]
    types: list[Any] = [list[Thing], few, one, dict[str, Thing], list[Thing | None], list[list[Thing]], Thing, list[Thing], few]
    app = Velo()
    for number, kind in enumerate(types):

        async def echo(body: Any) -> Any:
            return body

        echo.__annotations__ = {"body": Annotated[kind, Body()], "return": kind}
        app.post(f"/{number}")(echo)
    client = serve(app)
    bodies: list[object] = [[{"number": 1}] * 2, {"a": {"number": 1}}, [None], [[{"number": 1}]], {"number": 1}]
    taken = [[client.post(f"/{number}", json=body).status_code == 200 for body in bodies] for number in range(len(types))]

    lists, bounded = [True, False, False, False, False], [False] * 5
    assert taken[:3] == [lists, bounded, bounded]
    assert taken[3:7] == [
        [False, True, False, False, False],
        [True, False, True, False, False],
        [False, False, False, True, False],
        [False, False, False, False, True],
    ]
    assert taken[7:] == [lists, bounded]
