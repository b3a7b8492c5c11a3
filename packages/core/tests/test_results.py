"""What handlers return, and what is sent for it: by the declared type."""

import dataclasses
import json
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Protocol
from uuid import UUID

import msgspec
import pydantic
import pytest
from returning import UNSET, User, returning
from typing_extensions import TypeAliasType, TypedDict

from velo_core import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response, SetupError, StreamingResponse, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 2


class Item(msgspec.Struct):
    name: str
    price: float = 0.5


@dataclasses.dataclass
class DataclassItem:
    name: str
    price: float = 0.5


class DictItem(TypedDict):
    name: str
    price: NotRequired[float]


class TupleItem(NamedTuple):
    name: str
    price: float = 0.5


class PydanticItem(pydantic.BaseModel):
    name: str
    price: float = 0.5


@pydantic.dataclasses.dataclass
class PydanticDataclassItem:
    name: str
    price: float = 0.5


JSON, TEXT, BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"


ITEM = {"name": "a", "price": 0.5}


MOMENT = datetime(2024, 5, 1, 10, tzinfo=timezone.utc)  # noqa: UP017 - as the tests for Python 3.11 have it


KEY = UUID("00000000-0000-4000-8000-0000000000ff")


ItemName = NewType("ItemName", str)


Items = TypeAliasType("Items", list[Item])


ItemOrResponse = TypeAliasType("ItemOrResponse", Item | JSONResponse)


DECLARED: list[tuple[object, object, str | None, object]] = [
    (str, "aé", TEXT, "aé"),
    (Annotated[str, "a note"], "a", TEXT, "a"),
    (ItemName, "a", TEXT, "a"),
    (str, "", TEXT, ""),
    (bytes, b"\xff\x00", BYTES, b"\xff\x00"),
    (bytes, bytearray(b"a"), BYTES, b"a"),
    (bytes, memoryview(b"a"), BYTES, b"a"),
    (dict, {"a": [1, None]}, JSON, {"a": [1, None]}),
    (dict[str, Any], {"a": [1, None]}, JSON, {"a": [1, None]}),
    (dict[str, object], {"a": [1, None]}, JSON, {"a": [1, None]}),
    (dict[str, int], defaultdict(int, {"a": 1}), JSON, {"a": 1}),
    (dict[int, str], OrderedDict({1: "a"}), JSON, {"1": "a"}),
    (Mapping[str, int], {"a": 1}, JSON, {"a": 1}),
    (list, [1, "a"], JSON, [1, "a"]),
    (list[int], [1, True], JSON, [1, True]),
    (list[str], ("a",), JSON, ["a"]),
    (Sequence[int], (1, 2), JSON, [1, 2]),
    (set[int], {1}, JSON, [1]),
    (tuple[int, str], (1, "a"), JSON, [1, "a"]),
    (int, 5, JSON, 5),
    (int, True, JSON, True),
    (int, 10**30, JSON, 10**30),
    (float, 0.5, JSON, 0.5),
    (float, 1, JSON, 1),
    (float, float("nan"), JSON, None),
    (list[float], [float("inf"), 1.0], JSON, [None, 1.0]),
    (bool, False, JSON, False),
    (int | None, None, JSON, None),
    (datetime, MOMENT, JSON, "2024-05-01T10:00:00Z"),
    (date, MOMENT.date(), JSON, "2024-05-01"),
    (time, time(10, 30), JSON, "10:30:00"),
    (timedelta, timedelta(hours=1), JSON, "PT3600S"),
    (UUID, KEY, JSON, str(KEY)),
    (Decimal, Decimal("1.10"), JSON, "1.10"),
    (Colour, Colour.RED, JSON, "red"),
    (Level, Level.HIGH, JSON, 2),
    (int, Level.HIGH, JSON, 2),
    (Literal["a", 1], "a", JSON, "a"),
    (Item, Item("a"), JSON, ITEM),
    (DataclassItem, DataclassItem("a"), JSON, ITEM),
    (DictItem, {"name": "a", "price": 0.5}, JSON, ITEM),
    (DictItem, {"name": "a"}, JSON, {"name": "a"}),
    (TupleItem, TupleItem("a"), JSON, ["a", 0.5]),
    (PydanticItem, PydanticItem(name="a"), JSON, ITEM),
    (PydanticDataclassItem, PydanticDataclassItem("a"), JSON, ITEM),
    (list[Item], [Item("a"), Item("b", 1)], JSON, [ITEM, {"name": "b", "price": 1}]),
    (list[PydanticItem], [PydanticItem(name="a")], JSON, [ITEM]),
    (dict[str, PydanticItem | None], {"x": PydanticItem(name="a"), "y": None}, JSON, {"x": ITEM, "y": None}),
    (Item | None, None, JSON, None),
    (Item | None, Item("a"), JSON, ITEM),
    (PydanticItem | None, None, JSON, None),
    (Items, [Item("a")], JSON, [ITEM]),
    (pydantic.RootModel[list[int]], pydantic.RootModel[list[int]]([1]), JSON, [1]),
    (Any, {"a": 1}, JSON, {"a": 1}),
    (Any, "a", TEXT, "a"),
    (object, b"a", BYTES, b"a"),
    (object, None, JSON, None),
    (UNSET, {"a": Item("a")}, JSON, {"a": ITEM}),
    (UNSET, [PydanticItem(name="a"), DataclassItem("a"), MOMENT, {1}], JSON, [ITEM, ITEM, "2024-05-01T10:00:00Z", [1]]),
    (UNSET, PydanticItem(name="a"), JSON, ITEM),
    (UNSET, "a", TEXT, "a"),
    (UNSET, bytearray(b"a"), BYTES, b"a"),
    (UNSET, None, JSON, None),
    (UNSET, float("-inf"), JSON, None),
]


# The type decides on status and media type.


def test_the_declared_type_decides_what_is_sent(serve: Serve) -> None:
    app = Velo()
    for number, (annotation, value, _, _) in enumerate(DECLARED):
        app.get(f"/{number}")(returning(value, annotation))
    client = serve(app)
    for number, (annotation, value, media_type, expected) in enumerate(DECLARED):
        response = client.get(f"/{number}")
        content: object = response.text if media_type == TEXT else response.content if media_type == BYTES else json.loads(response.content)
        assert (response.status_code, response.headers["content-type"], content) == (200, media_type, expected), (annotation, value)
        assert response.headers["content-length"] == str(len(response.content))


def test_a_plain_function_and_one_on_the_loop_return_the_same(serve: Serve) -> None:
    app = Velo()

    @app.get("/thread")
    def in_a_thread() -> Item:
        return Item("a")

    @app.get("/inline", inline=True)
    def on_the_loop() -> Item:
        return Item("a")

    client = serve(app)

    assert client.get("/thread").json() == client.get("/inline").json() == ITEM


# Nothing, and other statuses.


def test_none_is_a_204_without_a_body(serve: Serve, protocol: str) -> None:
    app = Velo()
    app.get("/none")(returning(None, None))
    app.get("/model", response_model=None)(returning({"secret": 1}))
    app.get("/accepted", status_code=202)(returning(None, None))
    app.get("/not-modified", status_code=304)(returning({"a": 1}, dict))
    app.get("/no-content", status_code=204)(returning("text", str))
    app.get("/reset", status_code=205)(returning(None, None))
    app.get("/reset-text", status_code=205)(returning("text", str))
    client = serve(app)
    for path, status in [("none", 204), ("model", 204), ("not-modified", 304), ("no-content", 204)]:
        response = client.get(f"/{path}")
        assert (response.status_code, response.content) == (status, b"")
        assert not {"content-length", "content-type", "transfer-encoding"} & set(response.headers), path
    for path, status in [("accepted", 202), ("reset", 205), ("reset-text", 205)]:
        response = client.get(f"/{path}")
        assert (response.status_code, response.content, response.headers["content-length"]) == (status, b"", "0")
        assert ("content-type" in response.headers) == (protocol == "wsgi")


def test_the_status_code_of_the_route(serve: Serve) -> None:
    """A `Response` has its own."""
    app = Velo()
    app.post("/item", status_code=201)(returning(Item("a"), Item))
    app.post("/text", status_code=202)(returning("a"))
    app.post("/response", status_code=201)(returning(lambda: PlainTextResponse("a")))
    app.post("/declared", status_code=201)(returning(lambda: PlainTextResponse("a", 299), Response))
    client = serve(app)

    assert [client.post(path).status_code for path in ("/item", "/text", "/response", "/declared")] == [201, 202, 200, 299]


@pytest.mark.parametrize("status_code", [99, 100, 199, 600, 1000, 0, -200])
def test_a_status_code_that_cannot_end_a_request_is_a_mistake_of_the_set_up(status_code: int) -> None:
    app = Velo()
    app.get("/", status_code=status_code)(returning(1, int))

    with pytest.raises(SetupError, match="from 200 to 599"):
        app.freeze()


# Responses among results.


def test_a_handler_can_return_a_response_in_place_of_data(serve: Serve) -> None:
    """Declared or not; the class of the response does not matter."""
    app = Velo()
    kinds: list[object] = [
        Item | JSONResponse,
        JSONResponse | Item | None,
        Response,
        Item,
        UNSET,
        PydanticItem | Response,
        str | RedirectResponse,
        Response | None,
        None,
        Annotated[Item | JSONResponse, "a note"],
        ItemOrResponse,
    ]
    for number, kind in enumerate(kinds):
        app.get(f"/{number}")(returning(lambda: JSONResponse({"other": True}, 299, {"x-own": "1"}), kind))
    client = serve(app)
    for number, kind in enumerate(kinds):
        response = client.get(f"/{number}")
        assert (response.status_code, response.json(), response.headers["x-own"]) == (299, {"other": True}, "1"), kind


def test_data_in_place_of_a_response(serve: Serve) -> None:
    """Beside responses in a union it is written as its type; with responses alone it is a mistake."""
    app = Velo()
    app.get("/item")(returning(Item("a"), Item | JSONResponse))
    app.get("/filtered")(returning({"name": "a", "price": 1, "secret": 1}, Item | JSONResponse | RedirectResponse))
    app.get("/text")(returning("a", str | RedirectResponse))
    app.get("/none")(returning(None, Response | None))
    app.get("/optional")(returning(None, Item | Response | None))
    app.get("/wrong")(returning({"a": 1}, Response))
    app.get("/wrong-union")(returning({"a": 1}, JSONResponse | RedirectResponse))
    client = serve(app)

    assert client.get("/item").json() == ITEM
    assert client.get("/filtered").json() == {"name": "a", "price": 1}
    assert client.get("/text").text == "a"
    assert client.get("/none").status_code == 204
    assert (client.get("/optional").status_code, client.get("/optional").json()) == (200, None)
    for path in ("/wrong", "/wrong-union"):
        with pytest.raises(TypeError, match="annotated to return a Response returned dict"):
            client.get(path)


MISFITS: list[tuple[object, object]] = [
    (Item, {"price": 1}),
    (Item, {"name": 1}),
    (Item, 5),
    (Item, None),
    (Item, User(1)),
    (list[Item], Item("a")),
    (list[Item], [Item("a"), None]),
    (dict[str, Item], [Item("a")]),
    (DataclassItem, {"name": 1}),
    (DictItem, {"price": 1}),
    (PydanticItem, {"price": 1}),
    (PydanticItem, {"name": "a", "price": "dear"}),
    (PydanticItem, None),
    (PydanticItem, PydanticItem.model_construct(name=b"\xff")),
    (PydanticItem, PydanticItem.model_construct(name="a", price="dear")),
    (int, "5"),
    (int, 5.5),
    (int, None),
    (list[int], ["5"]),
    (list[int], 5),
    (dict[str, int], {"a": "1"}),
    (str, 5),
    (str, None),
    (bytes, 5),
    (bytes, "text"),
    (bytes, [1, 2]),
    (bytes, None),
    (Colour, "red-ish"),
    (datetime, "now"),
    (UNSET, object()),
    (UNSET, {"a": object()}),
    (UNSET, "\ud800"),
    (str, "\ud800"),
    (list[str], ["\ud800"]),
    (UNSET, 10**5000),
]


# What does not fit is a mistake of the server.


def test_a_result_that_is_not_of_the_type_is_a_500_that_is_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = Velo()
    for number, (annotation, value) in enumerate(MISFITS):
        app.get(f"/{number}")(returning(value, annotation))
    client = serve(app, raise_app_exceptions=False)
    for number, (annotation, value) in enumerate(MISFITS):
        caplog.clear()
        with caplog.at_level(logging.ERROR, "velo"):
            response = client.get(f"/{number}")
        assert response.status_code == 500, (annotation, value, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json() == {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "The server failed to answer this request.",
        }
        assert [(record.name, record.exc_info is not None) for record in caplog.records] == [("velo.request", True)], (annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (Item, {"price": 1}, "the result is not Item: Object missing required field `name`"),
        (PydanticItem, {"price": 1}, "the result is not PydanticItem: "),
        (list[int], ["5"], r"the result is not list\[int\]: "),
        (bytes, 5, "annotated to return bytes returned int"),
        (UNSET, object(), "builtins.object has no JSON form"),
    ],
)
def test_the_test_client_raises_what_was_wrong_with_a_result(serve: Serve, annotation: object, value: object, message: str) -> None:
    """Always a TypeError, so that no handler for a library's own errors takes it for a mistake of the client."""
    app = Velo()
    app.get("/")(returning(value, annotation))

    @app.exception_handler(ValueError)
    async def blame(request: object, error: Exception) -> object:
        return {"blamed": True}

    with pytest.raises(TypeError, match=message):
        serve(app).get("/")


class Opaque:
    pass


class HoldsOpaque(msgspec.Struct):
    value: Opaque


@pytest.mark.parametrize("annotation", [Opaque, list[Opaque], HoldsOpaque, Callable[[], int], HTMLResponse | Opaque, type])
def test_a_result_type_without_a_json_form_is_a_mistake_of_the_set_up(annotation: object) -> None:
    app = Velo()
    app.get("/")(returning(1, annotation))

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert caught.value.code == "VELO_RESULT"
    assert "GET /: the result of give" in str(caught.value)
    assert "returning.py:" in str(caught.value)


# HEAD.


def test_head_has_the_headers_of_get_and_no_body(serve: Serve) -> None:
    app = Velo()
    results: list[tuple[object, object]] = [
        (Item("a"), Item),
        ("text", str),
        (b"octets", bytes),
        ({"a": 1}, UNSET),
        (lambda: JSONResponse({"a": 1}, 299, {"x-own": "1"}), Response),
        (lambda: HTMLResponse("<p>"), UNSET),
        (lambda: RedirectResponse("/other"), UNSET),
        (lambda: StreamingResponse([b"a", b"b"], headers={"x-own": "1"}), UNSET),
        (None, None),
    ]
    for number, (value, annotation) in enumerate(results):
        app.get(f"/{number}")(returning(value, annotation))
    client = serve(app)
    for number in range(len(results)):
        get, head = client.get(f"/{number}"), client.head(f"/{number}")
        assert (head.status_code, head.content) == (get.status_code, b"")
        expected = dict(get.headers)
        if "content-length" not in head.headers and not get.content:
            expected.pop("content-length", None)  # Granian leaves out a length of zero (allowed by RFC 9110 section 9.3.2)
        assert dict(head.headers) == expected, number
    assert client.head("/missing").headers["content-length"] == client.get("/missing").headers["content-length"]
    assert client.head("/missing").content == b""
