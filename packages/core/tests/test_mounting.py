"""Applications of other kinds below a path."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import Any
from wsgiref.validate import validator

import pytest

from velo_core import CallNext, Depends, HTTPError, Request, Response, Router, SetupError, StreamingResponse, Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient, WebSocketClosed, WebSocketDenied

Serve = Callable[..., TestClient]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def answer(send: Send, body: bytes, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            return body


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Tells what it is told."""
    body = await read(receive)
    told = f"{scope['method']} {scope['root_path']} {scope['path']} {scope.get('query_string', b'').decode()} {body.decode()}"
    await answer(send, told.encode(), headers=[(b"content-type", b"text/plain"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])


def bare(app: Any, path: str = "/sub", **options: Any) -> Velo:
    outer = Velo()
    outer.mount(path, app, lifespan=False, **options)
    return outer


def surrounded(app: Any, path: str = "/sub", **options: Any) -> Velo:
    """With something around the mount, so that its response becomes one of ours even on ASGI."""
    outer = bare(app, path, **options)

    @outer.middleware
    async def mark(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.set("x-mark", "yes")
        return response

    return outer


Make = Callable[..., Velo]


@pytest.fixture(params=[bare, surrounded], ids=["bare", "surrounded"])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/sub", "GET /sub /sub"),
        ("/sub/", "GET /sub /sub/"),
        ("/sub/x/y", "GET /sub /sub/x/y"),
        ("/sub/x/", "GET /sub /sub/x/"),
        ("/sub//x", "GET /sub /sub//x"),
        ("/sub/caf%C3%A9", "GET /sub /sub/café"),
    ],
)
def test_the_prefix_is_told_apart_in_whole_segments(serve: Serve, make: Make, path: str, told: str) -> None:
    client = serve(make(echo))

    response = client.get(path, params={"q": "1"})
    assert response.text == f"{told} q=1 "
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    for other in ("/subway", "/", "/su", "/x/sub", "/%73ub2"):
        assert client.get(other).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PURGE"])
def test_every_method_gets_through(serve: Serve, make: Make, method: str) -> None:
    response = serve(make(echo)).request(method, "/sub/x", content=b"body")

    assert response.text == f"{method} /sub /sub/x  body"


def test_head_has_no_body(serve: Serve, make: Make) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await answer(send, b"", headers=[(b"content-length", b"7")])

    response = serve(make(app)).head("/sub")

    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "7")


def test_what_a_mounted_application_sends_for_head_is_not_sent(serve: Serve, make: Make) -> None:
    ended = threading.Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(4):
                await send({"type": "http.response.body", "body": b"piece", "more_body": True})
            await send({"type": "http.response.body", "body": b"last"})
        except OSError:  # nobody takes it
            pass
        ended.set()

    assert serve(make(app)).head("/sub").content == b""
    assert ended.wait(60), "the application waits for somebody to take what it sends"


def test_routes_of_ones_own_come_first_where_they_are_more_specific(serve: Serve) -> None:
    app = Velo()
    app.mount("/sub", echo, lifespan=False)
    app.get("/sub/own")(lambda: "own")

    @app.get("/{rest:path}")
    def others(rest: str) -> str:
        return rest

    client = serve(app)

    assert client.get("/sub/own").text == "own"
    assert client.get("/sub/other").text == "GET /sub /sub/other  "
    assert client.post("/sub/own").text == "POST /sub /sub/own  "
    assert client.get("/elsewhere").text == "elsewhere"


def test_a_mount_at_the_root_gets_what_is_left(serve: Serve) -> None:
    app = Velo()
    app.get("/own")(lambda: "own")
    app.mount("/", echo, lifespan=False)
    client = serve(app)

    assert client.get("/own").text == "own"
    assert client.get("/other").text == "GET  /other  "
    assert client.get("/").text == "GET  /  "


def test_the_root_path_adds_up_also_behind_proxies() -> None:
    for make in (bare, surrounded):
        app = Velo(trusted_proxies=["127.0.0.1"])
        inner = make(echo, "/{tenant}/in")
        app.mount("/out", inner, lifespan=False)
        with TestClient(app, root_path="/api") as client:
            assert client.get("/out/a%2Fb/in/x").text == "GET /api/out/a/b/in /api/out/a/b/in/x  "
            assert client.get("/out/7/in").text == "GET /api/out/7/in /api/out/7/in  "


def test_what_a_trusted_proxy_says_reaches_the_mounted_application(serve: Serve, make: Make) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await answer(send, f"{scope['client'][0]} {scope['scheme']}".encode())

    outer = Velo(trusted_proxies=["127.0.0.1"])
    outer.mount("/x", app, lifespan=False)

    assert serve(outer).get("/x", headers={"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}).text == "192.0.2.7 https"


def test_another_velo_can_be_mounted_and_makes_its_links(serve: Serve, make: Make) -> None:
    inner = Velo()

    @inner.get("/items/{item:int}", name="item")
    async def item(item: int, request: Request) -> list[str]:
        return [request.url_for("item", item=item + 1), request.path, request.root_path]

    @inner.post("/items")
    async def create(body: dict[str, int]) -> dict[str, int]:
        return body

    client = serve(make(inner))

    assert client.get("/sub/items/7").json() == ["/sub/items/8", "/items/7", "/sub"]
    assert client.post("/sub/items", json={"a": 1}).json() == {"a": 1}
    assert client.post("/sub/items", json=[]).status_code == 422
    assert client.get("/sub/nowhere").json()["detail"] == "Nothing is served at this path."
    assert client.delete("/sub/items").headers["allow"] == "OPTIONS, POST"


def test_a_stream_gets_through_piece_by_piece(serve: Serve, make: Make) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read(receive)
        await send({"type": "http.response.start", "status": 201, "headers": []})
        for number in range(5):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    response = serve(make(app)).get("/sub")

    assert (response.status_code, response.text) == (201, "01234end")


def test_the_last_piece_is_never_lost(serve: Serve) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(5):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    client = serve(surrounded(app))

    # Which side comes first to the last piece is chance: it was lost once in forty times.
    assert {client.get("/sub").text for _ in range(200)} == {"01234end"}


def test_a_stream_ends_with_its_last_message_and_not_with_its_application(serve: Serve) -> None:
    begun, over = threading.Event(), threading.Event()
    worked: list[bool] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"all", "more_body": True})
        await asyncio.to_thread(begun.wait, 60)
        await send({"type": "http.response.body", "body": b""})
        worked.append(await asyncio.to_thread(over.wait, 60))

    with serve(surrounded(app)).stream("GET", "/sub") as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"all"
        begun.set()
        assert list(pieces) == []
        over.set()
    assert worked != [False]  # which would be the end of the wait, and of the response with it


def test_a_large_body_goes_in_and_comes_out(serve: Serve, make: Make) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    body = bytes(range(256)) * 8192  # more than a route takes by default

    assert serve(make(app)).post("/sub", content=body).content == body


@pytest.mark.parametrize("way_to_fail", ["raises", "returns", "status", "header"])
def test_what_fails_before_it_responds_is_500(serve: Serve, make: Make, way_to_fail: str) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if way_to_fail == "raises":
            raise ValueError("secret")
        if way_to_fail == "status":
            await answer(send, b"", 99)
        if way_to_fail == "header":
            await answer(send, b"", headers=[(b"x", b"a\r\nb: c")])

    if make is bare and way_to_fail != "raises":
        pytest.skip("what is called directly is the server's to judge")
    response = serve(make(app), raise_app_exceptions=False).get("/sub")

    assert response.status_code == 500
    assert "secret" not in response.text


def test_exception_handlers_see_what_a_mounted_application_raises(serve: Serve, make: Make) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise HTTPError(409, "taken")

    assert serve(make(app)).get("/sub").json()["detail"] == "taken"


def test_middleware_and_dependencies_are_around_unless_it_is_left_out(serve: Serve) -> None:
    def guard() -> None:
        raise HTTPError(401)

    inner = Router("/in", dependencies=[Depends(guard)])
    inner.mount("/guarded", echo, lifespan=False)
    inner.mount("/open", echo, lifespan=False, middleware=False)
    app = surrounded(echo)
    app.include(inner)
    client = serve(app)

    assert client.get("/sub").headers["x-mark"] == "yes"
    assert client.get("/in/guarded/x").status_code == 401
    assert client.get("/in/guarded//x").status_code == 401
    assert client.request("PURGE", "/in/guarded/x").status_code == 401
    response = client.get("/in/open/x")
    assert (response.status_code, response.headers.get("x-mark")) == (200, None)


def test_a_mount_can_be_for_one_host(serve: Serve) -> None:
    app, router = Velo(), Router(host="a.test")
    router.mount("/sub", echo, lifespan=False)
    app.include(router)
    client = serve(app)

    assert client.get("/sub/x", headers={"host": "a.test"}).status_code == 200
    assert client.get("/sub/x", headers={"host": "b.test"}).status_code == 404


# Clients that leave.


async def test_a_mounted_application_is_told_that_the_client_has_left() -> None:
    for make in (bare, surrounded):
        heard = asyncio.Event()
        waiting = asyncio.Event()

        async def app(scope: Message, receive: Receive, send: Send, heard: asyncio.Event = heard, waiting: asyncio.Event = waiting) -> None:
            await read(receive)
            waiting.set()
            assert (await receive())["type"] == "http.disconnect"
            heard.set()

        async with AsyncTestClient(make(app), raise_app_exceptions=False) as client:
            request = asyncio.ensure_future(client.get("/sub"))
            await waiting.wait()
            request.cancel()
            await asyncio.wait_for(heard.wait(), 20)


def itself(event: asyncio.Event) -> asyncio.Event:
    return event


async def test_the_stream_of_a_mounted_application_ends_with_its_client() -> None:
    for make in (bare, surrounded):
        closed = asyncio.Event()
        inner = Velo()

        @inner.get("/endless")
        async def endless(closed: asyncio.Event = Depends(partial(itself, closed))) -> StreamingResponse:  # noqa: B008 - as users write it
            async def content() -> AsyncIterator[bytes]:
                try:
                    while True:
                        yield b"x" * 1000
                        await asyncio.sleep(0)
                finally:
                    closed.set()

            return StreamingResponse(content())

        async with AsyncTestClient(make(inner), raise_app_exceptions=False) as client:
            async with client.stream("GET", "/sub/endless") as response:
                async for _ in response.aiter_bytes():
                    break
            await asyncio.wait_for(closed.wait(), 20)


# Websockets.


async def talk(scope: Message, receive: Receive, send: Send) -> None:
    """Answers in capitals; refuses who asks for it."""
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"].endswith("refused"):
        await send({"type": "websocket.http.response.start", "status": 409, "headers": [(b"x-why", b"no")]})
        await send({"type": "websocket.http.response.body", "body": b"not today"})
        return
    if scope["path"].endswith("closed"):
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": f"{scope['scheme']} {scope['root_path']} {scope['path']}"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
            return
        await send({"type": "websocket.send", "text": message["text"].upper()})


@pytest.mark.not_on_wsgi("no websockets")
def test_websockets_get_through(serve: Serve, make: Make, protocol: ProtocolName) -> None:
    client = serve(make(talk))

    for path in ("/sub", "/sub/chat/1"):
        with client.websocket_connect(path, headers={"origin": "https://elsewhere.test"}) as socket:
            assert socket.receive_text() == f"ws /sub {path}"
            socket.send_text("hello")
            assert socket.receive_text() == "HELLO"
            socket.send_text("bye")
            with pytest.raises(WebSocketClosed) as end:
                socket.receive_text()
            assert end.value.close_code == (4001 if protocol == "asgi" else 1005)


@pytest.mark.not_on_wsgi("no websockets")
@pytest.mark.parametrize(("path", "statuses"), [("/sub/refused", (409, 403)), ("/sub/closed", (403, 403)), ("/none", (404, 404))])
def test_a_handshake_can_be_refused(serve: Serve, make: Make, protocol: ProtocolName, path: str, statuses: tuple[int, int]) -> None:
    client = serve(make(talk))

    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect(path):
        pass
    assert denied.value.response.status_code in statuses


@pytest.mark.not_on_wsgi("no websockets")
def test_a_guard_holds_for_websockets_too(serve: Serve) -> None:
    def guard() -> None:
        raise HTTPError(401)

    app, router = Velo(), Router(dependencies=[Depends(guard)])
    router.mount("/sub", talk, lifespan=False)
    app.include(router)

    for path in ("/sub", "/sub/x", "/sub//x"):
        with pytest.raises(WebSocketDenied) as denied, serve(app).websocket_connect(path):
            pass
        assert denied.value.response.status_code in (401, 403, 404)


@pytest.mark.not_on_wsgi("no websockets")
def test_a_wsgi_application_has_no_websockets(serve: Serve, make: Make) -> None:
    with pytest.raises(WebSocketDenied), serve(make(wsgi, interface="wsgi")).websocket_connect("/sub"):
        pass


# WSGI.


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    told = " ".join((environ["REQUEST_METHOD"], environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["QUERY_STRING"], body.decode()))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return [told.encode("latin-1")]


def test_a_wsgi_application_can_be_mounted(serve: Serve, make: Make) -> None:
    client = serve(make(validator(wsgi), interface="wsgi"))

    response = client.post("/sub/x/y?q=1", content=b"body")
    assert response.text == "POST /sub /x/y q=1 body"
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert client.get("/sub").text == "GET /sub   "
    assert client.get("/sub/caf%C3%A9").text == "GET /sub /café  "


def test_a_wsgi_application_streams_and_is_closed(serve: Serve, make: Make) -> None:
    closed: list[bool] = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            yield from (b"a", b"", b"b", b"c")
        finally:
            closed.append(True)

    assert serve(make(app, interface="wsgi")).get("/sub").text == "abc"
    assert closed == [True]


def test_a_wsgi_application_has_no_say_about_the_connection(serve: Serve) -> None:
    fields = [("Connection", "close"), ("Keep-Alive", "1"), ("Proxy-Connection", "x"), ("Transfer-Encoding", "chunked"), ("Upgrade", "h2c")]

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [*fields, ("X-Own", "yes")])
        return [b"a", b"b"] if environ["PATH_INFO"] == "/stream" else [b"ab"]

    client = serve(bare(app, interface="wsgi"))

    for path in ("/sub", "/sub/stream"):
        response = client.get(path)
        assert (response.text, response.headers["x-own"]) == ("ab", "yes")
        assert not {name.lower() for name, _ in fields} & set(response.headers)


def test_what_is_smuggled_into_an_environ_stays_out(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [repr((environ.get("HTTP_X_USER"), environ.get("HTTP_PROXY"), environ.get("HTTP_COOKIE"))).encode()]

    headers = [("x-user", "good"), ("proxy", "http://evil"), ("cookie", "a=1")]

    assert serve(bare(app, interface="wsgi")).get("/sub", headers=headers).text == "('good', None, 'a=1')"


@pytest.mark.parametrize("way_to_fail", ["raises", "silent", "twice"])
def test_a_wsgi_application_that_fails_is_500(serve: Serve, way_to_fail: str) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if way_to_fail == "raises":
            raise ValueError("secret")
        if way_to_fail == "twice":
            start_response("200 OK", [])
            start_response("200 OK", [])
        return []

    assert serve(bare(app, interface="wsgi"), raise_app_exceptions=False).get("/sub").status_code == 500


def test_a_body_for_a_wsgi_application_is_limited(serve: Serve) -> None:
    app, router = Velo(), Router(max_content_length=10)
    router.mount("/sub", wsgi, interface="wsgi")
    app.include(router)

    assert serve(app).post("/sub", content=b"x" * 11).status_code == 413


# Mistakes.


def two(first: object, second: object) -> None: ...


MISTAKES: list[tuple[Callable[[Any], None], str]] = [  # `Any`: users without a type checker
    (lambda app: app.mount("/x", app), "cannot be mounted in itself"),
    (lambda app: app.mount("/x", Router()), "is a Router; include it"),
    (lambda app: app.mount("/x", "module:app"), "'module:app' cannot be mounted"),
    (lambda app: app.mount("/x", two), "write interface='wsgi'"),
    (lambda app: app.mount("/x", echo, interface="rsgi"), "has to be 'asgi' or 'wsgi'"),
]


@pytest.mark.parametrize(("mount", "message"), MISTAKES)
def test_mistakes_are_told_at_once(mount: Callable[[Velo], None], message: str) -> None:
    with pytest.raises(SetupError, match=message) as raised:
        mount(Velo())
    assert raised.value.code == "VELO_MOUNT"


def test_two_mounts_at_one_path_keep_the_application_from_starting() -> None:
    app = Velo()
    app.mount("/x", echo)
    app.mount("/x/", echo)

    with pytest.raises(SetupError, match="match the same paths"):
        app.freeze()


def test_a_route_beside_a_mount_has_the_plan_that_it_had() -> None:
    plain, mixed = Velo(), Velo()
    for app in (plain, mixed):
        app.get("/x")(lambda: "x")
    mixed.mount("/y", echo)

    assert plain.plan("GET", "/x").source == mixed.plan("GET", "/x").source
    assert mixed.url_for("/y") == "/y"
