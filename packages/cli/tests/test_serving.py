"""`velo run` serves, and ends when it is told to."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from conftest import Running

Write = Callable[[str, str], Path]
Serve = Callable[..., "Running"]

SERVERS: dict[str, tuple[list[str], str]] = {
    "granian-rsgi": ([], "granian, rsgi, 1 worker"),
    "granian-asgi": (["--interface", "asgi"], "granian, asgi, 1 worker"),
    "granian-wsgi": (["--interface", "wsgi"], "granian, wsgi, 1 worker"),
    "granian-wsgi-2": (["--interface", "wsgi", "--workers", "2"], "granian, wsgi, 2 workers"),
    "granian-2": (["--workers", "2"], "granian, rsgi, 2 workers"),
    "uvicorn": (["--server", "uvicorn"], "uvicorn, asgi, 1 worker"),
    "uvicorn-2": (["--server", "uvicorn", "--workers", "2"], "uvicorn, asgi, 2 workers"),
}
UVICORN = (["--server", "uvicorn"], ["--server", "uvicorn", "--workers", "2"])
each_server = pytest.mark.parametrize("options", [options for options, _ in SERVERS.values()], ids=SERVERS)

APP = """
import asyncio, os
from contextlib import asynccontextmanager
from velo_core import Request, StreamingResponse, Velo

@asynccontextmanager
async def lifespan(app):
    with open("started", "a") as file:
        print(os.getpid(), file=file)
    yield
    with open("stopped", "a") as file:
        print(os.getpid(), file=file)

app = Velo(lifespan=lifespan)

@app.get("/")
async def index(request: Request) -> dict[str, object]:
    return {"server": request.client is not None}

@app.post("/sums")
async def sum_of(numbers: dict[str, object]) -> int:
    return len(numbers)

@app.get("/clock")
async def clock() -> StreamingResponse:
    async def ticks():
        while True:
            yield b"tick\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(ticks())
"""
SLOW_START = """
import asyncio
from contextlib import asynccontextmanager
from velo_core import Velo

@asynccontextmanager
async def lifespan(app):
    print("starting", flush=True)
    try:
        await asyncio.sleep(3600)
    finally:
        print("given up", flush=True)
    yield

app = Velo(lifespan=lifespan)
"""


def pids(folder: Path, name: str) -> list[int]:
    return sorted(map(int, (folder / name).read_text().split()))


@pytest.mark.parametrize(("options", "how"), SERVERS.values(), ids=SERVERS)
def test_it_says_where_it_serves_and_ctrl_c_ends_it(serve: Serve, write: Write, tmp_path: Path, options: list[str], how: str) -> None:
    write("examples/shop.py", APP)
    running = serve("examples/shop.py", *options)

    assert running.get() == '{"server":true}'
    assert running.announcement() == f"Velo serves examples/shop.py:app on {running.url} ({how})\n"

    running.press_control_c()

    result = running.result()
    assert (result.status, result.out, result.err) == (0, running.announcement(), "")  # and no access log
    workers = pids(tmp_path, "started")
    assert pids(tmp_path, "stopped") == workers
    assert len(workers) == int(how.split()[-2])
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


@pytest.mark.parametrize(
    "options", [["--interface", "asgi"], ["--interface", "wsgi"], *UVICORN], ids=["granian", "wsgi", "uvicorn", "uvicorn-2"]
)
def test_sigterm_ends_it(serve: Serve, write: Write, tmp_path: Path, options: list[str]) -> None:
    write("shop.py", APP)
    running = serve("shop", *options)
    running.announcement()

    running.process.terminate()

    result = running.result()
    assert (result.status, result.err) == (0, "")
    assert pids(tmp_path, "stopped") == pids(tmp_path, "started")


@each_server
def test_ctrl_c_gives_up_a_start_that_does_not_end(serve: Serve, write: Write, options: list[str]) -> None:
    """And what had been entered of the lifespan is left."""
    write("shop.py", SLOW_START)
    running = serve("shop", *options)
    assert running.out.wait("starting")

    running.press_control_c()

    result = running.result()
    assert (result.status, result.err) == (0, "")
    assert result.out.count("given up") == result.out.count("starting")


SIGNALLED_ELSEWHERE = """
import asyncio
import signal
import threading
from contextlib import asynccontextmanager
from velo_core import Velo

@asynccontextmanager
async def lifespan(app):
    about_to_wait = threading.Event()

    def take_signal():
        about_to_wait.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    asyncio.get_running_loop().call_soon(about_to_wait.set)
    threading.Thread(target=take_signal).start()
    try:
        await asyncio.sleep(3600)
    finally:
        print("given up", flush=True)
    yield

app = Velo(lifespan=lifespan)
"""


@each_server
def test_a_signal_that_another_thread_takes_gives_up_a_start_too(serve: Serve, write: Write, options: list[str]) -> None:
    """It does not interrupt the wait of the event loop; neither does one that comes just before that begins."""
    write("shop.py", SIGNALLED_ELSEWHERE)
    running = serve("shop", *options)

    assert running.out.wait("given up")


IMPORTING = """
import time

def wait():
    print("importing", flush=True)
    while True:
        time.sleep(0.01)  # Python lets one sleep out whose signal came just before it
"""
IMPORTS = {
    "plain": "wait()",
    "wrapped": "class Field:\n    def __set_name__(self, owner, name): wait()\nclass Model: field = Field()",
    "dropped": "class Held:\n    def __del__(self): wait()\nHeld()\nwait()",
    "swallowed": "try: wait()\nexcept: wait()",
}


@pytest.mark.parametrize("code", IMPORTS.values(), ids=IMPORTS)
@pytest.mark.parametrize("options", [[], *UVICORN], ids=["granian", "uvicorn", "uvicorn-2"])
def test_ctrl_c_ends_it_while_the_application_is_imported(serve: Serve, write: Write, options: list[str], code: str) -> None:
    """At once and without a word, whatever its code would do with an exception."""
    write("shop.py", IMPORTING + code)
    running = serve("shop", *options)
    assert running.out.wait("importing")

    running.press_control_c()

    result = running.result()
    assert (result.status, result.err) == (0, "")
    assert result.out.count("importing") <= 1 + ("--workers" in options)


@pytest.mark.parametrize("options", [[], *UVICORN], ids=["granian", "uvicorn", "uvicorn-2"])
def test_what_an_application_printed_while_it_was_imported_is_not_lost(serve: Serve, write: Write, options: list[str]) -> None:
    write("shop.py", 'import sys, time\nprint("kept")\nprint("importing", file=sys.stderr)\nwhile True: time.sleep(0.01)\n')
    running = serve("shop", *options)
    assert running.err.wait("importing")

    running.press_control_c()

    assert "kept" in running.result().out


@each_server
def test_json_that_is_nested_too_deep_is_refused_and_ends_nothing(serve: Serve, write: Write, options: list[str]) -> None:
    write("shop.py", APP)
    running = serve("shop", *options)
    url = urlsplit(running.url)
    for body in (b"[" * 100_000, b'{"a":' * 100_000):
        connection = HTTPConnection(url.hostname or "", url.port, timeout=60)
        connection.request("POST", "/sums", body, {"content-type": "application/json", "connection": "close"})
        assert connection.getresponse().status == 400
        connection.close()

    assert running.get() == '{"server":true}'


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_request_that_does_not_end_is_not_waited_for_longer_than_the_timeout(serve: Serve, write: Write, server: str) -> None:
    write("shop.py", APP)
    running = serve("shop", "--server", server, "--shutdown-timeout", "1")
    with running.open("/clock") as response:
        assert response.readline() == b"tick\n"

        running.press_control_c()

        result = running.result()
    assert result.status == 0
    assert "Traceback" not in result.err


@pytest.mark.parametrize("options", [["--host", "localhost"], ["--host", "::1"]], ids=["name", "ipv6"])
def test_a_host_is_a_name_or_an_address(serve: Serve, write: Write, options: list[str]) -> None:
    write("shop.py", APP)

    running = serve("shop", *options)

    assert running.get() == '{"server":true}'
    assert {"localhost": "http://localhost:", "::1": "http://[::1]:"}[options[1]] in running.announcement()


@pytest.mark.parametrize("options", [[], ["--interface", "asgi"], ["--server", "uvicorn"]], ids=["granian-rsgi", "granian-asgi", "uvicorn"])
def test_the_access_log_shows_paths_as_they_came(serve: Serve, write: Write, options: list[str]) -> None:
    """A decoded path could write lines of its own into the log, or move the cursor of who reads it."""
    write("shop.py", APP.replace('"/"', '"/{anything}"'))
    running = serve("shop", "--access-log", *options)

    running.get("/a%0Ab%1B%5B2J%22")
    running.process.terminate()

    line = running.result().out.removeprefix(running.announcement())
    assert line.count("\n") == 1
    assert '"GET /a%0Ab%1B%5B2J%22 HTTP/1.1" 200' in line


def test_forwarded_headers_are_the_applications_business_on_uvicorn_too(serve: Serve, write: Write) -> None:
    write("shop.py", APP.replace('{"server": request.client is not None}', '{"client": request.client and request.client.host}'))
    running = serve("shop", "--server", "uvicorn")

    with running.open("/", {"X-Forwarded-For": "203.0.113.7"}) as response:
        assert response.read() == b'{"client":"127.0.0.1"}'


def test_a_signal_that_only_the_parent_gets_ends_the_workers(serve: Serve, write: Write, tmp_path: Path) -> None:
    write("shop.py", APP)
    running = serve("shop", "--workers", "2")
    running.announcement()

    running.process.send_signal(signal.SIGINT)

    assert running.result().status == 0
    assert pids(tmp_path, "stopped") == pids(tmp_path, "started")


CLOCK = """
import asyncio, os
from contextlib import asynccontextmanager
from velo_core import Manifest, Plugin, Router, StreamingResponse, Velo

class Clock(Plugin):
    manifest = Manifest(name="clock")

    def install(self, router: Router) -> None:
        router.get("/clock")(self.clock)

    @asynccontextmanager
    async def lifespan(self, app: Velo):
        self.closing_begins = asyncio.Event()
        with open("started", "a") as file:
            print(os.getpid(), file=file)
        yield

    async def closing(self) -> None:
        self.closing_begins.set()

    async def clock(self) -> StreamingResponse:
        async def ticks():
            yield b"tick\\n"
            await self.closing_begins.wait()
            yield b"the end\\n"
        return StreamingResponse(ticks())

app = Velo()
app.install(Clock())
"""


@each_server
def test_plugins_close_before_requests_are_waited_for(serve: Serve, write: Write, tmp_path: Path, options: list[str]) -> None:
    """So a stream that would go on for ever says its last words."""
    write("shop.py", CLOCK)
    running = serve("shop", *options, "--shutdown-timeout", "30")
    with running.open("/clock") as response:
        assert response.readline() == b"tick\n"
        running.process.send_signal(signal.SIGTERM)
        rest = response.read()

    assert rest == b"the end\n"
    assert running.result().status == 0
    assert len(set((tmp_path / "started").read_text().split())) == (2 if "2" in options else 1)  # once in each process that serves
