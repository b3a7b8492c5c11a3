"""Byte ranges (RFC 9110 section 14)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from velo_core.parsing.grammar import OWS

__all__ = ["MAX_RANGES", "Unsatisfiable", "parse_range"]

MAX_RANGES: Final = 16
"""Arbitrary: media players ask for one range, document viewers for a handful. Each costs a part with its own header."""

_MAX_LENGTH: Final = 1024
"""More than 16 ranges of 64-bit positions need, and few enough digits for `int` to be quick."""


class Unsatisfiable(Struct, frozen=True):
    """No range lies in the representation: answer 416.

    Attributes:
        size: Bytes in the representation.
    """

    size: int

    @property
    def content_range(self) -> str:
        """The `Content-Range` to send with the 416 (RFC 9110 section 14.4)."""
        return f"bytes */{self.size}"


def parse_range(value: str, size: int) -> list[tuple[int, int]] | Unsatisfiable | None:
    """The ranges asked for, each as `(start, end)` with `0 <= start < end <= size`.

    They come in the order asked for. If some touch or overlap they are joined (RFC 9110 section 15.3.7.2) and come in ascending
    order: a range set never selects a byte twice, so it cannot multiply the response.

    Args:
        value: The value of the `Range` field.
        size: Bytes in the representation.

    Returns:
        `None` to ignore the field and send everything: another unit, malformed, more than 16 ranges or 1024 characters, or a
        representation without bytes, of which no part could be sent (clients that always send a range get their empty 200).
    """
    unit, equals, specifiers = value.partition("=")
    if unit.lower() != "bytes" or not equals or size == 0 or len(value) > _MAX_LENGTH:
        return None
    members = [member for part in specifiers.split(",") if (member := part.strip(OWS))]
    if not members or len(members) > MAX_RANGES:
        return None
    ranges: list[tuple[int, int]] = []
    for member in members:
        read = _read(member, size)
        if read is None:
            return None
        if read[0] < read[1]:
            ranges.append(read)
    return _joined(ranges) if ranges else Unsatisfiable(size)


def _read(member: str, size: int) -> tuple[int, int] | None:
    """Start and end of one range, equal if it lies outside; `None` if it is malformed (RFC 9110 section 14.1.1)."""
    first, dash, last = member.partition("-")
    if not dash or not all(digits.isascii() and digits.isdigit() for digits in (first, last) if digits):
        return None
    if not first:
        return (max(0, size - int(last)), size) if last else None
    start, end = int(first), int(last) + 1 if last else size
    if last and end <= start:
        return None
    return min(start, size), min(end, size)


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    ascending = sorted(ranges)
    joined = ascending[:1]
    for start, end in ascending[1:]:
        last_start, last_end = joined[-1]
        if start <= last_end:
            joined[-1] = (last_start, max(last_end, end))
        else:
            joined.append((start, end))
    return ranges if len(joined) == len(ranges) else joined
