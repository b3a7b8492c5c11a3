"""Velo itself under its test clients: the same answers on every protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import pytest

from velo_core import StreamingResponse, Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient

PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)
on_each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


def application(log: list[str]) -> Velo:
    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        log.append("start")
        yield
        log.append("stop")

    app = Velo(lifespan=lifespan)

    @app.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}

    @app.get("/boom")
    async def boom() -> str:
        raise LookupError("boom")

    @app.get("/ticks")
    async def ticks() -> StreamingResponse:
        async def endless() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"tick"
            finally:
                log.append("ticked")

        return StreamingResponse(endless())

    return app


@on_each_protocol
def test_a_velo_application_is_started_asked_and_stopped(protocol: ProtocolName) -> None:
    log: list[str] = []
    with TestClient(application(log), protocol=protocol) as client:
        assert client.get("/hello/Ada").json() == {"hello": "Ada"}
        assert client.get("/nowhere").status_code == 404
        with client.stream("GET", "/ticks") as response:
            assert next(response.iter_raw()) == b"tick"

    assert log == ["start", "ticked", "stop"]


@on_each_protocol
async def test_a_velo_application_runs_on_the_loop_of_the_test(protocol: ProtocolName) -> None:
    log: list[str] = []
    async with AsyncTestClient(application(log), protocol=protocol) as client:
        assert (await client.get("/hello/Ada")).json() == {"hello": "Ada"}

    assert log == ["start", "stop"]


@on_each_protocol
def test_an_exception_that_velo_answers_with_500_is_raised(protocol: ProtocolName) -> None:
    with TestClient(application([]), protocol=protocol) as client, pytest.raises(LookupError, match="boom"):
        client.get("/boom")
    with TestClient(application([]), protocol=protocol, raise_app_exceptions=False) as client:
        assert client.get("/boom").json()["status"] == 500


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/hello/Ada"), ("HEAD", "/hello/Ada"), ("GET", "/nowhere"), ("DELETE", "/hello/Ada"), ("OPTIONS", "/boom")]
)
def test_responses_do_not_depend_on_the_protocol(method: str, path: str) -> None:
    found: list[tuple[int, list[tuple[bytes, bytes]], bytes]] = []
    for protocol in PROTOCOLS:
        with TestClient(application([]), protocol=protocol) as client:
            response = client.request(method, path)
            found.append((response.status_code, sorted(response.headers.raw), response.content))

    assert found[0] == found[1]
