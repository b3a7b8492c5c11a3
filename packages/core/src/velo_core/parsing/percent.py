"""Percent-decoding (RFC 3986 section 2.1)."""

from __future__ import annotations

from velo_core.percent import unquote_to_bytes

__all__ = ["percent_decode"]


def percent_decode(text: str) -> bytes:
    """The bytes that `text` stands for. A `%` without two hexadecimal digits after it stands for itself.

    Args:
        text: Characters outside ASCII stand for their UTF-8 bytes, lone surrogates for the bytes that `surrogateescape` made them of.
    """
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # a surrogate that stands for no byte: no decoder of a server makes one
        return unquote_to_bytes(text.encode("utf-8", "replace"))
