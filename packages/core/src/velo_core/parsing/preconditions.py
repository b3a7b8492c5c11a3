"""Conditional requests (RFC 9110 section 13): whether a request still wants what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, TypeAlias

from velo_core.parsing.dates import parse_http_date
from velo_core.parsing.etags import Etags, parse_etags

__all__ = ["FindAll", "Outcome", "evaluate", "range_applies"]

FindAll: TypeAlias = Callable[[str], Sequence[str]]
"""From a lower-case name to the values of all header fields of that name, in order."""

_UNCONDITIONAL: Final = frozenset({"CONNECT", "OPTIONS", "TRACE"})


class Outcome(Enum):
    """What becomes of a request."""

    PROCEED = "proceed"
    NOT_MODIFIED = "304"
    FAILED = "412"


def evaluate(
    method: str, find_all: FindAll, *, etag: str | None = None, last_modified: datetime | None = None, exists: bool = True
) -> Outcome:
    """What the preconditions of a request say, in the order of RFC 9110 section 13.2.2.

    Args:
        method: Of the request.
        find_all: Its header fields.
        etag: Of the current representation, as it stands in the `ETag` field; `None` if it has none.
        last_modified: Aware, of the current representation; `None` if it is not known. Parts of a second do not count.
        exists: Whether there is a current representation.
    """
    if method in _UNCONDITIONAL:
        return Outcome.PROCEED
    modified = None if last_modified is None else last_modified.replace(microsecond=0)
    if match := find_all("if-match"):
        if not _matches(match, etag, exists, strong=True):
            return Outcome.FAILED
    elif modified is not None and (since := _date(find_all("if-unmodified-since"))) is not None and modified > since:
        return Outcome.FAILED
    reads = method in ("GET", "HEAD")
    if none_match := find_all("if-none-match"):
        if _matches(none_match, etag, exists, strong=False):
            return Outcome.NOT_MODIFIED if reads else Outcome.FAILED
    elif reads and modified is not None and (since := _date(find_all("if-modified-since"))) is not None and modified <= since:
        return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def range_applies(find_all: FindAll, *, etag: str | None = None, last_modified: datetime | None = None) -> bool:
    """Whether a `Range` field counts, by `If-Range` (section 13.1.5): without that field, or if the representation is the same still.

    A date is compared exactly. Whether it is a strong validator is for the client to know, who has the `Date` it came with.
    """
    values = find_all("if-range")
    if not values:
        return True
    if len(values) > 1:
        return False
    value = values[0].strip(" \t")
    if '"' in value:
        tags = parse_etags(value)
        # One tag, and no list of them.
        return etag is not None and len(tags.strong) == 1 and not tags.weak and "," not in value and tags.matches_strong(etag)
    return last_modified is not None and parse_http_date(value) == last_modified.replace(microsecond=0)


def _matches(values: Sequence[str], etag: str | None, exists: bool, *, strong: bool) -> bool:
    tags: Etags = parse_etags(", ".join(values))
    if tags.any:
        return exists
    if etag is None or not exists:
        return False
    return tags.matches_strong(etag) if strong else tags.matches_weak(etag)


def _date(values: Sequence[str]) -> datetime | None:
    """The date of a field; `None` if it is not one, or not just one (section 13.1.3)."""
    return parse_http_date(values[0].strip(" \t")) if len(values) == 1 else None
