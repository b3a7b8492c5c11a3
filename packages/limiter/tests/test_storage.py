"""What every storage promises, and what the one in memory promises on top: bounds, sweeping, threads."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from velo_limiter import Charge, Decision, MemoryStorage, RateLimitAlgorithm, RateLimitRule, RuleError, Storage
from velo_limiter.keys import counter_name

TOKEN, FIXED, SLIDING = RateLimitAlgorithm.TOKEN_BUCKET, RateLimitAlgorithm.FIXED_WINDOW, RateLimitAlgorithm.SLIDING_WINDOW
EVERY = pytest.mark.parametrize("algorithm", list(RateLimitAlgorithm))

StorageFactory = Callable[[Callable[[], float]], Storage]


def in_memory(clock: Callable[[], float]) -> Storage:
    return MemoryStorage(clock=clock)


EVERY_STORAGE = pytest.mark.parametrize("make", [in_memory])


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def charge(rule: RateLimitRule, key: str, cost: int = 1) -> Charge:
    return Charge(rule, counter_name(rule, key), cost)


async def ask(storage: Storage, *charges: Charge) -> bool:
    return all(decision.allowed for decision in await storage.acquire(charges))


@EVERY_STORAGE
@EVERY
async def test_a_counter_refuses_at_its_limit_until_quota_is_back(
    make: StorageFactory, algorithm: RateLimitAlgorithm, clock: Clock
) -> None:
    storage, rule = make(clock), RateLimitRule("r", 3, 6, algorithm)

    passed = [await ask(storage, charge(rule, "ann")) for _ in range(4)]
    clock.advance(6)

    assert passed == [True, True, True, False]
    assert await ask(storage, charge(rule, "ann", 3))


@EVERY_STORAGE
@EVERY
async def test_counters_do_not_know_of_each_other(make: StorageFactory, algorithm: RateLimitAlgorithm, clock: Clock) -> None:
    storage, rule = make(clock), RateLimitRule("r", 1, 60, algorithm)
    stricter = RateLimitRule("r", 1, 90, algorithm)
    await ask(storage, charge(rule, "ann"))

    assert not await ask(storage, charge(rule, "ann"))
    assert await ask(storage, charge(rule, "bob"))
    assert await ask(storage, charge(stricter, "ann"))


@EVERY_STORAGE
async def test_either_all_charges_of_a_call_are_made_or_none(make: StorageFactory, clock: Clock) -> None:
    storage = make(clock)
    rules = [RateLimitRule("a", 9, 60, TOKEN), RateLimitRule("b", 9, 60, SLIDING), RateLimitRule("c", 1, 60, FIXED)]

    first = await storage.acquire([charge(rule, "ann") for rule in rules])
    second = await storage.acquire([charge(rule, "ann") for rule in rules])

    assert [(decision.allowed, decision.remaining) for decision in first] == [(True, 8), (True, 8), (True, 0)]
    assert [(decision.allowed, decision.remaining) for decision in second] == [(True, 8), (True, 8), (False, 0)]


@EVERY_STORAGE
async def test_decisions_come_in_the_order_of_the_charges(make: StorageFactory, clock: Clock) -> None:
    storage = make(clock)
    rules = [RateLimitRule(f"r{limit}", limit, 60, TOKEN) for limit in (5, 2, 9)]

    decisions: Sequence[Decision] = await storage.acquire([charge(rule, "ann", 2) for rule in rules])

    assert [(decision.limit, decision.remaining) for decision in decisions] == [(5, 3), (2, 0), (9, 7)]


@EVERY
async def test_memory_is_bounded_however_many_keys_come(algorithm: RateLimitAlgorithm, clock: Clock) -> None:
    storage, rule = MemoryStorage(50, clock=clock), RateLimitRule("r", 5, 60, algorithm)

    for number in range(2000):
        await ask(storage, charge(rule, f"client {number}"), charge(RateLimitRule("other", 9, 9, algorithm), f"client {number}"))

        assert len(storage) <= 50


@EVERY
async def test_newcomers_pass_while_the_storage_is_full(algorithm: RateLimitAlgorithm, clock: Clock) -> None:
    storage, rule = MemoryStorage(50, clock=clock), RateLimitRule("r", 5, 60, algorithm)

    assert all([await ask(storage, charge(rule, f"client {number}")) for number in range(500)])


@EVERY
async def test_a_flood_of_invented_clients_does_not_reset_a_counter_that_is_used_up(algorithm: RateLimitAlgorithm, clock: Clock) -> None:
    storage, rule = MemoryStorage(200, clock=clock), RateLimitRule("r", 5, 600, algorithm)
    await ask(storage, charge(rule, "attacker", 5))

    for number in range(5000):
        await ask(storage, charge(rule, f"invented {number}"))

    assert not await ask(storage, charge(rule, "attacker"))


async def test_among_counters_used_alike_the_one_that_would_go_first_makes_room(clock: Clock) -> None:
    storage = MemoryStorage(200, clock=clock)
    rule, short = RateLimitRule("long", 1, 600, FIXED), RateLimitRule("short", 1, 6, FIXED)
    for number in range(100):
        await ask(storage, charge(rule, f"client {number}"))
        await ask(storage, charge(short, f"client {number}"))

    for number in range(30):
        await ask(storage, charge(rule, f"newcomer {number}"))

    refused = [not await ask(storage, charge(rule, f"client {number}")) for number in range(100)]
    assert sum(refused) >= 95


@EVERY
async def test_counters_that_say_nothing_more_are_swept_by_use(algorithm: RateLimitAlgorithm, clock: Clock) -> None:
    """A call looks at two counters for each charge, so 100 idle ones are gone after 51 calls or so, without a scan."""
    storage, rule = MemoryStorage(clock=clock), RateLimitRule("r", 100, 60, algorithm)
    for number in range(100):
        await ask(storage, charge(rule, f"client {number}"))
    clock.advance(61)

    sizes: list[int] = []
    for _ in range(60):
        await ask(storage, charge(rule, "ann"))
        sizes.append(len(storage))

    assert sizes[0] >= 98
    assert sizes[-1] == 1


async def test_a_counter_in_use_is_never_swept(clock: Clock) -> None:
    storage, rule = MemoryStorage(clock=clock), RateLimitRule("r", 2, 1000, SLIDING)
    await ask(storage, charge(rule, "ann", 2))

    for number in range(999):
        clock.advance(1)
        await ask(storage, charge(RateLimitRule("short", 1, 1, TOKEN), f"client {number}"))

        assert not await ask(storage, charge(rule, "ann"))


async def test_a_refused_request_and_a_look_leave_no_counter(clock: Clock) -> None:
    storage, open_rule, closed = MemoryStorage(clock=clock), RateLimitRule("a", 5, 60, TOKEN), RateLimitRule("b", 1, 60, FIXED)
    await ask(storage, charge(closed, "one office"))

    for number in range(20):
        await ask(storage, charge(open_rule, f"user {number}"), charge(closed, "one office"))
        await ask(storage, charge(open_rule, f"user {number}", 0))

    assert len(storage) == 1


def test_a_storage_without_room_is_refused() -> None:
    with pytest.raises(RuleError, match="counts nothing"):
        MemoryStorage(0)


def test_it_says_how_full_it_is() -> None:
    assert repr(MemoryStorage(7)) == "<MemoryStorage 0 of 7 counters>"


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Threads that take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@EVERY
@pytest.mark.usefixtures("hurried_threads")
def test_threads_with_an_event_loop_each_let_no_request_too_many_through(algorithm: RateLimitAlgorithm) -> None:
    """Also under pressure on the room: every thread brings clients of its own."""
    storage, rule = MemoryStorage(64, clock=lambda: 1000.0), RateLimitRule("r", 500, 3600, algorithm)

    async def work(thread: int) -> int:
        passed = 0
        for number in range(200):
            passed += await ask(storage, charge(rule, "shared"))
            await ask(storage, charge(rule, f"own {thread} {number}"))
        return passed

    def run(thread: int) -> int:
        return asyncio.run(work(thread))

    with ThreadPoolExecutor(8) as pool:
        passed = list(pool.map(run, range(8)))

    assert sum(passed) == 500
    assert len(storage) <= 64
