"""Each algorithm against a slow definition of itself, and what all three have in common.

Times are multiples of 1/512 s, which floats and nanoseconds both represent exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf, isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velo_limiter import Charge, Decision, RateLimitAlgorithm, RateLimitRule, State, decide
from velo_limiter.algorithms import SEGMENTS, count

TOKEN, FIXED, SLIDING = RateLimitAlgorithm.TOKEN_BUCKET, RateLimitAlgorithm.FIXED_WINDOW, RateLimitAlgorithm.SLIDING_WINDOW
EVERY = pytest.mark.parametrize("algorithm", list(RateLimitAlgorithm))
GRADUAL = pytest.mark.parametrize("algorithm", [TOKEN, SLIDING])

TICK = Fraction(1, 512)
TWO_NANOSECONDS = 2e-9


@dataclass
class Attempt:
    """A request of a made-up history: `gap` ticks after the one before."""

    gap: int
    cost: int


def windows() -> st.SearchStrategy[int]:
    """In ticks: short against the gaps of a history, and long."""
    return st.one_of(st.integers(1, 80), st.integers(1, 2000))


def histories() -> st.SearchStrategy[list[Attempt]]:
    """With bursts and pauses."""
    return st.lists(st.builds(Attempt, st.one_of(st.integers(0, 3), st.integers(0, 400)), st.integers(0, 8)), max_size=60)


def dense_histories() -> st.SearchStrategy[list[Attempt]]:
    """Against windows of 20 to 200 ticks: requests that share an entry, that just do not, and that come a little after a window."""
    return st.lists(st.builds(Attempt, st.integers(0, 12), st.integers(1, 6)), min_size=20, max_size=80)


def play(rule: RateLimitRule, history: list[Attempt], check: Callable[[Fraction, int, Decision, State], None]) -> State:
    """Run a history through `count`, calling `check(now, cost, decision, state)` after each request."""
    now, state = Fraction(1000), State()
    for attempt in history:
        now += attempt.gap * TICK
        step = count(rule, state, attempt.cost, float(now))
        state = step.state
        check(now, attempt.cost, step.decision, state)
    return state


class SlowTokenBucket:
    """Tokens as a fraction, filled by the time that passed."""

    def __init__(self, limit: int, window: Fraction) -> None:
        self.limit, self.window = limit, window
        self.tokens, self.at = Fraction(limit), Fraction(0)

    def take(self, cost: int, now: Fraction) -> tuple[bool, int]:
        self.tokens = min(Fraction(self.limit), self.tokens + (now - self.at) * self.limit / self.window)
        self.at = now
        allowed = cost <= self.tokens
        self.tokens -= cost if allowed else 0
        return allowed, int(self.tokens)


class SlowFixedWindow:
    """All that was taken since the window opened."""

    def __init__(self, limit: int, window: Fraction) -> None:
        self.limit, self.window = limit, window
        self.opened: Fraction | None = None
        self.taken: list[int] = []

    def take(self, cost: int, now: Fraction) -> tuple[bool, int]:
        if self.opened is None or now >= self.opened + self.window:
            self.opened, self.taken = None, []
        allowed = sum(self.taken) + cost <= self.limit
        if allowed and cost:
            self.opened = now if self.opened is None else self.opened
            self.taken.append(cost)
        return allowed, self.limit - sum(self.taken)


class SlowSlidingWindow:
    """A log of every unit; `late` is how long after a window it still counts."""

    def __init__(self, limit: int, window: Fraction, late: Fraction = Fraction(0)) -> None:
        self.limit, self.length = limit, window + late
        self.log: list[tuple[Fraction, int]] = []

    def used(self, now: Fraction) -> int:
        return sum(cost for moment, cost in self.log if moment + self.length > now)

    def take(self, cost: int, now: Fraction) -> tuple[bool, int]:
        allowed = self.used(now) + cost <= self.limit
        if allowed:
            self.log.append((now, cost))
        return allowed, self.limit - self.used(now)


@pytest.mark.parametrize(("algorithm", "slow"), [(TOKEN, SlowTokenBucket), (FIXED, SlowFixedWindow), (SLIDING, SlowSlidingWindow)])
@given(limit=st.integers(1, SEGMENTS), ticks=windows(), history=histories())
def test_every_answer_is_that_of_the_slow_definition(
    algorithm: RateLimitAlgorithm,
    slow: type[SlowTokenBucket | SlowFixedWindow | SlowSlidingWindow],
    limit: int,
    ticks: int,
    history: list[Attempt],
) -> None:
    reference = slow(limit, ticks * TICK)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        assert (decision.allowed, decision.remaining) == reference.take(cost, now)

    play(RateLimitRule("r", limit, float(ticks * TICK), algorithm), history, check)


@given(limit=st.integers(1, SEGMENTS), ticks=st.integers(20, 200), history=dense_histories())
def test_a_sliding_window_of_at_most_twenty_units_is_never_late(limit: int, ticks: int, history: list[Attempt]) -> None:
    reference = SlowSlidingWindow(limit, ticks * TICK)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        assert (decision.allowed, decision.remaining) == reference.take(cost, now)

    play(RateLimitRule("r", limit, float(ticks * TICK), SLIDING), history, check)


@given(limit=st.integers(SEGMENTS + 1, 60), ticks=st.integers(20, 200), history=dense_histories())
def test_a_large_sliding_window_never_lets_more_than_its_limit_into_any_stretch_of_a_window(
    limit: int, ticks: int, history: list[Attempt]
) -> None:
    window = ticks * TICK
    passed: list[tuple[Fraction, int]] = []

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        if decision.allowed:
            passed.append((now, cost))
        assert sum(taken for moment, taken in passed if moment + window > now) <= limit

    play(RateLimitRule("r", limit, float(window), SLIDING), history, check)


@given(limit=st.integers(SEGMENTS + 1, 60), ticks=st.integers(20, 200), history=dense_histories())
def test_a_large_sliding_window_gives_units_back_at_most_a_twentieth_of_a_window_late(
    limit: int, ticks: int, history: list[Attempt]
) -> None:
    """What it refuses, a log in which each unit counts for 1/20 of a window longer refuses as well."""
    window = ticks * TICK
    late = SlowSlidingWindow(limit, window, window / SEGMENTS)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        assert decision.remaining >= limit - late.used(now) - (cost if decision.allowed else 0)
        assert decision.allowed or late.used(now) + cost > limit
        if decision.allowed:
            late.log.append((now, cost))

    play(RateLimitRule("r", limit, float(window), SLIDING), history, check)


@EVERY
@given(limit=st.integers(1, 60), ticks=windows(), history=histories())
def test_a_refused_request_passes_after_retry_after_and_not_before(
    algorithm: RateLimitAlgorithm, limit: int, ticks: int, history: list[Attempt]
) -> None:
    rule = RateLimitRule("r", limit, float(ticks * TICK), algorithm)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        if decision.allowed:
            assert decision.retry_after == 0
        elif cost > limit:
            assert decision.retry_after == inf
        else:
            moment = float(now) + decision.retry_after
            assert count(rule, state, cost, moment + TWO_NANOSECONDS).decision.allowed
            assert not count(rule, state, cost, moment - TWO_NANOSECONDS).decision.allowed

    play(rule, history, check)


@GRADUAL
@given(limit=st.integers(1, 60), ticks=windows(), history=histories())
def test_what_is_left_over_the_time_it_has_to_last_is_never_more_than_the_rate_of_the_rule(
    algorithm: RateLimitAlgorithm, limit: int, ticks: int, history: list[Attempt]
) -> None:
    """Section 6 of the draft asks for a cap on that ratio. A refusal may end sooner, so that `t` does not lie after `Retry-After`."""
    window = float(ticks * TICK)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        if decision.allowed:
            assert decision.remaining / decision.reset_after <= limit / window * (1 + 1e-12)
        else:
            assert 0 < decision.reset_after <= decision.retry_after

    play(RateLimitRule("r", limit, window, algorithm), history, check)


@GRADUAL
@given(limit=st.integers(1, 60), ticks=windows(), history=histories())
def test_with_nothing_left_it_takes_reset_after_until_there_is_something(
    algorithm: RateLimitAlgorithm, limit: int, ticks: int, history: list[Attempt]
) -> None:
    rule = RateLimitRule("r", limit, float(ticks * TICK), algorithm)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        if decision.remaining == 0:
            moment = float(now) + decision.reset_after
            assert count(rule, state, 0, moment + TWO_NANOSECONDS).decision.remaining > 0
            assert count(rule, state, 0, moment - TWO_NANOSECONDS).decision.remaining == 0

    play(rule, history, check)


@given(limit=st.integers(1, 60), ticks=windows(), history=histories())
def test_a_fixed_window_has_all_its_quota_again_after_reset_after(limit: int, ticks: int, history: list[Attempt]) -> None:
    rule = RateLimitRule("r", limit, float(ticks * TICK), FIXED)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        moment = float(now) + decision.reset_after
        assert count(rule, state, 0, moment + TWO_NANOSECONDS).decision.remaining == limit
        assert count(rule, state, 0, moment - TWO_NANOSECONDS).decision.remaining == decision.remaining

    play(rule, history, check)


@EVERY
@given(limit=st.integers(1, 60), ticks=windows(), history=histories())
def test_from_idle_at_on_a_state_says_nothing(algorithm: RateLimitAlgorithm, limit: int, ticks: int, history: list[Attempt]) -> None:
    """A storage may drop it then and not a nanosecond sooner."""
    rule = RateLimitRule("r", limit, float(ticks * TICK), algorithm)
    now, state = Fraction(1000), State()
    for attempt in history:
        now += attempt.gap * TICK
        step = count(rule, state, attempt.cost, float(now))
        state = step.state
        idle = step.idle_at / 1e9

        assert count(rule, state, 0, idle + TWO_NANOSECONDS).state == ()
        if state:
            assert count(rule, state, 0, idle - TWO_NANOSECONDS).decision.remaining < limit


@EVERY
def test_a_cost_above_the_limit_is_refused_for_ever_and_takes_nothing(algorithm: RateLimitAlgorithm) -> None:
    rule = RateLimitRule("r", 5, 60, algorithm)

    step = count(rule, (), 6, 0.0)

    assert not step.decision.allowed
    assert step.decision.retry_after == inf
    assert step.decision.remaining == 5
    assert step.state == ()


@EVERY
def test_a_cost_of_nothing_passes_even_when_nothing_is_left(algorithm: RateLimitAlgorithm) -> None:
    rule = RateLimitRule("r", 5, 60, algorithm)
    used_up = count(rule, (), 5, 0.0).state

    step = count(rule, used_up, 0, 1.0)

    assert step.decision.allowed
    assert step.decision.remaining == 0
    assert step.state == used_up


@EVERY
@given(
    limit=st.integers(1, 60),
    ticks=windows(),
    history=histories(),
    back=st.one_of(st.integers(0, 4000), st.integers(10**6, 10**9)),
)
def test_a_clock_that_steps_back_gives_nothing_away_and_delays_by_a_window_at_most(
    algorithm: RateLimitAlgorithm, limit: int, ticks: int, history: list[Attempt], back: int
) -> None:
    window = float(ticks * TICK)
    rule = RateLimitRule("r", limit, window, algorithm)

    def check(now: Fraction, cost: int, decision: Decision, state: State) -> None:
        earlier = float(now - back * TICK)
        step = count(rule, state, 1, earlier)
        looked = count(rule, state, 0, earlier)
        assert looked.decision.remaining <= decision.remaining
        assert step.decision.reset_after <= window
        assert step.decision.retry_after <= window
        assert count(rule, looked.state, 0, earlier + window).decision.remaining == limit

    play(rule, history, check)


@EVERY
def test_a_clock_that_leaps_forward_only_ends_windows(algorithm: RateLimitAlgorithm) -> None:
    rule = RateLimitRule("r", 5, 60, algorithm)
    state = count(rule, (), 5, 1000.0).state

    step = count(rule, state, 5, 4e9)

    assert step.decision.allowed
    assert step.decision.remaining == 0
    assert 0 < step.decision.reset_after <= 60


@settings(max_examples=20)
@given(gaps=st.lists(st.integers(-300, 300), min_size=100, max_size=200))
def test_a_sliding_window_of_any_limit_is_remembered_in_a_bounded_state_whatever_the_clock_does(gaps: list[int]) -> None:
    rule = RateLimitRule("r", 10**9, 1, SLIDING)
    now, state = Fraction(1000), State()

    for gap in gaps:
        now += gap * TICK / 4
        state = count(rule, state, 1, float(now)).state

        assert len(state) <= 1 + 2 * (SEGMENTS + 1)


def test_a_clock_that_creeps_on_by_stepping_to_and_fro_does_not_break_that_bound() -> None:
    rule = RateLimitRule("r", 10**9, 1, SLIDING)
    state = State()

    for number in range(1000):
        for now in (1000 + number / 4096, 1000 + number / 4096 + 0.1):
            state = count(rule, state, 1, now).state

            assert len(state) <= 1 + 2 * (SEGMENTS + 1)


def test_after_a_clock_stepped_back_a_sliding_window_gives_units_back_as_before() -> None:
    """Twenty a second under a limit of thirty, an hour before the newest entry."""
    rule = RateLimitRule("r", 30, 1, SLIDING)
    state = count(rule, (), 1, 4600.0).state

    for number in range(400):
        step = count(rule, state, 1, 1000 + number / 20)
        state = step.state

        assert step.decision.allowed


@EVERY
def test_a_counter_that_is_never_idle_stays_exact(algorithm: RateLimitAlgorithm) -> None:
    """Ten requests in a third of a second, asked twice as fast for an hour on a wall clock: no more and no less than the rule grants."""
    rule = RateLimitRule("r", 10, 1 / 3, algorithm)
    start, state, passed = 1.7e9, State(), 0

    for attempt in range(20_000):
        step = count(rule, state, 1, start + attempt / 64)
        state = step.state
        passed += step.decision.allowed

    granted = 20_000 / 64 * 3 * 10
    assert passed <= granted + 10
    if algorithm is TOKEN:
        assert passed >= granted - 1


def test_a_bucket_lets_its_limit_through_at_once_and_then_one_unit_at_a_time() -> None:
    rule = RateLimitRule("r", 3, 6, TOKEN)
    state = count(rule, (), 3, 100.0).state

    assert [count(rule, state, 1, now).decision.allowed for now in (100.0, 101.9, 102.0)] == [False, False, True]
    assert count(rule, state, 2, 100.0).decision == Decision(False, 3, 0, 2.0, 4.0)


def test_a_fixed_window_opens_with_the_first_request_and_its_end_belongs_to_the_next() -> None:
    rule = RateLimitRule("r", 2, 10, FIXED)
    state = count(rule, count(rule, (), 1, 103.0).state, 1, 112.0).state

    assert count(rule, state, 1, 112.5).decision == Decision(False, 2, 0, 0.5, 0.5)
    assert count(rule, state, 1, 113.0).decision == Decision(True, 2, 1, 10.0, 0.0)


def test_a_sliding_window_has_no_edge_at_which_twice_the_limit_passes() -> None:
    rule = RateLimitRule("r", 4, 10, SLIDING)
    state = count(rule, (), 4, 109.0).state

    assert count(rule, state, 4, 111.0).decision == Decision(False, 4, 0, 8.0, 8.0)
    assert count(rule, state, 4, 119.0).decision.allowed


def test_the_time_that_what_is_left_has_to_last_is_read_off_the_rate() -> None:
    """45 of 60 left: at a unit a second that is 45 s, not the second after which the next unit is back."""
    rule = RateLimitRule("r", 60, 60, TOKEN)

    assert count(rule, (), 15, 0.0).decision == Decision(True, 60, 45, 45.0, 0.0)


RULES = [RateLimitRule("a", 4, 1, TOKEN), RateLimitRule("b", 6, 3, FIXED), RateLimitRule("c", 5, 2, SLIDING)]


@given(history=st.lists(st.tuples(st.integers(0, 400), st.lists(st.integers(0, 7), min_size=3, max_size=3)), max_size=40))
def test_when_one_rule_refuses_no_rule_is_charged(history: list[tuple[int, list[int]]]) -> None:
    now, states = Fraction(1000), [State()] * 3
    for gap, costs in history:
        now += gap * TICK
        charges = [Charge(rule, rule.name.encode(), cost) for rule, cost in zip(RULES, costs, strict=True)]
        alone = [count(rule, state, cost, float(now)).decision for rule, state, cost in zip(RULES, states, costs, strict=True)]
        before = [count(rule, state, 0, float(now)).decision.remaining for rule, state in zip(RULES, states, strict=True)]

        steps = decide(charges, states, float(now))

        states = [step.state for step in steps]
        after = [count(rule, state, 0, float(now)).decision.remaining for rule, state in zip(RULES, states, strict=True)]
        taken = costs if all(decision.allowed for decision in alone) else [0, 0, 0]
        assert [step.decision.allowed for step in steps] == [decision.allowed for decision in alone]
        assert [step.decision.remaining for step in steps] == after
        assert [left - cost for left, cost in zip(before, taken, strict=True)] == after


def test_waits_are_whole_where_the_rule_is_whole() -> None:
    """Exact arithmetic: no 59.99999999 that a ceiling turns into one second too many."""
    rule = RateLimitRule("r", 1, 60, FIXED)
    state = count(rule, (), 1, 1.7e9).state

    decision = count(rule, state, 1, 1.7e9 + 1).decision

    assert ceil(decision.retry_after) == 59
    assert isclose(decision.retry_after, 59)
