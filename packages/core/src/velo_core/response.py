"""Responses, for handlers that want to say more than their return value does."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, cast

from velo_core.errors import HTTPError
from velo_core.headers import MutableHeaders, check_header
from velo_core.json import encode_json
from velo_core.parsing.cookies import SameSite, format_set_cookie
from velo_core.percent import quote
from velo_core.streams import close_content
from velo_core.types import HeaderPairs

__all__ = ["HTMLResponse", "HeadersLike", "JSONResponse", "PlainTextResponse", "RedirectResponse", "Response", "StreamingResponse"]

Content: TypeAlias = bytes | bytearray | memoryview | str
HeadersLike: TypeAlias = "Mapping[str, str] | Sequence[tuple[str, str]] | None"


class ReadyHeaders(list[tuple[str, str]]):
    """Fields that a plan gives to each of its responses: checked at start-up, names in lower case, and nobody changes them.

    As long as nobody has asked a response for its `headers`, it has these very ones, and who sends it can tell.
    """

    __slots__ = ()


def content_type(media_type: str) -> str:
    """The Content-Type value for `media_type`: text types say that they are UTF-8. Case means nothing (RFC 9110 section 8.3.1)."""
    is_text = media_type[:5].lower() == "text/"
    return f"{media_type}; charset=utf-8" if is_text and "charset=" not in media_type.lower() else media_type


NO_HEADERS: Final = ReadyHeaders()
_COMMON_MEDIA_TYPES = (
    "application/json",
    "application/jsonl",
    "application/octet-stream",
    "application/pdf",
    "application/xml",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/webp",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/plain",
)
READY_HEADERS: Final[Mapping[str | None, ReadyHeaders]] = {
    None: NO_HEADERS,
    **{one: ReadyHeaders([("content-type", content_type(one))]) for one in _COMMON_MEDIA_TYPES},
}
"""What a response without headers of its own starts with, by its media type. Making them took as long as the rest of a response."""


class Response:
    """A complete response.

    Args:
        content: Body, as bytes or anything like it; text is sent as UTF-8.
        status_code: 200 to 599 (1xx are not final responses, RFC 9110 section 15.2).
        headers: Further fields. Names and values are checked here, so that nothing a client sent can split the response.
        media_type: Content-Type, without the charset that text types get; the class's own by default.

    Raises:
        ValueError: the status or a header cannot be sent.
        TypeError: the content is neither bytes nor text.
    """

    media_type: ClassVar[str | None] = None

    __slots__ = ("_headers", "body", "status_code")

    status_code: int
    """From 200 to 599."""
    body: bytes
    """Bytes to send. Empty for a streaming response."""
    _headers: MutableHeaders | ReadyHeaders

    def __init__(self, content: Content = b"", status_code: int = 200, headers: HeadersLike = None, media_type: str | None = None) -> None:
        # What nearly all responses are is looked at here: each function of the three would cost as much as the rest of this one.
        self.status_code = status_code if type(status_code) is int and 200 <= status_code <= 599 else check_status(status_code)
        ready = None if headers else READY_HEADERS.get(media_type or self.media_type)
        if ready is not None and type(self).headers is Response.headers:  # a class of a user's can have others
            self._headers = ready
        else:
            self.headers = _headers(headers, media_type or self.media_type)
        self.body = content if type(content) is bytes else content.encode() if isinstance(content, str) else _octets(content)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status_code}>"

    @property
    def headers(self) -> MutableHeaders:
        """Fields to send. Content-Length is added when the response is sent. Others can be put in their place, also as a mapping or pairs.

        Raises:
            ValueError: one of those put there cannot be sent.
        """
        headers = self._headers
        if isinstance(headers, ReadyHeaders):
            headers = self._headers = MutableHeaders._trusted(headers)  # pyright: ignore[reportPrivateUsage]: checked at start-up
        return headers

    @headers.setter
    def headers(self, headers: MutableHeaders | HeadersLike) -> None:
        # Here, where the traceback shows who did it: no more than a bare 500 could be made of others when they are sent.
        self._headers = headers if type(headers) is MutableHeaders else headers_of(cast("HeadersLike", headers))

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Adds a Set-Cookie field (RFC 6265).

        Args:
            max_age: Seconds the client keeps it; `None` until it closes.
            expires: The same as a moment, aware or a POSIX timestamp; `max_age` does not depend on the client's clock.
            path: Below which it is sent; `None` leaves that to the client.
            domain: Shares it with all hosts below; `None` keeps it to this one.
            secure: Only over https. Browsers make an exception for localhost, so this can stay on in development.
            http_only: Hidden from scripts.
            same_site: `"lax"`, `"strict"`, `"none"` or `None` to leave it out.
            partitioned: Kept apart for each site that embeds this one (CHIPS).

        Raises:
            ValueError: a part is not allowed, or the parts contradict each other so that a browser would drop the cookie.
        """
        field = format_set_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
            partitioned=partitioned,
        )
        self.headers.add("set-cookie", field)

    async def close(self) -> None:
        """Gives up what the content holds. For middleware that sends another response in place of this one."""

    def delete_cookie(
        self, name: str, *, path: str | None = "/", domain: str | None = None, secure: bool = True, partitioned: bool = False
    ) -> None:
        """Makes the client forget a cookie; `path`, `domain` and `partitioned` must be those it was set with.

        Raises:
            ValueError: as for `set_cookie`.
        """
        # Without SameSite=Lax a page of another site, in which this one is embedded, could not delete its own.
        same_site: SameSite = "none" if partitioned else "lax"
        self.set_cookie(name, "", max_age=0, path=path, domain=domain, secure=secure, same_site=same_site, partitioned=partitioned)


class ReadyResponse(Response):
    """What a plan makes of data, part by part: nothing of it has to be looked at again, and `__init__` costs more than the rest of it."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self) -> None: ...

    else:
        __init__ = object.__init__

    def __repr__(self) -> str:
        return f"<Response {self.status_code}>"


class JSONResponse(Response):
    """JSON.

    Args:
        content: Anything with a JSON form: plain data, structs, dataclasses, pydantic models, dates, UUIDs ...

    Raises:
        TypeError: it has none.
    """

    __slots__ = ()
    media_type = "application/json"

    def __init__(self, content: object, status_code: int = 200, headers: HeadersLike = None, media_type: str | None = None) -> None:
        super().__init__(encode_json(content), status_code, headers, media_type)


class PlainTextResponse(Response):
    """Text."""

    __slots__ = ()
    media_type = "text/plain"


class HTMLResponse(Response):
    """An HTML page. Nothing is escaped: that is the template's work."""

    __slots__ = ()
    media_type = "text/html"


REDIRECTING: Final = (301, 302, 303, 307, 308)


class RedirectResponse(Response):
    """Sends the client elsewhere.

    Args:
        url: Where to; percent-encoded where it has characters that a URI cannot have.
        status_code: 307 repeats the request as it was; 303 makes it a GET; 301 and 308 are permanent.

    Raises:
        ValueError: not a redirecting status, or a URL with control characters.
    """

    __slots__ = ()

    def __init__(self, url: str, status_code: int = 307, headers: HeadersLike = None) -> None:
        if status_code not in REDIRECTING:
            raise ValueError(f"a redirect has status 301, 302, 303, 307 or 308, not {status_code!r}")
        if any(character < " " or character == "\x7f" for character in url):
            raise ValueError("the URL of a redirect has control characters in it")
        super().__init__(b"", status_code, headers)
        # RFC 3986 section 2: reserved, unreserved and "%" stay, all else is encoded.
        self.headers.set("location", quote(url, safe="!#$%&'()*+,/:;=?@[]~"))


class StreamingResponse(Response):
    """A body sent piece by piece, as it is made.

    Args:
        content: Pieces; text is sent as UTF-8. A plain iterable is stepped in the thread pool, so it may block.
        trailers: Called after the last piece for fields to send behind it, such as a checksum (RFC 9110 section 6.5). They are left out
            where the connection has not `"trailers"` among `request.capabilities`, or the client did not ask (`TE: trailers`).

    The iterator is closed when the client goes away or an error ends the stream. An error after the start cannot become an error page any
    more: it is logged and the connection is closed, so that the client sees that the body is not whole.
    """

    __slots__ = ("content", "trailers")

    is_file: ClassVar[bool] = False
    """Whether it is a `FileResponse`, for adapters: they import what sends one when there is one."""
    is_events: ClassVar[bool] = False
    """Whether it is an `EventSourceResponse`; as above."""

    def __init__(
        self,
        content: AsyncIterable[bytes | str] | Iterable[bytes | str],
        status_code: int = 200,
        headers: HeadersLike = None,
        media_type: str | None = None,
        *,
        trailers: Callable[[], HeadersLike] | None = None,
    ) -> None:
        super().__init__(b"", status_code, headers, media_type)
        self.content = content
        self.trailers = trailers

    async def close(self) -> None:
        """Closes the content, of which nothing is sent."""
        await close_content(self.content)


def ready(status_code: int, headers: MutableHeaders | ReadyHeaders, body: bytes) -> Response:
    """A plain response from the parts that a plan has at hand, which were checked at start-up."""
    response = ReadyResponse()
    response.status_code = status_code
    response._headers = headers  # pyright: ignore[reportPrivateUsage]: the fast path of the same module
    response.body = body
    return response


def pairs_of(response: Response) -> list[tuple[str, str]]:
    """The fields of a response's headers for who sends it, not copied: nobody may change the list."""
    kind = type(response)
    if kind is ReadyResponse or kind is Response:
        headers = response._headers  # pyright: ignore[reportPrivateUsage]: the fast path of the same module
        if type(headers) is ReadyHeaders:  # which need not become others for this
            return headers
    return response.headers._pairs  # pyright: ignore[reportPrivateUsage]: read, as said


def _octets(content: object) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, bytearray):
        return bytes(content)
    if isinstance(content, memoryview):
        return content.tobytes()
    raise TypeError(f"the content of a response is bytes or str, not {type(content).__name__}; JSONResponse takes data")


def check_status(status_code: int) -> int:
    """The status, if it can end a request.

    Raises:
        ValueError: it is not from 200 to 599.
    """
    if not isinstance(status_code, int) or not 200 <= status_code <= 599:  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
        raise ValueError(f"the status of a response is from 200 to 599, not {status_code!r}")
    return status_code


def headers_of(given: HeadersLike) -> MutableHeaders:
    """Header fields, checked.

    Raises:
        ValueError: one cannot be sent.
    """
    return MutableHeaders(given or ())


def _headers(given: HeadersLike, media_type: str | None) -> MutableHeaders:
    headers = headers_of(given)
    if media_type is None:
        return headers
    pairs = headers._pairs  # pyright: ignore[reportPrivateUsage]: nobody has looked one up yet, so nothing has to be forgotten
    for name, _ in pairs:
        if name == "content-type":
            return headers
    ready = READY_HEADERS.get(media_type)
    pairs += ready or [check_header("content-type", content_type(media_type))]
    return headers


def problem_parts(error: HTTPError) -> tuple[int, HeaderPairs, dict[str, object]]:
    """Status, headers and document of the answer to an `HTTPError` (RFC 9457)."""
    return error.status_code, [("content-type", "application/problem+json"), *error.headers], error.document()
