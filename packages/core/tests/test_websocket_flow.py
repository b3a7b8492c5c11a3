"""Websockets whose server takes its time, and whose client does not."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from velo_core import Velo, WebSocket, WebSocketDisconnect

both_protocols = pytest.mark.parametrize("protocol", ["asgi", "rsgi"])


Message = MutableMapping[str, Any]


class SlowServer:
    """Takes one message at a time, each when `goes_on` is set.

    Args:
        said: What the client says, all at once; then it says no more.
        leaves: Called when it has said all, and then it has left; it stays if this is `None`.
    """

    def __init__(self, said: Iterable[str] = (), leaves: Callable[[], object] | None = None) -> None:
        self.said = iter(said)
        self.leaves = leaves
        self.given = 0
        self.taken: list[str] = []
        self.begins = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.has_lost = False
        self._takes = False

    async def take(self, text: str) -> None:
        assert not self._takes, "two messages at a time"
        if self.has_lost:
            raise ConnectionResetError(text)
        self._takes = True
        self.begins.set()
        try:
            await self.goes_on.wait()
        finally:
            self._takes = False
        self.taken.append(text)

    async def serve(self, app: Velo, protocol: str) -> None:
        """Opens a websocket at `/`."""
        if protocol == "asgi":
            connects = iter([{"type": "websocket.connect"}])

            async def receive() -> Message:
                if connect := next(connects, None):
                    return connect
                text = await self.give()
                return {"type": "websocket.disconnect", "code": 1001} if text is None else {"type": "websocket.receive", "text": text}

            async def send(message: Message) -> None:
                if message["type"] == "websocket.send":
                    await self.take(message["text"])
                elif message["type"] == "websocket.close":
                    self.taken.append("closed")

            headers: list[object] = []
            await app({"type": "websocket", "path": "/", "query_string": b"", "headers": headers, "http_version": "1.1"}, receive, send)
            return

        async def receive_message() -> object:
            text = await self.give()
            return SimpleNamespace(kind=0) if text is None else SimpleNamespace(kind=2, data=text)

        async def accept() -> object:
            return SimpleNamespace(receive=receive_message, send_str=self.take)

        def close(status: int | None = None) -> None:
            self.taken.append("closed")

        def no_value(name: str) -> None: ...

        def no_values(name: str) -> list[str]:
            return []

        scope = SimpleNamespace(proto="ws", http_version="1.1", method="GET", path="/", query_string="", scheme="http")
        scope.headers = SimpleNamespace(get=no_value, get_all=no_values, items=list, keys=list)
        await app.__rsgi__(cast("Any", scope), cast("Any", SimpleNamespace(accept=accept, close=close)))

    async def give(self) -> str | None:
        """What the client says next; `None` when it has left."""
        text = next(self.said, None)
        if text is None:
            if self.leaves is None:
                await asyncio.Event().wait()
            else:
                self.leaves()
        self.given += 1
        return text


async def talk(
    protocol: str,
    handler: Callable[[WebSocket, SlowServer], Awaitable[None]],
    said: Iterable[str] = (),
    leaves: Callable[[], object] | None = None,
) -> list[str]:
    """What the server has taken when the handler is done."""
    app, server = Velo(), SlowServer(said, leaves)

    @app.websocket("/")
    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        await handler(socket, server)

    await asyncio.wait_for(server.serve(app, protocol), 60)
    return server.taken


@both_protocols
async def test_messages_are_sent_one_at_a_time_in_their_order(protocol: str) -> None:
    async def handle(socket: WebSocket, server: SlowServer) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(socket.send_text(str(number)))
            await server.begins.wait()
            server.goes_on.set()

    assert await talk(protocol, handle) == ["0", "1", "2", "3", "4", "closed"]


@both_protocols
async def test_who_gives_up_waiting_keeps_nobody_waiting(protocol: str) -> None:
    async def handle(socket: WebSocket, server: SlowServer) -> None:
        first, second, third = (asyncio.ensure_future(socket.send_text(text)) for text in ("first", "second", "third"))
        await server.begins.wait()
        second.cancel()
        await asyncio.wait({second})
        assert second.cancelled()
        server.goes_on.set()
        await asyncio.gather(first, third)
        await socket.send_text("fourth")

    assert await talk(protocol, handle) == ["first", "third", "fourth", "closed"]


@both_protocols
async def test_who_is_cancelled_at_its_turn_hands_it_on(protocol: str) -> None:
    async def handle(socket: WebSocket, server: SlowServer) -> None:
        async def send_first() -> None:
            await socket.send_text("first")
            second.cancel()  # whose turn it is now, and who has not heard of it

        first = asyncio.ensure_future(send_first())
        second = asyncio.ensure_future(socket.send_text("second"))
        third = asyncio.ensure_future(socket.send_text("third"))
        await server.begins.wait()
        server.goes_on.set()
        await asyncio.wait({first, second, third})
        assert (first.exception(), second.cancelled(), third.exception()) == (None, True, None)
        await socket.send_text("fourth")

    assert await talk(protocol, handle) == ["first", "third", "fourth", "closed"]


@both_protocols
async def test_who_sends_is_told_that_the_client_has_gone(protocol: str) -> None:
    """Servers say so by an error of the connection."""
    told: list[WebSocketDisconnect] = []

    async def handle(socket: WebSocket, server: SlowServer) -> None:
        server.has_lost = True
        for text in ("first", "second"):
            with pytest.raises(WebSocketDisconnect) as raised:
                await socket.send_text(text)
            told.append(raised.value)

    await talk(protocol, handle)

    assert [(error.close_code, str(error.__cause__)) for error in told] == [(1006, "first"), (1006, "second")]


@both_protocols
async def test_what_is_no_message_is_refused_by_those_who_send(protocol: str) -> None:
    async def handle(socket: WebSocket, server: SlowServer) -> None:
        server.goes_on.set()
        with pytest.raises(TypeError, match="send_text takes str, not int"):
            await socket.send_text(cast("Any", 5))
        with pytest.raises(TypeError, match="send_bytes takes bytes, not str"):
            await socket.send_bytes(cast("Any", "text"))
        await socket.send_text("sound")

    assert await talk(protocol, handle) == ["sound", "closed"]


@both_protocols
async def test_a_close_waits_for_the_message_before_it(protocol: str) -> None:
    async def handle(socket: WebSocket, server: SlowServer) -> None:
        sending = asyncio.ensure_future(socket.send_text("last words"))
        await server.begins.wait()
        closing = asyncio.ensure_future(socket.close())
        await asyncio.sleep(0)
        assert server.taken == []
        server.goes_on.set()
        await asyncio.gather(sending, closing)

    assert await talk(protocol, handle) == ["last words", "closed"]


@both_protocols
async def test_what_nobody_takes_is_not_read(protocol: str) -> None:
    """A client that sends faster than its handler works is slowed down, and nothing of it is lost."""
    said = [f"{number:1000}" for number in range(300)]

    async def handle(socket: WebSocket, server: SlowServer) -> None:
        before = -1
        while server.given > before:  # it reads on
            before = server.given
            for _ in range(10):
                await asyncio.sleep(0)
        assert 50 < server.given < 80
        heard: list[str] = []
        for _ in said:
            heard.append(await socket.receive_text())
            assert server.given - len(heard) < 80
        assert heard == said

    assert await talk(protocol, handle, said) == ["closed"]


@both_protocols
async def test_messages_that_are_there_go_to_who_asks_first(protocol: str) -> None:
    async def handle(socket: WebSocket, server: SlowServer) -> None:
        heard: dict[str, str] = {}

        async def hear(name: str) -> None:
            heard[name] = await socket.receive_text()

        async with asyncio.TaskGroup() as group:
            for name in ("first", "second", "third"):
                group.create_task(hear(name))
        assert sorted(heard.values()) == ["", "a", "b"]

    assert await talk(protocol, handle, ["a", "", "b"]) == ["closed"]


@both_protocols
async def test_who_said_something_and_left_at_once_is_heard_out(protocol: str) -> None:
    """All of it may be there, with the end, before the handler has its first turn."""
    heard: list[str] = []

    async def handle(socket: WebSocket, server: SlowServer) -> None:
        for _ in range(3):
            heard.append(await socket.receive_text())
            for _ in range(5):
                await asyncio.sleep(0)
        with pytest.raises(WebSocketDisconnect):
            await socket.receive()
        assert socket.close_code is not None
        for _ in range(5):
            await asyncio.sleep(0)
        heard.append("done")

    assert await talk(protocol, handle, ["a", "", "c"], leaves=lambda: None) == []
    assert heard == ["a", "", "c", "done"]


@both_protocols
async def test_who_gives_up_waiting_as_the_client_leaves_is_ended(protocol: str) -> None:
    """It was about to hear of the end, so nobody was to tell it in another way."""
    app = Velo()
    tasks: list[asyncio.Task[Any]] = []
    ended = False

    class Leaving(SlowServer):
        async def give(self) -> None:
            await self.begins.wait()
            tasks[0].cancel()

    server = Leaving()

    @app.websocket("/")
    async def serve(socket: WebSocket) -> None:
        nonlocal ended
        await socket.accept()
        tasks.append(cast("asyncio.Task[Any]", asyncio.current_task()))
        server.begins.set()
        with pytest.raises(asyncio.CancelledError):
            await socket.receive()
        tasks[0].uncancel()
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    await asyncio.wait_for(server.serve(app, protocol), 60)
    assert ended
    assert server.taken == []


@both_protocols
async def test_who_left_before_the_handler_had_a_turn_ends_it(protocol: str) -> None:
    ended = False

    async def handle(socket: WebSocket, server: SlowServer) -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    assert await talk(protocol, handle, leaves=lambda: None) == []
    assert ended


@both_protocols
async def test_who_hears_of_the_end_knows_how_it_ended(protocol: str) -> None:
    """At once: it may have come with the acceptance, and nobody had a turn since."""
    codes: list[int | None] = []

    async def handle(socket: WebSocket, server: SlowServer) -> None:
        with pytest.raises(WebSocketDisconnect):
            await socket.receive()
        codes.append(socket.close_code)
        await asyncio.sleep(0)
        codes.append(socket.close_code)

    assert await talk(protocol, handle, leaves=lambda: None) == []
    assert codes == [1001 if protocol == "asgi" else 1005] * 2


@both_protocols
async def test_tasks_are_made_as_the_loop_makes_them(protocol: str) -> None:
    """As tools that watch tasks ask it to."""
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def handle(socket: WebSocket, server: SlowServer) -> None:
        server.goes_on.set()
        await socket.send_text(await socket.receive_text())

    loop.set_task_factory(make)
    try:
        assert await talk(protocol, handle, ["a"]) == ["a", "closed"]
    finally:
        loop.set_task_factory(None)
    assert "Inbox._read" in made
