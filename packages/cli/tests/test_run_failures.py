"""What ends `velo run` before it serves, or while it does: one line, and a status that is not 0."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Result, Running

Write = Callable[[str, str], Path]
Run = Callable[..., "Result"]
Serve = Callable[..., "Running"]

APP = """
import os
from velo_core import Velo
app = Velo()

@app.get("/pid")
async def pid() -> int:
    return os.getpid()
"""
LIFESPAN = """
from contextlib import asynccontextmanager
from velo_core import Velo

@asynccontextmanager
async def lifespan(app):
    {before}
    yield
    {after}

app = Velo(lifespan=lifespan)
"""
SERVERS = {
    "granian-rsgi": [],
    "granian-asgi": ["--interface", "asgi"],
    "granian-wsgi": ["--interface", "wsgi"],
    "granian-2": ["--workers", "2"],
    "uvicorn": ["--server", "uvicorn"],
    "uvicorn-2": ["--server", "uvicorn", "--workers", "2"],
}
each_server = pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)


@each_server
def test_an_application_that_does_not_start_is_one_line(velo: Run, write: Write, options: list[str]) -> None:
    write("shop.py", LIFESPAN.format(before='raise RuntimeError("no\\ndatabase")', after="pass"))

    result = velo("run", "shop", "--port", "0", *options)

    line = "Error: shop:app does not start: RuntimeError: no database (shop.py:7)\n"
    assert (result.status, result.out, result.err) == (1, "", line)


@pytest.mark.parametrize("name", ["granian-2", "uvicorn", "uvicorn-2"])
def test_an_application_that_cannot_be_loaded_is_one_line(velo: Run, write: Write, name: str) -> None:
    write("shop.py", "import nowhere\n")

    result = velo("run", "shop.py", "--port", "0", *SERVERS[name])

    line = "Error: shop.py cannot be loaded: ModuleNotFoundError: No module named 'nowhere' (shop.py:1)\n"
    assert (result.status, result.out, result.err) == (1, "", line)


@pytest.mark.parametrize("name", ["granian-rsgi", "granian-asgi", "uvicorn"])
def test_an_application_that_does_not_stop_cleanly_is_one_line(serve: Serve, write: Write, name: str) -> None:
    write("shop.py", LIFESPAN.format(before="pass", after='raise RuntimeError("not saved")'))
    running = serve("shop", *SERVERS[name])
    running.announcement()

    running.process.terminate()

    result = running.result()
    assert (result.status, result.err) == (1, "Error: shop:app did not stop cleanly: RuntimeError: not saved (shop.py:9)\n")


@pytest.mark.parametrize("name", ["granian-asgi", "granian-2", "uvicorn-2"])
def test_a_worker_that_dies_ends_the_command(serve: Serve, write: Write, name: str) -> None:
    write("shop.py", APP)
    running = serve("shop", *SERVERS[name])

    os.kill(int(running.get("/pid")), signal.SIGKILL)

    result = running.result()
    server = name.partition("-")[0]
    assert (result.status, result.err) == (1, f"Error: a worker of {server} ended unexpectedly, and all others were ended\n")


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        ('raise ExceptionGroup("tasks", [OSError("no database")])', "OSError: no database"),
        ("raise asyncio.CancelledError", "CancelledError (shop.py:7)"),
    ],
)
def test_the_reason_is_found_whatever_it_is_wrapped_in(velo: Run, write: Write, failure: str, line: str) -> None:
    write("shop.py", "import asyncio" + LIFESPAN.format(before=failure, after="pass"))

    result = velo("run", "shop", "--port", "0", "--server", "uvicorn")

    assert (result.status, result.err) == (1, f"Error: shop:app does not start: {line}\n")


def test_setup_errors_are_listed(velo: Run, write: Write) -> None:
    write("shop.py", APP + '\n@app.get("/{a")\nasync def one() -> str: ...\n\n@app.get("/{b")\nasync def two() -> str: ...\n')

    result = velo("run", "shop", "--port", "0")

    assert result.status == 1
    assert [line[:5] for line in result.err.splitlines()] == ["Error", "  1. ", "  2. "]


def test_verbose_shows_the_traceback_of_a_worker(velo: Run, write: Write) -> None:
    write("shop.py", LIFESPAN.format(before='raise RuntimeError("no database")', after="pass"))

    result = velo("run", "shop", "--port", "0", "--verbose", "--server", "uvicorn")

    assert "Traceback (most recent call last):\n" in result.err
    assert result.err.endswith("RuntimeError: no database\nError: shop:app does not start: RuntimeError: no database (shop.py:7)\n")


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_port_in_use_is_found_first(velo: Run, write: Write, server: str) -> None:
    write("shop.py", 'print("loaded")')
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        result = velo("run", "shop", "--server", server, "--port", str(port))

    line = f"Error: port {port} of 127.0.0.1 is in use by another program; choose one with --port, or --port 0 for any that is free\n"
    assert (result.status, result.out, result.err) == (1, "", line)


def test_two_commands_do_not_share_a_port(serve: Serve, velo: Run, write: Write) -> None:
    """Granian's sockets would: they are opened with `SO_REUSEPORT`."""
    write("shop.py", APP)
    port = serve("shop").url.rpartition(":")[2]

    result = velo("run", "shop", "--port", port)

    assert result.status == 1
    assert result.err.startswith(f"Error: port {port} of 127.0.0.1 is in use")


@pytest.mark.skipif(sys.platform != "linux", reason="privileges are dropped with a call of Linux")
def test_a_privileged_port_is_one_line(velo: Run, write: Write) -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("every port is free for all here")
    write("shop.py", APP)
    drop = "import ctypes; ctypes.CDLL(None).prctl(24, 10)"  # PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE; holds from the next program on
    again = "import os, sys; os.execv(sys.executable, [sys.executable, '-m', 'velo_cli', *sys.argv[1:]])"

    result = velo("run", "shop", "--port", "80", python=("-c", f"{drop}; {again}"))

    line = "Error: port 80 needs privileges that this user does not have; choose one from 1024 with --port\n"
    assert (result.status, result.err) == (1, line)


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("192.0.2.1", "192.0.2.1 is not an address of this machine; 127.0.0.1 is reached from here alone, 0.0.0.0 from everywhere"),
        ("..", "the host '..' is not known; give an address of this machine, such as 127.0.0.1 or 0.0.0.0"),
    ],
)
def test_a_host_that_is_not_here_is_one_line(velo: Run, write: Write, host: str, line: str) -> None:
    write("shop.py", APP)

    result = velo("run", "shop", "--host", host)

    assert (result.status, result.out, result.err) == (1, "", f"Error: {line}\n")


def test_a_port_that_was_taken_meanwhile_is_one_line(velo: Run, write: Write) -> None:
    """As it can happen to a server that starts again after a change."""
    write("shop.py", APP)
    script = write(
        "late.py",
        """
import queue, socket
from velo_cli.address import Endpoint
from velo_cli.errors import Failure
from velo_cli.settings import Settings
from velo_cli.target import Target
from velo_cli.with_granian import serve

with socket.create_server(("127.0.0.1", 0)) as other:
    endpoint = Endpoint("127.0.0.1", "127.0.0.1", other.getsockname()[1])
    try:
        serve(Settings(Target.parse("shop"), endpoint, None, "granian", "rsgi", 1, False, False, 1), queue.SimpleQueue())
    except Failure as failure:
        print(failure.line.replace(str(endpoint.port), "PORT"))
""",
    )

    assert velo(python=(str(script),)).out.startswith("granian cannot listen on http://127.0.0.1:PORT: Address already in use")


@pytest.mark.parametrize(
    ("missing", "options", "line"),
    [
        ("uvicorn", ["--server", "uvicorn"], "uvicorn is not installed; try: pip install 'velo-cli[uvicorn]'"),
        ("watchfiles", ["--reload"], "--reload needs watchfiles; try: pip install 'velo-cli[reload]'"),
    ],
)
def test_what_is_not_installed_is_named_with_its_extra(velo: Run, write: Write, missing: str, options: list[str], line: str) -> None:
    write("shop.py", APP)
    without = f"import sys; sys.modules[{missing!r}] = None; from velo_cli import main; main()"

    result = velo("run", "shop", *options, python=("-c", without))

    assert (result.status, result.err) == (1, f"Error: {line}\n")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--server", "uvicorn", "--interface", "rsgi"], "uvicorn does not speak rsgi; leave --interface out, or take --server granian"),
        (["--reload", "--workers", "2"], "--reload serves with one worker; leave --workers out"),
        (["--port", "65536"], "Invalid value for '--port': 65536 is not in the range 0<=x<=65535."),
        (["--workers", "0"], "Invalid value for '--workers': 0 is not in the range x>=1."),
    ],
)
def test_a_wrong_command_line_ends_with_2(velo: Run, options: list[str], line: str) -> None:
    result = velo("run", "shop", *options)

    assert (result.status, result.out, result.err.splitlines()[-1]) == (2, "", f"Error: {line}")
