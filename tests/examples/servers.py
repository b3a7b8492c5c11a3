"""Real servers on free ports, and a client that sends and shows exactly what goes over the wire."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"

SERVERS: dict[str, tuple[str, ...]] = {
    "granian-rsgi": ("granian", "--interface", "rsgi", "--no-ws", "--host", "127.0.0.1", "--port", "{port}", "{module}:app"),
    "granian-asgi": ("granian", "--interface", "asgi", "--no-ws", "--host", "127.0.0.1", "--port", "{port}", "{module}:app"),
    "granian-wsgi": ("granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", "{port}", "{module}:app.wsgi"),
    "wsgiref": ("tests.examples.with_wsgiref", "{port}", "{module}"),
    "uvicorn": ("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "{module}:app"),
    "hypercorn": ("hypercorn", "--bind", "127.0.0.1:{port}", "{module}:app"),
}
"""Command lines; each is run with `python -m`."""

WEBSOCKET_SERVERS: dict[str, tuple[str, ...]] = {
    "granian-rsgi-ws": ("granian", "--interface", "rsgi", "--host", "127.0.0.1", "--port", "{port}", "{module}:app"),
    "granian-asgi-ws": ("granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", "{module}:app"),
    "uvicorn-websockets": ("uvicorn", "--ws", "websockets-sansio", "--host", "127.0.0.1", "--port", "{port}", "{module}:app"),
    "uvicorn-wsproto": ("uvicorn", "--ws", "wsproto", "--host", "127.0.0.1", "--port", "{port}", "{module}:app"),
    "hypercorn-ws": ("hypercorn", "--bind", "127.0.0.1:{port}", "{module}:app"),
}
"""The same for servers with websockets."""
WAITS_FOR_EVER = sys.version_info >= (3, 12)
"""Whether Hypercorn, when it is stopped, waits for connections to end by themselves before it does anything: what it awaits there,
`asyncio.Server.wait_closed`, returned at once in older versions of Python."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `headers` lower-case, without those that servers add of their own accord."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    name: str
    port: int
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """Tells it to stop; it may take its time."""
        self.process.terminate()

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
        """Sends one request on a connection of its own; `target` goes out as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
            own = {"date", "server", "connection", "transfer-encoding"}
            kept = {name.lower(): value for name, value in response.getheaders() if name.lower() not in own}
            return Answer(response.status, kept, content)
        finally:
            connection.close()


@contextmanager
def serving(name: str, module: str, folder: Path = EXAMPLES) -> Generator[Server]:
    """Runs `<module>.py` in `folder` under the server called `name` until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", *(part.format(port=port, module=module) for part in (SERVERS | WEBSOCKET_SERVERS)[name])]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_open(process, port)
        yield Server(name, port, process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_until_open(process: subprocess.Popen[str], port: int) -> None:
    """Waits until the server accepts connections.

    Raises:
        RuntimeError: it ended before, with what it printed; or it took more than a minute.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}:\n{process.communicate()[0]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)  # there is no event to wait for: the port opens or it does not
        else:
            return
    raise RuntimeError("the server did not open its port within a minute")
