"""What one more event, one more message of a websocket and one request on WSGI may cost, in counts, as in `test_budgets.py`.

These need an event loop, whose own frames are left out: counted is what runs in Velo's modules and plans. What a conversation costs once
is left out as well, by comparing a long one with a longer one. Each budget is what was measured when it was last written down.
"""

import asyncio
import gc
import io
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import msgspec
import pytest

from velo_core import ServerSentEvent, Velo, WebSocket


class Item(msgspec.Struct):
    name: str
    price: float


class Budget(NamedTuple):
    """What one of them may cost: Python functions that start or go on, and calls of functions that are not written in Python."""

    frames: int
    c_calls: int


MORE_FRAMES = 2 if sys.version_info < (3, 12) else 0
"""On Python 3.11 comprehensions are functions of their own."""
MORE_TO_OPEN = Budget(8, 2) if sys.version_info < (3, 12) else Budget(0, 0)
"""On Python 3.11 the application is a coroutine function, and no task begins before the next turn of the loop."""


class Counted:
    """Frames and calls so far."""

    def __init__(self) -> None:
        self.frames = self.c_calls = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        name = frame.f_code.co_filename
        if "velo_core" in name or name.startswith("<plan"):
            self.frames += event == "call"
            self.c_calls += event == "c_call"


@contextmanager
def counting() -> Generator[Counted]:
    """Counts what this thread does, without garbage collections."""
    counted = Counted()
    gc.disable()
    sys.setprofile(counted)
    try:
        yield counted
    finally:
        sys.setprofile(None)
        gc.enable()


def for_each(talk: Callable[[int], Any]) -> Budget:
    """What one more of something costs, if `talk(n)` makes the coroutine of n of them."""

    def cost(count: int) -> Counted:
        asyncio.run(talk(count))
        with counting() as counted:
            asyncio.run(talk(count))
        return counted

    few, many = cost(50), cost(150)
    return Budget(-(-(many.frames - few.frames) // 100), -(-(many.c_calls - few.c_calls) // 100))


def within(found: Budget, budget: Budget) -> bool:
    return found.frames <= budget.frames + MORE_FRAMES and found.c_calls <= budget.c_calls


# A conversation: the client sends the next message when the last one has come back.


def application() -> Velo:
    app = Velo()

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    @app.get("/events/{count}")
    async def events(count: int) -> AsyncIterator[ServerSentEvent]:
        for number in range(count):
            yield ServerSentEvent({"number": number}, id=str(number))

    @app.get("/chunks/{count}")
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"chunk"

    @app.get("/items/{item_id}")
    def show(item_id: int, page: int = 1) -> dict[str, int]:
        return {"item_id": item_id, "page": page}

    @app.post("/items", status_code=201)
    def add(item: Item) -> Item:
        return item

    return app


SCOPE: dict[str, Any] = {"http_version": "1.1", "root_path": "", "query_string": b"", "client": ("127.0.0.1", 5555), "server": ("h", 80)}


async def asgi_echoes(app: Any, count: int) -> None:
    back: asyncio.Queue[None] = asyncio.Queue()
    back.put_nowait(None)
    texts: list[dict[str, object]] = [{"type": "websocket.receive", "text": "hello"}] * count
    start: dict[str, object] = {"type": "websocket.connect"}
    end: dict[str, object] = {"type": "websocket.disconnect", "code": 1000}
    messages = iter([start, *texts, end])
    sent = 0

    async def receive() -> dict[str, object]:
        await back.get()
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += message["type"] == "websocket.send"
        back.put_nowait(None)

    scope = {**SCOPE, "type": "websocket", "scheme": "ws", "path": "/echo", "raw_path": b"/echo", "headers": [(b"host", b"h")]}
    await app(scope, receive, send)
    assert sent == count


class Message(NamedTuple):
    """As RSGI has it: kind 2 is text, 0 is the end."""

    kind: int
    data: str = ""


class Headers(dict[str, str]):
    def get_all(self, key: str) -> list[str]:
        return [self[key]] if key in self else []


class RSGIScope:
    def __init__(self, proto: str, path: str) -> None:
        self.proto, self.path, self.http_version, self.method = proto, path, "1.1", "GET"
        self.scheme, self.query_string, self.client, self.server = "http", "", "127.0.0.1:5555", "h:80"
        self.headers = Headers(host="h")


class Transport:
    """A websocket, once it is accepted."""

    def __init__(self, count: int) -> None:
        self.left, self.sent = count, 0
        self.back = asyncio.Event()
        self.back.set()

    async def receive(self) -> Message:
        await self.back.wait()
        self.back.clear()
        if not self.left:
            return Message(0)
        self.left -= 1
        return Message(2, "hello")

    async def send_str(self, text: str) -> None:
        self.sent += 1
        self.back.set()

    async def send_bytes(self, data: bytes) -> None:
        self.sent += 1


class RSGIProtocol:
    """Of a websocket and of a stream of events."""

    def __init__(self, count: int = 0) -> None:
        self.transport = Transport(count)

    async def accept(self) -> Transport:
        return self.transport

    def close(self, status: int | None = None) -> tuple[int, bool]:
        return (status or 1000, True)

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Transport:
        return self.transport

    async def client_disconnect(self) -> None:
        await asyncio.get_running_loop().create_future()


async def rsgi_echoes(app: Any, count: int) -> None:
    protocol = RSGIProtocol(count)
    await app.__rsgi__(RSGIScope("ws", "/echo"), protocol)
    assert protocol.transport.sent == count


async def asgi_events(app: Any, count: int) -> None:
    await asgi_stream(app, f"/events/{count}", b"id: ", count)


async def asgi_chunks(app: Any, count: int) -> None:
    await asgi_stream(app, f"/chunks/{count}", b"chunk", count)


async def asgi_stream(app: Any, path: str, beginning: bytes, count: int) -> None:
    sent = 0

    async def receive() -> dict[str, object]:
        await asyncio.get_running_loop().create_future()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += message.get("body", b"").startswith(beginning)

    scope = {
        **SCOPE,
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "headers": [(b"host", b"h")],
    }
    await app(scope, receive, send)
    assert sent == count


async def rsgi_events(app: Any, count: int) -> None:
    await rsgi_stream(app, f"/events/{count}", count)


async def rsgi_chunks(app: Any, count: int) -> None:
    await rsgi_stream(app, f"/chunks/{count}", count)


async def rsgi_stream(app: Any, path: str, count: int) -> None:
    protocol = RSGIProtocol()
    await app.__rsgi__(RSGIScope("http", path), protocol)
    assert protocol.transport.sent in (count, count + 1)  # the comment that opens it


@pytest.mark.parametrize(("talk", "budget"), [(asgi_echoes, Budget(16, 15)), (rsgi_echoes, Budget(20, 18))], ids=["asgi", "rsgi"])
def test_a_message_of_a_websocket_costs_no_more_than_its_budget(talk: Callable[[Any, int], Any], budget: Budget) -> None:
    app = application()
    found = for_each(lambda count: talk(app, count))

    assert within(found, budget), found


@pytest.mark.parametrize(("talk", "budget"), [(asgi_echoes, Budget(60, 18)), (rsgi_echoes, Budget(59, 14))], ids=["asgi", "rsgi"])
def test_opening_a_websocket_costs_no_more_than_its_budget(talk: Callable[[Any, int], Any], budget: Budget) -> None:
    """From the handshake to the end, with a client that says nothing."""
    app = application()
    asyncio.run(talk(app, 0))
    with counting() as counted:
        asyncio.run(talk(app, 0))

    assert counted.frames <= budget.frames + MORE_TO_OPEN.frames, counted.frames
    assert counted.c_calls <= budget.c_calls + MORE_TO_OPEN.c_calls, counted.c_calls


def stop_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turn by time as well, which is oftener on a busy machine."""
    monkeypatch.setattr("velo_core.streams.monotonic", lambda: 0.0)


@pytest.mark.parametrize(("talk", "budget"), [(asgi_events, Budget(3, 4)), (rsgi_events, Budget(3, 5))], ids=["asgi", "rsgi"])
def test_an_event_costs_no_more_than_its_budget(talk: Callable[[Any, int], Any], budget: Budget, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clock(monkeypatch)
    app = application()
    found = for_each(lambda count: talk(app, count))
    asyncio.run(app.shutdown())  # events listen to signals until then

    assert within(found, budget), found


@pytest.mark.parametrize(("talk", "budget"), [(asgi_chunks, Budget(1, 0)), (rsgi_chunks, Budget(1, 1))], ids=["asgi", "rsgi"])
def test_a_piece_of_a_stream_costs_no_more_than_its_budget(
    talk: Callable[[Any, int], Any], budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_clock(monkeypatch)
    app = application()
    found = for_each(lambda count: talk(app, count))

    assert within(found, budget), found


# WSGI.


def environ(method: str, path: str, query: str = "", body: bytes = b"") -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "h",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "h",
        **({"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))} if body else {}),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


WSGI_REQUESTS: dict[str, tuple[tuple[Any, ...], str, Budget]] = {
    "params": (("GET", "/items/7", "page=3"), "200 OK", Budget(19, 33)),
    "body": (("POST", "/items", "", b'{"name":"hoodie","price":49.99}'), "201 Created", Budget(18, 30)),
    "not found": (("GET", "/nope"), "404 Not Found", Budget(10, 16)),
}


@pytest.mark.parametrize("case", WSGI_REQUESTS)
def test_a_request_on_wsgi_costs_no_more_than_its_budget(case: str) -> None:
    """In the server's thread."""
    sent, wanted, budget = WSGI_REQUESTS[case]
    app, statuses = application(), list[str]()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        statuses.append(status)

    def ask() -> None:
        content = app.wsgi(environ(*sent), start_response)
        list(content)
        getattr(content, "close", lambda: None)()

    try:
        ask()
        with counting() as counted:
            ask()
    finally:
        app.wsgi.stop()

    assert statuses == [wanted, wanted]
    found = Budget(counted.frames, counted.c_calls)
    assert within(found, budget), found
