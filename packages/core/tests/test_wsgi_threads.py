"""Threads of WSGI servers, which take turns with the event loop."""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Annotated, Any

import msgspec
import pytest
from wsgi_requests import Make, ask, begin

from velo_core import BackgroundTasks, Depends, HTTPError, Request, Response, StreamingResponse, Velo


def here() -> int:
    return threading.get_ident()


def test_what_does_not_wait_runs_in_the_thread_of_the_server(make: Make) -> None:
    """Plain functions and asynchronous ones, with all that is around them."""
    app = make()
    places: dict[str, int] = {}

    async def session() -> AsyncIterator[None]:
        places["enter"] = here()
        yield
        places["leave"] = here()

    def plain() -> Iterator[None]:
        places["plain enter"] = here()
        yield
        places["plain leave"] = here()

    async def around(request: Request, call_next: Any) -> Response:
        places["middleware"] = here()
        return await call_next(request)

    async def helper() -> None:
        places["helper"] = here()

    app.add_middleware(around)

    @app.get("/sync", dependencies=[Depends(session), Depends(plain)])
    def sync() -> None:
        places["sync"] = here()

    @app.get("/async", dependencies=[Depends(session), Depends(plain)])
    async def asynchronous() -> None:
        await helper()
        places["async"] = here()

    ask(app, "/sync")
    ask(app, "/async")

    assert len(places) == 8
    assert set(places.values()) == {here()}


def test_what_waits_goes_on_in_the_loop_of_the_application(make: Make) -> None:
    """And what may block is called in the thread of the server even then."""
    loops: list[object] = []
    places: list[int] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        loops.append(asyncio.get_running_loop())
        places.append(here())
        yield

    async def waits() -> None:
        loops.append(asyncio.get_running_loop())
        places.append(here())
        await asyncio.sleep(0.001)
        loops.append(asyncio.get_running_loop())
        places.append(here())

    app = make(lifespan=lifespan)

    @app.get("/", dependencies=[Depends(waits)])
    def show() -> None:
        places.append(here())

    assert ask(app)[0] == "204 No Content"
    started, before, after, handler = places

    assert len(set(map(id, loops))) == 1
    assert before == handler == here()
    assert after == started != here()


def test_a_handler_has_a_task_and_time_limits(make: Make) -> None:
    app = make()

    @app.get("/")
    async def show() -> list[object]:
        task = asyncio.current_task()
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            made = group.create_task(asyncio.sleep(0, "made"))
        return [task is asyncio.current_task(), task in asyncio.all_tasks(), made.result()]

    assert ask(app)[2] == b'[true,true,"made"]'
    assert asyncio._get_running_loop() is None


class Item(msgspec.Struct):
    name: str


def test_requests_for_plain_functions_do_not_wait_for_the_event_loop(make: Make) -> None:
    """Whoever keeps it keeps nobody from being served who does not need it."""
    app = make()
    keeps, goes_on = threading.Event(), threading.Event()

    def number() -> int:
        return 7

    @app.get("/keeps")
    async def keep() -> None:
        keeps.set()
        assert goes_on.wait(60)

    @app.get("/plain/{count}")
    def plain(count: int, request: Request, number: Annotated[int, Depends(number)]) -> list[int]:
        assert request.path == f"/plain/{count}"
        return [count, number]

    @app.post("/body")
    def body(item: Item) -> Item:
        return item

    @app.get("/fails")
    def fails() -> None:
        raise KeyError

    requests: list[tuple[Any, ...]] = [
        *(("/plain/3",), ("/plain/x",), ("/nowhere",)),
        *(("/body", "POST", b'{"name":"a"}'), ("/body", "POST", b"{}"), ("/fails",)),
    ]
    with ThreadPoolExecutor(2) as threads:
        try:
            kept = threads.submit(ask, app, "/keeps")
            assert keeps.wait(60)
            asked = [threads.submit(ask, app, *request, CONTENT_TYPE="application/json").result(60) for request in requests]
        finally:
            goes_on.set()
        assert kept.result(60)[0] == "204 No Content"

    assert [status[:3] for status, _, _ in asked] == ["200", "422", "404", "200", "422", "500"]
    assert asked[0][2] == b"[3,7]"


def test_what_may_want_the_event_loop_has_it(make: Make) -> None:
    """Whatever is not a plain function that runs in threads."""
    found: list[tuple[str, bool, bool]] = []

    def note(where: str) -> None:
        found.append((where, asyncio.get_running_loop().is_running(), asyncio.current_task() is not None))

    class Made:
        def __init__(self) -> None:
            note("class")

    def inline() -> None:
        note("inline")

    async def opened() -> AsyncIterator[None]:
        note("opened")
        yield
        note("closed")

    def generator() -> Iterator[None]:
        yield

    async def middleware(request: Request, call_next: Any) -> Response:
        note("middleware")
        response: Response = await call_next(request)
        return response

    async def work() -> None:
        note("work")

    async def pieces() -> AsyncIterator[bytes]:
        note("pieces")
        yield b"."
        note("more pieces")
        yield b"."

    def plain_handler(request: Request, error: Exception) -> str:
        note("plain handler")
        return "handled"

    async def async_handler(request: Request, error: Exception) -> str:
        note("async handler")
        await asyncio.sleep(0.001)
        note("async handler again")
        return "handled"

    app = make()
    app.add_exception_handler(KeyError, plain_handler)
    app.add_exception_handler(ZeroDivisionError, async_handler)

    @app.get("/class")
    def of_class(made: Annotated[Made, Depends(Made)]) -> None: ...

    @app.get("/inline", dependencies=[Depends(inline, inline=True)])
    def of_inline() -> None: ...

    @app.get("/opened", dependencies=[Depends(opened)])
    def of_opened() -> None: ...

    @app.get("/middleware", middleware=[middleware])
    def of_middleware() -> None: ...

    @app.get("/work", dependencies=[Depends(generator)])
    def of_work(tasks: BackgroundTasks) -> None:
        tasks.add(work)

    @app.get("/pieces")
    def of_pieces() -> StreamingResponse:
        return StreamingResponse(pieces())

    @app.get("/plain-handler")
    def of_plain_handler() -> None:
        raise KeyError

    @app.get("/async-handler")
    def of_async_handler() -> None:
        raise ZeroDivisionError

    def on_request(request: Request) -> None:
        note("on_request")

    def on_response(request: Request, response: Response) -> None:
        note("on_response")

    def on_sent(request: Request, response: Response) -> None:
        note("on_sent")

    def on_error(request: Request, error: Exception) -> None:
        note("on_error")

    @app.get("/hooks", hooks={"on_request": on_request, "on_response": on_response, "on_sent": on_sent})
    def of_hooks() -> None: ...

    @app.get("/on-error", hooks={"on_error": on_error})
    def of_on_error() -> None:
        raise HTTPError(409)

    paths = ["class", "inline", "opened", "middleware", "work", "pieces", "plain-handler", "async-handler", "hooks", "on-error"]
    assert {ask(app, f"/{path}")[0][:3] for path in paths} == {"200", "204", "409", "500"}
    app.wsgi.stop()

    assert [where for where, *_ in found] == [
        *("class", "inline", "opened", "closed", "middleware", "work", "pieces", "more pieces"),
        *("plain handler", "async handler", "async handler again"),
        *("on_request", "on_response", "on_sent", "on_error"),
    ]
    assert {(runs, has_task) for _, runs, has_task in found} == {(True, True)}


def test_what_began_without_the_event_loop_goes_on_with_its_context(make: Make) -> None:
    """A plain function fails, and what answers for it waits."""
    app = make()
    variable = ContextVar("variable", default="outside")
    seen: list[object] = []

    async def answer(request: Request, error: Exception) -> str:
        seen.append(variable.get())
        variable.set("handler")
        await asyncio.sleep(0.001)
        seen.append(variable.get())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        return "answered"

    @app.get("/")
    def show() -> None:
        seen.append(variable.get())
        raise KeyError

    app.add_exception_handler(KeyError, answer)
    variable.set("server")

    assert ask(app)[2] == b"answered"
    assert seen == ["server", "server", "handler"]
    assert variable.get() == "server"


def test_a_plain_function_has_no_event_loop(make: Make) -> None:
    app = make()

    @app.get("/")
    def show() -> bool:
        return asyncio._get_running_loop() is None

    assert ask(app)[2] == b"true"


def test_plain_functions_block_nobody(make: Make) -> None:
    """Each waits for all others."""
    app = make()
    barrier = threading.Barrier(4)

    @app.get("/plain")
    def plain() -> None:
        barrier.wait(10)

    @app.get("/after")
    async def after() -> None:
        await asyncio.sleep(0)

    @app.get("/behind", dependencies=[Depends(after)])
    def behind() -> None:
        barrier.wait(10)

    with ThreadPoolExecutor(4) as threads:
        answers = [head for head, _, _ in threads.map(partial(ask, app), ["/plain", "/behind"] * 2)]

    assert answers == ["204 No Content"] * 4


def test_asynchronous_functions_run_one_at_a_time(make: Make) -> None:
    """As on every event loop: between two awaits nobody else changes anything."""
    app = make()
    inside = count = 0

    @app.get("/")
    async def show(wait: bool = False) -> int:
        nonlocal inside, count
        for _ in range(3):
            assert inside == 0
            inside += 1
            for _ in range(500):
                count += 1
            inside -= 1
            if wait:
                await asyncio.sleep(0)
        return count

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(ask, app, QUERY_STRING=f"wait={number % 2}") for number in range(100)]
            answers = [one.result()[0] for one in asked]
    finally:
        sys.setswitchinterval(switching)

    assert answers == ["200 OK"] * 100
    assert count == 100 * 3 * 500


def test_requests_can_wake_each_other(make: Make) -> None:
    app = make()
    events: dict[str, asyncio.Event] = {}
    waiting = threading.Event()

    @app.get("/wait")
    async def wait() -> str:
        events["news"] = asyncio.Event()
        waiting.set()
        await events["news"].wait()
        return "woken"

    @app.get("/wake")
    async def wake() -> None:
        events["news"].set()

    with ThreadPoolExecutor(1) as threads:
        waits = threads.submit(ask, app, "/wait")
        assert waiting.wait(10)
        ask(app, "/wake")

        assert waits.result(10)[2] == b"woken"


def test_a_task_that_a_handler_leaves_behind_runs(make: Make) -> None:
    app = make()
    done = threading.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    @app.get("/")
    async def show() -> None:
        tasks.add(asyncio.get_running_loop().create_task(work()))

    ask(app)

    assert done.wait(10)


def test_no_context_variable_is_left_in_the_thread(make: Make) -> None:
    app = make()
    user: ContextVar[str] = ContextVar("user", default="nobody")

    @app.get("/")
    async def show() -> str:
        seen = user.get()
        user.set("ann")
        return seen

    @app.get("/plain")
    def plain() -> str:
        seen = user.get()
        user.set("ann")
        return seen

    assert {ask(app, path)[2] for path in ("/", "/", "/plain", "/plain")} == {b"nobody"}
    assert user.get() == "nobody"


def test_pools_with_names_keep_their_bounds(make: Make) -> None:
    app = make(pools={"one": 1})
    inside = 0
    seen: list[int] = []

    @app.get("/", pool="one")
    def show() -> None:
        nonlocal inside
        inside += 1
        seen.append(inside)
        inside -= 1

    with ThreadPoolExecutor(6) as threads:
        for asked in [threads.submit(ask, app) for _ in range(30)]:
            asked.result()

    assert seen == [1] * 30


async def test_it_can_be_called_where_another_loop_runs(make: Make) -> None:
    app = make()

    @app.get("/")
    async def show() -> bool:
        await asyncio.sleep(0)
        return asyncio.get_running_loop() is not running

    running = asyncio.get_running_loop()

    assert ask(app)[2] == b"true"
    assert asyncio.get_running_loop() is running


def test_a_plain_handler_can_run_a_loop_of_its_own(make: Make) -> None:
    app = make()

    async def work() -> str:
        await asyncio.sleep(0)
        return "worked"

    @app.get("/")
    def show() -> str:
        return asyncio.run(work())

    assert ask(app)[2] == b"worked"


def test_debug_mode_of_asyncio(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    app = make()

    @app.get("/")
    async def show() -> str:
        asyncio.get_running_loop().call_soon(int)
        async with asyncio.timeout(5):
            await asyncio.sleep(0.001)
        return "ok"

    assert ask(app)[2] == b"ok"


# Time.


def test_what_takes_too_long_is_a_503(make: Make) -> None:
    """What waits is ended; a plain function cannot be, but its result is too late."""
    app = make(timeout_seconds=0.05)
    ended: list[str] = []
    late = threading.Event()

    @app.get("/waits")
    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    @app.get("/blocks")
    def blocks() -> str:
        late.wait(0.2)  # nothing sets it: the function is slow
        return "too late"

    assert ask(app, "/waits")[0] == "503 Service Unavailable"
    assert ended == ["waits"]
    assert ask(app, "/blocks")[0] == "503 Service Unavailable"


def test_a_stream_is_stepped_in_the_thread_that_asks_for_it(make: Make) -> None:
    """Also one that a server iterates in another thread than the one that has called."""
    app = make()
    places: list[int] = []

    async def content() -> AsyncIterator[bytes]:
        for _ in range(3):
            places.append(here())
            yield b"."

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(content())

    stream = begin(app)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(list, stream).result(10) == [b"."] * 3
        other = threads.submit(here).result(10)
    stream.close()

    assert places == [here(), other, other]
