"""Files as responses: conditional requests, ranges, and reading them where the server does not."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import AsyncIterator
from copy import copy
from datetime import datetime
from functools import cache, partial
from io import FileIO
from typing import Final, TypeAlias

from msgspec import Struct

from velo_core.errors import HTTPError
from velo_core.headers import MutableHeaders
from velo_core.json import encode_json
from velo_core.parsing.dates import format_http_date, parse_http_date
from velo_core.parsing.disposition import content_disposition
from velo_core.parsing.etags import format_etag
from velo_core.parsing.preconditions import FindAll, Outcome, evaluate, range_applies
from velo_core.parsing.ranges import Unsatisfiable, parse_range
from velo_core.response import HeadersLike, Response, StreamingResponse
from velo_core.threads import FILES_POOL, in_teardown_thread

__all__ = ["FileContent", "FileResponse", "failed", "not_modified", "select", "validators"]

CHUNK_BYTES: Final = 262_144
"""Read at once. A visit to a thread costs about 0.1 ms; with this it is no more than reading costs."""

Piece: TypeAlias = "bytes | tuple[int, int]"
"""Bytes to send, or a range of the file: its first byte, and the one after its last."""

_REPRESENTATION: Final = frozenset(
    {"accept-ranges", "content-disposition", "content-encoding", "content-language", "content-length", "content-range", "content-type"}
)
"""Fields that describe a body, and do not belong to a response that has another one or none."""
_CACHE: Final = frozenset({"age", "cache-control", "etag", "expires", "last-modified"})
"""Fields that tell how long the file may be kept: not for an error in its place."""


class FileResponse(StreamingResponse):
    """A file. Answers conditional requests and ranges (RFC 9110 sections 13 and 14); the server itself sends it where it can.

    Looks at the file at once, with one call of `stat` that may block: take a plain `def` handler for files on a slow file system.

    Args:
        path: Of a regular file, never made of what a client sent without a check of your own. Symbolic links are followed.
        status_code: With another status than 200, conditions and ranges are ignored.
        headers: Further fields. `etag`, `last-modified` and `cache-control` given here stay.
        media_type: Content-Type; by the ending of the name if it is not given.
        filename: Name to suggest for saving (RFC 6266); any text. Without it the browser shows the file, or saves it, as it likes.
        inline: Whether a file with a `filename` is shown rather than saved. Never for content that users have uploaded.

    Raises:
        HTTPError: 404 if there is no such file, it is not a regular one, or may not be read.
    """

    __slots__ = ()

    is_file = True

    def __init__(
        self,
        path: str | bytes | os.PathLike[str],
        status_code: int = 200,
        headers: HeadersLike = None,
        media_type: str | None = None,
        *,
        filename: str | None = None,
        inline: bool = False,
    ) -> None:
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - a Path takes six times as long
        found = _stat(name)
        content = FileContent(name, found.st_size, ((0, found.st_size),))
        super().__init__(content, status_code, headers, media_type or self.media_type or _guess(filename or name))
        fields = self.headers
        fields.set("content-length", str(found.st_size))
        now = time.time_ns()
        # Never later than the response (RFC 9110 section 8.8.2.1): the clock of who wrote the file may be ahead.
        fields.setdefault("last-modified", format_http_date(min(found.st_mtime_ns, now) // 1_000_000_000))
        fields.setdefault("etag", _etag(found, now))
        if status_code == 200:
            fields.setdefault("accept-ranges", "bytes")
        if filename is not None:
            fields.setdefault("content-disposition", content_disposition(filename, inline=inline))


class FileContent(Struct, frozen=True):
    """What is sent of a file: an asynchronous iterable of bytes, which reads in a pool of threads of its own.

    Attributes:
        path: Absolute.
        size: Bytes in the file.
        pieces: In the order in which they are sent.
    """

    path: str
    size: int
    pieces: tuple[Piece, ...]

    @property
    def range(self) -> tuple[int, int] | None:
        """First byte, and the one after the last, if it is nothing but one part of the file that a server could send by itself."""
        piece = self.pieces[0]
        return piece if len(self.pieces) == 1 and isinstance(piece, tuple) and self.path.isprintable() else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        file = await FILES_POOL.run(partial(_open, self.path))
        try:
            for piece in self.pieces:
                if isinstance(piece, bytes):
                    yield piece
                    continue
                position, end = piece
                while position < end:
                    chunk = await FILES_POOL.run(partial(_read, file, position, min(CHUNK_BYTES, end - position)))
                    if not chunk:  # its length has been promised
                        raise EOFError(f"{self.path} has become shorter while it was sent")
                    yield chunk
                    position += len(chunk)
        finally:
            await in_teardown_thread(file.close)


def select(response: FileResponse, method: str, find_all: FindAll) -> Response:
    """What of a file answers a request.

    Returns:
        The response itself, one with a part of the file or several (206), or one without any (304, 412, 416).
    """
    content = response.content
    if response.status_code != 200 or method not in ("GET", "HEAD") or not isinstance(content, FileContent):
        return response
    etag, modified = validators(response)
    outcome = evaluate(method, find_all, etag=etag, last_modified=modified)
    if outcome is Outcome.NOT_MODIFIED:
        return not_modified(response)
    if outcome is Outcome.FAILED:
        return failed(response, HTTPError(412, "The file is not the one that the request is meant for."))
    asked = find_all("range")
    if method != "GET" or len(asked) != 1 or not range_applies(find_all, etag=etag, last_modified=modified):
        return response
    ranges = parse_range(asked[0], content.size)
    if ranges is None:
        return response
    if isinstance(ranges, Unsatisfiable):
        headers = {"accept-ranges": "bytes", "content-range": ranges.content_range}
        return failed(response, HTTPError(416, "No part of the file is in the range that was asked for.", headers=headers))
    return _partial(response, content.path, ranges, content.size)


def validators(response: Response) -> tuple[str | None, datetime | None]:
    """Entity tag and date of last modification of a response, where it has them."""
    modified = response.headers.get("last-modified")
    return response.headers.get("etag"), None if modified is None else parse_http_date(modified)


def not_modified(response: Response) -> Response:
    """304 in place of `response`, with the fields that RFC 9110 section 15.4.5 wants of it."""
    dropped = _REPRESENTATION if "etag" not in response.headers else {*_REPRESENTATION, "last-modified"}
    return Response(b"", 304, _without(response, dropped))


def failed(response: Response, error: HTTPError) -> Response:
    """The problem document of `error` in place of `response`, with those of its fields that are not about the file."""
    answer = Response(encode_json(error.document()), error.status_code, error.headers, "application/problem+json")
    for name, value in _without(response, _REPRESENTATION | _CACHE):
        answer.headers.add(name, value)
    return answer


def _partial(response: FileResponse, path: str, ranges: list[tuple[int, int]], size: int) -> FileResponse:
    part = copy(response)
    part.status_code = 206
    part.headers = headers = MutableHeaders(response.headers)
    if len(ranges) == 1:
        ((start, end),) = ranges
        headers.set("content-range", f"bytes {start}-{end - 1}/{size}")
        headers.set("content-length", str(end - start))
        part.content = FileContent(path, size, ((start, end),))
        return part
    boundary = os.urandom(16).hex()
    kind = response.headers.get("content-type")
    described = f"Content-Type: {kind}\r\n" if kind else ""
    pieces: list[Piece] = []
    for start, end in ranges:
        head = f"--{boundary}\r\n{described}Content-Range: bytes {start}-{end - 1}/{size}\r\n\r\n"
        pieces += [head.encode("latin-1"), (start, end), b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    headers.set("content-type", f"multipart/byteranges; boundary={boundary}")
    headers.set("content-length", str(sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)))
    part.content = FileContent(path, size, tuple(pieces))
    return part


def _without(response: Response, dropped: frozenset[str] | set[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers.items() if name not in dropped]


# The file.


def _stat(path: str) -> os.stat_result:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path takes three times as long
    except (OSError, ValueError) as error:  # there is none, or none could have that name: one answer for all of it
        raise _no_file() from error
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.R_OK):
        raise _no_file()
    return found


def _no_file() -> HTTPError:
    return HTTPError(404, "There is no such file.")


def _etag(found: os.stat_result, now: int) -> str:
    # A file that is being written can change twice within one tick of the clock: then the tag says that it promises less. So it does for
    # a time that is still to come, for that file may be written right now, by a clock that is ahead.
    fresh = now - found.st_mtime_ns < 1_000_000_000
    return format_etag(f"{found.st_mtime_ns:x}-{found.st_size:x}", weak=fresh)


def _open(path: str) -> FileIO:
    # Without waiting: what has become a FIFO since would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = FileIO(descriptor, "rb")
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return file
    file.close()
    raise FileNotFoundError(f"{path} is not a regular file any more")


def _read(file: FileIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)


def _guess(name: str) -> str:
    """The media type for a file name. The tables of the system are not asked: one application answers alike on all machines."""
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 - it may be no path at all
    return _TYPES.get(ending) or _known_types().get(ending) or "application/octet-stream"


@cache
def _known_types() -> dict[str, str]:
    from mimetypes import MimeTypes

    return MimeTypes().types_map[True]  # what a new one has are Python's own


_TYPES: Final = {
    ".avif": "image/avif",
    ".br": "application/octet-stream",
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".js": "text/javascript",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
}
"""What the standard library does not know, or not in all versions."""
