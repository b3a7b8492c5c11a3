"""Early hints over real servers: what goes over the wire where they are offered, and that nothing does elsewhere."""

import json
import socket
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, InformationalResponseReceived, ResponseReceived, StreamEnded

from tests.examples.servers import SERVERS, Server, serving

APPS = Path(__file__).parent / "apps"


def over_http_2(server: Server) -> tuple[list[list[tuple[str, str]]], bytes]:
    """Status and links of each response to one request, interim ones included, in the order received; and the body."""
    client = H2Connection(H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    client.send_headers(1, [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "localhost")], end_stream=True)
    heads: list[list[tuple[str, str]]] = []
    body, ended = b"", False
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        while not ended:
            connection.sendall(client.data_to_send())
            received = connection.recv(65536)
            assert received, "the connection was lost"
            for event in client.receive_data(received):
                if isinstance(event, InformationalResponseReceived | ResponseReceived):
                    pairs = [(str(name), str(value)) for name, value in event.headers or ()]
                    heads.append([(name, value) for name, value in pairs if name in (":status", "link")])
                elif isinstance(event, DataReceived):
                    body += event.data or b""
                ended = ended or isinstance(event, StreamEnded)
    return heads, body


def test_hypercorn_sends_them_over_http_2() -> None:
    with serving("hypercorn", "hinted", APPS) as server:
        heads, body = over_http_2(server)

    assert heads == [
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
