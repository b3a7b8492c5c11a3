"""The limiter without a web application, as a task or a command line uses it."""

from __future__ import annotations

from math import inf

import pytest

from velo_limiter import Charge, Limiter, MemoryStorage, RateLimitAlgorithm, RateLimitRule, RuleError

TOKEN, FIXED = RateLimitAlgorithm.TOKEN_BUCKET, RateLimitAlgorithm.FIXED_WINDOW
BURST, DAILY = RateLimitRule("burst", 2, 1, TOKEN), RateLimitRule("daily", 5, 86400, FIXED)


@pytest.fixture
def limiter() -> Limiter:
    return Limiter(MemoryStorage(clock=lambda: 1000.0))


async def test_a_limiter_keeps_its_counters_in_memory_unless_told_otherwise() -> None:
    limiter = Limiter()

    assert [(await limiter.acquire("mail", DAILY)).allowed for _ in range(6)] == [True] * 5 + [False]


async def test_it_says_which_rules_refused_and_how_long_to_wait(limiter: Limiter) -> None:
    first = await limiter.acquire("mail", [BURST, DAILY], 2)
    second = await limiter.acquire("mail", [BURST, DAILY], 2)

    assert (first.allowed, first.violated, first.retry_after) == (True, (), 0)
    assert (second.allowed, second.violated, second.retry_after) == (False, (BURST,), 1)
    assert [decision.remaining for decision in second.decisions] == [0, 3]


async def test_the_longest_wait_of_all_rules_counts(limiter: Limiter) -> None:
    await limiter.acquire("mail", DAILY, 5)
    await limiter.acquire("mail", BURST, 2)

    assert (await limiter.acquire("mail", [BURST, DAILY])).retry_after == 86400


async def test_a_cost_above_the_limit_is_refused_for_ever(limiter: Limiter) -> None:
    outcome = await limiter.acquire("mail", [BURST, DAILY], 3)

    assert not outcome.allowed
    assert outcome.violated == (BURST,)
    assert outcome.retry_after == inf


async def test_the_cost_of_a_rule_is_taken_as_often_as_asked(limiter: Limiter) -> None:
    dear = RateLimitRule("dear", 10, 60, TOKEN, cost=3)

    assert (await limiter.acquire("mail", dear, 2)).decisions[0].remaining == 4


async def test_a_cost_of_nothing_looks_without_taking(limiter: Limiter) -> None:
    await limiter.acquire("mail", DAILY, 5)
    outcome = await limiter.acquire("mail", DAILY, 0)

    assert (outcome.allowed, outcome.decisions[0].remaining) == (True, 0)


@pytest.mark.parametrize("cost", [-1, 1.5, True])
async def test_a_cost_that_is_no_count_is_refused(limiter: Limiter, cost: int) -> None:
    with pytest.raises(RuleError, match="cannot cost"):
        await limiter.acquire("mail", DAILY, cost)


async def test_no_rules_and_rules_of_one_name_are_refused(limiter: Limiter) -> None:
    for rules in ([], [BURST, BURST]):
        with pytest.raises(RuleError):
            await limiter.acquire("mail", rules)


async def test_charges_may_each_have_their_own_counter_and_cost(limiter: Limiter) -> None:
    outcome = await limiter.charge([Charge(DAILY, b"user", 1), Charge(DAILY, b"office", 3)])

    assert [decision.remaining for decision in outcome.decisions] == [4, 2]


async def test_two_charges_on_one_counter_are_refused(limiter: Limiter) -> None:
    """Each would be decided without the other, and one would be lost."""
    with pytest.raises(RuleError, match="one counter"):
        await limiter.charge([Charge(DAILY, b"user", 1), Charge(DAILY, b"user", 3)])
    with pytest.raises(RuleError, match="nothing to charge"):
        await limiter.charge([])


async def test_limiters_share_counters_only_through_a_storage() -> None:
    storage = MemoryStorage()
    one, other, apart = Limiter(storage), Limiter(storage), Limiter()
    await one.acquire("mail", DAILY, 5)

    assert not (await other.acquire("mail", DAILY)).allowed
    assert (await apart.acquire("mail", DAILY)).allowed
