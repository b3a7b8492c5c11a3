"""Clients: what is sent to a server for a while, and how much has come back.

`python -m benchmarks.loads events 8000 2` prints the number of events and the seconds that they took; `echoes` does it with messages of a
websocket. They do next to nothing for each of them, so that they are faster than the servers. For plain requests there is wrk.
"""

from __future__ import annotations

import http.client
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.answers import Answer, check
from benchmarks.scenarios import EVENTS, MESSAGES, Exchange

__all__ = ["NoWebSocket", "ask", "echoes", "events", "requests", "run"]

CONNECTIONS = 64
STREAMS = 8
"""Connections that events and echoes come over."""
MASK = b"abcd"


class NoWebSocket(Exception):
    """The handshake was refused."""


def ask(port: int, exchange: Exchange) -> None:
    """Looks at one answer of a server.

    Raises:
        WrongAnswer: it is another one than wanted.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(exchange.method, exchange.path, exchange.body or None, dict(exchange.headers or {}))
        response = connection.getresponse()
        check(exchange, Answer(response.status, response.getheaders(), response.read()))
    finally:
        connection.close()


def requests(port: int, exchange: Exchange, seconds: int, prefix: list[str]) -> tuple[int, float]:
    """How many requests were answered, and in how many seconds.

    Args:
        prefix: What the command of wrk begins with: the core that it has to run on.

    Raises:
        RuntimeError: some were answered otherwise.
    """
    # An expression of Lua for bytes, whatever they are.
    body = "".join(f"\\{octet:03d}" for octet in exchange.body)
    headers = "".join(f'wrk.headers["{name}"]="{value}"\n' for name, value in (exchange.headers or {}).items())
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "request.lua"
        script.write_text(f'wrk.method="{exchange.method}"\n{headers}' + (f'wrk.body="{body}"\n' if body else ""))
        url = f"http://127.0.0.1:{port}{exchange.path}"
        command = [*prefix, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "10", "-s", str(script), url]
        done = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in ([\d.]+)(m?s)", done)
    if found is None or int(found[1]) == 0 or "Non-2xx" in done:
        raise RuntimeError("wrk: other answers than wanted, or none")
    return int(found[1]), float(found[2]) * (0.001 if found[3] == "ms" else 1)


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def events(port: int, seconds: float) -> tuple[int, float]:
    """Reads streams of events one after another, over several connections; what counts is `id:` at the beginning of a line."""
    request = b"GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n"
    connections = [_connected(port) for _ in range(STREAMS)]
    numbered = {connection.fileno(): connection for connection in connections}
    rest = dict.fromkeys(connections, b"")
    last = b"id: %d" % (EVENTS - 1)
    count, began = 0, time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.sendall(request)
            selector.register(connection, selectors.EVENT_READ)
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select(10):
                connection = numbered[key.fd]
                if not (data := connection.recv(262_144)):
                    raise RuntimeError("the connection has ended in a stream")
                data = rest[connection] + data
                found = data.count(b"\nid: ")
                rest[connection] = data[-5:] if not data.endswith(b"\nid: ") else b""
                count += found
                if last in data and data.endswith(b"0\r\n\r\n"):
                    connection.sendall(request)
    elapsed = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return count, elapsed


def _handshake(port: int) -> socket.socket:
    connection = _connected(port)
    fields = "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    connection.sendall(f"GET /echo HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{fields}\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (data := connection.recv(1)):
            break
        head += data
    if not head.startswith(b"HTTP/1.1 101"):
        raise NoWebSocket(f"no websocket: {head[:60]!r}")
    return connection


def _frames(messages: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Text frames (RFC 6455 section 5.2) as clients send them, masked, and as servers do. Messages have less than 126 bytes."""
    masked = plain = b""
    for message in messages:
        data = message.encode()
        hidden = bytes(octet ^ MASK[index % 4] for index, octet in enumerate(data))
        masked += bytes([0x81, 0x80 | len(data)]) + MASK + hidden
        plain += bytes([0x81, len(data)]) + data
    return masked, plain


def echoes(port: int, seconds: float, at_once: int = 10) -> tuple[int, float]:
    """Sends messages over several websockets, so many at once, and the next ones when these have come back."""
    masked, plain = _frames(MESSAGES[:at_once])
    connections = [_handshake(port) for _ in range(STREAMS)]
    numbered = {connection.fileno(): connection for connection in connections}
    got = dict.fromkeys(connections, b"")
    count, began = 0, time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.sendall(masked)
            selector.register(connection, selectors.EVENT_READ)
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select(10):
                connection = numbered[key.fd]
                data = connection.recv(65_536)
                got[connection] += data
                if not data or not plain.startswith(got[connection]):
                    raise RuntimeError("other messages have come back than were sent")
                if len(got[connection]) == len(plain):
                    got[connection] = b""
                    count += at_once
                    connection.sendall(masked)
    elapsed = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return count, elapsed


def run(kind: str, port: int, seconds: float, prefix: list[str]) -> tuple[int, float]:
    """`events` or `echoes` in a process of its own.

    Raises:
        RuntimeError: something else has come back.
    """
    command = [*prefix, sys.executable, "-m", "benchmarks.loads", kind, str(port), str(seconds)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    count, elapsed = done.stdout.split()
    return int(count), float(elapsed)


if __name__ == "__main__":
    _, chosen, to_port, for_seconds = sys.argv
    print(*{"events": events, "echoes": echoes}[chosen](int(to_port), float(for_seconds)))
