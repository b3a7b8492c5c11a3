"""RSGI 1.6, the protocol of Granian.

Two parts: read, write. `scope` is RSGI's scope, `io` is the protocol object. Every attribute of a scope is
computed anew at each access, so each is read at most once. What the server calls stands in `rsgi_application`.

What RSGI cannot do: the path comes decoded, so an encoded slash is a slash; a stream takes everything at once, however slow the client is,
and one that fails midway ends as if it were whole. `connection` makes up for the last two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from functools import cache, partial
from typing import Any, Final, Protocol, cast

from velo_core.body import check_declared_length, collect
from velo_core.errors import ClientDisconnect
from velo_core.files import FileContent, FileResponse, select
from velo_core.headers import MutableHeaders
from velo_core.life import NO_LIFE, Life
from velo_core.protocols.connection import Connection
from velo_core.protocols.outgoing import declared_length, length_without_content, send_content, unsound, without_framing
from velo_core.request import Adapter
from velo_core.response import ReadyResponse, Response, StreamingResponse, pairs_of
from velo_core.status import WITHOUT_CONTENT
from velo_core.streams import ClientGone, close_content
from velo_core.teardown import Teardown
from velo_core.threads import in_thread
from velo_core.types import Address, HeaderPairs

__all__ = ["ADAPTER", "WithoutContent", "websocket_adapter"]


class Headers(Protocol):
    """RSGI's headers: lower-case names, values that are not visible ASCII left out."""

    def get(self, key: str) -> str | None: ...
    def get_all(self, key: str) -> list[str]: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    """RSGI's scope."""

    proto: str
    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    headers: Headers
    authority: str | None


class Transport(Protocol):
    """An open stream."""

    async def send_bytes(self, data: bytes) -> None: ...
    async def send_str(self, data: str) -> None: ...


class HTTP(Protocol):
    """RSGI's protocol object of one request."""

    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def client_disconnect(self) -> None: ...
    def response_empty(self, status: int, headers: HeaderPairs) -> None: ...
    def response_bytes(self, status: int, headers: HeaderPairs, body: bytes) -> None: ...
    def response_file_range(self, status: int, headers: HeaderPairs, file: str, start: int, end: int) -> None: ...
    def response_stream(self, status: int, headers: HeaderPairs) -> Transport: ...


# Read.


def _method(scope: Scope) -> str:
    return scope.method


def _path(scope: Scope) -> str:
    return scope.path


def _raw_path(scope: Scope) -> None:
    return None


def _root_path(scope: Scope) -> str:
    return ""


def _authority(scope: Scope) -> str | None:
    authority = scope.authority  # of HTTP/2, which has no Host; and in place of it, of a request to a proxy (RFC 9112 section 3.2.2)
    if authority is not None:
        return authority
    hosts = scope.headers.get_all("host")
    return hosts[0] if len(hosts) == 1 else None


def _query_string(scope: Scope) -> str:
    return scope.query_string


def _raw_headers(scope: Scope) -> Headers:
    return scope.headers


def _header_pairs(scope: Scope) -> HeaderPairs:
    return list(scope.headers.items())


def _find_header(headers: Headers, key: str) -> str | None:
    return headers.get(key)


def _find_all_headers(headers: Headers, key: str) -> list[str]:
    return headers.get_all(key)


def _scheme(scope: Scope) -> str:
    return scope.scheme


def _http_version(scope: Scope) -> str:
    version = scope.http_version
    return "1.0" if version == "1" else version  # Granian's name for it


def _client(scope: Scope) -> Address | None:
    return _address(scope.client)


def _server(scope: Scope) -> Address | None:
    return _address(scope.server)


def _capabilities(scope: Scope) -> frozenset[str]:
    return frozenset()


def _address(text: str) -> Address | None:
    host, colon, port = text.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return Address(host.strip("[]"), int(port))
    return Address(text, 0) if text else None


async def _read_body(scope: Scope, protocol: HTTP, headers: Headers, limit: int) -> bytes:
    if not check_declared_length(headers.get("content-length"), limit):
        return await collect(_stream(scope, protocol), limit)
    try:
        return await protocol()
    except (RuntimeError, OSError) as error:  # Granian's errors for a connection that ended inside the body
        raise ClientDisconnect("the client left before it had sent the whole body") from error


async def _client_leaves(scope: Scope, protocol: HTTP) -> None:
    await protocol.client_disconnect()


async def _stream(scope: Scope, protocol: HTTP) -> AsyncIterator[bytes]:
    empty = 0
    async for chunk in protocol:
        if chunk:
            yield chunk
        else:
            empty += 1
    if empty > 1:  # Granian ends every body with an empty chunk, and one that broke off with two: all that it says
        raise ClientDisconnect("the client left before it had sent the whole body")


# Write.


def _native_header(header: tuple[str, str]) -> list[tuple[str, str]]:
    return [header]


def _send_ready(status_code: int, content_type: str, content: str, may_be_head: bool) -> list[str]:
    # For HEAD, `send` is `WithoutContent`.
    return [f"send.response_bytes({status_code}, {content_type}, {content})"]


class WithoutContent:
    """The protocol object of a request with HEAD: sends all but the content, which Granian itself leaves out over HTTP/1.1 only."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: HTTP) -> None:
        self._protocol = protocol

    def response_bytes(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        """Answers with the length of `body`; without one, nothing is known of what GET would have."""
        length = [("content-length", str(len(body)))] if body else []
        self._protocol.response_empty(status, [*headers, *length])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)


async def _send_response(life: Life, response: Response, scope: Scope, receive: HTTP, send: HTTP, teardown: Teardown | None) -> None:
    failure: BaseException | None = None
    try:
        # Again, for it can have been changed since. `__class__` and no call: every response passes here.
        kind = response.__class__
        if (kind is ReadyResponse or kind is Response) and 200 <= response.status_code <= 599 and response.body.__class__ is bytes:
            pass  # these have no headers but those that were checked when they were put there
        elif not (200 <= response.status_code <= 599 and response.headers.__class__ is MutableHeaders and response.body.__class__ is bytes):
            response = unsound(response)
        if not isinstance(response, StreamingResponse):
            _send_whole(response, scope, send)
        elif isinstance(response, FileResponse):
            await _send_file(response, scope, send, teardown, life)
        else:
            await _send_stream(response, scope, send, life)
    except ClientGone as error:
        failure = error
    except BaseException as error:
        failure = error
        raise
    finally:
        if teardown is not None:
            await teardown.finish(failure)


def _send_whole(response: Response, scope: Scope, protocol: HTTP) -> None:
    headers = list(pairs_of(response))
    fields = dict(headers)
    if "transfer-encoding" in fields:
        headers = without_framing(headers)
    if response.status_code in WITHOUT_CONTENT:
        length = length_without_content(response.status_code, fields.get("content-length"))
        headers = [header for header in headers if header[0] != "content-length"]
        protocol.response_empty(response.status_code, headers if length is None else [*headers, ("content-length", length)])
        return
    if "content-length" in fields and (response.body or scope.method != "HEAD"):
        headers = [header for header in headers if header[0] != "content-length"]  # what was set may be wrong by now; the server counts
    protocol.response_bytes(response.status_code, headers, response.body)


async def _send_file(response: FileResponse, scope: Scope, protocol: HTTP, teardown: Teardown | None, life: Life) -> None:
    selected = select(response, scope.method, scope.headers.get_all)
    if not isinstance(selected, FileResponse):
        _send_whole(selected, scope, protocol)
        return
    content, length = selected.content, declared_length(selected.headers)
    part = content.range if isinstance(content, FileContent) else None
    is_empty = scope.method == "HEAD" or selected.status_code in WITHOUT_CONTENT
    # What is open may be what the file needs, and the server opens it only after this has returned.
    if part is None or part[1] - part[0] != length or is_empty or (teardown and teardown.is_open):
        await _send_stream(selected, scope, protocol, life)
    elif length:
        # By its range even if it is the whole file, which may have become longer: no more than was promised is sent.
        path = cast("FileContent", content).path
        protocol.response_file_range(selected.status_code, list(selected.headers.items()), path, *part)
    else:
        protocol.response_bytes(selected.status_code, list(selected.headers.items()), b"")


async def _send_stream(response: StreamingResponse, scope: Scope, protocol: HTTP, life: Life) -> None:
    declared_length(response.headers)  # before the start: after it, nobody could be told
    if response.status_code in WITHOUT_CONTENT:
        await close_content(response.content)
        _send_whole(response, scope, protocol)
        return
    headers = without_framing(response.headers.items())
    if scope.method == "HEAD":
        protocol.response_empty(response.status_code, headers)
        await close_content(response.content)
        return
    stream = _Stream(scope, protocol.response_stream(response.status_code, headers))
    try:
        await send_content(response, stream.send, protocol.client_disconnect, LOST, life)
    except ClientGone:
        raise
    except BaseException:
        await stream.abort()
        raise
    finally:
        stream.close()


class _Stream:
    """An open stream that waits for slow clients, and does not pretend to be whole when it is not."""

    def __init__(self, scope: Scope, transport: Transport) -> None:
        self._scope = scope
        self._transport = transport
        self._connection: Connection | None = None
        self._sought = False
        self._sent = 0
        self._known = 0  # bytes of `_sent` that the client has

    def send(self, chunk: bytes) -> Awaitable[None]:
        """Sends one piece, when it is awaited.

        Raises:
            ClientGone: nobody is there, or one of `LOST`.
        """
        self._sent += len(chunk) + FRAMING_BYTES
        if self._sent - self._known > HIGH_WATER_BYTES or (not self._sought and self._sent > SOUGHT_AFTER_BYTES):
            return self._send_and_wait(chunk)
        return self._transport.send_bytes(chunk)  # no coroutine of its own for each

    async def _send_and_wait(self, chunk: bytes) -> None:
        await self._transport.send_bytes(chunk)
        await self._wait()

    async def _wait(self) -> None:
        """Returns when the client has got most of what was sent, or when there is no way to know."""
        connection = await self._find()
        if connection is None:
            self._known = self._sent
            return
        pause = 0.001
        try:
            while (acknowledged := connection.acknowledged()) is not None:
                # More than was sent: the heads of responses and the framing of TLS are acknowledged as well.
                self._known = min(acknowledged - self._before, self._sent)
                if self._sent - self._known <= HIGH_WATER_BYTES:
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        except ConnectionResetError as error:
            raise ClientGone from error
        self._known = self._sent

    async def _find(self) -> Connection | None:
        if not self._sought:
            self._sought = True
            client, server = _client(self._scope), _server(self._scope)
            self._connection = await in_thread(lambda: Connection.find(client, server))
            if self._connection is not None:
                # As if the client had none of it yet. What it has already counts as in flight for good, which is why this comes early.
                self._before = self._connection.acknowledged() or 0
        return self._connection

    async def abort(self) -> None:
        """Ends the connection before the server can end the stream as if all had been sent."""
        connection = await self._find()
        if connection is not None:
            connection.abort()

    def close(self) -> None:
        """Gives up what was held."""
        if self._connection is not None:
            self._connection.close()


LOST: Final = (RuntimeError, OSError)
"""Granian's errors for a connection that has ended."""
HIGH_WATER_BYTES: Final = 1_048_576
"""Bytes of a stream that may be on their way to a client, in Granian and in the kernel; a slow client costs that much and no more."""
SOUGHT_AFTER_BYTES: Final = 262_144
"""Bytes after which a stream looks for its connection. Most end before, and do not pay for it."""
LONGEST_PAUSE_SECONDS: Final = 0.05
FRAMING_BYTES: Final = 9
"""What the server adds to a piece: in HTTP/2, and in HTTP/1.1 for pieces of 64 KiB."""


# The parts together.

ADAPTER = Adapter(
    name="rsgi",
    method=_method,
    path=_path,
    raw_path=_raw_path,
    root_path=_root_path,
    authority=_authority,
    query_string=_query_string,
    header_key=str,
    raw_headers=_raw_headers,
    find_header=_find_header,
    find_all_headers=_find_all_headers,
    header_pairs=_header_pairs,
    native_header=_native_header,
    scheme=_scheme,
    http_version=_http_version,
    client=_client,
    server=_server,
    stream=_stream,
    read_body=lambda limit: [f"body = await read_body(scope, receive, headers, {limit})"],
    whole_body=lambda scope, protocol, limit: _read_body(scope, protocol, scope.headers, limit),
    client_leaves=_client_leaves,
    capabilities=_capabilities,
    send_response=partial(_send_response, NO_LIFE),
    send_ready=_send_ready,
    constants={"read_body": _read_body},
    expressions={"raw_headers": "scope.headers", "query_string": "scope.query_string"},
)


@cache
def websocket_adapter() -> Adapter:
    """How websockets are read and written. Imported when the first application needs it, for few have any."""
    from velo_core.protocols.rsgi_websocket import rsgi_websockets

    return rsgi_websockets(ADAPTER)
