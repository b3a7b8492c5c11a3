"""`examples/chat.py` over real servers: rooms, names, and who does not keep up."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.examples.servers import WEBSOCKET_SERVERS, Server, serving


@pytest.fixture(scope="module", params=WEBSOCKET_SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param, "chat") as running:
        yield running


def join(server: Server, room: str, name: str) -> connect:
    return connect(f"ws://127.0.0.1:{server.port}/chat/{quote(room)}?name={quote(name)}")


async def hear(socket: ClientConnection) -> tuple[str, ...]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 30))
    return message["kind"], message["name"], message["text"]


async def test_everybody_in_a_room_hears_what_anybody_says(server: Server) -> None:
    async with join(server, "tea", "ada") as ada, join(server, "coffee", "bob") as bob:
        assert await hear(ada) == ("joined", "ada", "")
        assert await hear(bob) == ("joined", "bob", "")
        async with join(server, "tea", "zoë") as zoe:
            assert await hear(ada) == await hear(zoe) == ("joined", "zoë", "")
            assert json.loads(await asyncio.to_thread(lambda: server.ask("GET", "/rooms").body)) == {
                "tea": ["ada", "zoë"],
                "coffee": ["bob"],
            }
            await zoe.send('{"text": "hello"}')
            assert await hear(ada) == await hear(zoe) == ("said", "zoë", "hello")
            await bob.send('{"text": "alone"}')
            assert await hear(bob) == ("said", "bob", "alone")
        assert await hear(ada) == ("left", "zoë", "")
        await ada.send('{"text": "still here"}')
        assert await hear(ada) == ("said", "ada", "still here")


async def test_who_breaks_off_has_left(server: Server) -> None:
    async with join(server, "tea", "ada") as ada:
        bob = await join(server, "tea", "bob")
        assert [await hear(ada), await hear(ada)] == [("joined", "ada", ""), ("joined", "bob", "")]
        bob.transport.abort()
        assert await hear(ada) == ("left", "bob", "")


async def test_a_name_is_taken_once(server: Server) -> None:
    async with join(server, "tea", "ada"):
        with pytest.raises(InvalidStatus) as refused:
            await join(server, "tea", "ada")
    assert refused.value.response.status_code == 409


@pytest.mark.parametrize("name", ["", "x" * 41])
async def test_a_name_has_to_fit(server: Server, name: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await join(server, "tea", name)
    assert refused.value.response.status_code == 422


@pytest.mark.parametrize("message", ["{", "[]", '{"text": ""}', '{"text": 1}', json.dumps({"text": "x" * 1001}), b"{}", "x" * 10_001])
async def test_what_cannot_be_said_ends_the_conversation_of_its_author_alone(server: Server, message: str | bytes) -> None:
    async with join(server, "tea", "ada") as ada, join(server, "tea", "bob") as bob:
        assert [await hear(ada), await hear(ada)] == [("joined", "ada", ""), ("joined", "bob", "")]
        await bob.send(message)
        assert await hear(ada) == ("left", "bob", "")
        await asyncio.wait_for(bob.wait_closed(), 10)  # Granian goes on for 20 s while anything refers to its transport
    assert bob.close_code == (1005 if "rsgi" in server.name else 1003 if message == b"{}" else 1009 if len(message) > 10_000 else 1007)
