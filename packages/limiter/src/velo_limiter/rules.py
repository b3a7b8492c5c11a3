"""What is limited: a rule, and the charge that a request puts on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from velo_limiter.errors import RuleError

if TYPE_CHECKING:  # only so that `key=lambda request: ...` is typed; nothing here runs Velo
    from velo_core import Request

__all__ = ["NANOSECONDS", "Charge", "KeyFunction", "RateLimitAlgorithm", "RateLimitRule", "check_cost", "check_rules"]

NANOSECONDS = 1_000_000_000
"""In a second."""

LARGEST_INTEGER = 999_999_999_999_999
"""Of a structured field (RFC 9651 section 3.3.1)."""

KeyFunction: TypeAlias = "Callable[[Request], str | Awaitable[str | None] | None]"
"""Tells who sends a request: text to count by, or `None` for the client's address."""


class RateLimitAlgorithm(StrEnum):
    """How a rule counts. `velo_limiter.algorithms` has the exact meaning of each."""

    TOKEN_BUCKET = "token_bucket"  # noqa: S105  the name of an algorithm
    """A bucket of `limit` units that flows back evenly, full again after `window`: bursts up to `limit`, then the rate of the rule."""

    FIXED_WINDOW = "fixed_window"
    """At most `limit` units in a window that the first request opens; up to twice as many around the end of one."""

    SLIDING_WINDOW = "sliding_window"
    """At most `limit` units in any stretch of `window`; the strictest of the three."""


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """At most `limit` units in `window`, for each client.

    Attributes:
        name: Shown to clients in the `RateLimit` fields and in problem documents: printable ASCII.
        limit: Units; also the largest burst.
        window: Seconds, or a `timedelta`; at least a nanosecond.
        algorithm: How is counted.
        cost: Units that one request takes.
        key: Who is counted, for this rule; by default what the guard counts by, which is by default the address of the client.
        per_route: A budget for each route pattern; `False` makes it one budget for all routes on which the rule is used.
        window_nanoseconds: `window` as the algorithms use it.
        identity: What tells the counters of this rule from those of others: rules that count alike under one name share them.

    Raises:
        RuleError: a value that cannot work.
    """

    name: str
    limit: int
    window: float | timedelta
    algorithm: RateLimitAlgorithm
    cost: int = field(default=1, kw_only=True)
    key: KeyFunction | None = field(default=None, kw_only=True)
    per_route: bool = field(default=True, kw_only=True)
    window_nanoseconds: int = field(init=False, repr=False, compare=False)
    identity: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_name()
        if not _is_count(self.limit) or not 1 <= self.limit <= LARGEST_INTEGER:
            raise self._error("LIMIT", f"has the limit {self.limit!r}; give a whole number of units, 1 or more (at most 15 digits)")
        object.__setattr__(self, "window_nanoseconds", self._read_window())
        if not isinstance(self.algorithm, RateLimitAlgorithm):  # pyright: ignore[reportUnnecessaryIsInstance]  not everyone checks types
            raise self._error("ALGORITHM", f"has the algorithm {self.algorithm!r}; choose one of RateLimitAlgorithm")
        if not _is_count(self.cost) or self.cost < 1:
            raise self._error("COST", f"has the cost {self.cost!r}; give a whole number of units, 1 or more")
        if self.cost > self.limit:
            raise self._error("COST", f"would refuse every request: one costs {self.cost} units, more than the limit of {self.limit}")
        check_key(self.key, f"rule {self.name!r}")
        object.__setattr__(self, "identity", f"{self.name}\n{self.limit}\n{self.window_nanoseconds}\n{self.algorithm}")

    @property
    def window_seconds(self) -> float:
        """The window as a number of seconds."""
        return self.window_nanoseconds / NANOSECONDS

    def _check_name(self) -> None:
        if not isinstance(self.name, str) or not self.name:  # pyright: ignore[reportUnnecessaryIsInstance]  not everyone checks types
            raise RuleError("LIMITER_RULE_NAME", f"a rule has the name {self.name!r}; give it a text, such as 'burst'")
        if not (self.name.isascii() and self.name.isprintable()):
            raise self._error("NAME", "cannot be named in a header field; use printable ASCII only (RFC 9651 section 3.3.3)")

    def _read_window(self) -> int:
        window = self.window.total_seconds() if isinstance(self.window, timedelta) else self.window
        if not (_is_count(window) or isinstance(window, float)):
            raise self._error("WINDOW", f"has the window {window!r}; give seconds or a timedelta")
        length = round(window * NANOSECONDS) if 0 < window <= LARGEST_INTEGER else 0
        if length == 0:
            raise self._error("WINDOW", f"has a window of {window} s; give one that is longer than nothing (and at most 15 digits)")
        return length

    def _error(self, code: str, message: str) -> RuleError:
        return RuleError(f"LIMITER_RULE_{code}", f"rule {self.name!r} {message}")


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request asks of one counter.

    Attributes:
        rule: How is counted.
        counter: Name of the counter, 16 bytes: see `velo_limiter.keys.counter_name`.
        cost: Units asked for; 0 only looks.
    """

    rule: RateLimitRule
    counter: bytes
    cost: int


def check_rules(rules: Sequence[RateLimitRule]) -> tuple[RateLimitRule, ...]:
    """The rules of one decision, as a tuple.

    Raises:
        RuleError: there is none, or two have one name, which clients could not tell apart.
    """
    if not rules:
        raise RuleError("LIMITER_RULES_EMPTY", "there is no rule to limit by; give at least one RateLimitRule")
    if len(rules) > 1:
        names = [rule.name for rule in rules]
        for name in names:
            if names.count(name) > 1:
                raise RuleError("LIMITER_RULES_CLASH", f"{names.count(name)} rules are named {name!r}; give each its own name")
    return tuple(rules)


def check_cost(cost: int) -> None:
    """Refuses what is not a number of units.

    Raises:
        RuleError: `cost` is not a whole number from 0.
    """
    if not _is_count(cost) or cost < 0:
        raise RuleError("LIMITER_COST", f"a request cannot cost {cost!r}; give a whole number of units, 0 to look without taking any")


def check_key(key: object, place: str) -> None:
    """Refuses a key that is not a function of the request: a fixed text would put all clients into one bucket.

    Raises:
        RuleError: `key` is given and cannot be called.
    """
    if key is not None and not callable(key):
        raise RuleError("LIMITER_RULE_KEY", f"{place} has the key {key!r}; give a function that takes the request and returns text")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
