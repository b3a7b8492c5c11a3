"""Websockets: what a handler can say and hear, and what is said when it ends, on each protocol."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
import pydantic
import pytest

from velo_core import (
    Depends,
    HTTPError,
    Request,
    Response,
    Router,
    Velo,
    WebSocket,
    WebSocketDisconnect,
    WebSocketError,
)
from velo_testing import AsyncTestClient, ProtocolName, TestClient, WebSocketClosed, WebSocketDenied

pytestmark = pytest.mark.not_on_wsgi("WSGI has no websockets")
Serve = Callable[..., TestClient]
Way = tuple[ProtocolName, bool]


def code_on(way: Way, close_code: int) -> int:
    """RSGI cannot send codes."""
    return close_code if way[0] == "asgi" else 1005


# A conversation.


def test_messages_go_both_ways(serve: Serve) -> None:
    app = Velo()

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.send_bytes(await socket.receive_bytes())
        await socket.send_json(await socket.receive_json())
        message = await socket.receive()
        assert isinstance(message, bytes)
        await socket.send_bytes(bytearray(message))

    with serve(app).websocket_connect("/echo") as socket:
        socket.send_text("hä")
        assert socket.receive_text() == "hä"
        socket.send_bytes(b"\x00\xff")
        assert socket.receive_bytes() == b"\x00\xff"
        socket.send_json({"a": [1, None]})
        assert socket.receive_json() == {"a": [1, None]}
        socket.send_bytes(b"")
        assert socket.receive() == b""


def test_iteration_ends_when_the_client_closes(serve: Serve) -> None:
    app = Velo()
    heard: list[object] = []

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        heard.extend([text async for text in socket.iter_text()])
        heard.append(socket.close_code is not None)

    with serve(app).websocket_connect("/") as socket:
        socket.send_text("one")
        socket.send_text("two")

    assert heard == ["one", "two", True]


def test_what_was_sent_before_the_client_left_is_still_heard(serve: Serve) -> None:
    app = Velo()
    heard: list[str] = []

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await asyncio.sleep(0)
            heard.append(text)

    with serve(app).websocket_connect("/") as socket:
        for number in range(50):
            socket.send_text(str(number))

    assert heard == [str(number) for number in range(50)]


def test_a_disconnect_has_code_and_reason(way: Way, serve: Serve) -> None:
    app = Velo()
    seen: list[object] = []

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await socket.receive()
        except WebSocketDisconnect as error:
            seen.extend((error.close_code, error.reason, socket.close_code, socket.close_reason))
            raise

    with serve(app).websocket_connect("/") as socket:
        socket.close(4001, "bye")

    assert seen == ([4001, "bye", 4001, "bye"] if way[0] == "asgi" else [1005, "", 1005, ""])


def test_nothing_can_be_sent_to_a_client_that_has_left(serve: Serve) -> None:
    app = Velo()
    seen: list[type[Exception]] = []

    @app.websocket("/")
    async def push(socket: WebSocket) -> None:
        await socket.accept()
        async for _ in socket.iter_text():
            pass
        for _ in range(2):
            try:
                await socket.send_text("too late")
            except WebSocketDisconnect as error:
                seen.append(type(error))

    with serve(app).websocket_connect("/"):
        pass

    assert seen == [WebSocketDisconnect, WebSocketDisconnect]


async def test_several_tasks_can_send_at_once(way: Way) -> None:
    app = Velo(interpreted=way[1])

    @app.websocket("/")
    async def push(socket: WebSocket) -> None:
        await socket.accept()
        await asyncio.gather(*(socket.send_text(str(number)) for number in range(20)))

    async with AsyncTestClient(app, protocol=way[0]) as client, client.websocket_connect("/") as socket:
        assert sorted([int(await socket.receive_text()) for _ in range(20)]) == list(range(20))


async def test_a_receive_that_is_given_up_loses_no_message(way: Way) -> None:
    app = Velo(interpreted=way[1])
    gave_up = asyncio.Event()

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        waiting = asyncio.ensure_future(socket.receive_text())
        await asyncio.sleep(0)
        waiting.cancel()
        gave_up.set()
        await socket.send_text(await socket.receive_text())

    async with AsyncTestClient(app, protocol=way[0]) as client, client.websocket_connect("/") as socket:
        await gave_up.wait()
        await socket.send_text("still here")
        assert await socket.receive_text() == "still here"


# Typed messages.


class Move(msgspec.Struct):
    piece: str
    to: tuple[int, int]


class Bid(pydantic.BaseModel):
    amount: int


@dataclass
class Note:
    text: str


@pytest.mark.parametrize(
    ("kind", "message"), [(Move, {"piece": "rook", "to": [1, 2]}), (Bid, {"amount": 3}), (Note, {"text": "hi"}), (list[int], [1, 2])]
)
def test_messages_are_read_as_a_type(serve: Serve, kind: type[object], message: object) -> None:
    app = Velo()
    seen: list[object] = []

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        async for one in socket.iter_json(kind):
            seen.append(one)
            await socket.send_json(one)

    with serve(app).websocket_connect("/") as socket:
        for _ in range(2):
            socket.send_json(message)
            assert socket.receive_json() == message

    assert len(seen) == 2
    assert all(isinstance(one, Move | Bid | Note | list) for one in seen)


@pytest.mark.parametrize("sent", ['{"piece": 1}', "[]", "{", '{"piece": "rook", "to": [1]}'])
def test_a_message_that_does_not_fit_ends_the_conversation(way: Way, serve: Serve, sent: str) -> None:
    app = Velo()

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_json(Move)

    with serve(app).websocket_connect("/") as socket:
        socket.send_text(sent)
        with pytest.raises(WebSocketClosed) as closed:
            socket.receive()

    assert closed.value.close_code == code_on(way, 1007)
    assert bool(closed.value.reason) is (way[0] == "asgi")


def test_a_message_that_does_not_fit_can_be_answered(serve: Serve) -> None:
    app = Velo()

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            try:
                await socket.send_json(await socket.receive_json(Move))
            except HTTPError as error:
                await socket.send_json(error.document())

    with serve(app).websocket_connect("/") as socket:
        socket.send_text('{"piece": 1, "to": [1, 2]}')
        assert socket.receive_json() == {
            "type": "about:blank",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "The request has values that do not fit.",
            "errors": [{"loc": ["piece"], "message": "Expected `str`, got `int`", "code": "type"}],
        }
        socket.send_text('{"piece": "rook", "to": [1, 2]}')
        assert socket.receive_json() == {"piece": "rook", "to": [1, 2]}


@pytest.mark.parametrize("wanted", ["text", "bytes", "json"])
def test_a_frame_of_the_wrong_kind_ends_with_1003(way: Way, serve: Serve, wanted: str) -> None:
    app = Velo()

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        await {"text": socket.receive_text, "bytes": socket.receive_bytes, "json": socket.receive_json}[wanted]()

    with serve(app).websocket_connect("/") as socket:
        if wanted == "bytes":
            socket.send_text("x")
        else:
            socket.send_bytes(b"{}")
        with pytest.raises(WebSocketClosed) as closed:
            socket.receive()

    assert closed.value.close_code == code_on(way, 1003)


@pytest.mark.parametrize("message", ["x" * 17, b"x" * 17, "ä" * 9])
@pytest.mark.parametrize("reads", ["each", "all", "none"])
def test_a_message_over_the_limit_ends_with_1009(way: Way, serve: Serve, message: str | bytes, reads: str) -> None:
    app = Velo()

    @app.websocket("/", max_message_size=16)
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        if reads == "none":
            await asyncio.Event().wait()
        if reads == "all":
            async for _ in socket.iter_text():
                pass
        while True:
            await socket.receive()

    with serve(app).websocket_connect("/") as socket:
        socket.send_text("x" * 16)
        if isinstance(message, str):
            socket.send_text(message)
        else:
            socket.send_bytes(message)
        with pytest.raises(WebSocketClosed) as closed:
            socket.receive()

    assert closed.value.close_code == code_on(way, 1009)


def test_a_router_hands_its_limit_down(way: Way, serve: Serve) -> None:
    app = Velo(max_message_size=4)
    router = Router("/below", max_message_size=8)

    @router.websocket("/")
    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    app.include(router)
    client = serve(app)

    with client.websocket_connect("/below/") as socket:
        socket.send_text("12345678")
        assert socket.receive_text() == "12345678"
    with client.websocket_connect("/") as socket:
        socket.send_text("12345678")
        with pytest.raises(WebSocketClosed):
            socket.receive()


# The end.


@pytest.mark.parametrize(
    ("error", "close_code"),
    [
        (WebSocketError(4000, "mine"), 4000),
        (HTTPError(400), 1007),
        (HTTPError(401), 1008),
        (HTTPError(413), 1009),
        (HTTPError(415), 1003),
        (HTTPError(422), 1007),
        (HTTPError(500), 1011),
        (HTTPError(503), 1013),
        (ZeroDivisionError("secret"), 1011),
        (None, 1000),
    ],
    ids=str,
)
def test_the_end_of_the_handler_has_a_code(way: Way, serve: Serve, error: Exception | None, close_code: int) -> None:
    app = Velo()

    @app.websocket("/")
    async def end(socket: WebSocket) -> None:
        await socket.accept()
        if error is not None:
            raise error

    with serve(app, raise_app_exceptions=False).websocket_connect("/") as socket, pytest.raises(WebSocketClosed) as closed:
        socket.receive()

    assert closed.value.close_code == code_on(way, close_code)
    assert "secret" not in closed.value.reason


def test_a_mistake_after_the_acceptance_is_raised_in_tests(serve: Serve) -> None:
    app = Velo()

    @app.websocket("/")
    async def fail(socket: WebSocket) -> None:
        await socket.accept()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), serve(app).websocket_connect("/") as socket:
        socket.receive()


def test_an_exception_handler_chooses_the_code(way: Way, serve: Serve) -> None:
    app = Velo()

    @app.exception_handler(KeyError)
    async def missing(request: Request, error: Exception) -> Response:
        return Response(status_code=404)

    @app.websocket("/")
    async def fail(socket: WebSocket) -> None:
        await socket.accept()
        raise KeyError

    with serve(app).websocket_connect("/") as socket, pytest.raises(WebSocketClosed) as closed:
        socket.receive()

    assert closed.value.close_code == code_on(way, 1008)


def test_a_handler_closes_with_a_code_of_its_own(way: Way, serve: Serve) -> None:
    app = Velo()
    seen: list[object] = []

    @app.websocket("/")
    async def end(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4002, "enough")
        await socket.close(4003, "again")
        seen.append(socket.close_code)
        with pytest.raises(WebSocketDisconnect):
            await socket.receive()
        with pytest.raises(WebSocketDisconnect):
            await socket.send_text("x")

    with serve(app).websocket_connect("/") as socket, pytest.raises(WebSocketClosed) as closed:
        socket.receive()

    assert (closed.value.close_code, closed.value.reason) == ((4002, "enough") if way[0] == "asgi" else (1005, ""))
    assert seen == [4002]


@pytest.mark.parametrize(
    ("close_code", "reason"), [(999, ""), (1005, ""), (1006, ""), (1015, ""), (2999, ""), (5000, ""), (1000, "ä" * 62)]
)
def test_a_code_that_cannot_be_sent_is_refused(close_code: int, reason: str) -> None:
    with pytest.raises(ValueError, match=r"closing frame"):
        WebSocketError(close_code, reason)


async def test_a_client_that_leaves_cancels_the_handler(way: Way) -> None:
    app = Velo(interpreted=way[1])
    seen: list[object] = []
    begun = asyncio.Event()

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            seen.append(type(error))
            raise

    @app.websocket("/", dependencies=[Depends(session)])
    async def push(socket: WebSocket) -> None:
        await socket.accept()
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("finally")

    async with AsyncTestClient(app, protocol=way[0]) as client, client.websocket_connect("/") as socket:
        await begun.wait()
        await socket.disconnect()

    assert seen == ["finally", WebSocketDisconnect]


async def test_a_handler_that_works_on_a_message_is_cancelled_a_little_later(way: Way) -> None:
    app = Velo(interpreted=way[1])
    seen: list[str] = []
    begun = asyncio.Event()

    @app.websocket("/")
    async def work(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive()
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("finally")

    async with AsyncTestClient(app, protocol=way[0]) as client, client.websocket_connect("/") as socket:
        await socket.send_text("work")
        await begun.wait()

    assert seen == ["finally"]


@pytest.mark.parametrize("policy", ["ignore", "shield"])
async def test_a_handler_can_outlive_its_client(way: Way, policy: str) -> None:
    app = Velo(interpreted=way[1])
    begun, finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @app.websocket("/", on_disconnect="ignore" if policy == "ignore" else "shield")
    async def work(socket: WebSocket) -> None:
        await socket.accept()
        begun.set()
        await finish.wait()
        finished.set()

    async with AsyncTestClient(app, protocol=way[0]) as client, client.websocket_connect("/") as socket:
        await begun.wait()
        leaving = asyncio.ensure_future(socket.disconnect())
        await asyncio.sleep(0)
        assert not leaving.done()
        finish.set()
        await finished.wait()
        await leaving


@pytest.mark.parametrize(("error", "close_code"), [(WebSocketError(4000), 4000), (HTTPError(403), 1008), (KeyError(), 1011)], ids=str)
def test_a_task_group_that_says_one_thing_says_it(way: Way, serve: Serve, error: Exception, close_code: int) -> None:
    app = Velo()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        async def fail() -> None:
            raise error

        await socket.accept()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            await socket.receive()

    with serve(app, raise_app_exceptions=False).websocket_connect("/") as socket, pytest.raises(WebSocketClosed) as closed:
        socket.receive()

    assert closed.value.close_code == code_on(way, close_code)


def test_a_task_group_whose_client_has_left_is_no_mistake(serve: Serve) -> None:
    app = Velo()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(socket.receive_text())
            tasks.create_task(socket.receive_text())

    with serve(app).websocket_connect("/"):
        pass


async def test_the_time_limit_is_for_the_handshake(way: Way) -> None:
    app = Velo(interpreted=way[1], timeout_seconds=0.05)

    @app.websocket("/slow")
    async def slow(socket: WebSocket) -> None:
        await asyncio.Event().wait()

    @app.websocket("/quick")
    async def quick(socket: WebSocket) -> None:
        await socket.accept()
        assert socket.deadline is not None
        await asyncio.sleep(0.1)  # the limit itself is the time that passes here
        await socket.send_text("still here")

    async with AsyncTestClient(app, protocol=way[0]) as client:
        with pytest.raises(WebSocketDenied) as refused:
            async with client.websocket_connect("/slow"):
                pass
        assert refused.value.response.status_code == 503
        async with client.websocket_connect("/quick") as socket:
            assert await socket.receive_text() == "still here"


async def test_the_end_of_the_application_ends_conversations_with_1001(way: Way) -> None:
    app = Velo(interpreted=way[1])
    seen: list[object] = []

    @app.websocket("/{kind}")
    async def wait(kind: str, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("here")
        try:
            if kind == "reads":
                await socket.receive()
            await asyncio.Event().wait()
        except (asyncio.CancelledError, WebSocketDisconnect):
            seen.append(socket.close_code)
            raise

    async with (
        AsyncTestClient(app, protocol=way[0]) as client,
        client.websocket_connect("/reads") as first,
        client.websocket_connect("/waits") as second,
    ):
        assert await first.receive_text() == await second.receive_text() == "here"
        await app.shutdown()
        for socket in (first, second):
            with pytest.raises(WebSocketClosed) as closed:
                await socket.receive()
            assert closed.value.close_code == code_on(way, 1001)

    assert seen == [1001, 1001]
