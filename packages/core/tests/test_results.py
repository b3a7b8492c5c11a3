"""What handlers return, and what is sent for it: by the declared type, with nothing in it that the type does not have."""

import dataclasses
import json
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from types import FunctionType
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Protocol, TypeVar, Union
from uuid import UUID

import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType, TypedDict

from velo_core import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response, SetupError, StreamingResponse, Velo
from velo_testing import TestClient

T = TypeVar("T")


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


UNSET = object()


def returning(value: Any, annotation: object = UNSET) -> Callable[..., object]:
    """A handler that returns `value`; called if it is a function, so that each request has its own."""

    async def give() -> object:
        return value() if isinstance(value, FunctionType) else value

    give.__annotations__ = {} if annotation is UNSET else {"return": annotation}
    return give


# The type decides on status and media type.


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
    client = serve(app)
    for path, status in [("none", 204), ("model", 204), ("not-modified", 304), ("no-content", 204)]:
        response = client.get(f"/{path}")
        assert (response.status_code, response.content) == (status, b"")
        assert not {"content-length", "content-type", "transfer-encoding"} & set(response.headers), path
    for path, status in [("accepted", 202), ("reset", 205)]:
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


# Nothing undeclared gets out.


class User(msgspec.Struct):
    id: int


class Secretive(User):
    secret: str = "leak"


class Unrelated(msgspec.Struct):
    id: int
    secret: str = "leak"


@dataclasses.dataclass
class DataclassUser:
    id: int


@dataclasses.dataclass
class DataclassSecretive(DataclassUser):
    secret: str = "leak"


class DictUser(TypedDict):
    id: int


class DictSecretive(DictUser):
    secret: str


class PydanticUser(pydantic.BaseModel):
    id: int


class PydanticSecretive(PydanticUser):
    secret: str = "leak"


class PydanticUnrelated(pydantic.BaseModel):
    id: int
    secret: str = "leak"


class TupleUser(NamedTuple):
    id: int


class Row:
    """As objects of a database mapper: attributes, and no schema."""

    def __init__(self) -> None:
        self.id = 1
        self.secret = "leak"


class Holder(msgspec.Struct):
    user: User
    users: list[User] = []
    named: dict[str, User] = {}
    maybe: User | None = None
    either: User | int = 0
    pair: tuple[User, int] | None = None
    row: DictUser | None = None


@dataclasses.dataclass
class DataclassHolder:
    user: DataclassUser
    users: list[DataclassUser] = dataclasses.field(default_factory=list[DataclassUser])


class DictHolder(TypedDict):
    user: User
    rows: NotRequired[list[DictUser]]


class PydanticHolder(pydantic.BaseModel):
    user: PydanticUser
    users: list[PydanticUser] = []
    named: dict[str, PydanticUser] = {}
    maybe: PydanticUser | None = None


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class PydanticPage(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Tree(msgspec.Struct):
    user: User
    children: list["Tree"] = []


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    owner: User


PublicUser = TypeAliasType("PublicUser", User)


class AliasHolder(msgspec.Struct):
    user: Annotated[User, "a note"]
    users: Sequence[User] = ()


def of(origin: Any, *arguments: Any) -> Any:
    """`origin[arguments]`, for types that are made at run time."""
    return origin[arguments[0] if len(arguments) == 1 else arguments]


DICT = {"id": 1, "secret": "leak"}
USER = {"id": 1}
LEAKS: list[tuple[object, object, object]] = [
    # From every kind of value to every kind of model.
    *[
        (model, value, USER)
        for model in (User, DataclassUser, PydanticUser)
        for value in (DICT, Secretive(1), Unrelated(1), DataclassSecretive(1), PydanticSecretive(id=1), PydanticUnrelated(id=1), Row())
    ],
    *[(DictUser, value, USER) for value in (DICT, Secretive(1), DataclassSecretive(1), PydanticSecretive(id=1))],
    # Inside of other types.
    *[
        (annotation, value, expected)
        for user in (User, PydanticUser, DictUser)
        for secret in (DICT, Secretive(1), PydanticSecretive(id=1))
        if not (user is DictUser and secret is not DICT)
        for annotation, value, expected in (
            (of(list, user), [secret], [USER]),
            (of(list, user), (secret,), [USER]),
            (of(Sequence, user), [secret], [USER]),
            (of(tuple, user, ...), (secret,), [USER]),
            (of(tuple, int, user), (1, secret), [1, USER]),
            (of(dict, str, user), {"a": secret}, {"a": USER}),
            (of(Mapping, str, user), {"a": secret}, {"a": USER}),
            (of(dict, str, of(list, user)), {"a": [secret]}, {"a": [USER]}),
            (of(Union, user, None), secret, USER),
            (of(list, of(Union, user, None)), [None, secret], [None, USER]),
            (of(Union, user, int), secret, USER),
            (of(Annotated, user, "a note"), secret, USER),
            (of(list, of(Annotated, user, "a note")), [secret], [USER]),
        )
    ],
    # In fields of models that are of the right class themselves.
    (Holder, Holder(Secretive(1)), {"user": USER}),
    (Holder, Holder(User(1), users=[User(1), Secretive(1)]), {"users": [USER, USER]}),
    (Holder, Holder(User(1), named={"a": Secretive(1)}), {"named": {"a": USER}}),
    (Holder, Holder(User(1), maybe=Secretive(1)), {"maybe": USER}),
    (Holder, Holder(User(1), either=Secretive(1)), {"either": USER}),
    (Holder, Holder(User(1), pair=(Secretive(1), 2)), {"pair": [USER, 2]}),
    (Holder, Holder(User(1), row=DictSecretive(id=1, secret="leak")), {"row": USER}),
    (Holder, {"user": DICT, "secret": "leak", "users": [DICT]}, {"user": USER, "users": [USER]}),
    (list[Holder], [Holder(User(1)), Holder(Secretive(1))], ...),
    (DataclassHolder, DataclassHolder(DataclassSecretive(1), [DataclassSecretive(1)]), {"user": USER, "users": [USER]}),
    (DictHolder, {"user": Secretive(1), "rows": [DICT]}, {"user": USER, "rows": [USER]}),
    (Page[User], Page([Secretive(1)]), {"items": [USER]}),
    (Page[User], {"items": [DICT]}, {"items": [USER]}),
    (Page[DictUser], Page([DICT]), {"items": [USER]}),
    (Tree, Tree(User(1), [Tree(User(1), [Tree(Secretive(1))])]), ...),
    (Cat | Dog, Dog(Secretive(1)), {"type": "Dog", "owner": USER}),
    (list[PublicUser], [Secretive(1)], [USER]),
    (AliasHolder, AliasHolder(Secretive(1), [Secretive(1)]), {"user": USER, "users": [USER]}),
    (PydanticHolder, PydanticHolder(user=PydanticSecretive(id=1)), {"user": USER}),
    (PydanticHolder, PydanticHolder(user=PydanticUser(id=1), users=[PydanticSecretive(id=1)]), {"users": [USER]}),
    (PydanticHolder, PydanticHolder.model_construct(user=PydanticUnrelated(id=1)), ...),
    (PydanticHolder, {"user": PydanticUnrelated(id=1), "named": {"a": DICT}, "x": "leak"}, {"user": USER, "named": {"a": USER}}),
    (PydanticPage[PydanticUser], PydanticPage[PydanticUser](items=[PydanticSecretive(id=1)]), {"items": [USER]}),
    # Where plain values are declared, models do not get out at all.
    *[
        (annotation, value, None)
        for secret in (Secretive(1), DICT, PydanticSecretive(id=1), DataclassSecretive(1))
        for annotation, value in (
            (int, secret),
            (list[str], [secret]),
            (dict[str, int], {"a": secret}),
            (list[dict[str, str]], [{"a": secret}]),
            (list[int | None], [None, secret]),
            (datetime, secret),
            (str, secret),
            (bytes, secret),
            (Literal["a"], secret),
            (tuple[int, str], (1, secret)),
        )
    ],
]


@pytest.mark.parametrize("as_model", [False, True], ids=["annotated", "response_model"])
def test_what_the_type_does_not_have_is_left_out(serve: Serve, as_model: bool) -> None:
    """Or the answer is a 500: in no case is it sent. `...` stands for one of the two, `None` for a 500."""
    app = Velo()
    for number, (annotation, value, _) in enumerate(LEAKS):
        if as_model:
            app.get(f"/{number}", response_model=annotation)(returning(value, object))
        else:
            app.get(f"/{number}")(returning(value, annotation))
    client = serve(app, raise_app_exceptions=False)
    for number, (annotation, value, expected) in enumerate(LEAKS):
        response = client.get(f"/{number}")
        assert "leak" not in response.text, (annotation, value)
        assert "secret" not in response.text, (annotation, value)
        if expected is None:
            assert response.status_code == 500, (annotation, value, response.text)
        elif expected is not ...:
            assert response.status_code == 200, (annotation, value)
            content = response.json()
            assert content == expected or (isinstance(expected, dict) and expected.items() <= content.items()), (annotation, value, content)


def test_what_is_exact_is_written_as_it_is(serve: Serve) -> None:
    """The models of the tests above without secrets: all of it is there."""
    app = Velo()
    results: list[tuple[object, object, object]] = [
        (Tree, Tree(User(1), [Tree(User(2))]), {"user": {"id": 1}, "children": [{"user": {"id": 2}, "children": []}]}),
        (Cat | Dog, Cat(9), {"type": "Cat", "lives": 9}),
        (list[Cat | Dog | int], [Dog(User(1)), 5], [{"type": "Dog", "owner": {"id": 1}}, 5]),
        (Page[Page[User]], Page([Page([User(1)])]), {"items": [{"items": [{"id": 1}]}]}),
        (DictHolder, {"user": User(1)}, {"user": {"id": 1}}),
        (TupleUser, TupleUser(1), [1]),
        (list[TupleUser], [TupleUser(1)], [[1]]),
    ]
    for number, (annotation, value, _) in enumerate(results):
        app.get(f"/{number}")(returning(value, annotation))
    client = serve(app)
    for number, (annotation, _, expected) in enumerate(results):
        assert client.get(f"/{number}").json() == expected, annotation


def test_names_in_json_are_those_of_the_declared_model(serve: Serve) -> None:
    class Renamed(msgspec.Struct, rename="camel"):
        user_id: int

    class Plain(msgspec.Struct):
        user_id: int

    class Aliased(pydantic.BaseModel):
        user_id: int = pydantic.Field(alias="userId")
        hidden: int = pydantic.Field(default=1, exclude=True)

    app = Velo()
    results: list[tuple[object, object]] = [
        (Renamed, Renamed(1)),
        (Renamed, Plain(1)),
        (Aliased, Aliased(userId=1)),
        (Aliased, {"userId": 1}),
        (UNSET, {"a": Aliased(userId=1)}),
        (UNSET, Aliased(userId=1)),
    ]
    for number, (annotation, value) in enumerate(results):
        app.get(f"/{number}")(returning(value, annotation))
    client = serve(app)

    assert [client.get(f"/{number}").json() for number in range(4)] == [{"userId": 1}] * 4
    assert client.get("/4").json() == {"a": {"userId": 1}}
    assert client.get("/5").json() == {"userId": 1}


# What does not fit is a mistake of the server.

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
    assert "test_results.py:" in str(caught.value)


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
