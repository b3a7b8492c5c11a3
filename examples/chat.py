# /// script
# dependencies = ["velo-core"]
# ///
"""A chat: rooms in which everybody hears what anybody says."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Literal

import msgspec

from velo_core import HTTPError, Path, Query, Velo, WebSocket, WebSocketError

MAX_WAITING = 100
"""Messages that may wait for one member: who does not keep up is sent away, and nobody else waits for them."""


class Say(msgspec.Struct):
    """What a member sends."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Heard(msgspec.Struct):
    """What all members of a room get."""

    kind: Literal["joined", "said", "left"]
    name: str
    text: str = ""


class Member:
    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: asyncio.Queue[Heard] = asyncio.Queue(MAX_WAITING)
        self.is_slow = asyncio.Event()

    def hear(self, heard: Heard) -> None:
        try:
            self.waiting.put_nowait(heard)
        except asyncio.QueueFull:
            self.is_slow.set()

    async def tell(self, socket: WebSocket) -> None:
        while True:
            await socket.send_json(await self.waiting.get())

    async def leave_when_slow(self) -> None:
        await self.is_slow.wait()
        raise WebSocketError(4008, "You do not keep up.")


class Rooms:
    """Who is where. One for the application; what is said stays in this process."""

    def __init__(self) -> None:
        self.members: dict[str, dict[str, Member]] = {}

    @contextmanager
    def joined(self, room: str, name: str) -> Generator[Member]:
        if name in self.members.get(room, {}):
            raise HTTPError(409, f"There is a {name} in this room already.")
        member = self.members.setdefault(room, {})[name] = Member(name)
        self.say(room, Heard("joined", name))
        try:
            yield member
        finally:
            del self.members[room][name]
            self.say(room, Heard("left", name))
            if not self.members[room]:
                del self.members[room]

    def say(self, room: str, heard: Heard) -> None:
        for member in self.members[room].values():
            member.hear(heard)


app = Velo()
app.provide(Rooms, Rooms, lifetime="app")


@app.get("/rooms")
async def list_rooms(rooms: Rooms) -> dict[str, list[str]]:
    return {room: sorted(members) for room, members in rooms.members.items()}


@app.websocket("/chat/{room}", max_message_size=10_000)
async def chat(
    room: Annotated[str, Path(max_length=40)], name: Annotated[str, Query(min_length=1, max_length=40)], socket: WebSocket, rooms: Rooms
) -> None:
    with rooms.joined(room, name) as member:
        await socket.accept()
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(member.tell(socket)), tasks.create_task(member.leave_when_slow())]
            async for message in socket.iter_json(Say):
                rooms.say(room, Heard("said", name, message.text))
            for task in others:
                task.cancel()
