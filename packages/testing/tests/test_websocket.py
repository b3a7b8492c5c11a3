"""The websockets of the test clients, against applications that speak the protocols themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from velo_testing import AsyncTestClient, TestClient, WebSocketClosed, WebSocketDenied

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Says what it hears, and first what it was asked."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0] if scope["subprotocols"] else None})
    await send({"type": "websocket.send", "text": f"{scope['scheme']} {scope['path']} {scope['query_string'].decode()}"})
    while (message := await receive())["type"] == "websocket.receive":
        text: str | None = message.get("text")
        if text == "close":
            await send({"type": "websocket.close", "code": 4000, "reason": "asked"})
            return
        if text == "fail":
            raise ZeroDivisionError
        if text == "hang":
            await asyncio.Event().wait()
        await send({"type": "websocket.send", **{key: message[key] for key in ("text", "bytes") if key in message}})
    await send({"type": "websocket.close"}) if message["code"] == 4444 else None


def test_messages_are_text_and_bytes() -> None:
    with TestClient(echo) as client, client.websocket_connect("/a%20b?x=1", subprotocols=["v1", "v2"]) as socket:
        assert socket.subprotocol == "v1"
        assert socket.receive_text() == "ws /a b x=1"
        socket.send_text("hi")
        socket.send_bytes(b"\x00")
        socket.send_json([1])
        assert socket.receive() == "hi"
        assert socket.receive_bytes() == b"\x00"
        assert socket.receive_json() == [1]


async def test_asynchronous_tests_have_the_same() -> None:
    async with AsyncTestClient(echo, base_url="https://testserver") as client, client.websocket_connect("/") as socket:
        assert socket.subprotocol is None
        assert await socket.receive_text() == "wss / "
        await socket.send_json({"a": 1})
        assert await socket.receive_json() == {"a": 1}
        await socket.send_bytes(b"x")
        with pytest.raises(TypeError, match="bytes where text"):
            await socket.receive_text()


def test_the_end_has_a_code() -> None:
    with TestClient(echo) as client, client.websocket_connect("/") as socket:
        socket.receive()
        socket.send_text("close")
        with pytest.raises(WebSocketClosed) as closed:
            socket.receive()
        with pytest.raises(WebSocketClosed):
            socket.send_text("x")

    assert (closed.value.close_code, closed.value.reason) == (4000, "asked")


def test_an_exception_of_the_application_is_raised_where_the_test_waits() -> None:
    with TestClient(echo) as client, client.websocket_connect("/") as socket:
        socket.receive()
        socket.send_text("fail")
        with pytest.raises(ZeroDivisionError):
            socket.receive()


def test_an_exception_that_is_not_raised_is_a_broken_connection() -> None:
    with TestClient(echo, raise_app_exceptions=False) as client, client.websocket_connect("/") as socket:
        socket.receive()
        socket.send_text("fail")
        with pytest.raises(WebSocketClosed) as closed:
            socket.receive()

    assert closed.value.close_code == 1006


def test_silence_is_a_timeout_that_tells_the_place() -> None:
    with TestClient(echo, timeout=0.2) as client, client.websocket_connect("/") as socket:
        socket.receive()
        socket.send_text("hang")
        with pytest.raises(httpx2.ReadTimeout, match=r"in echo"):
            socket.receive()


def test_a_client_that_is_closed_ends_what_is_open() -> None:
    with TestClient(echo) as client:
        socket = client.websocket_connect("/").__enter__()
        socket.receive()

    with pytest.raises(httpx2.ReadError):
        socket.receive()


def test_a_refusal_has_its_response() -> None:
    async def refuse(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        headers = [(b"content-length", b"4"), (b"set-cookie", b"seen=yes")]
        await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"sl", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"ow"})

    with TestClient(refuse, lifespan=False) as client:
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/"):
            pass
        assert client.cookies["seen"] == "yes"

    assert (denied.value.response.status_code, denied.value.response.text) == (429, "slow")


def test_rsgi_is_as_it_is() -> None:
    seen: list[object] = []

    async def talk(scope: Any, protocol: Any) -> None:
        seen.append((scope.proto, scope.method, scope.scheme, scope.path, scope.headers.get("sec-websocket-protocol")))
        transport = await protocol.accept()
        first, second = transport.receive(), transport.receive()
        with pytest.raises(RuntimeError):
            await second
        seen.append(((await first).kind, "data"))
        sends = [transport.send_str("a"), transport.send_bytes(b"b")]
        sent, refused = await asyncio.gather(*sends, return_exceptions=True)
        assert sent is None
        assert isinstance(refused, RuntimeError)  # Granian's own, where something has imported it
        message = await transport.receive()
        seen.append((message.kind, hasattr(message, "data")))
        with pytest.raises(RuntimeError):
            await transport.send_str("late")

    with TestClient(talk, protocol="rsgi", lifespan=False) as client:
        with client.websocket_connect("/x", subprotocols=["v1"]) as socket:
            socket.send_bytes(b"1")
            assert socket.receive() == "a"
            assert socket.subprotocol is None

    assert seen == [("ws", "GET", "http", "/x", "v1"), (1, "data"), (0, False)]
