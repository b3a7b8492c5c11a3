"""Collecting a request body under a limit.

The limit holds while bytes arrive: a declared length over it is refused before anything is read, and an undeclared one (chunked) as soon as
the bytes so far exceed it, so at most `limit` bytes plus one network chunk are ever held.
"""

from __future__ import annotations

from collections.abc import AsyncIterable

from velo_core.errors import HTTPError

__all__ = ["check_declared_length", "collect", "too_large"]


def too_large(limit: int) -> HTTPError:
    """413 that names the limit."""
    return HTTPError(413, f"The request body is larger than the {limit} bytes that are accepted here.")


def check_declared_length(content_length: str | None, limit: int) -> bool:
    """Whether a length within `limit` bytes was declared.

    Args:
        content_length: Value of the Content-Length field, if there is one.
        limit: Bytes.

    Raises:
        HTTPError: 413 if it is over the limit, 400 if it is not a length (RFC 9110 section 8.6: ASCII digits only).
    """
    if content_length is None:
        return False
    if not (content_length.isascii() and content_length.isdigit()):
        raise HTTPError(400, "Content-Length is not a number of bytes.")
    # Compared by number of digits first: int() of an endless digit string is quadratic and raises beyond 4300 digits.
    digits = content_length.lstrip("0")
    if len(digits) > 18 or int(digits or "0") > limit:
        raise too_large(limit)
    return True


async def collect(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    """All of `chunks` as one value of at most `limit` bytes.

    Raises:
        HTTPError: 413 when they are more.
    """
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        parts.append(chunk)
    return b"".join(parts)
