"""From the name of a route to its path and its host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from velo_core.frozen import Mounted
from velo_core.hosts import build_host
from velo_core.routing import Pattern

__all__ = ["host_of", "path_of"]


def path_of(routes: Sequence[Mounted], name: str, values: Mapping[str, object]) -> str:
    """The path of the route called `name`. Values that only its host takes may be among the others.

    Raises:
        LookupError: no route, or more than one, has that name.
        PathBuildError: the values are not those that the path takes.
    """
    mounted = _named(routes, name)
    return mounted.pattern.build(_without(values, mounted.host))


def host_of(routes: Sequence[Mounted], name: str, values: Mapping[str, object]) -> str | None:
    """The host of the route called `name`; `None` if it is for all.

    Raises:
        LookupError: no route, or more than one, has that name.
        PathBuildError: the values are not those that the host takes, or make none.
    """
    mounted = _named(routes, name)
    if mounted.host is None:
        return None
    return build_host(mounted.host, _without(values, mounted.pattern))


def _named(routes: Sequence[Mounted], name: str) -> Mounted:
    found = {(mounted.host, mounted.pattern.text): mounted for mounted in routes}
    if len(found) != 1:
        places = ", ".join(mounted.place for mounted in found.values())
        state = f"is the name of several routes: {places}; give them names of their own" if found else "is not the name of a route"
        raise LookupError(f"{name!r} {state}")
    return next(iter(found.values()))


def _without(values: Mapping[str, object], other: Pattern | None) -> dict[str, object]:
    left_out: set[str] = set() if other is None else {parameter.name for parameter in other.parameters}
    return {name: value for name, value in values.items() if name not in left_out}
