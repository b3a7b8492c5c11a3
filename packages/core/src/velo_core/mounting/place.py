"""Where an application is mounted, and what of the path belongs to the one and to the other."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

from velo_core.request import Request
from velo_core.routing.pattern import PCHAR

__all__ = ["OF_THE_CONNECTION", "Place"]

OF_THE_CONNECTION: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
"""Fields about the connection, which is the server's: what a mounted application says in them is left out."""
_SAFE: Final = PCHAR + "/"


class Place:
    """Where a mounted application is, for one request.

    Attributes:
        root_path: What is above the application, decoded and without a slash at its end: the root of this one, then the path of the mount.
        path: The whole path, decoded, which begins with `root_path` (ASGI's way of telling it).
        below: The rest; empty if the request is for the mount itself.
        raw_path: The whole path, encoded.
    """

    __slots__ = ("below", "path", "raw_path", "root_path")

    def __init__(self, request: Request, segments: int) -> None:
        """Args: segments: How many segments of the path, whole ones, belong to the mount."""
        above, path = request.root_path, request.path
        raw_path = _raw_below(request.raw_path, path)
        prefix = _first(path, segments)
        if raw_path is None:
            self.raw_path = quote(above + path, safe=_SAFE).encode()
        else:
            raw_prefix = _first(raw_path, segments)
            prefix = unquote(raw_prefix)  # an encoded slash ends no segment
            self.raw_path = quote(above + prefix, safe=_SAFE).encode() + raw_path[len(raw_prefix) :].encode("latin-1")
        self.root_path = above + prefix
        self.below = path[len(prefix) :]
        self.path = above + path


def _first(path: str, segments: int) -> str:
    return "/".join(path.split("/", segments + 1)[: segments + 1])


def _raw_below(raw_path: str | None, path: str) -> str | None:
    """The encoded form of `path`, from the encoded form of the whole; `None` if it is not known, or is of another path."""
    if raw_path is None:
        return None
    whole = unquote(raw_path)
    if not whole.endswith(path):
        return None
    return raw_path[len(_first(raw_path, whole[: -len(path)].count("/"))) :] if whole != path else raw_path
