"""Models as bodies: every family of them, what is read, and that a refusal tells all that is wrong, in the same place for each family."""

import dataclasses
import importlib.util
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, Protocol

import annotated_types
import msgspec
import pydantic
import pytest
import typing_extensions
from model_routes import EMPTY, PERSON, Cat, PydanticAddress, StructAddress, app_for, codes, locations
from typing_extensions import TypedDict

from velo_core import SetupError, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def of(origin: Any, *arguments: Any) -> Any:
    """`origin[arguments]`, for types that are made at run time."""
    return origin[arguments[0] if len(arguments) == 1 else arguments]


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


# One model in every family.


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


# Mistakes of the set-up.


@pytest.mark.parametrize(("annotation", "reason"), MISTAKES, ids=[str(annotation)[-40:] for annotation, _ in MISTAKES])
def test_a_model_that_cannot_be_read_is_a_mistake_of_the_set_up(annotation: object, reason: str) -> None:
    app = app_for(annotation)

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert caught.value.code == "VELO_TYPE"
    assert reason in str(caught.value)
    assert "parameter 'body' of " in str(caught.value)
    assert "model_routes.py:" in str(caught.value)


def test_typed_dictionaries_of_both_modules(serve: Serve) -> None:
    """`typing_extensions` has its own before Python 3.13."""
    import typing

    makers: list[Any] = [typing.TypedDict, typing_extensions.TypedDict]
    client = serve(app_for(*[make("Made", {"a": int, "b": typing_extensions.NotRequired[str]}) for make in makers]))
    for number in range(2):
        assert client.post(f"/{number}", json={"a": 1}).json() == {"a": 1}
        assert locations(client.post(f"/{number}", json={"b": 1})) == [("a",), ("b",)]
