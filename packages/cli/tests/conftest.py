"""The command as its users start it: a process of its own, in a folder with small applications."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

DEADLINE_SECONDS = 60.0
"""How long anything may take before a test gives up. Nothing waits for it when all is well."""


@dataclass(frozen=True)
class Result:
    """What a command that ended left behind."""

    status: int
    out: str
    err: str


class Lines:
    """What a process writes to one of its streams, as it comes."""

    def __init__(self, stream: IO[str]) -> None:
        self.lines: list[str] = []
        self._over = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,))
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    def wait(self, pattern: str, count: int = 1) -> str | None:
        """The `count`-th line that matches; `None` if the stream ends before."""

        def matching() -> list[str]:
            return [line for line in self.lines if re.search(pattern, line)]

        with self._news:
            assert self._news.wait_for(lambda: len(matching()) >= count or self._over, DEADLINE_SECONDS), self.lines
            return matching()[count - 1] if len(matching()) >= count else None

    def rest(self) -> str:
        """All there was, after the end."""
        self._thread.join()
        return "".join(self.lines)


class Running:
    """`velo run` in a process group of its own, as a terminal gives it one."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "velo_cli", "run", *arguments, "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def announcement(self, count: int = 1) -> str:
        """The line that says where the application is served, the `count`-th."""
        line = self.out.wait("^Velo serves ", count)
        assert line is not None, f"it ended: {self.err.rest()}"
        return line

    @property
    def url(self) -> str:
        """Where it is served."""
        found = re.search(r"http://\S+", self.announcement())
        assert found is not None
        return found[0]

    def get(self, path: str = "/") -> str:
        """The body of an answer."""
        with self.open(path) as response:
            return response.read().decode()

    def open(self, path: str, headers: Mapping[str, str] | None = None) -> HTTPResponse:
        """An answer whose body is still to be read."""
        url = urlsplit(self.url)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=DEADLINE_SECONDS)
        connection.request("GET", path, headers={"connection": "close", **(headers or {})})
        return connection.getresponse()

    def press_control_c(self) -> None:
        """Sends SIGINT to all its processes, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def result(self) -> Result:
        """Waits for the end."""
        status = self.process.wait(DEADLINE_SECONDS)
        return Result(status, self.out.rest(), self.err.rest())

    def close(self) -> None:
        """Leaves nothing behind, whatever the test did."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.out.rest()
        self.err.rest()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file into the folder in which commands run."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # In one step, so that nobody meets half a file.
        fresh = path.with_suffix(".fresh")
        fresh.write_text(text)
        return fresh.replace(path)

    return write


@pytest.fixture
def velo(tmp_path: Path) -> Callable[..., Result]:
    """Runs a command to its end."""

    def run(*arguments: str, path: Path | None = None, python: Sequence[str] = ("-m", "velo_cli")) -> Result:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *python, *arguments],
            cwd=tmp_path,
            env=os.environ | ({"PYTHONPATH": str(path)} if path else {}),
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts `velo run` on a free port."""
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(arguments, tmp_path))
        return started[-1]

    yield start

    for running in started:
        running.close()
