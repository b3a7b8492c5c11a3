"""The part of a WSGI server, without sockets (PEP 3333)."""

from __future__ import annotations

import io
import sys
import time
from typing import Any

from benchmarks.answers import Answer
from benchmarks.asgi import HEADERS, Application
from benchmarks.scenarios import Exchange

__all__ = ["ask", "round_of"]


def environ_of(exchange: Exchange) -> dict[str, Any]:
    """What the server tells of a request."""
    path, _, query = exchange.path.partition("?")
    headers = dict([*HEADERS, *(exchange.headers or {}).items()])
    environ: dict[str, Any] = {
        "REQUEST_METHOD": exchange.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(exchange.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if "content-type" in headers:
        environ["CONTENT_TYPE"] = headers.pop("content-type")
    if exchange.body:
        environ["CONTENT_LENGTH"] = str(len(exchange.body))
    return {**environ, **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}}


def consume(content: Any) -> list[bytes]:
    """What a server does with the content of a response."""
    pieces = list(content)
    if hasattr(content, "close"):
        content.close()
    return pieces


def ask(app: Application, exchange: Exchange) -> Answer:
    """The answer to one request."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        begun.append((status, headers))

    body = b"".join(consume(app(environ_of(exchange), start_response)))
    status, headers = begun[-1]
    return Answer(int(status[:3]), [(name.lower(), value) for name, value in headers], body)


def round_of(app: Application, exchanges: list[Exchange]) -> float:
    """Microseconds of processor time for each of the requests."""
    environs = [environ_of(exchange) for exchange in exchanges]

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        pass

    began = time.process_time_ns()
    for environ in environs:
        consume(app(environ, start_response))
    return (time.process_time_ns() - began) / len(environs) / 1000
