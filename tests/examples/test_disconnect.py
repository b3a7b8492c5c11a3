"""A client that goes away, over real sockets: the handler is cancelled, and its `finally` blocks run, long before it would have ended.

WSGI servers do not tell before the next part of a body is sent.
"""

import socket
import time
from pathlib import Path

import pytest

from tests.examples.servers import SERVERS, serving

APPS = Path(__file__).parent / "apps"


def wait_for(event: str, events: Path, seconds: float) -> None:
    """Waits until a line stands in the file that another process writes."""
    deadline = time.monotonic() + seconds
    while not (events.exists() and event in events.read_text().split()):
        assert time.monotonic() < deadline, f"{event!r} did not happen within {seconds} s: {events.read_text() if events.exists() else ''}"
        time.sleep(0.01)  # a file in another process has no event to wait for


@pytest.mark.parametrize(("path", "expected"), [("/wait", ["cancelled", "finally"]), ("/stream", ["finally"])])
@pytest.mark.parametrize("name", [name for name in SERVERS if "wsgi" not in name])
def test_a_client_that_leaves_ends_the_handler(
    name: str, path: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "events"
    monkeypatch.setenv("EVENTS", str(events))
    with serving(name, "watched", APPS) as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        wait_for("started", events, 60)
        time.sleep(0.2)  # the client stays for a while, as clients do: the handler is really waiting, not about to
        connection.close()
        wait_for("finally", events, 60)

    assert events.read_text().split() == ["started", *expected]
