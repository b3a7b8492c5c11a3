"""The part of an ASGI server, without sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from benchmarks.answers import Answer
from benchmarks.scenarios import Exchange

__all__ = ["HEADERS", "Application", "Lifespan", "ask", "round_of"]

Application = Callable[..., Any]
HEADERS = (("host", "127.0.0.1:8000"), ("user-agent", "benchmark"), ("accept", "*/*"), ("accept-encoding", "identity"))


def scope_of(exchange: Exchange) -> MutableMapping[str, Any]:
    """What the server tells of a connection."""
    path, _, query = exchange.path.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in (*HEADERS, *(exchange.headers or {}).items())]
    if exchange.body:
        headers.append((b"content-length", b"%d" % len(exchange.body)))
    return {
        **({"type": "websocket", "subprotocols": []} if exchange.messages else {"type": "http", "method": exchange.method}),
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws" if exchange.messages else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 5555),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "extensions": {},
    }


class Client:
    """The client's side of one request: the whole body at once, then nothing until it leaves, which it never does."""

    __slots__ = ("message",)

    def __init__(self, exchange: Exchange) -> None:
        self.message: dict[str, object] | None = {"type": "http.request", "body": exchange.body, "more_body": False}

    async def receive(self) -> dict[str, object]:
        message, self.message = self.message, None
        if message is None:
            await asyncio.get_running_loop().create_future()
        return message or {}

    async def send(self, message: dict[str, Any]) -> None:
        pass


class Reader(Client):
    """One that reads a stream, and leaves at its end: some frameworks wait for that."""

    __slots__ = ("ended",)

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.ended = asyncio.Event()

    async def receive(self) -> dict[str, object]:
        message, self.message = self.message, None
        if message is None:
            await self.ended.wait()
        return message or {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended.set()


class Talker:
    """One at a websocket: it sends all of its messages, and leaves when all of them have come back."""

    __slots__ = ("all_back", "messages", "missing")

    def __init__(self, exchange: Exchange) -> None:
        texts = [{"type": "websocket.receive", "text": text, "bytes": None} for text in exchange.messages]
        self.messages = iter([{"type": "websocket.connect"}, *texts])
        self.missing = len(exchange.messages)
        self.all_back = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if (message := next(self.messages, None)) is not None:
            return message
        await self.all_back.wait()
        return {"type": "websocket.disconnect", "code": 1000, "reason": ""}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            self.missing -= 1
            if not self.missing:
                self.all_back.set()


def client_of(exchange: Exchange) -> Client | Talker:
    if exchange.messages:
        return Talker(exchange)
    return Reader(exchange) if exchange.streamed else Client(exchange)


async def ask(app: Application, exchange: Exchange) -> Answer:
    """The answer to one request."""
    messages: list[dict[str, Any]] = []
    client = client_of(exchange)

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)
        await client.send(message)

    await asyncio.wait_for(app(scope_of(exchange), client.receive, send), 30)
    first = messages[0]
    if first["type"] == "websocket.accept":
        return Answer(200, [], b"", [message["text"] for message in messages if message["type"] == "websocket.send"])
    headers = [(bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1")) for name, value in first.get("headers", ())]
    return Answer(first.get("status", 403), headers, b"".join(message.get("body", b"") for message in messages[1:]))


async def round_of(app: Application, exchanges: list[Exchange]) -> float:
    """Microseconds of processor time for each of the requests."""
    calls = [(scope_of(exchange), client.receive, client.send) for exchange in exchanges for client in (client_of(exchange),)]
    began = time.process_time_ns()
    for scope, receive, send in calls:
        await app(scope, receive, send)
    return (time.process_time_ns() - began) / len(calls) / 1000


class Lifespan:
    """Starts an application, and stops it at the end of the `async with`."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.started = asyncio.Event()

    async def _run(self) -> None:
        try:
            await self.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self.messages.get, self._send)
        except Exception:  # noqa: S110 - an application without a lifespan says so by raising
            pass
        finally:
            self.started.set()

    async def _send(self, message: Mapping[str, object]) -> None:
        self.started.set()

    async def __aenter__(self) -> None:
        self.task = asyncio.create_task(self._run())
        self.messages.put_nowait({"type": "lifespan.startup"})
        await self.started.wait()

    async def __aexit__(self, *_: object) -> None:
        self.messages.put_nowait({"type": "lifespan.shutdown"})
        await self.task
