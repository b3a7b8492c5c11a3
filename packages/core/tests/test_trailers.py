"""Fields behind the body, where the connection has them and the client asks."""

import hashlib
from collections.abc import AsyncIterator, Callable

import pytest

from velo_core import Request, StreamingResponse, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]


def application() -> Velo:
    app = Velo()

    @app.get("/")
    async def show() -> StreamingResponse:
        digest = hashlib.sha256()

        async def content() -> AsyncIterator[bytes]:
            for piece in (b"one ", b"two"):
                digest.update(piece)
                yield piece

        return StreamingResponse(content(), trailers=lambda: {"x-sum": digest.hexdigest()})

    @app.get("/split")
    async def split() -> StreamingResponse:
        return StreamingResponse([b"a"], trailers=lambda: {"x-sum": "a\r\nb"})

    @app.get("/able")
    async def able(request: Request) -> bool:
        return "trailers" in request.capabilities

    return app


def test_trailers_come_after_the_last_piece(serve: Serve, protocol: ProtocolName) -> None:
    client = serve(application())
    response = client.get("/", headers={"te": "deflate, trailers;q=0.5"})
    expected = [(b"x-sum", hashlib.sha256(b"one two").hexdigest().encode())] if protocol == "asgi" else []

    assert response.text == "one two"
    assert list(response.extensions.get("trailers", [])) == expected
    assert client.get("/able").json() == (protocol == "asgi")


@pytest.mark.parametrize("asked", ["", "deflate", "nontrailers"])
def test_nobody_gets_them_who_does_not_ask(serve: Serve, asked: str) -> None:
    response = serve(application()).get("/", headers={"te": asked} if asked else {})

    assert (response.text, list(response.extensions.get("trailers", []))) == ("one two", [])


def test_head_has_none(serve: Serve) -> None:
    response = serve(application()).head("/", headers={"te": "trailers"})

    assert (response.content, list(response.extensions.get("trailers", []))) == (b"", [])


def test_they_are_checked_like_headers() -> None:
    with TestClient(application(), protocol="asgi") as client, pytest.raises(ValueError, match="x-sum"):
        client.get("/split", headers={"te": "trailers"})
