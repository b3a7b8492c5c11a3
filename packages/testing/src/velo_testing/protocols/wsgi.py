"""WSGI 1.0.1 (PEP 3333), with `wsgiref.validate` between the server and the application.

As strict as the PEP, and where servers differ as the most careful of them: headers whose names have an underscore are dropped, those that
come several times are joined, the undecoded target is in `REQUEST_URI`, and a body of unknown length has an end (`wsgi.input_terminated`).
Nothing is sent before the first part of the body that is not empty. Each request has a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes
from wsgiref import validate
from wsgiref.util import is_hop_by_hop

from velo_testing.errors import ClientDisconnected, ProtocolViolation
from velo_testing.exchange import Exchange
from velo_testing.request import RequestHead
from velo_testing.rules import HeaderList, check_headers
from velo_testing.server import Host

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

__all__ = ["WsgiServer"]

T = TypeVar("T")
Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None"

_HIGH_WATER_BYTES = 65536
_STATUS = re.compile(r"[1-9][0-9]{2} [^\x00-\x1f\x7f]+")
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE"})


# Read.


def _environ(request: RequestHead, root_path: str, body: _Input) -> Environ:
    whole = unquote_to_bytes(request.raw_path)
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": root_path.encode().decode("latin-1"),
        "PATH_INFO": whole.decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "REQUEST_URI": (quote(root_path).encode() + request.raw_path + (b"?" + request.query if request.query else b"")).decode("latin-1"),
        "SERVER_NAME": request.server[0],
        "SERVER_PORT": str(request.server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client[0],
        "REMOTE_PORT": str(request.client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        separator = "; " if name == b"cookie" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    return environ


class _Input:
    """`wsgi.input`: the request body as it is pulled."""

    def __init__(self, pull: Callable[[], bytes]) -> None:
        self._pull = pull
        self._buffer = b""
        self._is_over = False

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, fewer only at the end."""
        while not self._is_over and (size < 0 or len(self._buffer) < size):
            chunk = self._pull()
            self._is_over = not chunk
            self._buffer += chunk
        end = len(self._buffer) if size < 0 else size
        taken, self._buffer = self._buffer[:end], self._buffer[end:]
        return taken

    def readline(self, size: int = -1) -> bytes:
        """A line, or a part of it."""
        while not self._is_over and b"\n" not in self._buffer and (size < 0 or len(self._buffer) < size):
            chunk = self._pull()
            self._is_over = not chunk
            self._buffer += chunk
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        return self.read(end if size < 0 else min(size, end))

    def readlines(self, hint: int = -1) -> list[bytes]:
        """All lines."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


# Write.


class _Response:
    """`start_response`, and the parts of the body that follow. Lives in the thread of its request."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop
        self._head: tuple[int, HeaderList] | None = None

    def on_loop(self, work: Coroutine[object, object, T]) -> T:
        """What a coroutine returns, run on the loop of the exchange."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def pull(self) -> bytes:
        """The next part of the request body."""
        while (part := self.on_loop(self._exchange.read(self._exchange.left))) is not None:
            if part[0]:
                return part[0]
        return b""

    def check(self, status: object, headers: object, exc_info: ExcInfo = None) -> None:
        """Checks what the application begins its response with, and keeps it until there is something to send."""
        with self._exchange.failures.checking():
            if self._head is not None and exc_info is None:
                raise ProtocolViolation("VELO_VIOLATION_ORDER", "start_response was called twice without exc_info")
            if not isinstance(status, str) or _STATUS.fullmatch(status) is None:
                raise ProtocolViolation("VELO_VIOLATION_STATUS", f"{status!r} is not a status of the form '200 OK'")
            pairs = _pairs(headers)
            check_headers(pairs, lower_case=False)
            self._head = int(status[:3]), pairs

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None) -> Callable[[bytes], object]:
        """The `start_response` of the server: see PEP 3333."""
        if exc_info is not None and exc_info[1] is not None and self._exchange.response is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        return self.send

    def send(self, chunk: object) -> None:
        """Sends a part of the body; waits while the client is slow.

        Raises:
            ClientDisconnected: it has gone.
        """
        with self._exchange.failures.checking():
            if not isinstance(chunk, bytes):
                raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"a part of the body is {type(chunk).__name__}, not bytes")
            if self._head is None:
                raise ProtocolViolation("VELO_VIOLATION_ORDER", "a part of the body came before start_response was called")
        if chunk:
            self.on_loop(self._send(chunk))

    def end(self) -> None:
        """Sends what is left when the application has returned all."""
        self.on_loop(self._end())

    async def _send(self, chunk: bytes) -> None:
        if self._exchange.has_left:
            raise ClientDisconnected("the client went away")
        with self._exchange.failures.checking():
            self._begin()
            self._exchange.push(chunk)
        await self._exchange.drain(_HIGH_WATER_BYTES)

    async def _end(self) -> None:
        if self._exchange.has_left:
            return
        with self._exchange.failures.checking():
            self._begin()
            self._exchange.finish()

    def _begin(self) -> None:
        if self._exchange.response is None:
            if self._head is None:
                raise ProtocolViolation("VELO_VIOLATION_NO_RESPONSE", "the application never called start_response")
            self._exchange.respond(*self._head)


def _pairs(headers: object) -> HeaderList:
    if type(headers) is not list:
        raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"the headers must be a list, not {type(headers).__name__}")
    pairs: list[tuple[bytes, bytes]] = []
    for pair in cast("list[object]", headers):
        match pair:
            case (str(name), str(value)) if type(pair) is tuple:
                if is_hop_by_hop(name):
                    raise ProtocolViolation("VELO_VIOLATION_HEADER_NAME", f"the header {name!r} is the server's to send (PEP 3333)")
                try:
                    pairs.append((name.encode("latin-1"), value.encode("latin-1")))
                except UnicodeEncodeError as error:
                    raise ProtocolViolation("VELO_VIOLATION_HEADER_VALUE", f"the header {name!r} has characters outside latin-1") from error
            case _:
                raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"a header must be a tuple of two str, not {pair!r}")
    return pairs


# Call.


class WsgiServer:
    """Serves one WSGI application.

    Args:
        app: The application, or one that has it as its attribute `wsgi`, as Velo applications do.
        root_path: Where it is mounted: `SCRIPT_NAME`.
    """

    def __init__(self, app: object, *, root_path: str = "") -> None:
        self._app = cast("WSGIApplication", getattr(app, "wsgi", app))
        self._root_path = root_path

    async def serve(self, exchange: Exchange) -> None:
        """See `Server`."""
        response = _Response(exchange, asyncio.get_running_loop())
        try:
            await _in_thread(partial(self._serve, exchange, response))
        except BaseException:
            exchange.crash([(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")], b"Internal Server Error")
            raise

    def _serve(self, exchange: Exchange, response: _Response) -> None:
        """Calls the application and sends what it returns, as the thread of a server does."""
        environ = _environ(exchange.request, self._root_path, _Input(response.pull))

        def checked(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None) -> Callable[[bytes], object]:
                response.check(status, headers, exc_info)
                return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

            return self._app(environ, start)

        # It knows no other methods, and fails over requests that a client should not have sent.
        length = environ.get("CONTENT_LENGTH", "0")
        plain = environ["REQUEST_METHOD"] in _KNOWN_METHODS and environ["PATH_INFO"] != "*" and length.isascii() and length.isdigit()
        app = validate.validator(checked) if plain else checked
        try:
            self._iterate(app(environ, response.start), response)
        except AssertionError as error:
            if traceback.extract_tb(error.__traceback__)[-1].filename != validate.__file__:
                raise
            with exchange.failures.checking():
                raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"wsgiref.validate: {error}") from error

    def _iterate(self, body: Iterable[bytes], response: _Response) -> None:
        try:
            for chunk in body:
                response.send(chunk)
            response.end()
        except ClientDisconnected:
            return
        finally:
            close: Callable[[], object] | None = getattr(body, "close", None)
            if close is not None:
                close()

    # Lifespan: WSGI has none; a Velo application has methods for it.

    async def start(self, host: Host) -> None:
        """See `Server`."""
        await self._call_hook("start")

    async def stop(self, host: Host) -> None:
        """See `Server`."""
        await self._call_hook("stop")

    async def _call_hook(self, name: str) -> None:
        hook: Callable[[], object] | None = getattr(self._app, name, None)
        if hook is not None:
            await _in_thread(hook)


async def _in_thread(function: Callable[[], object]) -> None:
    """Calls `function` in a thread of its own, in the caller's context variables."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    context = contextvars.copy_context()

    def settle(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(RuntimeError("the application raised StopIteration") if isinstance(error, StopIteration) else error)

    def work() -> None:
        error: BaseException | None = None
        try:
            context.run(function)
        except BaseException as raised:
            error = raised
        loop.call_soon_threadsafe(settle, error)

    thread = threading.Thread(target=work, name="velo-test-wsgi", daemon=True)
    thread.start()
    try:
        await done
    finally:
        if done.done() and not done.cancelled():  # it is at its end, and nobody shall find it running
            thread.join()
