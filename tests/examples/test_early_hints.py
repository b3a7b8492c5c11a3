"""Early hints over real servers: what goes over the wire where they are offered, and that nothing does elsewhere."""

import json
import socket
from pathlib import Path

import pytest

from tests.examples.http_2 import over_http_2
from tests.examples.servers import SERVERS, serving

APPS = Path(__file__).parent / "apps"


def test_hypercorn_sends_them_over_http_2() -> None:
    with serving("hypercorn", "hinted", APPS) as server:
        heads, body = over_http_2(server)

    assert [[pair for pair in fields if pair[0] in (":status", "link")] for fields in heads] == [
        [(":status", "103"), ("link", "</style.css>; rel=preload; as=style"), ("link", "<https://fonts.example>; rel=preconnect")],
        [(":status", "103"), ("link", "</tea.js>; rel=preload; as=script")],
        [(":status", "200")],
    ]
    assert json.loads(body) == {"offered": True, "sent": True, "again": True}


@pytest.mark.parametrize("name", SERVERS)
def test_nothing_is_sent_ahead_over_http_1(name: str) -> None:
    with serving(name, "hinted", APPS) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))

    status, _, rest = received.partition(b"\r\n")
    assert status.split(b" ")[1] == b"200"
    assert b"\r\nlink:" not in rest.lower()
    assert b'{"offered":false,"sent":false,"again":false}' in rest
