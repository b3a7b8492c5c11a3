"""`velo run --reload`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Result, Running

pytest.importorskip("watchfiles", reason="the extra `reload` is not installed")

Write = Callable[[str, str], Path]
Run = Callable[..., "Result"]
Serve = Callable[..., "Running"]

APP = """
from velo_core import Velo
app = Velo()

@app.get("/")
async def index() -> str:
    return "{text}"
"""


def wait_for(running: Running, body: str) -> None:
    """Asks until the answer is `body`."""
    deadline = time.monotonic() + 60
    found = ""
    while found != body:
        assert time.monotonic() < deadline, f"still {found}"
        try:
            found = running.get()
        except (ConnectionError, HTTPException):  # it starts again
            time.sleep(0.02)


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
@pytest.mark.parametrize("target", ["shop.web", "shop/web.py"])
def test_a_change_is_served_and_a_broken_one_waits_for_the_next(serve: Serve, write: Write, target: str, server: str) -> None:
    write("shop/web.py", APP.format(text="one"))
    running = serve(target, "--server", server, "--reload")
    assert running.get() == "one"

    write("shop/web.py", APP.format(text="two"))
    wait_for(running, "two")
    assert running.announcement(2) == running.announcement(1)

    write("shop/web.py", "app = (\n")
    assert running.err.wait("^Waiting for a change.$")
    line = f"Error: {target} cannot be loaded: SyntaxError: '(' was never closed (shop/web.py:1)\n"
    assert running.err.lines == [line, "Waiting for a change.\n"]

    write("shop/web.py", APP.format(text="three"))
    wait_for(running, "three")

    running.press_control_c()
    assert running.result().status == 0


@pytest.mark.parametrize("target", ["shop.web", "shop/web.py"])
def test_a_change_in_the_same_second_is_served(serve: Serve, write: Write, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # what was compiled is all that Python would look at
    source = write("shop/web.py", APP.format(text="one"))
    running = serve(target, "--server", "uvicorn", "--reload")
    assert running.get() == "one"

    changed = write("changed", APP.format(text="two"))
    told = source.stat()
    os.utime(changed, (told.st_atime, told.st_mtime))
    changed.replace(source)

    wait_for(running, "two")
    running.press_control_c()
    assert running.result().status == 0


def test_a_server_that_was_killed_is_told(serve: Serve, write: Write) -> None:
    write("shop.py", APP.replace('"{text}"', "os.getpid()").replace("-> str", "-> int").replace("from", "import os\nfrom"))
    running = serve("shop", "--server", "uvicorn", "--reload")

    os.kill(int(running.get()), signal.SIGKILL)

    result = running.result()
    assert (result.status, result.err) == (1, "Error: the server was ended by signal 9\n")


def test_what_is_broken_from_the_start_ends_the_command(velo: Run, write: Write) -> None:
    write("shop.py", "app = (\n")

    result = velo("run", "shop", "--port", "0", "--reload")

    assert (result.status, result.err) == (1, "Error: shop cannot be loaded: SyntaxError: '(' was never closed (shop.py:1)\n")
