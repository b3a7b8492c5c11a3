"""Work after the response: when it runs, what is open then, and who waits for it."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, ParamSpec

import pytest

from velo_core import BackgroundTasks, CallNext, Depends, HTTPError, Request, Response, StreamingResponse, Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient

P = ParamSpec("P")

Serve = Callable[..., TestClient]
all_protocols = pytest.mark.parametrize("protocol", ["asgi", "rsgi", "wsgi"])


def test_tasks_run_after_the_response_in_order_with_the_application_waiting_for_them(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    done: list[str] = []
    may_run = threading.Event()

    async def mail(name: str, *, copies: int) -> None:
        await asyncio.to_thread(may_run.wait, 5)
        done.append(f"{name} x{copies}")

    def log(text: str) -> None:
        assert threading.current_thread() is not threading.main_thread()
        done.append(text)

    @app.post("/orders", status_code=202)
    async def order(tasks: BackgroundTasks) -> dict[str, int]:
        tasks.add(mail, "ada", copies=2)
        tasks.add(log, "ordered")
        return {"waiting": len(tasks)}

    with TestClient(app, protocol=way[0]) as client:
        response = client.post("/orders")
        assert (response.status_code, response.json(), done) == (202, {"waiting": 2}, [])
        may_run.set()

    assert done == ["ada x2", "ordered"]


def test_dependencies_are_open_until_they_have_run(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    happened: list[str] = []
    entered: list[asyncio.Task[object] | None] = []

    async def session() -> AsyncIterator[str]:
        entered.append(asyncio.current_task())
        happened.append("open")
        yield "session"
        happened.append("close")
        entered.append(asyncio.current_task())

    async def use(session: str) -> None:
        happened.append(f"{session} used")
        await asyncio.sleep(0)

    @app.get("/")
    async def show(session: Annotated[str, Depends(session)], tasks: BackgroundTasks) -> str:
        tasks.add(use, session)
        happened.append("handler")
        return "body"

    with TestClient(app, protocol=way[0]) as client:
        assert client.get("/").text == "body"

    assert happened == ["open", "handler", "session used", "close"]
    assert entered[0] is entered[1]  # as cancel scopes and many pools want it


def test_dependencies_may_add_tasks_to_the_same_list(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    done: list[str] = []

    async def audit(tasks: BackgroundTasks) -> None:
        tasks.add(done.append, "audited")

    @app.get("/", dependencies=[Depends(audit)])
    async def show(later: BackgroundTasks) -> int:
        later.add(done.append, "shown")
        return len(later)

    with TestClient(app, protocol=way[0]) as client:
        assert client.get("/").json() == 2

    assert done == ["audited", "shown"]


def test_a_stream_comes_first(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    done: list[str] = []

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> AsyncIterator[str]:
        tasks.add(done.append, "task")
        yield "a"
        done.append("last piece")
        yield "b"

    with TestClient(app, protocol=way[0]) as client:
        assert client.get("/").text == "ab"

    assert done == ["last piece", "task"]


def test_middleware_that_answers_anew_does_not_lose_them(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    done: list[str] = []

    @app.middleware
    async def replace(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return Response("another")

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> str:
        tasks.add(done.append, "task")
        return "body"

    with TestClient(app, protocol=way[0]) as client:
        assert client.get("/").text == "another"

    assert done == ["task"]


def test_context_variables_are_those_of_the_request(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    user: ContextVar[str] = ContextVar("user")
    seen: list[str] = []

    @app.get("/{name}")
    async def show(name: str, tasks: BackgroundTasks) -> None:
        user.set(name)
        tasks.add(lambda: seen.append(user.get()))

    with TestClient(app, protocol=way[0]) as client:
        client.get("/ada")
        client.get("/bob")

    assert sorted(seen) == ["ada", "bob"]


# When it goes wrong.


def test_none_runs_if_the_handler_fails(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    done: list[str] = []

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> None:
        tasks.add(done.append, "task")
        raise HTTPError(409)

    with TestClient(app, protocol=way[0]) as client:
        assert client.get("/").status_code == 409

    assert done == []


def test_none_runs_if_the_response_breaks_off(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    done: list[str] = []

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> AsyncIterator[str]:
        tasks.add(done.append, "task")
        yield "a"
        raise LookupError("the cursor is gone")

    with TestClient(app, protocol=way[0]) as client, pytest.raises(LookupError):
        client.get("/")

    assert done == []


def test_one_that_fails_is_logged_once_and_the_next_one_runs(way: tuple[ProtocolName, bool], caplog: pytest.LogCaptureFixture) -> None:
    app = Velo(interpreted=way[1])
    done: list[str] = []

    async def fail() -> None:
        raise LookupError("no such address")

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> str:
        tasks.add(fail)
        tasks.add(done.append, "next")
        return "body"

    with TestClient(app, protocol=way[0], raise_app_exceptions=False) as client:
        assert client.get("/").text == "body"

    assert done == ["next"]
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage().endswith("fail failed after the response")
    assert record.exc_info is not None


@all_protocols
async def test_they_run_even_if_the_client_has_left(protocol: ProtocolName) -> None:
    """What was promised is done: the order has been taken, whether or not the answer arrived."""
    app = Velo()
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> StreamingResponse:
        async def content() -> AsyncIterator[bytes]:
            while True:
                yield bytes(65536)

        tasks.add(loop.call_soon_threadsafe, done.set)
        return StreamingResponse(content())

    async with AsyncTestClient(app, protocol=protocol) as client:
        async with client.stream("GET", "/") as response:
            await anext(response.aiter_raw())
        await asyncio.wait_for(done.wait(), 5)


# Who waits.


@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
async def test_the_server_does_not_wait_for_them(protocol: ProtocolName) -> None:
    app = Velo()
    may_end = asyncio.Event()
    done: list[str] = []

    async def long() -> None:
        await may_end.wait()
        done.append("long")

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> str:
        tasks.add(long)
        return "body"

    async with AsyncTestClient(app, protocol=protocol) as client:
        for _ in range(3):  # the client waits for the application's call to end
            assert (await client.get("/")).text == "body"
        assert done == []
        may_end.set()

    assert done == ["long"] * 3


async def test_one_that_does_not_end_is_cancelled_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velo_core.app.SHUTDOWN_SECONDS", 0.01)
    app = Velo()
    happened: list[str] = []

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            happened.append("session told")
            raise

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("cancelled")

    @app.get("/", dependencies=[Depends(session)])
    async def show(tasks: BackgroundTasks) -> str:
        tasks.add(long)
        return "body"

    async with AsyncTestClient(app, protocol="asgi") as client:
        await client.get("/")

    assert happened == ["cancelled", "session told"]


async def test_an_application_has_tasks_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    app = Velo()
    done: list[str] = []

    async def refresh() -> str:
        await asyncio.sleep(0)
        done.append("refreshed")
        return "fresh"

    async def fail() -> None:
        raise LookupError("no such table")

    async with AsyncTestClient(app, protocol="asgi"):
        task = app.spawn(refresh(), name="refresh")
        app.spawn(fail(), name="fail")
        assert done == []

    assert (done, await task) == (["refreshed"], "fresh")
    assert "the task fail failed" in caplog.text


async def test_one_without_an_end_is_cancelled_at_once() -> None:
    app = Velo()
    happened: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        app.spawn(refresh(), wait=False)
        yield
        happened.append("lifespan left")

    async def refresh() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("cancelled")

    app = Velo(lifespan=lifespan)
    async with asyncio.timeout(5), AsyncTestClient(app, protocol="asgi") as client:
        await client.get("/")

    assert happened == ["cancelled", "lifespan left"]


# What it costs, and what can take its place.


def test_a_plan_without_tasks_has_no_trace_of_them() -> None:
    app = Velo()

    @app.get("/with")
    async def with_tasks(tasks: BackgroundTasks) -> str:
        return "body"

    @app.get("/without")
    async def without_tasks() -> str:
        return "body"

    assert "teardown.tasks" in app.plan("GET", "/with").source
    assert "teardown" not in app.plan("GET", "/without").source


def test_a_plugin_may_provide_a_queue_in_its_place(serve: Serve) -> None:
    sent: list[tuple[object, tuple[object, ...]]] = []

    class Queue(BackgroundTasks):
        def add(self, function: Callable[P, object], /, *arguments: P.args, **named: P.kwargs) -> None:
            sent.append((function, arguments))

    app = Velo()
    app.provide(BackgroundTasks, Queue)

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> str:
        tasks.add(print, "order")
        return "body"

    assert serve(app).get("/").text == "body"
    assert sent == [(print, ("order",))]
