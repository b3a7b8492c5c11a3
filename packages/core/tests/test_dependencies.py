"""What runs before a handler: found, shared, ordered, overridden, and where each function runs."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import pytest

from velo_core import Depends, Header, HTTPError, Path, Query, Request, Router, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


# What can be a dependency.


async def a_coroutine() -> str:
    return "coroutine"


def a_function() -> str:
    return "function"


async def an_async_generator() -> AsyncIterator[str]:
    yield "async generator"


def a_generator() -> Iterator[str]:
    yield "generator"


class AClass:
    def __init__(self, page: int = 1) -> None:
        self.page = page

    def __str__(self) -> str:
        return f"class {self.page}"


class ACallable:
    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self) -> str:
        return self.text

    def method(self) -> str:
        return f"method of {self.text}"


class AnAsyncCallable:
    async def __call__(self) -> str:
        return "async callable"


class AGeneratorCallable:
    def __call__(self) -> Iterator[str]:
        yield "generator callable"


class AnAsyncGeneratorCallable:
    async def __call__(self) -> AsyncIterator[str]:
        yield "async generator callable"


@dataclass
class Unhashable:
    """A dataclass that compares has no hash, and makes a handy configurable dependency."""

    role: str

    def __call__(self) -> str:
        return f"role {self.role}"


async def with_argument(prefix: str, page: int = 1) -> str:
    return f"{prefix} {page}"


async def generate_with_argument(prefix: str, page: int = 1) -> AsyncIterator[str]:
    yield f"{prefix} {page}"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (a_coroutine, "coroutine"),
        (a_function, "function"),
        (an_async_generator, "async generator"),
        (a_generator, "generator"),
        (AClass, "class 1"),
        (ACallable("callable object"), "callable object"),
        (ACallable("x").method, "method of x"),
        (AnAsyncCallable(), "async callable"),
        (AGeneratorCallable(), "generator callable"),
        (AnAsyncGeneratorCallable(), "async generator callable"),
        (Unhashable("admin"), "role admin"),
        (partial(with_argument, "partial"), "partial 1"),
        (partial(partial(with_argument), "partial of partial"), "partial of partial 1"),
        (partial(generate_with_argument, "partial generator"), "partial generator 1"),
        (lambda: "lambda", "lambda"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_dependency_can_be_anything_that_can_be_called(serve: Serve, function: Callable[..., object], expected: str) -> None:
    app = Velo()

    @app.get("/")
    async def show(value: Annotated[object, Depends(function)]) -> str:
        return str(value)

    assert serve(app).get("/").text == expected


def test_a_dependency_has_parameters_like_a_handler(serve: Serve) -> None:
    app = Velo()

    async def page_of(page: int, x_trace: Annotated[str, Header()], item_id: Annotated[int, Path()]) -> str:
        return f"{item_id}:{page}:{x_trace}"

    @app.get("/items/{item_id}")
    async def show(value: Annotated[str, Depends(page_of)]) -> str:
        return value

    client = serve(app)

    assert client.get("/items/7?page=2", headers={"x-trace": "t"}).text == "7:2:t"
    response = client.get("/items/7?page=two")
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"loc": ["query", "page"], "message": response.json()["errors"][0]["message"], "code": "type"},
        {"loc": ["header", "x-trace"], "message": "This value is required", "code": "missing"},
    ]


def test_a_dependency_can_be_a_default(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(value: str = Depends(a_coroutine)) -> str:
        return value

    assert serve(app).get("/").text == "coroutine"


def test_dependencies_nest(serve: Serve) -> None:
    app = Velo()

    async def one(number: int = 1) -> int:
        return number

    def two(one: Annotated[int, Depends(one)]) -> int:
        return one * 2

    async def four(two: Annotated[int, Depends(two)], one: Annotated[int, Depends(one)]) -> int:
        return two * 2 + one

    @app.get("/")
    def show(four: Annotated[int, Depends(four)]) -> int:
        return four

    client = serve(app)

    assert client.get("/").json() == 5
    assert client.get("/?number=10").json() == 50


# Sharing.


def test_all_who_ask_in_one_request_share_one_result_and_the_next_request_gets_a_new_one(serve: Serve) -> None:
    app = Velo()
    made: list[object] = []

    async def session() -> list[int]:
        made.append(object())
        return [len(made)]

    async def users(session: Annotated[list[int], Depends(session)]) -> list[int]:
        session.append(0)
        return session

    @app.get("/")
    async def show(users: Annotated[list[int], Depends(users)], mine: Annotated[list[int], Depends(session)]) -> list[int]:
        assert users is mine
        return mine

    client = serve(app)

    assert client.get("/").json() == [1, 0]
    assert client.get("/").json() == [2, 0]


def test_without_caching_everyone_gets_a_result_of_their_own(serve: Serve) -> None:
    app = Velo()
    counts = iter(range(1, 100))

    def count() -> int:
        return next(counts)

    async def nested(number: Annotated[int, Depends(count, cached=False)]) -> int:
        return number

    @app.get("/")
    async def show(
        first: Annotated[int, Depends(count, cached=False)],
        second: Annotated[int, Depends(count, cached=False)],
        third: Annotated[int, Depends(nested)],
        shared: Annotated[int, Depends(count)],
        again: Annotated[int, Depends(count)],
    ) -> list[int]:
        return [first, second, third, shared, again]

    assert serve(app).get("/").json() == [1, 2, 3, 4, 4]


def test_a_result_that_was_not_wanted_first_is_there_for_who_wants_it_later(serve: Serve) -> None:
    """The router runs it for its effect, the handler takes the result: one call."""
    calls: list[str] = []

    async def user() -> str:
        calls.append("user")
        return "ann"

    app = Velo(dependencies=[Depends(user)])

    @app.get("/")
    async def show(user: Annotated[str, Depends(user)]) -> str:
        return user

    assert serve(app).get("/").text == "ann"
    assert calls == ["user"]


# Where they come from.


def test_dependencies_of_app_router_and_route_run_in_that_order_before_those_of_the_handler(serve: Serve) -> None:
    calls: list[str] = []

    def note(name: str) -> Callable[[], object]:
        async def noting() -> str:
            calls.append(name)
            return name

        return noting

    app = Velo(dependencies=[Depends(note("app"))])
    outer = Router("/outer", dependencies=[Depends(note("outer"))])
    inner = Router("/inner", dependencies=[Depends(note("inner"))])
    inner.add_dependency(Depends(note("inner, added")))
    own = note("handler")

    @inner.get("/", dependencies=[Depends(note("route"))])
    async def show(value: Annotated[str, Depends(own)]) -> str:
        return value

    @app.get("/")
    async def root() -> str:
        return "root"

    outer.include(inner)
    app.include(outer)
    client = serve(app)

    assert client.get("/outer/inner/").text == "handler"
    assert calls == ["app", "outer", "inner", "inner, added", "route", "handler"]
    calls.clear()
    assert client.get("/").text == "root"
    assert calls == ["app"]


def test_something_that_is_not_a_dependency_is_refused_where_it_is_given() -> None:
    for give in (
        lambda: Velo(dependencies=[a_coroutine]),
        lambda: Router(dependencies=[a_coroutine]),
        lambda: Router().add_dependency(a_coroutine),
        lambda: Router().get("/", dependencies=[a_coroutine])(a_function),
    ):
        with pytest.raises(SetupError, match=r"write Depends\(a_coroutine\)") as caught:
            give()
        assert caught.value.code == "VELO_DEPENDENCY"


# Overrides.


def test_an_override_takes_the_place_and_has_parameters_of_its_own(serve: Serve) -> None:
    app = Velo()

    async def user(authorization: Annotated[str, Header()]) -> str:
        raise AssertionError("replaced")

    async def tenant(user: Annotated[str, Depends(user)]) -> str:
        return f"tenant of {user}"

    async def fake_user(name: str, request: Request) -> str:
        return f"{name} at {request.path}"

    @app.get("/who")
    async def show(tenant: Annotated[str, Depends(tenant)]) -> str:
        return tenant

    app.dependency_overrides[user] = fake_user
    client = serve(app)

    assert client.get("/who?name=ann").text == "tenant of ann at /who"
    assert client.get("/who").json()["errors"] == [{"loc": ["query", "name"], "message": "This value is required", "code": "missing"}]


def test_an_override_may_be_a_generator_in_place_of_a_function(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []

    def session() -> str:
        return "real"

    async def fake() -> AsyncIterator[str]:
        yield "fake"
        events.append("closed")

    @app.get("/")
    async def show(session: Annotated[str, Depends(session)]) -> str:
        return session

    app.dependency_overrides[session] = fake

    assert serve(app).get("/").text == "fake"
    assert events == ["closed"]


def test_overrides_hold_for_the_dependencies_of_routers_too(serve: Serve) -> None:
    async def refuse() -> None:
        raise HTTPError(401)

    async def allow() -> None:
        return None

    app = Velo()
    router = Router("/r", dependencies=[Depends(refuse)])

    @router.get("")
    async def show() -> str:
        return "in"

    app.include(router)
    app.dependency_overrides[refuse] = allow

    assert serve(app).get("/r").text == "in"


def test_overrides_can_change_between_two_starts_of_one_application(serve: Serve) -> None:
    """As test suites do it that share one application: each test sets its own, and none sees those of the one before."""
    app = Velo()

    @app.get("/")
    async def show(value: Annotated[str, Depends(a_coroutine)]) -> str:
        return value

    texts: list[str] = []
    replacements: list[Callable[..., object] | None] = [None, a_function, with_argument, None]
    for replacement in replacements:
        app.dependency_overrides.clear()
        if replacement is not None:
            app.dependency_overrides[a_coroutine] = replacement
        client = serve(app)
        texts.append(client.get("/?prefix=page").text)
        client.close()

    assert texts == ["coroutine", "function", "page 1", "coroutine"]


# What is wrong with them.


def test_a_circle_of_dependencies_is_reported_with_its_path() -> None:
    app = Velo()

    async def first(second: object) -> None: ...
    async def second(third: object) -> None: ...
    async def third(first: object) -> None: ...

    first.__annotations__["second"] = Annotated[object, Depends(second)]
    second.__annotations__["third"] = Annotated[object, Depends(third)]
    third.__annotations__["first"] = Annotated[object, Depends(first)]

    @app.get("/")
    async def show(value: Annotated[object, Depends(first)]) -> None: ...

    with pytest.raises(SetupError, match=r"first -> second -> third -> first \(.*test_dependencies\.py:\d+\)") as caught:
        app.freeze()
    assert caught.value.code == "VELO_DEPENDENCY_CYCLE"


def test_a_dependency_without_parameters_that_fit_is_reported_with_its_place() -> None:
    app = Velo()

    async def user(token: Annotated[str, Path()]) -> str:
        return token

    @app.get("/")
    async def show(user: Annotated[str, Depends(user)]) -> None: ...

    with pytest.raises(SetupError, match=r"GET /: parameter 'token' of user \(.*test_dependencies\.py:\d+\) is a path parameter"):
        app.freeze()


def test_a_handler_that_is_a_context_manager_is_reported() -> None:
    """What it opens would be closed before it was sent."""
    app = Velo()

    @app.get("/a")
    @asynccontextmanager
    async def session() -> AsyncGenerator[bytes]:
        yield b""

    @app.get("/b")
    @contextmanager
    def plain_session() -> Generator[bytes]:
        yield b""

    with pytest.raises(SetupError, match="take what it opens as a dependency") as caught:
        app.freeze()
    assert [problem.code for problem in caught.value.problems] == ["VELO_HANDLER", "VELO_HANDLER"]
    assert "session" in caught.value.problems[0].message
    assert "plain_session" in caught.value.problems[1].message


def test_what_is_not_called_in_annotated_is_a_mistake() -> None:
    """A guard without `Depends` would let everybody in, and its value would be read from the query."""

    def current_user() -> str: ...

    async def guarded(user: Annotated[str, current_user]) -> str:
        return user

    async def named(user: Annotated[str, Depends]) -> str:
        return user

    async def marked(page: Annotated[int, Query]) -> int:
        return page

    for handler, meant in ((guarded, "Depends(current_user)"), (named, "Depends(function)"), (marked, "Query()")):
        app = Velo()
        app.get("/")(handler)
        with pytest.raises(SetupError, match=f"which does nothing there; write {re.escape(meant)}") as caught:
            app.freeze()
        assert caught.value.code == "VELO_ANNOTATION"
