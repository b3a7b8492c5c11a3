"""The header fields, read back with a parser that follows RFC 9651 section 4.2 and knows nothing of how they were written."""

from __future__ import annotations

import re
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_limiter import Decision, RateLimitAlgorithm, RateLimitRule, limit_field, policy_field, retry_after_field
from velo_limiter.algorithms import count

TOKEN, FIXED = RateLimitAlgorithm.TOKEN_BUCKET, RateLimitAlgorithm.FIXED_WINDOW

Item = tuple[str, dict[str, int]]

STRING = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
PARAMETER = re.compile(r";\x20*([a-z*][a-z0-9_.*-]*)=(-?[0-9]{1,15})(?![0-9.])")
COMMA = re.compile(r"[\x20\t]*,[\x20\t]*")


def parse_list(text: str) -> list[Item]:
    """A List of Strings with Integer parameters; `ValueError` for anything else."""
    items: list[Item] = []
    position = 0
    while True:
        string = STRING.match(text, position)
        if string is None:
            raise ValueError(f"no string at {position} of {text!r}")
        position, parameters = string.end(), dict[str, int]()
        while parameter := PARAMETER.match(text, position):
            parameters[parameter[1]] = int(parameter[2])
            position = parameter.end()
        items.append((re.sub(r"\\(.)", r"\1", string[1]), parameters))
        if position == len(text):
            return items
        comma = COMMA.match(text, position)
        if comma is None:
            raise ValueError(f"no comma at {position} of {text!r}")
        position = comma.end()


names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)
rules = st.builds(
    RateLimitRule,
    name=names,
    limit=st.integers(1, 10**15 - 1),
    window=st.one_of(st.integers(1, 10**15 - 1), st.floats(1e-3, 1e6)),
    algorithm=st.sampled_from(RateLimitAlgorithm),
)


@given(st.lists(rules, min_size=1, max_size=4))
def test_the_policy_field_is_a_structured_list_of_all_rules(given_rules: list[RateLimitRule]) -> None:
    items = parse_list(policy_field(given_rules))

    assert [name for name, _ in items] == [rule.name for rule in given_rules]
    for rule, (_, parameters) in zip(given_rules, items, strict=True):
        assert list(parameters) == ["q", "w"]
        assert parameters["q"] == rule.limit
        assert 0 <= parameters["w"] - rule.window_seconds < 1


@given(st.lists(st.tuples(rules, st.integers(0, 10**15)), min_size=1, max_size=4))
def test_the_limit_field_is_a_structured_list_of_all_decisions(asked: list[tuple[RateLimitRule, int]]) -> None:
    decisions = [count(rule, (), cost, 1000.0).decision for rule, cost in asked]
    items = parse_list(limit_field([rule for rule, _ in asked], decisions))

    assert [name for name, _ in items] == [rule.name for rule, _ in asked]
    for decision, (_, parameters) in zip(decisions, items, strict=True):
        assert list(parameters) == ["r", "t"]
        assert parameters["r"] == decision.remaining
        assert 0 <= parameters["t"] - decision.reset_after < 1


def test_the_fields_look_as_in_the_draft() -> None:
    burst, daily = RateLimitRule("burst", 60, 60, TOKEN), RateLimitRule("daily", 1000, 86400, FIXED)

    assert policy_field([burst, daily]) == '"burst";q=60;w=60, "daily";q=1000;w=86400'
    assert limit_field([burst], [Decision(True, 60, 12, 29.2, 0.0)]) == '"burst";r=12;t=30'


def test_quotes_and_backslashes_in_a_name_are_escaped() -> None:
    assert policy_field([RateLimitRule('a"b\\c', 1, 1, TOKEN)]) == '"a\\"b\\\\c";q=1;w=1'


@pytest.mark.parametrize(("seconds", "value"), [(0.0, "1"), (0.001, "1"), (1.0, "1"), (1.001, "2"), (59.5, "60"), (inf, None)])
def test_retry_after_is_whole_seconds_rounded_up_and_at_least_one(seconds: float, value: str | None) -> None:
    """Nothing is said when no wait would help."""
    assert retry_after_field(seconds) == value


@given(
    rule=st.builds(
        RateLimitRule, name=names, limit=st.integers(1, 50), window=st.floats(0.01, 100), algorithm=st.sampled_from(RateLimitAlgorithm)
    ),
    used=st.integers(1, 50),
    cost=st.integers(1, 50),
    later=st.floats(0, 100),
)
def test_the_window_of_a_refusal_does_not_end_after_retry_after(rule: RateLimitRule, used: int, cost: int, later: float) -> None:
    """Section 6 of the draft."""
    decision = count(rule, count(rule, (), min(used, rule.limit), 1000.0).state, cost, 1000.0 + later).decision
    wait = retry_after_field(decision.retry_after)

    if not decision.allowed and wait is not None:
        assert parse_list(limit_field([rule], [decision]))[0][1]["t"] <= int(wait)
