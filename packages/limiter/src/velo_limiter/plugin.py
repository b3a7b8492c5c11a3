"""The limiter in a Velo application: guards for single routes, and a plugin for all routes of a router. The only file that needs Velo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from velo_core import Depends, HTTPError, Manifest, OpenAPIContribution, Plugin, Request, Router
from velo_limiter.errors import RuleError
from velo_limiter.fields import LIMIT, POLICY, QUOTA_EXCEEDED, RETRY_AFTER, limit_field, policy_field, retry_after_field
from velo_limiter.keys import client_group, counter_name
from velo_limiter.limiter import Limiter, Outcome
from velo_limiter.rules import Charge, KeyFunction, RateLimitRule, check_key, check_rules
from velo_limiter.storage import Storage

__all__ = ["RateLimit", "rate_limit", "too_many_requests"]

Guard: TypeAlias = Callable[[Request], Awaitable[Outcome]]


def rate_limit(limiter: Limiter, rules: Sequence[RateLimitRule], *, key: KeyFunction | None = None) -> Guard:
    """A dependency that charges `rules` for each request, and refuses it with 429 when one of them is used up.

    Args:
        limiter: Keeps the counters.
        rules: All pass, or none is charged.
        key: Who is counted, for rules without a `key` of their own. By default the address of the peer, IPv6 by /64: behind a proxy that is
            the proxy, unless something that knows which proxies to trust has replaced it. A `key` that returns `None` falls back to it.

    Returns:
        For `Depends`. A handler parameter bound to it gets the `Outcome`.

    Raises:
        RuleError: no rules, two of one name, or a key that is no function.
    """
    checked = check_rules(rules)
    check_key(key, "rate_limit")
    policy = policy_field(checked)

    async def guard(request: Request) -> Outcome:
        outcome = await limiter.charge([Charge(rule, await _counter(request, rule, rule.key or key), rule.cost) for rule in checked])
        if not outcome.allowed:
            raise too_many_requests(outcome)
        request.response_headers.add(POLICY, policy)
        request.response_headers.add(LIMIT, limit_field(outcome.rules, outcome.decisions))
        return outcome

    guard.__dict__["openapi"] = _OPENAPI  # as `openapi_of` finds it
    return guard


_TEXT = {"schema": {"type": "string"}}
_OPENAPI = OpenAPIContribution(
    responses={
        "429": {
            "description": "The quota is used up.",
            "headers": {RETRY_AFTER: {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}},
            "content": {
                "application/problem+json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "type": {"const": QUOTA_EXCEEDED},
                            "title": {"type": "string"},
                            "status": {"const": 429},
                            "detail": {"type": "string"},
                            "violated-policies": {"type": "array", "items": {"type": "string"}},
                        },
                        "required": ["type", "title", "status", "violated-policies"],
                    }
                }
            },
        }
    },
    headers={POLICY: {"description": "What is granted."} | _TEXT, LIMIT: {"description": "What is left."} | _TEXT},
)
"""What guards add to the documents of velo-openapi."""


def too_many_requests(outcome: Outcome) -> HTTPError:
    """The 429 for a refusal: problem document, `Retry-After` and both `RateLimit` fields. For handlers that call `Limiter.acquire`."""
    names = [rule.name for rule in outcome.violated]
    wait = retry_after_field(outcome.retry_after)
    help = f"is used up; try again in {wait} s." if wait else "is smaller than what this request costs; waiting does not help."
    headers = {POLICY: policy_field(outcome.rules), LIMIT: limit_field(outcome.rules, outcome.decisions)}
    return HTTPError(
        429,
        f"The quota of {' and '.join(names)} {help}",
        type=QUOTA_EXCEEDED,
        title="Quota Exceeded",
        headers=headers if wait is None else {RETRY_AFTER: wait, **headers},
        extensions={"violated-policies": names},
    )


class RateLimit(Plugin):
    """Limits every route of the router it is installed on, and of those below.

    Args:
        rules: See `rate_limit`.
        storage: Where counters live; a `MemoryStorage` by default.
        limiter: Given instead of `storage` to share counters with other guards.
        key: See `rate_limit`.

    Raises:
        RuleError: as `rate_limit`; or both `storage` and `limiter` are given.
    """

    manifest = Manifest(name="limiter", requires_api=">=0.1,<1", provides=("rate-limiter",))

    def __init__(
        self,
        rules: Sequence[RateLimitRule],
        *,
        storage: Storage | None = None,
        limiter: Limiter | None = None,
        key: KeyFunction | None = None,
    ) -> None:
        if limiter is not None and storage is not None:
            raise RuleError("LIMITER_STORAGE", "RateLimit was given a limiter and a storage; the limiter already has one, leave one out")
        self.limiter = Limiter(storage) if limiter is None else limiter
        self.guard = rate_limit(self.limiter, rules, key=key)

    def install(self, router: Router) -> None:
        """Guard all routes of `router`."""
        router.add_dependency(Depends(self.guard))


async def _counter(request: Request, rule: RateLimitRule, key: KeyFunction | None) -> bytes:
    """The counter that a request is charged to.

    The route is named by its pattern, so spellings of a path do not count apart; the method is not named, so HEAD does not either.
    """
    role, text = "key", None
    if key is not None:
        found = key(request)
        text = await found if isinstance(found, Awaitable) else found
    if text is None:
        client = request.client
        role, text = "client", client_group(None if client is None else client.host)
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  not everyone checks types
        raise TypeError(f"the key of rule {rule.name!r} returned {type(text).__name__}; return text, or None for the client's address")
    return counter_name(rule, text, f"{role} {request.route.path}" if rule.per_route else role)
