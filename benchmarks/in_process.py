"""The cost of one request in process: no server, no sockets, one event loop.

All contenders are called with the same requests, in rounds that take turns, so that whatever else the machine does hits all of them alike.
Measured is processor time, not the clock, and of the rounds the best one counts: noise only ever adds.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import asgi, wsgi
from benchmarks.answers import Answer, CannotDo, WrongAnswer, check, cookie_of, with_cookie
from benchmarks.contenders import application
from benchmarks.scenarios import Exchange, Scenario

__all__ = ["measure"]

AT_MOST = 20_000
"""Requests of one round."""


@dataclass(slots=True)
class Contender:
    """An application that is ready for a scenario."""

    app: asgi.Application
    scenario: Scenario
    cookie: str | None = None
    requests: int = 20

    async def ask(self, exchange: Exchange) -> Answer:
        return wsgi.ask(self.app, exchange) if self.scenario.protocol == "wsgi" else await asgi.ask(self.app, exchange)

    def exchanges(self, first: int) -> list[Exchange]:
        found = [self.scenario.exchange(number) for number in range(first, first + self.requests)]
        return found if self.cookie is None else [with_cookie(exchange, self.cookie) for exchange in found]

    async def round(self, first: int) -> float:
        """Microseconds of one request, of as many as a round has."""
        exchanges = self.exchanges(first)
        if self.scenario.protocol == "wsgi":  # from a thread without an event loop, as servers do it
            return await asyncio.to_thread(wsgi.round_of, self.app, exchanges)
        return await asgi.round_of(self.app, exchanges)

    async def prepare(self, *, hand_written: bool) -> None:
        """Looks at its answers.

        Raises:
            WrongAnswer: one of them is not what the scenario wants.
        """
        if self.scenario.session:
            await self._begin_session()
        for number in (0, 1):
            exchange = self.exchanges(number)[0]
            check(exchange, await self.ask(exchange))
        if not hand_written:
            for exchange in self.scenario.refuses:
                try:
                    answer = await self.ask(exchange)
                except Exception:  # noqa: S112 - raising is not taking it
                    continue
                check(exchange, answer)

    async def _begin_session(self) -> None:
        """Takes the cookie of a new session, and tries a forged one: who does not look at the signature does other work."""
        new = Exchange(self.scenario.exchange(0).path, {"visits": 1})
        answer = await self.ask(new)
        check(new, answer)
        name, _, value = cookie_of(answer).partition("=")
        forged = with_cookie(new, f"{name}={'A' if value[0] != 'A' else 'B'}{value[1:]}")
        check(forged, await self.ask(forged))
        self.cookie = f"{name}={value}"


async def measure(scenario: Scenario, names: Sequence[str], *, rounds: int, seconds: float) -> dict[str, float | str]:
    """What each contender costs: microseconds, or why it was not measured.

    Args:
        scenario: What is asked.
        names: Of the contenders.
        rounds: How often each has its turn.
        seconds: About how long a turn takes.
    """
    found: dict[str, float | str] = {}
    live: dict[str, Contender] = {}
    lifespans: list[asgi.Lifespan] = []
    for name in names:
        app = application(name, *scenario.application)
        if app is None:
            continue
        if scenario.protocol == "asgi":
            lifespan = asgi.Lifespan(app)
            await lifespan.__aenter__()
            lifespans.append(lifespan)
        contender = Contender(app, scenario)
        try:
            await contender.prepare(hand_written=name == "raw")
        except CannotDo:
            continue
        except WrongAnswer as error:
            found[name] = str(error)
            continue
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
            continue
        contender.requests = _fitting(await contender.round(0), seconds, scenario)
        live[name] = contender
    gc.collect()
    gc.freeze()
    best = dict.fromkeys(live, float("inf"))
    for turn in range(rounds):
        for name, contender in live.items():
            best[name] = min(best[name], await contender.round(1000 * turn))
    gc.unfreeze()
    for lifespan in lifespans:
        await lifespan.__aexit__()
    return {**found, **best}


def _fitting(microseconds: float, seconds: float, scenario: Scenario) -> int:
    """How many requests fit into so many seconds. Making them takes time as well, and memory."""
    began = time.process_time()
    scenario.exchange(0)
    making = (time.process_time() - began) * 1e6
    return max(1, min(AT_MOST, int(seconds * 1e6 / (microseconds + making))))
