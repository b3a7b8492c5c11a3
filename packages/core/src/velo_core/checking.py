"""What is wrong between routes that are each right: names, versions, and paths that cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, cast

from velo_core.errors import Problem, SetupError, where
from velo_core.frozen import Covered, Entry, Mounted, by_host
from velo_core.routing import Table

if TYPE_CHECKING:
    from velo_core.plan import Plan, Served
    from velo_core.versioning import Versioning

__all__ = ["check_names", "check_tables", "check_versions"]


def check_names(routes: Sequence[Mounted]) -> Iterator[Problem]:
    """Names that were given to more than one route; one that is included twice, or has versions, may keep its own."""
    named: dict[tuple[str, str | None], Mounted] = {}
    for mounted in routes:
        if not mounted.route.named:
            continue
        first = named.setdefault((mounted.name, mounted.version), mounted)
        if first.route is not mounted.route and first.place != mounted.place:
            places = " and to ".join(f"{one.place} ({where(one.route.handler)})" for one in (first, mounted))
            yield Problem("VELO_ROUTE_NAME", f"the name {mounted.name!r} is given to {places}; rename one, or name their routers")


def check_versions(routes: Sequence[Mounted], policy: Versioning | None) -> Iterator[Problem]:
    """Versions that the policy names and no route has."""
    if policy is None:
        return
    known = {mounted.version for mounted in routes}
    for version in dict.fromkeys((*((policy.default,) if policy.default else ()), *policy.deprecated)):
        if version not in known:
            message = f"the versioning of the application names the version {version!r}, and no route has it; correct one of them"
            yield Problem("VELO_VERSION", message)


def check_tables(plans: Sequence[Entry], fallbacks: Sequence[Covered], versions: Sequence[str]) -> Iterator[Problem]:
    """Methods and prefixes that cannot be, and routes of one host and version that cannot be told apart."""
    placed: list[Entry | Covered] = [*plans, *fallbacks]
    everywhere, groups = by_host(placed)
    for members, version in product((everywhere, *(members for _, members in groups)), versions or (None,)):
        entries = [one for one in members if isinstance(one, Entry) and one.version in (None, version)]
        yield from _check_table(entries, [one for one in members if isinstance(one, Covered)])


def _check_table(plans: Sequence[Entry], fallbacks: Sequence[Covered]) -> Iterator[Problem]:
    table: Table[Plan] = Table()
    for entry in plans:
        try:
            table.add(entry.method, entry.pattern, entry.plan, trailing_slash=entry.trailing_slash)
        except SetupError as error:
            yield from (Problem(one.code, f"{one.message} ({_served_by(entry.plan)})") for one in error.problems)
    for covered in fallbacks:
        try:
            table.add_fallback(covered.prefix, covered.fallback)
        except SetupError as error:
            yield from error.problems
    for clash in table.freeze():
        if clash.code == "VELO_ROUTE_PREFIX":  # the first router answers below a prefix that two have
            continue
        places = " and ".join(f"{_served_by(plan)}" for plan in clash.values)
        yield Problem(clash.code, f"{clash.message}: {places}; remove one or give it another path")


def _served_by(plan: Plan) -> str:
    handler = cast("Served", plan.endpoint).binding.handler.function
    from velo_core.distributions import distribution_of

    origin = distribution_of(getattr(handler, "__module__", None))
    return f"{getattr(handler, '__qualname__', handler)!s} ({f'{origin}, ' if origin else ''}{where(handler)})"
