"""The request, as a handler, a dependency or a middleware sees it.

A `Request` holds what the server gave and reads from it when asked: nothing is parsed that nobody looks at. How to read is the protocol's
business and comes as a `Adapter`, the same table of functions that generated plans use when they need no `Request` at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, Self, TypeVar, cast

from msgspec import Struct, field

from velo_core.body import check_declared_length, too_large
from velo_core.early_hints import EarlyHints, no_hints
from velo_core.errors import HTTPError
from velo_core.headers import Headers, MutableHeaders
from velo_core.json import JSONCodec
from velo_core.parsing.cookies import parse_cookies
from velo_core.parsing.host import parse_host
from velo_core.parsing.query import QueryParams, parse_query
from velo_core.percent import quote
from velo_core.routing.pattern import PCHAR
from velo_core.slots import HoldsSlots, SlotScope
from velo_core.teardown import Teardown
from velo_core.types import Address, HeaderPairs

if TYPE_CHECKING:
    # Type checkers know it without an installation; in `typing`, type variables have defaults since Python 3.13.
    from typing_extensions import TypeVar as WithDefault

    QueryModel_co = WithDefault("QueryModel_co", default=object, covariant=True)
    BodyModel_co = WithDefault("BodyModel_co", default=object, covariant=True)
else:
    QueryModel_co = TypeVar("QueryModel_co", covariant=True)
    BodyModel_co = TypeVar("BodyModel_co", covariant=True)

__all__ = ["Adapter", "Request", "RouteInfo", "checked_host"]


class Adapter(Struct, frozen=True):
    """How one protocol is read and written.

    `scope`, `receive`, `send` and raw headers are the protocol's own objects, of types that only its adapter knows (hence `Any`); everybody
    else hands them through. A protocol that has one object for both directions is given it twice.

    Attributes:
        name: `"asgi"`, `"rsgi"` or `"wsgi"`.
        method: Request method, as received.
        path: Percent-decoded path below the application's root.
        raw_path: Path as received, still encoded, or `None` where the protocol does not tell.
        root_path: Where the application is mounted, without a trailing slash.
        authority: Host and port that the request is for, as sent; `None` if it does not say, or more than once.
        query_string: Undecoded query, without `?`.
        header_key: Makes the key that the `find_` functions take from a lower-case header name; called at start-up.
        raw_headers: The protocol's own collection of headers; read once per request.
        find_header: First value of a header, or `None`.
        find_all_headers: All values of a header, in order.
        header_pairs: All headers as text.
        native_header: Makes of a response header what is handed to the server; called at start-up for constant headers.
        scheme: `"http"` or `"https"`.
        http_version: `"1.0"`, `"1.1"`, `"2"` or `"3"`.
        client: The peer, if the server knows it.
        server: Our own end of the connection, if the server knows it.
        stream: The body, piece by piece. Can be read once.
        scan_headers: Writes the lines of a plan that find several headers in one pass, from the lower-case name of each and the
            variable for its first value, as it came, or `None`. Not there where one look-up is as good as a pass.
        header_text: Writes what is the text, or `None`, of such a variable.
        read_body: Writes the lines of a plan that put the whole body into `body`, from the number of bytes that are accepted. With
            `scan_headers`, they find the Content-Length in `content_length`.
        whole_body: The same for requests, while others may watch whether the client leaves: from scope, receive and that number.
        client_leaves: Returns when the client has gone, or never.
        capabilities: What this connection can do beyond the common ground.
        send_response: Sends a whole response, from response, scope, receive, send and what is to be closed afterwards, if anything. A
            `partial` is given the `Life` of the application for its first argument.
        send_ready: Writes the last lines of a plan that has all parts at hand and needs no `Response`: from the status, the name of the
            constant with the one header, the name of the variable with the body, and whether the method may be HEAD.
        constants: What the lines of an adapter name.
        tells_disconnect: Whether it can tell at all that the client has gone, so that a handler can be ended for it.
        expressions: Source over `scope` for what plans would call the function of that name for.
        channel: Opens a websocket, from scope, receive and send; `None` in the adapter for HTTP.
        handshake: All values of `Origin` and of `Sec-WebSocket-Protocol`, found in one pass; only in the adapter for websockets.
        open_hints: Early hints of one request, from scope and send.
        on_loop: Makes of a plan that needs an event loop one that has it; `None` where all have.
        head: Runs a plan for HEAD, without its content; from the plan and what that takes. `None` where the plan itself leaves it out, or
            the server does.
    """

    name: str
    method: Callable[[Any], str]
    path: Callable[[Any], str]
    raw_path: Callable[[Any], str | None]
    root_path: Callable[[Any], str]
    authority: Callable[[Any], str | None]
    query_string: Callable[[Any], str]
    header_key: Callable[[str], object]
    raw_headers: Callable[[Any], object]
    find_header: Callable[[Any, Any], str | None]
    find_all_headers: Callable[[Any, Any], list[str]]
    header_pairs: Callable[[Any], HeaderPairs]
    native_header: Callable[[tuple[str, str]], object]
    scheme: Callable[[Any], str]
    http_version: Callable[[Any], str]
    client: Callable[[Any], Address | None]
    server: Callable[[Any], Address | None]
    stream: Callable[[Any, Any], AsyncIterator[bytes]]
    read_body: Callable[[int], list[str]]
    whole_body: Callable[[Any, Any, int], Awaitable[bytes]]
    client_leaves: Callable[[Any, Any], Awaitable[None]]
    capabilities: Callable[[Any], frozenset[str]]
    send_response: Callable[..., Awaitable[None]]
    send_ready: Callable[[int, str, str, bool], list[str]]
    constants: Mapping[str, object]
    scan_headers: Callable[[Mapping[str, str]], list[str]] | None = None
    header_text: Callable[[str], str] = str
    tells_disconnect: bool = True
    channel: Callable[[Any, Any, Any], Any] | None = None
    handshake: Callable[[Any], tuple[list[str], list[str]]] | None = None
    expressions: Mapping[str, str] = field(default_factory=dict[str, str])
    open_hints: Callable[[Any, Any], EarlyHints] = no_hints
    on_loop: Callable[[Any], Any] | None = None
    head: Callable[..., Coroutine[Any, Any, None]] | None = None

    def expression(self, name: str) -> str:
        """How a plan reads what one of the functions that take a scope gives."""
        return self.expressions.get(name, f"{name}(scope)")


class RouteInfo(Protocol):
    """What a request tells of the route that serves it."""

    @property
    def path(self) -> str:
        """Pattern, such as `"/users/{user_id}"`; the prefix of the router for a request that no route serves."""
        ...

    @property
    def name(self) -> str | None:
        """Name for `url_for`, if it has one."""
        ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path parameters, in order."""
        ...

    @property
    def max_content_length(self) -> int:
        """Bytes of body that are accepted."""
        ...

    @property
    def url_for(self) -> Callable[..., str]:
        """`Velo.url_for` of the application."""
        ...

    @property
    def host_for(self) -> Callable[[str, Mapping[str, object]], str | None]:
        """Host of a route by its name and the values of parameters; `None` if it is for all."""
        ...

    @property
    def version(self) -> str | None:
        """Version of the API that the route is served in, if it has versions."""
        ...

    @property
    def json_codec(self) -> JSONCodec:
        """How JSON is read and written here."""
        ...

    @property
    def slots(self) -> SlotScope:
        """Which slots can be used here."""
        ...


class Request(HoldsSlots, Generic[QueryModel_co, BodyModel_co]):
    """One HTTP request. Made by Velo; handlers get it by annotating a parameter with `Request`.

    For `Request[Filters, Item]` the query is read as a `Filters` and the body as an `Item` before the handler runs, which finds them as
    `query_model` and `body_model`. `None` in place of a type leaves that one alone.

    `request[SLOT]` is the value in a `Slot`: the request's own, or that of the nearest router.
    """

    __slots__ = (
        "_body",
        "_body_model",
        "_cookies",
        "_headers",
        "_receive",
        "_query",
        "_query_model",
        "_adapter",
        "_response_headers",
        "_scope",
        "_taken",
        "_values",
        "route",
        "hints",
        "teardown",
    )

    is_websocket: ClassVar[bool] = False
    """Whether it asks for a websocket: true for `WebSocket` alone."""
    route: RouteInfo
    """The route that serves this request."""
    hints: EarlyHints
    """What is sent ahead of the response. For generated plans, and only there while something asks for it by `EarlyHints`."""
    teardown: Teardown
    """What dependencies of this request opened. For generated plans, and only there while they need it."""

    # There is no `__init__`: CPython calls that of a class with slots through C, which cost as much as all the rest of a request that is
    # made for a middleware (2 000 of 3 800 instructions). Plans write the same lines as these.
    def fill(
        self,
        adapter: Adapter,
        route: RouteInfo,
        scope: object,
        receive: object,
        values: tuple[object, ...],
        body: bytes | Exception | None = None,
    ) -> Self:
        """The request, made of what the protocol gives; for Velo itself.

        Args:
            adapter: How the protocol is read.
            route: The route that serves the request.
            scope: The protocol's own.
            receive: The protocol's own.
            values: Of the path parameters.
            body: If it has been read, or why there is none.
        """
        self._adapter = adapter
        self._scope = scope
        self._receive = receive
        self._values = values
        self.route = route
        self._headers: Headers | None = None
        self._query: QueryParams | None = None
        self._cookies: dict[str, str] | None = None
        self._body: bytes | None = None
        self._taken: Exception | None = None  # what reading it again raises
        self._response_headers: MutableHeaders | None = None
        if isinstance(body, bytes):
            self._body = body
        elif body is not None:
            self._taken = body
        return self

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    @property
    def method(self) -> str:
        """Method, as received (methods are case-sensitive, RFC 9110 section 9.1)."""
        return self._adapter.method(self._scope)

    @property
    def path(self) -> str:
        """Percent-decoded path below the place where the application is mounted."""
        return self._adapter.path(self._scope)

    @property
    def raw_path(self) -> str | None:
        """Path as received, still percent-encoded; `None` on RSGI, which does not tell."""
        return self._adapter.raw_path(self._scope)

    @property
    def root_path(self) -> str:
        """Where the application is mounted, such as `"/api"`; empty at the root."""
        return self._adapter.root_path(self._scope)

    @property
    def path_params(self) -> Mapping[str, object]:
        """Path parameters by name, as the pattern's converters made them (text for a plain `{name}`)."""
        return dict(zip(self.route.parameters, self._values, strict=False))

    @property
    def query_string(self) -> str:
        """Undecoded query, without the question mark."""
        return self._adapter.query_string(self._scope)

    @property
    def query(self) -> QueryParams:
        """Decoded query: `query["page"]` is the last value, `query.get_all("tag")` are all of them."""
        if self._query is None:
            self._query = parse_query(self.query_string)
        return self._query

    @property
    def headers(self) -> Headers:
        """Header fields, order and duplicates kept."""
        if self._headers is None:
            self._headers = Headers._trusted(self._adapter.header_pairs(self._scope))  # pyright: ignore[reportPrivateUsage]: the server has parsed them
        return self._headers

    @property
    def cookies(self) -> Mapping[str, str]:
        """Cookies by name; the first of several with one name (RFC 6265 section 5.4: the more specific path comes first)."""
        if self._cookies is None:
            self._cookies = parse_cookies(self.headers.get_all("cookie"))
        return self._cookies

    @property
    def scheme(self) -> str:
        """`"http"` or `"https"`, as the server saw it, or the client's if a trusted proxy tells (`Velo(trusted_proxies=...)`)."""
        return self._adapter.scheme(self._scope)

    @property
    def http_version(self) -> str:
        """`"1.0"`, `"1.1"`, `"2"` or `"3"`."""
        return self._adapter.http_version(self._scope)

    @property
    def client(self) -> Address | None:
        """The peer of the connection, or `None` if the server does not know.

        If a proxy stands before the server, that is the proxy, unless it is trusted and tells the client (`Velo(trusted_proxies=...)`).
        """
        return self._adapter.client(self._scope)

    @property
    def host(self) -> str:
        """Host and port that the request is for, such as `"example.com"` or `"example.com:8000"`, in lower case (RFC 9110 section 7.2).

        Raises:
            HTTPError: 400 when the request does not name one, or names what is none.
        """
        host, port = checked_host(self._adapter.authority(self._scope))
        return host if port is None else f"{host}:{port}"

    @property
    def server(self) -> Address | None:
        """Our end of the connection, if the server knows it."""
        return self._adapter.server(self._scope)

    @property
    def capabilities(self) -> frozenset[str]:
        """What this connection offers beyond the common ground of all protocols, such as `"raw_path"` or `"pathsend"`."""
        return self._adapter.capabilities(self._scope)

    @property
    def response_headers(self) -> MutableHeaders:
        """Fields that are added to whatever response is sent in the end, a problem document included.

        Those of which a response may have one only, such as `etag`, take the place of its own. `content-type` and others that describe a
        content do so with a success only, and a redirect or an error is sent without the `etag` and `last-modified` given here.
        """
        if self._response_headers is None:
            self._response_headers = MutableHeaders()
        return self._response_headers

    if not TYPE_CHECKING:

        def __class_getitem__(cls, models: object) -> object:
            """`Request[Filters]` is `Request[Filters, None]`, as type variables with defaults have it."""
            given = models if isinstance(models, tuple) else (models,)
            return super().__class_getitem__((*given, None) if len(given) == 1 else given)

    @property
    def query_model(self) -> QueryModel_co:
        """The query, as the first type in `Request[Filters, Item]`; `None` if no function of the route asks for one."""
        return cast("QueryModel_co", getattr(self, "_query_model", None))

    @property
    def body_model(self) -> BodyModel_co:
        """The body, as the second type in `Request[Filters, Item]`; `None` if no function of the route asks for one, or not yet."""
        return cast("BodyModel_co", getattr(self, "_body_model", None))

    def keep_model(self, name: str, value: object) -> None:
        """Keeps what `query_model` or `body_model` gives; for plans."""
        setattr(self, f"_{name}", value)

    @property
    def parts(self) -> tuple[object, object, tuple[object, ...]]:
        """What the protocol gave: scope, input and path values. For generated plans."""
        return self._scope, self._receive, self._values

    def slot_scope(self) -> SlotScope:
        """See `HoldsSlots`."""
        return self.route.slots

    def take_response_headers(self) -> MutableHeaders | None:
        """The fields in `response_headers`, once; for Velo itself, when it puts them into the response."""
        added, self._response_headers = self._response_headers, None
        return added

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            HTTPError: 413 when it is larger than the route accepts.
            ClientDisconnect: the client left before it had sent all.
            RuntimeError: somebody has streamed it.
        """
        if self._body is None:
            self._take()
            limit = self.route.max_content_length
            try:
                self._body = await self._adapter.whole_body(self._scope, self._receive, limit)
            except Exception as error:
                self._taken = error
                raise
        return self._body

    async def json(self) -> object:
        """The body as JSON: dicts, lists, text, numbers, booleans, `None`.

        Raises:
            HTTPError: 400 when it is not well-formed JSON; else as `body()`.
        """
        return self.route.json_codec.decode(await self.body())

    async def stream(self, limit: int | None = None) -> AsyncIterator[bytes]:
        """The body as it arrives; it is not kept, so it can be read once, and `body()` only before.

        Args:
            limit: Bytes accepted; the limit of the route by default.

        Raises:
            HTTPError: 413 as soon as more has arrived.
            ClientDisconnect: the client left before it had sent all.
            RuntimeError: somebody has streamed it before.
        """
        allowed = self.route.max_content_length if limit is None else limit
        check_declared_length(self.headers.get("content-length"), allowed)
        if self._body is not None:
            if len(self._body) > allowed:
                raise too_large(allowed)
            yield self._body
            return
        self._take()
        received = 0
        async for chunk in self._adapter.stream(self._scope, self._receive):
            received += len(chunk)
            if received > allowed:
                raise too_large(allowed)
            yield chunk

    def _take(self) -> None:
        if self._taken is not None:  # servers have nothing more to give, and some wait for ever to give it
            raise self._taken
        self._taken = RuntimeError("the body of this request has been streamed already and is not kept; use body(), or stream() once")

    async def client_leaves(self) -> None:
        """Returns when the client has gone, which may be never: cancel it when you do not care any more."""
        await self._adapter.client_leaves(self._scope, self._receive)

    def url_for(self, name: str, /, **values: object) -> str:
        """Path of the route called `name` (see `Velo.url_for`), below the place where the application is mounted."""
        return quote(self.root_path, safe="/" + PCHAR) + self.route.url_for(name, **values)

    def absolute_url_for(self, name: str, /, **values: object) -> str:
        """URL of the route called `name`, with the scheme of this request, and with its host unless the route has one of its own.

        What stands in `Host` is the client's word: put such a URL into a mail only if the host is one of yours.

        Raises:
            HTTPError: 400 when the request names no host.
        """
        host, port = checked_host(self._adapter.authority(self._scope))
        host = self.route.host_for(name, values) or host
        port_text = "" if port is None else f":{port}"
        return f"{_HTTP_SCHEMES.get(self.scheme, self.scheme)}://{host}{port_text}{self.url_for(name, **values)}"


_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}
"""A websocket begins as a request to an HTTP URL, and links lead to such."""


def checked_host(authority: str | None) -> tuple[str, int | None]:
    """Host, in lower case, and port.

    Raises:
        HTTPError: 400 when there is none, or it is malformed.
    """
    found = None if authority is None else parse_host(authority)
    if found is None:
        raise HTTPError(400, "The request does not name the host that it is for.")
    return found
