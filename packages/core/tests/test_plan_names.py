"""The source of plans: no name of the user's gets in its way."""

import ast
import asyncio
import keyword
import linecache
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from textwrap import dedent
from threading import Barrier
from typing import Annotated, Any, cast

import pytest
from plan_parts import (
    bare,
    create_item,
    nothing,
    patient,
    root,
    show_item,
    show_session,
    show_settings,
    source,
    timing,
)

from velo_core import Body, CallNext, Depends, Middleware, Query, Request, Response, SetupError, Velo
from velo_core.protocols.asgi import ADAPTER
from velo_testing import TestClient

Serve = Callable[..., TestClient]


def source_names() -> list[str]:
    """Every name that some plan uses for itself, and those that it may believe to be Python's."""
    written = [
        source(show_item, "/{item_id:int}"),
        source(create_item, method="POST"),
        source(show_settings),
        source(show_session, middleware=(timing, timing)),
        source(bare),
        source(nothing),
        source(untyped),
        source(patient, timeout_seconds=5),
    ]
    found: set[str] = {"self", "cls", "args", "list", "dict", "type", "id", "print", "__name__", "__builtins__", "async_", "_"}
    for text in written:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
                found |= {node.name, *(argument.arg for argument in node.args.args)}
    return sorted(name for name in found if not keyword.iskeyword(name))


async def untyped(page=1):  # pyright: ignore[reportMissingParameterType]: so that its result is of any type
    return page


def made(code: str, name: str) -> Callable[..., object]:
    """A function written with a name that is only known here."""
    namespace: dict[str, object] = {"asyncio": asyncio, "Annotated": Annotated, "Depends": Depends, "Query": Query, "Body": Body}
    exec(dedent(code).replace("NAME", name), namespace)  # noqa: S102 - names found in plans
    return cast("Callable[..., object]", namespace["made"])


PARAMETERS = """
async def made(NAME: Annotated[int, Query()], *, beside: str = "") -> int:
    await asyncio.sleep(0)
    return NAME + 1
"""


KEYWORD_ONLY = """
def made(*, NAME: Annotated[list[int], Query()]) -> list[int]:
    return [*NAME, 1]
"""


BODIES = """
async def made(NAME: Annotated[dict[str, int], Body()], beside: int = 1) -> int:
    return NAME["x"] + beside
"""


def test_no_name_of_a_parameter_gets_in_the_way(serve: Serve) -> None:
    app = Velo(timeout_seconds=5)
    names = source_names()
    assert {"errors", "request", "values", "query", "response", "encode", "plan", "hop", "content", "call_2", "LENGTHS", "watch"} <= set(
        names
    )
    for name in names:
        app.get(f"/value/{name}")(made(PARAMETERS, name))
        app.get(f"/keyword/{name}", middleware=[timing])(made(KEYWORD_ONLY, name))
        app.post(f"/body/{name}")(made(BODIES, name))
    client = serve(app)

    for name in names:
        assert (name, client.get(f"/value/{name}?{name}=1").text) == (name, "2")
        assert (name, client.get(f"/value/{name}?{name}=x").status_code) == (name, 422)
        assert (name, client.get(f"/keyword/{name}?{name}=1&{name}=2").text) == (name, "[1,2,1]")
        assert (name, client.post(f"/body/{name}?beside=2", json={"x": 1}).text) == (name, "3")


@pytest.mark.parametrize("kind", ["handler", "dependency", "middleware"])
def test_no_name_of_a_function_gets_in_the_way(serve: Serve, kind: str) -> None:
    app = Velo(timeout_seconds=5)
    names = source_names()

    def renamed(function: Callable[..., object], name: str) -> Callable[..., object]:
        function.__name__ = name
        return function

    for name in names:

        async def dependency(page: int = 1) -> int:
            return page

        async def around(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers.add("x-around", "1")
            return response

        async def handler(
            value: Annotated[int, Depends(renamed(dependency, name if kind == "dependency" else "dependency"))], page: int = 1
        ) -> int:
            await asyncio.sleep(0)
            return value + page

        app.get(f"/{name}", middleware=[cast("Middleware", renamed(around, name if kind == "middleware" else "around"))] * 2)(
            renamed(handler, name if kind == "handler" else "handler")
        )
    client = serve(app)

    for name in names:
        response = client.get(f"/{name}?page=2")
        assert (name, response.text, response.headers.get_list("x-around")) == (name, "4", ["1", "1"])


def test_functions_can_have_any_name_or_none(serve: Serve) -> None:
    app = Velo()

    class CallableObject:
        def __call__(self, page: int = 1) -> int:
            return page + 1

    async def ordinary(page: int = 1) -> int:
        return page + 1

    functions: list[Callable[..., object]] = [lambda: 3, CallableObject(), partial(ordinary), partial(ordinary, page=2)]
    for name in ("class", "async", "żółw", "two words", "1st", "a-b", 'quo"te', "line\nbreak", "", "return", "None"):

        async def handler(page: int = 1) -> int:
            return page + 1

        handler.__name__ = name
        handler.__qualname__ = name
        functions.append(handler)
    for number, function in enumerate(functions):
        app.get(f"/{number}", response_model=int)(function)
    client = serve(app)

    assert [client.get(f"/{number}?page=2").json() for number in range(len(functions))] == [3] * len(functions)


def test_parameters_can_be_positional_only_keyword_only_and_open(serve: Serve) -> None:
    app = Velo()

    @app.get("/{first}")
    async def show(first: str, /, second: int, third: int = 3, *rest: str, fourth: int, fifth: int = 5, **more: str) -> list[object]:
        return [first, second, third, rest, fourth, fifth, more]

    assert serve(app).get("/1?second=2&fourth=4&rest=x&more=y&other=z").json() == ["1", 2, 3, [], 4, 5, {}]


def test_parameters_can_have_names_that_are_not_ascii(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(größe: int, grobe: int, *, größer: int) -> list[int]:  # noqa: PLC2401 - the point of it
        return [größe, grobe, größer]

    assert serve(app).get("/", params={"größe": 1, "grobe": 2, "größer": 3}).json() == [1, 2, 3]


def test_texts_of_the_user_stay_texts(serve: Serve) -> None:
    """Aliases and defaults go into the source; none of them is ever code."""
    app = Velo()
    hostile = '"); import os; os._exit(1) #\\\n'

    @app.get("/")
    async def show(
        a: Annotated[str, Query(alias=hostile)], b: str = hostile, c: Annotated[str | None, Query(alias="it's")] = None
    ) -> list[str | None]:
        return [a, b, c]

    @app.get('/"""/{name}')
    async def quotes(name: str) -> str:
        return name

    client = serve(app)

    assert client.get("/", params={hostile: "1", "it's": "2"}).json() == ["1", hostile, "2"]
    assert client.get('/"""/x').text == "x"


@pytest.mark.parametrize("default", [[], {}, [1], {"a": [1]}, {1}], ids=str)
def test_a_default_that_can_be_changed_is_new_for_each_request(serve: Serve, default: object) -> None:
    app = Velo()

    @app.get("/")
    async def show(value: Annotated[list[int], Query()] = cast("list[int]", default)) -> int:  # noqa: B008 - the same object for all
        grow: dict[type, Callable[[Any], object]] = {
            list: lambda grown: grown.append(1),
            dict: lambda grown: grown.setdefault("a", []).append(1),
            set: lambda grown: grown.add(len(grown) + 100),
        }
        grow[type(cast("object", value))](value)
        return len(str(value))

    client = serve(app)

    assert len({client.get("/").text for _ in range(3)}) == 1


def test_more_parameters_than_anyone_needs_are_read_in_order(serve: Serve) -> None:
    names = [f"p{number}" for number in range(200)]
    app = Velo()
    app.get("/")(
        made(f"async def made({', '.join(f'{name}: int = 0' for name in names)}) -> list[int]:\n    return [{', '.join(names)}]\n", "NAME")
    )
    client = serve(app)

    assert client.get("/", params={name: str(number) for number, name in enumerate(names)}).json() == list(range(200))


def test_handlers_of_one_shape_are_told_apart(serve: Serve) -> None:
    """What is found out for one handler holds for others that take the same, and only for those."""
    app = Velo()

    def add(path: str, name: str, default: object = 1, kind: Any = int, keyword: bool = False, plain: bool = False) -> None:
        made: dict[str, Any] = {"kind": kind, "default": default}
        star, define = "*, " if keyword else "", "def" if plain else "async def"
        source = f"{define} handler(item_id: kind, {star}page: kind = default) -> list[object]:\n    return [{path!r}, item_id, page]\n"
        exec(source, made)  # noqa: S102 - the source above
        made["handler"].__name__ = name
        app.get(path)(made["handler"])

    add("/a/{item_id}", "a")
    add("/b/{item_id}", "b")
    add("/keyword/{item_id}", "keyword", keyword=True)
    add("/plain/{item_id}", "plain", plain=True)
    add("/again/{item_id}", "again", plain=True)
    add("/true/{item_id}", "true", default=True)
    add("/float/{item_id}", "float", default=1.0)
    add("/text/{item_id}", "text", kind=str, default="x")
    add("/made/{item_id:int}", "made")
    add("/page/{page}/{item_id}", "both")
    for number, name in enumerate(("item_id", "page", "result", "send", "class", "ü", "<lambda>", "a", "a_2", "value")):
        add(f"/named/{number}/{{item_id}}", name)
    client = serve(app)

    def answer(path: str) -> object:
        found = client.get(path).json()
        assert found[0].partition("{")[0] == path[: len(found[0].partition("{")[0])]
        return repr(found[1:])

    for path in ("a", "b", "keyword", "plain", "again", "made", *(f"named/{number}" for number in range(10))):
        assert answer(f"/{path}/7") == "[7, 1]"
        assert answer(f"/{path}/8?page=2") == "[8, 2]"
        wrong = client.get(f"/{path}/9?page=x")
        assert (wrong.status_code, [error["loc"] for error in wrong.json()["errors"]]) == (422, [["query", "page"]])
    assert [answer("/true/7"), answer("/float/7"), answer("/text/7")] == ["[7, True]", "[7, 1.0]", "['7', 'x']"]
    assert answer("/page/5/7") == "[7, 5]"
    assert client.get("/made/x").status_code == 404
    assert client.get("/a/x").status_code == 422
    assert "await b(" in app.plan("GET", "/b/{item_id}").source


def test_a_handler_that_is_like_another_one_has_mistakes_of_its_own() -> None:
    app = Velo()

    @app.get("/a/{item_id}")
    async def first(item_id: int) -> None: ...
    @app.get("/b/{other}")
    async def second(item_id: int) -> None: ...
    @app.get("/c/{item_id}", pool="none")
    def third(item_id: int) -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()
    assert [problem.code for problem in caught.value.problems] == ["VELO_PATH_PARAMETER", "VELO_POOL"]


def test_a_plan_is_written_at_its_first_request() -> None:
    app = Velo()
    for number in range(3):
        app.get(f"/written-late-{number}")(root)

    def written() -> list[str]:
        return [name for name in linecache.cache if name.startswith("<plan GET /written-late-")]

    with TestClient(app) as client:
        assert written() == []
        assert client.get("/written-late-1").text == client.get("/written-late-1").text
        assert written() == ["<plan GET /written-late-1>"]


def test_first_requests_from_many_threads_write_a_plan_once() -> None:
    app = Velo()

    @app.get("/at-once")
    async def at_once(page: int = 1) -> int:
        return page

    table = app.bind(ADAPTER)
    (run, values), together = table.find("GET", "/at-once"), Barrier(8)
    scope: dict[str, object] = {"type": "http", "query_string": b"page=2", "headers": [], "method": "GET", "path": "/at-once"}

    def call(number: int) -> object:
        sent: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        together.wait()
        coroutine = run(scope, None, send, values)
        with pytest.raises(StopIteration):
            coroutine.send(None)
        return sent[1]["body"]

    with ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(call, range(8)))

    assert bodies == [b"2"] * 8
    assert [name for name in linecache.cache if name.startswith("<plan GET /at-once")] == ["<plan GET /at-once>"]
    assert table.find("GET", "/at-once")[0] is run
