"""The contenders: one module each, which says how its framework is used at its best for the same work.

`APPLICATIONS` maps what scenarios ask for to functions that make it from its size. What a framework cannot do, or not without another
package, is simply not there. `MOST_ROUTES` is where starting takes more than ten seconds.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["NAMES", "application", "load"]

NAMES: Sequence[str] = ("raw", "velo", "starlette", "fastapi", "falcon", "litestar", "blacksheep", "velocipy")
"""The hand-written one first: the others are compared with it."""


def load(name: str) -> Mapping[str, Callable[[int], Any]]:
    """What a contender can do."""
    return importlib.import_module(f"benchmarks.contenders.{name}_app").APPLICATIONS


def application(name: str, kind: str, size: int) -> Any:
    """The application of a contender, or `None` if it cannot do that."""
    module = importlib.import_module(f"benchmarks.contenders.{name}_app")
    if kind not in module.APPLICATIONS or (kind == "routes" and size > module.MOST_ROUTES):
        return None
    return module.APPLICATIONS[kind](size)
