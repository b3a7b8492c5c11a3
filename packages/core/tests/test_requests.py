"""The request object: all that it tells, the same on every protocol, and its body."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol

import pytest

from velo_core import Address, Body, Depends, Headers, HTTPError, Request, Response, Router, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


PATH = "/seen/a/1"


def seen(serve: Serve, look: Callable[[Request], object], target: str = PATH, method: str = "GET", **how: Any) -> Any:
    """What `look` sees in a request to `target`, which is sent as it is."""
    app = Velo()
    found: list[object] = []

    @app.route("/seen/{name}/{number:int}", methods=("GET", "POST", "PURGE"), name="seen")
    async def see(request: Request) -> None:
        found.append(look(request))

    if target != PATH:
        how["extensions"] = {"target": target.encode("latin-1")}
    response = serve(app).request(method, PATH, **how)
    assert response.status_code == 204, response.text
    return found[0]


# The request line.


def test_method_and_path(serve: Serve) -> None:
    assert seen(serve, lambda request: request.method, method="PURGE") == "PURGE"
    assert seen(serve, lambda request: request.path) == "/seen/a/1"
    assert seen(serve, lambda request: request.path, "/seen/%C3%A4%20b/1?x=%20") == "/seen/ä b/1"
    assert seen(serve, repr) == "<Request GET /seen/a/1>"


def test_path_parameters_are_what_the_converters_made(serve: Serve) -> None:
    assert seen(serve, lambda request: dict(request.path_params), "/seen/%C3%A4/7") == {"name": "ä", "number": 7}


def test_the_raw_path_is_told_where_the_protocol_has_it(serve: Serve) -> None:
    """A capability, not an assumption."""
    raw_path, capable = seen(serve, lambda request: (request.raw_path, "raw_path" in request.capabilities), "/seen/%41/1?x")

    assert (raw_path, capable) in [("/seen/%41/1", True), (None, False)]


def test_capabilities_are_names(serve: Serve) -> None:
    capabilities = seen(serve, lambda request: request.capabilities)

    assert isinstance(capabilities, frozenset)
    assert capabilities <= {"raw_path", "pathsend", "trailers", "early_hint"}


def test_the_query(serve: Serve) -> None:
    """The last of a name, or all of them; a plus is a space, and only `&` separates."""
    target = "/seen/a/1?a=1&b=x+y&a=2&%C3%A4=%C3%B6&empty&=nameless&c=1;d=2&bad=%zz"
    query = seen(serve, lambda request: request.query, target)

    assert query["a"] == "2"
    assert query.get_all("a") == ["1", "2"]
    assert query["b"] == "x y"
    assert query["ä"] == "ö"
    assert query["empty"] == ""
    assert query["c"] == "1;d=2"
    assert query["bad"] == "%zz"
    assert "d" not in query
    assert query.get("nothing") is None
    assert query.get("nothing", 5) == 5
    assert query.get_all("nothing") == []
    assert seen(serve, lambda request: request.query_string, target) == target.partition("?")[2]
    assert seen(serve, lambda request: (request.query_string, len(request.query))) == ("", 0)


def test_a_query_is_parsed_once(serve: Serve) -> None:
    assert seen(serve, lambda request: request.query is request.query, "/seen/a/1?a=1") is True
    assert seen(serve, lambda request: request.headers is request.headers) is True
    assert seen(serve, lambda request: request.cookies is request.cookies, headers={"cookie": "a=1"}) is True


# Headers and cookies.


def test_headers(serve: Serve, protocol: str) -> None:
    """Names in any case, duplicates in order, values without the space around them. WSGI servers join duplicates."""
    sent = [("X-A", "1"), ("x-b", "b,c"), ("x-a", "2"), ("X-Empty", "")]
    headers = seen(serve, lambda request: request.headers, headers=sent)

    assert isinstance(headers, Headers)
    assert headers["x-a"] == headers["X-A"] == ("1,2" if protocol == "wsgi" else "1")
    assert headers.get_all("x-a") == (["1,2"] if protocol == "wsgi" else ["1", "2"])
    assert headers["x-b"] == "b,c"
    assert headers["x-empty"] == ""
    assert headers.get("x-none") is None
    assert "x-none" not in headers
    assert headers["host"] == "testserver"


def test_headers_with_characters_beyond_ascii(serve: Serve) -> None:
    """Latin-1, as the standards once had it, or not told at all: RSGI hides them. Never an error of the server."""
    headers = seen(serve, lambda request: request.headers, headers=[(b"x-a", b"\xe9\xff"), (b"x-b", b"b"), (b"x-c", b"c\x01c")])

    assert headers.get("x-a") in ("éÿ", None)
    assert headers["x-b"] == "b"
    assert headers.get("x-c") in ("c\x01c", None)


def test_cookies(serve: Serve) -> None:
    """The first of a name, from one field or several (RFC 9113 section 8.2.3 lets HTTP/2 split them)."""
    sent = [("cookie", "a=1; b=x=y; a=2"), ("cookie", 'c="quoted"; ; =nameless; d')]

    assert seen(serve, lambda request: dict(request.cookies), headers=sent) == {"a": "1", "b": "x=y", "c": "quoted"}
    assert seen(serve, lambda request: dict(request.cookies)) == {}


# The connection.


def test_the_connection(serve: Serve) -> None:
    assert seen(serve, lambda request: request.scheme) == "http"
    assert seen(serve, lambda request: request.http_version) == "1.1"
    assert seen(serve, lambda request: request.client) == Address("127.0.0.1", 50000)
    assert seen(serve, lambda request: request.server) == Address("testserver", 80)
    assert seen(serve, lambda request: request.client.host if request.client else None) == "127.0.0.1"
    assert seen(serve, lambda request: request.root_path) == ""


# The route.


def test_the_route(serve: Serve) -> None:
    assert seen(serve, lambda request: request.route.path) == "/seen/{name}/{number:int}"
    assert seen(serve, lambda request: request.route.name) == "seen"
    assert seen(serve, lambda request: request.route.parameters) == ("name", "number")
    assert seen(serve, lambda request: request.route.max_content_length) == 1_048_576


def test_url_for(serve: Serve) -> None:
    app = Velo()
    users = Router("/users", name="users")

    @users.get("/{user_id:int}/{rest:path}", name="show")
    async def show(request: Request, user_id: int, rest: str) -> list[str]:
        return [request.url_for("users.show", user_id=user_id + 1, rest="ä b/c?#"), request.url_for("home")]

    @app.get("/", name="home")
    async def home() -> None: ...

    app.include(users)
    client = serve(app)

    assert client.get("/users/1/x").json() == ["/users/2/%C3%A4%20b/c%3F%23", "/"]
    assert app.url_for("users.show", user_id=1, rest="x") == "/users/1/x"
    for name in ("nothing", "show"):
        with pytest.raises(LookupError):
            app.url_for(name, user_id=1, rest="x")
    wrong: list[dict[str, object]] = [{"user_id": 1}, {"user_id": "x", "rest": "x"}, {"user_id": 1, "rest": "x", "more": 1}]
    for values in wrong:
        with pytest.raises(ValueError, match=r"."):
            app.url_for("users.show", **values)


def test_a_request_that_no_route_serves_has_the_prefix_of_its_router(serve: Serve) -> None:
    app = Velo()
    router = Router("/api")
    found: list[tuple[str, str | None]] = []

    async def around(request: Request, call_next: Callable[[Request], Any]) -> Any:
        found.append((request.route.path, request.route.name))
        return await call_next(request)

    router.add_middleware(around)

    @router.get("/here")
    async def here() -> None: ...

    app.include(router)
    serve(app).get("/api/nowhere")

    assert found == [("/api", None)]


# The body.


def chunks(*sizes: int) -> Iterator[bytes]:
    for size in sizes:
        yield b"x" * size


def reading(serve: Serve, read: Callable[[Request], Any], *, limit: int = 1000, raising: bool = True) -> Callable[..., Any]:
    """Posts to a handler that answers with the JSON of what `read` gives."""
    app = Velo(max_content_length=limit)

    @app.post("/")
    async def handle(request: Request) -> object:
        return await read(request)

    client = serve(app, raise_app_exceptions=raising)

    def post(content: bytes | Iterator[bytes] = b"", **headers: str) -> Any:
        return client.post("/", content=content, headers=headers)

    return post


async def streamed(request: Request, limit: int | None = None) -> list[int]:
    return [len(chunk) async for chunk in request.stream(limit)]


def test_the_whole_body(serve: Serve) -> None:
    """Whatever its media type; the same each time it is asked for."""

    async def read(request: Request) -> object:
        first = await request.body()
        return [first.decode(), await request.body() is first]

    post = reading(serve, read)

    assert post(b"abc").json() == ["abc", True]
    assert post().json() == ["", True]
    assert post(chunks(2, 0, 3)).json() == ["xxxxx", True]


def test_the_body_as_json(serve: Serve) -> None:
    async def read(request: Request) -> object:
        return [await request.json(), await request.json(), len(await request.body())]

    post = reading(serve, read)

    assert post(b'{"a": 1}').json() == [{"a": 1}, {"a": 1}, 8]
    assert post(b'{"a": 1}', **{"content-type": "text/plain"}).json() == [{"a": 1}, {"a": 1}, 8]
    assert post(b"").status_code == 400
    assert post(b"{").status_code == 400


def test_the_body_as_it_arrives(serve: Serve) -> None:
    post = reading(serve, streamed)

    assert sum(post(chunks(300, 400, 300)).json()) == 1000
    assert sum(post(b"x" * 1000).json()) == 1000
    assert post().json() in ([], [0])


def test_a_stream_has_the_limit_of_the_route_or_its_own(serve: Serve) -> None:
    post = reading(serve, streamed)
    for content in (b"x" * 1001, chunks(1001), chunks(500, 500, 1)):
        assert post(content).status_code == 413

    async def less(request: Request) -> object:
        return await streamed(request, 10)

    post = reading(serve, less)
    assert sum(post(chunks(5, 5)).json()) == 10
    for content in (b"x" * 11, chunks(11), chunks(5, 6)):
        assert post(content).status_code == 413

    async def more(request: Request) -> object:
        return await streamed(request, 2000)

    post = reading(serve, more)
    assert sum(post(chunks(1000, 1000)).json()) == 2000
    assert post(b"x" * 2001).status_code == 413


def test_a_body_that_was_read_can_still_be_streamed(serve: Serve) -> None:
    """Under the limit that the stream asks for."""

    async def read(request: Request) -> object:
        body = await request.body()
        return [len(body), sum(await streamed(request)), sum(await streamed(request, 5))]

    assert reading(serve, read)(b"x" * 5).json() == [5, 5, 5]
    assert reading(serve, read)(b"x" * 6).status_code == 413
    assert reading(serve, read)(chunks(3, 3)).status_code == 413


@pytest.mark.parametrize("again", [streamed, Request.body, Request.json])
def test_a_body_that_was_streamed_is_gone(serve: Serve, again: Callable[[Request], Any]) -> None:
    """Which is said, and not waited for: the server has nothing more to give."""

    async def read(request: Request) -> object:
        await streamed(request)
        return await again(request)

    with pytest.raises(RuntimeError, match="has been streamed already"):
        reading(serve, read)(b"abc")


def test_a_body_that_could_not_be_read_cannot_be_read_again(serve: Serve) -> None:
    """The second time gives the same reason, and never the rest of the body for the whole of it."""

    async def read(request: Request) -> object:
        reasons: list[object] = []
        for _ in range(2):
            try:
                await request.body()
            except HTTPError as error:
                reasons.append(error.status_code)
        return reasons

    post = reading(serve, read)

    assert post(b"x" * 1001).json() == [413, 413]
    assert post(chunks(600, 600, 600)).json() == [413, 413]


def test_middleware_and_handler_read_one_body(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def around(request: Request, call_next: Callable[[Request], Any]) -> Any:
        before = len(await request.body())
        response = await call_next(request)
        response.headers.set("x-sizes", f"{before} {len(await request.body())}")
        return response

    @app.post("/raw")
    async def raw(content: Annotated[bytes, Body()]) -> int:
        return len(content)

    @app.post("/ignored")
    async def ignored() -> int:
        return 0

    @app.post("/stream")
    async def stream(request: Request) -> int:
        return sum(await streamed(request))

    client = serve(app)
    for path, size in (("/raw", 5), ("/ignored", 0), ("/stream", 5)):
        response = client.post(path, content=b"hello")
        assert (response.json(), response.headers["x-sizes"]) == (size, "5 5")


def test_dependencies_see_the_same_request(serve: Serve) -> None:
    app = Velo()

    async def asked(request: Request) -> int:
        await request.body()
        return id(request)

    def plain(request: Request) -> int:
        return id(request)

    @app.post("/")
    async def handle(a: Annotated[int, Depends(asked)], b: Annotated[int, Depends(plain)], request: Request) -> list[object]:
        return [a == b == id(request), len(await request.body())]

    assert serve(app).post("/", content=b"abc").json() == [True, 3]


def test_requests_at_the_same_time_do_not_mix(serve: Serve) -> None:
    """Each has its own values, headers and body."""
    from concurrent.futures import ThreadPoolExecutor

    app = Velo()

    @app.post("/{number}")
    async def handle(request: Request, number: int, body: Annotated[bytes, Body()]) -> Response:
        await asyncio.sleep(0.001)
        request.response_headers.set("x-number", request.headers["x-number"])
        return Response(f"{number} {body.decode()} {request.query['n']}")

    client = serve(app)

    def send(number: int) -> bool:
        text = str(number)
        response = client.post(f"/{text}?n={text}", content=text, headers={"x-number": text})
        return (response.text, response.headers["x-number"]) == (f"{text} {text} {text}", text)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(send, range(60)))
