"""Where counters live: the seam, and the one that keeps them in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import randrange
from threading import Lock
from time import monotonic
from typing import Final, Protocol

from velo_limiter.algorithms import Decision, State, Step, count, decide, to_nanoseconds
from velo_limiter.errors import RuleError
from velo_limiter.rules import Charge, RateLimitRule

__all__ = ["MemoryStorage", "Storage"]

SWEPT_PER_CHARGE: Final = 2
"""Counters looked at for each charge: more than a charge can add, so idle ones go faster than new ones come."""

SAMPLE: Final = 8
"""Counters from which the least used is chosen when there is no room."""


class Storage(Protocol):
    """Keeps counters and charges them.

    One call is one decision and, for a store elsewhere, one round trip: the charges say all that it has to know, and the clock is its own.
    A store that several processes share needs one wall clock for all of them, best that of the machine it runs on.
    """

    async def acquire(self, charges: Sequence[Charge]) -> Sequence[Decision]:
        """Make all charges or, when one rule refuses, none; nobody sees anything in between.

        Args:
            charges: At least one, on different counters. What each rule means is defined by `velo_limiter.algorithms.decide`.

        Returns:
            A decision for each charge, in the same order.
        """
        ...


class MemoryStorage:
    """Counters of this process: for one worker, for development, for tests.

    Any number of threads and event loops may share one. What it holds is bounded by `max_keys`; a counter goes as soon as it says nothing
    more (its bucket is full, its window over), by a sweep that looks at a few counters with each charge.

    When it is full, a new counter takes the place of the least used of eight chosen at random. So a flood of invented clients pushes out
    other clients of one request, at the price of forgetting that one request: nobody is refused because of the flood, and a counter at its
    limit stays unless all eight are at theirs. To get one's own counter forgotten takes about `max_keys` others that are used as much.

    Args:
        max_keys: Counters kept; each takes about 300 bytes, up to 2.5 KiB for a sliding window above 20 units.
        clock: Seconds, never stepping back if it can be helped.

    Raises:
        RuleError: `max_keys` is less than 1.
    """

    def __init__(self, max_keys: int = 100_000, *, clock: Callable[[], float] = monotonic) -> None:
        if max_keys < 1:
            raise RuleError("LIMITER_STORAGE", f"a MemoryStorage for {max_keys} counters counts nothing; give max_keys of 1 or more")
        self._max_keys = max_keys
        self._clock = clock
        self._lock = Lock()
        self._counters: dict[bytes, _Counter] = {}
        self._names: list[bytes] = []
        """The keys of `_counters` in no particular order, to sweep and to sample."""
        self._hand = 0

    def __len__(self) -> int:
        """Counters kept now, among them some that say nothing more."""
        return len(self._names)

    def __repr__(self) -> str:
        return f"<MemoryStorage {len(self)} of {self._max_keys} counters>"

    async def acquire(self, charges: Sequence[Charge]) -> Sequence[Decision]:
        """See `Storage.acquire`. Never waits for anything but another thread inside this method, which takes microseconds."""
        with self._lock:
            now = self._clock()
            self._sweep(to_nanoseconds(now), SWEPT_PER_CHARGE * len(charges))
            kept = [self._counters.get(charge.counter) for charge in charges]
            steps = decide(charges, [counter.state if counter else () for counter in kept], now)
            for charge, counter, step in zip(charges, kept, steps, strict=True):
                if counter is not None:
                    counter.state, counter.idle_at = step.state, step.idle_at
                elif step.state:
                    self._add(charge, step, now)
        return [step.decision for step in steps]

    def _add(self, charge: Charge, step: Step, now: float) -> None:
        if len(self._names) >= self._max_keys:
            sample = [randrange(len(self._names)) for _ in range(SAMPLE)]  # noqa: S311  to guess it gains nothing: the least used one goes
            self._remove(min(sample, key=lambda place: self._use(place, now)))
        self._counters[charge.counter] = _Counter(charge.rule, step.state, step.idle_at)
        self._names.append(charge.counter)

    def _use(self, place: int, now: float) -> tuple[float, int]:
        """How much would be forgiven with this counter: the part of its quota that is used, then how long it would have lived."""
        counter = self._counters[self._names[place]]
        return 1 - count(counter.rule, counter.state, 0, now).decision.remaining / counter.rule.limit, counter.idle_at

    def _sweep(self, now: int, steps: int) -> None:
        """Move the hand on by `steps` counters and drop those that say nothing more."""
        for _ in range(min(steps, len(self._names))):
            if self._hand >= len(self._names):
                self._hand = 0
            if self._counters[self._names[self._hand]].idle_at <= now:
                self._remove(self._hand)
            else:
                self._hand += 1

    def _remove(self, place: int) -> None:
        """Drop a counter; the last one of the list takes its place, so that nothing is shifted."""
        del self._counters[self._names[place]]
        last = self._names.pop()
        if place < len(self._names):
            self._names[place] = last


class _Counter:
    """One client under one rule."""

    __slots__ = ("idle_at", "rule", "state")

    def __init__(self, rule: RateLimitRule, state: State, idle_at: int) -> None:
        self.rule = rule
        self.state = state
        self.idle_at = idle_at
