"""From plans to tables, one or, where routes belong to hosts or versions, one for each; and what is wrong between routes that are right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from velo_core.errors import Problem, SetupError, where
from velo_core.frozen import Covered, Entry, Mounted, Places, by_host
from velo_core.routing import Table

if TYPE_CHECKING:
    from velo_core.plan import Plan, Served
    from velo_core.versioning import Versioning

__all__ = ["check_names", "check_versions", "place"]


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


def place(plans: Sequence[Entry], fallbacks: Sequence[Covered], versions: Sequence[str]) -> tuple[Places, list[Problem]]:
    """The tables, frozen, and what is wrong: methods and prefixes that cannot be, and routes of one host and version that clash."""
    common, groups = by_host([*plans, *fallbacks])
    root = next((covered for covered in fallbacks if not covered.prefix.segments), None)
    elsewhere = None if root is None else Covered(root.prefix, replace(root.fallback))  # a copy, which is known by its identity
    problems: list[Problem] = []

    def tables(members: Sequence[Entry | Covered]) -> dict[str | None, Table[Plan]]:
        made: dict[str | None, Table[Plan]] = {}
        for version in (None, *versions):
            table = made[version] = Table()
            problems.extend(_fill(table, [one for one in members if isinstance(one, Covered) or one.version in (None, version)]))
        return made

    def of_host(members: Sequence[Entry | Covered]) -> dict[str | None, Table[Plan]]:
        if elsewhere is None or any(isinstance(one, Covered) and not one.prefix.segments for one in members):
            return tables(members)
        return tables([*members, elsewhere])

    hosts = tuple([(host, of_host(members)) for host, members in groups])
    return Places(tables(common), hosts, None if elsewhere is None else elsewhere.fallback), problems


def _fill(table: Table[Plan], members: Sequence[Entry | Covered]) -> Iterator[Problem]:
    """Adds everything, and freezes the table."""
    for one in members:
        try:
            if isinstance(one, Covered):
                table.add_fallback(one.prefix, one.fallback)
            else:
                table.add(one.method, one.pattern, one.plan, trailing_slash=one.trailing_slash)
        except SetupError as error:
            served_by = "" if isinstance(one, Covered) else f" ({_served_by(one.plan)})"
            yield from (Problem(problem.code, problem.message + served_by) for problem in error.problems)
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
