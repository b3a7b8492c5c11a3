"""HEAD, and statuses without content, over real servers: not a byte too many, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.examples.http_2 import over_http_2
from tests.examples.servers import SERVERS, Server, serving

APPS = Path(__file__).parent / "apps"
REQUESTS = (
    ("HEAD", "/data", 200, "7"),
    ("HEAD", "/made", 200, "4"),
    ("HEAD", "/stream", 200, None),
    ("HEAD", "/own", 200, "3"),
    ("HEAD", "/nowhere", 404, "98"),
    ("HEAD", "/file/200", 200, str(len((APPS / "empty.py").read_bytes()))),
    ("GET", "/file/204", 204, None),
    ("GET", "/file/205", 205, "0"),
    ("GET", "/reset", 205, "0"),
)
"""With the status, and the Content-Length."""


def over_http_1(server: Server, path: str, method: str) -> tuple[dict[str, str], bytes]:
    """The fields of a response, and all that comes after them."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    pairs = [field.partition(": ")[::2] for field in fields]
    return {":status": status.split(" ")[1], **{name.lower(): value for name, value in pairs}}, body


@pytest.mark.parametrize("name", SERVERS)
def test_nothing_comes_after_the_header_section_over_http_1(name: str) -> None:
    with serving(name, "empty", APPS) as server:
        for method, path, status, length in REQUESTS:
            fields, body = over_http_1(server, path, method)
            counted = "0" if name == "wsgiref" else None  # which adds what it has counted
            assert (fields[":status"], fields.get("content-length"), body) == (str(status), length or counted, b""), (method, path)


@pytest.mark.parametrize("name", ["granian-rsgi", "granian-asgi", "granian-wsgi", "hypercorn"])
def test_nothing_comes_after_the_header_section_over_http_2(name: str) -> None:
    with serving(name, "empty", APPS) as server:
        for method, path, status, length in REQUESTS:
            (fields,), body = over_http_2(server, path, method)
            found = dict(fields)
            assert (found[":status"], found.get("content-length"), body) == (str(status), length, b""), (method, path)
