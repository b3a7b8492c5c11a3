"""Bodies and environs, as WSGI servers give them."""

import io
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsgi_requests import Make, ask, complete, environ

from velo_core import Body, Header, Query, Request, Velo

# Bodies.


class Recording(io.BytesIO):
    """Knows how much was asked for, and never has an end, as a socket."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.asked = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "nobody knows where the end is"
        self.asked += size
        return super().read(size)


def echo(make: Make, **options: Any) -> Velo:
    app = make(**options)

    @app.post("/")
    async def show(body: Annotated[bytes, Body()]) -> bytes:
        return body

    @app.post("/streamed")
    async def streamed(request: Request) -> bytes:
        return b"".join([chunk async for chunk in request.stream()])

    return app


@pytest.mark.parametrize("path", ["/", "/streamed"])
def test_a_body_is_read_to_its_declared_end_and_not_beyond(make: Make, path: str) -> None:
    source = Recording(b"a" * 100_000 + b"GET / HTTP/1.1")
    app = echo(make)

    assert ask(app, path, "POST", CONTENT_LENGTH="100000", **{"wsgi.input": source})[2] == b"a" * 100_000
    assert source.asked == 100_000


@pytest.mark.parametrize("media_type", ["application/json", "Application/vnd.api+JSON; charset=utf-8"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 500 + b"]" * 500, "200 OK"),
        (b"[" * 1001 + b"]" * 1001, "400 Bad Request"),
        (b'{"a":' * 1001 + b"0" + b"}" * 1001, "400 Bad Request"),
        (b"[" * 1_000_000, "400 Bad Request"),
        (b'["' + b"[{" * 2000 + b'", ' + b"[],{}," * 2000 + b"0]", "200 OK"),
        (b'["\\"' + b"[{" * 2000 + b'", ' + b"[],{}," * 2000 + b"0]", "200 OK"),
    ],
    ids=["deep", "arrays", "objects", "all of it", "flat", "flat, escaped"],
)
def test_json_that_nests_deeper_than_a_small_stack_is_refused(make: Make, body: bytes, status: str, media_type: str, chunked: bool) -> None:
    """Before anything reads it that would use up the stack of the server's thread."""
    app = make()

    @app.post("/")
    def count(items: Annotated[Any, Body()]) -> int:
        return len(items)

    ends: dict[str, Any] = {"CONTENT_LENGTH": str(len(body))}
    if chunked:
        ends = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    found, _, answer = ask(app, "/", "POST", CONTENT_TYPE=media_type, **{"wsgi.input": io.BytesIO(body)}, **ends)

    assert found == status
    assert (b"it nests too deep" in answer) == (status != "200 OK")


def test_what_is_no_json_may_have_as_many_brackets_as_it_likes(make: Make) -> None:
    app = echo(make)

    assert ask(app, "/", "POST", b"[" * 5000, CONTENT_TYPE="application/octet-stream")[2] == b"[" * 5000


@pytest.mark.parametrize("path", ["/", "/streamed"])
def test_a_body_without_a_length(make: Make, path: str) -> None:
    """Has an end only where the server says so."""
    app = echo(make)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}

    assert ask(app, path, "POST", **{"wsgi.input": io.BytesIO(b"abc"), "wsgi.input_terminated": True, **chunked})[2] == b"abc"
    assert ask(app, path, "POST", **{"wsgi.input": io.BytesIO(b"abc")})[2] == b""
    assert ask(app, path, "POST", CONTENT_LENGTH="", **{"wsgi.input": io.BytesIO(b"abc")})[2] == b""
    assert ask(app, path, "POST", **{"wsgi.input": io.BytesIO(b"abc"), **chunked})[0] == "411 Length Required"


@pytest.mark.parametrize("path", ["/", "/streamed"])
def test_a_body_that_breaks_off_is_a_400(make: Make, path: str) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    app = echo(make)

    assert ask(app, path, "POST", CONTENT_LENGTH="10", **{"wsgi.input": io.BytesIO(b"abc")})[0] == "400 Bad Request"
    assert ask(app, path, "POST", CONTENT_LENGTH="10", **{"wsgi.input": Broken()})[0] == "400 Bad Request"


@pytest.mark.parametrize("path", ["/", "/streamed"])
def test_a_body_over_the_limit_is_a_413(make: Make, path: str) -> None:
    app = echo(make, max_content_length=10)
    source = Recording(b"a" * 1_000_000)

    assert ask(app, path, "POST", CONTENT_LENGTH="11", **{"wsgi.input": source})[0] == "413 Content Too Large"
    assert source.asked == 0
    assert ask(app, path, "POST", **{"wsgi.input": source, "wsgi.input_terminated": True})[0] == "413 Content Too Large"
    assert source.asked == 65536
    assert complete(app.wsgi, environ(path, "POST", CONTENT_LENGTH="9" * 5000))[0] == "413 Content Too Large"
    assert complete(app.wsgi, environ(path, "POST", CONTENT_LENGTH="-1"))[0] == "400 Bad Request"


# Environs.


def seen(make: Make, read: Callable[[Request], object], path: str = "/x", **variables: Any) -> object:
    app = make()
    found: list[object] = []

    @app.get("/", name="root")
    @app.get("/{rest:path}")
    def show(request: Request) -> None:
        found.append(read(request))

    status = ask(app, path, **variables)[0]
    assert status == "204 No Content"
    return found[0]


def latin(text: str) -> str:
    """A text as WSGI gives it: its bytes, each as a character."""
    return text.encode().decode("latin-1")


def test_the_path(make: Make) -> None:
    assert seen(make, lambda request: request.path, latin("/żółw/a b")) == "/żółw/a b"
    assert seen(make, lambda request: request.path, "") == "/"
    assert seen(make, lambda request: (request.root_path, request.path), "/x", SCRIPT_NAME=latin("/żółw")) == ("/żółw", "/x")


@pytest.mark.parametrize("variable", ["REQUEST_URI", "RAW_URI"])
def test_an_encoded_slash_stays_in_its_segment_where_the_server_gives_the_undecoded_path(make: Make, variable: str) -> None:
    app = make()

    @app.get("/files/{name}")
    def show(name: str, request: Request) -> list[object]:
        return [name, request.raw_path, "raw_path" in request.capabilities]

    def of(path: str, target: str, **variables: str) -> bytes:
        status, _, body = ask(app, path, **{variable: target, **variables})
        return body if status == "200 OK" else status.encode()

    assert of("/files/a/b", "/files/a%2Fb?c=%2F") == b'["a/b","/files/a%2Fb",true]'
    assert of("/files/a/b", "/v1/files/a%2Fb", SCRIPT_NAME="/v1") == b'["a/b","/v1/files/a%2Fb",true]'
    assert of("/files/a/b", "http://example.com/files/a%2Fb") == b'["a/b","/files/a%2Fb",true]'
    assert of("/files/c", "/files/a%2Fb") == b'["c",null,false]', "something has rewritten the path"
    assert of("/files/a/b", "/else/a%2Fb").startswith(b"404")
    assert of("/files/c", "/files/ł") == b'["c",null,false]'
    assert ask(app, "/files/a/b")[0] == "404 Not Found"


def test_the_query(make: Make) -> None:
    assert seen(make, lambda request: request.query["a"], QUERY_STRING="a=%C5%BC+") == "ż "
    assert seen(make, lambda request: request.query["a"], QUERY_STRING=latin("a=ż")) == "ż"
    assert seen(make, lambda request: request.query["a"], QUERY_STRING="a=ż") == "ż"


def test_headers(make: Make) -> None:
    """Nothing of the server's own environment, and no second content-length, is taken for one."""
    variables = {
        "HTTP_X_USER": "ann",
        "HTTP_PROXY": "http://proxy",
        "HTTP_CONTENT_LENGTH": "7",
        "HTTP_CONTENT_TYPE": "text/evil",
        "HTTP_X-USER": "eve",
        "HTTP_lower": "1",
        "CONTENT_TYPE": "text/plain",
    }
    app = make()

    @app.get("/")
    def show(
        request: Request, proxy: Annotated[str | None, Header()] = None, content_type: Annotated[str | None, Header()] = None
    ) -> list[object]:
        return [sorted(request.headers.items()), proxy, content_type]

    _, _, body = complete(app.wsgi, environ("/", HTTP_HOST="h", **variables))

    assert body == b'[[["content-type","text/plain"],["host","h"],["x-user","ann"]],null,"text/plain"]'


def test_the_connection(make: Make) -> None:
    def read(request: Request) -> object:
        return [request.scheme, request.http_version, request.client, request.server]

    https: dict[str, Any] = {"wsgi.url_scheme": "https", "SERVER_NAME": "h", "SERVER_PORT": "443"}

    assert seen(make, read, REMOTE_ADDR="::1", REMOTE_PORT="5", SERVER_PROTOCOL="HTTP/1.1", **https) == [
        "https",
        "1.1",
        ("::1", 5),
        ("h", 443),
    ]
    assert seen(make, read, REMOTE_ADDR="1.2.3.4", SERVER_PROTOCOL="HTTP/2", **https) == ["https", "2", ("1.2.3.4", 0), ("h", 443)]
    assert seen(make, read, REMOTE_ADDR="", SERVER_PROTOCOL="HTTP/1", **https) == ["https", "1.0", None, ("h", 443)]


TEXT = st.binary(max_size=40).map(lambda raw: raw.decode("latin-1"))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=TEXT,
    query=TEXT,
    header=TEXT,
    cookie=TEXT,
    target=st.none() | TEXT,
    length=st.none() | TEXT,
    body=st.binary(max_size=60),
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
)
def test_no_environ_is_an_error_of_the_server(
    make: Make, path: str, query: str, header: str, cookie: str, target: str | None, length: str | None, body: bytes, method: str
) -> None:
    app = fuzzed(make)
    variables: dict[str, Any] = {"QUERY_STRING": query, "HTTP_X_NUMBER": header, "HTTP_COOKIE": cookie, "wsgi.input": io.BytesIO(body)}
    if target is not None:
        variables["REQUEST_URI"] = target
    if length is not None:
        variables["CONTENT_LENGTH"] = length
    else:
        variables["wsgi.input_terminated"] = True
    status = complete(app.wsgi, environ("/" + path, method, **variables))[0]

    assert 200 <= int(status[:3]) < 500


_fuzzed: dict[object, Velo] = {}


def fuzzed(make: Make) -> Velo:
    if make not in _fuzzed:
        app = _fuzzed[make] = make()

        @app.post("/{rest:path}")
        async def post(rest: str, names: list[str], a: Annotated[int, Query()] = 0) -> list[str]:
            return names

        @app.get("/{rest:path}")
        def get(rest: str, request: Request, x_number: Annotated[int, Header()]) -> list[object]:
            return [rest, dict(request.cookies), list(request.query.items()), request.raw_path]

    return _fuzzed[make]
