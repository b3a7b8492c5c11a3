"""Shared names without behaviour of their own."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple, TypeAlias, final

__all__ = ["INVALID", "MISSING", "WEBSOCKET", "Address", "HeaderPairs", "Invalid", "Missing", "TrailingSlash"]

HeaderPairs: TypeAlias = list[tuple[str, str]]
"""Header fields as text: lower-case names, order kept, duplicates kept."""


class Address(NamedTuple):
    """One end of a connection. `host` is an IP address without brackets, or the path of a Unix socket with port 0."""

    host: str
    port: int


WEBSOCKET: Final = "WEBSOCKET \N{LEFT RIGHT ARROW}"
"""Stands where the method of a route for websockets would: no token and not latin-1, so that no request can have it for its method."""


@final
class Invalid:
    """The type of `INVALID`."""

    def __repr__(self) -> str:
        return "INVALID"


INVALID: Final = Invalid()
"""Stands in a plan for a value that did not fit; why is in the list of errors beside it."""


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "MISSING"


MISSING: Final = Missing.MISSING
"""Stands for a default, or for an annotation, that was not given."""


class TrailingSlash(Enum):
    """What becomes of `/a/` when there is `/a`, and the other way round."""

    STRICT = "strict"
    """It is another path."""
    IGNORE = "ignore"
    """It is the same path, and patterns that differ by nothing else are duplicates. What a catch-all takes keeps its slash."""
    REDIRECT = "redirect"
    """It is another path, but a client whose request nothing serves there is sent to the one that serves it."""
