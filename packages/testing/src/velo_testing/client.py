"""The two test clients."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from secrets import token_bytes
from typing import TypeAlias

import httpx2

from velo_testing.contract import Contract
from velo_testing.promising import AsyncPromisingTransport, PromisingTransport
from velo_testing.protocols import Application, ProtocolName, server_for
from velo_testing.transports import AsyncTransport, SyncTransport
from velo_testing.websocket import AsyncWebSocketSession, WebSocketSession

__all__ = ["AsyncTestClient", "TestClient"]

HeaderTypes: TypeAlias = (
    httpx2.Headers | Mapping[str, str] | Mapping[bytes, bytes] | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]]
)
CookieTypes: TypeAlias = httpx2.Cookies | dict[str, str] | list[tuple[str, str]]

_TIMEOUT_SECONDS = 30.0  # arbitrary: above every honest handler, below every patience


class TestClient(httpx2.Client):
    """An `httpx2.Client` that calls an application directly, checked and served as by a strict server.

        with TestClient(app) as client:
            assert client.get("/users/1").json() == {"id": 1}

    The application runs on an event loop in one background thread, which lives until `close` (or the end of `with`); on WSGI, each request
    has a thread of its own. Its lifespan is
    entered by `with`, or else at the first request, and left by `close`. A response is complete only when the application has ended,
    background work included.

    `response.extensions` has `early_hints` (a list of `link` values) and `trailers` (a list of pairs), all bytes and complete when the body
    is. The request extension `target` (bytes) is sent in place of path and query, as it is:
    `client.get("/", extensions={"target": b"/a/../b"})`.

    Args:
        app: A Velo application, or any other that speaks the protocol.
        protocol: Which door of the application is used.
        base_url: What relative URLs are appended to; gives the application host, port and scheme.
        raise_app_exceptions: Raise exceptions of the application in the test, also those that became a 500 inside Velo. Otherwise the
            response is what a server would send.
        headers: Sent with each request.
        cookies: Sent with each request; those that responses set are kept too.
        follow_redirects: Whether to follow redirects unless the request says otherwise.
        root_path: Prefix that a proxy is taken to have cut off; the server puts it before the path, as ASGI has it; on WSGI it
            is `SCRIPT_NAME`. RSGI has none.
        client: Host and port that requests come from.
        lifespan: `False` leaves the lifespan of the application alone.
        timeout: Seconds that the application may be silent (`httpx2.ReadTimeout`) and that starting and stopping may take. `None` waits for
            ever, which is what a debugger inside the application needs.
        contract: `True` holds each response against the OpenAPI document of the application (`Contract.of(app)`), a `Contract` against
            that. The request extension `contract` leaves one out: `client.get("/", extensions={"contract": False})`.

    Raises:
        ValueError: an unknown protocol, or a root path where the protocol has none.
        ContractViolation: from a request, if the response is not in the document.
        ProtocolViolation: from a request, if the application breaks the rules of the protocol.
        LifespanFailed: from the first use or `close`, if the application fails to start or stop without an exception of its own.
        httpx2.RemoteProtocolError: from a request, if the response breaks off and exceptions are not raised.
    """

    __test__ = False

    def __init__(
        self,
        app: Application,
        *,
        protocol: ProtocolName = "asgi",
        base_url: str | httpx2.URL = "http://testserver",
        raise_app_exceptions: bool = True,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        follow_redirects: bool = False,
        root_path: str = "",
        client: tuple[str, int] = ("127.0.0.1", 50000),
        lifespan: bool = True,
        timeout: float | httpx2.Timeout | None = _TIMEOUT_SECONDS,
        contract: Contract | bool = False,
    ) -> None:
        transport = SyncTransport(
            server_for(protocol, app, root_path=root_path),
            raise_app_exceptions=raise_app_exceptions,
            client=client,
            lifespan=lifespan,
            timeout_seconds=httpx2.Timeout(timeout).read,
        )
        promised = _contract(app, contract)
        super().__init__(
            transport=transport if promised is None else PromisingTransport(transport, promised),
            base_url=base_url,
            headers=headers,
            cookies=cookies,
            follow_redirects=follow_redirects,
            timeout=timeout,
            trust_env=False,
        )
        self._sockets = transport

    def websocket_connect(
        self, url: str | httpx2.URL, *, subprotocols: Sequence[str] = (), headers: HeaderTypes | None = None
    ) -> WebSocketSession:
        """A websocket, opened by `with`.

            with client.websocket_connect("/chat/1") as socket:
                socket.send_text("hello")
                assert socket.receive_text() == "hello"

        Args:
            url: As for requests.
            subprotocols: That the client offers, the ones it likes best first.
            headers: Sent with the handshake, besides those of the client; give `origin` to be a browser.
        """
        request = self.build_request("GET", url, headers=_handshake(headers, subprotocols))
        return WebSocketSession(
            lambda: self._sockets.connect(request, tuple(subprotocols)),
            lambda response: _adopt(self.cookies, request, response),
            request.extensions.get("timeout", {}).get("read"),
        )


class AsyncTestClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient` as `TestClient` is an `httpx2.Client`, with the same arguments and errors.

        async with AsyncTestClient(app) as client:
            response = await client.get("/")

    The application runs on the loop of the test, each request in a task of its own, so both may share locks, queues and connections. On
    RSGI, whose lifespan wants a loop that is not running, `__rsgi_init__` and `__rsgi_del__` are called in a thread with a stand-in for the
    loop; what they pass to `run_until_complete` runs on the loop of the test.
    """

    def __init__(
        self,
        app: Application,
        *,
        protocol: ProtocolName = "asgi",
        base_url: str | httpx2.URL = "http://testserver",
        raise_app_exceptions: bool = True,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        follow_redirects: bool = False,
        root_path: str = "",
        client: tuple[str, int] = ("127.0.0.1", 50000),
        lifespan: bool = True,
        timeout: float | httpx2.Timeout | None = _TIMEOUT_SECONDS,
        contract: Contract | bool = False,
    ) -> None:
        transport = AsyncTransport(
            server_for(protocol, app, root_path=root_path),
            raise_app_exceptions=raise_app_exceptions,
            client=client,
            lifespan=lifespan,
            timeout_seconds=httpx2.Timeout(timeout).read,
        )
        promised = _contract(app, contract)
        super().__init__(
            transport=transport if promised is None else AsyncPromisingTransport(transport, promised),
            base_url=base_url,
            headers=headers,
            cookies=cookies,
            follow_redirects=follow_redirects,
            timeout=timeout,
            trust_env=False,
        )
        self._sockets = transport

    def websocket_connect(
        self, url: str | httpx2.URL, *, subprotocols: Sequence[str] = (), headers: HeaderTypes | None = None
    ) -> AsyncWebSocketSession:
        """A websocket, opened by `async with`; arguments as for `TestClient.websocket_connect`."""
        request = self.build_request("GET", url, headers=_handshake(headers, subprotocols))
        return AsyncWebSocketSession(
            lambda: self._sockets.connect(request, tuple(subprotocols)), lambda response: _adopt(self.cookies, request, response)
        )


def _contract(app: Application, contract: Contract | bool) -> Contract | None:
    return (Contract.of(app) if contract else None) if isinstance(contract, bool) else contract


def _handshake(headers: HeaderTypes | None, subprotocols: Sequence[str]) -> httpx2.Headers:
    """What every client sends (RFC 6455 section 4.1), around what the test wants sent."""
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols is the text {subprotocols!r}; write a list: [{subprotocols!r}]")
    fields = httpx2.Headers(headers)
    fields.setdefault("connection", "Upgrade")
    fields.setdefault("upgrade", "websocket")
    fields.setdefault("sec-websocket-version", "13")
    fields.setdefault("sec-websocket-key", b64encode(token_bytes(16)).decode())
    if subprotocols:
        fields.setdefault("sec-websocket-protocol", ", ".join(subprotocols))
    return fields


def _adopt(cookies: httpx2.Cookies, request: httpx2.Request, response: httpx2.Response) -> None:
    response.request = request
    cookies.extract_cookies(response)
