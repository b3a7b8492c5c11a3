"""What of a result is written: fields left out, and results that are checked."""

import dataclasses
import importlib.util
import logging
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, NotRequired, Protocol, TypeVar

import msgspec
import pydantic
import pytest
from typing_extensions import TypedDict

from velo_core import (
    OrjsonJSON,
    StdlibJSON,
    Velo,
)
from velo_testing import TestClient

T = TypeVar("T")
JSON, MSGPACK, TEXT = "application/json", "application/msgpack", "text/plain"


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Item(msgspec.Struct, rename="camel"):
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


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
