"""Models as bodies: the kinds of field."""

import dataclasses
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Protocol, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pydantic_core
import pytest
from model_routes import EMPTY, PERSON, Cat, PydanticAddress, StructAddress, app_for, codes, locations
from typing_extensions import TypeAliasType, TypedDict

from velo_core import SetupError, Velo
from velo_testing import TestClient

T = TypeVar("T")


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Kind(Enum):
    A = "a"


class Everything(msgspec.Struct):
    when: datetime | None = None
    day: date | None = None
    amount: Decimal | None = None
    key: UUID | None = None
    kind: Kind | None = None
    choice: Literal["x", 1] | None = None
    pair: tuple[int, str] | None = None
    many: tuple[int, ...] = ()
    unique: set[int] = set()
    levels: dict[int, float] = {}
    anything: Any = None
    matrix: list[list[int]] = []


class PydanticEverything(pydantic.BaseModel):
    when: datetime | None = None
    day: date | None = None
    amount: Decimal | None = None
    key: UUID | None = None
    kind: Kind | None = None
    choice: Literal["x", 1] | None = None
    pair: tuple[int, str] | None = None
    many: tuple[int, ...] = ()
    unique: set[int] = set()
    levels: dict[int, float] = {}
    anything: Any = None
    matrix: list[list[int]] = []


def test_fields_of_every_kind(serve: Serve) -> None:
    value = {
        "when": "2024-05-01T10:00:00Z",
        "day": "2024-05-01",
        "amount": "1.10",
        "key": "00000000-0000-4000-8000-0000000000ff",
        "kind": "a",
        "choice": 1,
        "pair": [1, "a"],
        "many": [1, 2],
        "unique": [1],
        "levels": {"1": 0.5},
        "anything": [{"x": None}],
        "matrix": [[1], []],
    }
    wrong = {
        "when": "now",
        "day": "2024-02-30",
        "amount": "x",
        "key": "x",
        "kind": "b",
        "choice": 2,
        "pair": [1, 2],
        "many": [1, "x"],
        "unique": [1, "x"],
        "levels": {"x": 1, "2": "x"},
        "anything": [{"x": None}],
        "matrix": [[1, "x"], 5],
    }
    expected = [
        ("when",),
        ("day",),
        ("amount",),
        ("key",),
        ("kind",),
        ("choice",),
        ("pair", 1),
        ("many", 1),
        ("unique", 1),
        ("levels", "x"),
        ("levels", "2"),
        ("matrix", 0, 1),
        ("matrix", 1),
    ]
    client = serve(app_for(Everything, PydanticEverything))
    for number in (0, 1):
        assert client.post(f"/{number}", json=value).json() == value
        assert locations(client.post(f"/{number}", json=wrong)) == expected
        assert locations(client.post(f"/{number}", json={"pair": [1]})) in ([("pair",)], [("pair", 1)])


def test_a_named_tuple_is_an_array(serve: Serve) -> None:
    class Point(NamedTuple):
        x: int
        y: int = 0

    app = Velo()

    @app.post("/")
    async def move(point: Point, /) -> Point:
        return Point(point.x + 1, point.y)

    @app.post("/many")
    async def many(points: list[Point]) -> list[Point]:
        return points

    client = serve(app)

    assert client.post("/", json=[1, 2]).json() == [2, 2]
    assert client.post("/", json=[1]).json() == [2, 0]
    assert locations(client.post("/", json=["a", "b"])) == [(0,), (1,)]
    assert locations(client.post("/", json={"x": 1})) == [()]
    assert locations(client.post("/", json=[])) == [()]
    assert locations(client.post("/", json=[1, 2, 3])) == [()]
    assert locations(client.post("/many", json=[[1, 2], ["a", 1]])) == [(1, 0)]


class Dog(msgspec.Struct, tag="dog", tag_field="kind"):
    owner: str
    toys: list[str] = []


class PydanticCat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class PydanticDog(pydantic.BaseModel):
    kind: Literal["dog"]
    owner: str
    toys: list[str] = []


PydanticPet = Annotated[PydanticCat | PydanticDog, pydantic.Field(discriminator="kind")]


def test_tagged_unions(serve: Serve) -> None:
    """Told as the member that the tag names, and where JSON has it: the tag itself is no place."""
    client = serve(app_for(list[Cat | Dog], list[PydanticPet], Cat | Dog | None, list[Cat | Dog | int]))
    for number in (0, 1):
        assert client.post(f"/{number}", json=[{"kind": "cat", "lives": 9}]).json() == [{"kind": "cat", "lives": 9}]
        wrong = [{"kind": "dog", "toys": [1]}, {"kind": "cat", "lives": "x"}, {"kind": "cow"}, {"lives": 1}, 5]
        assert locations(client.post(f"/{number}", json=wrong)) == [(0, "owner"), (0, "toys", 0), (1, "lives"), (2,), (3,), (4,)]
    assert locations(client.post("/2", json={"kind": "dog", "toys": [1]})) == [("owner",), ("toys", 0)]
    assert locations(client.post("/3", json=[1, {"kind": "dog"}, "x"])) == [(1, "owner"), (2,)]


def test_unions_with_one_object_or_one_array(serve: Serve) -> None:
    client = serve(app_for(list[StructAddress | int | list[int]], list[PydanticAddress | int | list[int]]))
    wrong = [5, {"street": 1, "number": 1}, [1, "x"]]

    assert locations(client.post("/0", json=wrong)) == [(1, "street"), (2, 1)]
    assert {(1, "street"), (2, 1)} <= set(locations(client.post("/1", json=wrong)))


class Page(msgspec.Struct, Generic[T]):
    items: list[T]
    first: T | None = None


@dataclasses.dataclass
class DataclassPage(Generic[T]):
    items: list[T]
    first: T | None = None


class DictPage(TypedDict, Generic[T]):
    items: list[T]
    first: NotRequired[T | None]


class PydanticPage(pydantic.BaseModel, Generic[T]):
    items: list[T]
    first: T | None = None


def test_generic_models(serve: Serve) -> None:
    kinds: Sequence[object] = [
        Page[StructAddress],
        DataclassPage[StructAddress],
        DictPage[StructAddress],
        PydanticPage[PydanticAddress],
        Page[Page[StructAddress]],
    ]
    client = serve(app_for(*kinds))
    for number in range(4):
        assert client.post(f"/{number}", json={"items": [PERSON["address"]], "first": None}).status_code == 200
        response = client.post(f"/{number}", json={"items": [PERSON["address"], {"street": 1}], "first": {}})
        expected = [("items", 1, "street"), ("items", 1, "number"), ("first", "street"), ("first", "number")]
        assert locations(response) == expected, kinds[number]
    assert locations(client.post("/4", json={"items": [{"items": [EMPTY]}]})) == [
        ("items", 0, "items", 0, "street"),
        ("items", 0, "items", 0, "number"),
    ]


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: "Closed | None" = None


class PydanticClosed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    name: str
    inner: "PydanticClosed | None" = None


def test_unknown_fields_are_told_where_they_are_forbidden(serve: Serve) -> None:
    client = serve(app_for(Closed, PydanticClosed))
    for number in (0, 1):
        response = client.post(f"/{number}", json={"name": 1, "x": 1, "inner": {"name": "a", "y": 2}})
        assert set(locations(response)) == {("name",), ("x",), ("inner", "y")}
        assert {("x", "extra"), ("inner", "y", "extra")} <= set(codes(response))


class Renamed(msgspec.Struct, rename="camel"):
    user_name: str
    home_address: StructAddress


class PydanticRenamed(pydantic.BaseModel):
    user_name: str = pydantic.Field(alias="userName")
    home_address: PydanticAddress = pydantic.Field(alias="homeAddress")


def test_places_have_the_names_of_json(serve: Serve) -> None:
    client = serve(app_for(Renamed, PydanticRenamed))
    for number in (0, 1):
        assert locations(client.post(f"/{number}", json={"user_name": "a", "homeAddress": {"street": 1, "number": 1}})) == [
            ("userName",),
            ("homeAddress", "street"),
        ]


def test_a_rule_over_several_fields_is_told_at_the_model(serve: Serve) -> None:
    class Range(msgspec.Struct):
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is over high")

    class PydanticRange(pydantic.BaseModel):
        low: int
        high: int

        @pydantic.model_validator(mode="after")
        def ordered(self) -> "PydanticRange":
            if self.low > self.high:
                raise ValueError("low is over high")
            return self

    client = serve(app_for(list[Range], list[PydanticRange]))
    for number in (0, 1):
        response = client.post(f"/{number}", json=[{"low": 1, "high": 2}, {"low": 3, "high": 2}])
        assert locations(response) == [(1,)]
        assert response.json()["errors"][0]["message"].endswith("low is over high")


@dataclasses.dataclass
class Mixed:
    """A dataclass with a pydantic model inside is pydantic's business."""

    item: PydanticAddress
    size: int = 0


class MixedDict(TypedDict):
    item: PydanticAddress


def test_dataclasses_and_typed_dictionaries_with_pydantic_models_inside(serve: Serve) -> None:
    client = serve(app_for(Mixed, MixedDict, list[Mixed], dict[str, list[PydanticAddress]]))
    address = {"street": "A", "number": 1}

    assert client.post("/0", json={"item": address}).json() == {"item": address, "size": 0}
    assert client.post("/1", json={"item": address}).json() == {"item": address}
    assert locations(client.post("/0", json={"item": {}, "size": "x"})) == [("item", "street"), ("item", "number"), ("size",)]
    assert locations(client.post("/2", json=[{"item": {"street": "A", "number": 0}}])) == [(0, "item", "number")]
    assert locations(client.post("/3", json={"a": [address, EMPTY]})) == [("a", 1, "street"), ("a", 1, "number")]


class Email(str):
    """As `pydantic.EmailStr`: a type that brings its own schema."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> pydantic_core.CoreSchema:
        return pydantic_core.core_schema.no_info_after_validator_function(cls.checked, pydantic_core.core_schema.str_schema())

    @classmethod
    def checked(cls, text: str) -> "Email":
        if "@" not in text:
            raise ValueError("no @")
        return cls(text)


def test_pydantics_other_types(serve: Serve) -> None:
    root = pydantic.RootModel[list[PydanticAddress]]
    client = serve(app_for(root, Email, list[Email], Annotated[str, pydantic.AfterValidator(str.upper)], PydanticAddress | Email))

    assert client.post("/0", json=[{"street": "A", "number": 1}]).json() == [{"street": "A", "number": 1}]
    assert locations(client.post("/0", json=[{"street": "A"}])) == [(0, "number")]
    assert client.post("/1", json="a@b").text == "a@b"
    assert codes(client.post("/1", json="ab")) == [("value_error",)]
    assert codes(client.post("/2", json=["a@b", "c"])) == [(1, "value_error")]
    assert client.post("/3", json="ab").text == "AB"
    assert client.post("/4", json="a@b").text == "a@b"


UserId = NewType("UserId", int)


Identifier = TypeAliasType("Identifier", int | UUID)


Addresses = TypeAliasType("Addresses", list[StructAddress])


Models = TypeAliasType("Models", list[PydanticAddress])


Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


def test_aliases_stand_for_what_they_name(serve: Serve) -> None:
    """Those of typing_extensions, at any depth; in the annotation of a handler."""
    client = serve(app_for(dict[str, Identifier], Addresses, Models, Pair[StructAddress], list[UserId], dict[str, Models | None]))

    assert client.post("/0", json={"a": 1}).json() == {"a": 1}
    assert locations(client.post("/1", json=[EMPTY])) == [(0, "street"), (0, "number")]
    assert locations(client.post("/2", json=[EMPTY])) == [(0, "street"), (0, "number")]
    assert locations(client.post("/3", json=[PERSON["address"], {"street": "s"}])) == [(1, "number")]
    assert locations(client.post("/4", json=[1, "2"])) == [(1,)]
    assert locations(client.post("/5", json={"a": None, "b": [EMPTY]})) == [("b", 0, "street"), ("b", 0, "number")]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement `type` is new in Python 3.12")
def test_the_type_statement(serve: Serve) -> None:
    """PEP 695: plain, generic, recursive, and in the fields of a model."""
    namespace: dict[str, Any] = {"StructAddress": StructAddress, "msgspec": msgspec, "pydantic": pydantic, "__name__": __name__}
    exec(  # noqa: S102 - a syntax error in Python 3.11
        """
type Addresses = list[StructAddress]
type PairOf[X] = tuple[X, X]
type Tree = dict[str, Tree] | int

class Holder(msgspec.Struct):
    addresses: Addresses

class PydanticHolder(pydantic.BaseModel):
    tree: Tree
""",
        namespace,
    )
    client = serve(app_for(namespace["Addresses"], namespace["PairOf"][StructAddress], namespace["Holder"], namespace["PydanticHolder"]))

    assert locations(client.post("/0", json=[EMPTY])) == [(0, "street"), (0, "number")]
    assert locations(client.post("/1", json=[PERSON["address"], {"street": "s"}])) == [(1, "number")]
    assert locations(client.post("/2", json={"addresses": [EMPTY]})) == [("addresses", 0, "street"), ("addresses", 0, "number")]
    assert client.post("/3", json={"tree": {"a": {"b": 1}}}).json() == {"tree": {"a": {"b": 1}}}
    assert locations(client.post("/3", json={"tree": {"a": {"b": "x"}}}))[0][:2] == ("tree", "a")
    with pytest.raises(SetupError, match="alias that contains itself"):
        app_for(namespace["Tree"]).freeze()
