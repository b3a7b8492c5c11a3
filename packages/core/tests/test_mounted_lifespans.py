"""Lifespans of mounted applications."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from velo_core import Router, SetupError, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def answer(send: Send, body: bytes, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


class Foreign:
    """An application that keeps a diary, and fails as it is told."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.diary: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, f"{scope['state']}".encode())
            return
        if self.fails == "does not know":
            raise KeyError("lifespan")
        assert (await receive())["type"] == "lifespan.startup"
        self.diary.append("start")
        if self.fails == "raises":
            raise ValueError("no database")
        if self.fails == "tells":
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
        scope["state"]["pool"] = 7
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        self.diary.append("stop")
        if self.fails == "at the end":
            await send({"type": "lifespan.shutdown.failed", "message": "stuck"})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def test_the_lifespan_is_inside_that_of_the_application(way: tuple[ProtocolName, bool]) -> None:
    foreign = Foreign()

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        foreign.diary.append("outer start")
        yield
        foreign.diary.append("outer stop")

    app = Velo(lifespan=lifespan, interpreted=way[1])
    app.mount("/sub", foreign)
    app.mount("/again", foreign)
    for _ in range(2):
        foreign.diary.clear()
        with TestClient(app, protocol=way[0]) as client:
            assert client.get("/sub").text == client.get("/again").text == "{'pool': 7}"
        assert foreign.diary == ["outer start", "start", "stop", "outer stop"]


def test_a_lifespan_can_be_left_out(serve: Serve) -> None:
    foreign = Foreign()
    app = Velo()
    app.mount("/sub", foreign, lifespan=False)

    assert serve(app).get("/sub").text == "{}"
    assert foreign.diary == []


def test_an_application_without_lifespan_is_left_alone(serve: Serve) -> None:
    app = Velo()
    app.mount("/sub", Foreign("does not know"))

    assert serve(app).get("/sub").text == "{}"


@pytest.mark.parametrize(("fails", "kind"), [("raises", ValueError), ("tells", SetupError)])
async def test_one_that_cannot_start_keeps_the_application_from_starting(fails: str, kind: type[Exception]) -> None:
    stopped: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        yield
        stopped.append("outer")

    app, good = Velo(lifespan=lifespan), Foreign()
    app.mount("/good", good)
    app.mount("/sub", Foreign(fails))

    with pytest.raises(kind, match="no database") as raised:
        await app.startup()
    assert "/sub" in str(raised.value) + "".join(getattr(raised.value, "__notes__", []))
    assert (good.diary, stopped) == (["start", "stop"], [])


async def test_one_that_cannot_stop_says_so_after_the_others_have_stopped() -> None:
    app, good = Velo(), Foreign()
    app.mount("/good", good)
    app.mount("/sub", Foreign("at the end"))
    await app.startup()

    with pytest.raises(SetupError, match="mounted at /sub could not stop: stuck") as raised:
        await app.shutdown()
    assert raised.value.code == "VELO_MOUNT_LIFESPAN"
    assert good.diary == ["start", "stop"]


def test_a_mounted_velo_starts_with_the_outer_one(serve: Serve) -> None:
    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        diary.append("start")
        yield

    diary: list[str] = []
    inner = Velo(lifespan=lifespan)
    inner.get("/x")(lambda: "x")
    app = Velo()
    app.mount("/sub", inner)

    assert serve(app).get("/sub/x").text == "x"
    assert diary == ["start"]


def test_a_router_with_a_mount_can_be_included_twice(serve: Serve) -> None:
    foreign, app, router = Foreign(), Velo(), Router()
    router.mount("/sub", foreign)
    app.include(router, prefix="/a")
    app.include(router, prefix="/b")
    client = serve(app)

    assert client.get("/a/sub").text == client.get("/b/sub").text == "{'pool': 7}"
    assert foreign.diary == ["start"]
