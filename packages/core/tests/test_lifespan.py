"""Starting and stopping, over both protocols and without either asking for it."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, cast

import pytest

from velo_core import SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]
Message = MutableMapping[str, Any]


def application(events: list[str], *, fails: str = "") -> Velo:
    """An application that notes its start, its requests and its stop; `fails` is `"start"` or `"stop"`."""

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        events.append("start")
        if fails == "start":
            raise ConnectionError("the database is away")
        try:
            yield
        finally:
            events.append("stop")
            if fails == "stop":
                raise ConnectionError("the database went away")

    app = Velo(lifespan=lifespan)

    @app.get("/")
    async def show() -> str:
        events.append("request")
        return "shown"

    return app


def test_the_application_is_started_before_the_first_request_and_stopped_after_the_last(serve: Serve) -> None:
    events: list[str] = []
    client = serve(application(events))
    assert events == ["start"]
    client.get("/")
    client.get("/")
    client.close()

    assert events == ["start", "request", "request", "stop"]


def test_the_lifespan_is_given_the_application_and_runs_on_the_loop_of_the_requests(serve: Serve, protocol: str) -> None:
    """On WSGI the thread is another one for as long as the handler does not wait."""
    seen: list[object] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        seen.extend((app, asyncio.get_running_loop(), threading.get_ident()))
        yield
        seen.extend((asyncio.get_running_loop(), threading.get_ident()))

    app = Velo(lifespan=lifespan)

    @app.get("/")
    async def show() -> None:
        seen.extend((asyncio.get_running_loop(), threading.get_ident()))

    client = serve(app)
    client.get("/")
    client.close()

    assert seen[0] is app
    assert seen[1:3] == seen[5:7]
    assert seen[3] is seen[1]
    assert (seen[4] == seen[2]) == (protocol != "wsgi")


def test_what_is_started_can_be_used_by_requests(serve: Serve) -> None:
    """A lock of the running loop, and a task that works beside the requests."""
    done: list[str] = []
    queue: asyncio.Queue[asyncio.Future[str]] = asyncio.Queue()

    async def work() -> None:
        while True:
            (await queue.get()).set_result("worked")

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        task = asyncio.create_task(work())
        yield
        task.cancel()
        done.append("cancelled")

    app = Velo(lifespan=lifespan)

    @app.get("/")
    async def show() -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await queue.put(future)
        return await future

    client = serve(app)
    assert client.get("/").text == "worked"
    client.close()
    assert done == ["cancelled"]


def test_a_start_that_fails_is_raised_and_nothing_is_served(serve: Serve) -> None:
    events: list[str] = []

    with pytest.raises(ConnectionError, match="the database is away"):
        serve(application(events, fails="start"))
    assert events == ["start"]


def test_a_stop_that_fails_is_raised(serve: Serve) -> None:
    events: list[str] = []
    client = serve(application(events, fails="stop"))

    with pytest.raises(ConnectionError, match="the database went away"):
        client.close()
    assert events == ["start", "stop"]


def test_what_is_wrong_with_the_application_is_raised_at_the_start(serve: Serve) -> None:
    app = application([])
    app.get("no-slash")(application)

    with pytest.raises(SetupError, match="must begin with a slash"):
        serve(app)


def test_a_context_variable_set_at_the_start_does_not_leak_into_the_test(serve: Serve) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        variable.set("set")
        yield

    serve(Velo(lifespan=lifespan)).close()

    assert variable.get() == "unset"


# The protocols themselves.


async def run_asgi_lifespan(app: Velo) -> list[Message]:
    """What an ASGI server hears when it starts and stops an application."""
    heard: list[Message] = []
    asked = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> Message:
        return {"type": next(asked)}

    async def send(message: Message) -> None:
        heard.append(message)

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    try:
        await app(scope, receive, send)
    except ConnectionError as error:
        heard.append({"type": "raised", "message": str(error)})
    return heard


async def test_an_asgi_server_is_told_that_the_application_has_started_and_stopped() -> None:
    events: list[str] = []
    heard = await run_asgi_lifespan(application(events))

    assert [message["type"] for message in heard] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert events == ["start", "stop"]


@pytest.mark.parametrize(("fails", "heard_last"), [("start", "lifespan.startup.failed"), ("stop", "lifespan.shutdown.failed")])
async def test_an_asgi_server_is_told_why_the_application_could_not_start_or_stop(fails: str, heard_last: str) -> None:
    """In the message, for that is what servers print, and as an exception, for those that know more to do with it."""
    *_, failed, raised = await run_asgi_lifespan(application([], fails=fails))

    assert failed["type"] == heard_last
    assert str(failed["message"]).startswith("ConnectionError: the database ")
    assert raised["type"] == "raised"


def test_an_rsgi_server_starts_and_stops_with_a_loop_that_does_not_run() -> None:
    events: list[str] = []
    app = application(events)
    loop = asyncio.new_event_loop()
    app.__rsgi_init__(loop)
    assert events == ["start"]
    app.__rsgi_del__(loop)
    loop.close()

    assert events == ["start", "stop"]


def test_an_rsgi_server_sees_why_the_application_could_not_start() -> None:
    loop = asyncio.new_event_loop()

    with pytest.raises(ConnectionError, match="the database is away"):
        application([], fails="start").__rsgi_init__(loop)
    loop.close()


async def test_starting_twice_and_stopping_twice_does_it_once() -> None:
    """A server that speaks both protocols may ask on both doors."""
    events: list[str] = []
    app = application(events)
    await app.startup()
    await app.startup()
    await app.shutdown()
    await app.shutdown()

    assert events == ["start", "stop"]


async def test_requests_are_served_over_asgi_without_a_lifespan() -> None:
    events: list[str] = []
    app = application(events)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(SCOPE, receive, send)

    assert [message.get("body", message.get("status")) for message in sent] == [200, b"shown"]
    assert events == ["request"]


async def test_requests_are_served_over_rsgi_without_a_lifespan() -> None:
    events: list[str] = []
    app = application(events)
    sent: list[object] = []

    def respond(status: int, headers: object, body: bytes) -> None:
        sent.append((status, body))

    await rsgi(app, response_bytes=respond)

    assert sent == [(200, b"shown")]
    assert events == ["request"]


async def test_a_server_without_a_lifespan_is_told_of_every_mistake_with_every_request() -> None:
    app = Velo()
    app.get("no-slash")(application)

    for _ in range(2):
        with pytest.raises(SetupError, match="must begin with a slash"):
            await app(SCOPE, never, cast("Any", never))


async def test_a_scope_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SetupError, match="'telepathy' scope") as caught:
        await Velo()({"type": "telepathy"}, never, cast("Any", never))
    assert caught.value.code == "VELO_ASGI_SCOPE"


SCOPE: Message = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": list[tuple[bytes, bytes]](),
    "http_version": "1.1",
}


async def never() -> Message:
    raise AssertionError


def rsgi(app: Velo, **protocol: object) -> Awaitable[None]:
    """A request for `/` by the smallest RSGI server there can be."""

    def no_value(name: str) -> None: ...

    def no_values(name: str) -> list[str]:
        return []

    headers = SimpleNamespace(get=no_value, get_all=no_values, items=list)
    scope = SimpleNamespace(proto="http", http_version="1.1", method="GET", path="/", query_string="", headers=headers)
    return app.__rsgi__(cast("Any", scope), cast("Any", SimpleNamespace(**protocol)))
