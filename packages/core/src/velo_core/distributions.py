"""Which installed distribution something comes from. Reads metadata files, so it is for messages and inspection, never for a request."""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

__all__ = ["distribution_of", "find_distribution"]


def distribution_of(module: str | None) -> str | None:
    """`"velo-limiter 0.1.0"`: name and version of the distribution that a module belongs to, or `None`."""
    found = find_distribution(module or "")
    return f"{found.name} {found.version}" if found is not None else None


def find_distribution(module: str) -> Distribution | None:
    """The distribution that a module belongs to, if that can be told.

    One that has the module's name is believed, then one with an entry point into the module, then one that lists its files: an editable
    installation has none.
    """
    return _find(module.partition(".")[0], tuple(sys.path))


@lru_cache(256)
def _find(top: str, path: tuple[str, ...]) -> Distribution | None:
    """See `find_distribution`. Remembered as long as `path` is where modules come from: it reads the files of all distributions."""
    from importlib.metadata import PackageNotFoundError, distribution, distributions, packages_distributions

    if not top or top == "__main__" or top in sys.stdlib_module_names:
        return None
    try:
        return distribution(top.replace("_", "-"))
    except PackageNotFoundError:
        pass
    for found in distributions():
        if any(re.match(rf"{re.escape(top)}\b", point.value) for point in found.entry_points):
            return found
    names = packages_distributions().get(top)
    return distribution(names[0]) if names else None
