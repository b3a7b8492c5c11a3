"""What becomes of a handler that nobody waits for any more."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, MutableMapping
from typing import Annotated, Any

import pytest

from velo_core import ClientDisconnect, Depends, HTTPError, Request, Router, SetupError, Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient

Way = tuple[ProtocolName, bool]
Serve = Callable[..., TestClient]

UNTOLD = "WSGI does not tell that the client has gone"


@contextlib.asynccontextmanager
async def asked(app: Velo, way: Way, path: str) -> AsyncGenerator[asyncio.Task[object]]:
    """A request under way; left without an answer at the end of the block."""
    app.interpreted = way[1]
    async with AsyncTestClient(app, protocol=way[0]) as client:
        task: asyncio.Task[object] = asyncio.ensure_future(client.get(path))
        yield task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.not_on_wsgi(UNTOLD)
async def test_a_client_that_leaves_cancels_the_handler(way: Way) -> None:
    app = Velo()
    started = asyncio.Event()
    seen: list[object] = []

    @app.get("/")
    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            seen.append(error.args)
            raise
        finally:
            seen.append("finally")

    async with asked(app, way, "/"):
        await started.wait()

    assert seen == [("the client has gone",), "finally"]


@pytest.mark.not_on_wsgi(UNTOLD)
async def test_dependencies_hear_that_the_client_has_left(way: Way) -> None:
    app = Velo()
    started = asyncio.Event()
    seen: list[object] = []

    async def session() -> AsyncIterator[str]:
        try:
            yield "open"
        except BaseException as error:
            seen.append(type(error))
            raise

    @app.get("/")
    async def wait(session: Annotated[str, Depends(session)]) -> None:
        started.set()
        await asyncio.Event().wait()

    async with asked(app, way, "/"):
        await started.wait()

    assert seen == [ClientDisconnect]


@pytest.mark.not_on_wsgi("the loop of the application is not that of the test")
@pytest.mark.parametrize("policy", ["shield", "ignore"])
async def test_a_handler_can_be_finished_without_its_client(way: Way, policy: str) -> None:
    app = Velo()
    started, finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @app.get("/", on_disconnect="shield" if policy == "shield" else "ignore")
    async def work() -> None:
        started.set()
        await finish.wait()
        finished.set()

    app.interpreted = way[1]
    async with AsyncTestClient(app, protocol=way[0]) as client:
        task = asyncio.ensure_future(client.get("/"))
        await started.wait()
        task.cancel()
        await asyncio.sleep(0)
        finish.set()
        async with asyncio.timeout(60):
            await finished.wait()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_body_is_whole_although_somebody_watches(way: Way) -> None:
    app = Velo()
    sent = [b"a" * 70_000, b"b" * 70_000, b"c" * 70_000]

    @app.post("/")
    async def collect(request: Request) -> int:
        await asyncio.sleep(0.2)  # longer than it takes until the client is watched
        return sum([len(chunk) async for chunk in request.stream()])

    async def content() -> AsyncIterator[bytes]:
        for chunk in sent:
            await asyncio.sleep(0.06)
            yield chunk

    app.interpreted = way[1]
    async with AsyncTestClient(app, protocol=way[0]) as client:
        response = await client.post("/", content=content())

    assert response.json() == 210_000


async def test_who_reads_the_body_and_who_watches_the_client_take_turns() -> None:
    """On ASGI, where both ask the server for its next message: two at once would take messages from each other."""
    app, sent, asking, most = Velo(), asyncio.Event(), 0, 0
    messages: list[dict[str, object]] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
        {"type": "http.disconnect"},
    ]
    answers: list[MutableMapping[str, Any]] = []

    @app.post("/", on_disconnect="ignore")
    async def read(request: Request) -> bytes:
        reading = asyncio.create_task(request.body())
        await asyncio.sleep(0)
        watching = asyncio.create_task(request.client_leaves())
        await asyncio.sleep(0)
        sent.set()
        body = await reading
        await watching
        return body

    async def receive() -> dict[str, object]:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await sent.wait()
        await asyncio.sleep(0)
        asking -= 1
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    await app({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}, receive, send)

    assert (answers[0]["status"], answers[1]["body"], most) == (200, b"ab", 1)


def test_a_handler_that_takes_too_long_is_answered_with_503(serve: Serve) -> None:
    app = Velo()
    seen: list[str] = []

    @app.get("/", timeout_seconds=0.05)
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("finally")

    response = serve(app).get("/")

    assert response.status_code == 503
    assert response.json()["detail"] == "The request took longer than the 0.05 seconds that it may take."
    assert seen == ["finally"]


def test_a_time_out_of_the_handler_itself_is_not_the_limit_of_the_route(serve: Serve) -> None:
    app = Velo()

    @app.get("/", timeout_seconds=60)
    async def slow() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 500


def test_a_router_gives_its_limit_to_its_routes_and_a_route_replaces_it(serve: Serve) -> None:
    app = Velo(timeout_seconds=60)
    router = Router("/slow", timeout_seconds=0.01)

    async def wait() -> None:
        await asyncio.Event().wait()

    async def wait_a_little() -> None:
        await asyncio.sleep(0.05)

    router.get("/cut")(wait)
    router.get("/whole", timeout_seconds=60)(wait_a_little)
    app.include(router)
    client = serve(app)

    assert (client.get("/slow/cut").status_code, client.get("/slow/whole").status_code) == (503, 204)


def test_what_cannot_wait_has_no_trace_of_a_watch_in_its_plan() -> None:
    app = Velo()

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0)
        return "slow"

    @app.get("/unwatched", on_disconnect="ignore")
    async def unwatched() -> str:
        await asyncio.sleep(0)
        return "unwatched"

    watch = "with watch(scope, receive):"
    assert watch not in app.plan("GET", "/quick").source
    assert watch in app.plan("GET", "/slow").source
    assert watch not in app.plan("GET", "/unwatched").source


def test_limits_that_make_no_sense_are_found_at_start_up() -> None:
    app = Velo(timeout_seconds=0)

    @app.get("/", on_disconnect="run")  # pyright: ignore[reportArgumentType]: the mistake itself
    async def index() -> None:
        raise HTTPError(500)

    with pytest.raises(SetupError) as raised:
        app.freeze()

    assert [problem.code for problem in raised.value.problems] == ["VELO_ROUTE_OPTION", "VELO_ROUTE_OPTION"]
