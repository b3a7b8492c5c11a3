"""Routes for websockets beside those for HTTP."""

from collections.abc import Callable

import pytest

from velo_core import (
    SetupError,
    Velo,
    WebSocket,
)
from velo_testing import ProtocolName, TestClient, WebSocketDenied

Serve = Callable[..., TestClient]
Way = tuple[ProtocolName, bool]


def denied(client: TestClient, url: str, **options: object) -> int:
    """The status of a refusal."""
    with pytest.raises(WebSocketDenied) as refused, client.websocket_connect(url, **options):  # pyright: ignore[reportArgumentType]: options of any client
        pass
    return refused.value.response.status_code


def problem(client: TestClient, url: str) -> object:
    """The document of a refusal."""
    with pytest.raises(WebSocketDenied) as refused, client.websocket_connect(url):
        pass
    return refused.value.response.json()


@pytest.mark.not_on_wsgi("WSGI has no websockets")
def test_http_and_websockets_share_a_path(serve: Serve) -> None:
    app = Velo()

    @app.get("/news")
    async def page() -> str:
        return "page"

    @app.websocket("/news")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("live")

    client = serve(app)

    assert client.get("/news").text == "page"
    with client.websocket_connect("/news") as socket:
        assert socket.receive_text() == "live"
    assert client.post("/news").headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_request_without_upgrade_is_told_of_it(way: Way, serve: Serve) -> None:
    app = Velo()

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None: ...

    @app.get("/users/{name}")
    async def show(name: str) -> str:
        return name

    @app.websocket("/users/me")
    async def follow(socket: WebSocket) -> None: ...

    client = serve(app)

    refused = client.get("/live")
    assert refused.status_code == 426
    assert refused.headers.get("upgrade") == (None if way[0] == "wsgi" else "websocket")  # WSGI leaves the connection to the server
    assert client.head("/live").status_code == 426
    assert client.post("/live").status_code == 405
    assert client.post("/live").headers["allow"] == "GET, OPTIONS"
    assert client.options("/live").headers["allow"] == "GET, OPTIONS"
    assert client.get("/users/me").text == "me"
    assert client.request("WEBSOCKET", "/live").status_code == 405


def test_two_websockets_at_one_path_are_reported() -> None:
    app = Velo()

    @app.websocket("/a/{x}")
    async def first(x: str, socket: WebSocket) -> None: ...

    @app.websocket("/a/{y}")
    async def second(y: str, socket: WebSocket) -> None: ...

    with pytest.raises(SetupError) as raised:
        app.freeze()

    (problem,) = raised.value.problems
    assert problem.code == "VELO_ROUTE_DUPLICATE"
    assert "first" in problem.message
    assert "second" in problem.message


def test_handlers_that_cannot_serve_a_websocket_are_reported() -> None:
    app = Velo()

    @app.websocket("/plain")
    def plain(socket: WebSocket) -> None: ...

    @app.websocket("/body")
    async def body(socket: WebSocket, move: list[int]) -> None: ...

    @app.get("/http")
    async def http(socket: WebSocket) -> None: ...

    with pytest.raises(SetupError) as raised:
        app.freeze()

    assert [problem.code for problem in raised.value.problems] == ["VELO_WEBSOCKET_HANDLER"] * 3


def test_the_name_of_a_websocket_makes_its_path() -> None:
    app = Velo()

    @app.websocket("/chat/{room}", name="chat")
    async def chat(room: str, socket: WebSocket) -> None: ...

    assert app.url_for("chat", room="a b") == "/chat/a%20b"


def test_a_plan_for_requests_knows_nothing_of_websockets() -> None:
    app = Velo()

    @app.get("/")
    async def show() -> str:
        return "x"

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None: ...

    assert "socket" not in app.plan("GET", "/").source.partition('"""\n')[2]
    assert "finish_socket" in app.plan("WEBSOCKET", "/").source


@pytest.mark.not_on_wsgi("WSGI has no websockets")
def test_an_app_value_that_was_not_started_refuses_the_handshake(way: Way) -> None:
    app = Velo(interpreted=way[1])

    class Bus: ...

    app.provide(Bus, Bus, lifetime="app")

    @app.websocket("/")
    async def talk(socket: WebSocket, bus: Bus) -> None: ...

    with TestClient(app, protocol=way[0], lifespan=False, raise_app_exceptions=False) as client:
        assert denied(client, "/") == 500
