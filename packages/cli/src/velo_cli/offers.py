"""What distributions offer under a name, and where they say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

__all__ = ["offered_twice", "origin_of", "origins_of"]


def origin_of(point: EntryPoint) -> str:
    """`velo-limiter 0.1.0`."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def origins_of(points: Iterable[EntryPoint]) -> str:
    """The distributions, in the order of their names."""
    return " and ".join(sorted(map(origin_of, points)))


def offered_twice(what: str, code: str, points: Iterable[EntryPoint]) -> str:
    """That distributions offer the same name, which they cannot: who they are, where they say it, what to do.

    Args:
        what: Such as `"command"`.
        code: Stable code of the mistake.
        points: The entry points of the name.
    """
    known = list(points)
    places = " and ".join(sorted(f"{origin_of(point)} ({_place(point)})" for point in known))
    return f"the {what} {known[0].name!r} is offered by {places}; uninstall one of them [{code}]"


def _place(point: EntryPoint) -> str:
    """File and line of the entry point, or what it leads to where that cannot be told."""
    for file in _files(point.dist):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if re.fullmatch(rf"\s*{re.escape(point.name)}\s*=\s*{re.escape(point.value)}\s*", line):
                return f"{file}:{number}"
    return point.value


def _files(distribution: Distribution | None) -> Iterator[Path]:
    """Its `entry_points.txt`."""
    if distribution is None:
        return
    wanted = re.sub(r"[-_.]+", "_", distribution.name).lower()
    for file in Path(str(distribution.locate_file(""))).glob("*.*-info/entry_points.txt"):
        if re.sub(r"[-_.]+", "_", file.parent.name).lower().startswith(f"{wanted}_"):
            yield file
