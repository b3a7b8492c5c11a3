"""Websockets: who is let in, how the others are refused, and what is around a handler, on each protocol."""

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from typing import Annotated, Any

import pytest

from velo_core import (
    CallNext,
    Depends,
    FileResponse,
    Header,
    HTTPError,
    JSONResponse,
    Query,
    Request,
    Response,
    Router,
    SetupError,
    StreamingResponse,
    UnsupportedError,
    Velo,
    WebSocket,
    WebSocketError,
)
from velo_core.protocols import asgi_websocket
from velo_testing import ProtocolName, TestClient, WebSocketDenied

pytestmark = pytest.mark.not_on_wsgi("WSGI has no websockets")
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


# What is around the handler.


async def user(authorization: Annotated[str | None, Header()] = None) -> str:
    if authorization is None:
        raise HTTPError(401, headers={"www-authenticate": "Bearer"})
    return authorization


def test_parameters_and_dependencies_are_those_of_http(serve: Serve) -> None:
    app = Velo()

    @app.websocket("/chat/{room}")
    async def chat(room: int, socket: WebSocket, user: Annotated[str, Depends(user)], since: Annotated[int, Query(ge=0)] = 0) -> None:
        await socket.accept()
        await socket.send_json([room, user, since, socket.path_params, socket.query.get_all("since"), socket.method, socket.scheme])

    client = serve(app)

    with client.websocket_connect("/chat/7?since=5", headers={"authorization": "ada"}) as socket:
        assert socket.receive_json() == [7, "ada", 5, {"room": "7"}, ["5"], "GET", "http"]
    assert denied(client, "/chat/7") == 401
    assert denied(client, "/chat/seven", headers={"authorization": "ada"}) == 422
    assert denied(client, "/chat/7?since=-1", headers={"authorization": "ada"}) == 422


def test_a_dependency_for_requests_serves_websockets_too(serve: Serve) -> None:
    app = Velo()

    def agent(request: Request) -> str:
        return request.headers.get("user-agent", "none")

    @app.get("/")
    async def show(agent: Annotated[str, Depends(agent)]) -> str:
        return agent

    @app.websocket("/")
    async def tell(socket: WebSocket, agent: Annotated[str, Depends(agent)]) -> None:
        await socket.accept()
        await socket.send_text(agent)

    client = serve(app)

    with client.websocket_connect("/", headers={"user-agent": "me"}) as socket:
        assert socket.receive_text() == "me"
    assert client.get("/", headers={"user-agent": "me"}).text == "me"


def test_dependencies_of_routers_guard_websockets(serve: Serve) -> None:
    """What stands on the application holds for websockets as for requests, and not silently for requests alone."""
    app = Velo(dependencies=[Depends(user)])

    @app.websocket("/")
    async def never(socket: WebSocket) -> None:
        raise AssertionError("the guard has let it pass")

    assert denied(serve(app), "/") == 401


def test_middleware_is_around_the_whole_conversation(serve: Serve) -> None:
    app = Velo()
    events: list[object] = []

    @app.middleware
    async def around(request: Request, call_next: CallNext) -> Response:
        events.append(("in", request.path))
        response = await call_next(request)
        response.headers.add("x-seen", "yes")
        events.append(response.status_code)
        return response

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hi")
        events.append("said")

    @app.websocket("/deny")
    async def deny(socket: WebSocket) -> None:
        raise HTTPError(409)

    client = serve(app)

    with client.websocket_connect("/talk") as socket:
        assert socket.receive_text() == "hi"
    assert denied(client, "/deny") == 409
    assert denied(client, "/nowhere") == 404
    assert events == [("in", "/talk"), "said", 101, ("in", "/deny"), 409, ("in", "/nowhere"), 404]


def test_middleware_can_refuse_a_handshake(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def refuse(request: Request, call_next: CallNext) -> Response:
        return Response(b"closed", 503)

    @app.websocket("/")
    async def never(socket: WebSocket) -> None:
        raise AssertionError("the middleware has let it pass")

    assert denied(serve(app), "/") == 503


# Refusals.


def test_an_unknown_path_is_a_404(way: Way, serve: Serve) -> None:
    app = Velo()

    @app.get("/http")
    async def http() -> str:
        return "http"

    client = serve(app)

    assert denied(client, "/nowhere") == 404
    assert denied(client, "/http") == 404
    if way[0] == "asgi":
        assert problem(client, "/nowhere") == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "Nothing is served at this path.",
        }


@pytest.mark.parametrize(
    ("case", "status"),
    [("raise HTTPError", 418), ("return", 429), ("close", 403), ("WebSocketError", 403), ("mistake", 500), ("forget", 500)],
)
def test_what_ends_a_handler_before_it_accepts_refuses_the_handshake(serve: Serve, case: str, status: int) -> None:
    app = Velo()

    @app.websocket("/")
    async def refuse(socket: WebSocket) -> Response | None:
        if case == "raise HTTPError":
            raise HTTPError(418)
        if case == "return":
            return JSONResponse({"slow": "down"}, 429)
        if case == "close":
            await socket.close(1008, "no")
        if case == "WebSocketError":
            raise WebSocketError(1008, "no")
        if case == "mistake":
            raise ZeroDivisionError
        return None

    assert denied(serve(app, raise_app_exceptions=False), "/") == status


def test_a_refusal_has_a_body_where_the_protocol_can(way: Way, serve: Serve) -> None:
    app = Velo()

    @app.websocket("/")
    async def refuse(socket: WebSocket) -> Response:
        assert ("denial_response" in socket.capabilities) is (way[0] == "asgi")
        return JSONResponse({"slow": "down"}, 429, {"retry-after": "3"})

    with pytest.raises(WebSocketDenied) as refused, serve(app).websocket_connect("/"):
        pass

    response = refused.value.response
    assert response.status_code == 429
    if way[0] == "asgi":
        assert response.json() == {"slow": "down"}
        assert response.headers["retry-after"] == "3"


class Pieces:
    """The content of a refusal, which is closed when nothing more is wanted of it."""

    def __init__(self, count: int, size: int = 1, seconds: float = 0) -> None:
        self.left, self.size, self.seconds = count, size, seconds
        self.is_closed = False

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(self.seconds)
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return b"x" * self.size

    async def aclose(self) -> None:
        self.is_closed = True


async def messages_of_refusal(response: Response, *, interpreted: bool) -> list[MutableMapping[str, Any]]:
    """What an ASGI server is given."""
    app = Velo(interpreted=interpreted)

    @app.websocket("/")
    async def refuse(socket: WebSocket) -> Response:
        return response

    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/",
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "ws",
        "headers": [],
        "subprotocols": [],
    }
    await app({**scope, "extensions": {"websocket.http.response": {}}}, receive, send)
    return sent


@pytest.mark.parametrize("interpreted", [False, True])
async def test_a_stream_that_refuses_is_sent_in_one_piece(interpreted: bool, tmp_path: Path) -> None:
    """Granian takes no other, and answers with a bare 403."""
    file = tmp_path / "no.txt"
    file.write_bytes(b"no")
    content = Pieces(3)
    fields = {"www-authenticate": "Bearer"}

    streamed = await messages_of_refusal(StreamingResponse(content, 401, fields), interpreted=interpreted)
    from_file = await messages_of_refusal(FileResponse(file, 403, fields), interpreted=interpreted)

    assert [message["type"].removeprefix("websocket.http.response.") for message in streamed + from_file] == ["start", "body"] * 2
    assert [streamed[0]["status"], from_file[0]["status"]] == [401, 403]
    assert streamed[1]["body"] == b"xxx"
    assert from_file[1]["body"] == b"no"
    assert streamed[0]["headers"] == [(b"www-authenticate", b"Bearer"), (b"content-length", b"3")]
    assert {(b"www-authenticate", b"Bearer"), (b"content-length", b"2"), (b"content-type", b"text/plain; charset=utf-8")} <= {
        *from_file[0]["headers"]
    }
    assert not any(message.get("more_body") for message in streamed + from_file)
    assert content.is_closed


@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.parametrize("endless", ["much", "slow"])
async def test_what_is_no_refusal_is_left_out_of_it(
    interpreted: bool, endless: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(asgi_websocket, "GATHERED_SECONDS", 0.05 if endless == "slow" else 60)
    content = Pieces(1000, 1000, seconds=1 if endless == "slow" else 0)
    fields = {"www-authenticate": "Bearer", "content-length": "1000000", "etag": '"x"'}

    start, body = await messages_of_refusal(StreamingResponse(content, 401, fields, "text/plain"), interpreted=interpreted)

    assert start["status"] == 401
    assert start["headers"] == [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
    assert body == {"type": "websocket.http.response.body", "body": b""}
    assert content.is_closed
    assert "refused without the content" in caplog.text


@pytest.mark.parametrize("interpreted", [False, True])
async def test_a_refusal_whose_content_fails_has_not_begun(interpreted: bool) -> None:
    """So that the server can still say 500; nobody may be told that this is all there is."""

    async def content() -> AsyncIterator[bytes]:
        yield b"x"
        raise TimeoutError("the database")

    with pytest.raises(TimeoutError, match="the database"):
        await messages_of_refusal(StreamingResponse(content(), 401), interpreted=interpreted)


def test_a_stream_refuses_on_every_protocol(way: Way, serve: Serve) -> None:
    app = Velo()
    content = Pieces(3)

    @app.websocket("/")
    async def refuse(socket: WebSocket) -> Response:
        return StreamingResponse(content, 401, {"www-authenticate": "Bearer"}, trailers=lambda: {"x-sum": "3"})

    with pytest.raises(WebSocketDenied) as refused, serve(app).websocket_connect("/"):
        pass

    assert refused.value.response.status_code == 401
    assert content.is_closed
    if way[0] == "asgi":
        assert refused.value.response.text == "xxx"
        assert refused.value.response.headers["www-authenticate"] == "Bearer"


def test_an_exception_handler_answers_before_the_acceptance(way: Way, serve: Serve) -> None:
    app = Velo()

    @app.exception_handler(KeyError)
    async def missing(request: Request, error: Exception) -> Response:
        return Response(b"no such room", 410)

    @app.websocket("/")
    async def refuse(socket: WebSocket) -> None:
        raise KeyError("room")

    with pytest.raises(WebSocketDenied) as refused, serve(app).websocket_connect("/"):
        pass

    assert refused.value.response.status_code == 410
    if way[0] == "asgi":
        assert refused.value.response.text == "no such room"


# Subprotocols, headers, capabilities.


def test_a_subprotocol_is_agreed_on(way: Way, serve: Serve) -> None:
    app = Velo()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        assert socket.subprotocols == ("v1", "v2")
        assert socket.select_subprotocol("v3") is None
        chosen = socket.select_subprotocol("v3", "v2", "v1") if "subprotocol" in socket.capabilities else None
        await socket.accept(chosen)
        await socket.send_json(socket.accepted_subprotocol)

    with serve(app).websocket_connect("/", subprotocols=["v1", "v2"]) as socket:
        assert socket.receive_json() == socket.subprotocol == ("v2" if way[0] == "asgi" else None)


def test_headers_come_with_the_acceptance(way: Way, serve: Serve) -> None:
    app = Velo()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        socket.response_headers.add("x-from", "dependency")
        await socket.accept(headers={"set-cookie": "a=b"} if "accept_headers" in socket.capabilities else None)

    client = serve(app)

    with client.websocket_connect("/") as socket:
        assert socket.headers.get("x-from") == ("dependency" if way[0] == "asgi" else None)
    assert client.cookies.get("a") == ("b" if way[0] == "asgi" else None)


def test_what_rsgi_cannot_do_fails_loudly() -> None:
    app = Velo()

    @app.websocket("/subprotocol")
    async def subprotocol(socket: WebSocket) -> None:
        await socket.accept("v1")

    @app.websocket("/headers")
    async def headers(socket: WebSocket) -> None:
        await socket.accept(headers={"x-a": "b"})

    with TestClient(app, protocol="rsgi") as client:
        for path in ("/subprotocol", "/headers"):
            with pytest.raises(UnsupportedError), client.websocket_connect(path, subprotocols=["v1"]):
                pass


@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.parametrize(("offered", "answer"), [(["v2", "v1"], "v1"), (["v1", "v1"], 400), (["v 1"], 400)])
async def test_subprotocols_may_be_all_that_an_asgi_server_tells_of_them(interpreted: bool, offered: list[str], answer: str | int) -> None:
    """The specification asks for no header field."""
    app = Velo(interpreted=interpreted)
    told: list[Any] = []

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept(socket.select_subprotocol("v1"))

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message.get("subprotocol") or message.get("status"))

    headers: list[object] = []
    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": headers, "http_version": "1.1", "subprotocols": offered}
    await app({**scope, "extensions": {"websocket.http.response": {}}}, receive, send)

    assert told[0] == answer


@pytest.mark.parametrize("case", ["not offered", "twice", "send first", "receive first", "server's header", "after refusal"])
def test_what_makes_no_sense_is_refused(serve: Serve, case: str) -> None:
    app = Velo()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        if case == "not offered":
            await socket.accept("v9")
        elif case == "twice":
            await socket.accept()
            await socket.accept()
        elif case == "send first":
            await socket.send_text("x")
        elif case == "receive first":
            await socket.receive()
        elif case == "server's header":
            await socket.accept(headers={"sec-websocket-protocol": "x"})
        else:
            await socket.close()
            await socket.accept()

    with pytest.raises((ValueError, RuntimeError)), serve(app).websocket_connect("/") as socket:
        socket.receive()


@pytest.mark.parametrize("value", ["é", "a b", "a,a", "a;b", '"a"'])
def test_malformed_subprotocols_are_refused(serve: Serve, value: str) -> None:
    app = Velo()

    @app.websocket("/")
    async def never(socket: WebSocket) -> None:
        raise AssertionError("it has been let in")

    assert denied(serve(app), "/", headers=[(b"sec-websocket-protocol", value.encode("latin-1"))]) == 400


# Origins.


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (None, True),
        ("http://testserver", True),
        ("https://testserver", False),
        ("http://testserver:80", True),
        ("HTTP://TestServer", True),
        ("http://testserver:8000", False),
        ("http://evil.test", False),
        ("http://testserver.evil.test", False),
        ("http://testserver@evil.test", False),
        ("http://app.example.com", False),
        ("https://app.example.com", True),
        ("https://app.example.com:443", True),
        ("https://app.example.com/", False),
        ("null", False),
        ("", False),
        ("é", False),
    ],
)
def test_only_pages_of_known_origins_are_let_in(serve: Serve, origin: str | None, is_let_in: bool) -> None:
    app = Velo(websocket_origins=["https://app.example.com"])

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()

    client = serve(app)
    headers = [] if origin is None else [(b"origin", origin.encode("latin-1"))]

    if is_let_in or (origin == "https://testserver"):  # behind a proxy that ends TLS, we would not know that it is ours
        with client.websocket_connect("/", headers=headers):
            pass
    else:
        assert denied(client, "/", headers=headers) == 403


def test_the_scheme_of_an_origin_counts_where_ours_is_known(serve: Serve) -> None:
    app = Velo()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()

    client = serve(app)

    with client.websocket_connect("https://testserver/", headers={"origin": "https://testserver"}):
        pass
    assert denied(client, "https://testserver/", headers={"origin": "http://testserver"}) == 403


def test_origins_are_handed_down_and_replaced(serve: Serve) -> None:
    app = Velo(websocket_origins=["https://a.test"])
    router = Router("/b", websocket_origins=["https://b.test"])

    @app.websocket("/any", origins=["*"])
    @app.websocket("/a")
    @router.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()

    app.include(router)
    client = serve(app)

    def enters(path: str, origin: str) -> bool:
        try:
            with client.websocket_connect(path, headers={"origin": origin}):
                return True
        except WebSocketDenied:
            return False

    assert enters("/a", "https://a.test")
    assert not enters("/a", "https://b.test")
    assert enters("/b/", "https://b.test")
    assert not enters("/b/", "https://a.test")
    assert enters("/any", "https://c.test")


@pytest.mark.parametrize("origin", ["app.example.com", "https://a.test/path", "null", ""])
def test_what_is_no_origin_keeps_the_application_from_starting(origin: str) -> None:
    app = Velo(websocket_origins=[origin])

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None: ...

    with pytest.raises(SetupError) as raised:
        app.freeze()

    assert [problem.code for problem in raised.value.problems] == ["VELO_WEBSOCKET_ORIGIN"]
