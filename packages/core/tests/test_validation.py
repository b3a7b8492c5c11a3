"""How signatures are read at start-up, what is refused then, and that no text of a request is ever an error of the server."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
import types
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NewType, Protocol, TypeVar
from urllib.parse import quote
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from velo_core import Body, Cookie, Depends, Header, Path, Query, Request, Response, Router, SetupError, Velo
from velo_testing import ProtocolName, TestClient

if TYPE_CHECKING:
    from fractions import Fraction

T = TypeVar("T")


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Item(msgspec.Struct):
    name: str


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


ItemId = NewType("ItemId", int)


def problems_of(app: Velo) -> list[tuple[str, str]]:
    """(code, message) of everything that keeps the application from starting."""
    with pytest.raises(SetupError) as caught:
        app.freeze()
    return [(problem.code, problem.message) for problem in caught.value.problems]


# Annotations as text: all of this file's are.


def test_names_of_the_module_and_of_the_function_around_are_found(serve: Serve) -> None:
    """Models of every family that are local to the function in which the handler is registered."""
    app = Velo()

    class Struct(msgspec.Struct):
        a: int

    @dataclasses.dataclass
    class Dataclass:
        a: int

    class Dictionary(TypedDict):
        a: int

    class Tuple(NamedTuple):
        a: int

    class LocalModel(pydantic.BaseModel):
        a: int

    class LocalColour(Enum):
        RED = "red"

    LocalId = NewType("LocalId", int)

    @app.post("/struct")
    async def struct(body: Struct) -> Struct:
        return body

    @app.post("/dataclass")
    async def dataclass(body: Dataclass) -> Dataclass:
        return body

    @app.post("/dictionary")
    async def dictionary(body: Dictionary) -> Dictionary:
        return body

    @app.post("/tuple")
    async def tuple_(body: Tuple) -> Tuple:
        return body

    @app.post("/model")
    async def model(body: LocalModel) -> LocalModel:
        return body

    @app.post("/many")
    async def many(body: list[Struct | None]) -> dict[str, list[Struct | None]]:
        return {"many": body}

    @app.post("/generic")
    async def generic(body: Page[Struct]) -> Page[Struct]:
        return body

    @app.get("/text")
    async def text(colour: LocalColour, number: LocalId, when: Annotated[date | None, Query()] = None) -> list[Any]:
        return [colour, number, when]

    client = serve(app)
    for path in ("struct", "dataclass", "dictionary", "model"):
        assert client.post(f"/{path}", json={"a": 1, "b": 2}).json() == {"a": 1}, path
        assert client.post(f"/{path}", json={"a": "x"}).json()["errors"][0]["loc"] == ["body", "a"], path
    assert client.post("/tuple", json=[1]).json() == [1]
    assert client.post("/many", json=[{"a": 1}, None]).json() == {"many": [{"a": 1}, None]}
    assert client.post("/generic", json={"items": [{"a": 1}]}).json() == {"items": [{"a": 1}]}
    assert client.get("/text?colour=red&number=1").json() == ["red", 1, None]


def test_dependencies_find_the_names_around_them(serve: Serve) -> None:
    app = Velo()

    class User(msgspec.Struct):
        name: str

    def user_of(name: str) -> User:
        return User(name)

    @app.get("/")
    async def show(user: Annotated[User, Depends(user_of)]) -> User:
        return user

    assert serve(app).get("/?name=a").json() == {"name": "a"}


def test_methods_partials_callable_objects_and_decorated_functions(serve: Serve) -> None:
    class Service:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        async def multiply(self, number: int) -> int:
            return number * self.factor

        async def __call__(self, number: ItemId) -> int:
            return number + self.factor

        @classmethod
        def of_class(cls, number: int) -> str:
            return f"{cls.__name__} {number}"

        @staticmethod
        def static(number: int) -> int:
            return number

    def traced(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return [await function(*args, **kwargs)]

        return call

    @traced
    async def decorated(number: int, /, *, item: Annotated[ItemId, Query()] = ItemId(5)) -> list[Any]:
        return [number, item]

    async def many(factor: int, number: int, *, extra: int = 0) -> list[int]:
        return [factor, number, extra]

    app = Velo()
    app.get("/method")(Service(3).multiply)
    app.get("/callable")(Service(3))
    app.get("/class")(Service.of_class)
    app.get("/static")(Service.static)
    app.get("/decorated")(decorated)
    app.get("/partial")(functools.partial(many, 3))
    app.get("/partial-keyword")(functools.partial(functools.partial(many, 3), extra=7))
    client = serve(app)

    def answer(path: str) -> Any:
        return client.get(f"/{path}?number=2&factor=9&extra=9").json()

    assert answer("method") == 6
    assert answer("callable") == 5
    assert client.get("/class?number=2").text == "Service 2"
    assert answer("static") == 2
    assert answer("decorated") == [[2, 5]]
    assert answer("partial") == [3, 2, 9]
    assert answer("partial-keyword") == [3, 2, 7], "what a partial binds is not the client's to say"


def test_classes_as_dependencies(serve: Serve) -> None:
    """Their constructors are read, whoever wrote them."""

    class Written:
        def __init__(self, page: int = 1) -> None:
            self.page = page

    @dataclasses.dataclass
    class Dataclass:
        page: int = 1

    class Struct(msgspec.Struct):
        page: int = 1

    class Tuple(NamedTuple):
        page: int = 1

    class Model(pydantic.BaseModel):
        page: int = 1

    class Aliased(pydantic.BaseModel):
        number: int = pydantic.Field(default=1, alias="page")

    class Made:
        def __new__(cls, page: int = 1) -> Made:
            self = super().__new__(cls)
            self.page = page
            return self

        page: int

    class Child(Struct):
        pass

    app = Velo()
    kinds: list[Any] = [Written, Dataclass, Struct, Tuple, Model, Made, Child, Aliased]
    for number, kind in enumerate(kinds):

        async def show(paging: Any) -> str:
            return repr(getattr(paging, "page", None) or paging.number)

        show.__annotations__ = {"paging": Annotated[Any, Depends(kind)], "return": str}
        app.get(f"/{number}")(show)
    client = serve(app)
    for number, kind in enumerate(kinds):
        assert client.get(f"/{number}?page=7").text == "7", kind
        assert client.get(f"/{number}").text == "1", kind
        assert client.get(f"/{number}?page=x").json()["errors"][0]["loc"] == ["query", "page"], kind


def test_a_name_means_what_it_means_where_the_function_is_defined(serve: Serve) -> None:
    """Not what is called the same where it is registered."""
    elsewhere = types.ModuleType("elsewhere")
    sys.modules["elsewhere"] = elsewhere
    exec(  # noqa: S102 - a module of another team
        "from __future__ import annotations\nimport msgspec\nclass Item(msgspec.Struct):\n    theirs: int\n"
        "async def handler(item: Item) -> Item:\n    return item\n",
        vars(elsewhere),
    )
    handler: Callable[..., object] = vars(elsewhere)["handler"]
    try:

        class Item(msgspec.Struct):  # pyright: ignore[reportUnusedClass]: its name is what matters
            ours: int

        app = Velo()
        app.post("/")(handler)

        assert serve(app).post("/", json={"theirs": 1}).json() == {"theirs": 1}
    finally:
        del sys.modules["elsewhere"]


def test_generic_models_and_aliases_of_the_module(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def show(page: Page[Item], ids: Annotated[list[ItemId], Query(alias="id")]) -> Page[Page[Item]]:
        return Page([page])

    assert serve(app).post("/?id=1", json={"items": [{"name": "a"}]}).json() == {"items": [{"items": [{"name": "a"}]}]}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="generic functions have their own syntax since Python 3.12")
def test_the_type_statement_in_a_function(serve: Serve) -> None:
    namespace: dict[str, Any] = {"Item": Item, "Annotated": Annotated, "Query": Query}
    exec(  # noqa: S102 - a syntax error in Python 3.11
        """
def make(app):
    type Items = list[Item]
    type Positive = Annotated[int, Query(ge=1)]
    type Pair[X] = tuple[X, X]

    @app.post("/")
    async def show(items: "Items", page: "Positive", ids: "Annotated[Pair[int], Query()]") -> "dict[str, Items]":
        return {"items": items[:page]}
""",
        namespace,
    )
    app = Velo()
    namespace["make"](app)
    client = serve(app)

    assert client.post("/?page=1&ids=1&ids=2", json=[{"name": "a"}, {"name": "b"}]).json() == {"items": [{"name": "a"}]}
    errors = client.post("/?page=0&ids=1", json=[{"name": 1}]).json()["errors"]
    assert [(*error["loc"], error["code"]) for error in errors] == [
        ("query", "page", "ge"),
        ("query", "ids", "type"),
        ("body", 0, "name", "type"),
    ]


# What cannot be read is found at start-up, all at once.


def test_a_name_that_cannot_be_found_is_named_with_its_place() -> None:
    app = Velo()

    @app.get("/")
    async def show(amount: Fraction) -> None: ...

    ((code, message),) = problems_of(app)

    assert code == "VELO_ANNOTATION"
    assert "'Fraction'" in message
    assert "show" in message
    assert "test_validation.py:" in message
    assert "TYPE_CHECKING" in message


def test_unreadable_annotations_of_every_kind() -> None:
    """Of a parameter, a result, a dependency, a dependency of a dependency; and text that is no type at all."""
    app = Velo()

    def inner(value: object) -> int:
        return 1

    def outer(value: Annotated[int, Depends(inner)]) -> int:
        return value

    @app.get("/1")
    async def result() -> None: ...

    @app.get("/2", dependencies=[Depends(outer)])
    async def dependency() -> None: ...

    @app.get("/3")
    async def attribute(value: object) -> None: ...

    @app.get("/4")
    async def syntax(value: object) -> None: ...

    result.__annotations__["return"] = "Missing1"
    inner.__annotations__["value"] = "Missing2"
    attribute.__annotations__["value"] = "datetime.missing3"
    syntax.__annotations__["value"] = "list[missing4"

    found = problems_of(app)

    assert [code for code, _ in found] == ["VELO_ANNOTATION"] * 4
    for number, (_, message) in enumerate(found, 1):
        assert message.startswith(f"GET /{number}: "), message
        assert str(number) in message.partition(": ")[2], message
        assert "test_validation.py:" in message


def test_functions_whose_parameters_cannot_be_read() -> None:
    app = Velo()
    app.get("/")(max)  # built-in functions that can be called in several ways have no signature

    ((code, message),) = problems_of(app)

    assert code == "VELO_ANNOTATION"
    assert "wrap it in a function of your own" in message


def test_all_mistakes_of_an_application_are_told_together() -> None:
    """In one SetupError, each with its route, its function and what to do."""
    app = Velo()
    router = Router("/items")

    @app.get("/unknown-name")
    async def unknown_name(value: Fraction) -> None: ...

    @app.get("/unreadable")
    async def unreadable(value: complex, other: Annotated[list[Item], Query()]) -> None: ...

    @app.get("/path/{item_id}")
    async def path(id: Annotated[int, Path()]) -> None: ...

    @app.get("/unused/{item_id}")
    async def unused() -> None: ...

    @router.post("/two")
    async def two_bodies(first: Item, second: Annotated[bytes, Body()]) -> None: ...

    @router.get("/bound")
    async def bound(value: Annotated[str, Query(ge=1)]) -> None: ...

    @router.get("/result")
    async def result() -> complex:
        return 1j

    @router.get("/default")
    async def default(value: int = Query()) -> None: ...  # pyright: ignore[reportArgumentType]: the mistake itself

    app.include(router)

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert [problem.code for problem in caught.value.problems] == [
        "VELO_ANNOTATION",
        "VELO_TYPE",
        "VELO_TYPE",
        "VELO_PATH_PARAMETER",
        "VELO_PATH_PARAMETER",
        "VELO_BODY_TWICE",
        "VELO_TYPE",
        "VELO_RESULT",
        "VELO_MARKER_DEFAULT",
    ]
    text = str(caught.value)
    assert caught.value.code == "VELO_SETUP"
    assert text.startswith("9 problems keep the application from starting:")
    for name in ("unknown_name", "unreadable", "path", "unused", "two_bodies", "bound", "result", "default"):
        assert name in text
    assert text.count("test_validation.py:") >= 9


def test_a_mistake_in_a_dependency_names_the_dependency() -> None:
    app = Velo()

    def paging(page: complex) -> int:
        return 1

    @app.get("/")
    async def show(page: Annotated[int, Depends(paging)]) -> None: ...

    ((code, message),) = problems_of(app)

    assert code == "VELO_TYPE"
    assert "parameter 'page' of paging" in message


# No text of a request is an error of the server, and all ways to serve it agree.


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


KINDS: list[object] = [
    str,
    int,
    float,
    bool,
    bytes,
    date,
    datetime,
    time,
    timedelta,
    UUID,
    Decimal,
    Colour,
    Level,
    Literal["a", 1],
    int | UUID | None,
    int | str,
    ItemId,
    Annotated[int, msgspec.Meta(ge=1, multiple_of=3)],
    Annotated[float, msgspec.Meta(gt=0.5, multiple_of=0.1)],
    Annotated[Decimal, msgspec.Meta(le=5, multiple_of=0.25)],
    Annotated[str, msgspec.Meta(min_length=2, max_length=5, pattern="^[a-z]")],
    Annotated[str, pydantic.AfterValidator(str.strip)],
    pydantic.PositiveInt,
]
MANY: list[object] = [*(types.GenericAlias(list, (kind,)) for kind in KINDS), set[int], tuple[int, str], tuple[float, ...]]


def fuzzed() -> Velo:
    """`/path/{n}/{value}`, `/query/{n}?value=`, `/header/{n}` and `/cookie/{n}` for every kind, and `/body/{n}`."""
    app = Velo(max_content_length=10_000)

    def give(path: str, annotation: object, method: str = "GET") -> None:
        async def show(value: object) -> object:
            return value if not isinstance(value, bytes) else repr(value)

        show.__annotations__ = {"value": annotation, "return": object}
        app.route(path, methods=(method,))(show)

    for number, kind in enumerate(KINDS):
        give(f"/path/{number}/{{value}}", Annotated[kind, Path()])
        give(f"/cookie/{number}", Annotated[kind, Cookie()])
    for number, kind in enumerate([*KINDS, *MANY]):
        give(f"/query/{number}", Annotated[kind, Query()])
        give(f"/header/{number}", Annotated[kind, Header()])
    for number, kind in enumerate(BODIES):
        give(f"/body/{number}", Annotated[kind, Body()], "POST")
    return app


class Node(msgspec.Struct):
    value: int | str | None = None
    when: datetime | None = None
    amount: Decimal | None = None
    children: list[Node] = []
    named: dict[str, Node] = {}


class Model(pydantic.BaseModel):
    value: int | str | None = None
    when: datetime | None = None
    amount: Decimal | None = None
    ratio: float | None = None
    children: list[Model] = []


BODIES: list[object] = [
    Any,
    Node,
    Model,
    list[int],
    dict[int, float],
    list[Node | int],
    Annotated[list[Decimal], msgspec.Meta(max_length=3)],
]
PROTOCOLS: tuple[ProtocolName, ...] = ("asgi", "rsgi", "wsgi")
WAYS: list[tuple[ProtocolName, bool]] = [(name, interpreted) for name in PROTOCOLS for interpreted in (False, True)]


@pytest.fixture(scope="module")
def every_way() -> Any:
    """One client for each way to serve the same application."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        clients: list[TestClient] = []
        for protocol, interpreted in WAYS:
            app = fuzzed()
            app.interpreted = interpreted
            clients.append(stack.enter_context(TestClient(app, protocol=protocol)))
        yield clients


def agreed(clients: list[TestClient], method: str, target: str, **how: Any) -> tuple[int, bytes]:
    """Status and body of the answer, which are the same from all of them."""
    answers = [client.request(method, "/", extensions={"target": target.encode()}, **how) for client in clients]
    found = {(answer.status_code, answer.content, answer.headers.get("content-type")) for answer in answers}
    assert len(found) == 1, (target, how, found)
    return answers[0].status_code, answers[0].content


SEEDS = [
    "１２",
    "1_000",
    " 7 ",
    "+5",
    "1e3",
    "1.0",
    "0x1",
    "nan",
    "inf",
    "9" * 5000,
    "",
    "\0",
    "2024-05-01T10:00:00Z",
    "PT1H",
    "1e-400",
    "NaN",
    "sNaN",
]
numbers = st.from_regex(r"[-+]?[0-9_]{0,5}\.?[0-9]{0,5}([eE][-+]?[0-9]{1,12})?", fullmatch=True)
durations = st.from_regex(r"-?P([0-9]{1,12}[DWYM])?(T([0-9]{1,9}(\.[0-9]{1,9})?[HMS]){0,3})?", fullmatch=True)
texts = st.one_of(
    st.sampled_from(SEEDS),
    st.text(max_size=20),
    numbers,
    durations,
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[-+][0-9]{2}:?[0-9]{2})?)?", fullmatch=True),
    st.from_regex(r"[{]?[0-9a-fA-F-]{32,36}[}]?", fullmatch=True),
    st.sampled_from(["true", "True", "1", "0", "red", "RED", "a", "2", "-1", "null", "None"]),
)
kinds = st.integers(0, len(KINDS) - 1)
kinds_and_many = st.integers(0, len(KINDS) + len(MANY) - 1)
many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(number=kinds, text=texts)
@example(number=0, text="\ud800")
def test_any_text_in_a_path_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, text: str) -> None:
    escaped = quote(text.encode("utf-8", "surrogatepass"), safe="")
    status, _ = agreed(every_way, "GET", f"/path/{number}/{escaped}")

    assert status in (200, 404, 422)


@many
@given(number=kinds_and_many, items=st.lists(texts, max_size=3))
def test_any_text_in_a_query_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, items: list[str]) -> None:
    query = "&".join(f"value={quote(text.encode('utf-8', 'surrogatepass'), safe='')}" for text in items)
    status, _ = agreed(every_way, "GET", f"/query/{number}?{query}")

    assert status in (200, 422)


@many
@given(number=kinds_and_many, raw=st.from_regex(r"[%&=;+?/#\[\]0-9a-fvluVé-]{0,30}", fullmatch=True))
def test_any_query_string_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, raw: str) -> None:
    status, _ = agreed(every_way, "GET", f"/query/{number}?value={quote(raw, safe='%&=;+?/[]-')}")

    assert status in (200, 422)


visible = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
sendable = st.one_of(visible, numbers, durations, st.sampled_from([text for text in SEEDS if text.isascii() and text.isprintable()])).map(
    str.strip
)
"""What all servers let through in a header; what else they do differs."""


@many
@given(number=kinds_and_many, items=st.lists(sendable, max_size=3))
def test_any_text_in_a_header_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, items: list[str]) -> None:
    # On WSGI, which comes last, a header that comes several times is one, joined with commas.
    ways = every_way if len(items) < 2 else every_way[:4]
    status, _ = agreed(ways, "GET", f"/header/{number}", headers=[("value", text) for text in items])

    assert status in (200, 422)


@pytest.fixture(scope="module")
def alone_and_inside() -> Any:
    """Types that plans read in a short way when they stand alone, beside the same inside of a list, where they have only the long way."""
    app = Velo()

    @app.get("/")
    async def read(
        integer: int = 0,
        small: Annotated[int, Query(ge=-5, lt=50, multiple_of=3)] = 0,
        truth: bool = False,
        integers: Annotated[list[int], Query(alias="integer")] = [],  # noqa: B006 - copied for each request
        smalls: Annotated[list[int], Query(alias="small", ge=-5, lt=50, multiple_of=3)] = [],  # noqa: B006 - copied for each request
        truths: Annotated[list[bool], Query(alias="truth")] = [],  # noqa: B006 - copied for each request
    ) -> dict[str, Any]:
        return {"alone": [integer, small, truth], "inside": [*integers, *smalls, *truths]}

    with TestClient(app) as client:
        yield client


@many
@given(name=st.sampled_from(["integer", "small", "truth"]), text=texts | st.from_regex(r"-?[0-9]{1,25}", fullmatch=True))
@example(name="integer", text="007")
@example(name="integer", text="²")
@example(name="integer", text="9" * 4301)
@example(name="small", text="48")
def test_a_value_is_read_alike_alone_and_inside(alone_and_inside: TestClient, name: str, text: str) -> None:
    response = alone_and_inside.get("/?" + name + "=" + quote(text, errors="surrogatepass"))
    errors = [(error["message"], error["code"]) for error in response.json().get("errors", [])]

    if response.status_code == 200:
        body = response.json()
        assert body["inside"] == [body["alone"][["integer", "small", "truth"].index(name)]]
    else:
        assert response.status_code == 422
        assert len(errors) == 2
        assert len(set(errors)) == 1


@many
@given(number=kinds, items=st.lists(sendable, max_size=3))
def test_any_text_in_a_cookie_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, items: list[str]) -> None:
    status, _ = agreed(every_way, "GET", f"/cookie/{number}", headers=[("cookie", f"value={text}") for text in items])

    assert status in (200, 422)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["value", "when", "amount", "ratio", "children", "named", "1", "x"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@many
@given(
    number=st.integers(0, len(BODIES) - 1),
    value=json_values,
    cut=st.integers(0, 400),
    junk=st.sampled_from([b"", b"", b"x", b"\xff", b"]"]),
)
def test_any_body_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, value: object, cut: int, junk: bytes) -> None:
    content = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    content = content if cut > 300 else content[:cut] + junk
    status, _ = agreed(every_way, "POST", f"/body/{number}", content=content, headers={"content-type": "application/json"})

    assert status in (200, 400, 413, 422)


@many
@given(
    media_type=st.one_of(sendable, st.from_regex(r"application/[a-z.+]{0,10}json ?;? ?(charset=\"?[a-zA-Z0-9-]{0,9}\"?)?", fullmatch=True))
)
def test_any_content_type_is_answered_alike_by_all_ways(every_way: list[TestClient], media_type: str) -> None:
    status, _ = agreed(every_way, "POST", "/body/0", content=b"[1]", headers={"content-type": media_type.strip()})

    assert status in (200, 415)


def test_what_is_shown_of_a_plan_is_what_runs() -> None:
    """Names of the user's own, and nothing that the route does not use."""
    app = Velo()

    @app.post("/{item_id}")
    async def update(item_id: int, item: Item, page: Annotated[int, Query(ge=1)] = 1) -> Item:
        return item

    source = app.plan("POST", "/{item_id}").source

    for text in (
        "item_id = to_item_id(values[0], errors)",
        'page = query.get("page")',
        "await update(item_id, item, page)",
        "await receive()",
    ):
        assert text in source
    for text in ("cookies", "teardown", "request = "):
        assert text not in source


def test_a_request_and_a_response_by_any_other_name(serve: Serve) -> None:
    """Subclasses and unions of `Request` are the request, text annotations included."""
    app = Velo()

    @app.get("/")
    async def show(anything: Request, /) -> Response | None:
        return Response(anything.path)

    assert serve(app).get("/").text == "/"
