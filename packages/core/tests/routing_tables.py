"""Tables of routes that find themselves."""

from __future__ import annotations

from velo_core.routing.converters import CONVERTERS
from velo_core.routing.pattern import Pattern, parse
from velo_core.routing.table import Fallback, Table
from velo_core.types import TrailingSlash

__all__ = ["fallback", "pattern", "table_of"]


def pattern(text: str) -> Pattern:
    return parse(text, CONVERTERS)


def fallback(name: str) -> Fallback[str]:
    return Fallback(f"{name} 404", f"{name} 405", f"{name} options", f"{name} redirect")


def table_of(*routes: str, slash: TrailingSlash = TrailingSlash.STRICT, prefixes: tuple[str, ...] = ()) -> Table[str]:
    """A table of routes such as `"GET /a"`, which find themselves, with the fallback `root` and one for each prefix."""
    table = Table[str]()
    for prefix in ("", *prefixes):
        table.add_fallback(pattern(prefix), fallback(prefix or "root"))
    for route in routes:
        method, _, text = route.partition(" ")
        table.add(method, pattern(text), route, trailing_slash=slash)

    assert table.freeze() == []
    return table
