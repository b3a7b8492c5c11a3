"""What a document allows is accepted, and what it forbids is refused: every constraint, in every place, for both families of models.

The document alone judges the values. Known, and left out: to JSON Schema `4.0` is an integer, and pydantic's models read more than their
schemas say unless they are strict. Of a text, which has many spellings (`1` and `True` for `true`), the one of JSON is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args
from urllib.parse import quote
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from velo_core import Body, Cookie, Header, Path, Query, Velo
from velo_openapi import DocumentOptions, build
from velo_testing import TestClient

Values: TypeAlias = st.SearchStrategy[object]
examples = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class Size(Enum):
    small = "s"
    large = "l"


class Step(Enum):
    one = 1
    ten = 10


class InnerStruct(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=3)]
    names: Annotated[list[Annotated[str, msgspec.Meta(max_length=2)]], msgspec.Meta(max_length=1)] = []


class InnerModel(pydantic.BaseModel, extra="forbid", strict=True):
    count: int = pydantic.Field(ge=3)
    names: list[Annotated[str, pydantic.Field(max_length=2)]] = pydantic.Field(default=[], max_length=1)


@dataclass(frozen=True)
class Rule:
    """A type with bounds.

    Attributes:
        kind: The type.
        values: Around the bounds, as JSON has them.
        bounds: By name.
        foreign: Texts that stand for no value of the type, or that nearly do.
    """

    kind: object
    values: Values
    bounds: Mapping[str, Any] = field(default_factory=dict[str, Any])
    foreign: Sequence[str] = ()


NO_NUMBER = ("", "x", "2.5", "1e1", "0x3", "3 3", "1_0", "null", "true", "-")
INTEGERS = st.one_of(st.integers(-2, 16), st.sampled_from([-(2**63), 2**53 + 1, 2**63 - 1, 2**64, 7 * 10**15, -(10**25)]))
QUARTERS = st.one_of(st.integers(-8, 16).map(lambda one: one / 4), st.integers(-2, 4))
FLOATS = st.one_of(QUARTERS, st.sampled_from([-1e300, 1e-9, 0.999999, 1e15]))
TEXTS = st.text("abcdABC01-\N{LATIN SMALL LETTER E WITH ACUTE}\N{GRINNING FACE}", max_size=6)
NEAR = st.text("abc", max_size=4)  # more often what a pattern wants
WORDS = st.one_of(TEXTS, NEAR)
CHOICES = st.one_of(NEAR, st.sampled_from(["a", "b", "A"]))
LISTS = st.lists(st.integers(-1, 9), max_size=5)
DATES = st.one_of(st.dates().map(str), st.sampled_from(["2024-02-29", "2023-02-29", "2020-13-01", "2020-1-1", "01-02-2020", "today", ""]))
SOME_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
IDS = st.one_of(
    st.uuids().map(str),
    st.sampled_from([SOME_ID, SOME_ID.upper(), SOME_ID[:-1], f"{SOME_ID}0", SOME_ID.replace("0", "g"), SOME_ID.replace("-", "_"), ""]),
)

BOUNDED: dict[str, Rule] = {
    "ge": Rule(int, INTEGERS, {"ge": 3}, NO_NUMBER),
    "gt": Rule(int, INTEGERS, {"gt": 3}, NO_NUMBER),
    "le": Rule(int, INTEGERS, {"le": 3}, NO_NUMBER),
    "lt": Rule(int, INTEGERS, {"lt": 3}, NO_NUMBER),
    "both": Rule(int, INTEGERS, {"ge": 3, "lt": 7}, NO_NUMBER),
    "multiple_of": Rule(int, INTEGERS, {"multiple_of": 7}, NO_NUMBER),
    "share": Rule(float, FLOATS, {"ge": 0, "lt": 1}, ("", "x", "nan", "inf")),
    "half": Rule(float, QUARTERS, {"multiple_of": 0.5}, ("", "x")),
    "min_length": Rule(str, WORDS, {"min_length": 2}),
    "max_length": Rule(str, WORDS, {"max_length": 3}),
    "pattern": Rule(str, WORDS, {"pattern": "^[a-c]{2}$"}),
    "pattern_within": Rule(str, WORDS, {"pattern": "b[01]|^a"}),
    "bounded_or_none": Rule(int | None, INTEGERS, {"ge": 3}, NO_NUMBER),
}
PLAIN: dict[str, Rule] = {
    "integer": Rule(int, INTEGERS, foreign=NO_NUMBER),
    "number": Rule(float, FLOATS, foreign=("", "x", "nan")),
    "text": Rule(str, WORDS),
    "truth": Rule(bool, st.booleans(), foreign=("", "yes!", "2", "null")),
    "literal": Rule(Literal["a", "b"], CHOICES),
    "literal_mixed": Rule(Literal["a", 7], st.one_of(CHOICES, st.integers(6, 8))),
    "enum": Rule(Size, st.one_of(NEAR, st.sampled_from(["s", "l", "small", "S"]))),
    "enum_integer": Rule(Step, st.integers(0, 11), foreign=("one", "")),
    "uuid": Rule(UUID, IDS),
    "date": Rule(date, DATES),
    "text_or_none": Rule(Literal["a"] | None, CHOICES),
}
ARRAYS: dict[str, Rule] = {
    "min_items": Rule(list[int], LISTS, {"min_length": 2}, ("x", "")),
    "max_items": Rule(list[int], LISTS, {"max_length": 3}, ("x", "")),
}
IN_JSON: dict[str, Rule] = {
    "pair": Rule(tuple[int, Literal["a"]], st.lists(st.sampled_from([1, 2, "a", "b"]), max_size=3)),
    "numbers_by_name": Rule(dict[str, int], st.dictionaries(NEAR, st.sampled_from([1, "a", None]), max_size=2)),
    "text_or_number": Rule(int | str | None, st.one_of(INTEGERS, TEXTS)),
}

ABSENT: Any = object()
WRONG = st.sampled_from([ABSENT, None, True, False, "x", "", "3", 2.5, [], ["a"], {}, {"count": 3}])
FORMATS = FormatChecker(("date", "uuid"))
JSON = {"content-type": "application/json"}


@FORMATS.checks("decimal", raises=ArithmeticError)
def is_decimal(value: object) -> bool:
    return not isinstance(value, str) or Decimal(value).is_finite()


def schema_of(app: Velo) -> tuple[dict[str, Any], dict[str, Any]]:
    """The only operation, and its document."""
    whole = build(app.operations, DocumentOptions()).content
    (item,) = whole["paths"].values()
    (operation,) = item.values()
    return operation, whole


def judge(schema: dict[str, Any], whole: dict[str, Any]) -> Callable[[object], bool]:
    """Whether a value is allowed, by the schema with the components that it refers to."""
    validator: Any = Draft202012Validator({**schema, "components": whole.get("components", {})}, format_checker=FORMATS)
    return cast("Callable[[object], bool]", validator.is_valid)


def taking(hint: object, *, optional: bool = False) -> Callable[..., Any]:
    """A handler whose parameter `value` is declared so."""

    async def take(value: Any) -> str:
        return "taken"

    take.__annotations__["value"] = hint
    if optional:
        take.__defaults__ = (None,)
    return take


def may_be_none(rule: Rule) -> bool:
    return type(None) in get_args(rule.kind)


def struct_of(rule: Rule, *, forbids: bool = True) -> Any:
    hint: Any = rule.kind
    if rule.bounds:
        hint = Annotated[int if may_be_none(rule) else hint, msgspec.Meta(**rule.bounds)]
    made = ("value", hint | None, None) if may_be_none(rule) else ("value", hint)
    return msgspec.defstruct("Held", [made], forbid_unknown_fields=forbids)


def model_of(rule: Rule, *, forbids: bool = True) -> Any:
    default = {"default": None} if may_be_none(rule) else {}
    config = pydantic.ConfigDict(strict=True, extra="forbid") if forbids else pydantic.ConfigDict()
    return pydantic.create_model("Held", __config__=config, value=(cast("Any", rule.kind), pydantic.Field(**default, **rule.bounds)))


# Texts: paths, queries, headers and cookies.

MARKERS: dict[str, Any] = {"path": Path, "query": Query, "header": Header, "cookie": Cookie}


def by_marker(rule: Rule, marker: Any) -> object:
    return Annotated[cast("Any", rule.kind), marker(**rule.bounds)]


def by_meta(rule: Rule, marker: Any) -> object:
    return Annotated[cast("Any", rule.kind), msgspec.Meta(**rule.bounds), marker()]


def by_field(rule: Rule, marker: Any) -> object:
    return Annotated[cast("Any", rule.kind), pydantic.Field(**rule.bounds), marker()]


def by_struct(rule: Rule, marker: Any) -> object:
    return Annotated[struct_of(rule, forbids=False), marker()]


def by_model(rule: Rule, marker: Any) -> object:
    return Annotated[model_of(rule, forbids=False), marker()]


Spelling: TypeAlias = Callable[[Rule, Any], object]


def in_text() -> Iterator[Any]:
    """Rules in places, with their bounds written in each way where a value is one of a route's own, and where it is one of a model's."""
    spellings: dict[str, tuple[Spelling, dict[str, Rule]]] = {
        "marker": (by_marker, BOUNDED | PLAIN),
        "meta": (by_meta, BOUNDED),
        "field": (by_field, BOUNDED),
        "struct": (by_struct, BOUNDED | PLAIN),
        "model": (by_model, BOUNDED | PLAIN),
    }
    for place in MARKERS:
        for name, (spelling, rules) in spellings.items():
            if place not in {"marker": MARKERS, "meta": ("path", "query"), "field": ("path", "query")}.get(name, ("query",)):
                continue
            for key, rule in (rules | (ARRAYS if place == "query" else {})).items():
                if not (place == "path" and may_be_none(rule)):
                    yield pytest.param(place, spelling, rule, id=f"{place}-{name}-{key}")


def text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def ask(client: TestClient, place: str, value: object) -> int:
    """Sends a value, or several, and tells the status."""
    texts = [] if value is ABSENT else [text_of(one) for one in cast("list[object]", value if isinstance(value, list) else [value])]
    if place == "path":
        return client.get("".join(f"/{quote(one)}" for one in texts)).status_code
    if place == "query":
        return client.get("/?" + "&".join(f"value={quote(one)}" for one in texts)).status_code
    name, before = ("value", "") if place == "header" else ("cookie", "value=")
    return client.get("/", headers=[(name, f"{before}{one}") for one in texts]).status_code


@pytest.mark.parametrize(("place", "spelling", "rule"), list(in_text()))
def test_a_text_is_accepted_just_if_the_document_allows_it(place: str, spelling: Spelling, rule: Rule) -> None:
    app = Velo()
    whole_model = spelling in {by_struct, by_model}
    hint = spelling(rule, MARKERS[place])
    app.get("/{value}" if place == "path" else "/")(taking(hint, optional=may_be_none(rule) and not whole_model))
    operation, whole = schema_of(app)
    (parameter,) = operation["parameters"]
    assert (parameter["in"], parameter["name"]) == (place, "value")
    valid = judge(parameter["schema"], whole)

    with TestClient(app) as client:

        @examples
        @given(st.one_of(rule.values, st.sampled_from([*rule.foreign, ABSENT])))
        def asked(value: object) -> None:
            if place in {"header", "cookie"}:
                assume(text_of(value).isascii() if value is not ABSENT else True)
            assume(value is not ABSENT or place != "path")
            absent = value is ABSENT or value == []
            if rule in ARRAYS.values() and isinstance(value, str):
                value = [value]
            allowed = not parameter.get("required", False) if absent else valid(value)
            status = ask(client, place, value)
            assert status == 200 if allowed else status in ({404, 422} if place == "path" else {422}), (value, status, parameter)

        asked()


# Bodies.


def in_struct(rule: Rule) -> object:
    return Annotated[struct_of(rule), Body()]


def in_model(rule: Rule) -> object:
    return Annotated[model_of(rule), Body()]


def in_share(rule: Rule) -> object:
    return Annotated[cast("Any", rule.kind), Body(embed=True, **rule.bounds)]


NESTED = st.dictionaries(
    st.sampled_from(["count", "names", "more"]),
    st.one_of(st.integers(1, 5), st.lists(NEAR, max_size=2)),
)


def in_json() -> Iterator[Any]:
    shapes: dict[str, tuple[Callable[[Rule], object], Any, Any]] = {
        "struct": (in_struct, InnerStruct, msgspec.Meta),
        "model": (in_model, InnerModel, pydantic.Field),
        "share": (in_share, InnerStruct, msgspec.Meta),
    }
    for name, (shape, inner, meta) in shapes.items():
        own = {
            "bounded_items": Rule(list[Annotated[int, meta(ge=3)]], LISTS, {"max_length": 2}),
            "nested": Rule(inner, NESTED),
            "nested_list": Rule(list[inner], st.lists(NESTED, max_size=2), {"min_length": 1}),
            "decimal": Rule(Decimal, QUARTERS),
        }
        if name == "model":  # msgspec has no bounds for them, and JSON Schema none for those that are texts
            own["decimal_bounded"] = Rule(Decimal, QUARTERS, {"ge": 0, "lt": 4})
        for key, rule in (BOUNDED | PLAIN | ARRAYS | IN_JSON | own).items():
            yield pytest.param(shape, rule, id=f"{name}-{key}")


@pytest.mark.parametrize(("shape", "rule"), list(in_json()))
def test_a_body_is_accepted_just_if_the_document_allows_it(shape: Callable[[Rule], object], rule: Rule) -> None:
    app = Velo()
    app.post("/")(taking(shape(rule), optional=shape is in_share and may_be_none(rule)))
    operation, whole = schema_of(app)
    valid = judge(operation["requestBody"]["content"]["application/json"]["schema"], whole)

    with TestClient(app) as client:

        @examples
        @given(st.one_of(rule.values, rule.values, WRONG), st.sampled_from([{}, {}, {}, {"more": 1}]))
        def asked(value: object, more: dict[str, Any]) -> None:
            assume(rule.kind is not int or not isinstance(value, float))
            assume(rule.kind is not Step or not isinstance(value, bool))  # `True == 1` to pydantic, which looks it up
            body = more if value is ABSENT else {"value": value, **more}
            status = client.post("/", content=json.dumps(body).encode(), headers=JSON).status_code
            assert status == (200 if valid(body) else 422), (body, status, whole)

        asked()
