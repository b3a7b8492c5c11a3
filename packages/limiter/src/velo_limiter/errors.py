"""What this package raises when it is set up wrongly.

| code                     | meaning                                                                   |
|--------------------------|---------------------------------------------------------------------------|
| `LIMITER_RULE_NAME`      | the name is empty or cannot stand in a header field                       |
| `LIMITER_RULE_LIMIT`     | the limit is not a whole number from 1                                    |
| `LIMITER_RULE_WINDOW`    | the window is not a positive time                                         |
| `LIMITER_RULE_ALGORITHM` | the algorithm is not a `RateLimitAlgorithm`                               |
| `LIMITER_RULE_COST`      | the cost of a rule is not a whole number from 1, or is above its limit    |
| `LIMITER_RULE_KEY`       | the key of a rule or guard cannot be called                               |
| `LIMITER_RULES_EMPTY`    | no rule was given                                                         |
| `LIMITER_RULES_CLASH`    | two rules of one decision have one name                                   |
| `LIMITER_COST`           | the cost of a request is not a whole number from 0                        |
| `LIMITER_STORAGE`        | a `MemoryStorage` was given no room, or a plugin a limiter and a storage  |
"""

from __future__ import annotations

__all__ = ["RuleError"]


class RuleError(ValueError):
    """A rule, or a use of rules, that cannot work; raised where it is written, before the first request.

    Args:
        code: Stable, one of those in this module's docstring.
        message: What is wrong, where, and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{message} [{code}]")
