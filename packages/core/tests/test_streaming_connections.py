"""Streams, and what they share with others: the event loop, and the connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from velo_core import Depends, EventSourceResponse, ServerSentEvent, StreamingResponse, Velo

Message = MutableMapping[str, Any]
both_protocols = pytest.mark.parametrize("protocol", ["asgi", "rsgi"])


async def never() -> None:
    await asyncio.Event().wait()


Take = Callable[[bytes], Awaitable[None]]


async def at_once(piece: bytes) -> None:
    """How most servers take a piece."""


async def serve_raw(app: Velo, protocol: str, take: Take = at_once, *, leaves: Callable[[], Awaitable[None]] = never) -> None:
    """Serves a request for `/` as the smallest server does that there can be, and ends the application, whose events listen to signals.

    Args:
        take: Is given each piece of the body.
        leaves: Returns when the client leaves.
    """
    await app.startup()
    try:
        await _ask(app, protocol, take, leaves)
    finally:
        await app.shutdown()


async def _ask(app: Velo, protocol: str, take: Take, leaves: Callable[[], Awaitable[None]]) -> None:

    async def receive() -> Message:
        await leaves()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await take(message["body"])

    if protocol == "asgi":
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": cast("object", []), "http_version": "1.1"}
        await app(scope, receive, send)
        return

    def respond(status: int, headers: object) -> object:
        return SimpleNamespace(send_bytes=take)

    await rsgi(app, response_stream=respond, client_disconnect=leaves)


def rsgi(app: Velo, **protocol: object) -> Awaitable[None]:
    """A request for `/` by the smallest RSGI server there can be."""

    def no_value(name: str) -> None: ...

    def no_values(name: str) -> list[str]:
        return []

    headers = SimpleNamespace(get=no_value, get_all=no_values, items=list)
    scope = SimpleNamespace(
        proto="http",
        http_version="1.1",
        method="GET",
        path="/",
        query_string="",
        headers=headers,
        client="192.0.2.1:5000",
        server="192.0.2.2:80",
    )
    return app.__rsgi__(cast("Any", scope), cast("Any", SimpleNamespace(**protocol)))


@both_protocols
async def test_a_generator_that_never_awaits_leaves_the_loop_to_others(protocol: str) -> None:
    """Even on a server that takes every chunk without waiting, as Granian does."""
    app = Velo()
    stop = asyncio.Event()
    count = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal count
        while not stop.is_set():
            count += 1
            if count > 100_000:
                raise AssertionError("nobody else was heard")
            yield b"chunk"

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(endless())

    asyncio.get_running_loop().call_later(0.01, stop.set)
    await serve_raw(app, protocol)

    assert 0 < count <= 100_000


@both_protocols
async def test_somebody_elses_cancellation_is_not_taken_for_the_client(protocol: str) -> None:
    app = Velo()
    events: list[str] = []
    started = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"chunk"
            started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(chunks())

    request = asyncio.ensure_future(serve_raw(app, protocol))
    await started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert events == ["cancelled"]


@both_protocols
async def test_a_server_that_says_so_when_nobody_is_there_is_believed(protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """The error of a server is no error of ours; one of the content is, even if it looks the same."""
    app = Velo()
    events: list[str] = []

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except OSError:
            events.append("session told")
            raise

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"chunk"
        finally:
            events.append("closed")

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> StreamingResponse:
        return StreamingResponse(chunks())

    async def refuse(piece: bytes) -> None:
        raise BrokenPipeError if protocol == "asgi" else RuntimeError("RSGI transport is closed")

    await serve_raw(app, protocol, refuse)

    assert events == ["closed", "session told"]
    assert caplog.records == []


class Clock:
    """Stands in for that of the streams."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds_per_look: float) -> None:
        self.now, self.seconds_per_look, self.looks = 0.0, seconds_per_look, 0
        monkeypatch.setattr("velo_core.streams.monotonic", self.look)

    def look(self) -> float:
        self.looks += 1
        self.now += self.seconds_per_look
        return self.now


async def turns_of_others(app: Velo, protocol: str) -> int:
    """How many turns others have with the loop while a request is served."""
    request = asyncio.ensure_future(serve_raw(app, protocol))
    turns = 0
    while not request.done():
        turns += 1
        await asyncio.sleep(0)
    request.result()
    return turns


@pytest.mark.parametrize("kind", [StreamingResponse, EventSourceResponse])
@pytest.mark.parametrize(("seconds", "least", "most"), [(0.0, 10, 40), (1.0, 5120, 5160)], ids=["fast", "slow"])
@both_protocols
async def test_others_have_their_turn_by_pieces_and_by_time(
    protocol: str, kind: type[StreamingResponse], seconds: float, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn costs more than most pieces do; of those that take long, each is followed by one."""
    app = Velo()

    async def content() -> AsyncIterator[str]:
        for _ in range(5120):
            yield "piece"

    @app.get("/")
    async def show() -> StreamingResponse:
        return kind(content())

    Clock(monkeypatch, seconds)

    assert least <= await turns_of_others(app, protocol) <= most


@pytest.mark.parametrize("kind", [StreamingResponse, EventSourceResponse])
@both_protocols
async def test_pieces_that_become_slow_let_others_have_their_turn_after_each_of_them(
    protocol: str, kind: type[StreamingResponse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are fewer looks at the clock than quick pieces, and as many as slow ones."""
    app = Velo()
    clock = Clock(monkeypatch, 0.0)
    looks: list[int] = []

    async def content() -> AsyncIterator[str]:
        for seconds in (0.0, 1.0, 0.0, 1.0):
            before, clock.seconds_per_look = clock.looks, seconds
            for _ in range(100):
                yield "piece"
            looks.append(clock.looks - before)

    @app.get("/")
    async def show() -> StreamingResponse:
        return kind(content())

    turns = await turns_of_others(app, protocol)

    assert 2 * 97 <= turns <= 2 * 100 + 40
    assert max(looks[0], looks[2]) < 40
    assert min(looks[1], looks[3]) > 97


@pytest.mark.parametrize("kind", [StreamingResponse, EventSourceResponse])
@both_protocols
async def test_content_that_never_waits_ends_with_its_client(protocol: str, kind: type[StreamingResponse]) -> None:
    app = Velo()
    count = 0
    leaves = asyncio.Event()
    closed: list[int] = []

    async def endless() -> AsyncIterator[str]:
        nonlocal count
        try:
            while True:
                count += 1
                if count == 1000:
                    leaves.set()
                if count > 10_000:
                    raise AssertionError("nobody noticed")
                yield "piece"
        finally:
            closed.append(count)

    @app.get("/")
    async def show() -> StreamingResponse:
        return kind(endless())

    async def left() -> None:
        await leaves.wait()

    await serve_raw(app, protocol, leaves=left)

    assert closed == [count]


@both_protocols
async def test_events_that_never_wait_end_with_the_application(protocol: str) -> None:
    app = Velo()
    closing: list[asyncio.Task[None]] = []
    count = 0

    @app.get("/")
    async def show() -> AsyncIterator[ServerSentEvent]:
        nonlocal count
        while True:
            count += 1
            if count == 1000:
                closing.append(asyncio.ensure_future(app.closing()))
            if count > 10_000:
                raise AssertionError("nobody noticed")
            yield ServerSentEvent(count)

    await app.startup()
    await serve_raw(app, protocol)
    await closing[0]
    await app.shutdown()

    assert count >= 1000


@both_protocols
async def test_a_ping_and_an_event_are_not_sent_at_the_same_time(protocol: str) -> None:
    """Servers want one piece after the other, and a slow client may be in the middle of either."""
    app = Velo()
    pinged, goes_on, sends = asyncio.Event(), asyncio.Event(), 0
    taken: list[bytes] = []

    async def take(piece: bytes) -> None:
        nonlocal sends
        sends += 1
        assert sends == 1
        if piece == b": ping\n\n" and not goes_on.is_set():
            pinged.set()
            await goes_on.wait()
        taken.append(piece)
        sends -= 1

    async def content() -> AsyncIterator[str]:
        yield "first"
        await pinged.wait()
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(goes_on.set))  # when this one waits
        yield "second"

    @app.get("/")
    async def show() -> EventSourceResponse:
        return EventSourceResponse(content(), ping_seconds=0.001)

    await serve_raw(app, protocol, take)

    first, second = taken.index(b"data: first\n\n"), taken.index(b"data: second\n\n")
    assert set(taken[first + 1 : second]) == {b": ping\n\n"}


@both_protocols
async def test_a_slow_client_is_not_pinged_while_it_is_sent_an_event(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has enough to read."""
    app = Velo()
    taken: list[bytes] = []
    looks = 0

    def call_later(*given: Any) -> asyncio.TimerHandle:
        nonlocal looks
        looks += 1
        return real_call_later(*given)

    async def take(piece: bytes) -> None:
        if piece.startswith(b"data"):
            seen = looks
            while looks < seen + 10:  # noqa: ASYNC110 - the pings look again and again whether it is time
                await asyncio.sleep(0)
        taken.append(piece)

    async def content() -> AsyncIterator[str]:
        yield "first"

    @app.get("/")
    async def show() -> EventSourceResponse:
        return EventSourceResponse(content(), ping_seconds=1e-9)

    loop = asyncio.get_running_loop()
    real_call_later = loop.call_later
    monkeypatch.setattr(loop, "call_later", call_later)
    await serve_raw(app, protocol, take)

    assert b"data: first\n\n" in taken
    assert b": ping\n\n" not in taken[: taken.index(b"data: first\n\n")]


@both_protocols
async def test_pings_let_others_have_their_turn(protocol: str) -> None:
    """Also on a server that takes all at once, where nothing else that sends them would wait."""
    app = Velo()
    pings = 0

    async def take(piece: bytes) -> None:
        nonlocal pings
        pings += piece == b": ping\n\n"
        if pings == 10_000:
            raise OSError("nobody else had a turn")

    async def content() -> AsyncIterator[str]:
        for _ in range(100):
            await asyncio.sleep(0)
        yield "over"

    @app.get("/")
    async def show() -> EventSourceResponse:
        return EventSourceResponse(content(), ping_seconds=1e-9)

    await serve_raw(app, protocol, take)

    assert pings < 1000


@both_protocols
async def test_a_ping_that_finds_nobody_ends_the_stream(protocol: str) -> None:
    """Some servers tell only those who send."""
    app = Velo()
    events: list[str] = []

    async def take(piece: bytes) -> None:
        if piece == b": ping\n\n":
            raise BrokenPipeError if protocol == "asgi" else RuntimeError("RSGI transport is closed")

    async def content() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            events.append("closed")

    @app.get("/")
    async def show() -> EventSourceResponse:
        return EventSourceResponse(content(), ping_seconds=0.001)

    await asyncio.wait_for(serve_raw(app, protocol, take), 60)

    assert events == ["closed"]


@pytest.mark.parametrize("catches", [False, True], ids=["cancelled", "caught"])
@both_protocols
async def test_a_ping_that_is_on_its_way_ends_with_its_stream(protocol: str, catches: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the server is told that the response is over; and there is no other, even if the server catches the cancellation."""
    app = Velo()
    events: list[str] = []
    pinged, timers = asyncio.Event(), 0

    def call_later(*given: Any) -> asyncio.TimerHandle:
        nonlocal timers
        timers += 1
        return real_call_later(*given)

    async def take(piece: bytes) -> None:
        nonlocal timers
        if piece != b": ping\n\n":
            return
        timers = 0
        pinged.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("ping")
            if not catches:
                raise

    async def left() -> None:
        await pinged.wait()

    async def content() -> AsyncIterator[str]:
        yield "first"
        await asyncio.Event().wait()

    @app.get("/")
    async def show() -> EventSourceResponse:
        return EventSourceResponse(content(), ping_seconds=0.001)

    loop = asyncio.get_running_loop()
    real_call_later = loop.call_later
    monkeypatch.setattr(loop, "call_later", call_later)
    request = asyncio.ensure_future(serve_raw(app, protocol, take, leaves=left))
    request.add_done_callback(lambda request: events.append("response"))
    await asyncio.wait({request}, timeout=60)
    await asyncio.sleep(0)

    assert events == ["ping", "response"]
    assert timers == 0


@pytest.mark.parametrize("says", [ServerSentEvent, Any], ids=["said", "found out"])
@both_protocols
async def test_an_event_that_is_on_its_way_when_the_application_ends_arrives_whole(protocol: str, says: object) -> None:
    """And is the last one, even if it is the first, which tells what kind of response it is if the handler does not say."""
    app = Velo()
    closing: list[asyncio.Task[None]] = []
    taken: list[bytes] = []

    async def take(piece: bytes) -> None:
        if piece.startswith(b"data"):
            closing.append(asyncio.ensure_future(app.closing()))
            for _ in range(20):
                await asyncio.sleep(0)
        taken.append(piece)

    async def show() -> AsyncIterator[Any]:
        yield ServerSentEvent("first")
        await asyncio.Event().wait()

    show.__annotations__["return"] = AsyncIterator[says]
    app.get("/")(show)
    await app.startup()
    await asyncio.wait_for(serve_raw(app, protocol, take), 60)
    await closing[0]
    await app.shutdown()

    assert [piece for piece in taken if piece.startswith(b"data")] == [b"data: first\n\n"]
