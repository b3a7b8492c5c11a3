"""The undecoded path, where a protocol gives it."""

from __future__ import annotations

from velo_core.parsing.percent import percent_decode

__all__ = ["below_raw"]


def below_raw(raw_path: str, root: str) -> str:
    """The part of an encoded path below where the application is mounted; an encoded slash is no slash.

    Args:
        raw_path: Without the query.
        root: Decoded, without a slash at its end. A path that does not begin with it is returned as it is.
    """
    segments = raw_path.split("/", root.count("/") + 1)
    above = "/".join(segments[: root.count("/") + 1])
    if not root or percent_decode(above).decode(errors="replace") != root:
        return raw_path
    return raw_path[len(above) :] or "/"
