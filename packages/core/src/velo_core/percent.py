"""Percent-encoding (RFC 3986 section 2.1). `urllib.parse` does the same, and brings `ipaddress` along: together they are slow to import."""

from __future__ import annotations

from functools import cache
from string import ascii_letters, digits
from typing import Final

__all__ = ["quote", "unquote_to_bytes"]

_UNRESERVED: Final = frozenset((ascii_letters + digits + "-._~").encode())
_DIGITS: Final = "0123456789abcdefABCDEF"
_BYTES: Final = {(high + low).encode(): bytes((int(high + low, 16),)) for high in _DIGITS for low in _DIGITS}


@cache
def _table(safe: str) -> tuple[str, ...]:
    kept = _UNRESERVED.union(safe.encode("ascii"))
    return tuple(chr(byte) if byte in kept else f"%{byte:02X}" for byte in range(256))


def quote(text: str | bytes, safe: str) -> str:
    """The text with everything encoded but letters, digits, `-._~` and the characters of `safe`.

    Raises:
        UnicodeEncodeError: there is a lone surrogate in it.
    """
    raw = text.encode() if isinstance(text, str) else text
    return "".join(map(_table(safe).__getitem__, raw))


def unquote_to_bytes(raw: bytes) -> bytes:
    """The bytes that `raw` stands for. A `%` without two hexadecimal digits after it stands for itself."""
    first, *escaped = raw.split(b"%")
    pieces = [first]
    for piece in escaped:
        byte = _BYTES.get(piece[:2])
        pieces += (b"%", piece) if byte is None else (byte, piece[2:])
    return b"".join(pieces)
