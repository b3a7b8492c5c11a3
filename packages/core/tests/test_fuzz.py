"""Ten thousand requests of random bytes, in all places where a client can put them: each gets a well-formed answer, and none is our fault.

The server's side is as little as each protocol needs, so that everything reaches the application that any server lets through.
"""

import asyncio
import io
import logging
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal, cast
from urllib.parse import unquote_to_bytes
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from velo_core import (
    Body,
    Cookie,
    Depends,
    FileResponse,
    Header,
    JSONResponse,
    Query,
    Request,
    Response,
    ServerSentEvent,
    Velo,
    check_preconditions,
    conditional_requests,
)

NUMBER = 10_000 if sys.version_info >= (3, 13) else 1_000
"""Of requests. Once is enough: what they find seldom depends on the version of Python."""
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+").fullmatch
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*").fullmatch


# What is asked: something of everything.


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(max_length=20)]
    price: Decimal
    tags: list[str] = []
    when: datetime | None = None
    inner: "Item | None" = None


class Page(msgspec.Struct):
    number: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    order: Literal["up", "down"] = "up"


async def session(authorization: Annotated[str | None, Header()] = None) -> AsyncIterator[str]:
    yield authorization or ""


def application(folder: Path) -> Velo:
    app = Velo(max_content_length=2000)
    (folder / "file.txt").write_bytes(bytes(range(256)) * 8)

    @app.get("/items/{number:int}")
    async def by_number(number: int, page: Annotated[Page, Query()], tag: Annotated[list[int], Query()] = []) -> dict[str, object]:  # noqa: B006 - Velo copies it
        return {"number": number, "page": page, "tag": tag}

    @app.get("/ids/{id:uuid}/{day}")
    def by_id(id: UUID, day: date, part: float = 0.5, on: bool = False) -> list[object]:
        return [id, day, part, on]

    @app.get("/files/{path:path}")
    async def by_path(path: str, request: Request) -> Response:
        return JSONResponse(
            {"path": path, "query": dict(request.query), "cookies": dict(request.cookies), "host": request.headers.get("host")}
        )

    @app.post("/items")
    async def create(item: Item, x_count: Annotated[int | None, Header()] = None) -> Item:
        return item

    @app.put("/items/{name}")
    async def change(name: str, value: Annotated[int, Body(embed=True)], request: Request) -> str:
        check_preconditions(request, etag="v1", last_modified=datetime.fromisoformat("2023-11-14T22:13:20+00:00"))
        response = Response(name)
        request.response_headers.add("x-name", "set")
        return response.body.decode()

    @app.post("/anything")
    async def anything(request: Request) -> object:
        return await request.json()

    @app.post("/raw")
    async def raw(body: Annotated[bytes, Body()]) -> bytes:
        return body

    @app.post("/stream")
    async def stream(request: Request) -> int:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return size

    @app.get("/cookie", dependencies=[Depends(session)])
    async def cookie(
        sid: Annotated[str | None, Cookie()] = None, theme: Annotated[Literal["dark", "light"], Cookie()] = "dark"
    ) -> Response:
        response = Response(theme)
        response.set_cookie("seen", "1")
        return response

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(folder / "file.txt")

    @app.get("/named/{name}")
    async def named(name: str) -> FileResponse:
        return FileResponse(folder / name, filename=name)

    @app.get("/tagged", middleware=[conditional_requests])
    async def tagged() -> Response:
        return Response("x", headers={"etag": '"v1"', "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT"})

    @app.get("/events")
    async def events(last_event_id: Annotated[int, Header(ge=0)] = 0) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(last_event_id)

    return app


# How it is asked.

octets = st.binary(max_size=40)
segment = st.one_of(
    octets, st.sampled_from([b"1", b"-1", b"%2F", b"..", b"%00", b"%ff", b"%", b"\xc3\xa9", b"9" * 30, b"2023-11-14", b"a" * 300])
)
served = [("GET", b"/items/1"), ("GET", b"/items/" + b"9" * 30), ("GET", b"/ids/0b5c2d5e-31c7-4f4b-9a0e-0d2d1f0a5b11/2023-11-14")]
served += [
    ("GET", b"/ids/0b5c2d5e-31c7-4f4b-9a0e-0d2d1f0a5b11/2023-02-31"),
    ("GET", b"/files/a/b"),
    ("POST", b"/items"),
    ("PUT", b"/items/tea"),
]
served += [("POST", b"/anything"), ("POST", b"/raw"), ("POST", b"/stream"), ("GET", b"/cookie"), ("GET", b"/file"), ("HEAD", b"/file")]
served += [("GET", b"/named/file.txt"), ("GET", b"/tagged"), ("GET", b"/events"), ("GET", b"/")]
prefixes = [b"/items/", b"/ids/", b"/files/", b"/files/", b"/named/", b"/"]
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "get", "M-SEARCH"])


def below(prefix: bytes, rest: list[bytes]) -> bytes:
    return prefix + b"/".join(rest)


odd = st.tuples(methods, st.builds(below, st.sampled_from(prefixes), st.lists(segment, max_size=3)))
target = st.one_of(st.sampled_from(served), st.sampled_from(served), odd)
query = st.one_of(
    octets,
    st.lists(st.tuples(st.sampled_from([b"number", b"order", b"tag", b"part", b"on", b"a", b""]), segment).map(b"=".join), max_size=5).map(
        b"&".join
    ),
)
known = b"range if-range if-match if-none-match if-modified-since if-unmodified-since content-type content-length cookie authorization"
known += b" host accept accept-encoding x-count last-event-id x-forwarded-for x-forwarded-host forwarded expect te transfer-encoding origin"
interesting = [b"bytes=0-1", b"bytes=0-1,5-6", b"bytes=-", b"bytes=99999-", b'"v1"', b"*", b'W/"v1"', b"Tue, 14 Nov 2023 22:13:20 GMT"]
interesting += [
    b"application/json",
    b"application/json; charset=utf-16",
    b"text/plain",
    b"0",
    b"-1",
    b"5",
    b"9" * 25,
    b"sid=1; theme=light",
]
interesting += [b"sid=\xff", b"=;=;", b"theme=neon", b'sid="\\"', b"a.example:99999", b"[::1", b"chunked", b"gzip;q=x, *;q=0"]
value = st.one_of(octets, st.sampled_from(interesting)).map(
    lambda text: bytes(byte for byte in text if byte == 9 or (byte >= 32 and byte != 127)).strip()
)
headers = st.lists(st.tuples(st.sampled_from(known.split()), value), max_size=6)
bodies = [
    b'{"name": "tea", "price": 1}',
    b'{"name": "' + b"x" * 100 + b'"}',
    b"[" * 1500,
    b'{"value": 1e999}',
    b'{"value": ',
    b"null",
    b"\xff\xfe{}",
]
bodies += [b'{"value": ' + b"9" * 1000 + b"}", b'{"name":"a","price":"NaN","when":"infinity"}', b"x" * 2500, b'{"value": "\\ud800"}', b""]
body = st.one_of(octets, st.sampled_from(bodies), st.binary(min_size=1990, max_size=2010))


@dataclass(frozen=True)
class Asked:
    target: tuple[str, bytes]
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    pieces: int

    @property
    def method(self) -> str:
        return self.target[0]

    @property
    def path(self) -> bytes:
        return self.target[1]


@dataclass
class Answer:
    starts: int = 0
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    body: bytes = b""


requests = st.builds(Asked, target, query, headers, body, st.integers(1, 3))

EVERY_CHECK = list(cast("Iterable[HealthCheck]", HealthCheck))  # without those that are deprecated


def pieces_of(asked: Asked) -> list[bytes]:
    size = len(asked.body) // asked.pieces + 1
    return [asked.body[start : start + size] for start in range(0, len(asked.body), size)] or [b""]


async def over_asgi(app: Velo, asked: Asked) -> Answer:
    answer = Answer()
    pieces = pieces_of(asked)
    messages: list[dict[str, object]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    never = asyncio.Event()

    async def receive() -> dict[str, object]:
        if not messages:
            await never.wait()
        return messages.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.starts += 1
            answer.status, answer.headers = message["status"], message["headers"]
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": asked.method,
        "path": unquote_to_bytes(asked.path).decode("utf-8", "replace"),
        "raw_path": asked.path,
        "query_string": asked.query,
        "headers": asked.headers,
        "scheme": "http",
    }
    await app(scope, receive, send)
    return answer


class Headers:
    """As Granian gives them: values that are not visible ASCII are left out."""

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self.pairs = [(name.decode(), value.decode()) for name, value in pairs if value.isascii()]

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.pairs if key == name), None)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def items(self) -> list[tuple[str, str]]:
        return self.pairs


class Protocol:
    """RSGI's side of one request."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.answer = asked, Answer()

    async def __call__(self) -> bytes:
        return self.asked.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in pieces_of(self.asked):
            yield piece
        yield b""

    async def client_disconnect(self) -> None:
        await asyncio.Event().wait()

    def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.answer.starts += 1
        self.answer.status = status
        self.answer.headers = [(name.encode(), value.encode("latin-1")) for name, value in headers]

    response_empty = start

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.start(status, headers)
        self.answer.body = body if self.asked.method != "HEAD" else b""

    def response_file_range(self, status: int, headers: list[tuple[str, str]], file: str, start: int, end: int) -> None:
        assert 0 <= start < end
        self.response_bytes(status, headers, Path(file).read_bytes()[start:end])

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> object:
        self.start(status, headers)

        async def send_bytes(data: bytes) -> None:
            self.answer.body += data

        return SimpleNamespace(send_bytes=send_bytes)


async def over_rsgi(app: Velo, asked: Asked) -> Answer:
    protocol = Protocol(asked)
    scope = SimpleNamespace(
        proto="http",
        http_version="1.1",
        method=asked.method,
        path=unquote_to_bytes(asked.path).decode("utf-8", "replace"),
        query_string=asked.query.decode("latin-1"),
        headers=Headers(asked.headers),
        scheme="http",
        client="192.0.2.1:5000",
        server="192.0.2.2:80",
        authority=None,
    )
    await app.__rsgi__(scope, protocol)  # pyright: ignore[reportArgumentType]: no more of a server than it takes
    return protocol.answer


def over_wsgi(app: Velo, asked: Asked) -> Answer:
    answer = Answer()

    def start_response(status: str, headers: list[tuple[str, str]], error: object = None) -> None:
        answer.starts += 1
        answer.status = int(status.split(maxsplit=1)[0])
        answer.headers = [(name.encode(), value.encode("latin-1")) for name, value in headers]

    environ: dict[str, Any] = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(asked.path).decode("latin-1"),
        "QUERY_STRING": asked.query.decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.input_terminated": True,
    }
    for name, value in asked.headers:
        key = name.decode().upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value.decode("latin-1")
    result = app.wsgi(environ, start_response)
    try:
        answer.body = b"".join(result)
    finally:
        close: Callable[[], None] = getattr(result, "close", lambda: None)
        close()
    return answer


def check(asked: Asked, answer: Answer) -> None:
    """The answer is one, is well formed, and says that whatever is wrong is wrong with the request."""
    assert answer.starts == 1
    assert 200 <= answer.status <= 499, answer
    for name, value in answer.headers:
        assert TOKEN(name), name
        assert VALUE(value), value
    declared = [value for name, value in answer.headers if name == b"content-length"]
    assert len(declared) <= 1
    if asked.method == "HEAD" or answer.status in (204, 304):
        assert answer.body == b""
    elif declared:
        assert int(declared[0]) == len(answer.body)
    if answer.status >= 400:
        assert (b"content-type", b"application/problem+json") in answer.headers
        if asked.method != "HEAD":
            assert msgspec.json.decode(answer.body)["status"] == answer.status


@pytest.mark.parametrize("protocol", ["asgi", "rsgi", "wsgi"])
def test_whatever_is_asked_the_answer_is_well_formed_and_no_500(protocol: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = application(tmp_path)
    statuses: dict[int, int] = {}

    with asyncio.Runner() as runner:
        if protocol == "wsgi":
            app.wsgi.start()
        else:
            runner.run(app.startup())

        @settings(
            max_examples=NUMBER // 3 + 1,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=EVERY_CHECK,
        )
        @given(requests)
        def ask(asked: Asked) -> None:
            if protocol == "wsgi":
                answer = over_wsgi(app, asked)
            else:
                answer = runner.run(asyncio.wait_for((over_asgi if protocol == "asgi" else over_rsgi)(app, asked), 60))
            check(asked, answer)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1

        ask()
        if protocol == "wsgi":
            app.wsgi.stop()
        else:
            runner.run(app.shutdown())

    assert sum(statuses.values()) > NUMBER // 3
    assert {200, 400, 404, 405, 413, 415, 422} <= set(statuses), statuses  # it was not turned away at the door
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
