"""What an ASGI application gets, and what becomes of what it sends."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from velo_testing import TestClient

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Recorder:
    """Answers with nothing, and keeps the scopes."""

    def __init__(self) -> None:
        self.scopes: list[Message] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.scopes.append(scope)
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})


def sending(*messages: Message) -> App:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for message in messages:
                await send(message)

    return app


def test_the_scope_is_what_a_server_gives() -> None:
    app = Recorder()
    with TestClient(app, base_url="https://example.org:8443", headers=[(b"X-One", b"\xe9")]) as client:
        client.request("PURGE", "/a%20b/%E2%82%AC?q=%20x", headers=[("X-Two", "1"), ("X-Two", "2")])

    scope = app.scopes[0]
    headers = scope.pop("headers")
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "PURGE",
        "scheme": "https",
        "path": "/a b/€",
        "raw_path": b"/a%20b/%E2%82%AC",
        "query_string": b"q=%20x",
        "root_path": "",
        "client": ("127.0.0.1", 50000),
        "server": ("example.org", 8443),
        "state": {},
        "extensions": {
            "http.response.early_hint": {},
            "http.response.pathsend": {},
            "http.response.trailers": {},
            "http.response.zerocopysend": {},
        },
    }
    assert headers[0] == (b"host", b"example.org:8443")
    assert (b"x-one", b"\xe9") in headers
    assert [value for name, value in headers if name == b"x-two"] == [b"1", b"2"]


def test_the_root_path_comes_before_what_the_proxy_has_left() -> None:
    app = Recorder()
    with TestClient(app, root_path="/my app") as client:
        client.get("/items")

    scope = app.scopes[0]
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/my app", "/my app/items", b"/my%20app/items")


@pytest.mark.parametrize(("target", "path"), [(b"/a/../b", "/a/../b"), (b"//a", "//a"), (b"/%2e%2F%ff", "/./\ufffd")])
def test_a_raw_target_arrives_as_it_is(target: bytes, path: str) -> None:
    app = Recorder()
    with TestClient(app) as client:
        client.get("/", extensions={"target": target + b"?x"})

    assert (app.scopes[0]["raw_path"], app.scopes[0]["path"], app.scopes[0]["query_string"]) == (target, path, b"x")


def test_a_request_can_be_about_the_server_itself() -> None:
    app = Recorder()
    with TestClient(app) as client:
        client.options("/", extensions={"target": b"*"})

    assert (app.scopes[0]["raw_path"], app.scopes[0]["path"]) == (b"*", "*")


@pytest.mark.parametrize(
    ("method", "headers", "target"),
    [
        ("GET / HTTP/1.1\r\nX: Y", {}, b"/"),
        ("GET", {"x": "y\r\nz: a"}, b"/"),
        ("GET", {"x y": "z"}, b"/"),
        ("GET", {}, b"/ HTTP/1.1"),
        ("GET", {}, b"/\xe9"),
        ("GET", {}, b"http://elsewhere/"),
    ],
)
def test_a_request_that_no_wire_carries_is_refused(method: str, headers: dict[str, str], target: bytes) -> None:
    app = Recorder()
    with TestClient(app) as client, pytest.raises(httpx2.LocalProtocolError):
        client.request(method, "/", headers=headers, extensions={"target": target})

    assert app.scopes == []


def test_each_request_has_its_own_copy_of_the_state() -> None:
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["pool"] = ["connection"]
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(scope["state"].copy())
        scope["state"]["mine"] = 1
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    with TestClient(app) as client:
        client.get("/")
        client.get("/")

    assert seen == [{"pool": ["connection"]}, {"pool": ["connection"]}]
    assert seen[0]["pool"] is seen[1]["pool"]


def test_a_body_arrives_in_one_message_and_the_disconnect_after_the_response() -> None:
    messages: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            messages.append(await receive())
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})
            messages.append(await receive())

    with TestClient(app) as client:
        client.post("/", content=b"hello")

    assert messages == [{"type": "http.request", "body": b"hello", "more_body": False}, {"type": "http.disconnect"}]


def test_a_large_body_arrives_in_parts() -> None:
    """An application that looks at one message only works with small bodies, and on no server with others."""
    sizes: list[tuple[int, bool]] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            more = True
            while more:
                message = await receive()
                more = message["more_body"]
                sizes.append((len(message["body"]), more))
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    with TestClient(app) as client:
        client.post("/", content=bytes(100_000))
        client.post("/", content=bytes(65536))

    assert sizes == [(65536, True), (34464, False), (65536, False)]


def test_headers_come_back_as_they_were_sent() -> None:
    """Only framing is left out, which is the server's and not the application's."""
    headers = [(b"x-a", b"1"), (b"x-b", "é".encode("latin-1")), (b"x-a", b"2"), (b"transfer-encoding", b"chunked")]
    with TestClient(
        sending({"type": "http.response.start", "status": 200, "headers": iter(headers)}, {"type": "http.response.body"})
    ) as client:
        response = client.get("/")

    assert response.headers.raw == headers[:3]
    assert response.http_version == "HTTP/1.1"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
def test_a_response_without_a_body_may_say_how_long_it_would_be(method: str, status: int) -> None:
    start = {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"5")]}
    with TestClient(sending(start, {"type": "http.response.body"})) as client:
        response = client.request(method, "/")

    assert (response.headers["content-length"], response.content) == ("5", b"")


def test_a_path_is_sent_as_the_body(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * 1024)
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"262144")]}
    with TestClient(sending(start, {"type": "http.response.pathsend", "path": str(file)})) as client:
        assert client.get("/").content == file.read_bytes()


def test_parts_of_an_open_file_are_sent_between_other_parts_of_the_body(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    with file.open("rb") as opened:
        opened.seek(8)
        app = sending(
            {"type": "http.response.start", "status": 200},
            {"type": "http.response.zerocopysend", "file": opened, "offset": 2, "count": 3, "more_body": True},
            {"type": "http.response.body", "body": b"-", "more_body": True},
            {"type": "http.response.zerocopysend", "file": opened},
        )
        with TestClient(app) as client:
            assert client.get("/").content == b"234-89"


def test_a_file_is_read_no_faster_than_its_client_reads(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(1 << 20))
    with file.open("rb") as opened:
        app = sending({"type": "http.response.start", "status": 200}, {"type": "http.response.zerocopysend", "file": opened})
        with TestClient(app) as client, client.stream("GET", "/") as response:
            chunks = response.iter_raw()
            next(chunks)
            assert os.lseek(opened.fileno(), 0, os.SEEK_CUR) <= 5 * 65536


def test_early_hints_are_told() -> None:
    app = sending(
        {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]},
        {"type": "http.response.start", "status": 200},
        {"type": "http.response.early_hint", "links": [b"</b.css>; rel=preload"]},
        {"type": "http.response.body"},
    )
    with TestClient(app) as client:
        response = client.get("/")

    assert response.extensions["early_hints"] == [b"</a.css>; rel=preload", b"</b.css>; rel=preload"]


@pytest.mark.parametrize(("te", "trailers"), [("trailers", [(b"x-sum", b"1"), (b"x-more", b"2")]), ("gzip", [])])
def test_trailers_reach_a_client_that_asks_for_them(te: str, trailers: list[tuple[bytes, bytes]]) -> None:
    app = sending(
        {"type": "http.response.start", "status": 200, "trailers": True},
        {"type": "http.response.body", "body": b"body"},
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True},
        {"type": "http.response.trailers", "headers": [(b"x-more", b"2")]},
    )
    with TestClient(app) as client:
        response = client.get("/", headers={"te": te})

    assert response.content == b"body"
    assert response.extensions["trailers"] == trailers
