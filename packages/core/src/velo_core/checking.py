"""What is wrong between routes that are each right: names and versions. Paths that cannot be told apart are found by `placing`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from velo_core.errors import Problem, where
from velo_core.frozen import Mounted

if TYPE_CHECKING:
    from velo_core.versioning import Versioning

__all__ = ["check_names", "check_versions"]


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
