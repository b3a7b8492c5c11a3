"""Which thread a handler and its dependencies run in."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextvars import ContextVar
from typing import Annotated, Any

import pytest

from velo_core import Depends, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]
Message = MutableMapping[str, Any]


def test_neighbouring_plain_functions_share_one_visit_to_the_pool(serve: Serve) -> None:
    """One thread for all, and nothing else on the event loop between them."""
    app = Velo()
    threads: list[str] = []
    seen: list[object] = []
    marker: ContextVar[str] = ContextVar("marker", default="unset")

    def first() -> str:
        threads.append(threading.current_thread().name)
        marker.set("by first")  # stays in the visit: a second one would start from the request's own context
        return "1"

    def second(first: Annotated[str, Depends(first)]) -> str:
        threads.append(threading.current_thread().name)
        seen.append(marker.get())
        return first + "2"

    @app.get("/")
    def show(second: Annotated[str, Depends(second)], page: int = 3) -> str:
        threads.append(threading.current_thread().name)
        seen.append(marker.get())
        return f"{second}{page}"

    client = serve(app)

    assert client.get("/").text == "123"
    assert len(threads) == 3
    assert len(set(threads)) == 1
    assert threads[0].startswith("velo")  # on WSGI, the thread of the server: velo-test-wsgi
    assert seen == ["by first", "by first"]
    if not app.interpreted:
        assert app.plan("GET", "/").source.count("await in_thread") == 1


@pytest.mark.not_on_wsgi("the thread of the server may block, so all that does not wait runs there")
def test_coroutines_inline_functions_and_classes_stay_on_the_event_loop(serve: Serve) -> None:
    app = Velo()
    places: dict[str, int] = {}

    async def on_loop() -> None:
        places["coroutine"] = threading.get_ident()

    def quick() -> None:
        places["inline"] = threading.get_ident()

    class Settings:
        def __init__(self) -> None:
            places["class"] = threading.get_ident()

    def slow() -> None:
        places["plain"] = threading.get_ident()

    @app.get("/", dependencies=[Depends(on_loop), Depends(quick, inline=True), Depends(Settings), Depends(slow)], inline=True)
    def show() -> None:
        places["inline handler"] = threading.get_ident()

    serve(app).get("/")

    assert places["inline"] == places["class"] == places["inline handler"] == places["coroutine"] != places["plain"]


def test_context_variables_flow_into_the_threads(serve: Serve) -> None:
    app = Velo()
    user: ContextVar[str] = ContextVar("user")

    async def log_in(name: str) -> None:
        user.set(name)

    def greeting() -> Iterator[str]:
        yield f"hello {user.get()}"

    @app.get("/", dependencies=[Depends(log_in)])
    def show(greeting: Annotated[str, Depends(greeting)]) -> str:
        return f"{greeting}, {user.get()}"

    assert serve(app).get("/?name=ann").text == "hello ann, ann"


def test_the_event_loop_goes_on_while_a_plain_function_blocks(serve: Serve) -> None:
    """The function waits for something that only the loop can do."""
    app = Velo()
    blocked, free = threading.Event(), threading.Event()

    def slow() -> bool:
        asyncio.run_coroutine_threadsafe(release(), loops[0])
        blocked.set()
        return free.wait(5)

    async def release() -> None:
        assert blocked.wait(5)
        free.set()

    loops: list[asyncio.AbstractEventLoop] = []

    async def remember() -> None:
        loops.append(asyncio.get_running_loop())

    @app.get("/", dependencies=[Depends(remember)])
    async def show(value: Annotated[bool, Depends(slow)]) -> bool:
        return value

    assert serve(app).get("/").json() is True


def test_a_plain_function_that_raises_stop_iteration_is_a_500_and_no_hang(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    def show() -> int:
        return next(iter(list[int]()))

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 500


async def test_who_is_cancelled_waits_for_the_thread_to_end() -> None:
    """So that a tear-down never closes something that a thread still works with."""
    app = Velo()
    events: list[str] = []
    running, go_on = threading.Event(), threading.Event()

    async def session() -> AsyncIterator[str]:
        try:
            yield "session"
        finally:
            events.append("closed")

    @app.get("/")
    def show(session: Annotated[str, Depends(session)]) -> None:
        running.set()
        go_on.wait(5)
        events.append("thread ended")

    request = asyncio.ensure_future(app(scope_for("/"), receive, send))
    await asyncio.to_thread(running.wait, 5)
    request.cancel()
    await asyncio.sleep(0)
    request.cancel()
    await asyncio.sleep(0)
    assert events == []
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert events == ["thread ended", "closed"]


def scope_for(path: str) -> Message:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": list[tuple[bytes, bytes]](),
        "http_version": "1.1",
    }


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Message) -> None: ...
