"""Percent-decoding (RFC 3986 section 2.1)."""

from __future__ import annotations

__all__ = ["percent_decode"]

_DIGITS = "0123456789abcdefABCDEF"
_BYTES = {(high + low).encode(): bytes((int(high + low, 16),)) for high in _DIGITS for low in _DIGITS}


def percent_decode(text: str) -> bytes:
    """The bytes that `text` stands for. A `%` without two hexadecimal digits after it stands for itself.

    Args:
        text: Characters outside ASCII stand for their UTF-8 bytes, lone surrogates for the bytes that `surrogateescape` made them of.
    """
    try:
        first, *escaped = text.encode("utf-8", "surrogateescape").split(b"%")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: no decoder of a server makes one
        first, *escaped = text.encode("utf-8", "replace").split(b"%")
    pieces = [first]
    for piece in escaped:
        byte = _BYTES.get(piece[:2])
        pieces += (b"%", piece) if byte is None else (byte, piece[2:])
    return b"".join(pieces)
