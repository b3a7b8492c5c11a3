"""The table of docs/dependencies.md is the test: what happens in which order, for each lifetime and each way a request can end."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import pytest

from velo_core import BackgroundTasks, Depends, HTTPError, Lifetime, StreamingResponse, Velo, WebSocket

PAGE = Path(__file__).parents[3] / "docs" / "dependencies.md"
ROW = re.compile(r"^\| `(handler|request|app)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
if not PAGE.exists():  # away from the tree, where the wheel is tested, there is no documentation
    pytest.skip("docs/dependencies.md is not here", allow_module_level=True)
ROWS = [(lifetime, case, order.split(" → ")) for lifetime, case, order in ROW.findall(PAGE.read_text())]

CASES = (
    "the handler returns",
    "the handler raises",
    "a stream is sent",
    "a stream fails midway",
    "the client leaves during a stream",
    "the client leaves while the handler runs",
    "a task runs after the response",
    "a websocket's handler returns",
    "a websocket's handler raises",
    "a websocket's client leaves",
)
Kind = Literal["coroutine", "plain"]


def no_field(name: str) -> None: ...


def no_fields(name: str) -> list[str]:
    return []


class World:
    """A server and its client, as far as they are needed to see the order; both protocols tell of the same events."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.events: list[str] = []
        self.gone = asyncio.Event()

    def note(self, event: str) -> None:
        self.events.append(event)

    def sent(self, event: str) -> None:
        """Something was given to the server; after the client has left, there is nobody to get it."""
        if not self.gone.is_set():
            self.note(event)
        if event == "piece" and self.case == "the client leaves during a stream":
            self.gone.set()

    async def over_asgi(self, app: Velo) -> None:
        messages = iter(list[dict[str, object]]([{"type": "http.request", "body": b"", "more_body": False}]))

        async def receive() -> dict[str, object]:
            for message in messages:
                return message
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, object]) -> None:
            if message["type"] == "http.response.start":
                self.sent("head")
            elif message.get("body"):
                self.sent(cast("bytes", message["body"]).decode())

        scope: dict[str, object] = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}
        await app(scope, receive, send)

    async def over_rsgi(self, app: Velo) -> None:
        async def send_bytes(data: bytes) -> None:
            self.sent(data.decode())

        def response_bytes(status: int, headers: object, body: bytes) -> None:
            self.sent("head")
            self.sent(body.decode())

        def response_stream(status: int, headers: object) -> object:
            self.sent("head")
            return SimpleNamespace(send_bytes=send_bytes)

        async def client_disconnect() -> None:
            await self.gone.wait()

        headers = SimpleNamespace(get=no_field, get_all=no_fields, items=list)
        ends = {"client": "127.0.0.1:1", "server": "127.0.0.1:2"}
        scope = SimpleNamespace(proto="http", http_version="1.1", method="GET", path="/", query_string="", headers=headers, **ends)
        protocol = SimpleNamespace(response_bytes=response_bytes, response_stream=response_stream, client_disconnect=client_disconnect)
        await app.__rsgi__(scope, protocol)  # pyright: ignore[reportArgumentType]: just what is needed


class Talk:
    """The same for a websocket."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def over_asgi(self, app: Velo) -> None:
        messages = iter(list[dict[str, object]]([{"type": "websocket.connect"}]))

        async def receive() -> dict[str, object]:
            for message in messages:
                return message
            await self.world.gone.wait()
            return {"type": "websocket.disconnect", "code": 1005}

        async def send(message: MutableMapping[str, object]) -> None:
            self.world.note({"websocket.accept": "accept", "websocket.close": "end"}[cast("str", message["type"])])

        scope: dict[str, object] = {"type": "websocket", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}
        await app(scope, receive, send)

    async def over_rsgi(self, app: Velo) -> None:
        async def receive() -> object:
            await self.world.gone.wait()
            return SimpleNamespace(kind=0)

        async def accept() -> object:
            self.world.note("accept")
            return SimpleNamespace(receive=receive)

        def close(status: int) -> None:
            self.world.note("end")

        headers = SimpleNamespace(get=no_field, get_all=no_fields, items=list, keys=list)
        scope = SimpleNamespace(
            proto="ws", http_version="1.1", method="GET", path="/", query_string="", scheme="http", headers=headers, authority=None
        )
        protocol = SimpleNamespace(accept=accept, close=close)
        await app.__rsgi__(scope, protocol)  # pyright: ignore[reportArgumentType]: just what is needed


def dependency(world: World, kind: Kind) -> Callable[[], object]:
    """A dependency that notes when it is opened, gets an error, and is closed."""

    async def in_loop() -> AsyncIterator[None]:
        world.note("open")
        try:
            yield
        except BaseException:
            world.note("error")
            raise
        finally:
            world.note("close")

    def in_pool() -> Iterator[None]:
        world.note("open")
        try:
            yield
        except BaseException:
            world.note("error")
            raise
        finally:
            world.note("close")

    return in_loop if kind == "coroutine" else in_pool


def application(world: World, lifetime: Lifetime, kind: Kind, *, interpreted: bool) -> Velo:
    """One route that does what the case says."""

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        yield
        world.note("stop")

    app = Velo(lifespan=lifespan, interpreted=interpreted)
    opened = Depends(dependency(world, kind), lifetime=lifetime)

    async def content() -> AsyncIterator[str]:
        yield "piece"
        if world.case == "a stream fails midway":
            raise ValueError("midway")
        if world.case == "the client leaves during a stream":
            await asyncio.Event().wait()
        yield "last piece"

    async def run_later(tasks: BackgroundTasks) -> None:
        async def task() -> None:
            await asyncio.sleep(0)
            world.note("task")

        tasks.add(task)

    further = [Depends(run_later)] if "task" in world.case else []

    @app.get("/", dependencies=[opened, *further])
    async def show() -> StreamingResponse | str:
        world.note("handler")
        if world.case == "the handler raises":
            raise HTTPError(409)
        if world.case == "the client leaves while the handler runs":
            world.gone.set()
            await asyncio.Event().wait()
        return StreamingResponse(content()) if "stream" in world.case else "body"

    @app.websocket("/", dependencies=[opened])
    async def talk(socket: WebSocket) -> None:
        world.note("handler")
        await socket.accept()
        if world.case == "a websocket's handler raises":
            raise HTTPError(409)
        if world.case == "a websocket's client leaves":
            world.gone.set()
            await asyncio.Event().wait()

    @app.exception_handler(HTTPError)
    async def answer(request: object, error: Exception) -> str:
        return "body"

    return app


@pytest.mark.parametrize("kind", ["coroutine", "plain"])
@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
@pytest.mark.parametrize(("lifetime", "case", "order"), ROWS, ids=[f"{lifetime}-{case}" for lifetime, case, _ in ROWS])
async def test_the_order_is_that_of_the_table(
    lifetime: Lifetime, case: str, order: list[str], protocol: str, interpreted: bool, kind: Kind
) -> None:
    world = World(case)
    app = application(world, lifetime, kind, interpreted=interpreted)

    await app.startup()
    with suppress(ValueError):  # a server is told when a stream fails
        party = Talk(world) if "websocket" in case else world
        await asyncio.wait_for(party.over_asgi(app) if protocol == "asgi" else party.over_rsgi(app), 60)
    await app.shutdown()

    happened = world.events if lifetime == "app" else world.events[: world.events.index("stop")]
    assert happened == order


def test_the_table_has_each_lifetime_in_each_case() -> None:
    assert sorted((lifetime, case) for lifetime, case, _ in ROWS) == sorted(
        (lifetime, case) for lifetime in ("handler", "request", "app") for case in CASES
    )
