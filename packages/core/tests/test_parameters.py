"""Values from the path, the query, headers and cookies: what text becomes, what is refused, and how a refusal is told."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NewType, Protocol
from urllib.parse import quote
from uuid import UUID

import annotated_types
import httpx2
import msgspec
import pydantic
import pytest

from velo_core import Body, Cookie, Depends, Header, Path, Query, RegexConverter, Request, SetupError, Velo
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

# How the texts of one parameter are sent, by the marker that takes them.


def in_path(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    (text,) = texts
    return client.get("/", extensions={"target": f"/path/{number}/{quote(text, safe='')}".encode()})


def in_query(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    return client.get(f"/query/{number}", params=[("value", text) for text in texts])


def in_header(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    return client.get(f"/header/{number}", headers=[("value", text) for text in texts])


def in_cookie(client: TestClient, number: int, texts: list[str]) -> httpx2.Response:
    return client.get(f"/cookie/{number}", headers=[("cookie", f"value={text}") for text in texts])


SEND: Mapping[str, Callable[[TestClient, int, list[str]], httpx2.Response]] = {
    "path": in_path,
    "query": in_query,
    "header": in_header,
    "cookie": in_cookie,
}
MARKERS: Mapping[str, type[Path | Query | Header | Cookie]] = {"path": Path, "query": Query, "header": Header, "cookie": Cookie}


def can_be_in(source: str, text: str) -> bool:
    """Whether the text arrives as it is: a path has no empty segment, headers and cookies are visible ASCII without space around it."""
    if source == "path":
        return text not in ("", ".", "..") and not set(text) & set("/\0")
    return source == "query" or (text.isascii() and text.isprintable() and text == text.strip() and not set(text) & set(';"'))


def taking(annotation: object) -> Callable[..., object]:
    """A handler with one parameter `value`, which answers with its `repr`, so that types show."""

    async def show(value: object) -> str:
        return repr(value)

    show.__annotations__ = {"value": annotation, "return": str}
    return show


def app_for(annotations: Iterable[object], sources: Iterable[str] = MARKERS) -> Velo:
    """One route for each annotation and source: `/{source}/{number}`."""
    app = Velo()
    for number, annotation in enumerate(annotations):
        for source in sources:
            path = f"/path/{number}/{{value}}" if source == "path" else f"/{source}/{number}"
            app.get(path)(taking(Annotated[annotation, MARKERS[source]()]))
    return app


def problem(*errors: tuple[list[str | int], str, str]) -> dict[str, object]:
    """The whole document of a 422, from (loc, message, code)."""
    return {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "The request has values that do not fit.",
        "errors": [{"loc": loc, "message": message, "code": code} for loc, message, code in errors],
    }


def locations(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of each error of a 422."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


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


class Options(msgspec.Struct):
    words: list[str] = []


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


# Names.


def test_names_on_the_wire(serve: Serve, protocol: str) -> None:
    """Aliases everywhere; a header without one has hyphens for underscores, in any case."""
    app = Velo()

    @app.get("/{user_id}")
    async def show(
        user: Annotated[int, Path(alias="user_id")],
        from_: Annotated[str, Query(alias="from")],
        x_request_id: Annotated[str, Header()],
        agent: Annotated[str, Header(alias="User_Agent-2")],
        session: Annotated[str, Cookie(alias="__Host-session")],
        under_score: Annotated[str, Cookie()],
        naïve: str,  # noqa: PLC2401 - any identifier will do
    ) -> list[object]:
        return [user, from_, x_request_id, agent, session, under_score, naïve]

    # On WSGI an underscore in the name of a header cannot be told from a hyphen, so such headers are not told.
    headers = {"X-REQUEST-ID": "c", "user_agent-2": "d", "cookie": "__Host-session=e; under_score=f"}
    response = serve(app).get("/7?from=b&naïve=g", headers=headers)

    if protocol == "wsgi":
        assert locations(response) == [("header", "user_agent-2", "missing")]
    else:
        assert response.json() == [7, "b", "c", "d", "e", "f", "g"]


def test_any_name_can_be_a_parameter(serve: Serve) -> None:
    """Also those that plans use for themselves, and those of functions around them."""
    app = Velo()
    names = "scope receive send values errors query headers cookies body error response teardown request hop plan endpoint".split()
    names += "content ready".split()
    names += "query_string raw_headers find_header read_body open_request answer_error INVALID Response JSON deepcopy send_response".split()
    names += "call_1 type id list str encode to_id match self cls print ValidationError check_result parse_query PROBLEM".split()

    namespace: dict[str, Any] = {}
    exec(f"async def handle({', '.join(f'{name}: int' for name in names)}): return [{', '.join(names)}]", namespace)  # noqa: S102 - names from the list above
    app.get("/")(namespace["handle"])

    assert serve(app).get("/", params={name: str(number) for number, name in enumerate(names)}).json() == list(range(len(names)))


@pytest.mark.parametrize("name", ["call_1", "check_response", "check_result", "encode_any", "where", "Response", "errors", "request"])
def test_a_handler_can_have_any_name(serve: Serve, name: str) -> None:
    app = Velo()

    @app.middleware
    async def around(request: Request, call_next: Callable[[Request], Any]) -> Any:
        return await call_next(request)

    async def handle(page: int) -> int:
        return page

    handle.__name__ = name
    app.get("/")(handle)

    assert serve(app).get("/?page=3").json() == 3


def test_keyword_only_and_positional_only_parameters_and_those_that_take_the_rest(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(a: int, /, b: int, *rest: int, c: int, **more: int) -> list[object]:
        return [a, b, rest, c, more]

    assert serve(app).get("/?a=1&b=2&c=3&rest=4&more=5&d=6").json() == [1, 2, [], 3, {}]


def test_a_parameter_without_annotation_is_text(serve: Serve) -> None:
    app = Velo()
    app.get("/")(eval("lambda page, size='5': repr((page, size))"))  # noqa: S307 - a function without annotations, which is no mistake

    assert serve(app).get("/?page=1").text == "('1', '5')"


# Path parameters that the pattern's own converters have made.


class Pair(NamedTuple):
    first: str
    second: str


def test_a_converted_path_value_has_the_declared_type(serve: Serve) -> None:
    """What the converter makes is not always what the handler wants."""
    app = Velo()
    app.add_converter("code", RegexConverter("[a-z]+", name="code"))

    class Doubled:
        name = "doubled"
        rank = 60
        makes = Pair

        def parse(self, text: str, /) -> object:
            return Pair(text, text)

        def format(self, value: object, /) -> str:
            return str(value)

    app.add_converter("doubled", Doubled())
    cases: list[tuple[str, object, str, object]] = [
        ("int", int, "5", 5),
        ("int", str, "5", "5"),
        ("int", float, "5", 5.0),
        ("int", Decimal, "5", Decimal(5)),
        ("int", Level, "2", Level.HIGH),
        ("int", Literal[1, 2], "2", 2),
        ("int", bool, "1", True),
        ("int", Annotated[int, msgspec.Meta(le=5)], "5", 5),
        ("int", UserId, "5", 5),
        ("int", object, "5", 5),
        ("float", float, "1.5", 1.5),
        ("float", Decimal, "1.5", Decimal("1.5")),
        ("uuid", UUID, "0" * 8 + "-0000-4000-8000-" + "0" * 12, UUID("0" * 8 + "-0000-4000-8000-" + "0" * 12)),
        ("uuid", str, "A" * 8 + "-0000-4000-8000-" + "0" * 12, "a" * 8 + "-0000-4000-8000-" + "0" * 12),
        ("path", str, "a/b", "a/b"),
        ("code", str, "abc", "abc"),
        ("code", Colour, "red", Colour.RED),
        ("doubled", Pair, "x", Pair("x", "x")),
        ("doubled", object, "x", Pair("x", "x")),
    ]
    for number, (converter, annotation, _, _) in enumerate(cases):
        app.get(f"/{number}/{{value:{converter}}}")(taking(annotation))
    client = serve(app)
    for number, (converter, annotation, text, value) in enumerate(cases):
        assert client.get(f"/{number}/{text}").text == repr(value), (converter, annotation)


def test_a_converted_path_value_that_does_not_fit_is_refused(serve: Serve) -> None:
    app = Velo()
    kinds: list[tuple[str, object]] = [
        ("int", Literal[1, 2]),
        ("int", Level),
        ("int", bool),
        ("int", Annotated[int, msgspec.Meta(le=5)]),
        ("float", int),
        ("uuid", int),
    ]
    for number, (converter, annotation) in enumerate(kinds):
        app.get(f"/{number}/{{value:{converter}}}")(taking(annotation))
    client = serve(app)
    for number, (converter, annotation) in enumerate(kinds):
        text = "00000000-0000-4000-8000-000000000000" if converter == "uuid" else "7.5" if converter == "float" else "7"
        response = client.get(f"/{number}/{text}")
        assert [error[:2] for error in locations(response)] == [("path", "value")], annotation


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


# Mistakes that are found at start-up.


class Opaque:
    pass


MISTAKES: list[tuple[object, str]] = [
    (Annotated[Opaque, Query()], "Opaque cannot be read from text"),
    (Opaque, "Opaque, which nobody provides here"),
    (Annotated[dict[str, int], Query()], "cannot be read from text"),
    (Annotated[Options, Path()], "Options cannot be read from text"),
    (Annotated[list[list[int]], Query()], "cannot be read from text"),
    (Annotated[list[int] | int, Query()], "cannot be read from text"),
    (Annotated[list[Options], Header()], "Options cannot be read from text"),
    (Annotated[list[int], Cookie()], "a cookie parameter has one value, not several"),
    (Annotated[Literal[b"x"], Query()], "the literal b'x' cannot be read from text"),
    (Annotated[Enum("Mixed", {"A": 1, "B": "b"}), Query()], "Enum"),
    (Annotated[str, Query(pattern="(")], "the pattern '(' is not a regular expression"),
    (Annotated[str, Query(ge=1)], "ge=1 does not work with str"),
    (Annotated[int, Query(pattern="a")], "pattern='a' does not work with int"),
    (Annotated[int, Query(min_length=1)], "min_length=1 does not work with int"),
    (Annotated[int, Query(multiple_of=0)], "multiple_of=0 does not work with int"),
    (Annotated[int, annotated_types.Ge("a"), Query()], "ge='a' does not work with int"),
    (Annotated[list[str], Query(ge=1)], "ge=1 does not work with str"),
    (Annotated[bytes, Query(pattern="a")], "pattern='a' does not work with bytes"),
    (Annotated[Opaque, Body()], "Opaque is no type that has a JSON form"),
    (Annotated[list[Opaque], Body()], "Opaque is no type that has a JSON form"),
    (Annotated[Callable[[], int], Body()], "is no type that has a JSON form"),
    (Annotated[list[Annotated[int, annotated_types.Ge(1)]], Body()], "write it as msgspec.Meta"),
]


@pytest.mark.parametrize(("annotation", "reason"), MISTAKES, ids=[str(annotation)[:60] for annotation, _ in MISTAKES])
def test_a_type_that_cannot_be_read_is_a_mistake_of_the_set_up(annotation: object, reason: str) -> None:
    """And not a parameter that no request can ever fit."""
    app = Velo()
    app.get("/{value}" if "Path(" in str(annotation) else "/")(taking(annotation))

    with pytest.raises(SetupError, match=re.escape(reason)) as caught:
        app.freeze()

    assert caught.value.code == ("VELO_NOT_PROVIDED" if annotation is Opaque else "VELO_TYPE")
    assert "parameter 'value' of show" in str(caught.value)
    assert "test_parameters.py" in str(caught.value)


def test_a_marker_as_default_and_a_path_parameter_that_the_path_lacks_are_mistakes() -> None:
    app = Velo()

    @app.get("/{item_id}")
    async def show(item: Annotated[int, Path()], page: int = Query()) -> None: ...  # pyright: ignore[reportArgumentType]: the mistake itself

    @app.get("/unused/{item_id}")
    async def unused(item: int) -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert [problem.code for problem in caught.value.problems] == ["VELO_PATH_PARAMETER", "VELO_MARKER_DEFAULT", "VELO_PATH_PARAMETER"]


@pytest.mark.parametrize("raw", [False, True])
def test_text_that_cannot_be_encoded_is_refused_and_no_error_of_the_server(raw: bool) -> None:
    """No server sends one, but a lone surrogate in the path of a scope must not be our mistake either."""
    import asyncio

    app = app_for([int, float, datetime, Colour, Level, UUID, Decimal, bool], ["path"])
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    for number in range(8):
        scope: dict[str, object] = {"type": "http", "method": "GET", "path": f"/path/{number}/\ud800", "query_string": b"", "headers": []}
        if raw:
            scope["raw_path"] = f"/path/{number}/%ed%a0%80".encode()
        asyncio.run(app(scope | {"http_version": "1.1"}, receive, send))

    assert {message["status"] for message in sent if message["type"] == "http.response.start"} <= {404, 422}
