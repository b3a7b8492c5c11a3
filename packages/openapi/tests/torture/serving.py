"""The application under Granian with RSGI, on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]


def environment(*more: Path) -> dict[str, str]:
    """Of a process that can import the application, and what these tests can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, more), str(TESTS), *sys.path]), "NO_COLOR": "1"}


@contextmanager
def served() -> Generator[str]:
    """The URL of the application, which serves until the block ends.

    Raises:
        RuntimeError: the server ended, with what it printed; or it took more than a minute.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("--interface", "rsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning")
    command = [sys.executable, "-m", "granian", *options, "torture.app:app"]
    process = subprocess.Popen(command, env=environment(), cwd=TESTS, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    try:
        _wait_until_open(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)  # there is no event to wait for: the port opens or it does not
        else:
            return
    raise RuntimeError("the server did not open its port within a minute")
