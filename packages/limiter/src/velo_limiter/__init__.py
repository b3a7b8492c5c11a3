"""Rate limiting for Velo: rules, an exact limiter that also works without a web application, and guards for routes."""

from velo_limiter.algorithms import Decision, State, Step, decide
from velo_limiter.errors import RuleError
from velo_limiter.fields import limit_field, policy_field, retry_after_field
from velo_limiter.limiter import Limiter, Outcome
from velo_limiter.plugin import RateLimit, rate_limit, too_many_requests
from velo_limiter.rules import Charge, KeyFunction, RateLimitAlgorithm, RateLimitRule
from velo_limiter.storage import MemoryStorage, Storage

__all__ = [
    "Charge",
    "Decision",
    "KeyFunction",
    "Limiter",
    "MemoryStorage",
    "Outcome",
    "RateLimit",
    "RateLimitAlgorithm",
    "RateLimitRule",
    "RuleError",
    "State",
    "Step",
    "Storage",
    "decide",
    "limit_field",
    "policy_field",
    "rate_limit",
    "retry_after_field",
    "too_many_requests",
]
