"""Names of parameters, and those that the pattern's own converters have made."""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NewType, Protocol
from uuid import UUID

import msgspec
import pytest
from parameter_routes import locations, taking

from velo_core import Cookie, Header, Path, Query, RegexConverter, Request, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


UserId = NewType("UserId", int)
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
