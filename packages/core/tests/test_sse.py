"""Server-Sent Events: the format, pings, and the three ways in which they end."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from enum import Enum
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core import EventSourceResponse, Header, ServerSentEvent, Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient

Serve = Callable[..., TestClient]
both_protocols = pytest.mark.parametrize("protocol", ["asgi", "rsgi"])


def parsed(stream: str) -> list[dict[str, str]]:
    """The events of a stream as a browser reads them (HTML Living Standard, section 9.2.6)."""
    events: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in stream.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if not line:
            if fields:
                events.append(fields)
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
    return events


# The format.


class Step(str, Enum):  # noqa: UP042 - f-strings write members of a StrEnum by their values, and those of this by their names
    DONE = "done"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ServerSentEvent("hello"), b"data: hello\n\n"),
        (ServerSentEvent(""), b"data: \n\n"),
        (ServerSentEvent("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerSentEvent({"price": 3.5}), b'data: {"price":3.5}\n\n'),
        (ServerSentEvent(17, event="count", id="3", retry_milliseconds=500), b"event: count\nid: 3\nretry: 500\ndata: 17\n\n"),
        (ServerSentEvent(comment="still\nhere"), b": still\n: here\n\n"),
        (ServerSentEvent(retry_milliseconds=0), b"retry: 0\n\n"),
        (ServerSentEvent("x", id=""), b"id: \ndata: x\n\n"),
        (ServerSentEvent("żółw"), "data: żółw\n\n".encode()),
        (ServerSentEvent(Step.DONE, event=Step.DONE, id=Step.DONE), b"event: done\nid: done\ndata: done\n\n"),
    ],
)
def test_events_are_written_as_browsers_read_them(event: ServerSentEvent, expected: bytes) -> None:
    assert event.encode() == expected


def test_events_are_sent_as_they_are_written(serve: Serve) -> None:
    """Those of data in one line are sent by a shorter way."""

    class Shouted(ServerSentEvent, frozen=True):
        def encode(self) -> bytes:
            return super().encode().upper()

    class Text(str):
        __slots__ = ()

    several: list[object] = [
        "text",
        "a\nb",
        "c\rdata: d",
        "",
        Text("own"),
        Step.DONE,
        msgspec.Raw(b"[1,\n2]"),
        msgspec.Raw(b"[3,\r4]"),
        {"n": 1},
        None,
        0,
    ]
    fields: list[dict[str, Any]] = [{}, {"id": "7"}, {"id": ""}, {"event": "e"}, {"comment": "c\nd"}, {"retry_milliseconds": 3}]
    events = [ServerSentEvent(data, **given) for data in several for given in fields]
    app = Velo()

    @app.get("/")
    async def show() -> EventSourceResponse:
        return EventSourceResponse([*events, Shouted("loud", id="x"), "bare"])

    sent = serve(app).get("/").content

    assert sent == b":\n\n" + b"".join(event.encode() for event in events) + b"ID: X\nDATA: LOUD\n\n" + b"data: bare\n\n"
    assert b"\n2]" not in sent
    assert b"\r" not in sent


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rdata: b", "a\0"])
def test_nothing_that_a_client_sent_can_make_another_field(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"the {field} of an event"):
        ServerSentEvent("x", **{field: value})  # pyright: ignore[reportArgumentType]: another field is not among the names


def test_a_negative_retry_is_refused() -> None:
    with pytest.raises(ValueError, match="retry_milliseconds"):
        ServerSentEvent(retry_milliseconds=-1)


@given(st.text(), st.none() | st.text(alphabet=st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1))
def test_whatever_the_text_it_arrives_as_it_was_but_for_line_ends(text: str, name: str | None) -> None:
    text = text.encode("utf-8", "ignore").decode()
    (event,) = parsed(ServerSentEvent(text, event=name, comment=text).encode().decode())

    assert event["data"] == text.replace("\r\n", "\n").replace("\r", "\n")
    assert event.get("event") == name
    assert set(event) <= {"data", "event"}


# The response.


def test_a_response_of_events_is_neither_kept_nor_collected_on_its_way(serve: Serve) -> None:
    app = Velo()

    def content() -> Iterator[object]:
        yield {"n": 1}
        yield ServerSentEvent("two", id="2")

    @app.get("/")
    async def show() -> EventSourceResponse:
        return EventSourceResponse(content(), headers={"x-kind": "feed"})

    response = serve(app).get("/")

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (response.headers["cache-control"], response.headers["x-accel-buffering"], response.headers["x-kind"]) == (
        "no-store",
        "no",
        "feed",
    )
    assert parsed(response.text) == [{"data": '{"n":1}'}, {"id": "2", "data": "two"}]


def test_a_client_that_comes_back_says_what_it_had(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def feed(last_event_id: Annotated[int, Header()] = 0) -> AsyncIterator[ServerSentEvent]:
        for number in range(last_event_id + 1, 4):
            yield ServerSentEvent(number, id=str(number))

    client = serve(app)

    assert [event["id"] for event in parsed(client.get("/").text)] == ["1", "2", "3"]
    assert [event["id"] for event in parsed(client.get("/", headers={"last-event-id": "2"}).text)] == ["3"]


def test_data_can_be_yielded_where_the_class_says_that_it_is_events(serve: Serve) -> None:
    app = Velo()

    @app.get("/", response_class=EventSourceResponse)
    async def feed() -> AsyncIterator[dict[str, int]]:
        yield {"n": 1}

    assert parsed(serve(app).get("/").text) == [{"data": '{"n":1}'}]


@both_protocols
async def test_the_response_begins_before_the_first_event(protocol: ProtocolName) -> None:
    app = Velo()

    @app.get("/")
    async def feed() -> AsyncIterator[ServerSentEvent]:
        await asyncio.Event().wait()
        yield ServerSentEvent("never")

    async with AsyncTestClient(app, protocol=protocol) as client, client.stream("GET", "/") as response:
        assert response.status_code == 200
        assert await anext(response.aiter_raw()) == b":\n\n"


@both_protocols
async def test_silence_is_filled_with_comments(protocol: ProtocolName) -> None:
    app = Velo()

    @app.get("/")
    async def feed() -> EventSourceResponse:
        async def content() -> AsyncIterator[str]:
            yield "first"
            await asyncio.Event().wait()

        return EventSourceResponse(content(), ping_seconds=0.01)

    received = ""
    async with AsyncTestClient(app, protocol=protocol) as client, client.stream("GET", "/") as response:
        async for text in response.aiter_text():
            received += text
            if received.count(": ping\n\n") == 3:
                break

    assert received == ":\n\ndata: first\n\n: ping\n\n: ping\n\n: ping\n\n"


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_ping_without_a_pause_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="ping_seconds"):
        EventSourceResponse([], ping_seconds=seconds)


# How they end.


@both_protocols
async def test_a_client_that_leaves_ends_the_content_and_the_pings(protocol: ProtocolName) -> None:
    app = Velo()
    ended = asyncio.Event()

    @app.get("/")
    async def feed() -> EventSourceResponse:
        async def content() -> AsyncIterator[str]:
            try:
                yield "first"
                await asyncio.Event().wait()
            finally:
                ended.set()

        return EventSourceResponse(content(), ping_seconds=0.01)

    async with AsyncTestClient(app, protocol=protocol) as client:
        async with client.stream("GET", "/") as response:
            await anext(response.aiter_raw())
        await asyncio.wait_for(ended.wait(), 5)
        others = [task for task in asyncio.all_tasks() if "send_events" in repr(task.get_coro())]

    assert others == []


@both_protocols
async def test_closing_ends_them_as_if_they_were_whole(protocol: ProtocolName) -> None:
    app = Velo()
    happened: list[str] = []
    waits = asyncio.Event()

    @app.get("/")
    async def feed() -> AsyncIterator[ServerSentEvent]:
        try:
            yield ServerSentEvent("first")
            waits.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            happened.append("cancelled")
            raise
        finally:
            happened.append("closed")

    async with AsyncTestClient(app, protocol=protocol) as client, client.stream("GET", "/") as response:
        received = response.aiter_text()
        assert await anext(received) == ":\n\n"
        assert await anext(received) == "data: first\n\n"
        await waits.wait()
        await app.closing()
        assert [text async for text in received] == []

    assert happened == ["cancelled", "closed"]


@both_protocols
async def test_one_that_begins_when_it_is_closing_ends_at_once(protocol: ProtocolName) -> None:
    app = Velo()

    @app.get("/")
    async def feed() -> AsyncIterator[ServerSentEvent]:
        await asyncio.Event().wait()
        yield ServerSentEvent("never")

    async with AsyncTestClient(app, protocol=protocol) as client:
        await app.closing()

        assert (await client.get("/")).text == ":\n\n"


@both_protocols
async def test_a_signal_ends_them_before_the_server_waits_for_them(protocol: ProtocolName) -> None:
    seen: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    app = Velo()

    @app.get("/")
    async def feed() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent("first")
        await asyncio.Event().wait()

    try:
        async with AsyncTestClient(app, protocol=protocol) as client, client.stream("GET", "/") as response:
            received = response.aiter_text()
            assert await anext(received) == ":\n\n"
            assert await anext(received) == "data: first\n\n"
            signal.raise_signal(signal.SIGTERM)
            assert [text async for text in received] == []
        restored = signal.getsignal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, previous)

    assert seen == [signal.SIGTERM, signal.SIGTERM]  # the server's own handler hears of it as well, and has its place back
    assert getattr(restored, "__name__", "") == "<lambda>"


def test_an_application_starts_again_after_it_was_closed(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def feed() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent("first")

    def events(client: Any) -> list[dict[str, str]]:
        return parsed(client.get("/").text)

    with TestClient(app) as client:
        assert events(client) == [{"data": "first"}]

    assert events(serve(app)) == [{"data": "first"}]
