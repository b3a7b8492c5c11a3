"""Dependencies that live as long as the handler, and those that live as long as the application."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Annotated

import pytest

from velo_core import CallNext, Depends, HTTPError, Lifetime, Query, Request, Router, SetupError, StreamingResponse, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


# Handler.


@pytest.mark.parametrize("around", [False, True], ids=["bare", "in middleware"])
@pytest.mark.parametrize("kind", ["coroutine", "plain"])
def test_what_a_commit_raises_is_answered(serve: Serve, kind: str, around: bool) -> None:
    """The whole reason for this lifetime: the client is not told of a success that there was not."""
    app = Velo()

    async def transaction() -> AsyncIterator[str]:
        yield "transaction"
        raise HTTPError(409, "Somebody was faster.")

    def plain_transaction() -> Iterator[str]:
        yield "transaction"
        raise HTTPError(409, "Somebody was faster.")

    @app.get("/")
    async def show(it: Annotated[str, Depends(transaction if kind == "coroutine" else plain_transaction, lifetime="handler")]) -> str:
        return it

    if around:

        @app.middleware
        async def pass_on(request: Request, call_next: CallNext) -> object:
            return await call_next(request)

    response = serve(app).get("/")

    assert response.status_code == 409
    assert response.json()["detail"] == "Somebody was faster."


def test_what_a_commit_raises_reaches_what_lives_longer(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []

    async def connection() -> AsyncIterator[str]:
        try:
            yield "connection"
        except HTTPError as error:
            events.append(f"connection got {error.status_code}")
            raise

    async def transaction(connection: Annotated[str, Depends(connection)]) -> AsyncIterator[str]:
        yield connection
        raise HTTPError(409)

    @app.get("/")
    async def show(it: Annotated[str, Depends(transaction, lifetime="handler")]) -> str:
        return it

    assert serve(app).get("/").status_code == 409
    assert events == ["connection got 409"]


def test_a_result_that_cannot_be_written_is_rolled_back(serve: Serve) -> None:
    """It is written while the transaction is open: there is no success before there is an answer."""
    app = Velo()
    events: list[str] = []

    async def transaction() -> AsyncIterator[None]:
        try:
            yield
        except TypeError:
            events.append("roll back")
            raise
        events.append("commit")

    @app.get("/", dependencies=[Depends(transaction, lifetime="handler")])
    async def show() -> object:
        return object()

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 500
    assert events == ["roll back"]


def test_what_ends_with_the_handler_ends_before_what_ends_with_the_request(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []

    def tracked(name: str) -> Callable[[], AsyncIterator[str]]:
        async def track() -> AsyncIterator[str]:
            yield name
            events.append(name)

        return track

    @app.get("/")
    async def show(
        one: Annotated[str, Depends(tracked("handler 1"), lifetime="handler")],
        two: Annotated[str, Depends(tracked("request 1"))],
        three: Annotated[str, Depends(tracked("handler 2"), lifetime="handler")],
        four: Annotated[str, Depends(tracked("request 2"))],
    ) -> None: ...

    serve(app).get("/")

    assert events == ["handler 2", "handler 1", "request 2", "request 1"]


def test_what_has_a_tear_down_cannot_outlive_what_it_asks_for() -> None:
    app = Velo()

    async def transaction() -> AsyncIterator[str]:
        yield "transaction"

    def repository(transaction: Annotated[str, Depends(transaction, lifetime="handler")]) -> str:
        return transaction

    async def report(repository: Annotated[str, Depends(repository)]) -> AsyncIterator[str]:
        yield repository

    @app.get("/fine")
    async def fine(repository: Annotated[str, Depends(repository)]) -> None: ...

    @app.get("/")
    async def show(report: Annotated[str, Depends(report)]) -> None: ...

    with pytest.raises(SetupError, match=r"GET /: report \(.*:\d+\) lives as long as the request, but asks for repository") as caught:
        app.freeze()
    assert [problem.code for problem in caught.value.problems] == ["VELO_LIFETIME"]


def test_a_lifetime_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(SetupError, match="'session' is no lifetime") as caught:
        Depends(len, lifetime="session")  # pyright: ignore[reportCallIssue, reportArgumentType]: the mistake itself
    assert caught.value.code == "VELO_LIFETIME"


# Context managers.


class AsyncManaged:
    def __init__(self, page: int = 1) -> None:
        self.events = [f"page {page}"]

    async def __aenter__(self) -> list[str]:
        self.events.append("entered")
        return self.events

    async def __aexit__(self, *error: object) -> None:
        self.events.append("left")


class Managed:
    def __init__(self, page: int = 1) -> None:
        self.events = [f"page {page}"]

    def __enter__(self) -> list[str]:
        self.events.append("entered")
        return self.events

    def __exit__(self, *error: object) -> None:
        self.events.append("left")


@asynccontextmanager
async def async_managed(page: int = 1) -> AsyncGenerator[list[str]]:
    events = [f"page {page}", "entered"]
    yield events
    events.append("left")


@contextmanager
def managed(page: int = 1) -> Generator[list[str]]:
    events = [f"page {page}", "entered"]
    yield events
    events.append("left")


class Factory:
    @asynccontextmanager
    async def method(self, page: int = 1) -> AsyncGenerator[list[str]]:
        events = [f"page {page}", "entered"]
        yield events
        events.append("left")


@pytest.mark.parametrize(
    "function",
    [AsyncManaged, Managed, async_managed, managed, Factory().method, partial(managed)],
    ids=["async class", "class", "async function", "function", "method", "partial"],
)
@pytest.mark.parametrize("lifetime", ["handler", "request"])
def test_context_managers_are_entered_and_left(serve: Serve, function: Callable[..., object], lifetime: Lifetime) -> None:
    app = Velo()
    seen: list[list[str]] = []

    @app.get("/")
    async def show(events: Annotated[list[str], Depends(function, lifetime=lifetime)]) -> list[str]:
        seen.append(events)
        return events

    assert serve(app).get("/?page=2").json() == ["page 2", "entered"]
    assert seen == [["page 2", "entered", "left"]]


def test_the_error_of_a_handler_reaches_a_context_manager(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []

    @asynccontextmanager
    async def session() -> AsyncGenerator[None]:
        try:
            yield
        except HTTPError as error:
            events.append(f"session got {error.status_code}")
            raise HTTPError(418) from error

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> None:
        raise HTTPError(409)

    assert serve(app).get("/").status_code == 418
    assert events == ["session got 409"]


# Application.


class Settings:
    url = "sqlite://"


class Engine:
    def __init__(self, url: str) -> None:
        self.url = url
        self.is_open = True


async def make_settings() -> Settings:
    return Settings()


def test_an_app_value_is_made_once_at_start_and_torn_down_at_the_end(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []

    async def make_engine(settings: Annotated[Settings, Depends(make_settings, lifetime="app")]) -> AsyncIterator[Engine]:
        events.append("engine opened")
        engine = Engine(settings.url)
        yield engine
        events.append("engine closed")

    @contextmanager
    def make_pool(engine: Annotated[Engine, Depends(make_engine, lifetime="app")]) -> Generator[list[Engine]]:
        events.append("pool opened")
        yield [engine]
        events.append("pool closed")

    @app.get("/")
    async def show(
        pool: Annotated[list[Engine], Depends(make_pool, lifetime="app")],
        engine: Annotated[Engine, Depends(make_engine, lifetime="app")],
    ) -> bool:
        events.append("handler")
        return pool[0] is engine

    @app.get("/other")
    def other(engine: Annotated[Engine, Depends(make_engine, lifetime="app")]) -> str:
        return engine.url

    client = serve(app)

    assert events == ["engine opened", "pool opened"]
    assert client.get("/").json() is True
    assert client.get("/other").text == "sqlite://"
    client.close()
    assert events == ["engine opened", "pool opened", "handler", "pool closed", "engine closed"]


def test_an_app_value_is_a_constant_in_the_plan() -> None:
    app = Velo()

    @app.get("/")
    async def show(settings: Annotated[Settings, Depends(make_settings, lifetime="app")]) -> str:
        return settings.url

    source = app.plan("GET", "/").source

    assert "result = await show(settings)" in source
    assert "make_settings" not in source
    assert "teardown" not in source


def test_each_start_makes_new_app_values(serve: Serve) -> None:
    app = Velo()
    numbers = iter(range(10))

    def number() -> int:
        return next(numbers)

    @app.get("/")
    async def show(number: Annotated[int, Depends(number, lifetime="app")]) -> int:
        return number

    for expected in (0, 1):
        client = serve(app)
        assert [client.get("/").json() for _ in range(2)] == [expected, expected]
        client.close()


def test_app_values_can_be_overridden_between_two_starts(serve: Serve) -> None:
    app = Velo()

    def real() -> str:
        return "real"

    def fake(settings: Annotated[Settings, Depends(make_settings, lifetime="app")]) -> str:
        return f"fake {settings.url}"

    @app.get("/")
    async def show(value: Annotated[str, Depends(real, lifetime="app")]) -> str:
        return value

    for overridden, expected in ((False, "real"), (True, "fake sqlite://"), (False, "real")):
        app.dependency_overrides = {real: fake} if overridden else {}
        client = serve(app)
        assert client.get("/").text == expected
        client.close()


def test_app_values_that_do_not_need_each_other_are_made_at_the_same_time(serve: Serve) -> None:
    app = Velo()
    both = asyncio.Barrier(2)

    async def one() -> str:
        await asyncio.wait_for(both.wait(), 60)
        return "one"

    async def two() -> str:
        await asyncio.wait_for(both.wait(), 60)
        return "two"

    @app.get("/")
    async def show(one: Annotated[str, Depends(one, lifetime="app")], two: Annotated[str, Depends(two, lifetime="app")]) -> str:
        return one + two

    assert serve(app).get("/").text == "onetwo"


def test_a_failed_start_closes_what_was_open(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []

    async def first() -> AsyncIterator[str]:
        events.append("opened")
        try:
            yield "first"
        finally:
            events.append("closed")

    async def second(first: Annotated[str, Depends(first, lifetime="app")]) -> str:
        raise ConnectionError("the database is away")

    @app.get("/")
    async def show(second: Annotated[str, Depends(second, lifetime="app")]) -> None: ...

    with pytest.raises(Exception, match="the database is away"):
        serve(app)
    assert events == ["opened", "closed"]


def test_the_lifespan_runs_inside_of_the_app_values(serve: Serve) -> None:
    """So it can use them, in a scope."""
    events: list[str] = []

    async def engine() -> AsyncIterator[str]:
        events.append("engine opened")
        yield "engine"
        events.append("engine closed")

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        async with app.scope() as scope:
            events.append(f"started with {await scope.call(use)}")
        yield
        events.append("stopped")

    async def use(engine: Annotated[str, Depends(engine, lifetime="app")]) -> str:
        return engine

    app = Velo(lifespan=lifespan)

    @app.get("/")
    async def show(engine: Annotated[str, Depends(engine, lifetime="app")]) -> None: ...

    serve(app).close()

    assert events == ["engine opened", "started with engine", "stopped", "engine closed"]


def test_without_a_start_only_the_routes_that_need_it_fail_and_say_why() -> None:
    app = Velo()

    @app.get("/settings")
    async def show(settings: Annotated[Settings, Depends(make_settings, lifetime="app")]) -> str:
        return settings.url

    @app.get("/")
    async def index() -> str:
        return "index"

    answers: list[object] = []

    async def request(path: str) -> None:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, object]) -> None:
            answers.append(message.get("status"))

        scope: dict[str, object] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [],
            "http_version": "1.1",
        }
        await app(scope, receive, send)

    async def run() -> None:
        await request("/")
        await request("/settings")
        await app.startup()
        await request("/settings")
        await app.shutdown()
        await request("/settings")

    asyncio.run(run())

    assert [status for status in answers if status] == [200, 500, 200, 500]


@pytest.mark.parametrize("lifetime", ["request", "handler"])
def test_an_app_value_can_only_ask_for_app_values(lifetime: Lifetime) -> None:
    app = Velo()

    async def open_session() -> AsyncIterator[str]:
        yield "session"

    def make_pool(session: Annotated[str, Depends(open_session, lifetime=lifetime)]) -> str:
        return session

    @app.get("/")
    async def show(pool: Annotated[str, Depends(make_pool, lifetime="app")]) -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()
    assert caught.value.code == "VELO_LIFETIME"
    assert "make_pool" in str(caught.value)
    assert "open_session" in str(caught.value)
    assert f"lifetime is {lifetime!r}" in str(caught.value)


def test_an_app_value_keeps_its_defaults_and_cannot_read_a_request() -> None:
    app = Velo()

    def fine(url: str = "sqlite://") -> str:
        return url

    def by_marker(page: Annotated[int, Query()] = 1) -> int:
        return page

    def by_request(request: Request) -> str:
        return request.path

    def by_name(page: int) -> int:
        return page

    for index, function in enumerate((fine, by_marker, by_request, by_name)):

        @app.get(f"/{index}")
        async def show(value: Annotated[object, Depends(function, lifetime="app")]) -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()
    assert [problem.code for problem in caught.value.problems] == ["VELO_NO_REQUEST"] * 3
    for name, problem in zip(("by_marker", "by_request", "by_name"), caught.value.problems, strict=True):
        assert f"of {name} (" in problem.message


def test_a_client_cannot_set_the_default_of_an_app_value(serve: Serve) -> None:
    app = Velo()

    def url(url: str = "sqlite://") -> str:
        return url

    @app.get("/")
    async def show(url: Annotated[str, Depends(url, lifetime="app")]) -> str:
        return url

    assert serve(app).get("/?url=evil").text == "sqlite://"


def test_a_circle_of_app_values_is_reported() -> None:
    app = Velo()

    async def first(second: object) -> None: ...
    async def second(first: object) -> None: ...

    first.__annotations__["second"] = Annotated[object, Depends(second, lifetime="app")]
    second.__annotations__["first"] = Annotated[object, Depends(first, lifetime="app")]

    @app.get("/")
    async def show(value: Annotated[object, Depends(first, lifetime="app")]) -> None: ...

    with pytest.raises(SetupError, match="first -> second -> first") as caught:
        app.freeze()
    assert caught.value.code == "VELO_DEPENDENCY_CYCLE"


def test_an_app_value_without_a_name_of_its_own_is_made_for_its_effect(serve: Serve) -> None:
    events: list[str] = []

    async def warm_up() -> None:
        events.append("warm")

    app = Velo(dependencies=[Depends(warm_up, lifetime="app")])
    router = Router("/r")

    @router.get("")
    async def show() -> str:
        return "shown"

    app.include(router)
    client = serve(app)

    assert events == ["warm"]
    assert client.get("/r").text == "shown"
    assert events == ["warm"]


def test_a_stream_can_use_what_lives_as_long_as_the_request(serve: Serve) -> None:
    app = Velo()
    is_open = False

    async def session() -> AsyncIterator[Callable[[], bool]]:
        nonlocal is_open
        is_open = True
        yield lambda: is_open
        is_open = False

    @app.get("/{lifetime}")
    async def show(request: Request, is_open: Annotated[Callable[[], bool], Depends(session)]) -> StreamingResponse:
        async def content() -> AsyncIterator[str]:
            yield str(is_open())

        return StreamingResponse(content())

    assert serve(app).get("/request").text == "True"
