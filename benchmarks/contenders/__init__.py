"""The contenders: one module each, which says how its framework is used at its best for the same work.

`APPLICATIONS` maps what scenarios ask for to functions that make it from its size. What a framework cannot do, or not without another
package, is simply not there. `MOST_ROUTES` is where starting takes more than ten seconds.
"""

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

__all__ = ["NAMES", "application", "missing"]

NAMES: Sequence[str] = ("raw", "velo", "starlette", "fastapi", "falcon", "litestar", "blacksheep", "velocipy", "robyn", "flask")
"""The hand-written one first: the others are compared with it."""


def module(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.contenders.{name}_app")


def missing(names: Sequence[str]) -> Mapping[str, str]:
    """Those that cannot be imported here, and why."""
    found: dict[str, str] = {}
    for name in names:
        try:
            module(name)
        except ImportError as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def application(name: str, kind: str, size: int) -> Any:
    """The application of a contender, or `None` if it cannot do that."""
    contender = module(name)
    if kind not in contender.APPLICATIONS or (kind == "routes" and size > contender.MOST_ROUTES):
        return None
    return contender.APPLICATIONS[kind](size)
