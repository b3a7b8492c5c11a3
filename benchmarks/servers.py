"""Through real servers: how much they answer in a second, and what it costs them in processor time.

One processor core is the servers', another one the load generator's. All servers are up during the whole part and take turns, one after
another in every round, so that what else the machine does hits all of them; ratios are those of one round, and their median is told. Where
the load generator is slower than what it asks, processor time still tells the contenders apart, and it does so on a busy machine too.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import loads
from benchmarks.answers import CannotDo, WrongAnswer
from benchmarks.scenarios import DOCUMENTS, EVERY_EVENT, ITEM, ITEMS, MESSAGE, STREAM, Exchange, post, user
from benchmarks.tables import Table

__all__ = ["LOADS", "QUICK", "tables"]

EVENTS, ECHOES = "events", "echoes"
LOADS: Mapping[str, Exchange | str] = {
    "json": Exchange("/json", MESSAGE),
    "plaintext": Exchange("/plaintext", b"Hello, World!"),
    "params": user(0),
    "body": post("/items", ITEM),
    "list of 100": Exchange("/list", ITEMS),
    "json 100 KiB": post("/documents", DOCUMENTS["100 KiB"]),
    "stream 10 MiB": STREAM,
    EVENTS: EVENTS,
    ECHOES: ECHOES,
}
QUICK = ("json", EVENTS, ECHOES)
OURS = "granian rsgi velo"
CLOSE = ("granian rsgi raw", OURS)
"""Those whose ratio is near 1, so that it takes more rounds to tell."""
SECONDS = 1
"""Of one turn."""


def granian(interface: str, target: str) -> list[str]:
    quiet = ["--no-access-log", "--log-level", "error"]
    return ["granian", "--workers", "1", "--host", "127.0.0.1", "--port", "PORT", *quiet, "--interface", interface, target]


def uvicorn(target: str) -> list[str]:
    return ["uvicorn", "--host", "127.0.0.1", "--port", "PORT", "--no-access-log", "--log-level", "error", target]


def commands(names: Sequence[str], *, few: bool) -> Mapping[str, list[str]]:
    """The command of each server with each contender on it. The first one is what the others are compared with."""
    found = {"granian rsgi raw": granian("rsgi", "benchmarks.contenders.raw_app:rsgi")}
    if "velo" in names:
        found[OURS] = granian("rsgi", "benchmarks.contenders.velo_app:app")
    of_asgi = [name for name in names if name not in ("robyn", "flask")]
    for name in of_asgi:
        found[f"granian asgi {name}"] = granian("asgi", f"benchmarks.contenders.{name}_app:app")
    for name in of_asgi if not few else [name for name in of_asgi if name in ("raw", "velo", "starlette")]:
        found[f"uvicorn {name}"] = uvicorn(f"benchmarks.contenders.{name}_app:app")
    for name in names:
        if name in ("raw", "velo", "falcon", "flask"):
            found[f"granian wsgi {name}"] = granian("wsgi", f"benchmarks.serving:{name}_wsgi")
    if "robyn" in names:
        found["robyn"] = ["python", "-m", "benchmarks.contenders.robyn_app", "--log-level", "ERROR"]
    return found


def pinned(core: int) -> list[str]:
    """What a command begins with that has to run on one core."""
    return ["taskset", "-c", str(core)] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []


class Server:
    """A server that is up.

    Raises:
        RuntimeError: it does not start.
    """

    def __init__(self, command: Sequence[str]) -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self.port: int = listening.getsockname()[1]
        program = Path(sys.executable).parent / command[0]
        self.process = subprocess.Popen(
            [*pinned(0), str(program), *(part.replace("PORT", str(self.port)) for part in command[1:])],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), "BENCHMARK_PORT": str(self.port)},
        )

    def wait(self) -> None:
        give_up = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError("the server does not start") from None
                time.sleep(0.05)

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def processor_seconds(self) -> float:
        """What all threads of its processes have used so far. The kernel counts nanoseconds, where it is told to."""
        total = 0.0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                fields = (process / "stat").read_text().rsplit(") ", 1)[1].split()
                if int(fields[3]) != self.process.pid:
                    continue
                threads = [int((thread / "schedstat").read_text().split()[0]) for thread in (process / "task").iterdir()]
                total += sum(threads) / 1e9
            except OSError:
                continue
        return total


@contextmanager
def running(wanted: Mapping[str, list[str]]) -> Generator[tuple[dict[str, Server], dict[str, str]]]:
    """The servers that have started, and what is to be said of the others."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        failed: dict[str, str] = {}
        for name, command in wanted.items():
            servers[name] = server = Server(command)
            stack.callback(server.stop)
        for name, server in list(servers.items()):
            try:
                server.wait()
            except RuntimeError as error:
                failed[name] = str(error)
                del servers[name]
        yield servers, failed


def turn(server: Server, load: Exchange | str) -> tuple[float, float]:
    """How much is answered in a second, and microseconds of the server's processor time for each."""
    before = server.processor_seconds()
    if isinstance(load, str):
        count, elapsed = loads.run(load, server.port, SECONDS, pinned(1))
    else:
        count, elapsed = loads.requests(server.port, load, SECONDS, pinned(1))
    used = server.processor_seconds() - before
    return count / elapsed, used / count * 1e6


def able(server: Server, load: Exchange | str) -> None:
    """Whether it answers as it should.

    Raises:
        CannotDo, WrongAnswer, RuntimeError: it does not.
    """
    if isinstance(load, Exchange):
        loads.ask(server.port, load)
    elif load == EVENTS:
        loads.ask(server.port, EVERY_EVENT)
    else:
        try:
            loads.echoes(server.port, 0.05)
        except loads.NoWebSocket:
            raise CannotDo from None


def tables(names: Sequence[str], wanted_loads: Sequence[str], *, few: bool, rounds: int, close_rounds: int = 0) -> Sequence[Table]:
    """Two tables: rates and processor time. None without wrk.

    Args:
        names: Of the contenders.
        wanted_loads: Keys of `LOADS`.
        few: Whether Uvicorn runs with a few contenders alone.
        rounds: How often each contender has its turn.
        close_rounds: How often the hand-written application and Velo on the same server have, if that is more.
    """
    if shutil.which("wrk") is None:
        print("wrk is not installed, so nothing is measured through servers")
        return []
    wanted = commands(names, few=few)
    rates = Table("Through servers, rate", "thousands per second and core", list(wanted), ours=OURS, more_is_better=True, across=True)
    costs = Table("Through servers, cost", "microseconds of the server's processor time for each", list(wanted), ours=OURS, across=True)
    with running(wanted) as (servers, failed):
        for name in wanted_loads:
            rate, cost, why = _measure(servers, LOADS[name], rounds, close_rounds)
            rates.add(name, rate, {**failed, **why})
            costs.add(name, cost, {**failed, **why})
            for contender in rate:
                print(f"{name}, {contender}: {rates.rows[name][contender]:.2f} k/s, {costs.rows[name][contender]:.2f} us", flush=True)
    return [rates, costs]


def _measure(
    servers: Mapping[str, Server], load: Exchange | str, rounds: int, close_rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, str]]:
    """Rates and costs of all rounds by contender, and what has gone wrong with the others."""
    rate: dict[str, list[float]] = {}
    cost: dict[str, list[float]] = {}
    why: dict[str, str] = {}
    for name, server in servers.items():
        try:
            able(server, load)
            turn(server, load)
        except CannotDo:
            continue
        except (WrongAnswer, RuntimeError, OSError) as error:
            why[name] = str(error)
        else:
            rate[name], cost[name] = [], []
    for number in range(max(rounds, close_rounds)):
        for name in list(rate) if number < rounds else [name for name in rate if name in CLOSE]:
            try:
                done, used = turn(servers[name], load)
            except (RuntimeError, OSError) as error:
                why[name] = str(error)
                del rate[name], cost[name]
            else:
                rate[name].append(done / 1000)
                cost[name].append(used)
    return rate, cost, why
