"""The plan of a route: what runs when a request comes.

A `Plan` is made at freeze from a route's binding and from what its routers gave it; it says what has to happen and runs nothing itself. Two
modules make a coroutine function of it for one protocol: `generate` writes source, which is what serves, and `interpret` is the plain
definition of the same meaning, which the tests hold against it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from velo_core.answers import AnswerError
from velo_core.errors import HTTPError
from velo_core.request import Adapter, Request, RouteInfo
from velo_core.response import Response
from velo_core.results import Result
from velo_core.steps import Binding, Call, Hop, Step
from velo_core.threads import SHARED_POOLS, ThreadPool
from velo_core.watch import OnDisconnect

if TYPE_CHECKING:
    from velo_core.websocket import SocketOptions, WebSocket

__all__ = ["CallNext", "Endpoint", "Middleware", "Plan", "Refusal", "Run", "Served"]

CallNext: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Runs the rest: further middleware, then the route. Always returns a response; exceptions have become one."""
Middleware: TypeAlias = Callable[[Request, CallNext], Awaitable[Response]]
"""Around middleware: `async def timing(request, call_next): ...`."""

Run: TypeAlias = Callable[[Any, Any, Any, tuple[object, ...]], Coroutine[Any, Any, None]]
"""(scope, receive, send, path values): serves one request, to the last byte and the last tear-down."""


class Served(Struct, frozen=True):
    """A handler with all that is around its call.

    Attributes:
        binding: How the handler is called.
        result: How its result is written.
    """

    binding: Binding
    result: Result


class Refusal(Struct, frozen=True):
    """What answers when no route does: 404, 405, the automatic OPTIONS, a redirect to the other slash.

    Attributes:
        name: Of the function in the source.
        answer: The response to a request, or an error that is answered like any other.
        constant: The error, when it is always the same and nobody wants to handle it.
    """

    name: str
    answer: Callable[[Request], Response | Exception]
    constant: HTTPError | None = None


Endpoint: TypeAlias = Served | Refusal


class Plan(Struct, frozen=True):
    """What runs for one route, or where there is none.

    Attributes:
        label: Method and path, such as `"GET /users/{user_id}"`.
        endpoint: What is at the centre.
        middleware: Around it, outermost first.
        answer_error: Answers exceptions.
        watches_errors: Whether exception handlers or hooks see an `HTTPError`. If not, it is its problem document and no more.
        route: What requests tell of their route.
        max_content_length: Bytes of body that are accepted.
        pools: The threads for functions that may block, by name.
        timeout_seconds: What steps and handler may take together, without sending; no limit if `None`.
        on_disconnect: What becomes of the handler when the client leaves.
        socket: What holds for a websocket, if this serves one.
        sent: Called when the response has been sent, or could not be.
        direct: What runs in place of all this, on a protocol where there is a shorter way.
    """

    label: str
    endpoint: Endpoint
    middleware: tuple[Middleware, ...]
    answer_error: AnswerError
    route: RouteInfo
    max_content_length: int
    pools: Mapping[str, ThreadPool] = SHARED_POOLS
    timeout_seconds: float | None = None
    on_disconnect: OnDisconnect = "cancel"
    socket: SocketOptions | None = None
    watches_errors: bool = True
    sent: Callable[[Request, Response], Awaitable[None]] | None = None
    direct: Callable[[Adapter], Run | None] | None = None

    @property
    def needs_loop(self) -> bool:
        """Whether it may need an event loop before it has a response: anything but plain functions that run in any thread is there."""
        if self.middleware or self.socket or self.sent or self.direct or self.timeout_seconds is not None:
            return True
        if isinstance(self.endpoint, Refusal):
            return False
        binding = self.endpoint.binding
        return binding.opens or not all(self._is_plain(step) for step in binding.steps)

    def _is_plain(self, step: Step) -> bool:
        return not isinstance(step, Call) if not isinstance(step, Hop) else self.pools[step.pool].is_default

    @property
    def watched_from(self) -> int | None:
        """Index of the step from which on the client is watched; `None` if it is not. A websocket watches itself."""
        if self.socket is not None:
            return None
        return self.endpoint.binding.watched_from if isinstance(self.endpoint, Served) and self.on_disconnect == "cancel" else None

    def open_request(self, adapter: Adapter) -> Callable[..., Request]:
        """Makes this route's requests from what the protocol gives, and from the body, or why there is none, if it has been read."""
        route = self.route

        def open_request(scope: object, receive: object, values: tuple[object, ...], body: bytes | Exception | None = None) -> Request:
            return Request().fill(adapter, route, scope, receive, values, body)

        return open_request

    def open_socket(self, adapter: Adapter) -> Callable[..., WebSocket]:
        """Makes this route's websockets from what the protocol gives."""
        route, options, channel = self.route, self.socket, adapter.channel
        if options is None or channel is None:
            raise TypeError(f"{self.label} serves no websocket on this adapter")
        from velo_core.websocket import WebSocket  # which is there, for the options are made by it

        def open_socket(scope: object, receive: object, send: object, values: tuple[object, ...]) -> WebSocket:
            return WebSocket().fill(adapter, route, scope, receive, values).converse(channel(scope, receive, send), options)

        return open_socket


def check_response(response: object, middleware: Middleware) -> Response:
    """The response, if it is one: forgetting to return it is a middleware's commonest mistake.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(response, Response):
        return response
    name = getattr(middleware, "__qualname__", type(middleware).__qualname__)
    raise TypeError(
        f"the middleware {name} returned {type(response).__name__}, not a Response; return what call_next gave, or one of its own"
    )
