"""A rule that cannot work is refused where it is written."""

from __future__ import annotations

from datetime import timedelta
from math import inf, nan

import pytest

from velo_limiter import RateLimitAlgorithm, RateLimitRule, RuleError
from velo_limiter.rules import check_rules

FIXED = RateLimitAlgorithm.FIXED_WINDOW


def test_a_window_is_given_in_seconds_or_as_a_timedelta() -> None:
    windows: list[float | timedelta] = [90, 90.0, timedelta(minutes=1.5)]

    assert [RateLimitRule("r", 1, window, FIXED).window_seconds for window in windows] == [90.0, 90.0, 90.0]
    assert RateLimitRule("r", 1, 0.25, FIXED).window_nanoseconds == 250_000_000
    assert RateLimitRule("r", 1, timedelta(microseconds=3), FIXED).window_nanoseconds == 3000


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "60", 10**15])
def test_a_limit_that_is_no_positive_integer_is_refused(limit: int) -> None:
    with pytest.raises(RuleError, match=r"'burst'.*limit") as caught:
        RateLimitRule("burst", limit, 60, FIXED)

    assert caught.value.code == "LIMITER_RULE_LIMIT"


@pytest.mark.parametrize("window", [0, -1, 0.0, 1e-12, nan, inf, 1e300, True, "60", None, timedelta(0), timedelta(seconds=-1), 10**15])
def test_a_window_that_is_no_positive_time_is_refused(window: float) -> None:
    with pytest.raises(RuleError, match=r"'burst'.*window") as caught:
        RateLimitRule("burst", 1, window, FIXED)

    assert caught.value.code == "LIMITER_RULE_WINDOW"


@pytest.mark.parametrize("name", ["", "tag\n", "\x7f", "täglich", "a\tb", None, 7])
def test_a_name_that_cannot_stand_in_a_header_field_is_refused(name: str) -> None:
    with pytest.raises(RuleError) as caught:
        RateLimitRule(name, 1, 60, FIXED)

    assert caught.value.code == "LIMITER_RULE_NAME"


@pytest.mark.parametrize("cost", [0, -2, 0.5, True])
def test_a_cost_that_is_no_positive_integer_is_refused(cost: int) -> None:
    with pytest.raises(RuleError) as caught:
        RateLimitRule("burst", 60, 60, FIXED, cost=cost)

    assert caught.value.code == "LIMITER_RULE_COST"


def test_a_rule_whose_requests_cost_more_than_its_limit_is_refused() -> None:
    """It would answer every request with 429."""
    with pytest.raises(RuleError, match="would refuse every request"):
        RateLimitRule("burst", 5, 60, FIXED, cost=6)


def test_an_algorithm_by_its_name_is_refused() -> None:
    with pytest.raises(RuleError, match="RateLimitAlgorithm"):
        RateLimitRule("burst", 5, 60, "fixed_window")  # pyright: ignore[reportArgumentType]: the mistake itself


def test_a_text_as_key_is_refused() -> None:
    """It would put all clients into one bucket."""
    with pytest.raises(RuleError, match="function"):
        RateLimitRule("burst", 5, 60, FIXED, key="x-api-key")  # pyright: ignore[reportArgumentType]: the mistake itself


def test_two_rules_of_one_decision_cannot_share_a_name() -> None:
    rules = [RateLimitRule("burst", 5, 1, FIXED), RateLimitRule("daily", 5, 1, FIXED), RateLimitRule("burst", 9, 60, FIXED)]

    with pytest.raises(RuleError, match="2 rules are named 'burst'"):
        check_rules(rules)


def test_a_decision_needs_a_rule() -> None:
    with pytest.raises(RuleError, match="at least one"):
        check_rules([])


def test_rules_with_the_same_values_are_equal_and_cannot_be_changed() -> None:
    one, other = RateLimitRule("burst", 5, 1, FIXED), RateLimitRule("burst", 5, 1, FIXED)

    assert one == other
    with pytest.raises(AttributeError):
        one.limit = 6  # pyright: ignore[reportAttributeAccessIssue]: the mistake itself
