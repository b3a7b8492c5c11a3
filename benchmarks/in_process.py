"""The cost of one request in process: no server, no sockets, one event loop.

All contenders are called with the same connection scopes, in rounds that take turns, so that whatever else the machine does hits all of
them alike. Measured is processor time, not the clock, and of the rounds the best one counts: noise only ever adds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from benchmarks.contenders import application
from benchmarks.scenarios import Exchange, Scenario

__all__ = ["Lifespan", "WrongAnswer", "ask", "measure"]

Application = Callable[..., Any]
HEADERS = ((b"host", b"127.0.0.1:8000"), (b"user-agent", b"benchmark"), (b"accept", b"*/*"), (b"accept-encoding", b"identity"))


class WrongAnswer(Exception):
    """A contender answered otherwise than the scenario wants, so it does other work."""


def scope_of(exchange: Exchange) -> MutableMapping[str, Any]:
    """What an ASGI server tells of a request."""
    path, _, query = exchange.path.partition("?")
    headers = [*HEADERS, *((name.encode(), value.encode()) for name, value in (exchange.headers or {}).items())]
    if exchange.body:
        headers.append((b"content-length", b"%d" % len(exchange.body)))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": exchange.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 5555),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "extensions": {},
    }


class Receive:
    """The client's side of one request: the whole body at once, then nothing until it leaves, which it never does."""

    __slots__ = ("message",)

    def __init__(self, body: bytes) -> None:
        self.message: dict[str, object] | None = {"type": "http.request", "body": body, "more_body": False}

    async def __call__(self) -> dict[str, object]:
        message, self.message = self.message, None
        if message is None:
            await asyncio.get_running_loop().create_future()
        return message or {}


async def ask(app: Application, exchange: Exchange) -> None:
    """One request, whose answer is looked at.

    Raises:
        WrongAnswer: it is not the one that the exchange wants.
    """
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await asyncio.wait_for(app(scope_of(exchange), Receive(exchange.body), send), 10)
    check(exchange, messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:]))


def check(exchange: Exchange, status: int, body: bytes) -> None:
    """Whether that is the answer to the exchange.

    Raises:
        WrongAnswer: it is not.
    """
    if status != exchange.status:
        raise WrongAnswer(f"{exchange.method} {exchange.path}: status {status}, not {exchange.status}")
    answer = exchange.answer
    if answer is not None and (body if isinstance(answer, bytes) else json.loads(body)) != answer:
        raise WrongAnswer(f"{exchange.method} {exchange.path}: another body than wanted: {body[:200]!r}")


class Lifespan:
    """Starts an application, and stops it at the end of the `async with`."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.started = asyncio.Event()

    async def _run(self) -> None:
        try:
            await self.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self.messages.get, self._send)
        except Exception:  # noqa: S110 - an application without a lifespan says so by raising
            pass
        finally:
            self.started.set()

    async def _send(self, message: Mapping[str, object]) -> None:
        self.started.set()

    async def __aenter__(self) -> None:
        self.task = asyncio.create_task(self._run())
        self.messages.put_nowait({"type": "lifespan.startup"})
        await self.started.wait()

    async def __aexit__(self, *_: object) -> None:
        self.messages.put_nowait({"type": "lifespan.shutdown"})
        await self.task


async def round_of(app: Application, scenario: Scenario, first: int, count: int) -> float:
    """Microseconds of processor time for each of so many requests."""
    exchanges = [scenario.exchange(number) for number in range(first, first + count)]
    calls = [(scope_of(exchange), Receive(exchange.body)) for exchange in exchanges]

    async def send(message: dict[str, object]) -> None:
        pass

    began = time.process_time_ns()
    for scope, receive in calls:
        await app(scope, receive, send)
    return (time.process_time_ns() - began) / count / 1000


async def measure(scenario: Scenario, names: Sequence[str], *, rounds: int, seconds: float) -> dict[str, float | str]:
    """What each contender costs: microseconds, or why it was not measured.

    Args:
        scenario: What is asked.
        names: Of the contenders.
        rounds: How often each has its turn.
        seconds: About how long a turn takes.
    """
    found: dict[str, float | str] = {}
    counts: dict[str, int] = {}
    live: dict[str, Application] = {}
    lifespans: list[Lifespan] = []
    for name in names:
        app = application(name, *scenario.application)
        if app is None:
            continue
        lifespan = Lifespan(app)
        await lifespan.__aenter__()
        lifespans.append(lifespan)
        try:
            await ask(app, scenario.exchange(0))
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
            continue
        await round_of(app, scenario, 0, 20)
        counts[name] = max(1, min(20_000, int(seconds * 1e6 / await round_of(app, scenario, 0, 20))))
        live[name] = app
    gc.collect()
    gc.freeze()
    best = dict.fromkeys(live, float("inf"))
    for turn in range(rounds):
        for name, app in live.items():
            best[name] = min(best[name], await round_of(app, scenario, 1000 * turn, counts[name]))
    gc.unfreeze()
    for lifespan in lifespans:
        await lifespan.__aexit__()
    return {**found, **best}
