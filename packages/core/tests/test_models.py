"""Models as bodies: every family of them, what is read, and that a refusal tells all that is wrong, in the same place for each family."""

import dataclasses
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Protocol, TypeVar
from uuid import UUID

import annotated_types
import httpx2
import msgspec
import pydantic
import pydantic_core
import pytest
import typing_extensions
from typing_extensions import TypeAliasType, TypedDict

from velo_core import Body, SetupError, Velo
from velo_testing import TestClient

T = TypeVar("T")
EMPTY: dict[str, object] = {}


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def app_for(*annotations: object) -> Velo:
    """`POST /{number}` for each annotation, which answers with what it got, unchanged."""
    app = Velo()
    for number, annotation in enumerate(annotations):

        async def show(body: object) -> object:
            return body

        show.__annotations__ = {"body": Annotated[annotation, Body()], "return": object}
        app.post(f"/{number}")(show)
    return app


def of(origin: Any, *arguments: Any) -> Any:
    """`origin[arguments]`, for types that are made at run time."""
    return origin[arguments[0] if len(arguments) == 1 else arguments]


def locations(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """The location of each error of a 422, below the body."""
    assert response.status_code == 422, response.text
    assert all(error["loc"][0] == "body" for error in response.json()["errors"])
    return [tuple(error["loc"][1:]) for error in response.json()["errors"]]


def codes(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*location, code) of each error of a 422, below the body."""
    return [(*place, error["code"]) for place, error in zip(locations(response), response.json()["errors"], strict=True)]


# One model in every family.


class StructAddress(msgspec.Struct):
    street: str
    number: Annotated[int, msgspec.Meta(ge=1)]


class StructPerson(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, pattern="^[A-Z]")]
    address: StructAddress
    age: int = 0
    tags: list[str] = []
    friends: dict[str, StructAddress] = {}
    second: StructAddress | None = None
    more: list[StructAddress] | None = None


@dataclasses.dataclass
class DataclassAddress:
    street: str
    number: Annotated[int, msgspec.Meta(ge=1)]


@dataclasses.dataclass
class DataclassPerson:
    name: Annotated[str, msgspec.Meta(min_length=1, pattern="^[A-Z]")]
    address: DataclassAddress
    age: int = 0
    tags: list[str] = dataclasses.field(default_factory=list[str])
    friends: dict[str, DataclassAddress] = dataclasses.field(default_factory=dict[str, DataclassAddress])
    second: DataclassAddress | None = None
    more: list[DataclassAddress] | None = None


class DictAddress(TypedDict):
    street: str
    number: Annotated[int, msgspec.Meta(ge=1)]


class DictPerson(TypedDict):
    name: Annotated[str, msgspec.Meta(min_length=1, pattern="^[A-Z]")]
    address: DictAddress
    age: NotRequired[int]
    tags: NotRequired[list[str]]
    friends: NotRequired[dict[str, DictAddress]]
    second: NotRequired[DictAddress | None]
    more: NotRequired[list[DictAddress] | None]


class PydanticAddress(pydantic.BaseModel):
    street: str
    number: int = pydantic.Field(ge=1)


class PydanticPerson(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=1, pattern="^[A-Z]")
    address: PydanticAddress
    age: int = 0
    tags: list[str] = []
    friends: dict[str, PydanticAddress] = {}
    second: PydanticAddress | None = None
    more: list[PydanticAddress] | None = None


@pydantic.dataclasses.dataclass
class PydanticDataclassAddress:
    street: str
    number: int = pydantic.Field(ge=1)


@pydantic.dataclasses.dataclass
class PydanticDataclassPerson:
    name: Annotated[str, pydantic.Field(min_length=1, pattern="^[A-Z]")]
    address: PydanticDataclassAddress
    age: int = 0
    tags: list[str] = dataclasses.field(default_factory=list[str])
    friends: dict[str, PydanticDataclassAddress] = dataclasses.field(default_factory=dict[str, PydanticDataclassAddress])
    second: PydanticDataclassAddress | None = None
    more: list[PydanticDataclassAddress] | None = None


FAMILIES: dict[str, type] = {
    "struct": StructPerson,
    "dataclass": DataclassPerson,
    "typed dictionary": DictPerson,
    "pydantic": PydanticPerson,
    "pydantic dataclass": PydanticDataclassPerson,
}
if importlib.util.find_spec("attrs") is not None:  # no dependency of ours
    import attrs

    @attrs.define
    class AttrsAddress:
        street: str
        number: Annotated[int, msgspec.Meta(ge=1)]

    @attrs.define
    class AttrsPerson:
        name: Annotated[str, msgspec.Meta(min_length=1, pattern="^[A-Z]")]
        address: AttrsAddress
        age: int = 0
        tags: list[str] = attrs.Factory(list[str])
        friends: dict[str, AttrsAddress] = attrs.Factory(dict[str, AttrsAddress])
        second: AttrsAddress | None = None
        more: list[AttrsAddress] | None = None

    FAMILIES["attrs"] = AttrsPerson

PERSON: dict[str, Any] = {
    "name": "Ada",
    "address": {"street": "A", "number": 1},
    "age": 36,
    "tags": ["x"],
    "friends": {"bob": {"street": "B", "number": 2}},
    "second": {"street": "C", "number": 3},
    "more": [{"street": "D", "number": 4}],
}


@pytest.mark.parametrize("kind", FAMILIES.values(), ids=FAMILIES)
def test_a_model_is_read_from_json(serve: Serve, kind: type) -> None:
    """The handler gets an instance; what JSON does not say has its default."""
    app = Velo()
    made: list[object] = []

    async def take(person: object) -> object:
        made.append(person)
        return person

    take.__annotations__ = {"person": kind, "return": kind}
    app.post("/")(take)
    client = serve(app)

    assert client.post("/", json=PERSON).json() == PERSON
    assert client.post("/", json=PERSON | {"unknown": [1]}).json() == PERSON
    assert type(made[0]) is (dict if kind is DictPerson else kind)
    assert client.post("/", json={"name": "Ada", "address": {"street": "A", "number": 1}}).json().items() >= {"name": "Ada"}.items()


WRONG: Mapping[str, tuple[Any, list[tuple[str | int, ...]]]] = {
    "nothing": (EMPTY, [("name",), ("address",)]),
    "every field": (
        {"name": 1, "address": 2, "age": "x", "tags": 3, "friends": 4, "second": 5, "more": 6},
        [("name",), ("address",), ("age",), ("tags",), ("friends",), ("second",), ("more",)],
    ),
    "inside": (
        {
            "name": "",
            "address": {"street": None},
            "tags": ["a", 1, None, "b"],
            "friends": {"a": EMPTY, "b": 1, "c": {"street": "s", "number": 1}},
            "second": {"number": 0},
            "more": [{"street": "s", "number": 1}, {"street": "s"}, list[object]()],
        },
        [
            ("name",),
            ("address", "street"),
            ("address", "number"),
            ("tags", 1),
            ("tags", 2),
            ("friends", "a", "street"),
            ("friends", "a", "number"),
            ("friends", "b"),
            ("second", "street"),
            ("second", "number"),
            ("more", 1, "number"),
            ("more", 2),
        ],
    ),
    "a list": (list[object](), [()]),
    "a number": (5, [()]),
    "text": ("x", [()]),
    "null": (None, [()]),
    "a list of it": ([PERSON], [()]),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_all_that_is_wrong_is_told_in_the_same_places_by_every_family(serve: Serve, name: str) -> None:
    client = serve(app_for(FAMILIES[name], of(list, FAMILIES[name]), of(dict, str, FAMILIES[name])))
    for case, (value, expected) in WRONG.items():
        assert locations(client.post("/0", content=msgspec.json.encode(value), headers=JSON)) == expected, case
        assert locations(client.post("/1", json=[PERSON, value])) == [(1, *place) for place in expected], case
        assert locations(client.post("/2", json={"a": PERSON, "b": value})) == [("b", *place) for place in expected], case


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_wrong_has_the_same_code_in_every_family(serve: Serve, name: str) -> None:
    """`missing`, and the names of the bounds. What pydantic has beyond them has its own names."""
    client = serve(app_for(FAMILIES[name]))

    assert codes(client.post("/0", json={"name": "", "address": {"number": 0}})) == [
        ("name", "min_length"),
        ("address", "street", "missing"),
        ("address", "number", "ge"),
    ]
    assert codes(client.post("/0", json=PERSON | {"name": "ada"})) == [("name", "pattern")]


def test_messages_are_about_the_value_alone(serve: Serve) -> None:
    """The place is in `loc`, so it is not in the message again."""
    response = serve(app_for(list[StructPerson])).post("/0", json=[PERSON | {"tags": [1], "name": "", "friends": {"x": {"street": "s"}}}])

    assert response.json()["errors"] == [
        {"loc": ["body", 0, "name"], "message": "Should have a length of at least 1", "code": "min_length"},
        {"loc": ["body", 0, "tags", 0], "message": "Expected `str`, got `int`", "code": "type"},
        {"loc": ["body", 0, "friends", "x", "number"], "message": "This field is required", "code": "missing"},
    ]


# More kinds of field.


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


class Cat(msgspec.Struct, tag="cat", tag_field="kind"):
    lives: int


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


# The size of the answer, and its cost.


@pytest.mark.parametrize("item", [StructAddress, PydanticAddress])
def test_at_most_a_hundred_errors_are_told(serve: Serve, item: type) -> None:
    client = serve(app_for(of(list, item), dict[str, list[int]], list[int]))

    assert len(locations(client.post("/0", json=[EMPTY] * 200))) == 100
    assert len(locations(client.post("/1", json={"a": ["x"] * 60, "b": ["x"] * 60}))) == 100
    assert locations(client.post("/2", json=["x"] * 30_000)) == [(number,) for number in range(100)]


class Node(msgspec.Struct):
    children: list["Node"] = []
    value: int = 0


class PydanticNode(pydantic.BaseModel):
    children: list["PydanticNode"] = []
    value: int = 0


@pytest.mark.parametrize("depth", [5, 50, 500, 3000, 8000, 20_000])
def test_a_mistake_in_the_deep_is_told_in_few_words(serve: Serve, depth: int) -> None:
    """A 422 or, where that nests too deep, a 400; short whatever the depth."""
    client = serve(app_for(Node, PydanticNode))
    content = b'{"children":[' * depth + b'{"value":"x"}' + b"]}" * depth
    for number in (0, 1):
        response = client.post(f"/{number}", content=content, headers=JSON)

        assert response.status_code in (400, 422)
        assert len(response.content) < 2000
        if depth == 5:
            assert locations(response) == [("children", 0) * 5 + ("value",)]


def test_one_mistake_among_many_values_is_found(serve: Serve) -> None:
    client = serve(app_for(list[int], dict[str, int], list[StructAddress]))

    assert locations(client.post("/0", json=[1] * 50_000 + ["x"] + [1] * 1000)) == [(50_000,)]
    assert locations(client.post("/1", json={str(number): number if number != 9_000 else None for number in range(10_000)})) == [("9000",)]
    assert locations(client.post("/2", json=[PERSON["address"]] * 5000 + [{"street": "s"}])) == [(5000, "number")]


# Mistakes of the set-up.


class Foreign(msgspec.Struct):
    age: Annotated[int, annotated_types.Ge(1)]


@dataclasses.dataclass
class WithPydanticField:
    age: Annotated[int, pydantic.Field(ge=1)]


class Opaque:
    pass


class HoldsOpaque(msgspec.Struct):
    value: Opaque


class HoldsObject(msgspec.Struct):
    value: object


class HoldsPydantic(msgspec.Struct):
    value: PydanticAddress


class PydanticOpaque(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=False, defer_build=True)
    value: Opaque


class NamesNothing(msgspec.Struct):
    value: "Nowhere"  # noqa: F821  # pyright: ignore[reportUndefinedVariable]: the mistake itself


@dataclasses.dataclass
class DataclassNamesNothing:
    value: "Nowhere"  # noqa: F821  # pyright: ignore[reportUndefinedVariable]: the mistake itself


class PydanticNamesNothing(pydantic.BaseModel):
    value: "Nowhere"  # noqa: F821  # pyright: ignore[reportUndefinedVariable]: the mistake itself


MISTAKES: list[tuple[object, str]] = [
    (Foreign, "msgspec does not look at Ge(ge=1)"),
    (list[Foreign], "msgspec does not look at Ge(ge=1)"),
    (WithPydanticField, "write it as msgspec.Meta"),
    (HoldsOpaque, "Opaque is no type that has a JSON form"),
    (HoldsObject, "write Any"),
    (HoldsPydantic, "HoldsPydantic"),
    (PydanticOpaque, "Opaque"),
    (NamesNothing, "Nowhere"),
    (list[NamesNothing], "Nowhere"),
    (DataclassNamesNothing, "Nowhere"),
    (PydanticNamesNothing, "PydanticNamesNothing"),
    (Cat | StructAddress, "union"),
]


@pytest.mark.parametrize(("annotation", "reason"), MISTAKES, ids=[str(annotation)[-40:] for annotation, _ in MISTAKES])
def test_a_model_that_cannot_be_read_is_a_mistake_of_the_set_up(annotation: object, reason: str) -> None:
    app = app_for(annotation)

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert caught.value.code == "VELO_TYPE"
    assert reason in str(caught.value)
    assert "parameter 'body' of " in str(caught.value)
    assert "test_models.py:" in str(caught.value)


def test_typed_dictionaries_of_both_modules(serve: Serve) -> None:
    """`typing_extensions` has its own before Python 3.13."""
    import typing

    makers: list[Any] = [typing.TypedDict, typing_extensions.TypedDict]
    client = serve(app_for(*[make("Made", {"a": int, "b": typing_extensions.NotRequired[str]}) for make in makers]))
    for number in range(2):
        assert client.post(f"/{number}", json={"a": 1}).json() == {"a": 1}
        assert locations(client.post(f"/{number}", json={"b": 1})) == [("a",), ("b",)]
