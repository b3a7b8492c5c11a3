"""The request as a server sees it: its head, and its body chunk by chunk.

A body is pulled: nothing is taken from the caller's iterator before the application asks. An iterator is always advanced on the caller's
side (in the thread of a synchronous test, in the context of an asynchronous one), so that its exceptions belong to the test and a receive
that the application gives up does not tear it.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

import httpx2

__all__ = ["AsyncBody", "Inbox", "Part", "RequestBody", "RequestHead", "SyncBody", "WholeBody", "read_head"]

Part: TypeAlias = tuple[bytes, bool]
"""Some bytes of a body, and whether more may come."""

Inbox: TypeAlias = "SimpleQueue[object]"
"""What a test's thread has to do while it waits: callables to call, and the future that it waits for."""

_PART_BYTES = 65536
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(rb"/[\x21-\x7e]*|\*")
_HEADER_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(rb"[^\x00\r\n]*")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What comes before the body.

    Attributes:
        method: Upper-case.
        raw_path: As sent, percent-encoded, without the query; `b"*"` for a request about the server itself.
        query: As sent, without the question mark.
        headers: Lower-case names, order as sent, duplicates kept.
        server: Host and port that the client called.
        client: Host and port that the client calls from.
    """

    method: str
    scheme: str
    raw_path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    server: tuple[str, int]
    client: tuple[str, int]

    @property
    def path(self) -> str:
        """The path percent-decoded; what is not UTF-8 becomes U+FFFD, as all servers do it."""
        return unquote_to_bytes(self.raw_path).decode("utf-8", "replace")

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key == name), None)


def read_head(request: httpx2.Request, client: tuple[str, int]) -> RequestHead:
    """The head of a request that httpx2 has built.

    The request extension `target` (bytes) replaces path and query, so that a test can send what httpx2 would normalize away (`/a/../b`).

    Raises:
        httpx2.LocalProtocolError: the method, the target or a header cannot be put on a wire.
    """
    target = request.extensions.get("target", request.url.raw_path)
    _demand(_METHOD.fullmatch(request.method), "method", request.method)
    _demand(_TARGET.fullmatch(target), "request target", target)
    for name, value in request.headers.raw:
        _demand(_HEADER_NAME.fullmatch(name), "header name", name)
        _demand(_HEADER_VALUE.fullmatch(value), f"value for the header {name!r}", value)
    raw_path, _, query = target.partition(b"?")
    headers = tuple((name.lower(), value) for name, value in request.headers.raw)
    port = request.url.port or (443 if request.url.scheme == "https" else 80)
    return RequestHead(request.method, request.url.scheme, raw_path, query, headers, (request.url.host, port), client)


def _demand(fine: object, what: str, value: object) -> None:
    if not fine:
        raise httpx2.LocalProtocolError(f"{value!r} cannot be sent as a {what}")


class RequestBody(Protocol):
    """Where the bytes of a request come from."""

    def pull(self) -> asyncio.Future[Part]:
        """Begins to fetch the next part; called on the loop of the application, and not again before the last one came or failed."""
        ...

    async def close(self) -> None:
        """Gives back what the body holds; nothing is pulled any more."""
        ...


class WholeBody:
    """A body that is there from the start. A large one arrives in parts all the same, as from every server."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def pull(self) -> asyncio.Future[Part]:
        """See `RequestBody`."""
        future: asyncio.Future[Part] = asyncio.get_running_loop().create_future()
        start, self._position = self._position, self._position + _PART_BYTES
        future.set_result((self._content[start : self._position], self._position < len(self._content)))
        return future

    async def close(self) -> None:
        """Nothing is held."""


class SyncBody:
    """A body from an iterator that only the test's own thread may advance; it finds what to do in `inbox`."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.inbox: Inbox = SimpleQueue()

    def pull(self) -> asyncio.Future[Part]:
        """See `RequestBody`."""
        future: asyncio.Future[Part] = asyncio.get_running_loop().create_future()
        self.inbox.put(partial(self._serve, future))
        return future

    def _serve(self, future: asyncio.Future[Part]) -> None:
        chunk = next(filter(None, self._chunks), None)
        part = (b"", False) if chunk is None else (_checked(chunk), True)
        future.get_loop().call_soon_threadsafe(_settle, future, part)

    async def close(self) -> None:
        """The iterator belongs to the test and stays as it is."""


class AsyncBody:
    """A body from an asynchronous iterator, advanced in tasks of its own so that the application can give up a receive without harm."""

    def __init__(self, chunks: httpx2.AsyncByteStream) -> None:
        self._chunks = aiter(chunks)
        self._context = contextvars.copy_context()
        self._pull: asyncio.Task[Part] | None = None

    def pull(self) -> asyncio.Future[Part]:
        """See `RequestBody`."""
        self._pull = asyncio.get_running_loop().create_task(self._next(), context=self._context)
        return self._pull

    async def _next(self) -> Part:
        async for chunk in self._chunks:
            if chunk:
                return _checked(chunk), True
        return b"", False

    async def close(self) -> None:
        """See `RequestBody`."""
        if self._pull is not None and not self._pull.done():
            self._pull.cancel()
            await asyncio.wait({self._pull})
        close: Callable[[], Awaitable[object]] | None = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


def _checked(chunk: object) -> bytes:
    if not isinstance(chunk, bytes):
        raise TypeError(f"a request body is made of bytes, not {type(chunk).__name__}")
    return chunk


def _settle(future: asyncio.Future[Part], part: Part) -> None:
    if not future.done():
        future.set_result(part)
