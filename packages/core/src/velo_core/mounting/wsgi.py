"""WSGI applications (PEP 3333) below a path, on every protocol. They run in the thread pool; the body is collected first."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, cast

from velo_core.mounting.place import OF_THE_CONNECTION, Place
from velo_core.request import Request
from velo_core.response import Response, StreamingResponse
from velo_core.threads import in_thread
from velo_core.types import HeaderPairs

__all__ = ["WSGIApplication", "called"]

Environ: TypeAlias = dict[str, Any]
WSGIApplication: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
"""A WSGI 1.0.1 application."""


async def called(app: WSGIApplication, request: Request, place: Place) -> Response:
    """The response of a mounted application.

    Raises:
        HTTPError: 413 when the body is larger than the router accepts.
        Exception: what the application raised before it had begun to respond.
    """
    environ = described(request, place, await request.body())
    return await in_thread(_Call(app, environ).response)


def described(request: Request, place: Place, body: bytes) -> Environ:
    """The environ of a mounted application."""
    version = {"2": "2.0", "3": "3.0"}.get(request.http_version, request.http_version)
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _text(place.root_path),
        "PATH_INFO": _text(place.below),
        "QUERY_STRING": request.query_string.encode("utf-8", "surrogateescape").decode("latin-1"),
        "SERVER_NAME": "localhost" if request.server is None else request.server.host,
        "SERVER_PORT": "0" if request.server is None else str(request.server.port),
        "SERVER_PROTOCOL": f"HTTP/{version}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if request.client is not None:
        environ |= {"REMOTE_ADDR": request.client.host, "REMOTE_PORT": str(request.client.port)}
    for name, value in request.headers.items():
        # `X_User` would become what `X-User` becomes, and `Proxy` is where a program is told its proxy (CVE-2016-5385).
        if "_" in name or name in ("proxy", "content-length"):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}" if key in environ else value
    return environ


def _text(path: str) -> str:
    """As PEP 3333 has it: bytes, each as one character."""
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


class _Call:
    """One call of an application, in a thread."""

    def __init__(self, app: WSGIApplication, environ: Environ) -> None:
        self.app = app
        self.environ = environ
        self.status = 0
        self.headers: HeaderPairs = []
        self.written: list[bytes] = []

    def start_response(self, status: str, headers: HeaderPairs, exc_info: object = None) -> Callable[[bytes], object]:
        """Takes status and headers; returns the old way to send a body."""
        if self.status and exc_info is None:
            raise RuntimeError("the mounted application called start_response twice")
        lowered = [(name.lower(), value) for name, value in headers]
        self.status, self.headers = int(status[:3]), [header for header in lowered if header[0] not in OF_THE_CONNECTION]
        return self.written.append

    def response(self) -> Response:
        """Calls the application up to the first piece of the body, for only then is the response certain to have begun."""
        pieces = self.app(self.environ, self.start_response)
        iterator = iter(pieces)
        try:
            first = next((piece for piece in iterator if piece), None)
            if not self.status:
                raise RuntimeError("the mounted application did not call start_response")
            begun = [*self.written, *(() if first is None else (first,))]
            if first is None or (isinstance(pieces, list | tuple) and len(cast("list[bytes]", pieces)) == 1):
                _close(pieces)
                return Response(b"".join(begun), self.status, self.headers)
            return StreamingResponse(_Pieces(begun, iterator, pieces), self.status, self.headers)
        except BaseException:
            _close(pieces)
            raise


class _Pieces:
    """The body, which closes what it comes from."""

    def __init__(self, begun: list[bytes], rest: Iterator[bytes], source: object) -> None:
        self._begun = iter(begun)
        self._rest = rest
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._begun, None) or next(self._rest)

    def close(self) -> None:
        """Tells the application that its response has been sent, or is not wanted any more."""
        _close(self._source)


def _close(pieces: object) -> None:
    close: Callable[[], object] | None = getattr(pieces, "close", None)
    if close is not None:
        close()
