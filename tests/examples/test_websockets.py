"""Websockets over real servers, with a real client: conversations, refusals, and every way to end."""

import asyncio
import json
import socket as sockets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.examples.servers import WAITS_FOR_EVER, WEBSOCKET_SERVERS, Server, serving
from tests.examples.test_disconnect import wait_for

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module", params=WEBSOCKET_SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param, "talk", APPS) as running:
        yield running
        assert running.ask("GET", "/alive").body == b"yes"  # after all of this module


def is_rsgi(server: Server) -> bool:
    return "rsgi" in server.name


def url(server: Server, path: str) -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


async def closed_with(server: Server, path: str, *messages: str | bytes) -> tuple[int, str]:
    """Code and reason with which the server ends a conversation."""
    async with connect(url(server, path), max_size=None) as socket:
        for message in messages:
            await socket.send(message)
        await asyncio.wait_for(socket.wait_closed(), 30)
    return socket.close_code or 1006, socket.close_reason or ""


async def refused_with(server: Server, path: str, **options: object) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url(server, path), **options):  # pyright: ignore[reportArgumentType]: as given
            pass
    return refused.value


async def test_messages_go_both_ways(server: Server) -> None:
    async with connect(url(server, "/echo")) as socket:
        for message in ["hä", b"\x00\xff", "", b"", "x" * 1000]:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), 30) == message


async def test_a_subprotocol_is_agreed_on(server: Server) -> None:
    async with connect(url(server, "/echo"), subprotocols=[Subprotocol("v1"), Subprotocol("v2")]) as socket:
        assert socket.subprotocol == (None if is_rsgi(server) else "v2")


async def test_several_tasks_can_send_at_once(server: Server) -> None:
    async with connect(url(server, "/many")) as socket:
        heard = [int(str(message).partition(" ")[0]) async for message in socket]
    assert sorted(heard) == list(range(200))


@pytest.mark.parametrize(("how", "code"), [("own", 4001), ("forbidden", 1008), ("mistake", 1011), ("well", 1000)])
async def test_the_end_has_a_code(server: Server, how: str, code: int) -> None:
    ended, reason = await closed_with(server, f"/end/{how}")

    assert ended == (1005 if is_rsgi(server) else code)
    assert reason == ("" if is_rsgi(server) else {"own": "mine", "forbidden": "Forbidden"}.get(how, ""))


async def test_a_message_over_the_limit_ends_with_1009(server: Server) -> None:
    ended, _ = await closed_with(server, "/echo", "x" * 1001)

    assert ended == (1005 if is_rsgi(server) else 1009)


async def test_a_frame_over_the_limit_of_the_server_ends_the_conversation(server: Server) -> None:
    try:
        ended, _ = await closed_with(server, "/echo", b"x" * 20_000_000)
    except ConnectionClosed:  # while it was still sent
        return
    assert ended in ({1005, 1006, 1009} if is_rsgi(server) else {1006, 1009})


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/alive", 404), ("/refuse/mistake", 500), ("/refuse/well", 429)])
async def test_a_refusal_is_a_response(server: Server, path: str, status: int) -> None:
    refused = await refused_with(server, path)

    assert refused.response.status_code == status
    if path == "/refuse/well" and not is_rsgi(server):
        assert json.loads(bytes(refused.response.body or b"")) == {"slow": "down"}
        assert refused.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("kind", ["stream", "file"])
async def test_a_refusal_may_be_a_stream_or_a_file(server: Server, kind: str) -> None:
    refused = await refused_with(server, f"/refuse/{kind}")

    assert refused.response.status_code == 429
    if not is_rsgi(server):
        assert refused.response.headers["retry-after"] == "7"
        body = bytes(refused.response.body or b"")
        assert body == (b"slow down" if kind == "stream" else (APPS / "talk.py").read_bytes())


async def test_other_origins_are_refused(server: Server) -> None:
    assert (await refused_with(server, "/echo", origin="https://evil.example")).response.status_code == 403
    for origin in ("https://app.example.com", f"http://127.0.0.1:{server.port}"):
        async with connect(url(server, "/echo"), origin=origin):  # pyright: ignore[reportArgumentType]: a list of plain texts
            pass


@pytest.mark.parametrize("value", [b"\x80\xff", b"a b", b"a,a", b'"a"'])
def test_malformed_subprotocols_are_refused_and_the_process_lives(server: Server, value: bytes) -> None:
    """CVE-2026-42544: a server's process ended of the first of these."""
    if server.name == "uvicorn-wsproto" and not value.isascii():
        pytest.skip("Uvicorn with wsproto does not ask the application, and never stops after that, whatever it serves")
    with sockets.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(
            b"GET /echo HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: " + value + b"\r\n\r\n"
        )
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 4") or answer == b""
    assert server.ask("GET", "/alive").body == b"yes"


def test_a_request_without_upgrade_is_told_of_it(server: Server) -> None:
    answer = server.ask("GET", "/echo")

    assert answer.status == 426
    assert answer.headers["upgrade"] == "websocket"


@pytest.mark.parametrize("leaves", ["closes", "breaks off"])
@pytest.mark.parametrize("name", WEBSOCKET_SERVERS)
async def test_a_client_that_leaves_ends_the_handler(name: str, leaves: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = tmp_path / "events"
    monkeypatch.setenv("EVENTS", str(events))
    with serving(name, "talk", APPS) as server:
        async with connect(url(server, "/wait")) as socket:
            await socket.recv()
            if leaves == "breaks off":
                socket.transport.abort()
        await asyncio.to_thread(wait_for, "finally", events, 30)

    assert events.read_text().split() == ["started", "cancelled", "finally"]


@pytest.mark.parametrize("name", WEBSOCKET_SERVERS)
async def test_a_server_that_stops_ends_conversations(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1001 where the server leaves it to the application; the handler's `finally` runs in any case."""
    if name == "hypercorn-ws" and WAITS_FOR_EVER:
        pytest.skip("Hypercorn waits for what is under way, on this version of Python")
    events = tmp_path / "events"
    monkeypatch.setenv("EVENTS", str(events))
    with ExitStack() as stack:
        server = stack.enter_context(serving(name, "talk", APPS))
        async with connect(url(server, "/wait")) as socket:
            await socket.recv()
            stopping = asyncio.create_task(asyncio.to_thread(stack.close))
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 30)
            await stopping

    code = None if closed.value.rcvd is None else closed.value.rcvd.code
    if "granian" in name:  # most often it breaks off before the closing frame has gone out
        assert code in (None, 1001, 1005)
    else:
        assert code == {"hypercorn-ws": 1001, "uvicorn-websockets": 1012, "uvicorn-wsproto": 1012}[name]
    assert events.read_text().split() == ["started", "cancelled", "finally"]
