"""Bodies of requests that are read while they arrive."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from velo_core import Depends, Request, StreamingResponse, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


def test_a_request_body_can_be_echoed_while_it_arrives(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def echo(request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream())

    chunks = [b"a" * 1000, b"b" * 1000, b"c"]

    assert serve(app).post("/", content=iter(chunks)).content == b"".join(chunks)


def test_a_request_body_can_be_read_late_by_the_response(serve: Serve) -> None:
    """What watches for the client to leave must not take the body away."""
    app = Velo()

    @app.post("/")
    async def echo(request: Request) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"begun:"
            for _ in range(5):
                await asyncio.sleep(0)
            async for chunk in request.stream():
                yield chunk
                await asyncio.sleep(0)

        return StreamingResponse(chunks())

    client = serve(app)

    assert client.post("/", content=iter([b"one,", b"two,", b"three"])).content == b"begun:one,two,three"
    assert client.post("/", content=b"whole").content == b"begun:whole"


@pytest.mark.not_on_wsgi("servers wait until they have as much as is asked for")
def test_a_request_body_arrives_piece_by_piece(serve: Serve) -> None:
    app = Velo()
    sizes: list[int] = []

    @app.post("/")
    async def measure(request: Request) -> int:
        sizes.extend([len(chunk) async for chunk in request.stream()])
        return sum(sizes)

    assert serve(app).post("/", content=iter([b"a" * 10, b"b" * 20, b""])).json() == 30
    assert sizes == [10, 20]


@pytest.mark.parametrize("how", ["stream", "body", "model"])
def test_a_body_that_was_streamed_is_not_there_a_second_time(serve: Serve, how: str) -> None:
    """Told at once; to ask the server again would be to wait for ever."""
    app = Velo()

    async def consume(request: Request) -> None:
        async for _ in request.stream():
            pass

    async def model(names: list[str]) -> None: ...

    async def raw(request: Request) -> bytes:
        return b"".join([chunk async for chunk in request.stream()]) if how == "stream" else await request.body()

    app.post("/", dependencies=[Depends(consume)])(model if how == "model" else raw)

    with pytest.raises(RuntimeError, match="has been streamed already"):
        serve(app).post("/", json=["a"])


def test_a_body_that_was_read_as_a_whole_can_be_streamed_and_read_again(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def echo(request: Request) -> list[str]:
        whole = await request.body()
        streamed = b"".join([chunk async for chunk in request.stream()])
        return [whole.decode(), streamed.decode(), (await request.body()).decode()]

    assert serve(app).post("/", content=b"abc").json() == ["abc", "abc", "abc"]


def test_a_streamed_request_body_is_held_to_the_limit_while_it_arrives(serve: Serve, protocol: str) -> None:
    """On WSGI, up to 64 KiB are read at once."""
    app = Velo()
    pulled: list[int] = []

    @app.post("/", max_content_length=15)
    async def measure(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.post("/more", max_content_length=15)
    async def more(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream(limit=100)])

    def endless() -> Iterator[bytes]:
        for number in range(100_000):
            pulled.append(number)
            yield b"a" * 10

    client = serve(app)
    response = client.post("/", content=endless())

    assert response.status_code == 413
    assert response.json()["detail"] == "The request body is larger than the 15 bytes that are accepted here."
    assert len(pulled) <= (6554 if protocol == "wsgi" else 3)
    assert client.post("/", content=b"a" * 16).status_code == 413
    assert client.post("/", content=b"a" * 15).json() == 15
    assert client.post("/more", content=b"a" * 50).json() == 50
