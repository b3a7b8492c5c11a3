"""What is the same on every protocol about a response on its way out: that it can be sent, and that it is as long as it says."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, cast

from velo_core.answers import problem
from velo_core.errors import HTTPError, error_reporter
from velo_core.headers import Headers, MutableHeaders
from velo_core.life import Life
from velo_core.logs import CURRENT_REQUEST_ID
from velo_core.response import Response, StreamingResponse
from velo_core.streams import send_chunks
from velo_core.types import HeaderPairs

if TYPE_CHECKING:
    from velo_core.sse import EventSourceResponse

__all__ = ["Counted", "declared_length", "length_without_content", "send_content", "unsound", "without_framing"]

logger = logging.getLogger("velo.request")


def unsound(response: Response) -> Response:
    """500 in place of a response that cannot be sent: servers split it, drop fields of it, or end their process."""
    error = TypeError(
        f"a response cannot be sent: its status is {response.status_code!r} (200 to 599), its headers are of type "
        f"{type(response.headers).__name__} (MutableHeaders), its body is of type {type(response.body).__name__} (bytes)"
    )
    logger.error("%s", error, extra={"status": 500, "request_id": CURRENT_REQUEST_ID.get()})
    reporter = error_reporter.get()
    if reporter is not None:
        reporter(error)
    return problem(HTTPError(500, "The server failed to answer this request.", headers=_id_in(response.headers)))


def _id_in(headers: object) -> list[tuple[str, str]]:
    """The field with the id of the request, under whatever name it has been put there."""
    request_id = CURRENT_REQUEST_ID.get()
    if request_id is None or not isinstance(headers, MutableHeaders):
        return []
    return [(name, value) for name, value in headers.items() if value == request_id][:1]


def declared_length(headers: Headers) -> int | None:
    """Bytes that the headers of a response promise; `None` if they say nothing.

    Raises:
        ValueError: it is no length, or there are two.
    """
    values = headers.get_all("content-length")
    if not values:
        return None
    if len(values) > 1 or not (values[0].isascii() and values[0].isdigit() and len(values[0]) < 19):
        raise ValueError(f"the Content-Length of a response is {', '.join(values)[:100]!r}, which is not a number of bytes")
    return int(values[0])


def length_without_content(status_code: int, length: str | None) -> str | None:
    """The Content-Length of a response whose status is one of `WITHOUT_CONTENT`; `length` is what its headers say.

    204 has none (RFC 9110 section 8.6), that of 205 is 0, and 304 tells how long the content would be.
    """
    return {204: None, 205: "0", 304: length if length is not None and length.isascii() and length.isdigit() else None}[status_code]


def without_framing(pairs: Iterable[tuple[str, str]]) -> HeaderPairs:
    """The fields but Transfer-Encoding, which is the server's.

    Beside a length it may not be sent (RFC 9112 section 6.2), and Granian ends the connection without an answer.
    """
    return [pair for pair in pairs if pair[0] != "transfer-encoding"]


async def send_content(
    response: StreamingResponse,
    send: Callable[[bytes], Awaitable[None]],
    client_leaves: Callable[[], Awaitable[None]],
    lost: tuple[type[Exception], ...],
    life: Life,
) -> None:
    """Sends what is in a stream, in the way of its kind; as long as its headers say.

    Args:
        send: Sends one piece; raises `ClientGone`, or one of `lost`, when it finds that nobody is there.
        client_leaves: Returns when the client has gone, or never.
        lost: See `send`.
        life: Of the application.

    Raises:
        ClientGone: the client has gone.
        Exception: what the content raises, or `ValueError` for a wrong length.
    """
    if response.is_events:
        from velo_core.sse import send_events  # which is there, for it made the response

        life.listen()
        await send_events(cast("EventSourceResponse", response), send, client_leaves, lost, life.closing)
        return
    length = declared_length(response.headers)
    if length is None:
        await send_chunks(response.content, send, client_leaves, lost=lost)
        return
    counted = Counted(send, length)
    await send_chunks(response.content, counted.send, client_leaves, lost=lost)
    counted.end()


class Counted:
    """Sends the pieces of a stream, as many bytes as were promised: what is more could be read as the next response.

    Args:
        send: Sends one piece.
        length: Bytes promised; `None` if nothing is.
    """

    __slots__ = ("_left", "_send")

    def __init__(self, send: Callable[[bytes], Awaitable[None]], length: int | None) -> None:
        self._send = send
        self._left = length

    def send(self, chunk: bytes) -> Awaitable[None]:
        """Sends one piece, when it is awaited; no coroutine, for that would be one more for each.

        Raises:
            ValueError: it goes beyond what was promised; nothing of it is sent.
        """
        if self._left is not None:
            if len(chunk) > self._left:
                raise ValueError(
                    f"the content of a streaming response is longer than its Content-Length, by {len(chunk) - self._left} bytes"
                )
            self._left -= len(chunk)
        return self._send(chunk)

    def end(self) -> None:
        """Checks that all was sent.

        Raises:
            ValueError: something is missing.
        """
        if self._left:
            raise ValueError(f"the content of a streaming response is shorter than its Content-Length, by {self._left} bytes")
