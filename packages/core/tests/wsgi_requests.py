"""Requests as a WSGI server makes them, with the validator of the standard library between."""

import io
from collections.abc import Callable
from typing import Any, cast
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from velo_core import Velo

__all__ = ["Answer", "Make", "ask", "begin", "complete", "environ"]

Answer = tuple[str, dict[str, str], bytes]


def environ(path: str = "/", method: str = "GET", body: bytes | None = None, /, **variables: Any) -> dict[str, Any]:
    """That of a request, as the standard library makes it."""
    made: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": ""}
    if body is not None:
        made |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    made |= variables
    setup_testing_defaults(made)
    return made


def ask(app: Velo, path: str = "/", method: str = "GET", body: bytes | None = None, /, **variables: Any) -> Answer:
    """What the application answers, as the validator of the standard library sees it."""
    return complete(validator(cast("Any", app.wsgi)), environ(path, method, body, **variables))


def complete(app: Any, environ: dict[str, Any]) -> Answer:
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., None]:
        heads.append((status, headers))
        return heads.append

    returned = app(environ, start_response)
    try:
        body = b"".join(returned)
    finally:
        if hasattr(returned, "close"):
            returned.close()
    (status, headers) = heads[-1]
    return status, dict(headers), body


def begin(app: Velo, path: str = "/", method: str = "GET") -> Any:
    """What the application returns, of which nothing has been taken yet."""

    def start_response(status: str, headers: list[tuple[str, str]]) -> None: ...

    return app.wsgi(environ(path, method), start_response)


Make = Callable[..., Velo]
"""Makes applications, which are stopped at the end: the fixture `make`."""
