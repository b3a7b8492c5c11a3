"""Bounds of parameters, in every place, by markers and by pydantic's own types."""

from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Protocol
from uuid import UUID

import annotated_types
import msgspec
import pydantic
import pytest
from parameter_routes import app_for, in_query, locations, problem, taking

from velo_core import Cookie, Header, Path, Query, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


UTC = timezone.utc  # noqa: UP017 - so that its repr reads the same in every version
# Bounds.


def annotated_type(**bound: Any) -> object:
    """The object of annotated_types that says what `msgspec.Meta(**bound)` says."""
    classes: Mapping[str, Any] = {
        "ge": annotated_types.Ge,
        "gt": annotated_types.Gt,
        "le": annotated_types.Le,
        "lt": annotated_types.Lt,
        "multiple_of": annotated_types.MultipleOf,
        "min_length": annotated_types.MinLen,
        "max_length": annotated_types.MaxLen,
    }
    ((name, value),) = bound.items()
    return classes[name](value)


FIELDS: Mapping[str, Any] = {"velo": Query, "msgspec": msgspec.Meta, "pydantic": pydantic.Field, "annotated_types": annotated_type}
BOUNDS: list[tuple[object, Mapping[str, Any], str, list[str], list[str]]] = [
    (int, {"ge": 1}, "Should be at least 1", ["1", "2", str(10**30)], ["0", "-1"]),
    (int, {"gt": 1}, "Should be more than 1", ["2"], ["1", "-5"]),
    (int, {"le": 5}, "Should be at most 5", ["5", str(-(10**30))], ["6", str(10**30)]),
    (int, {"lt": 5}, "Should be less than 5", ["4"], ["5"]),
    (int, {"multiple_of": 5}, "Should be a multiple of 5", ["0", "-5", str(5 * 10**30)], ["1", "4"]),
    (float, {"ge": 1.5}, "Should be at least 1.5", ["1.5", "2"], ["1.4"]),
    (float, {"multiple_of": 0.1}, "Should be a multiple of 0.1", ["0.3", "1e300", "-0.7", "0"], ["0.35", "1e-300"]),
    (Decimal, {"le": 5}, "Should be at most 5", ["5", "-1e300"], ["5.0001", "1e300"]),
    (Decimal, {"multiple_of": 1}, "Should be a multiple of 1", ["3", "1e300"], ["0.5"]),
    (str, {"min_length": 2}, "Should have a length of at least 2", ["ab", "éé"], ["a", "é", ""]),
    (str, {"max_length": 2}, "Should have a length of at most 2", ["ab", "𝔘𝔘", ""], ["abc"]),
    (str, {"pattern": "^a+$"}, "Should match ^a+$", ["aa"], ["b", "ab", ""]),
    (bytes, {"max_length": 2}, "Should have a length of at most 2", ["ab"], ["éé"]),
    (int | None, {"ge": 1}, "Should be at least 1", ["1"], ["0"]),
    (int | UUID, {"ge": 1}, "Should be at least 1", ["1"], ["0", "0" * 32]),
]


@pytest.mark.parametrize("origin", FIELDS)
def test_bounds_hold_whoever_states_them(serve: Serve, origin: str) -> None:
    """The same words and codes for Velo's markers, `msgspec.Meta`, `annotated_types` and `pydantic.Field`."""
    app = Velo()
    bounds = [bound for bound in BOUNDS if not (origin == "annotated_types" and "pattern" in bound[1])]
    for number, (annotation, bound, _, _, _) in enumerate(bounds):
        stated = FIELDS[origin](**bound)
        markers = [stated] if origin == "velo" else [Query(), stated]
        app.get(f"/query/{number}")(taking(Annotated[annotation, *markers]))
    client = serve(app)
    for number, (annotation, bound, message, inside, outside) in enumerate(bounds):
        (code,) = bound
        for text in inside:
            assert in_query(client, number, [text]).status_code == 200, (annotation, bound, text)
        for text in outside:
            assert in_query(client, number, [text]).json() == problem((["query", "value"], message, code)), (annotation, bound, text)


def test_bounds_of_times(serve: Serve) -> None:
    """A time without an offset cannot be compared with one that has an offset, so it does not fit."""
    app = Velo()
    start = datetime(2024, 1, 1, tzinfo=UTC)
    app.get("/query/0")(taking(Annotated[datetime, Query(), annotated_types.Ge(start)]))
    app.get("/query/1")(taking(Annotated[date, Query(), annotated_types.Interval(ge=date(2024, 1, 1), lt=date(2025, 1, 1))]))
    app.get("/query/2")(taking(Annotated[datetime, Query(), msgspec.Meta(tz=True)]))
    client = serve(app)

    assert in_query(client, 0, ["2024-05-01T10:00:00Z"]).status_code == 200
    assert locations(in_query(client, 0, ["2023-05-01T10:00:00Z"])) == [("query", "value", "ge")]
    assert locations(in_query(client, 0, ["2024-05-01T10:00:00"])) == [("query", "value", "ge")]
    assert in_query(client, 1, ["2024-12-31"]).status_code == 200
    assert locations(in_query(client, 1, ["2025-01-01"])) == [("query", "value", "lt")]
    assert locations(in_query(client, 2, ["2024-05-01T10:00:00"])) == [("query", "value", "type")]


def test_bounds_of_collections(serve: Serve) -> None:
    """The two lengths count the items, all others hold for each of them."""
    client = serve(
        app_for([Annotated[list[int], Query(ge=1, min_length=2, max_length=3)], Annotated[set[str], Query(pattern="^a")]], ["query"])
    )

    assert in_query(client, 0, ["1", "2"]).status_code == 200
    assert in_query(client, 0, ["1"]).json() == problem((["query", "value"], "Should have a length of at least 2", "min_length"))
    assert locations(in_query(client, 0, ["1", "2", "3", "4"])) == [("query", "value", "max_length")]
    assert locations(in_query(client, 0, ["1", "0"])) == [("query", "value", 1, "ge")]
    assert locations(in_query(client, 1, ["a", "b"])) == [("query", "value", "pattern")]


def test_bounds_hold_for_every_source(serve: Serve) -> None:
    app = Velo()

    @app.get("/{a}")
    async def show(
        a: Annotated[int, Path(ge=10)], b: Annotated[int, Query(ge=10)], c: Annotated[int, Header(ge=10)], d: Annotated[int, Cookie(ge=10)]
    ) -> None: ...

    response = serve(app).get("/1?b=2", headers={"c": "3", "cookie": "d=4"})

    assert locations(response) == [("path", "a", "ge"), ("query", "b", "ge"), ("header", "c", "ge"), ("cookie", "d", "ge")]


def test_a_default_does_not_have_to_keep_to_the_bounds(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(page: Annotated[int, Query(ge=1)] = -1) -> int:
        return page

    assert serve(app).get("/").json() == -1


# Pydantic's own types.


def test_types_with_a_pydantic_schema_are_read_by_pydantic(serve: Serve) -> None:
    def upper(text: str) -> str:
        if text == "no":
            raise ValueError("not this one")
        return text.upper()

    kinds: list[object] = [
        Annotated[str, pydantic.AfterValidator(upper)],
        list[Annotated[str, pydantic.AfterValidator(upper)]],
        pydantic.HttpUrl,
        Annotated[str, pydantic.StringConstraints(strip_whitespace=True, max_length=2)],
        pydantic.AwareDatetime,
    ]
    client = serve(app_for(kinds, ["query"]))

    assert in_query(client, 0, ["yes"]).text == "'YES'"
    assert in_query(client, 0, ["no"]).json() == problem((["query", "value"], "Value error, not this one", "value_error"))
    assert in_query(client, 1, ["a", "b"]).text == "['A', 'B']"
    assert locations(in_query(client, 1, ["a", "no"])) == [("query", "value", 1, "value_error")]
    assert locations(in_query(client, 2, ["nowhere"])) == [("query", "value", "url_parsing")]
    assert in_query(client, 3, [" ab "]).text == "'ab'"
    assert locations(in_query(client, 3, ["abc"])) == [("query", "value", "max_length")]
    assert locations(in_query(client, 4, ["2024-05-01T10:00:00"])) == [("query", "value", "timezone_aware")]
