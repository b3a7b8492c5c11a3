"""Hooks at one point of every request."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from velo_core import (
    CallNext,
    Depends,
    HTTPError,
    PlainTextResponse,
    Request,
    Response,
    Router,
    SetupError,
    StreamingResponse,
    Velo,
    WebSocket,
)
from velo_testing import AsyncTestClient, ProtocolName, TestClient

Serve = Callable[..., TestClient]


def diary_of(router: Router, diary: list[str], name: str) -> None:
    """Notes all phases, in functions of both kinds."""

    @router.on_request
    def on_request(request: Request) -> None:
        diary.append(f"{name} request {request.path}")

    @router.on_response
    async def on_response(request: Request, response: Response) -> None:
        diary.append(f"{name} response {response.status_code}")

    @router.on_error
    def on_error(request: Request, error: Exception) -> None:
        diary.append(f"{name} error {type(error).__name__}")

    @router.on_sent
    async def on_sent(request: Request, response: Response) -> None:
        diary.append(f"{name} sent {response.status_code}")


def application(diary: list[str]) -> Velo:
    app, inner = Velo(), Router("/in")

    @app.middleware
    async def around(request: Request, call_next: CallNext) -> Response:
        diary.append("middleware in")
        response = await call_next(request)
        diary.append("middleware out")
        return response

    async def connection() -> AsyncIterator[str]:
        diary.append("open")
        yield "connection"
        diary.append("closed")

    @inner.get("/ok")
    async def ok(one: str = Depends(connection)) -> str:
        diary.append("handler")
        return one

    @inner.get("/fails/{kind}")
    async def fails(kind: str) -> None:
        raise {"http": HTTPError(409), "value": ValueError("x")}[kind]

    diary_of(app, diary, "app")
    diary_of(inner, diary, "in")
    app.include(inner)
    return app


def test_hooks_run_in_their_order(serve: Serve) -> None:
    diary: list[str] = []
    client = serve(application(diary))

    assert client.get("/in/ok").text == "connection"
    assert diary == [
        *("app request /in/ok", "in request /in/ok", "middleware in", "open", "handler", "middleware out"),
        *("in response 200", "app response 200", "closed", "in sent 200", "app sent 200"),
    ]


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [("/in/fails/http", 409, "HTTPError"), ("/in/fails/value", 500, "ValueError"), ("/in/none", 404, "HTTPError")],
)
def test_errors_are_seen_before_they_are_answered(serve: Serve, path: str, status: int, error: str) -> None:
    diary: list[str] = []
    client = serve(application(diary), raise_app_exceptions=False)

    assert client.get(path).status_code == status
    assert diary == [
        *(f"app request {path}", f"in request {path}", "middleware in", f"in error {error}", f"app error {error}", "middleware out"),
        *(f"in response {status}", f"app response {status}", f"in sent {status}", f"app sent {status}"),
    ]


def test_hooks_of_a_router_see_nothing_else(serve: Serve) -> None:
    diary: list[str] = []

    assert serve(application(diary)).get("/nowhere").status_code == 404
    assert diary == [
        *("app request /nowhere", "middleware in", "app error HTTPError", "middleware out", "app response 404", "app sent 404"),
    ]


def test_a_hook_can_answer_and_can_change_the_answer(serve: Serve) -> None:
    app = Velo()
    later: list[str] = []

    @app.on_request
    async def stop(request: Request) -> Response | None:
        return PlainTextResponse("closed", 503) if "stop" in request.query else None

    @app.on_request
    def note_later(request: Request) -> None:
        later.append("later")

    @app.on_response
    def change(response: Response) -> Response | None:
        return PlainTextResponse("changed") if response.status_code == 200 else None

    app.get("/")(lambda: "ok")
    client = serve(app)

    assert client.get("/").text == "changed"
    response = client.get("/?stop")
    assert (response.status_code, response.text, later) == (503, "closed", ["later"])


@pytest.mark.parametrize("kind", ["on_request", "on_response"])
@pytest.mark.parametrize("result", ["raises", "nonsense"])
def test_a_hook_that_fails_is_answered_like_a_handler(serve: Serve, kind: str, result: str) -> None:
    app = Velo()

    def hook(request: Request) -> object:
        if result == "raises":
            raise HTTPError(418)
        return "nonsense"

    getattr(app, kind)(hook)
    app.get("/")(lambda: "ok")

    assert serve(app, raise_app_exceptions=False).get("/").status_code == (418 if result == "raises" else 500)


@pytest.mark.parametrize("kind", ["on_error", "on_sent"])
def test_a_hook_that_only_watches_cannot_change_the_answer(serve: Serve, kind: str) -> None:
    app, called = Velo(), list[str]()

    def fails() -> None:
        raise ValueError("hook")

    getattr(app, kind)(fails)
    getattr(app, kind)(lambda: called.append(kind))

    @app.get("/")
    async def handler() -> None:
        raise HTTPError(409)

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 409
    assert called == [kind]


def test_sent_comes_after_a_stream_and_its_background(serve: Serve) -> None:
    app, diary = Velo(), list[str]()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        diary.append("last")

    app.get("/")(lambda: StreamingResponse(pieces()))
    app.on_sent(lambda: diary.append("sent"))

    assert serve(app).get("/").text == "a"
    assert diary == ["last", "sent"]


async def test_sent_comes_also_when_the_client_leaves() -> None:
    app, sent = Velo(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0)

    app.get("/")(lambda: StreamingResponse(endless()))
    app.on_sent(sent.set)

    async with AsyncTestClient(app, raise_app_exceptions=False) as client:
        async with client.stream("GET", "/") as response:
            async for _ in response.aiter_bytes():
                break
        await asyncio.wait_for(sent.wait(), 20)


@pytest.mark.not_on_wsgi("no websockets")
def test_hooks_see_websockets(serve: Serve) -> None:
    app, diary = Velo(), list[str]()
    diary_of(app, diary, "app")

    @app.websocket("/socket")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        diary.append("handler")

    with serve(app).websocket_connect("/socket") as session:
        session.close()
    assert diary == ["app request /socket", "handler", "app response 101", "app sent 101"]


def of_two(request: object, response: object) -> None: ...


def of_three(one: object, two: object, three: object) -> None: ...


TOO_MUCH: list[tuple[Callable[[Any], object], str]] = [  # `Any`: users without a type checker
    (lambda app: app.on_request(of_two), "takes response, but on_request offers request"),
    (lambda app: app.on_sent(of_three), "takes"),
    (lambda app: app.on_error("hook"), "cannot be called"),
]


@pytest.mark.parametrize(("register", "message"), TOO_MUCH)
def test_a_hook_that_wants_more_is_refused(register: Callable[[Velo], object], message: str) -> None:
    with pytest.raises(SetupError, match=message) as raised:
        register(Velo())
    assert raised.value.code == "VELO_HOOK"


def test_a_hook_comes_too_late_when_the_application_runs(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    app.get("/")(lambda: "")
    with TestClient(app, protocol=way[0]), pytest.raises(SetupError, match="comes too late"):
        app.on_request(lambda: None)


def test_a_plan_without_hooks_has_no_trace_of_them() -> None:
    plain, app, router = Velo(), Velo(), Router("/in")

    def show(number: int) -> int:
        return number

    for one in (plain, app):
        one.get("/x/{number:int}")(show)
    for kind in ("on_request", "on_response", "on_error", "on_sent"):
        getattr(router, kind)(lambda: None)
    app.include(router)

    assert plain.plan("GET", "/x/{number:int}").source == app.plan("GET", "/x/{number:int}").source


# Of one route.


def test_hooks_of_a_route_are_inside_those_of_its_router_and_of_no_other_route(serve: Serve) -> None:
    log: list[str] = []

    def noting(name: str) -> Callable[[Request], None]:
        def note(request: Request) -> None:
            log.append(name)

        return note

    app = Velo()
    app.on_request(noting("router before"))
    app.on_response(noting("router after"))
    app.on_sent(noting("router at last"))

    @app.get("/", hooks={"on_request": noting("before"), "on_response": [noting("after"), noting("later")], "on_sent": noting("at last")})
    async def own() -> str:
        log.append("handler")
        return "own"

    @app.get("/other")
    async def other() -> str:
        return "other"

    client = serve(app)
    client.get("/")
    client.get("/other")
    client.close()

    assert log == [
        *["router before", "before", "handler", "after", "later", "router after", "at last", "router at last"],
        *["router before", "router after", "router at last"],
    ]


def test_a_hook_of_a_route_sees_its_errors_and_can_answer(serve: Serve) -> None:
    seen: list[str] = []

    def note(error: Exception) -> None:
        seen.append(str(error))

    def close() -> Response:
        return Response(b"closed")

    app = Velo()

    @app.get("/broken", hooks={"on_error": note})
    async def broken() -> None:
        raise HTTPError(409)

    @app.get("/closed", hooks={"on_request": close})
    async def closed() -> None:
        raise AssertionError

    client = serve(app)
    assert client.get("/broken").status_code == 409
    assert client.get("/closed").text == "closed"
    assert client.get("/nowhere").status_code == 404
    assert seen == ["409 Conflict"]


def takes_three(one: object, two: object, three: object) -> None: ...


IMPOSSIBLE: list[Any] = [{"on_start": print}, {"on_error": takes_three}, {"on_sent": [3]}]


@pytest.mark.parametrize("hooks", IMPOSSIBLE)
def test_hooks_of_a_route_that_cannot_be_are_refused_where_they_are_given(hooks: Any) -> None:
    with pytest.raises(SetupError) as caught:

        @Velo().get("/", hooks=hooks)
        async def index() -> None: ...

    assert caught.value.code == "VELO_HOOK"


def test_hooks_of_a_route_are_described() -> None:
    def note(response: Response) -> None: ...

    app = Velo()
    app.on_response(note)

    @app.get("/", hooks={"on_response": note})
    async def index() -> None: ...

    (route,) = app.describe().routes
    assert [hook.reason for hook in route.hooks if hook.kind == "on_response"] == ["of the route", "of the application"]


def test_a_route_beside_one_with_hooks_has_no_trace_of_them() -> None:
    def application(**options: Any) -> Velo:
        app = Velo()

        @app.get("/own", **options)
        async def own() -> str:
            return ""

        @app.get("/other")
        async def other() -> str:
            return ""

        return app

    def note(request: Request) -> None: ...

    with_hooks = application(hooks={"on_request": note, "on_sent": note})
    assert with_hooks.plan("GET", "/other").source == application().plan("GET", "/other").source
