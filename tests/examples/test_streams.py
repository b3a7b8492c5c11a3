"""Streams over real sockets: slow clients, and streams that fail."""

import http.client
import json
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.examples.servers import SERVERS, Server, serving

RANGE = {"range": "bytes=3-9"}
APPS = Path(__file__).parent / "apps"


def connect(server: Server, target: str) -> socket.socket:
    """A client whose own system keeps little of what it does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.settimeout(20)
    client.connect(("127.0.0.1", server.port))
    client.sendall(f"GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    return client


def state(server: Server) -> dict[str, int]:
    answer: dict[str, int] = json.loads(server.ask("GET", "/state").body)
    return answer


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and RSGI is bounded only where the kernel tells what was acknowledged")
@pytest.mark.parametrize("name", SERVERS)
def test_a_client_that_reads_ten_kilobytes_a_second_holds_memory_flat(name: str) -> None:
    with serving(name, "streams", APPS) as server:
        before = state(server)
        with connect(server, "/endless") as client:
            for _ in range(50):  # 1 kB every tenth of a second: the rate is what is tested
                assert client.recv(1000)
                time.sleep(0.1)
            after = state(server)

    # Up to 4 MiB in the send buffer of the kernel, which is not ours, and a high-water mark of one.
    assert after["made"] < 12_000_000
    assert after["memory"] - before["memory"] < 24_000_000


@pytest.mark.parametrize("name", SERVERS)
def test_a_client_that_reads_gets_all_of_a_long_stream(name: str) -> None:
    with serving(name, "streams", APPS) as server:
        assert len(server.ask("GET", "/many").body) == 1600 * 65536


# Granian's WSGI ends a stream that failed like a whole one, and does not tell the client's port, by which its connection could be found;
# wsgiref speaks HTTP/1.0, where the end of the connection is the end of the body.
@pytest.mark.parametrize("name", [name for name in SERVERS if "wsgi" not in name])
def test_a_stream_that_fails_does_not_look_whole(name: str) -> None:
    with serving(name, "streams", APPS) as server, pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        server.ask("GET", "/fails")


@pytest.mark.parametrize("name", SERVERS)
def test_a_file_is_sent_whole_in_parts_and_not_at_all(name: str) -> None:
    content = (APPS / "streams.py").read_bytes()
    with serving(name, "streams", APPS) as server:
        whole = server.ask("GET", "/file")
        tag = {"if-none-match": whole.headers["etag"]}
        head, part, kept = (server.ask(method, "/file", headers) for method, headers in (("HEAD", {}), ("GET", RANGE), ("GET", tag)))
        several, none = (server.ask("GET", "/file", {"range": value}) for value in ("bytes=0-2,10-12", "bytes=999999-"))

    assert (whole.status, whole.body, whole.headers["content-length"]) == (200, content, str(len(content)))
    assert (head.status, head.body, head.headers) == (200, b"", whole.headers)
    assert (part.status, part.body, part.headers["content-range"]) == (206, content[3:10], f"bytes 3-9/{len(content)}")
    assert (kept.status, kept.body) == (304, b"")
    assert several.status == 206
    assert content[10:13] in several.body
    assert (none.status, none.headers["content-range"]) == (416, f"bytes */{len(content)}")
