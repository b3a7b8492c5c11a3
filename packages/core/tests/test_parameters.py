"""Values from the path, the query, headers and cookies: what text becomes, what is refused, and how a refusal is told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NewType, Protocol
from uuid import UUID

import annotated_types
import msgspec
import pytest
from parameter_routes import SEND, app_for, can_be_in, in_cookie, in_header, in_query, locations, problem

from velo_core import Body, Cookie, Depends, Header, Query, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Tone(str, Enum):  # noqa: UP042 - the older way of a StrEnum, whose members are also text
    LIGHT = "light"
    DARK = "dark"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


UserId = NewType("UserId", int)
UTC = timezone.utc  # noqa: UP017 - so that its repr reads the same in every version
NO_UUID = "Expected `UUID`"

# What text becomes, and what it must not.


class Fits(NamedTuple):
    annotation: object
    values: Mapping[str, object]


FITS = [
    Fits(str, {"x y": "x y", "１２": "１２", "": "", "null": "null", "\x00": "\x00", "é/ü": "é/ü", "%41": "%41", "a+b": "a+b"}),
    Fits(
        int,
        {"7": 7, "-7": -7, "0": 0, "-0": 0, str(2**63): 2**63, str(-(2**64)): -(2**64), str(10**30): 10**30, "9" * 4000: int("9" * 4000)},
    ),
    Fits(
        float,
        {"1": 1.0, "-1.5": -1.5, "1e3": 1000.0, "1.0": 1.0, "1E-2": 0.01, "1e-999": 0.0, "123456789012345678901": 1.2345678901234568e20},
    ),
    Fits(bool, {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}),
    Fits(bytes, {"abc": b"abc", "é": "é".encode(), "": b""}),
    Fits(
        datetime,
        {
            "2024-05-01T10:00:00Z": datetime(2024, 5, 1, 10, tzinfo=UTC),
            "2024-05-01T10:00:00.25+02:00": datetime(2024, 5, 1, 10, 0, 0, 250_000, timezone(timedelta(hours=2))),
            "2024-05-01T10:00:00": datetime(2024, 5, 1, 10),  # noqa: DTZ001 - without an offset on purpose
        },
    ),
    Fits(date, {"2024-05-01": date(2024, 5, 1), "0001-01-01": date(1, 1, 1)}),
    Fits(time, {"10:30:00": time(10, 30), "10:30:00Z": time(10, 30, tzinfo=UTC)}),
    Fits(timedelta, {"PT1H": timedelta(hours=1), "P1DT0.5S": timedelta(days=1, seconds=0.5), "-PT1S": timedelta(seconds=-1)}),
    Fits(UUID, {"00000000-0000-4000-8000-0000000000ff": UUID("00000000-0000-4000-8000-0000000000ff"), "0" * 31 + "1": UUID(int=1)}),
    Fits(
        Decimal,
        {"1.10": Decimal("1.10"), "-0.5": Decimal("-0.5"), "1e3": Decimal("1E+3"), "007": Decimal(7), "9" * 100: Decimal("9" * 100)},
    ),
    Fits(Colour, {"red": Colour.RED, "blue": Colour.BLUE}),
    Fits(Tone, {"dark": Tone.DARK}),
    Fits(Level, {"1": Level.LOW, "2": Level.HIGH}),
    Fits(Literal["all", 7, True], {"all": "all", "7": 7, "true": True}),
    Fits(UserId, {"7": 7}),
    Fits(int | None, {"7": 7}),
    Fits(str | None, {"null": "null", "None": "None"}),
    Fits(int | UUID, {"7": 7, "0" * 32: UUID(int=0)}),
    Fits(Literal["all"] | int, {"all": "all", "7": 7}),
    Fits(float | int, {"7": 7, "7.5": 7.5}),
    Fits(bool | int, {"1": 1, "true": True}),
    Fits(int | str, {"7": "7", "x": "x"}),
    Fits(object, {"7": "7"}),
    Fits(Any, {"7": "7"}),
]


def test_text_becomes_the_declared_type(serve: Serve) -> None:
    """The same from every place, whatever the place."""
    client = serve(app_for(case.annotation for case in FITS))
    wrong: list[object] = []
    for number, (annotation, values) in enumerate(FITS):
        for source, send in SEND.items():
            for text, value in values.items():
                if can_be_in(source, text):
                    response = send(client, number, [text])
                    if (response.status_code, response.text) != (200, repr(value)):
                        wrong.append((annotation, source, text, response.text))

    assert wrong == []


class Refuses(NamedTuple):
    annotation: object
    message: str
    texts: list[str]


NO_NUMBERS = [
    "１２",
    "٤٢",
    "1_000",
    " 7 ",
    "\t7",
    "+5",
    "0x1",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "",
    "\x00",
    "1\x00",
    "-",
    "--1",
    "1,5",
    "x",
    "²",
]
REFUSED = [
    Refuses(int, "Expected `int`", [*NO_NUMBERS, "1e3", "1.0", "007", "-01", "9" * 10_000, "true", "null"]),
    Refuses(float, "Expected `float`", [text for text in NO_NUMBERS if text not in ("nan", "inf", "-inf", "Infinity")]),
    Refuses(float, "Expected `float`", ["9" * 10_000, "1e999", "-1e999", ".5", "5.", "01", "1e", "1_0.0"]),
    Refuses(float, "Expected a finite `float`", ["nan", "inf", "-inf", "Infinity"]),
    Refuses(bool, "Expected `bool`: true or false, 1 or 0", ["", "yes", "on", "TRUE", "t", "2", "1.0", " 1", "null", "True\x00"]),
    Refuses(
        datetime,
        "Invalid RFC3339 encoded datetime",
        ["", "now", "2024-05-01", "1700000000", "1e3", "nan", "2024-13-01T00:00:00Z", "9" * 10_000],
    ),
    Refuses(date, "Invalid RFC3339 encoded date", ["", "today", "2024-5-1", "2024-02-30", "infinity", "20240501", "0000-01-01"]),
    Refuses(time, "Invalid RFC3339 encoded time", ["", "10:30", "25:00:00", "1"]),
    Refuses(timedelta, "Invalid ISO8601 duration", ["", "1", "1e300", "nan", "1:00", "PT"]),
    Refuses(timedelta, "Duration is out of range", ["P999999999999D", "P9999999999999999999999999D"]),
    Refuses(
        UUID,
        "Invalid UUID",
        ["", "{00000000-0000-4000-8000-0000000000ff}", "urn:uuid:00000000-0000-4000-8000-0000000000ff", "0" * 31, "１" * 32],
    ),
    Refuses(Decimal, "Expected `decimal`", [*NO_NUMBERS, "sNaN", "1e1000", "1e-1000", ".5", "5.", "1e999999999999999999"]),
    Refuses(Colour, "Invalid enum value", ["RED", "Red", "green", "", "\x00"]),
    Refuses(Level, "Expected `int`", ["LOW", "1.0", "01", "+1", "１"]),
    Refuses(Level, "Invalid enum value", ["3", "-1"]),
    Refuses(Literal["all", 7], "Expected one of all, 7", ["ALL", "7.0", "07", "８", ""]),
    Refuses(UserId, "Expected `int`", ["1.0", "1_000"]),
    Refuses(int | UUID, "Expected `int | UUID`", ["x", "1.0", "007"]),
    Refuses(Literal["all"] | float, "Expected `Literal | float`", ["nan", "none"]),
]


def test_text_of_another_type_is_refused(serve: Serve) -> None:
    """422, and one entry that says where and what."""
    client = serve(app_for(case.annotation for case in REFUSED))
    wrong: list[object] = []
    for number, (annotation, message, texts) in enumerate(REFUSED):
        for source, send in SEND.items():
            for text in texts:
                if can_be_in(source, text):
                    response = send(client, number, [text])
                    told = (
                        re.sub(r"Invalid enum value .*", "Invalid enum value", response.text.replace('\\"', "'"))
                        if response.status_code == 422
                        else ""
                    )
                    expected = problem(([source, "value"], message, "type"))
                    if response.status_code != 422 or (response.json() != expected and '"Invalid enum value' not in told):
                        wrong.append((annotation, source, text[:50], response.status_code, response.text[:300]))

    assert wrong == []


ODD = [
    "%00",
    "%ff",
    "%fe%ff",
    "%ed%a0%80",
    "%c0%af",
    "%f4%90%80%80",
    "%e2%80%8b",
    "%0d%0a",
    "%u0041",
    "%",
    "%2",
    "%zz",
    "%25",
    "a%2fb",
    "..%2f",
]


@pytest.mark.parametrize("odd", ODD)
def test_octets_that_are_no_text_of_the_type_are_never_an_error_of_the_server(serve: Serve, odd: str) -> None:
    """Invalid UTF-8, surrogates and broken escapes included."""
    kinds: list[object] = [str, int, float, bool, bytes, datetime, UUID, Decimal, Colour, Level, Literal["a"], int | UUID]
    client = serve(app_for(kinds, ("path", "query")))
    for number in range(len(kinds)):
        for target in (f"/path/{number}/{odd}", f"/query/{number}?value={odd}"):
            response = client.get("/", extensions={"target": target.encode()})

            assert response.status_code in (200, 404, 422), (target, response.text)


def test_octets_that_are_not_utf_8_are_replaced_in_a_query_and_not_found_in_a_path(serve: Serve) -> None:
    client = serve(app_for([str]))

    assert client.get("/", extensions={"target": b"/query/0?value=a%ff"}).text == repr("a�")
    assert client.get("/", extensions={"target": b"/path/0/a%ff"}).status_code == 404


def test_an_encoded_slash_in_a_converted_parameter_is_a_404(serve: Serve) -> None:
    """Protocols that decode the path find no route there, so the others must not say 422."""
    client = serve(app_for([int, float, UUID, Colour, int | UUID], ["path"]))
    for number in range(5):
        assert client.get("/", extensions={"target": f"/path/{number}/1%2F2".encode()}).status_code == 404


# What is not there.


def test_a_missing_value_is_told_with_its_name_on_the_wire(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(
        page: int,
        tags: Annotated[list[str], Query(alias="tag")],
        x_token: Annotated[str, Header()],
        x_ids: Annotated[list[int], Header()],
        session: Annotated[str, Cookie(alias="sid")],
    ) -> None: ...

    response = serve(app).get("/")

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == problem(
        (["query", "page"], "This value is required", "missing"),
        (["query", "tag"], "This value is required", "missing"),
        (["header", "x-token"], "This value is required", "missing"),
        (["header", "x-ids"], "This value is required", "missing"),
        (["cookie", "sid"], "This value is required", "missing"),
    )


def test_empty_text_is_a_value(serve: Serve) -> None:
    client = serve(app_for([str, str | None, int | None]))

    assert client.get("/query/0?value=").text == "''"
    assert client.get("/query/0?value").text == "''"
    assert client.get("/query/1?value=").text == "''"
    assert client.get("/header/0", headers={"value": ""}).text == "''"
    assert client.get("/cookie/0", headers={"cookie": "value="}).text == "''"
    assert locations(client.get("/query/2?value=")) == [("query", "value", "type")]


def test_a_default_takes_the_place_of_what_is_missing(serve: Serve) -> None:
    """`X | None` has the default `None`; a default is taken as it is, of whatever type it is."""
    app = Velo()
    day = date(2024, 5, 1)
    nothing = object()

    @app.get("/")
    async def show(
        a: int = 5,
        b: int | None = None,
        c: str | None = "c",
        e: date = day,
        f: Colour = Colour.BLUE,
        g: Tone = Tone.DARK,
        h: Annotated[str, Header()] = 'a "quoted"\\ é',
        i: Annotated[int, Cookie()] = -1,
        j: Annotated[int | object, Query()] = nothing,
        k: Annotated[tuple[int, ...], Query()] = (1,),
        l: bool = True,  # noqa: E741 - any name will do
        m: float = 1.5,
        d: Annotated[int | None, Query(ge=1)] = ...,  # pyright: ignore[reportArgumentType]: `...` says that it is required
    ) -> str:
        assert j is nothing
        return repr((a, b, c, d, e, f, g, h, i, k, l, m))

    expected = (5, None, "c", ..., day, Colour.BLUE, Tone.DARK, 'a "quoted"\\ é', -1, (1,), True, 1.5)

    assert serve(app).get("/").text == repr(expected)


def test_an_optional_value_without_a_default_is_none(serve: Serve) -> None:
    client = serve(app_for([int | None, list[int] | None], ["query", "header"]))

    for source in ("query", "header"):
        assert client.get(f"/{source}/0").text == "None"
        assert client.get(f"/{source}/1").text == "None"


@dataclass
class Filter:
    words: list[str] = field(default_factory=list[str])


def test_a_mutable_default_is_each_requests_own(serve: Serve) -> None:
    """As deep as it goes, and for models as well."""
    app = Velo()
    default = Filter(["a"])

    @app.get("/")
    async def grow(
        tags: Annotated[list[str], Query()] = [],  # noqa: B006 - what is tested
        nested: Annotated[list[Any], Query()] = [[]],  # noqa: B006 - what is tested
        ids: Annotated[set[int], Query()] = {1},  # noqa: B006 - what is tested
        words: Annotated[tuple[Any, ...], Query()] = ([],),
    ) -> str:
        tags.append("x")
        nested[0].append("x")
        ids.add(2)
        words[0].append("x")
        return repr((tags, nested, ids, words))

    @app.post("/")
    async def grow_body(options: Annotated[Filter, Body()] = default) -> str:
        options.words.append("x")
        return repr(options.words)

    @app.put("/")
    async def grow_list(options: Annotated[list[list[str]], Body()] = [[]]) -> str:  # noqa: B006 - what is tested
        options[0].append("x")
        return repr(options)

    client = serve(app)
    for _ in range(3):
        assert client.get("/").text == "(['x'], [['x']], {1, 2}, (['x'],))"
        assert client.post("/").text == "['a', 'x']"
        assert client.put("/").text == "[['x']]"
    assert default == Filter(["a"])


# More than one of a name.


def test_of_a_repeated_value_the_last_counts_in_a_query_and_the_first_elsewhere(serve: Serve, protocol: str) -> None:
    client = serve(app_for([int]))

    assert in_query(client, 0, ["1", "2", "3"]).text == "3"
    assert locations(in_query(client, 0, ["1", "x"])) == [("query", "value", "type")]
    if protocol != "wsgi":  # whose servers join repeated headers
        assert in_header(client, 0, ["1", "2"]).text == "1"
    assert client.get("/cookie/0", headers={"cookie": "value=1; value=2"}).text == "1"
    assert in_cookie(client, 0, ["1", "2"]).text == "1"


COLLECTIONS: list[tuple[object, list[str], object]] = [
    (list[int], ["1", "2", "1"], [1, 2, 1]),
    (list[str], ["a", "", "a,b"], ["a", "", "a,b"]),
    (list, ["1"], ["1"]),
    (set[int], ["1", "1"], {1}),
    (set, ["1"], {"1"}),
    (frozenset[Colour], ["red"], frozenset({Colour.RED})),
    (tuple[int, ...], ["1", "2"], (1, 2)),
    (tuple[int, str], ["1", "2"], (1, "2")),
    (tuple, ["1"], ("1",)),
    (list[int] | None, ["1"], [1]),
    (list[int | None], ["1"], [1]),
    (list[UserId], ["1"], [1]),
    (list[Level | Literal["none"]], ["1", "none"], [Level.LOW, "none"]),
    (list[datetime], ["2024-05-01T10:00:00Z"], [datetime(2024, 5, 1, 10, tzinfo=UTC)]),
    (list[Annotated[int, msgspec.Meta(ge=1)]], ["1"], [1]),
    (Annotated[list[int], annotated_types.Len(1, 2)], ["1", "2"], [1, 2]),
]


def test_a_collection_has_all_values_of_a_name(serve: Serve, protocol: str) -> None:
    client = serve(app_for([annotation for annotation, _, _ in COLLECTIONS], ["query", "header"]))
    for number, (annotation, texts, value) in enumerate(COLLECTIONS):
        assert in_query(client, number, texts).text == repr(value), annotation
        if protocol != "wsgi" or len(texts) == 1:  # its servers join repeated headers
            assert in_header(client, number, texts).text == repr(value), annotation


def test_each_item_that_does_not_fit_is_told_with_its_position(serve: Serve) -> None:
    kinds: list[object] = [
        list[int],
        tuple[int, str, int],
        list[Annotated[int, msgspec.Meta(ge=1)]],
        Annotated[list[int], annotated_types.Ge(1)],
    ]
    client = serve(app_for([*kinds, set[int]], ["query"]))

    assert in_query(client, 0, ["1", "1.0", "2", "１"]).json() == problem(
        (["query", "value", 1], "Expected `int`", "type"), (["query", "value", 3], "Expected `int`", "type")
    )
    assert locations(in_query(client, 1, ["x", "y", "z"])) == [("query", "value", 0, "type"), ("query", "value", 2, "type")]
    assert in_query(client, 1, ["1"]).json() == problem((["query", "value"], "Expected 3 values", "type"))
    for number in (2, 3):
        assert in_query(client, number, ["0", "1", "-1"]).json() == problem(
            (["query", "value", 0], "Should be at least 1", "ge"), (["query", "value", 2], "Should be at least 1", "ge")
        )
    assert locations(in_query(client, 4, ["1", "x"])) == [("query", "value", 1, "type")]


def test_at_most_a_hundred_items_are_told(serve: Serve) -> None:
    client = serve(app_for([list[int], Annotated[list[int], annotated_types.Ge(1)]], ["query"]))

    assert len(locations(in_query(client, 0, ["x"] * 900))) == 100
    assert len(locations(in_query(client, 1, ["0"] * 900))) == 100


def test_more_than_a_thousand_pairs_are_refused(serve: Serve) -> None:
    client = serve(app_for([list[int]], ["query"]))

    assert in_query(client, 0, ["1"] * 1000).status_code == 200
    assert in_query(client, 0, ["1"] * 1001).status_code == 400


# All of it together.


def test_all_values_that_do_not_fit_are_told_in_one_answer(serve: Serve) -> None:
    """In the order of the signature, dependencies' values where they are asked for, each once."""
    app = Velo()

    def paging(page: Annotated[int, Query(ge=1)] = 1, size: int = 10) -> tuple[int, int]:
        return page, size

    @app.get("/{item}")
    async def show(
        item: int, window: Annotated[tuple[int, int], Depends(paging)], page: Annotated[int, Query(ge=1)] = 1, sort: Literal["up"] = "up"
    ) -> None: ...

    response = serve(app).get("/x?page=0&size=y&sort=down")

    assert response.json() == problem(
        (["path", "item"], "Expected `int`", "type"),
        (["query", "page"], "Should be at least 1", "ge"),
        (["query", "size"], "Expected `int`", "type"),
        (["query", "sort"], "Expected one of up", "type"),
    )
