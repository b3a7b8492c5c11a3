"""WSGI 1.0.1 (PEP 3333).

Four parts, in the order of every adapter: read, call, write, lifespan. `scope` is the environ, `io` is the `Exchange` that stands between
the server's thread and the plan.

What WSGI cannot do: it does not tell that the client has gone before the next part of the body is sent; a header that comes several times
is one, joined with commas; `X_User` and `X-User` are one as well, if the server lets both pass. There are no websockets.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from functools import partial
from threading import Lock
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes
from weakref import WeakMethod

from velo_core.body import check_declared_length, collect
from velo_core.errors import ClientDisconnect, HTTPError
from velo_core.files import FileResponse, select
from velo_core.headers import MutableHeaders
from velo_core.json import malformed
from velo_core.life import NO_LIFE, Life
from velo_core.plan import Run
from velo_core.protocols.outgoing import Counted, declared_length, length_without_content, send_content, unsound
from velo_core.protocols.paths import below_raw
from velo_core.protocols.stepping import Exchange
from velo_core.protocols.turns import LoopThread, TurnLoop
from velo_core.protocols.wsgi_application import WSGI
from velo_core.request import Adapter
from velo_core.response import Response, StreamingResponse
from velo_core.routing import Table
from velo_core.sse import EventSourceResponse
from velo_core.status import PHRASES, WITHOUT_CONTENT, phrase
from velo_core.streams import ClientGone, close_content, send_pieces
from velo_core.teardown import Teardown
from velo_core.threads import in_thread
from velo_core.types import Address, HeaderPairs

__all__ = ["ADAPTER", "WSGICallable"]

# WSGI's own shapes. They stay inside this module.
Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., object]

CHUNK_BYTES: Final = 65536
"""What is read at once from a body: servers wait until they have as much, or all."""

MAX_LEVELS: Final = 1000
"""Levels of JSON. Threads that servers make without Python may have 2 MiB of stack. From CPython 3.12 on, msgspec uses up more than that
before it gives up, and the process ends."""

_LEFT: Final = "the client left before it had sent the whole body"
_NOT_HEADERS: Final = frozenset({"HTTP_PROXY", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"})
"""Variables that look like headers. Servers put their own environment among that of a request, and the first is where a program is told its
proxy (CVE-2016-5385). The others are what `Content_Length` becomes: the real ones have no prefix."""

_HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers", "transfer-encoding", "upgrade"}
)
"""Fields about the connection, which is the server's: applications may not send them (PEP 3333, "Other HTTP Features")."""


# Read.


def _method(environ: Environ) -> str:
    method: str = environ["REQUEST_METHOD"]
    return method


def _path(environ: Environ) -> str:
    path: str = environ.get("PATH_INFO") or "/"
    return path if path.isascii() else _bytes(path).decode("utf-8", "replace")


def _root_path(environ: Environ) -> str:
    root: str = environ.get("SCRIPT_NAME") or ""
    return _bytes(root).decode("utf-8", "replace").rstrip("/")


def _raw_path(environ: Environ) -> str | None:
    """The undecoded path, where the server gives it under one of the usual names.

    Only if it is the path of this request: what stands before the application may have rewritten it.
    """
    target: str | None = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if target is None:
        return None
    path = target.partition("?")[0]
    if not path.startswith("/"):  # the absolute form, as to a proxy
        path = "/" + path.partition("://")[2].partition("/")[2]
    whole: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path if unquote_to_bytes(_bytes(path)) == _bytes(whole) else None


def _bytes(text: str) -> bytes:
    """The bytes that a text of the environ stands for."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # from a server that has decoded it
        return text.encode("utf-8", "surrogateescape")


def _query_string(environ: Environ) -> str:
    query: str = environ.get("QUERY_STRING") or ""
    return query if query.isascii() else _bytes(query).decode("utf-8", "surrogateescape")


def _header_key(name: str) -> str:
    if "_" in name:
        return ""  # it cannot be told from the name with hyphens, which is what this variable is taken for
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _raw_headers(environ: Environ) -> Environ:
    return environ


def _find_header(environ: Environ, key: str) -> str | None:
    value: str | None = environ.get(key)
    # Content-Type and Content-Length are empty where there are none.
    return None if key in _NOT_HEADERS or (not value and not key.startswith("HTTP_")) else value


def _find_all_headers(environ: Environ, key: str) -> list[str]:
    value = _find_header(environ, key)
    return [] if value is None else [value]


def _header_pairs(environ: Environ) -> HeaderPairs:
    own = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}
    return [(own[key], environ[key]) for key in own if environ.get(key)] + [
        (key[5:].lower().replace("_", "-"), value)
        for key, value in environ.items()
        if key.startswith("HTTP_") and key not in _NOT_HEADERS and key.isupper() and "-" not in key
    ]


def _scheme(environ: Environ) -> str:
    scheme: str = environ["wsgi.url_scheme"]
    return scheme


def _authority(environ: Environ) -> str | None:
    host: str | None = environ.get("HTTP_HOST")  # two are joined, which makes no host of them
    return host or None  # Granian's is empty if there is none


def _http_version(environ: Environ) -> str:
    version = str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")).partition("/")[2]
    return {"1": "1.0", "2.0": "2", "3.0": "3"}.get(version, version)


def _client(environ: Environ) -> Address | None:
    return _address(environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT"))


def _server(environ: Environ) -> Address | None:
    return _address(environ.get("SERVER_NAME"), environ.get("SERVER_PORT"))


def _address(host: str | None, port: str | int | None) -> Address | None:
    digits = str(port)
    return Address(host, int(digits) if digits.isascii() and digits.isdigit() else 0) if host else None


def _capabilities(environ: Environ) -> frozenset[str]:
    return frozenset() if _raw_path(environ) is None else frozenset({"raw_path"})


async def _read_body(environ: Environ, exchange: Exchange, headers: Environ, limit: int) -> bytes:
    declared = environ.get("CONTENT_LENGTH") or None
    if check_declared_length(declared, limit) and not exchange.is_task:
        body = _declared_body(environ["wsgi.input"].read, int(declared or "0"))
    else:
        body = await collect(_stream(environ, exchange), limit)
    if len(body) > MAX_LEVELS and body.count(b"[") + body.count(b"{") > MAX_LEVELS and "json" in environ.get("CONTENT_TYPE", "").lower():
        from velo_core.parsing.nesting import nests_deeper  # few bodies have so many brackets that they could

        if nests_deeper(body, MAX_LEVELS):
            raise malformed("it nests too deep")
    return body


def _declared_body(read: Callable[[int], bytes], left: int) -> bytes:
    """All of a body, read here and now."""
    parts: list[bytes] = []
    while left > 0:
        try:
            chunk = read(min(left, CHUNK_BYTES))
        except OSError as error:
            raise ClientDisconnect(_LEFT) from error
        if not chunk:
            raise ClientDisconnect(_LEFT)
        parts.append(chunk)
        left -= len(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _stream(environ: Environ, exchange: Exchange) -> AsyncIterator[bytes]:
    declared = environ.get("CONTENT_LENGTH") or None
    read: Callable[[int], bytes] = environ["wsgi.input"].read
    if check_declared_length(declared, 10**18):
        left = int(declared or "0")
    elif environ.get("wsgi.input_terminated"):
        left = None
    elif "HTTP_TRANSFER_ENCODING" in environ:  # reading on would never end
        raise HTTPError(411, "This server takes no body whose length is not declared.")
    else:
        return
    while left != 0:
        try:
            chunk = await in_thread(partial(read, CHUNK_BYTES if left is None else min(left, CHUNK_BYTES)))
        except OSError as error:  # as most servers say it
            raise ClientDisconnect(_LEFT) from error
        if chunk:
            yield chunk
        elif left is None:
            return
        else:
            raise ClientDisconnect(_LEFT)
        left = None if left is None else left - len(chunk)


async def _client_leaves(environ: Environ, exchange: Exchange) -> None:
    await exchange.never()


# Call.


class WSGICallable:
    """An application as PEP 3333 defines it. Servers may call it from many threads at once.

    The application starts with the first request, in the process that serves it, or before that with `start()`. It stops with `stop()`, or
    else when the process ends.
    """

    def __init__(self, app: WSGI) -> None:
        self._app = app
        self._lock = Lock()
        self._thread: LoopThread | None = None
        self._loop: TurnLoop | None = None
        self._is_owner = False
        self._at_exit: Callable[[], object] = _nothing
        after_fork = WeakMethod(self._after_fork)
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=lambda: (method := after_fork()) and method())

    def __repr__(self) -> str:
        return f"{self._app!r}.wsgi"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        loop = self._loop or self._start()
        table = self._app.wsgi_table()
        path: str = environ.get("PATH_INFO") or "/"
        target: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
        if "%" in target or not path.isascii():
            run, values = _find(table, environ)
        else:
            # As `Table.find` does it; here it saves the commonest of all requests some frames.
            answers = table.static.get(path)
            answer = None if answers is None else answers.get(environ["REQUEST_METHOD"])
            run, values = table.search(environ["REQUEST_METHOD"], path) if answer is None else answer
        exchange = Exchange(loop)
        exchange.run(run(environ, exchange, exchange, values))
        try:
            start_response(exchange.status, exchange.headers)
        except BaseException:
            exchange.close()
            raise
        return [exchange.body] if exchange.is_over else exchange

    # Lifespan: WSGI has none, so it is entered when it is needed and left when nothing else comes.

    def start(self) -> None:
        """Starts the application: freezes it, and enters its lifespans on its own event loop, in a thread beside those of the server.

        Call it in the process that serves, once it has been forked, to have mistakes and slow starts before the first request. Does nothing
        the second time.

        Raises:
            SetupError: the application cannot be made.
            BaseException: what a lifespan raised.
        """
        self._start()

    def _start(self) -> TurnLoop:
        with self._lock:
            if self._loop is None:
                thread = LoopThread()
                try:
                    thread.run(self._app.startup())
                except BaseException:
                    thread.close()
                    raise
                self._thread, self._is_owner = thread, True
                self._loop = thread.loop
                self._at_exit = _at_exit(self.stop)
            return self._loop

    def closing(self) -> None:
        """Tells the plugins that the application is about to stop, while it still serves; see `Velo.closing`.

        For servers, when they are told to stop and before they wait for what is under way. From any thread but those of requests.
        """
        thread = self._thread
        if thread is not None and self._is_owner:
            thread.run(self._app.closing())

    def stop(self) -> None:
        """Leaves the lifespans and ends the thread; what is still served is cancelled. Does nothing if the application does not run.

        Raises:
            BaseException: what a lifespan raised.
        """
        with self._lock:
            thread, self._thread, self._loop = self._thread, None, None
            if thread is None:
                return
            try:
                if self._is_owner:
                    self._at_exit()
                    thread.run(self._app.shutdown())
            finally:
                thread.close()

    def _after_fork(self) -> None:
        """Threads are not forked. What was started before belongs to the parent, which will stop it."""
        self._lock = Lock()
        if self._loop is not None:
            self._thread, self._is_owner = LoopThread(), False
            self._loop = self._thread.loop


def _nothing() -> None:
    """For what has not been started."""


def _at_exit(stop: Callable[[], None]) -> Callable[[], object]:
    """Calls `stop` when the process ends, also as a worker of multiprocessing, which passes over `atexit`.

    Returns:
        What takes that back.
    """
    from multiprocessing.util import Finalize

    return Finalize(None, stop, exitpriority=0).cancel


def _find(table: Table[Run], environ: Environ) -> tuple[Run, tuple[object, ...]]:
    """Finds by the undecoded path where there is one, so that an encoded slash stays inside its segment."""
    target: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    raw_path = _raw_path(environ) if "%" in target else None
    if raw_path is None or "%" not in raw_path:
        return table.find(environ["REQUEST_METHOD"], _path(environ))
    return table.find_raw(environ["REQUEST_METHOD"], below_raw(raw_path, _root_path(environ)))


def _on_loop(run: Run) -> Run:
    def begin(environ: Environ, receive: Exchange, send: Exchange, values: tuple[object, ...]) -> Coroutine[Any, Any, None]:
        send.needs_loop = True
        return run(environ, receive, send, values)

    return begin


# Write.


class _Lengths(dict[int, tuple[str, str]]):
    """Content-Length fields by number of bytes: most bodies are small."""

    def __missing__(self, size: int) -> tuple[str, str]:
        field = ("content-length", str(size))
        if size < 4096:
            self[size] = field
        return field


LENGTHS: Final = _Lengths()
STATUS_LINES: Final = {code: f"{code} {text}" for code, text in PHRASES.items()}


def _native_header(header: tuple[str, str]) -> tuple[str, str]:
    return header


def _send_ready(status_code: int, content_type: str, content: str, may_be_head: bool) -> list[str]:
    headers = f"[{content_type}, LENGTHS[len({content})]]"
    sent = f'b"" if scope["REQUEST_METHOD"] == "HEAD" else {content}' if may_be_head else content
    return [f'send.respond("{status_code} {phrase(status_code)}", {headers}, {sent})']


async def _send_response(
    life: Life, response: Response, environ: Environ, receive: Exchange, send: Exchange, teardown: Teardown | None
) -> None:
    failure: BaseException | None = None
    try:
        # Again, for it can have been changed since. `__class__` and no call: every response passes here.
        if not (200 <= response.status_code <= 599 and response.headers.__class__ is MutableHeaders and response.body.__class__ is bytes):
            response = unsound(response)
        if isinstance(response, FileResponse):
            response = select(response, environ["REQUEST_METHOD"], lambda name: _find_all_headers(environ, _header_key(name)))
        if isinstance(response, StreamingResponse):
            await _send_stream(response, environ, send, life)
        else:
            _send_whole(response, environ, send)
            if teardown is not None and teardown.is_open:
                await send.end()
    except ClientGone as error:
        failure = error
    except BaseException as error:
        failure = error
        raise
    finally:
        if teardown is not None:
            await teardown.finish(failure)


def _send_whole(response: Response, environ: Environ, send: Exchange) -> None:
    headers = _headers(response)
    body = response.body
    if response.status_code in WITHOUT_CONTENT:
        body, length = b"", length_without_content(response.status_code, response.headers.get("content-length"))
        headers = [header for header in headers if header[0] != "content-length"]
        headers += [] if length is None else [("content-length", length)]
    elif body or environ["REQUEST_METHOD"] != "HEAD":  # else nothing is known of the length that one for GET would have
        if "content-length" in response.headers:  # what was set may be wrong by now, and a wrong one splits the response
            headers = [header for header in headers if header[0] != "content-length"]
        headers.append(LENGTHS[len(body)])
    send.respond(_status_line(response), headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else body)


async def _send_stream(response: StreamingResponse, environ: Environ, send: Exchange, life: Life) -> None:
    await send.enter_loop()
    length = declared_length(response.headers)
    if response.status_code in WITHOUT_CONTENT:
        await close_content(response.content)
        _send_whole(response, environ, send)
        await send.end()
        return
    counted = Counted(send.send, length)
    send.respond(_status_line(response), _headers(response), is_last=False)
    if environ["REQUEST_METHOD"] == "HEAD":
        await close_content(response.content)
    elif isinstance(response, EventSourceResponse):
        await send_content(response, send.send, send.never, (), life)
    else:
        await send_pieces(response.content, counted.send)
        counted.end()
    await send.end()


def _status_line(response: Response) -> str:
    code = response.status_code
    return STATUS_LINES.get(code) or f"{code} {phrase(code)}"


def _headers(response: Response) -> HeaderPairs:
    """The fields of a response as `wsgiref.validate` wants them, which tests and careful servers wrap around applications."""
    headers = [pair for pair in response.headers.items() if pair[0] not in _HOP_BY_HOP]
    if response.status_code in (204, 304):
        return [pair for pair in headers if pair[0] != "content-type"]
    if "content-type" not in response.headers:
        is_empty = not response.body and not isinstance(response, StreamingResponse)
        headers.append(("content-type", "text/plain; charset=utf-8" if is_empty else "application/octet-stream"))
    return headers


# The four parts together.

ADAPTER = Adapter(
    name="wsgi",
    method=_method,
    path=_path,
    raw_path=_raw_path,
    root_path=_root_path,
    query_string=_query_string,
    header_key=_header_key,
    raw_headers=_raw_headers,
    find_header=_find_header,
    find_all_headers=_find_all_headers,
    header_pairs=_header_pairs,
    native_header=_native_header,
    scheme=_scheme,
    authority=_authority,
    http_version=_http_version,
    client=_client,
    server=_server,
    stream=_stream,
    read_body=lambda limit: [f"body = await read_body(scope, receive, headers, {limit})"],
    whole_body=lambda environ, exchange, limit: _read_body(environ, exchange, environ, limit),
    client_leaves=_client_leaves,
    capabilities=_capabilities,
    send_response=partial(_send_response, NO_LIFE),
    send_ready=_send_ready,
    constants={"LENGTHS": LENGTHS, "read_body": _read_body},
    tells_disconnect=False,
    on_loop=_on_loop,
)
