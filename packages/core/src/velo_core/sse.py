"""Server-Sent Events (HTML Living Standard, section 9.2): the format, and the response."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Final

from msgspec import Struct

from velo_core.json import encode_json
from velo_core.response import HeadersLike, StreamingResponse
from velo_core.streams import ClientGone, Mapped, iterate, send_chunks

__all__ = ["PING_SECONDS", "EventSourceResponse", "ServerSentEvent", "send_events"]

PING_SECONDS: Final = 15.0
"""Below the 30 and 60 seconds after which proxies give up a connection on which nothing happens."""

_LINES: Final = re.compile("\r\n|\r|\n")
_NO_LINE: Final = re.compile("[^\r\n\0]*").fullmatch
_PRINTABLE: Final = str.isprintable
_LF: Final = ord("\n")
_CR: Final = ord("\r")
"""As numbers, which are found in bytes much sooner than bytes are. Put together as text, an event takes a quarter more instructions."""
_PING: Final = b": ping\n\n"
_OPEN: Final = b":\n\n"


class ServerSentEvent(Struct, frozen=True):
    """One event.

    Args:
        data: Text as it is, over as many lines as it has; everything else as JSON. `None` for an event of only the other fields, which
            browsers do not hand to the page.
        event: Name, for `addEventListener`; `"message"` if `None`.
        id: What the client sends as `Last-Event-ID` when it comes back.
        retry_milliseconds: How long the client waits before it comes back.
        comment: Text that clients skip.

    Raises:
        ValueError: `event` or `id` has a line end or a NUL in it, or `retry_milliseconds` is negative.
    """

    data: object = None
    event: str | None = None
    id: str | None = None
    retry_milliseconds: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        # What is printable has neither, and that is told much faster.
        if self.event is not None and not _PRINTABLE(self.event) and not _NO_LINE(self.event):
            raise ValueError(f"the event of an event cannot have line ends or NUL in it: {self.event[:100]!r}")
        if self.id is not None and not _PRINTABLE(self.id) and not _NO_LINE(self.id):
            raise ValueError(f"the id of an event cannot have line ends or NUL in it: {self.id[:100]!r}")
        if self.retry_milliseconds is not None and self.retry_milliseconds < 0:
            raise ValueError(f"retry_milliseconds is {self.retry_milliseconds!r}; it has to be 0 or more")

    def encode(self) -> bytes:
        """The event as it is sent, with the empty line after it.

        Raises:
            TypeError: `data` has no JSON form.
        """
        head = ""
        if self.comment is not None:
            head = "".join([f": {line}\n" for line in _LINES.split(self.comment)])
        if (name := self.event) is not None:
            head += "event: " + name + "\n"  # put together, for an f-string writes members of an enumeration by their names
        if (number := self.id) is not None:
            head += "id: " + number + "\n"
        if (milliseconds := self.retry_milliseconds) is not None:
            head += f"retry: {milliseconds:d}\n"
        data = self.data
        if data is None:
            return f"{head}\n".encode()
        if isinstance(data, str):
            lines = ("\ndata: ".join(_LINES.split(data)) if "\n" in data or "\r" in data else data).encode()
        else:
            lines = encode_json(data)
            if _LF in lines or _CR in lines:  # of a `msgspec.Raw`
                lines = "\ndata: ".join(_LINES.split(lines.decode())).encode()
        return b"%bdata: %b\n\n" % (head.encode(), lines)


class EventSourceResponse(StreamingResponse):
    """Events, sent as they happen, until the content ends, the client leaves or the application is about to stop.

    Args:
        content: `ServerSentEvent`s; anything else is the `data` of one. A plain iterable is stepped in the thread pool.
        ping_seconds: After so long without an event a comment is sent, so that proxies keep the connection and a client that has gone is
            noticed; never if `None`.

    When the application stops, the content is cancelled where it waits, its `finally` blocks run, and the response ends as a whole one
    does: clients come back, and find the next server.
    """

    __slots__ = ("ping_seconds",)

    is_events = True
    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncIterable[object] | Iterable[object],
        status_code: int = 200,
        headers: HeadersLike = None,
        media_type: str | None = None,
        *,
        ping_seconds: float | None = PING_SECONDS,
    ) -> None:
        if ping_seconds is not None and not ping_seconds > 0:
            raise ValueError(f"ping_seconds is {ping_seconds!r}; it has to be more than 0, or None for no pings")
        super().__init__(Mapped(iterate(content), _encoded), status_code, headers, media_type)
        self.ping_seconds = ping_seconds
        self.headers.setdefault("cache-control", "no-store")
        self.headers.setdefault("x-accel-buffering", "no")  # proxies that follow nginx would collect events otherwise


def _encoded(item: object) -> bytes:
    if type(item) is ServerSentEvent:
        # Data in one line, as most events are, written as `encode` does it. Without its frame, sending one takes a fourteenth less.
        data = item.data
        if item.event is None and item.comment is None and item.retry_milliseconds is None and data is not None:
            line = data.encode() if isinstance(data, str) else encode_json(data)
            if _LF not in line and _CR not in line:
                number = item.id
                return b"data: %b\n\n" % line if number is None else b"id: %b\ndata: %b\n\n" % (number.encode(), line)
    return (item if isinstance(item, ServerSentEvent) else ServerSentEvent(item)).encode()


async def send_events(
    response: EventSourceResponse,
    send: Callable[[bytes], Awaitable[None]],
    client_leaves: Callable[[], Awaitable[None]],
    lost: tuple[type[Exception], ...],
    closing: Callable[[], Awaitable[None]],
) -> None:
    """Sends the events of a response, and pings between them.

    Args:
        send: Sends one piece; raises `ClientGone`, or one of `lost`, when it finds that nobody is there.
        client_leaves: Returns when the client has gone, or never.
        lost: See `send`.
        closing: Returns when the application is about to stop.

    Raises:
        ClientGone: the client has gone.
        Exception: what the content raises.
    """
    # Some servers begin a response only with its first piece, and clients wait for that.
    try:
        await send(_OPEN)
    except lost as error:
        raise ClientGone from error
    pings = None if response.ping_seconds is None else (response.ping_seconds, _PING)
    await send_chunks(response.content, send, client_leaves, lost=lost, until=closing, filler=pings)
