"""Requests per second through real servers, and the processor time of the server for each.

One processor core is the server's and another one the load generator's (wrk, if the machine has it). Where the load generator is slower
than what it asks, processor time per request still tells the contenders apart. Contenders take turns in every round.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import Table

__all__ = ["CONTENDERS", "tables"]

PATHS = {"plaintext": "/plaintext", "json": "/json", "params": "/users/42?verbose=true&page=3"}
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def granian(interface: str, target: str) -> list[str]:
    quiet = ["--no-ws", "--no-access-log", "--log-level", "error"]
    return ["granian", "--workers", "1", "--host", "127.0.0.1", "--port", "PORT", *quiet, "--interface", interface, target]


def uvicorn(target: str) -> list[str]:
    return ["uvicorn", "--host", "127.0.0.1", "--port", "PORT", "--no-access-log", "--log-level", "error", target]


def contenders(names: Sequence[str]) -> Mapping[str, list[str]]:
    """The command of each server with each contender on it."""
    found = {"granian rsgi raw": granian("rsgi", "benchmarks.contenders.raw_app:rsgi")}
    if "velo" in names:
        found["granian rsgi velo"] = granian("rsgi", "benchmarks.contenders.velo_app:app")
    for name in names:
        found[f"granian asgi {name}"] = granian("asgi", f"benchmarks.contenders.{name}_app:app")
    for name in ("raw", "velo", "starlette"):
        if name in names:
            found[f"uvicorn {name}"] = uvicorn(f"benchmarks.contenders.{name}_app:app")
    return found


CONTENDERS = contenders(("raw", "velo", "starlette", "fastapi", "falcon", "litestar", "blacksheep", "velocipy"))


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """The command, on one core."""
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else list(command)


def processor_seconds(session: int) -> float:
    """What all processes of a session have used so far."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / CLOCK_TICKS


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def served(command: Sequence[str]) -> Generator[tuple[int, int]]:
    """Runs a server; gives its port and its session.

    Raises:
        RuntimeError: it does not start.
    """
    port = free_port()
    program = Path(sys.executable).parent / command[0]
    process = subprocess.Popen(
        pinned(0, [str(program), *(part.replace("PORT", str(port)) for part in command[1:])]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])},
    )
    try:
        give_up = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError("the server does not start") from None
                time.sleep(0.05)
        yield port, process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def load(command: Sequence[str], path: str, seconds: int) -> tuple[float, float]:
    """Requests per second, and microseconds of the server's processor time for each.

    Raises:
        RuntimeError: something else than 200 was answered, or nothing.
    """
    with served(command) as (port, session):
        url = f"http://127.0.0.1:{port}{path}"
        subprocess.run(pinned(1, ["wrk", "-t1", "-c64", "-d1", url]), capture_output=True, check=True)
        before = processor_seconds(session)
        done = subprocess.run(pinned(1, ["wrk", "-t1", "-c64", f"-d{seconds}", url]), capture_output=True, text=True, check=True)
        used = processor_seconds(session) - before
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout), re.search(r"(\d+) requests in", done.stdout)
    if rate is None or count is None or int(count[1]) == 0 or "Non-2xx" in done.stdout:
        raise RuntimeError("another answer than 200")
    return float(rate[1]), used / int(count[1]) * 1e6


def tables(names: Sequence[str], *, quick: bool) -> Sequence[Table]:
    """Two tables for all paths: rates and processor time. None without wrk."""
    if shutil.which("wrk") is None:
        print("wrk is not installed, so nothing is measured through servers")
        return []
    commands = contenders(names)
    rounds, seconds = (1, 2) if quick else (3, 4)
    rates = Table("Through servers, rate", "thousand requests per second and core", list(commands), more_is_better=True)
    costs = Table("Through servers, cost", "microseconds of the server's processor time per request", list(commands))
    for scenario, path in PATHS.items() if not quick else [("json", PATHS["json"])]:
        found: dict[str, list[tuple[float, float]]] = {}
        failed: dict[str, str] = {}
        for _ in range(rounds):
            for name, command in commands.items():
                if name not in failed:
                    try:
                        found.setdefault(name, []).append(load(command, path, seconds))
                    except RuntimeError as error:
                        failed[name] = str(error)
        done = {name: results for name, results in found.items() if results and name not in failed}
        rates.rows[scenario] = {**failed, **{name: statistics.median(rate for rate, _ in done[name]) / 1000 for name in done}}
        costs.rows[scenario] = {**failed, **{name: min(cost for _, cost in done[name]) for name in done}}
        for name in done:
            print(f"{scenario}, {name}: {rates.rows[scenario][name]:.1f} k/s, {costs.rows[scenario][name]:.2f} us", flush=True)
    return [rates, costs]
