"""The ticker of `examples/events.py` over real servers: events, JSON Lines, a file, and an end that nobody has to wait for."""

import json
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.examples.servers import EXAMPLES, SERVERS, WAITS_FOR_EVER, Server, serving


class Stream:
    """A response of events that is read as it comes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""

    def read_until(self, text: bytes) -> bytes:
        """What has come, up to and with `text`; the end of the connection counts as well."""
        deadline = time.monotonic() + 60  # pings alone would keep it waiting
        while text not in self.received:
            assert time.monotonic() < deadline, f"{text!r} did not come: {self.received!r}"
            chunk = self.connection.recv(65536)
            assert chunk, f"{text!r} did not come: {self.received!r}"
            self.received += chunk
        head, _, self.received = self.received.partition(text)
        return head + text


@contextmanager
def listening(server: Server, *fields: str) -> Generator[Stream]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        lines = ["GET /ticker HTTP/1.1", "host: localhost", *fields, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        yield Stream(connection)


@pytest.mark.parametrize("name", SERVERS)
def test_the_ticker(name: str) -> None:
    with serving(name, "events") as server:
        with listening(server) as stream, listening(server, "last-event-id: 3") as back:
            assert b"text/event-stream" in stream.read_until(b"\r\n\r\n")
            stream.read_until(b'event: price\nid: 3\ndata: {"number":3,"product":"tea","price":3.6}\n\n')
            back.read_until(b":\n\n")
            assert server.ask("POST", "/prices?product=tea&price=3.7").status == 201
            for one in (stream, back):
                assert b"id: 3" not in one.read_until(b"id: 4\n")

        lines = server.ask("GET", "/prices/tea")
        assert lines.headers["content-type"] == "application/jsonl"
        assert [json.loads(line)["price"] for line in lines.body.splitlines()] == [3.5, 3.6, 3.7]
        assert server.ask("GET", "/prices/beer").status == 404

        whole, part = server.ask("GET", "/source"), server.ask("GET", "/source", {"range": "bytes=3-9"})
        assert whole.body == (EXAMPLES / "events.py").read_bytes()
        assert (part.status, part.body) == (206, whole.body[3:10])


# On WSGI a stream holds a thread of the server, and only the main thread, which is the server's, hears of signals.
@pytest.mark.parametrize("name", [name for name in SERVERS if "wsgi" not in name])
def test_a_server_that_stops_does_not_wait_for_the_ticker(name: str) -> None:
    if name == "hypercorn" and WAITS_FOR_EVER:
        pytest.skip("Hypercorn waits for what is under way, on this version of Python")
    with serving(name, "events") as server, listening(server) as stream:
        stream.read_until(b"id: 3\n")
        server.stop()
        if name != "hypercorn":  # its workers get no signal: it cuts the stream off after three seconds
            stream.read_until(b"\r\n0\r\n\r\n")  # the end of a whole response
        server.process.wait(15)  # not for ever: some of these servers wait without an end for what is under way
