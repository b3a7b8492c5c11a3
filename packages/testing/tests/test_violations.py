"""Every misbehaviour of an application is named: a table of them, on both protocols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest

from velo_testing import ProtocolName, ProtocolViolation, TestClient
from velo_testing.errors import ViolationCode

Message = dict[str, Any]
App = Callable[..., Awaitable[None]]


def start(*headers: tuple[bytes, bytes], status: object = 200, **more: object) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(content: object = b"", **more: object) -> Message:
    return {"type": "http.response.body", "body": content, **more}


def asgi(*messages: object) -> App:
    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[object], Awaitable[None]]) -> None:
        if scope["type"] == "http":
            for message in messages:
                await send(message)

    return app


def asgi_lifespan(*messages: Message, shutdown: bool = False) -> App:
    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "lifespan":
            await receive()
            if shutdown:
                await send({"type": "lifespan.startup.complete"})
                await receive()
            for message in messages:
                await send(message)
        else:
            await send(start())
            await send(body())

    return app


def rsgi(respond: Callable[[Any], object]) -> App:
    async def app(scope: object, protocol: object) -> None:
        respond(protocol)

    return app


def rsgi_stream(*chunks: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> App:
    async def app(scope: object, protocol: Any) -> None:
        transport = protocol.response_stream(status, headers)
        for chunk in chunks:
            await transport.send_bytes(chunk)

    return app


ASGI: list[tuple[str, ViolationCode, str, App]] = [
    ("no message", "VELO_VIOLATION_MESSAGE", "GET", asgi("hello")),
    ("no type", "VELO_VIOLATION_MESSAGE", "GET", asgi({"status": 200})),
    ("unknown message", "VELO_VIOLATION_MESSAGE", "GET", asgi({"type": "http.response.push", "path": "/"})),
    ("headers are no list", "VELO_VIOLATION_MESSAGE", "GET", asgi({"type": "http.response.start", "status": 200, "headers": b"a: b"})),
    ("header is no pair", "VELO_VIOLATION_MESSAGE", "GET", asgi({"type": "http.response.start", "status": 200, "headers": [(b"a",)]})),
    ("header is text", "VELO_VIOLATION_MESSAGE", "GET", asgi({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})),
    ("body is text", "VELO_VIOLATION_MESSAGE", "GET", asgi(start(), body("text"))),
    ("more_body is no bool", "VELO_VIOLATION_MESSAGE", "GET", asgi(start(), body(more_body="no"))),
    ("hint is text", "VELO_VIOLATION_MESSAGE", "GET", asgi(start(), {"type": "http.response.early_hint", "links": ["</a>"]})),
    ("file is not open", "VELO_VIOLATION_MESSAGE", "GET", asgi(start(), {"type": "http.response.zerocopysend", "file": "name"})),
    ("body first", "VELO_VIOLATION_ORDER", "GET", asgi(body(b"a"))),
    ("two starts", "VELO_VIOLATION_ORDER", "GET", asgi(start(), start())),
    ("body after the end", "VELO_VIOLATION_ORDER", "GET", asgi(start(), body(b"a"), body(b"b"))),
    ("trailers unannounced", "VELO_VIOLATION_ORDER", "GET", asgi(start(), body(), {"type": "http.response.trailers", "headers": []})),
    ("hint after the body", "VELO_VIOLATION_ORDER", "GET", asgi(start(), body(), {"type": "http.response.early_hint", "links": [b"</a>"]})),
    (
        "path after a body",
        "VELO_VIOLATION_ORDER",
        "GET",
        asgi(start(), body(b"a", more_body=True), {"type": "http.response.pathsend", "path": __file__}),
    ),
    ("status is text", "VELO_VIOLATION_STATUS", "GET", asgi(start(status="200"))),
    ("status is missing", "VELO_VIOLATION_STATUS", "GET", asgi({"type": "http.response.start"})),
    ("status is a bool", "VELO_VIOLATION_STATUS", "GET", asgi(start(status=True))),
    ("status 99", "VELO_VIOLATION_STATUS", "GET", asgi(start(status=99))),
    ("status 103", "VELO_VIOLATION_STATUS", "GET", asgi(start(status=103))),
    ("status 600", "VELO_VIOLATION_STATUS", "GET", asgi(start(status=600))),
    ("name in upper case", "VELO_VIOLATION_HEADER_NAME", "GET", asgi(start((b"X-A", b"b")))),
    ("name with a space", "VELO_VIOLATION_HEADER_NAME", "GET", asgi(start((b"x a", b"b")))),
    ("pseudo header", "VELO_VIOLATION_HEADER_NAME", "GET", asgi(start((b":status", b"200")))),
    ("name is empty", "VELO_VIOLATION_HEADER_NAME", "GET", asgi(start((b"", b"b")))),
    ("value with CRLF", "VELO_VIOLATION_HEADER_VALUE", "GET", asgi(start((b"x-a", b"b\r\nx-c: d")))),
    ("value with NUL", "VELO_VIOLATION_HEADER_VALUE", "GET", asgi(start((b"x-a", b"b\0")))),
    ("value with space around", "VELO_VIOLATION_HEADER_VALUE", "GET", asgi(start((b"x-a", b" b")))),
    ("hint with CRLF", "VELO_VIOLATION_HEADER_VALUE", "GET", asgi(start(), {"type": "http.response.early_hint", "links": [b"a\r\n"]})),
    ("body to HEAD", "VELO_VIOLATION_BODY", "HEAD", asgi(start(), body(b"a"))),
    ("file to HEAD", "VELO_VIOLATION_BODY", "HEAD", asgi(start(), {"type": "http.response.pathsend", "path": __file__})),
    ("body on 204", "VELO_VIOLATION_BODY", "GET", asgi(start(status=204), body(b"a"))),
    ("body on 304", "VELO_VIOLATION_BODY", "GET", asgi(start(status=304), body(b"a"))),
    ("too many bytes", "VELO_VIOLATION_CONTENT_LENGTH", "GET", asgi(start((b"content-length", b"1")), body(b"ab"))),
    ("too few bytes", "VELO_VIOLATION_CONTENT_LENGTH", "GET", asgi(start((b"content-length", b"3")), body(b"ab"))),
    ("length is no number", "VELO_VIOLATION_CONTENT_LENGTH", "GET", asgi(start((b"content-length", b"+1")), body(b"a"))),
    ("two lengths", "VELO_VIOLATION_CONTENT_LENGTH", "GET", asgi(start((b"content-length", b"0"), (b"content-length", b"0")), body())),
    ("length on 204", "VELO_VIOLATION_CONTENT_LENGTH", "GET", asgi(start((b"content-length", b"0"), status=204), body())),
    ("silence", "VELO_VIOLATION_NO_RESPONSE", "GET", asgi()),
    ("no body", "VELO_VIOLATION_NO_RESPONSE", "GET", asgi(start())),
    ("no end", "VELO_VIOLATION_NO_RESPONSE", "GET", asgi(start(), body(b"a", more_body=True))),
    ("no trailers", "VELO_VIOLATION_NO_RESPONSE", "GET", asgi(start(trailers=True), body())),
    ("no file", "VELO_VIOLATION_FILE", "GET", asgi(start(), {"type": "http.response.pathsend", "path": f"{__file__}.none"})),
    ("relative file", "VELO_VIOLATION_FILE", "GET", asgi(start(), {"type": "http.response.pathsend", "path": "name"})),
    ("closed file", "VELO_VIOLATION_FILE", "GET", asgi(start(), {"type": "http.response.zerocopysend", "file": 1_000_000})),
    ("lifespan answer twice", "VELO_VIOLATION_LIFESPAN", "GET", asgi_lifespan(*[{"type": "lifespan.startup.complete"}] * 2)),
    ("lifespan answer unasked", "VELO_VIOLATION_LIFESPAN", "GET", asgi_lifespan({"type": "lifespan.shutdown.complete"})),
    ("lifespan start unanswered", "VELO_VIOLATION_LIFESPAN", "GET", asgi_lifespan()),
    ("lifespan end unanswered", "VELO_VIOLATION_LIFESPAN", "GET", asgi_lifespan(shutdown=True)),
]

RSGI: list[tuple[str, ViolationCode, str, App]] = [
    ("two responses", "VELO_VIOLATION_ORDER", "GET", rsgi(lambda p: [p.response_empty(), p.response_empty()])),
    ("status 99", "VELO_VIOLATION_STATUS", "GET", rsgi(lambda p: p.response_empty(99))),
    ("status 101", "VELO_VIOLATION_STATUS", "GET", rsgi(lambda p: p.response_empty(101))),
    ("status 1000", "VELO_VIOLATION_STATUS", "GET", rsgi(lambda p: p.response_empty(1000))),
    ("name with a space", "VELO_VIOLATION_HEADER_NAME", "GET", rsgi(lambda p: p.response_empty(200, [("bad name", "a")]))),
    ("name beyond ASCII", "VELO_VIOLATION_HEADER_NAME", "GET", rsgi(lambda p: p.response_empty(200, [("x-é", "a")]))),
    ("value with CRLF", "VELO_VIOLATION_HEADER_VALUE", "GET", rsgi(lambda p: p.response_empty(200, [("x-a", "a\r\nb: c")]))),
    ("body on 204", "VELO_VIOLATION_BODY", "GET", rsgi(lambda p: p.response_str(204, [], "a"))),
    ("body to HEAD", "VELO_VIOLATION_BODY", "HEAD", rsgi(lambda p: p.response_bytes(200, [], b"a"))),
    ("text to HEAD", "VELO_VIOLATION_BODY", "HEAD", rsgi(lambda p: p.response_str(200, [], "a"))),
    ("body on 304", "VELO_VIOLATION_BODY", "GET", rsgi(lambda p: p.response_bytes(304, [], b"a"))),
    ("stream on 204", "VELO_VIOLATION_BODY", "GET", rsgi_stream(b"a", status=204)),
    ("too many bytes", "VELO_VIOLATION_CONTENT_LENGTH", "GET", rsgi(lambda p: p.response_str(200, [("content-length", "1")], "ab"))),
    ("too few bytes", "VELO_VIOLATION_CONTENT_LENGTH", "GET", rsgi(lambda p: p.response_empty(200, [("content-length", "5")]))),
    ("stream too long", "VELO_VIOLATION_CONTENT_LENGTH", "GET", rsgi_stream(b"a", b"b", headers=(("content-length", "1"),))),
    ("stream too short", "VELO_VIOLATION_CONTENT_LENGTH", "GET", rsgi_stream(b"a", b"b", headers=(("content-length", "3"),))),
    ("file too long", "VELO_VIOLATION_CONTENT_LENGTH", "GET", rsgi(lambda p: p.response_file(200, [("content-length", "1")], __file__))),
    ("silence", "VELO_VIOLATION_NO_RESPONSE", "GET", rsgi(lambda p: None)),
    ("directory", "VELO_VIOLATION_FILE", "GET", rsgi(lambda p: p.response_file(200, [], str(Path(__file__).parent)))),
]


def asgi_socket(*messages: object, receives: bool = True) -> App:
    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[object], Awaitable[None]]) -> None:
        if scope["type"] == "websocket":
            if receives:
                await receive()
            for message in messages:
                await send(message)

    return app


def rsgi_socket(talk: Callable[[Any], Awaitable[object]]) -> App:
    async def app(scope: object, protocol: object) -> None:
        await talk(protocol)

    return app


async def accept_twice(protocol: Any) -> None:
    await protocol.accept()
    await protocol.accept()


async def refuse_oddly(protocol: Any) -> None:
    protocol.close(99)


async def forget(protocol: Any) -> None: ...


ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close"}
TEXT: Message = {"type": "websocket.send", "text": "x"}
DENY: Message = {"type": "websocket.http.response.start", "status": 403, "headers": []}

ASGI_SOCKETS: list[tuple[str, ViolationCode, str, App]] = [
    ("unknown message", "VELO_VIOLATION_MESSAGE", "", asgi_socket(start())),
    ("before connect", "VELO_VIOLATION_ORDER", "", asgi_socket(ACCEPT, receives=False)),
    ("send first", "VELO_VIOLATION_ORDER", "", asgi_socket(TEXT)),
    ("two acceptances", "VELO_VIOLATION_ORDER", "", asgi_socket(ACCEPT, ACCEPT)),
    ("after the end", "VELO_VIOLATION_ORDER", "", asgi_socket(ACCEPT, CLOSE, TEXT)),
    ("acceptance in a refusal", "VELO_VIOLATION_ORDER", "", asgi_socket(DENY, ACCEPT)),
    ("refusal after acceptance", "VELO_VIOLATION_ORDER", "", asgi_socket(ACCEPT, DENY)),
    ("body of no refusal", "VELO_VIOLATION_ORDER", "", asgi_socket({"type": "websocket.http.response.body"})),
    ("text and bytes", "VELO_VIOLATION_MESSAGE", "", asgi_socket(ACCEPT, {**TEXT, "bytes": b"x"})),
    ("neither", "VELO_VIOLATION_MESSAGE", "", asgi_socket(ACCEPT, {"type": "websocket.send"})),
    ("bytes as text", "VELO_VIOLATION_MESSAGE", "", asgi_socket(ACCEPT, {"type": "websocket.send", "text": b"x"})),
    ("subprotocol not offered", "VELO_VIOLATION_SUBPROTOCOL", "", asgi_socket({**ACCEPT, "subprotocol": "x"})),
    ("subprotocol as header", "VELO_VIOLATION_HEADER_NAME", "", asgi_socket({**ACCEPT, "headers": [(b"sec-websocket-protocol", b"v1")]})),
    ("bad header", "VELO_VIOLATION_HEADER_VALUE", "", asgi_socket({**ACCEPT, "headers": [(b"a", b"x\r\ny: z")]})),
    ("reserved code", "VELO_VIOLATION_CLOSE", "", asgi_socket(ACCEPT, {**CLOSE, "code": 1005})),
    ("long reason", "VELO_VIOLATION_CLOSE", "", asgi_socket(ACCEPT, {**CLOSE, "reason": "x" * 124})),
    ("status of a refusal", "VELO_VIOLATION_STATUS", "", asgi_socket({**DENY, "status": 101})),
    ("silence", "VELO_VIOLATION_NO_RESPONSE", "", asgi_socket()),
    ("no end", "VELO_VIOLATION_NO_RESPONSE", "", asgi_socket(ACCEPT)),
    ("half a refusal", "VELO_VIOLATION_NO_RESPONSE", "", asgi_socket(DENY)),
]
RSGI_SOCKETS: list[tuple[str, ViolationCode, str, App]] = [
    ("two acceptances", "VELO_VIOLATION_ORDER", "", rsgi_socket(accept_twice)),
    ("status of a refusal", "VELO_VIOLATION_STATUS", "", rsgi_socket(refuse_oddly)),
    ("silence", "VELO_VIOLATION_NO_RESPONSE", "", rsgi_socket(forget)),
]


def named(protocol: ProtocolName, rows: list[tuple[str, ViolationCode, str, App]]) -> list[Any]:
    return [pytest.param(protocol, code, method, app, id=f"{protocol}-{name}") for name, code, method, app in rows]


@pytest.mark.parametrize(("protocol", "code", "method", "app"), [*named("asgi", ASGI), *named("rsgi", RSGI)])
def test_a_misbehaving_application_fails_the_test(protocol: ProtocolName, code: ViolationCode, method: str, app: App) -> None:
    """Also where a server's answer is wanted in place of exceptions: a violation is never an answer."""
    with pytest.raises(ProtocolViolation) as caught, TestClient(app, protocol=protocol, raise_app_exceptions=False) as client:
        client.request(method, "/")

    assert caught.value.code == code


@pytest.mark.parametrize(("protocol", "code", "method", "app"), [*named("asgi", ASGI_SOCKETS), *named("rsgi", RSGI_SOCKETS)])
def test_a_misbehaving_websocket_fails_the_test(protocol: ProtocolName, code: ViolationCode, method: str, app: App) -> None:
    client = TestClient(app, protocol=protocol, raise_app_exceptions=False, lifespan=False)
    with pytest.raises(ProtocolViolation) as caught, client, client.websocket_connect("/", subprotocols=["v1"]) as socket:
        socket.receive()

    assert caught.value.code == code


def test_every_code_has_a_case() -> None:
    assert {code for _, code, _, _ in ASGI + RSGI + ASGI_SOCKETS} == set(get_args(ViolationCode))


def test_a_violation_that_the_application_catches_still_fails_the_test() -> None:
    """An error page, sent by a handler of all exceptions, does not hide what it answers."""

    async def app(scope: Message, receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
        try:
            await send(start(status=1000))
        except Exception:
            await send(start(status=500))
            await send(body(b"oops"))

    with TestClient(app) as client, pytest.raises(ProtocolViolation, match="1000"):
        client.get("/")


def test_a_violation_of_the_lifespan_that_the_application_catches_still_fails_the_test() -> None:
    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        for step in ("startup", "shutdown"):
            await receive()
            with suppress(Exception):
                await send({"type": "lifespan.hello"})
            await send({"type": f"lifespan.{step}.complete"})

    with pytest.raises(ProtocolViolation, match=r"lifespan\.hello"), TestClient(app):
        pass


def test_the_response_that_surrounds_a_violation_can_be_looked_at() -> None:
    with TestClient(asgi(start(status=201), body(b"a"), body(b"b"))) as client:
        stream = client.stream("GET", "/")
        response = stream.__enter__()
        chunks = response.iter_raw()
        assert (response.status_code, next(chunks)) == (201, b"a")
        with pytest.raises(ProtocolViolation):
            next(chunks)


WRONG_TYPES: list[Callable[[Any], object]] = [
    lambda p: p.response_str(200, [], b"bytes"),
    lambda p: p.response_bytes(200, [], "text"),
    lambda p: p.response_empty(200, {"a": "b"}),
    lambda p: p.response_empty(200, [["a", "b"]]),
    lambda p: p.response_empty(200, [(b"a", b"b")]),
    lambda p: p.response_stream().send_bytes("text"),
    lambda p: p.response_stream().send_str(b"bytes"),
]


@pytest.mark.parametrize("call", WRONG_TYPES)
def test_rsgi_refuses_wrong_types_as_granian_does(call: Callable[[Any], object]) -> None:
    with TestClient(rsgi(call), protocol="rsgi") as client, pytest.raises(TypeError):
        client.get("/")
