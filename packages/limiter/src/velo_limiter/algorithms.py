"""The three ways to count, and what several rules decide together. Pure: state and time in, decision and new state out.

Theory of operation
-------------------
Time is counted in whole nanoseconds and quota in whole units, so nothing is ever rounded between two requests: the answers are exact,
however long a counter lives. A state is a tuple of integers, all of them moments or units, and `()` says that nothing is used; whoever
stores it need not know what it means. Seconds appear at the two ends only: `now` comes in as a float, waits go out as floats.

*Token bucket.* One moment is kept: when the bucket will be full again. Each unit taken moves it back by `window / limit`. The moment is
kept times `limit`, which makes a unit weigh exactly `window` and leaves no fraction.

*Fixed window.* The first unit opens a window for this counter alone, so that clients do not all come back at one moment
(draft-ietf-httpapi-ratelimit-headers-11 section 8.5). A request at the very end belongs to the next window.

*Sliding window.* A log of when units come back. An unbounded log costs a moment for each unit, and the usual pair of counters lets nearly
twice the limit through, so neither: requests that fall into the same twentieth of a window share an entry, and come back together when the
last of them is a window old. So no stretch of `window` ever sees more than `limit` units; a unit comes back at most window/20 late,
and never late when the limit is 20 or less; and a state has at most 21 entries, whatever the limit.

*A clock that steps back* never gives a client more, and never makes anyone wait longer than a window: what lies further ahead than
a window is pulled in. One that leaps forward only lets windows end.

*A cost above the limit* can never be paid: it is refused with an infinite `retry_after`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from typing import Final, TypeAlias

from velo_limiter.rules import NANOSECONDS, Charge, RateLimitAlgorithm, RateLimitRule

__all__ = ["SEGMENTS", "Decision", "State", "Step", "count", "decide", "to_nanoseconds"]

SEGMENTS: Final = 20
"""Parts of a sliding window whose requests are remembered one by one: 5 % is a lateness that nobody notices, for 2 KiB a counter."""

State: TypeAlias = tuple[int, ...]
"""What is remembered of a counter. `()`: nothing is used."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule says of one request.

    Attributes:
        allowed: Whether this rule lets the request pass; another rule may still refuse it.
        limit: Units of the rule.
        remaining: Whole units left, after this request if it was charged.
        reset_after: Seconds for which `remaining` has to last, the `t` of the `RateLimit` field. Fixed window: until it ends. The two
            others, whose quota comes back bit by bit: until the next unit is back, or the time that `remaining` lasts at the rate of the
            rule if that is longer, so that `remaining / reset_after` promises no higher rate. Never more than `retry_after` of a refusal.
        retry_after: Seconds until the same request would pass if nobody else asked; 0 when it passed, infinite when it never can.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float


@dataclass(frozen=True, slots=True)
class Step:
    """What `count` found.

    Attributes:
        decision: For the caller.
        state: To be kept instead of the one that was given.
        idle_at: Nanoseconds, on the clock of `now`, from when `state` means the same as `()`.
    """

    decision: Decision
    state: State
    idle_at: int


def to_nanoseconds(now: float) -> int:
    """Seconds of a clock as the whole nanoseconds that the algorithms count in."""
    return int(now * NANOSECONDS)


def count(rule: RateLimitRule, state: State, cost: int, now: float) -> Step:
    """Charge `cost` units to a counter of `rule`, or nothing at all if it would be too much.

    Args:
        rule: How is counted.
        state: As the step before left it; `()` at first.
        cost: Units asked for. 0 takes none, always passes, and shows what is left.
        now: Seconds, on any clock that is the same for all who share the counter.
    """
    return _COUNTERS[rule.algorithm](rule, state, cost, to_nanoseconds(now))


def decide(charges: Sequence[Charge], states: Sequence[State], now: float) -> list[Step]:
    """All rules together: either every charge is made or, when one rule refuses, none is.

    Args:
        charges: One for each rule, on different counters.
        states: Of those counters, in the same order.
        now: Seconds; see `count`.

    Returns:
        A step for each charge. In those of a refused request nothing is charged; rules that would have let it pass stay `allowed`.
    """
    steps = [count(charge.rule, state, charge.cost, now) for charge, state in zip(charges, states, strict=True)]
    if len(steps) == 1 or all(step.decision.allowed for step in steps):
        return steps
    return [
        count(charge.rule, state, 0, now) if step.decision.allowed else step
        for charge, state, step in zip(charges, states, steps, strict=True)
    ]


def _token_bucket(rule: RateLimitRule, state: State, cost: int, now: int) -> Step:
    """State: `(when the bucket is full, in nanoseconds times limit,)`."""
    limit, unit = rule.limit, rule.window_nanoseconds
    capacity = limit * unit
    here = now * limit
    missing = min(max(state[0] - here, 0), capacity) if state else 0
    excess = missing + cost * unit - capacity
    allowed = excess <= 0 or cost == 0
    if allowed:
        missing += cost * unit
    remaining = (capacity - missing) // unit
    until_next = missing - (limit - remaining - 1) * unit if missing else 0
    decision = _gradual(rule, cost, allowed, remaining, until_next / (limit * NANOSECONDS), excess / (limit * NANOSECONDS))
    full = here + missing
    return Step(decision, (full,) if missing else (), -(-full // limit))


def _fixed_window(rule: RateLimitRule, state: State, cost: int, now: int) -> Step:
    """State: `(end of the window, units used in it)`."""
    limit, window = rule.limit, rule.window_nanoseconds
    end, used = state if state and state[0] > now else (now + window, 0)
    end = min(end, now + window)
    allowed = used + cost <= limit or cost == 0
    if allowed:
        used += cost
    left = (end - now) / NANOSECONDS
    wait = 0.0 if allowed else left if cost <= limit else inf
    return Step(Decision(allowed, limit, limit - used, left, wait), (end, used) if used else (), end if used else now)


def _sliding_window(rule: RateLimitRule, state: State, cost: int, now: int) -> Step:
    """State: `(start of the newest entry, when entry 1 comes back, its units, when entry 2 comes back, its units, ...)`, oldest first."""
    limit, horizon = rule.limit, now + rule.window_nanoseconds
    returns, units = _live(state, now, horizon)
    start = min(state[0], now) if returns else now
    used = sum(units)
    allowed = used + cost <= limit or cost == 0
    wait = 0 if allowed or cost > limit else _moment_of(returns, units, used + cost - limit) - now
    if allowed and cost:
        used += cost
        # A clock that never steps back does not reach the second condition: it keeps the bound whatever the clock does.
        if returns and (now - start < _resolution(rule) or len(returns) > SEGMENTS):
            returns[-1], units[-1] = horizon, units[-1] + cost
        else:
            start = now
            returns.append(horizon)
            units.append(cost)
    until_next = returns[0] - now if returns else 0
    decision = _gradual(rule, cost, allowed, limit - used, until_next / NANOSECONDS, wait / NANOSECONDS)
    entries = [number for entry in zip(returns, units, strict=True) for number in entry]
    return Step(decision, (start, *entries) if entries else (), returns[-1] if returns else now)


def _live(state: State, now: int, horizon: int) -> tuple[list[int], list[int]]:
    """Moments and units of the entries that are not back yet; those a clock that stepped back left beyond the horizon become one at it."""
    returns, units = list(state[1::2]), list(state[2::2])
    first, beyond = bisect_right(returns, now), bisect_right(returns, horizon)
    if beyond < len(returns):
        returns[beyond:], units[beyond:] = [horizon], [sum(units[beyond:])]
    return returns[first:], units[first:]


def _resolution(rule: RateLimitRule) -> int:
    """Nanoseconds within which requests share an entry. A small limit needs no sharing: it bounds the log itself."""
    return -(-rule.window_nanoseconds // SEGMENTS) if rule.limit > SEGMENTS else 0


def _moment_of(returns: Sequence[int], units: Sequence[int], needed: int) -> int:
    """When at least `needed` units are back; there are that many."""
    return returns[bisect_left(list(accumulate(units)), needed)]


def _gradual(rule: RateLimitRule, cost: int, allowed: bool, remaining: int, until_next: float, wait: float) -> Decision:
    """The decision of an algorithm whose quota comes back bit by bit; see `Decision.reset_after`."""
    retry_after = 0.0 if allowed else wait if cost <= rule.limit else inf
    reset_after = max(until_next, remaining * rule.window_nanoseconds / (rule.limit * NANOSECONDS))
    return Decision(allowed, rule.limit, remaining, reset_after if allowed else min(reset_after, retry_after), retry_after)


_COUNTERS: dict[RateLimitAlgorithm, Callable[[RateLimitRule, State, int, int], Step]] = {
    RateLimitAlgorithm.TOKEN_BUCKET: _token_bucket,
    RateLimitAlgorithm.FIXED_WINDOW: _fixed_window,
    RateLimitAlgorithm.SLIDING_WINDOW: _sliding_window,
}
