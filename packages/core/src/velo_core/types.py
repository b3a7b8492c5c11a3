"""Shared names without behaviour of their own."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple, TypeAlias, final

__all__ = ["INVALID", "MISSING", "Address", "HeaderPairs", "Invalid", "Missing"]

HeaderPairs: TypeAlias = list[tuple[str, str]]
"""Header fields as text: lower-case names, order kept, duplicates kept."""


class Address(NamedTuple):
    """One end of a connection. `host` is an IP address without brackets, or the path of a Unix socket with port 0."""

    host: str
    port: int


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
