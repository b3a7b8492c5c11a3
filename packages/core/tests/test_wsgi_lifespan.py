"""A start and an end that no WSGI server announces."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from wsgi_requests import Make, ask, begin

from velo_core import SetupError, StreamingResponse, Velo


def living(make: Make, events: list[str]) -> Velo:
    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        events.append("start")
        yield
        events.append("stop")

    app = make(lifespan=lifespan)

    @app.get("/")
    def show() -> None: ...

    return app


def test_the_first_request_starts_the_application_once(make: Make) -> None:
    events: list[str] = []
    app = living(make, events)
    barrier = threading.Barrier(6)

    def first(number: int) -> str:
        barrier.wait(10)
        return ask(app)[0]

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(first, range(6))) == ["204 No Content"] * 6
    app.wsgi.stop()
    app.wsgi.stop()

    assert events == ["start", "stop"]


def test_it_can_be_started_before_and_again(make: Make) -> None:
    events: list[str] = []
    app = living(make, events)
    app.wsgi.start()
    app.wsgi.start()
    assert events == ["start"]
    app.wsgi.stop()
    ask(app)

    assert events == ["start", "stop", "start"]


def test_an_application_that_cannot_start_says_why_to_whoever_starts_it(make: Make) -> None:
    """The next request tries again: the database may be there then."""
    attempts: list[int] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise ConnectionError("no database")
        yield

    app = make(lifespan=lifespan)

    @app.get("/")
    def show() -> None: ...

    with pytest.raises(ConnectionError, match="no database"):
        app.wsgi.start()
    with pytest.raises(ConnectionError, match="no database"):
        ask(app)

    assert ask(app)[0] == "204 No Content"


def test_a_mistake_in_the_application_is_told_at_the_start(make: Make) -> None:
    app = make()

    @app.get("/{a}/{a}")
    def show() -> None: ...

    with pytest.raises(SetupError):
        app.wsgi.start()


def test_what_lives_as_long_as_the_application_is_there(make: Make) -> None:
    app = make()

    class Pool:
        def __init__(self) -> None:
            self.open = True

    async def pool() -> AsyncIterator[Pool]:
        made = Pool()
        yield made
        made.open = False

    app.provide(Pool, pool, lifetime="app")
    seen: list[Pool] = []

    @app.get("/")
    def show(pool: Pool) -> bool:
        seen.append(pool)
        return pool.open

    assert [ask(app)[2], ask(app)[2]] == [b"true", b"true"]
    app.wsgi.stop()
    assert seen[0] is seen[1]
    assert not seen[0].open


def test_the_end_does_not_wait_for_handlers_that_wait(make: Make) -> None:
    app = make()
    waiting = threading.Event()
    ended: list[str] = []

    @app.get("/")
    async def show() -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask, app)
        assert waiting.wait(10)
        app.wsgi.stop()

        with pytest.raises(ConnectionAbortedError):
            asked.result(10)
    assert ended == ["cancelled"]


def test_a_stream_that_begins_after_the_end_does_not_wait_for_ever(make: Make) -> None:
    app = make()
    begun, goes_on = threading.Event(), threading.Event()

    async def content() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.001)
        yield b"."

    @app.get("/")
    def show() -> StreamingResponse:
        begun.set()
        assert goes_on.wait(60)
        return StreamingResponse(content())

    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(ask, app)
        assert begun.wait(60)
        stopped = threads.submit(app.wsgi.stop)
        stopped.result(60)
        goes_on.set()

        with pytest.raises(ConnectionAbortedError):
            asked.result(60)


def test_the_end_closes_a_stream_that_nobody_takes(make: Make) -> None:
    app = make()
    ended: list[str] = []

    async def content() -> AsyncIterator[bytes]:
        try:
            yield b"a"
        finally:
            ended.append("closed")

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(content())

    stream = begin(app)
    app.wsgi.stop()

    assert ended == ["closed"]
    with pytest.raises(ConnectionAbortedError):
        list(stream)


PROGRAM = """
import sys
from contextlib import asynccontextmanager
from wsgiref.util import setup_testing_defaults
from velo_core import Velo

@asynccontextmanager
async def lifespan(app):
    print("start")
    yield
    print("stop")

app = Velo(lifespan=lifespan)

class Pool: ...

def pool():
    yield Pool()
    print("pool closed")

app.provide(Pool, pool, lifetime="app")

@app.get("/")
def show(pool: Pool) -> str:
    return "shown"

environ = {}
setup_testing_defaults(environ)

def ask(*arguments):
    print(b"".join(app.wsgi(environ, lambda status, headers: None)).decode(), flush=True)
"""


def output(program: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own program
    return done.stdout.split("\n")[:-1]


def test_the_end_of_the_process_stops_the_application() -> None:
    """Also what is torn down in threads, though the interpreter makes no more of those then."""
    assert output("ask()") == ["start", "shown", "pool closed", "stop"] or output("ask()") == ["start", "shown", "stop", "pool closed"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_worker_of_multiprocessing_stops_the_application() -> None:
    """It ends without what the interpreter does at its end."""
    program = """
import multiprocessing
worker = multiprocessing.get_context("fork").Process(target=ask)
worker.start()
worker.join()
"""

    assert "stop" in output(program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_that_is_forked_after_the_start_serves_too() -> None:
    """What the parent has started, the parent stops."""
    program = """
import os
app.wsgi.start()
sys.stdout.flush()
if os.fork() == 0:
    ask()
    sys.exit()
os.wait()
"""

    assert sorted(output(program)) == ["pool closed", "shown", "start", "stop"]
