"""Asking rules whether something may happen now, with or without a web application around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from velo_limiter.algorithms import Decision
from velo_limiter.errors import RuleError
from velo_limiter.keys import counter_name
from velo_limiter.rules import Charge, RateLimitRule, check_cost, check_rules
from velo_limiter.storage import MemoryStorage, Storage

__all__ = ["Limiter", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all rules together say.

    Attributes:
        rules: That were asked.
        decisions: One for each rule, in the same order.
    """

    rules: tuple[RateLimitRule, ...]
    decisions: tuple[Decision, ...]

    @property
    def allowed(self) -> bool:
        """Whether all rules allow it. If not, none of them was charged."""
        return all(decision.allowed for decision in self.decisions)

    @property
    def retry_after(self) -> float:
        """Seconds until all rules would allow it if nobody else asked; 0 when they do, infinite when one never can."""
        return max(decision.retry_after for decision in self.decisions)

    @property
    def violated(self) -> tuple[RateLimitRule, ...]:
        """The rules that refused."""
        return tuple(rule for rule, decision in zip(self.rules, self.decisions, strict=True) if not decision.allowed)


class Limiter:
    """Counts and refuses. Holds nothing but its storage: any number of guards, tasks and threads may use one.

    Args:
        storage: Where counters live; a `MemoryStorage` of its own by default.
    """

    def __init__(self, storage: Storage | None = None) -> None:
        self.storage: Storage = MemoryStorage() if storage is None else storage

    async def acquire(self, key: str, rules: RateLimitRule | Sequence[RateLimitRule], cost: int = 1) -> Outcome:
        """Take quota for `key` under all `rules`, or none under any.

        Args:
            key: Whose budget it is, of any length: `"user:42"`. `rule.key` and `rule.per_route` are about requests and play no part.
            rules: One rule, or several with different names.
            cost: How many times `rule.cost` is taken of each rule. 0 takes nothing, always passes, and shows what is left.

        Raises:
            RuleError: no rules, two of one name, or a cost below 0.
        """
        check_cost(cost)
        asked = (rules,) if isinstance(rules, RateLimitRule) else check_rules(rules)
        return await self.charge([Charge(rule, counter_name(rule, key), rule.cost * cost) for rule in asked])

    async def charge(self, charges: Sequence[Charge]) -> Outcome:
        """Make all charges or none: `acquire` with a counter and a cost for each rule.

        Raises:
            RuleError: none is given, or two are on one counter.
        """
        if not charges:
            raise RuleError("LIMITER_RULES_EMPTY", "there is nothing to charge; give at least one Charge")
        if len(charges) > 1 and len({charge.counter for charge in charges}) < len(charges):
            raise RuleError("LIMITER_RULES_CLASH", "two charges are on one counter; add their costs and make it one charge")
        decisions = await self.storage.acquire(charges)
        return Outcome(tuple(charge.rule for charge in charges), tuple(decisions))
