"""Dependencies that yield: what reaches them, when they are closed, and in which order."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Annotated, Any, cast

import pytest

from velo_core import Depends, HTTPError, JSONResponse, Request, Response, StreamingResponse, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]
Events = list[str]
Message = MutableMapping[str, Any]

both = pytest.mark.parametrize("kind", ["coroutine", "plain"])


def tracked(events: Events, kind: str, name: str = "session") -> Callable[[], object]:
    """A dependency of one of the two kinds that writes down what happens to it."""

    async def in_loop() -> AsyncIterator[str]:
        events.append(f"{name} opened")
        try:
            yield name
        except BaseException as error:
            events.append(f"{name} got {type(error).__name__}")
            raise
        else:
            events.append(f"{name} got nothing")
        finally:
            events.append(f"{name} closed")

    def in_pool() -> Iterator[str]:
        events.append(f"{name} opened")
        try:
            yield name
        except BaseException as error:
            events.append(f"{name} got {type(error).__name__}")
            raise
        else:
            events.append(f"{name} got nothing")
        finally:
            events.append(f"{name} closed")

    return in_loop if kind == "coroutine" else in_pool


# When and in which order.


@both
def test_what_was_opened_last_is_closed_first(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []
    other = "plain" if kind == "coroutine" else "coroutine"

    @app.get("/")
    async def show(
        one: Annotated[str, Depends(tracked(events, kind, "one"))],
        two: Annotated[str, Depends(tracked(events, other, "two"))],
        three: Annotated[str, Depends(tracked(events, kind, "three"))],
    ) -> list[str]:
        events.append("handler")
        return [one, two, three]

    assert serve(app).get("/").json() == ["one", "two", "three"]
    assert events == [
        *("one opened", "two opened", "three opened", "handler"),
        *("three got nothing", "three closed", "two got nothing", "two closed", "one got nothing", "one closed"),
    ]


@both
def test_a_dependency_outlives_what_depends_on_it(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []
    connection = tracked(events, kind, "connection")

    async def session(connection: Annotated[str, Depends(connection)]) -> AsyncIterator[str]:
        events.append("session opened")
        yield f"session on {connection}"
        events.append("session closed")

    @app.get("/")
    async def show(session: Annotated[str, Depends(session)]) -> str:
        return session

    assert serve(app).get("/").text == "session on connection"
    assert events == ["connection opened", "session opened", "session closed", "connection got nothing", "connection closed"]


@both
def test_shared_dependencies_are_closed_once(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []
    session = tracked(events, kind)

    async def user(session: Annotated[str, Depends(session)]) -> str:
        return session

    @app.get("/", dependencies=[Depends(session)])
    async def show(user: Annotated[str, Depends(user)], session: Annotated[str, Depends(session)]) -> None: ...

    serve(app).get("/")

    assert events == ["session opened", "session got nothing", "session closed"]


@pytest.mark.parametrize("around", [False, True], ids=["bare", "in middleware"])
@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
@both
async def test_everything_is_closed_after_the_last_byte_was_sent(protocol: str, interpreted: bool, around: bool, kind: str) -> None:
    app = Velo(interpreted=interpreted)
    events: Events = []

    @app.get("/")
    async def show(session: Annotated[str, Depends(tracked(events, kind))]) -> list[str]:
        return [session]

    if around:

        @app.middleware
        async def note(request: Request, call_next: Callable[[Request], object]) -> Response:
            response = await cast("Callable[[Request], asyncio.Future[Response]]", call_next)(request)
            events.append("middleware done")
            return response

    await (over_asgi if protocol == "asgi" else over_rsgi)(app, events)

    after = ["sent 200", 'sent ["session"]', "session got nothing", "session closed", "server has it back"]
    assert events == ["session opened", *(["middleware done"] if around else []), *after]


@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
@both
async def test_after_a_failure_everything_is_closed_before_the_answer_is_made(protocol: str, interpreted: bool, kind: str) -> None:
    """So that a transaction is rolled back by the time the client knows."""
    app = Velo(interpreted=interpreted)
    events: Events = []

    @app.exception_handler(KeyError)
    async def answer(request: Request, error: KeyError) -> Response:
        events.append("answered")
        return Response("no such key", 404)

    @app.get("/")
    async def show(session: Annotated[str, Depends(tracked(events, kind))]) -> list[str]:
        raise KeyError(session)

    await (over_asgi if protocol == "asgi" else over_rsgi)(app, events)

    closed = ["session opened", "session got KeyError", "session closed"]
    assert events == [*closed, "answered", "sent 404", "sent no such key", "server has it back"]


@both
def test_a_dependency_is_open_until_the_last_chunk_of_a_stream(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []

    @app.get("/")
    async def show(session: Annotated[str, Depends(tracked(events, kind))]) -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            for number in range(3):
                events.append(f"chunk {number}")
                yield f"{session} {number};"

        return StreamingResponse(chunks())

    assert serve(app).get("/").text == "session 0;session 1;session 2;"
    assert events == ["session opened", "chunk 0", "chunk 1", "chunk 2", "session got nothing", "session closed"]


# What reaches the yield.


@both
@pytest.mark.parametrize(
    ("error", "status"), [(HTTPError(409, "taken"), 409), (ValueError("broken"), 500)], ids=["HTTPError", "ValueError"]
)
def test_the_error_of_a_handler_reaches_the_yield(serve: Serve, kind: str, error: Exception, status: int) -> None:
    app = Velo()
    events: Events = []

    @app.get("/")
    async def show(session: Annotated[str, Depends(tracked(events, kind))]) -> str:
        raise error

    assert serve(app, raise_app_exceptions=False).get("/").status_code == status
    assert events == ["session opened", f"session got {type(error).__name__}", "session closed"]


@both
def test_the_error_of_a_later_dependency_reaches_the_yield(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []

    def refuse() -> None:
        raise HTTPError(403)

    @app.get("/", dependencies=[Depends(tracked(events, kind)), Depends(refuse)])
    async def show() -> str:
        raise AssertionError

    assert serve(app).get("/").status_code == 403
    assert events == ["session opened", "session got HTTPError", "session closed"]


@both
def test_values_that_do_not_fit_reach_the_yield(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []

    @app.get("/", dependencies=[Depends(tracked(events, kind))])
    async def show(page: int) -> str:
        raise AssertionError

    assert serve(app).get("/?page=x").status_code == 422
    assert events == ["session opened", "session got ValidationError", "session closed"]


@both
def test_a_result_that_cannot_be_written_reaches_the_yield(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []

    @app.get("/", dependencies=[Depends(tracked(events, kind))])
    async def show() -> object:
        return object()

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 500
    assert events == ["session opened", "session got TypeError", "session closed"]


@both
def test_an_error_in_the_middle_of_a_stream_reaches_the_yield(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []

    @app.get("/", dependencies=[Depends(tracked(events, kind))])
    async def show() -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            yield "first"
            raise ValueError("broken")

        return StreamingResponse(chunks())

    with pytest.raises(ValueError, match="broken"):
        serve(app).get("/")
    assert events == ["session opened", "session got ValueError", "session closed"]


@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
@both
async def test_a_cancelled_request_closes_what_it_opened(protocol: str, interpreted: bool, kind: str) -> None:
    app = Velo(interpreted=interpreted)
    events: Events = []
    started = asyncio.Event()

    @app.get("/")
    async def show(session: Annotated[str, Depends(tracked(events, kind))]) -> str:
        started.set()
        await asyncio.Event().wait()
        return session

    request = asyncio.create_task((over_asgi if protocol == "asgi" else over_rsgi)(app, events))
    await started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert events == ["session opened", "session got CancelledError", "session closed"]


async def test_what_is_being_opened_in_a_thread_when_the_request_is_cancelled_is_closed_too() -> None:
    app = Velo()
    events: Events = []
    opening, go_on = threading.Event(), threading.Event()

    def session() -> Iterator[str]:
        opening.set()
        go_on.wait(5)
        events.append("opened")
        try:
            yield "session"
        finally:
            events.append("closed")

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> None:
        events.append("handler")

    request = asyncio.create_task(over_asgi(app, events))
    await asyncio.to_thread(opening.wait, 5)
    request.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert events == ["opened", "closed"]


# What a tear-down does with an error.


@both
def test_what_a_tear_down_raises_in_place_of_the_error_is_answered(serve: Serve, kind: str) -> None:
    app = Velo()

    async def in_loop() -> AsyncIterator[str]:
        try:
            yield "session"
        except KeyError as error:
            raise HTTPError(404, f"no {error.args[0]}") from error

    def in_pool() -> Iterator[str]:
        try:
            yield "session"
        except KeyError as error:
            raise HTTPError(404, f"no {error.args[0]}") from error

    @app.get("/", dependencies=[Depends(in_loop if kind == "coroutine" else in_pool)])
    async def show() -> str:
        raise KeyError("shoes")

    response = serve(app).get("/")

    assert response.status_code == 404
    assert response.json() == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no shoes"}


@both
def test_what_was_opened_before_gets_the_error_that_took_the_place(serve: Serve, kind: str) -> None:
    app = Velo()
    events: Events = []

    async def translate() -> AsyncIterator[None]:
        try:
            yield
        except KeyError as error:
            raise HTTPError(404) from error

    @app.get("/", dependencies=[Depends(tracked(events, kind)), Depends(translate)])
    async def show() -> str:
        raise KeyError("shoes")

    assert serve(app).get("/").status_code == 404
    assert events == ["session opened", "session got HTTPError", "session closed"]


@both
def test_an_error_that_is_swallowed_is_answered_and_reaches_what_was_opened_before(serve: Serve, kind: str) -> None:
    """There is no other answer; and what the client takes for a failure must not be committed."""
    app = Velo()
    events: Events = []

    async def swallow() -> AsyncIterator[None]:
        try:
            yield
        except HTTPError:
            events.append("swallowed")

    @app.get("/", dependencies=[Depends(tracked(events, kind)), Depends(swallow)])
    async def show() -> str:
        raise HTTPError(409)

    assert serve(app).get("/").status_code == 409
    assert events == ["session opened", "swallowed", "session got HTTPError", "session closed"]


@both
def test_a_tear_down_that_fails_after_the_response_is_logged_once_and_told_to_the_test(
    serve: Serve, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Velo()
    events: Events = []

    async def in_loop() -> AsyncIterator[None]:
        yield
        raise ValueError("cannot commit")

    def in_pool() -> Iterator[None]:
        yield
        raise ValueError("cannot commit")

    @app.get("/", dependencies=[Depends(tracked(events, "coroutine")), Depends(in_loop if kind == "coroutine" else in_pool)])
    async def show() -> str:
        return "done"

    response = serve(app, raise_app_exceptions=False).get("/")

    assert (response.status_code, response.text) == (200, "done")
    assert [(record.name, record.levelno) for record in caplog.records] == [("velo.background", logging.ERROR)]
    assert "cannot commit" in caplog.text
    assert events == ["session opened", "session got ValueError", "session closed"]
    with pytest.raises(ValueError, match="cannot commit"):
        serve(app).get("/")


def test_a_dependency_that_yields_twice_is_a_failed_tear_down(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = Velo()

    async def twice() -> AsyncIterator[int]:
        yield 1
        yield 2

    @app.get("/")
    async def show(value: Annotated[int, Depends(twice)]) -> int:
        return value

    assert serve(app, raise_app_exceptions=False).get("/").json() == 1
    assert "generator didn't stop" in caplog.text


def test_a_dependency_that_does_not_yield_is_a_500(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = Velo()

    async def never(found: bool = False) -> AsyncIterator[int]:
        if found:
            yield 1

    @app.get("/")
    async def show(value: Annotated[int, Depends(never)]) -> int:
        return value

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 500
    assert len(caplog.records) == 1


# Threads and contexts.


@pytest.mark.not_on_wsgi("all three are in the thread of the server")
def test_a_plain_generator_is_entered_and_left_in_threads(serve: Serve) -> None:
    app = Velo()
    threads: list[str] = []

    def session() -> Iterator[None]:
        threads.append(threading.current_thread().name)
        yield
        threads.append(threading.current_thread().name)

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> None:
        threads.append(threading.current_thread().name)

    serve(app).get("/")

    enter, handler, leave = threads
    assert enter.startswith("velo_")
    assert leave.startswith("velo-teardown_")
    assert not handler.startswith("velo_")


@both
def test_a_generator_can_reset_the_context_variable_it_has_set(serve: Serve, kind: str) -> None:
    app = Velo()
    tenant: ContextVar[str] = ContextVar("tenant", default="none")
    events: Events = []

    async def in_loop() -> AsyncIterator[None]:
        token = tenant.set("acme")
        yield
        tenant.reset(token)
        events.append(tenant.get())

    def in_pool() -> Iterator[None]:
        token = tenant.set("acme")
        yield
        tenant.reset(token)
        events.append(tenant.get())

    @app.get("/", dependencies=[Depends(in_loop if kind == "coroutine" else in_pool)])
    async def show() -> None: ...

    assert serve(app).get("/").status_code == 204
    assert events == ["none"]


# One response for many requests.


def test_a_response_that_is_made_once_can_be_returned_again_and_again(serve: Serve) -> None:
    """Nothing that belongs to one request stays on it: no tear-down, no headers."""
    app = Velo()
    events: Events = []
    always = JSONResponse({"healthy": True}, headers={"cache-control": "no-store"})

    @app.get("/", dependencies=[Depends(tracked(events, "coroutine"))])
    async def show(request: Request) -> JSONResponse:
        request.response_headers.add("x-request-id", "1")
        return always

    client = serve(app)

    for _ in range(3):
        response = client.get("/")
        assert response.json() == {"healthy": True}
        assert response.headers.get_list("x-request-id") == ["1"]
    assert events == ["session opened", "session got nothing", "session closed"] * 3
    assert always.headers.items() == (("cache-control", "no-store"), ("content-type", "application/json"))


async def test_two_requests_that_send_one_response_at_once_close_their_own_dependencies() -> None:
    app = Velo()
    always = Response("same")
    closed: Events = []
    arrivals = iter("ab")

    async def session() -> AsyncIterator[str]:
        name = next(arrivals)
        yield name
        closed.append(name)

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> Response:
        return always

    may_send = {"a": asyncio.Event(), "b": asyncio.Event()}
    both_send = asyncio.Barrier(3)

    async def request(name: str) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await both_send.wait()
            await may_send[name].wait()

        await app(scope(), receive, send)

    first = asyncio.create_task(request("a"))
    second = asyncio.create_task(request("b"))
    await both_send.wait()
    may_send["a"].set()
    await first
    assert closed == ["a"]
    may_send["b"].set()
    await second
    assert closed == ["a", "b"]


# The smallest servers there can be: they write down when they are given something.


def scope() -> Message:
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": list[tuple[bytes, bytes]](),
        "http_version": "1.1",
    }


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def over_asgi(app: Velo, events: Events) -> None:
    async def send(message: Message) -> None:
        sent = message["status"] if "status" in message else message["body"].decode()
        events.append(f"sent {sent}")
        await asyncio.sleep(0)

    await app(scope(), receive, send)
    events.append("server has it back")


async def over_rsgi(app: Velo, events: Events) -> None:
    def respond(status: int, headers: object, body: bytes) -> None:
        events.extend((f"sent {status}", f"sent {body.decode()}"))

    await rsgi(app, response_bytes=respond)
    events.append("server has it back")


def rsgi(app: Velo, **protocol: object) -> Awaitable[None]:
    """A request for `/` by the smallest RSGI server there can be."""

    def no_value(name: str) -> None: ...

    def no_values(name: str) -> list[str]:
        return []

    headers = SimpleNamespace(get=no_value, get_all=no_values, items=list)
    scope = SimpleNamespace(proto="http", http_version="1.1", method="GET", path="/", query_string="", headers=headers)
    return app.__rsgi__(cast("Any", scope), cast("Any", SimpleNamespace(**protocol)))
