"""The lifespan is always entered, left in time, and tells what went wrong."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from velo_core import error_reporter
from velo_testing import AsyncTestClient, LifespanFailed, ProtocolName, ProtocolViolation, TestClient

Message = dict[str, Any]
PROTOCOLS: tuple[ProtocolName, ...] = ("asgi", "rsgi")  # those that run on an event loop
on_each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class App:
    """Keeps a log of its life; fails where `fails` says."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.log: list[str] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    async def step(self, name: str) -> None:
        self.log.append(name)
        self.loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        if self.fails == name:
            raise LookupError(name)

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await self.step("start")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.step("stop")
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await self.step("request")
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        assert not loop.is_running()
        loop.run_until_complete(self.step("start"))

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        assert not loop.is_running()
        loop.run_until_complete(self.step("stop"))

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        await self.step("request")
        protocol.response_empty()


def asgi_lifespan(*messages: Message, error: Exception | None = None, reported: Exception | None = None) -> Callable[..., Awaitable[None]]:
    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        for message in messages:
            await receive()
            report = error_reporter.get()
            if reported is not None and report is not None:
                report(reported)
            await send(message)
        if error is not None:
            raise error

    return app


@on_each_protocol
def test_with_enters_the_lifespan_and_leaves_it(protocol: ProtocolName) -> None:
    app = App()
    with TestClient(app, protocol=protocol) as client:
        assert app.log == ["start"]
        client.get("/")
        client.get("/")

    assert app.log == ["start", "request", "request", "stop"]


@on_each_protocol
def test_a_client_without_with_enters_it_at_the_first_request_and_leaves_it_when_closed(protocol: ProtocolName) -> None:
    app = App()
    client = TestClient(app, protocol=protocol)
    assert app.log == []
    client.get("/")
    client.get("/")
    client.close()
    client.close()

    assert app.log == ["start", "request", "request", "stop"]


@on_each_protocol
async def test_the_asynchronous_client_does_both_on_the_loop_of_the_test(protocol: ProtocolName) -> None:
    app = App()
    async with AsyncTestClient(app, protocol=protocol):
        assert app.log == ["start"]
    assert (app.log, app.loop) == (["start", "stop"], asyncio.get_running_loop())

    app = App()
    client = AsyncTestClient(app, protocol=protocol)
    await asyncio.gather(*(client.get("/") for _ in range(3)))
    await client.aclose()
    assert app.log == ["start", "request", "request", "request", "stop"]


@on_each_protocol
def test_the_lifespan_can_be_left_alone(protocol: ProtocolName) -> None:
    app = App()
    with TestClient(app, protocol=protocol, lifespan=False) as client:
        client.get("/")

    assert app.log == ["request"]


@on_each_protocol
def test_an_application_that_cannot_start_fails_the_test_with_its_own_exception(protocol: ProtocolName) -> None:
    with pytest.raises(LookupError, match="start"), TestClient(App("start"), protocol=protocol):
        raise AssertionError("not reached")
    client = TestClient(App("start"), protocol=protocol)
    for _ in range(2):
        with pytest.raises(LookupError, match="start"):
            client.get("/")
    client.close()


@on_each_protocol
async def test_the_asynchronous_client_fails_the_same_way(protocol: ProtocolName) -> None:
    with pytest.raises(LookupError, match="start"):
        async with AsyncTestClient(App("start"), protocol=protocol):
            raise AssertionError("not reached")
    with pytest.raises(LookupError, match="stop"):
        async with AsyncTestClient(App("stop"), protocol=protocol):
            pass


@on_each_protocol
def test_an_application_that_cannot_stop_fails_the_test(protocol: ProtocolName) -> None:
    with pytest.raises(LookupError, match="stop"), TestClient(App("stop"), protocol=protocol) as client:
        client.get("/")


@on_each_protocol
def test_requests_that_fail_do_not_keep_it_from_being_left(protocol: ProtocolName) -> None:
    app = App("request")
    with pytest.raises(LookupError, match="request"), TestClient(app, protocol=protocol) as client:
        client.get("/")

    assert app.log == ["start", "request", "stop"]


FAILED = {"type": "lifespan.startup.failed", "message": "no database"}


async def test_a_start_that_fails_leaves_no_task_behind() -> None:
    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        await receive()
        with suppress(ProtocolViolation):
            await send({"type": "lifespan.hello"})
        await send({"type": "lifespan.startup.complete"})
        await receive()

    before = asyncio.all_tasks()
    with pytest.raises(ProtocolViolation):
        await AsyncTestClient(app).get("/")

    assert asyncio.all_tasks() == before


def test_the_message_of_an_application_is_told_when_there_is_no_exception() -> None:
    with pytest.raises(LifespanFailed, match="no database"), TestClient(asgi_lifespan(FAILED)):
        pass
    with pytest.raises(LifespanFailed, match="no reason"), TestClient(asgi_lifespan({"type": "lifespan.startup.failed"})):
        pass
    shutdown = asgi_lifespan({"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.failed", "message": "stuck"})
    with pytest.raises(LifespanFailed, match="stuck"), TestClient(shutdown):
        pass


def test_an_exception_that_was_raised_or_reported_is_told_together_with_the_message() -> None:
    with pytest.raises(LookupError) as raised, TestClient(asgi_lifespan(FAILED, error=LookupError())):
        pass
    with pytest.raises(LookupError) as reported, TestClient(asgi_lifespan(FAILED, reported=LookupError())):
        pass

    assert "no database" in raised.value.__notes__[0]
    assert "no database" in reported.value.__notes__[0]


@pytest.mark.parametrize("error", [None, LookupError("unknown scope")])
def test_an_application_without_a_lifespan_is_fine(error: Exception | None) -> None:
    async def app(scope: Message, receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "lifespan" and error is not None:
            raise error
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    with TestClient(app) as client:
        assert client.get("/").status_code == 204


def test_an_application_that_answers_the_lifespan_like_a_request_is_fine() -> None:
    """The smallest application of every tutorial does not look at the type of the scope."""

    async def app(scope: Message, receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    with TestClient(app) as client:
        assert client.get("/").status_code == 204


@on_each_protocol
def test_starting_takes_no_longer_than_the_time_out(protocol: ProtocolName) -> None:
    class Slow(App):
        async def step(self, name: str) -> None:
            await asyncio.Event().wait()

    with pytest.raises(LifespanFailed, match=r"did not start within 0\.05 seconds"), TestClient(Slow(), protocol=protocol, timeout=0.05):
        pass


@on_each_protocol
async def test_starting_on_the_loop_of_the_test_takes_no_longer_either(protocol: ProtocolName) -> None:
    class Slow(App):
        async def step(self, name: str) -> None:
            await asyncio.Event().wait()

    with pytest.raises(LifespanFailed, match="did not start"):
        await AsyncTestClient(Slow(), protocol=protocol, timeout=0.05).get("/")


@on_each_protocol
def test_the_lifespan_sees_the_context_variables_of_the_test(protocol: ProtocolName) -> None:
    seen: list[str] = []

    class Looking(App):
        async def step(self, name: str) -> None:
            seen.append(variable.get())

    token = variable.set("the test's")
    try:
        with TestClient(Looking(), protocol=protocol):
            pass
    finally:
        variable.reset(token)

    assert seen == ["the test's", "the test's"]


async def test_an_rsgi_hook_can_use_the_loop_of_the_test_as_if_it_were_not_running() -> None:
    """From another thread, while the test's loop goes on."""
    calls: list[object] = []

    class Hooked:
        def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
            task = loop.create_task(self.work())
            calls.append(loop.run_until_complete(task))
            calls.append(loop.time() > 0)
            future = loop.create_future()
            loop.call_soon(future.set_result, variable.get())
            calls.append(loop.run_until_complete(future))
            calls.append(threading.current_thread() is threading.main_thread())

        async def work(self) -> bool:
            return threading.current_thread() is threading.main_thread()

        async def __rsgi__(self, scope: object, protocol: Any) -> None:
            protocol.response_empty()

    variable.set("the test's")
    async with AsyncTestClient(Hooked(), protocol="rsgi") as client:
        await client.get("/")

    assert calls == [True, True, "the test's", False]


async def test_a_stand_in_for_the_loop_refuses_to_wait_for_itself() -> None:
    class Hooked:
        def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
            async def nested() -> None:
                loop.run_until_complete(asyncio.get_running_loop().create_future())

            loop.run_until_complete(nested())

        async def __rsgi__(self, scope: object, protocol: Any) -> None: ...

    with pytest.raises(RuntimeError, match="already running"):
        await AsyncTestClient(Hooked(), protocol="rsgi").get("/")
