"""One request over HTTP/2 without TLS, frame by frame: what clients make of it may hide what a server sends."""

from __future__ import annotations

import socket

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, InformationalResponseReceived, ResponseReceived, StreamEnded

from tests.examples.servers import Server

__all__ = ["over_http_2"]


def over_http_2(server: Server, path: str = "/", method: str = "GET") -> tuple[list[list[tuple[str, str]]], bytes]:
    """The fields of each response to one request, interim ones included, in the order received; and the body.

    Raises:
        h2.exceptions.ProtocolError: the server breaks HTTP/2, as by a body with HEAD.
    """
    client = H2Connection(H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    client.send_headers(1, [(":method", method), (":path", path), (":scheme", "http"), (":authority", "localhost")], end_stream=True)
    heads: list[list[tuple[str, str]]] = []
    body, ended = b"", False
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        while not ended:
            connection.sendall(client.data_to_send())
            received = connection.recv(65536)
            assert received, "the connection was lost"
            for event in client.receive_data(received):
                if isinstance(event, InformationalResponseReceived | ResponseReceived):
                    heads.append([(str(name), str(value)) for name, value in event.headers or ()])
                elif isinstance(event, DataReceived):
                    body += event.data or b""
                ended = ended or isinstance(event, StreamEnded)
    return heads, body
