"""The response header fields: `RateLimit-Policy`, `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) and `Retry-After` (RFC 9110).

The first two are lists of strings with integer parameters, serialised by RFC 9651 section 4.1. Both may be sent in several lines (draft,
sections 3 and 4), so guards of different origin add theirs to one response without knowing of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from typing import Final

from velo_limiter.algorithms import Decision
from velo_limiter.rules import NANOSECONDS, RateLimitRule

__all__ = ["LIMIT", "POLICY", "QUOTA_EXCEEDED", "RETRY_AFTER", "limit_field", "policy_field", "retry_after_field"]

POLICY: Final = "ratelimit-policy"
LIMIT: Final = "ratelimit"
RETRY_AFTER: Final = "retry-after"

QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""Type of the problem document of a refusal (section 5.1 of the draft); its member `violated-policies` names the rules."""


def policy_field(rules: Sequence[RateLimitRule]) -> str:
    """Value of `RateLimit-Policy`: what each rule grants, such as `"burst";q=60;w=60`.

    A window is rounded up to whole seconds, all that the field knows, so it never promises more than the rule gives.
    """
    return ", ".join(_item(rule.name, q=rule.limit, w=-(-rule.window_nanoseconds // NANOSECONDS)) for rule in rules)


def limit_field(rules: Sequence[RateLimitRule], decisions: Sequence[Decision]) -> str:
    """Value of `RateLimit`: what is left of each rule, such as `"burst";r=12;t=30`.

    `t` is `Decision.reset_after`, rounded up. For a rule that refused it is not later than `Retry-After`, as section 6 of the draft asks.
    """
    return ", ".join(
        _item(rule.name, r=decision.remaining, t=ceil(decision.reset_after)) for rule, decision in zip(rules, decisions, strict=True)
    )


def retry_after_field(seconds: float) -> str | None:
    """Value of `Retry-After`: whole seconds, rounded up, at least 1 (RFC 9110 section 10.2.3); `None` if waiting does not help."""
    return str(max(1, ceil(seconds))) if isfinite(seconds) else None


def _item(name: str, **parameters: int) -> str:
    """A string with parameters. Rules see to it that the string is printable ASCII and that no integer has more than 15 digits."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' + "".join(f";{key}={value}" for key, value in parameters.items())
