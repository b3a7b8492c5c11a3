"""Plugins started, closed and stopped."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from plugin_making import plugin

from velo_core import Manifest, Plugin, Router, SetupError, Velo
from velo_testing import AsyncTestClient, TestClient

Serve = Callable[..., TestClient]


def test_lifespans_are_entered_in_order_and_left_in_reverse_with_the_application_innermost(serve: Serve) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        events.append("start app")
        yield
        events.append("stop app")

    app, child = Velo(lifespan=lifespan), Router("/child")
    app.install(plugin("a", events))
    child.install(plugin("c", events))
    app.install(plugin("b", events))
    app.include(child)
    client = serve(app)
    assert events == ["a", "b", "c", "start a", "start b", "start c", "start app"]
    client.close()
    assert events[7:] == ["stop app", "stop c", "stop b", "stop a"]


def test_what_was_started_is_stopped_when_a_later_one_cannot_start(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(plugin("b", events))
    app.install(plugin("c", events, fails="start"))
    app.install(plugin("d", events))

    with pytest.raises(RuntimeError, match="cannot start"):
        serve(app)
    assert events == ["a", "b", "c", "d", "start a", "start b", "start c", "stop b", "stop a"]


def test_an_error_of_a_lifespan_names_the_plugin(serve: Serve) -> None:
    app = Velo()
    app.install(plugin("a"))
    app.install(plugin("broken", fails="start"))

    with pytest.raises(RuntimeError) as caught:
        serve(app)
    assert any("'broken' (" in note and "test_plugin_lifespans.py:" in note for note in caught.value.__notes__)


def test_the_others_are_stopped_when_one_cannot_stop(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(plugin("b", events, fails="stop"))
    app.install(plugin("c", events))
    client = serve(app)

    with pytest.raises(RuntimeError, match="cannot stop"):
        client.close()
    assert events[6:] == ["stop c", "stop b", "stop a"]


def test_what_stands_after_the_yield_runs_even_if_something_else_fails(serve: Serve) -> None:
    events: list[str] = []

    class Plain(Plugin):
        manifest = Manifest(name="plain")

        def install(self, router: Router) -> None:
            """Nothing."""

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            events.append("open")
            yield
            events.append("closed")

    for fails in ("start", "stop"):
        app = Velo()
        app.install(Plain())
        app.install(plugin("broken", fails=fails))
        with pytest.raises(RuntimeError, match=f"cannot {fails}"):
            serve(app).close()

    assert events == ["open", "closed"] * 2


def hanging(at: str, events: list[str]) -> Plugin:
    """A plugin that waits for ever when it starts, closes or stops."""

    class Hanging(Plugin):
        manifest = Manifest(name="hanging")

        def install(self, router: Router) -> None:
            """Nothing."""

        async def wait(self, when: str) -> None:
            if at == when:
                try:
                    await asyncio.Event().wait()
                finally:
                    events.append("cancelled")

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            await self.wait("start")
            yield
            await self.wait("stop")

        async def closing(self, app: Velo) -> None:
            await self.wait("close")

    return Hanging()


def test_a_plugin_that_hangs_at_the_start_is_named_and_the_others_are_stopped(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(plugin_timeout_seconds=0.01)
    app.install(plugin("a", events))
    app.install(hanging("start", events))

    with pytest.raises(SetupError, match=r"the plugin 'hanging' \(.*\) did not start within 0.01 s and was cancelled") as caught:
        serve(app)
    assert caught.value.code == "VELO_PLUGIN_TIMEOUT"
    assert events == ["a", "start a", "cancelled", "stop a"]


def test_a_plugin_that_hangs_at_the_end_is_named_and_the_others_are_stopped(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(hanging("stop", events))
    client = serve(app)
    app.plugin_timeout_seconds = 0.01

    with pytest.raises(SetupError, match="did not stop within"):
        client.close()
    assert events == ["a", "start a", "cancelled", "stop a"]


def test_a_plugin_that_hangs_while_it_closes_is_logged_and_the_end_comes(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(hanging("close", events))
    client = serve(app)
    app.plugin_timeout_seconds = 0.01
    client.close()

    assert events == ["a", "start a", "cancelled", "stop a"]
    assert "the plugin 'hanging' (" in caplog.text


def test_closing_comes_before_the_drain_and_in_reverse_order(serve: Serve) -> None:
    events: list[str] = []

    class Closing(Plugin):
        def __init__(self, name: str) -> None:
            self.name = name

        manifest = Manifest(name="closing", multi=True)

        def install(self, router: Router) -> None:
            """Nothing."""

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            yield
            events.append(f"stop {self.name}")

        async def closing(self, app: Velo) -> None:
            events.append(f"close {self.name}")
            raise RuntimeError("is only logged")

    app = Velo()
    app.install(Closing("a"))
    app.install(Closing("b"))
    client = serve(app)
    client.close()

    assert events == ["close b", "close a", "stop b", "stop a"]


async def test_a_server_can_have_plugins_close_while_it_still_serves() -> None:
    events: list[str] = []

    class Streams(Plugin):
        manifest = Manifest(name="streams")

        def __init__(self) -> None:
            self.begun, self.told = asyncio.Event(), asyncio.Event()

        def install(self, router: Router) -> None:
            router.get("/")(self.wait)

        async def wait(self) -> str:
            self.begun.set()
            await self.told.wait()
            return "told to end"

        async def closing(self, app: Velo) -> None:
            events.append("closing")
            self.told.set()

    app = Velo()
    streams = Streams()
    app.install(streams)
    async with AsyncTestClient(app) as client:
        request = asyncio.create_task(client.get("/"))
        await streams.begun.wait()
        await app.closing()
        await app.closing()
        assert (await request).text == "told to end"

    assert events == ["closing"]


def test_times_are_kept(serve: Serve) -> None:
    app = Velo()
    app.install(plugin("a"))
    serve(app)
    (ready,) = app.plugins

    assert ready.times.install_seconds > 0
    assert ready.times.start_seconds > 0


def test_an_application_can_be_started_again(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    for _ in range(2):
        serve(app).close()

    assert events == ["a", "start a", "stop a", "start a", "stop a"]


def test_a_lifespan_that_failed_can_be_tried_again(serve: Serve) -> None:
    attempts: list[int] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("database is away")
        yield

    app = Velo(lifespan=lifespan)
    with pytest.raises(ConnectionError):
        serve(app)
    serve(app)

    assert len(attempts) == 2
