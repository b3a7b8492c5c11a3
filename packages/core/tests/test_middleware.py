"""What is around handlers: order, short cuts, errors, refusals, streams."""

import logging
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Annotated, cast

import pytest

from velo_core import (
    CallNext,
    Depends,
    HTTPError,
    JSONResponse,
    Middleware,
    PlainTextResponse,
    Request,
    Response,
    Router,
    StreamingResponse,
    Velo,
)
from velo_testing import TestClient

Serve = Callable[..., TestClient]


def noting(events: list[str], name: str) -> Middleware:
    """Middleware that writes down what it sees on the way in and out."""

    async def note(request: Request, call_next: CallNext) -> Response:
        events.append(name)
        response = await call_next(request)
        events.append(f"{name}:{response.status_code}")
        return response

    return note


def test_a_path_that_nothing_serves_is_answered_alike_behind_middleware(serve: Serve) -> None:
    async def nothing(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    async def mark(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.set("x-seen", "1")
        return response

    async def replace(request: Request, call_next: CallNext) -> Response:
        assert (await call_next(request)).status_code == 404
        return PlainTextResponse("here", 200)

    bare, around, marked, replaced = (serve(Velo(middleware=middleware)) for middleware in ([], [nothing], [mark], [replace]))
    for method in ("GET", "HEAD", "POST"):
        expected = bare.request(method, "/nope")

        assert expected.headers["content-type"] == "application/problem+json"
        assert expected.headers["content-length"] != "0"
        for client, seen in ((around, None), (marked, "1")):
            answer = client.request(method, "/nope")
            assert (answer.status_code, answer.content, answer.headers.pop("x-seen", None)) == (404, expected.content, seen)
            assert answer.headers == expected.headers
        assert (replaced.request(method, "/nope").status_code, marked.request(method, "/nope").headers["x-seen"]) == (200, "1")


# Order.


def test_the_order_is_app_router_nested_router_route(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "app1"), noting(events, "app2")])
    outer = Router("/outer", middleware=[noting(events, "outer")])
    inner = Router("/inner")
    inner.add_middleware(noting(events, "inner"))

    @inner.get("/", middleware=[noting(events, "route1"), noting(events, "route2")])
    async def show() -> str:
        events.append("handler")
        return "shown"

    outer.include(inner)
    app.include(outer)

    assert serve(app).get("/outer/inner/").text == "shown"
    ways = ["app1", "app2", "outer", "inner", "route1", "route2"]
    assert events == [*ways, "handler", *(f"{way}:200" for way in reversed(ways))]


def test_middleware_runs_before_dependencies_and_after_what_they_raise(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "middleware")])

    async def user() -> None:
        events.append("dependency")
        raise HTTPError(401)

    @app.get("/", dependencies=[Depends(user)])
    async def show() -> None: ...

    assert serve(app).get("/").status_code == 401
    assert events == ["middleware", "dependency", "middleware:401"]


def test_the_same_function_used_twice_runs_twice(serve: Serve) -> None:
    app = Velo()

    async def add_one(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add("x-one", "1")
        return response

    app.add_middleware(add_one)
    app.add_middleware(add_one)

    @app.get("/", middleware=[add_one])
    async def show() -> str:
        return "shown"

    assert serve(app).get("/").headers.get_list("x-one") == ["1", "1", "1"]


def test_middleware_can_be_any_callable_object(serve: Serve) -> None:
    class Stamp:
        def __init__(self, text: str) -> None:
            self.text = text

        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers.set("x-stamp", self.text + response.headers.get("x-stamp", ""))
            return response

    app = Velo(middleware=[Stamp("a"), Stamp("b")])

    @app.get("/")
    async def show() -> None: ...

    assert serve(app).get("/").headers["x-stamp"] == "ab"


def test_middleware_can_be_a_decorated_function(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def stamp(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.set("x-stamp", "s")
        return response

    @app.get("/")
    async def show() -> None: ...

    assert serve(app).get("/").headers["x-stamp"] == "s"


# Context variables.


def test_context_variables_flow_in_and_out(serve: Serve) -> None:
    app = Velo()
    user: ContextVar[str] = ContextVar("user", default="nobody")
    seen: list[str] = []

    @app.middleware
    async def outer(request: Request, call_next: CallNext) -> Response:
        user.set("set outside")
        response = await call_next(request)
        seen.append(user.get())
        return response

    async def dependency() -> AsyncIterator[None]:
        seen.append(user.get())
        user.set("set in dependency")
        yield
        seen.append(user.get())

    @app.get("/", dependencies=[Depends(dependency)])
    async def show() -> str:
        seen.append(user.get())
        user.set("set in handler")
        return ""

    serve(app).get("/")

    assert seen == ["set outside", "set in dependency", "set in handler", "set in handler"]
    assert user.get() == "nobody"


# Other answers.


def test_middleware_can_answer_itself(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "outer")])

    @app.middleware
    async def closed(request: Request, call_next: CallNext) -> Response:
        return JSONResponse({"closed": True}, 503, {"retry-after": "60"})

    app.add_middleware(noting(events, "inner"))

    @app.get("/")
    async def show() -> None:
        events.append("handler")

    response = serve(app).get("/")

    assert (response.status_code, response.json(), response.headers["retry-after"]) == (503, {"closed": True}, "60")
    assert events == ["outer", "outer:503"]


def test_middleware_can_put_another_response_in_the_place(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def shout(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        return PlainTextResponse(response.body.decode().upper(), response.status_code)

    @app.get("/", status_code=201)
    async def show() -> str:
        return "quiet"

    response = serve(app).get("/")

    assert (response.status_code, response.text, response.headers["content-length"]) == (201, "QUIET", "5")


def test_middleware_sees_what_is_sent(serve: Serve) -> None:
    """Data has become a response with a body and a type by the time it gets there."""
    app = Velo()
    seen: list[tuple[int, str | None, bytes]] = []

    @app.middleware
    async def look(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append((response.status_code, response.headers.get("content-type"), response.body))
        return response

    @app.get("/data")
    async def data() -> list[int]:
        return [1]

    @app.get("/nothing")
    async def nothing() -> None: ...

    @app.get("/anything")
    async def anything():
        return "text"

    client = serve(app)
    for path in ("/data", "/nothing", "/anything"):
        client.get(path)

    assert seen == [
        (200, "application/json", b"[1]"),
        (204, None, b""),
        (200, "text/plain; charset=utf-8", b"text"),
    ]


def test_middleware_may_call_on_twice(serve: Serve) -> None:
    """As one that tries again does; the body is still there."""
    app = Velo()
    calls: list[bytes] = []

    @app.middleware
    async def again(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        return await call_next(request) if response.status_code == 503 else response

    @app.post("/")
    async def store(names: list[str], request: Request) -> list[str]:
        calls.append(await request.body())
        if len(calls) == 1:
            raise HTTPError(503)
        return names

    assert serve(app).post("/", json=["a"]).json() == ["a"]
    assert calls == [b'["a"]', b'["a"]']


def test_middleware_that_reads_the_body_leaves_it_for_the_handler(serve: Serve) -> None:
    app = Velo()
    sizes: list[int] = []

    @app.middleware
    async def measure(request: Request, call_next: CallNext) -> Response:
        sizes.append(len(await request.body()))
        return await call_next(request)

    @app.post("/")
    async def store(names: list[str]) -> list[str]:
        return names

    assert serve(app).post("/", json=["a", "b"]).json() == ["a", "b"]
    assert sizes == [9]


def test_forgetting_to_return_the_response_is_a_500_that_names_the_middleware(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "outer")])

    async def forgetful(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return cast("Response", None)

    app.add_middleware(forgetful)

    @app.get("/")
    async def show() -> None: ...

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 500
    assert events == ["outer", "outer:500"]
    assert "forgetful returned NoneType, not a Response; return what call_next gave" in caplog.text


# Errors.


def test_what_a_middleware_raises_is_a_problem_by_the_time_those_outside_see_it(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "outer")])

    @app.middleware
    async def refuse(request: Request, call_next: CallNext) -> Response:
        if "teapot" in request.query:
            raise HTTPError(418, "short and stout", title="I'm a teapot")
        raise ValueError("broken")

    @app.get("/")
    async def show() -> None: ...

    client = serve(app, raise_app_exceptions=False)

    assert client.get("/?teapot").json() == {"type": "about:blank", "title": "I'm a teapot", "status": 418, "detail": "short and stout"}
    assert events == ["outer", "outer:418"]
    assert caplog.records == []
    assert client.get("/").status_code == 500
    assert events[2:] == ["outer", "outer:500"]
    assert len(caplog.records) == 1


def test_what_a_middleware_raises_after_the_handler_is_answered_too(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "outer")])

    @app.middleware
    async def late(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        raise HTTPError(502)

    async def session() -> AsyncIterator[None]:
        yield
        events.append("closed")

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> None: ...

    assert serve(app).get("/").status_code == 502
    assert events == ["outer", "outer:502", "closed"]


def test_exception_handlers_answer_for_middleware_too(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def broken(request: Request, call_next: CallNext) -> Response:
        raise KeyError("key")

    @app.exception_handler(KeyError)
    def answer(request: Request, error: KeyError) -> Response:
        return PlainTextResponse("handled", 400)

    @app.get("/")
    async def show() -> None: ...

    response = serve(app).get("/")

    assert (response.status_code, response.text) == (400, "handled")


def test_an_exception_of_a_handler_is_a_500_inside_of_all_middleware(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "app")])

    @app.get("/", middleware=[noting(events, "route")])
    def show() -> None:
        raise ValueError("broken")

    assert serve(app, raise_app_exceptions=False).get("/").status_code == 500
    assert events == ["app", "route", "route:500", "app:500"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# Refusals.


def test_a_router_sees_the_refusals_below_it_and_no_others(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "app")])
    api = Router("/api", middleware=[noting(events, "api")])
    admin = Router("/admin", middleware=[noting(events, "admin")])

    @api.get("/items", middleware=[noting(events, "route")])
    async def items() -> None: ...

    @admin.get("/users")
    async def users() -> None: ...

    app.include(api)
    app.include(admin)
    client = serve(app)

    def seen(method: str, path: str) -> list[str]:
        events.clear()
        client.request(method, path)
        return events[len(events) // 2 :]

    assert seen("GET", "/api/nothing") == ["api:404", "app:404"]
    assert seen("POST", "/api/items") == ["api:405", "app:405"]
    assert seen("OPTIONS", "/api/items") == ["api:204", "app:204"]
    assert seen("GET", "/api/items") == ["route:204", "api:204", "app:204"]
    assert seen("GET", "/api") == ["api:404", "app:404"]
    assert seen("GET", "/apiary") == ["app:404"]
    assert seen("GET", "/admin/items") == ["admin:404", "app:404"]
    assert seen("GET", "/") == ["app:404"]
    assert seen("OPTIONS", "/nothing") == ["app:404"]


def test_a_refusal_tells_the_prefix_as_its_route(serve: Serve) -> None:
    app = Velo()
    router = Router("/api/{version}")
    seen: list[tuple[str, str | None]] = []

    @router.middleware
    async def look(request: Request, call_next: CallNext) -> Response:
        seen.append((request.route.path, request.route.name))
        return await call_next(request)

    @router.get("/items", name="items")
    async def items(version: str) -> None: ...

    app.include(router)
    client = serve(app)
    client.get("/api/1/items")
    client.get("/api/1/nothing")

    assert seen == [("/api/{version}/items", "items"), ("/api/{version}", None)]


# Streams.


def test_a_streaming_response_passes_through_unchanged(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(middleware=[noting(events, "outer")])

    @app.get("/")
    async def show() -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            events.append("first")
            yield "a"
            events.append("second")
            yield "b"

        return StreamingResponse(chunks(), media_type="text/plain")

    response = serve(app).get("/")

    assert response.text == "ab"
    assert events == ["outer", "outer:200", "first", "second"]


def test_a_streaming_response_can_be_wrapped(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def shout(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert isinstance(response, StreamingResponse)
        inner = cast("AsyncIterator[str]", response.content)

        async def louder() -> AsyncIterator[str]:
            async for chunk in inner:
                yield chunk.upper()
            yield "!"

        response.content = louder()
        return response

    @app.get("/")
    async def show() -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            yield "a"
            yield "b"

        return StreamingResponse(chunks())

    assert serve(app).get("/").text == "AB!"


# Fields for whatever is sent.


@pytest.mark.parametrize("around", [False, True], ids=["bare", "in middleware"])
def test_response_headers_are_added_to_whatever_is_sent(serve: Serve, around: bool) -> None:
    async def stamp(request: Request) -> None:
        request.response_headers.add("x-request-id", "7")

    app = Velo(dependencies=[Depends(stamp)], middleware=[noting([], "outer")] if around else ())

    @app.get("/fine")
    async def fine(page: int = 1) -> str:
        return "fine"

    @app.get("/broken")
    async def broken() -> str:
        raise ValueError("broken")

    @app.get("/missing")
    async def missing() -> str:
        raise HTTPError(404, headers={"x-request-id": "own"})

    @app.get("/nothing")
    async def nothing() -> None: ...

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(["a"])

    client = serve(app, raise_app_exceptions=False)

    def sent(path: str) -> tuple[int, list[str]]:
        response = client.get(path)
        return response.status_code, response.headers.get_list("x-request-id")

    assert sent("/fine") == (200, ["7"])
    assert sent("/fine?page=x") == (422, ["7"])
    assert sent("/broken") == (500, ["7"])
    assert sent("/missing") == (404, ["own", "7"])
    assert sent("/nothing") == (204, ["7"])
    assert sent("/stream") == (200, ["7"])


def test_response_headers_set_by_middleware_reach_refusals_and_short_cuts(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def stamp(request: Request, call_next: CallNext) -> Response:
        request.response_headers.set("x-request-id", "7")
        if request.path == "/short":
            return Response("short")
        return await call_next(request)

    @app.get("/")
    async def show(number: Annotated[int, Depends(lambda: 1)]) -> int:
        return number

    client = serve(app)
    answers = [client.get(path) for path in ("/", "/none", "/short")] + [client.post("/"), client.options("/")]

    assert [answer.status_code for answer in answers] == [200, 404, 200, 405, 204]
    assert [answer.headers.get_list("x-request-id") for answer in answers] == [["7"]] * 5


def test_a_header_that_cannot_be_sent_is_refused_where_it_is_set(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = Velo()

    @app.get("/")
    async def show(request: Request, name: str) -> str:
        request.response_headers.add("x-name", name)
        return name

    client = serve(app, raise_app_exceptions=False)

    assert client.get("/?name=a%0d%0aset-cookie:b").status_code == 500
    assert len(caplog.records) == 1
