"""ASGI 3 (HTTP 2.5, lifespan 2.0).

Three parts: read, find, write. `scope` is the connection scope, `io` is `receive`. What the server calls, and the lifespan, stand in
`asgi_application`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from velo_core.body import check_declared_length, collect
from velo_core.early_hints import EarlyHints
from velo_core.errors import ClientDisconnect
from velo_core.headers import MutableHeaders
from velo_core.life import NO_LIFE, Life
from velo_core.plan import Run
from velo_core.protocols.outgoing import declared_length, length_without_content, send_content, unsound, without_framing
from velo_core.protocols.paths import below_raw
from velo_core.request import Adapter
from velo_core.response import ReadyResponse, Response, StreamingResponse, headers_of, pairs_of
from velo_core.routing import Table
from velo_core.status import WITHOUT_CONTENT
from velo_core.streams import ClientGone, close_content
from velo_core.teardown import Teardown
from velo_core.types import Address, HeaderPairs

if TYPE_CHECKING:
    from velo_core.files import FileResponse

__all__ = ["ADAPTER", "find", "websocket_adapter"]

# ASGI's own shapes. They stay inside this module, and a `cast` for each of their values would cost 40 ns where every request passes.
Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
RawHeaders: TypeAlias = "list[tuple[bytes, bytes]]"


# Read.


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method


def _raw_path(scope: Scope) -> str | None:
    raw = scope.get("raw_path")
    # Some servers and clients leave the query in it; the specification wants the path alone.
    return None if raw is None else raw.partition(b"?")[0].decode("latin-1")


def _path(scope: Scope) -> str:
    return _below(scope["path"], scope.get("root_path") or "")


def _root_path(scope: Scope) -> str:
    return (scope.get("root_path") or "").rstrip("/")


def _authority(scope: Scope) -> str | None:
    hosts = [value for name, value in scope["headers"] if name == b"host"]  # servers make one of `:authority`
    return hosts[0].decode("latin-1") if len(hosts) == 1 else None


def _query_string(scope: Scope) -> str:
    query_string: bytes = scope["query_string"]
    return query_string.decode("utf-8", "surrogateescape")


def _below(path: str, root_path: str) -> str:
    """The path below where the application is mounted. `path` includes `root_path` by the specification; not every server follows it."""
    root = root_path.rstrip("/")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        return path[len(root) :] or "/"
    return path


def _raw_headers(scope: Scope) -> RawHeaders:
    headers: RawHeaders = scope["headers"]
    return headers


def _header_pairs(scope: Scope) -> HeaderPairs:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]


def _find_header(headers: RawHeaders, key: bytes) -> str | None:
    for name, value in headers:
        if name == key:
            return value.decode("latin-1")
    return None


def _find_all_headers(headers: RawHeaders, key: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == key]


def _native_header(header: tuple[str, str]) -> tuple[bytes, bytes]:
    return header[0].encode("latin-1"), header[1].encode("latin-1")


def _scheme(scope: Scope) -> str:
    scheme: str = scope.get("scheme") or "http"
    return scheme


def _http_version(scope: Scope) -> str:
    version: str = scope["http_version"]
    return "1.0" if version == "1" else version  # Granian's name for it


def _client(scope: Scope) -> Address | None:
    return _address(scope.get("client"))


def _server(scope: Scope) -> Address | None:
    return _address(scope.get("server"))


def _address(value: tuple[str, int | str | None] | None) -> Address | None:
    return Address(value[0], int(value[1] or 0)) if value else None  # Granian gives ports as text


def _scan_headers(wanted: Mapping[str, str]) -> list[str]:
    # What nobody wants costs one look-up each. For two of six headers, this was measured at 3 400 instructions, two searches that end where
    # they find something at 6 900, and `dict(headers)`, which takes the last of several where the first is meant, at 4 100.
    keys = {name: repr(name.encode("latin-1")) for name in wanted}
    lines = [
        f"{' = '.join(wanted.values())} = None",
        "for field_name, field_value in headers:",
        f"    if field_name in {{{', '.join(keys.values())}}}:",  # a constant to Python
    ]
    for number, (name, variable) in enumerate(wanted.items()):
        lines.append(f"        {'elif' if number else 'if'} field_name == {keys[name]} and {variable} is None:")
        lines.append(f"            {variable} = field_value")
    return lines


def _header_text(variable: str) -> str:
    return f'None if {variable} is None else {variable}.decode("latin-1")'


def _read_body(limit: int) -> list[str]:
    # A plan reads before anybody watches, so there is no need for an inbox. A coroutine of its own cost a quarter of the request.
    # The type of the message is looked at as well: the client may have left.
    # A number with fewer digits than the limit is below it: only what may be too long, or no number, is looked at as a text.
    return [
        f"if content_length is not None and (len(content_length) >= {len(str(limit))} or not content_length.isdigit()):",
        f'    check_declared_length(content_length.decode("latin-1"), {limit})',
        "message = await receive()",
        f'if message["type"] != "http.request" or message.get("more_body") or len(message.get("body", b"")) > {limit}:',
        f"    body = await collect_body(message, receive, {limit})",
        "else:",  # all of it in one message, as nearly always
        '    body = message.get("body", b"")',
    ]


async def _collect_body(message: Message, receive: Receive, limit: int) -> bytes:
    return await collect(_chunks(message, receive), limit)


async def _whole_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    check_declared_length(_find_header(scope["headers"], b"content-length"), limit)
    receive = _inbox(scope, receive).receive
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) <= limit:
            return body
    return await collect(_chunks(message, receive), limit)


async def _stream(scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
    receive = _inbox(scope, receive).receive
    async for chunk in _chunks(await receive(), receive):
        yield chunk


def _inbox(scope: Scope, receive: Receive) -> _Inbox:
    if "velo.inbox" not in scope:
        scope["velo.inbox"] = _Inbox(receive)
    inbox: _Inbox = scope["velo.inbox"]
    return inbox


async def _client_leaves(scope: Scope, receive: Receive) -> None:
    await _inbox(scope, receive).watch()


async def _chunks(message: Message, receive: Receive) -> AsyncIterator[bytes]:
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect("the client left before it had sent the whole body")
        chunk = message.get("body", b"")
        if chunk:
            yield chunk
        if not message.get("more_body"):
            return
        message = await receive()


def _capabilities(scope: Scope) -> frozenset[str]:
    names = {"http.response." + name: name for name in ("pathsend", "trailers", "early_hint")}
    offered: Mapping[str, object] = scope.get("extensions") or {}
    found = {short for name, short in names.items() if name in offered}
    return frozenset(found | {"raw_path"} if scope.get("raw_path") is not None else found)


# Find.


def find(table: Table[Run], method: str, scope: Scope) -> tuple[Run, tuple[object, ...]]:
    """Finds by the undecoded path where there is one, so that an encoded slash stays inside its segment."""
    root_path = scope.get("root_path") or ""
    raw_path = _raw_path(scope)
    if raw_path is None or "%" not in raw_path:
        return table.find(method, _path(scope))
    return table.find_raw(method, below_raw(raw_path, root_path.rstrip("/")))


# Write.


class _Lengths(dict[int, tuple[bytes, bytes]]):
    """Content-Length fields by number of bytes: most bodies are small, and formatting a number costs as much as three look-ups."""

    def __missing__(self, size: int) -> tuple[bytes, bytes]:
        field = (b"content-length", b"%d" % size)
        if size < 4096:
            self[size] = field
        return field


LENGTHS = _Lengths()


def _send_ready(status_code: int, content_type: str, content: str, may_be_head: bool) -> list[str]:
    start = f'{{"type": "http.response.start", "status": {status_code}, "headers": [{content_type}, LENGTHS[len({content})]]}}'
    sent = f'b"" if scope["method"] == "HEAD" else {content}' if may_be_head else content
    return [f"await send({start})", f'await send({{"type": "http.response.body", "body": {sent}}})']


def _head(run: Run, scope: Scope, receive: Receive, send: Send, values: tuple[object, ...]) -> Coroutine[Any, Any, None]:
    # So plans do not ask for the method, which took 3 per cent of the shortest request.
    def send_head(message: Message) -> Awaitable[None]:
        return send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return run(scope, receive, send_head, values)


async def _send_response(life: Life, response: Response, scope: Scope, receive: Receive, send: Send, teardown: Teardown | None) -> None:
    failure: BaseException | None = None
    try:
        # Again, for it can have been changed since. `__class__` and no call: every response passes here.
        kind = response.__class__
        if (kind is ReadyResponse or kind is Response) and 200 <= response.status_code <= 599 and response.body.__class__ is bytes:
            pass  # these have no headers but those that were checked when they were put there
        elif not (200 <= response.status_code <= 599 and response.headers.__class__ is MutableHeaders and response.body.__class__ is bytes):
            response = unsound(response)
        if kind is ReadyResponse or not isinstance(response, StreamingResponse):
            start, end = _whole(response, scope["method"])
            try:  # here, not in a coroutine of its own: nearly every response passes
                await send(start)
                await send(end)
            except OSError as error:  # how a server says it, from HTTP specification 2.4 on
                failure = ClientGone()
                failure.__cause__ = error
        elif response.is_file:
            await _send_file(cast("FileResponse", response), scope, receive, send, teardown, life)
        else:
            await _send_stream(response, scope, receive, send, life)
    except ClientGone as error:
        failure = error
    except BaseException as error:
        failure = error
        raise
    finally:
        if teardown is not None:
            await teardown.finish(failure)


async def _send_whole(response: Response, scope: Scope, send: Send) -> None:
    start, end = _whole(response, scope["method"])
    try:
        await send(start)
        await send(end)
    except OSError as error:
        raise ClientGone from error


def _whole(response: Response, method: str) -> tuple[Message, Message]:
    """The messages of a response that is complete."""
    headers: RawHeaders = []
    length: str | None = None
    for name, value in pairs_of(response):
        if name == "content-length":
            length = value
        elif name != "transfer-encoding":  # see `without_framing`
            headers.append((name.encode(), value.encode("latin-1")))  # a name is ASCII, and the default codec takes half as long
    body, status_code = response.body, response.status_code
    if status_code != 200 and status_code in WITHOUT_CONTENT:
        body, length = b"", length_without_content(status_code, length)
        if length is not None:
            headers.append((b"content-length", length.encode("latin-1")))
    elif not body and method == "HEAD":
        if length is not None:  # else nothing is known of what the one for GET would have
            headers.append((b"content-length", length.encode("latin-1")))
    else:  # what was set may be wrong by now, and a wrong one splits the response
        headers.append(LENGTHS[len(body)])
    start = {"type": "http.response.start", "status": status_code, "headers": headers}
    return start, {"type": "http.response.body", "body": b"" if method == "HEAD" else body}


async def _send_file(response: FileResponse, scope: Scope, receive: Receive, send: Send, teardown: Teardown | None, life: Life) -> None:
    from velo_core.files import FileContent, FileResponse, select  # which is there, for it made the response

    headers = _raw_headers(scope)
    selected = select(response, scope["method"], lambda name: _find_all_headers(headers, name.encode()))
    if not isinstance(selected, FileResponse):
        await _send_whole(selected, scope, send)
        return
    content = selected.content
    # What is open may be what the file needs, and a server may open it only after this has returned.
    if (
        isinstance(content, FileContent)
        and content.range == (0, content.size) == (0, declared_length(selected.headers))
        and scope["method"] != "HEAD"
        and selected.status_code not in WITHOUT_CONTENT
        and not (teardown and teardown.is_open)
        and "http.response.pathsend" in (scope.get("extensions") or {})
    ):
        await _send_start(selected, scope, send)
        await _send(send, {"type": "http.response.pathsend", "path": content.path})
    else:
        await _send_stream(selected, scope, receive, send, life)


async def _send_stream(response: StreamingResponse, scope: Scope, receive: Receive, send: Send, life: Life) -> None:
    declared_length(response.headers)  # before the start: after it, nobody could be told
    if response.status_code in WITHOUT_CONTENT:
        await close_content(response.content)
        await _send_whole(response, scope, send)
        return
    trailers = response.trailers if scope["method"] != "HEAD" and _takes_trailers(scope) else None
    await _send_start(response, scope, send, trailers=trailers is not None)
    if scope["method"] == "HEAD":
        await close_content(response.content)
    else:

        def send_piece(chunk: bytes) -> Awaitable[None]:  # no coroutine of its own for each
            return send({"type": "http.response.body", "body": chunk, "more_body": True})

        await send_content(response, send_piece, _inbox(scope, receive).watch, (OSError,), life)
    fields = None if trailers is None else [_native_header(pair) for pair in headers_of(trailers()).items()]
    await _send(send, {"type": "http.response.body", "body": b""})
    if fields is not None:
        await _send(send, {"type": "http.response.trailers", "headers": fields})


def _takes_trailers(scope: Scope) -> bool:
    """Whether the server can send them, and the client asks for them (RFC 9110 section 6.5.1)."""
    if "http.response.trailers" not in (scope.get("extensions") or {}):
        return False
    asked = ",".join(_find_all_headers(scope["headers"], b"te")).split(",")
    return any(member.partition(";")[0].strip().lower() == "trailers" for member in asked)


async def _send_start(response: Response, scope: Scope, send: Send, *, trailers: bool = False) -> None:
    headers = [_native_header(header) for header in without_framing(response.headers.items())]
    start: Message = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    if trailers:
        start["trailers"] = True
    await _send(send, start)


def _open_hints(scope: Scope, send: Send) -> EarlyHints:
    offered = scope["type"] == "http" and "http.response.early_hint" in (scope.get("extensions") or {})
    if not offered or _http_version(scope) == "1.0":  # which has no interim responses (RFC 9110 section 15.2)
        return EarlyHints()

    async def send_links(links: Sequence[str]) -> None:
        try:
            await send({"type": "http.response.early_hint", "links": [link.encode("latin-1") for link in links]})
        except OSError as error:
            raise ClientDisconnect("the client left before it was answered") from error

    return EarlyHints(send_links)


async def _send(send: Send, message: Message) -> None:
    try:
        await send(message)
    except OSError as error:  # how a server says it, from HTTP specification 2.4 on
        raise ClientGone from error


class _Inbox:
    """What the client sends, for two who want it: whoever reads the body, and whoever watches for the end of the connection.

    Only one of them may call the server's `receive` at a time, or they would take messages from each other. While somebody watches, readers
    are given what the watcher finds. One message is kept for them, so that a body that nobody reads does not pile up here.

    Most bodies are read while nobody watches, and what two of them need is made when there are two: 11 000 instructions otherwise.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._reading = False
        self._watched = False
        self._kept: asyncio.Queue[Message] | None = None
        self._idle: asyncio.Event | None = None

    @property
    def _messages(self) -> asyncio.Queue[Message]:
        if self._kept is None:
            self._kept = asyncio.Queue(1)
        return self._kept

    async def receive(self) -> Message:
        """The next message, for a reader."""
        if self._watched or (self._kept is not None and not self._kept.empty()):
            return await self._messages.get()
        self._reading = True
        try:
            return await self._receive()
        finally:
            self._reading = False
            if self._idle is not None:
                self._idle.set()

    async def watch(self) -> None:
        """Returns when the client has gone."""
        while self._reading:
            if self._idle is None:
                self._idle = asyncio.Event()
            self._idle.clear()
            await self._idle.wait()
        self._watched = True
        try:
            while (message := await self._receive())["type"] != "http.disconnect":
                await self._messages.put(message)
            if self._messages.empty():
                self._messages.put_nowait(message)
        finally:
            self._watched = False


# The parts together.

ADAPTER = Adapter(
    name="asgi",
    method=_method,
    path=_path,
    raw_path=_raw_path,
    root_path=_root_path,
    authority=_authority,
    query_string=_query_string,
    header_key=lambda name: name.encode("latin-1"),
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
    scan_headers=_scan_headers,
    header_text=_header_text,
    read_body=_read_body,
    whole_body=_whole_body,
    client_leaves=_client_leaves,
    capabilities=_capabilities,
    send_response=partial(_send_response, NO_LIFE),
    send_ready=_send_ready,
    constants={"LENGTHS": LENGTHS, "check_declared_length": check_declared_length, "collect_body": _collect_body},
    expressions={"raw_headers": 'scope["headers"]', "query_string": 'scope["query_string"].decode("utf-8", "surrogateescape")'},
    open_hints=_open_hints,
    head=_head,
)


@cache
def websocket_adapter() -> Adapter:
    """How websockets are read and written. Imported when the first application needs it, for few have any."""
    from velo_core.protocols.asgi_websocket import asgi_websockets

    return asgi_websockets(ADAPTER)
