"""What is WSGI's own: threads that take turns with the event loop, a start and an end that nobody announces, and environs."""

import asyncio
import io
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Annotated, Any, cast
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from velo_core import Body, Depends, Header, HTTPError, Query, RedirectResponse, Request, Response, SetupError, StreamingResponse, Velo

Answer = tuple[str, dict[str, str], bytes]


def environ(path: str = "/", method: str = "GET", body: bytes | None = None, /, **variables: Any) -> dict[str, Any]:
    """That of a request, as the standard library makes it."""
    made: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": ""}
    if body is not None:
        made |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    made |= variables
    setup_testing_defaults(made)
    return made


def ask(app: Velo, path: str = "/", method: str = "GET", body: bytes | None = None, /, **variables: Any) -> Answer:
    """What the application answers, as the validator of the standard library sees it."""
    return complete(validator(cast("Any", app.wsgi)), environ(path, method, body, **variables))


def complete(app: Any, environ: dict[str, Any]) -> Answer:
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., None]:
        heads.append((status, headers))
        return heads.append

    returned = app(environ, start_response)
    try:
        body = b"".join(returned)
    finally:
        if hasattr(returned, "close"):
            returned.close()
    (status, headers) = heads[-1]
    return status, dict(headers), body


def begin(app: Velo, path: str = "/", method: str = "GET") -> Any:
    """What the application returns, of which nothing has been taken yet."""

    def start_response(status: str, headers: list[tuple[str, str]]) -> None: ...

    return app.wsgi(environ(path, method), start_response)


@pytest.fixture(params=[False, True], ids=["generated", "interpreted"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Velo]]:
    """Makes applications, which are stopped at the end."""
    made: list[Velo] = []

    def make(**options: Any) -> Velo:
        made.append(Velo(interpreted=request.param, **options))
        return made[-1]

    yield make
    for app in made:
        app.wsgi.stop()


Make = Callable[..., Velo]


# The rules of the protocol.


def test_what_is_answered_passes_the_validator(make: Make) -> None:
    app = make()

    @app.get("/data")
    def data() -> list[int]:
        return [1]

    @app.get("/nothing")
    async def nothing() -> None: ...

    @app.get("/empty")
    async def empty() -> Response:
        return Response()

    @app.get("/elsewhere")
    async def elsewhere() -> Response:
        return RedirectResponse("/data")

    @app.get("/unchanged")
    async def unchanged() -> Response:
        return Response(b"", 304, {"etag": '"1"', "content-type": "text/css"})

    @app.get("/hop")
    async def hop() -> Response:
        return Response(b"a", 200, {"connection": "close", "transfer-encoding": "chunked", "keep-alive": "1"})

    @app.get("/stream")
    def stream() -> Response:
        return StreamingResponse(iter([b"a", b"", "é"]))

    @app.get("/odd", status_code=299)
    async def odd() -> int:
        return 1

    assert ask(app, "/data") == ("200 OK", {"content-type": "application/json", "content-length": "3"}, b"[1]")
    assert ask(app, "/data", "HEAD") == ("200 OK", {"content-type": "application/json", "content-length": "3"}, b"")
    assert ask(app, "/data", "OPTIONS")[:2] == ("204 No Content", {"allow": "GET, HEAD, OPTIONS"})
    assert ask(app, "/data", "POST")[0] == "405 Method Not Allowed"
    assert ask(app, "/none")[0] == "404 Not Found"
    assert ask(app, "/nothing") == ("204 No Content", {}, b"")
    assert ask(app, "/empty") == ("200 OK", {"content-length": "0", "content-type": "text/plain; charset=utf-8"}, b"")
    assert ask(app, "/elsewhere")[:2][0] == "307 Temporary Redirect"
    assert ask(app, "/unchanged") == ("304 Not Modified", {"etag": '"1"'}, b"")
    assert ask(app, "/hop") == ("200 OK", {"content-length": "1", "content-type": "application/octet-stream"}, b"a")
    assert ask(app, "/stream") == ("200 OK", {"content-type": "application/octet-stream"}, b"a\xc3\xa9")
    assert ask(app, "/stream", "HEAD")[2] == b""
    assert ask(app, "/odd")[0] == "299 Success"


def test_the_callable_is_one_and_the_same(make: Make) -> None:
    app = make()

    with ThreadPoolExecutor(8) as threads:
        assert len({id(one.result()) for one in [threads.submit(lambda: app.wsgi) for _ in range(64)]}) == 1


# Threads.


def here() -> int:
    return threading.get_ident()


def test_what_does_not_wait_runs_in_the_thread_of_the_server(make: Make) -> None:
    """Plain functions and asynchronous ones, with all that is around them."""
    app = make()
    places: dict[str, int] = {}

    async def session() -> AsyncIterator[None]:
        places["enter"] = here()
        yield
        places["leave"] = here()

    def plain() -> Iterator[None]:
        places["plain enter"] = here()
        yield
        places["plain leave"] = here()

    async def around(request: Request, call_next: Any) -> Response:
        places["middleware"] = here()
        return await call_next(request)

    async def helper() -> None:
        places["helper"] = here()

    app.add_middleware(around)

    @app.get("/sync", dependencies=[Depends(session), Depends(plain)])
    def sync() -> None:
        places["sync"] = here()

    @app.get("/async", dependencies=[Depends(session), Depends(plain)])
    async def asynchronous() -> None:
        await helper()
        places["async"] = here()

    ask(app, "/sync")
    ask(app, "/async")

    assert len(places) == 8
    assert set(places.values()) == {here()}


def test_what_waits_goes_on_in_the_loop_of_the_application(make: Make) -> None:
    """And what may block is called in the thread of the server even then."""
    loops: list[object] = []
    places: list[int] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        loops.append(asyncio.get_running_loop())
        places.append(here())
        yield

    async def waits() -> None:
        loops.append(asyncio.get_running_loop())
        places.append(here())
        await asyncio.sleep(0.001)
        loops.append(asyncio.get_running_loop())
        places.append(here())

    app = make(lifespan=lifespan)

    @app.get("/", dependencies=[Depends(waits)])
    def show() -> None:
        places.append(here())

    assert ask(app)[0] == "204 No Content"
    started, before, after, handler = places

    assert len(set(map(id, loops))) == 1
    assert before == handler == here()
    assert after == started != here()


def test_a_handler_has_a_task_and_time_limits(make: Make) -> None:
    app = make()

    @app.get("/")
    async def show() -> list[object]:
        task = asyncio.current_task()
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            made = group.create_task(asyncio.sleep(0, "made"))
        return [task is asyncio.current_task(), task in asyncio.all_tasks(), made.result()]

    assert ask(app)[2] == b'[true,true,"made"]'
    assert asyncio._get_running_loop() is None


def test_plain_functions_block_nobody(make: Make) -> None:
    """Each waits for all others."""
    app = make()
    barrier = threading.Barrier(4)

    @app.get("/plain")
    def plain() -> None:
        barrier.wait(10)

    @app.get("/after")
    async def after() -> None:
        await asyncio.sleep(0)

    @app.get("/behind", dependencies=[Depends(after)])
    def behind() -> None:
        barrier.wait(10)

    with ThreadPoolExecutor(4) as threads:
        answers = [head for head, _, _ in threads.map(partial(ask, app), ["/plain", "/behind"] * 2)]

    assert answers == ["204 No Content"] * 4


def test_asynchronous_functions_run_one_at_a_time(make: Make) -> None:
    """As on every event loop: between two awaits nobody else changes anything."""
    app = make()
    inside = count = 0

    @app.get("/")
    async def show(wait: bool = False) -> int:
        nonlocal inside, count
        for _ in range(3):
            assert inside == 0
            inside += 1
            for _ in range(500):
                count += 1
            inside -= 1
            if wait:
                await asyncio.sleep(0)
        return count

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(ask, app, QUERY_STRING=f"wait={number % 2}") for number in range(100)]
            answers = [one.result()[0] for one in asked]
    finally:
        sys.setswitchinterval(switching)

    assert answers == ["200 OK"] * 100
    assert count == 100 * 3 * 500


def test_requests_can_wake_each_other(make: Make) -> None:
    app = make()
    events: dict[str, asyncio.Event] = {}
    waiting = threading.Event()

    @app.get("/wait")
    async def wait() -> str:
        events["news"] = asyncio.Event()
        waiting.set()
        await events["news"].wait()
        return "woken"

    @app.get("/wake")
    async def wake() -> None:
        events["news"].set()

    with ThreadPoolExecutor(1) as threads:
        waits = threads.submit(ask, app, "/wait")
        assert waiting.wait(10)
        ask(app, "/wake")

        assert waits.result(10)[2] == b"woken"


def test_a_task_that_a_handler_leaves_behind_runs(make: Make) -> None:
    app = make()
    done = threading.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    @app.get("/")
    async def show() -> None:
        tasks.add(asyncio.get_running_loop().create_task(work()))

    ask(app)

    assert done.wait(10)


def test_no_context_variable_is_left_in_the_thread(make: Make) -> None:
    app = make()
    user: ContextVar[str] = ContextVar("user", default="nobody")

    @app.get("/")
    async def show() -> str:
        seen = user.get()
        user.set("ann")
        return seen

    @app.get("/plain")
    def plain() -> str:
        seen = user.get()
        user.set("ann")
        return seen

    assert {ask(app, path)[2] for path in ("/", "/", "/plain", "/plain")} == {b"nobody"}
    assert user.get() == "nobody"


def test_pools_with_names_keep_their_bounds(make: Make) -> None:
    app = make(pools={"one": 1})
    inside = 0
    seen: list[int] = []

    @app.get("/", pool="one")
    def show() -> None:
        nonlocal inside
        inside += 1
        seen.append(inside)
        inside -= 1

    with ThreadPoolExecutor(6) as threads:
        for asked in [threads.submit(ask, app) for _ in range(30)]:
            asked.result()

    assert seen == [1] * 30


async def test_it_can_be_called_where_another_loop_runs(make: Make) -> None:
    app = make()

    @app.get("/")
    async def show() -> bool:
        await asyncio.sleep(0)
        return asyncio.get_running_loop() is not running

    running = asyncio.get_running_loop()

    assert ask(app)[2] == b"true"
    assert asyncio.get_running_loop() is running


def test_a_plain_handler_can_run_a_loop_of_its_own(make: Make) -> None:
    app = make()

    async def work() -> str:
        await asyncio.sleep(0)
        return "worked"

    @app.get("/")
    def show() -> str:
        return asyncio.run(work())

    assert ask(app)[2] == b"worked"


def test_debug_mode_of_asyncio(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    app = make()

    @app.get("/")
    async def show() -> str:
        asyncio.get_running_loop().call_soon(int)
        async with asyncio.timeout(5):
            await asyncio.sleep(0.001)
        return "ok"

    assert ask(app)[2] == b"ok"


# Time.


def test_what_takes_too_long_is_a_503(make: Make) -> None:
    """What waits is ended; a plain function cannot be, but its result is too late."""
    app = make(timeout_seconds=0.05)
    ended: list[str] = []
    late = threading.Event()

    @app.get("/waits")
    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    @app.get("/blocks")
    def blocks() -> str:
        late.wait(0.2)  # nothing sets it: the function is slow
        return "too late"

    assert ask(app, "/waits")[0] == "503 Service Unavailable"
    assert ended == ["waits"]
    assert ask(app, "/blocks")[0] == "503 Service Unavailable"


# Responses and their end.


def test_what_is_torn_down_waits_for_the_last_byte(make: Make) -> None:
    app = make()
    events: list[str] = []

    async def session() -> AsyncIterator[None]:
        yield
        events.append("closed")

    @app.get("/", dependencies=[Depends(session)])
    def show() -> str:
        return "a"

    returned = begin(app)
    events.extend(f"sent {chunk.decode()}" for chunk in returned)
    events.append("all sent")
    returned.close()
    returned.close()

    assert events == ["sent a", "all sent", "closed"]


def test_a_response_of_which_nothing_is_taken_is_torn_down(make: Make) -> None:
    app = make()
    events: list[object] = []

    def session() -> Iterator[None]:
        try:
            yield
        finally:
            events.append("closed")

    @app.get("/", dependencies=[Depends(session)])
    def show() -> str:
        return "a"

    begin(app).close()

    assert events == ["closed"]


@pytest.mark.parametrize("kind", ["plain", "async", "waiting"])
def test_a_stream_is_made_as_it_is_taken_and_closed_when_no_more_is_wanted(make: Make, kind: str) -> None:
    app = make()
    events: list[object] = []

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            events.append(type(error).__name__)
            raise
        finally:
            events.append("session closed")

    def plain() -> Iterator[bytes]:
        try:
            for number in range(5):
                events.append(number)
                yield b"%d" % number
        finally:
            events.append("closed")

    async def asynchronous() -> AsyncIterator[bytes]:
        try:
            for number in range(5):
                if kind == "waiting":
                    await asyncio.sleep(0)
                events.append(number)
                yield b"%d" % number
        finally:
            events.append("closed")

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> StreamingResponse:
        return StreamingResponse(plain() if kind == "plain" else asynchronous())

    stream = begin(app)
    assert events == [0]
    assert next(stream) == b"0"
    assert events == [0]
    assert next(stream) == b"1"
    stream.close()

    assert events == [0, 1, "closed", "ClientGone", "session closed"]
    assert ask(app)[2] == b"01234"


def test_a_stream_is_stepped_in_the_thread_that_asks_for_it(make: Make) -> None:
    """Also one that a server iterates in another thread than the one that has called."""
    app = make()
    places: list[int] = []

    async def content() -> AsyncIterator[bytes]:
        for _ in range(3):
            places.append(here())
            yield b"."

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(content())

    stream = begin(app)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(list, stream).result(10) == [b"."] * 3
        other = threads.submit(here).result(10)
    stream.close()

    assert places == [here(), other, other]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_an_error_in_a_stream_reaches_the_server_so_that_it_closes_the_connection(make: Make, kind: str) -> None:
    app = make()

    def plain() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("broken")

    async def asynchronous() -> AsyncIterator[bytes]:
        yield b"a"
        raise ValueError("broken")

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(plain() if kind == "plain" else asynchronous())

    stream = begin(app)
    assert next(stream) == b"a"
    with pytest.raises(ValueError, match="broken"):
        next(stream)
    stream.close()
    assert list(stream) == []


def test_a_server_that_cannot_begin_the_response_ends_it(make: Make) -> None:
    app = make()
    events: list[str] = []

    def session() -> Iterator[None]:
        yield
        events.append("closed")

    @app.get("/", dependencies=[Depends(session)])
    def show() -> str:
        return "a"

    def refuse(status: str, headers: object) -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        app.wsgi(environ(), refuse)
    assert events == ["closed"]


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


# The start and the end.


def living(make: Make, events: list[str]) -> Velo:
    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        events.append("start")
        yield
        events.append("stop")

    app = make(lifespan=lifespan)

    @app.get("/")
    def show() -> None: ...

    return app


def test_the_first_request_starts_the_application_once(make: Make) -> None:
    events: list[str] = []
    app = living(make, events)
    barrier = threading.Barrier(6)

    def first(number: int) -> str:
        barrier.wait(10)
        return ask(app)[0]

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(first, range(6))) == ["204 No Content"] * 6
    app.wsgi.stop()
    app.wsgi.stop()

    assert events == ["start", "stop"]


def test_it_can_be_started_before_and_again(make: Make) -> None:
    events: list[str] = []
    app = living(make, events)
    app.wsgi.start()
    app.wsgi.start()
    assert events == ["start"]
    app.wsgi.stop()
    ask(app)

    assert events == ["start", "stop", "start"]


def test_an_application_that_cannot_start_says_why_to_whoever_starts_it(make: Make) -> None:
    """The next request tries again: the database may be there then."""
    attempts: list[int] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise ConnectionError("no database")
        yield

    app = make(lifespan=lifespan)

    @app.get("/")
    def show() -> None: ...

    with pytest.raises(ConnectionError, match="no database"):
        app.wsgi.start()
    with pytest.raises(ConnectionError, match="no database"):
        ask(app)

    assert ask(app)[0] == "204 No Content"


def test_a_mistake_in_the_application_is_told_at_the_start(make: Make) -> None:
    app = make()

    @app.get("/{a}/{a}")
    def show() -> None: ...

    with pytest.raises(SetupError):
        app.wsgi.start()


def test_what_lives_as_long_as_the_application_is_there(make: Make) -> None:
    app = make()

    class Pool:
        def __init__(self) -> None:
            self.open = True

    async def pool() -> AsyncIterator[Pool]:
        made = Pool()
        yield made
        made.open = False

    app.provide(Pool, pool, lifetime="app")
    seen: list[Pool] = []

    @app.get("/")
    def show(pool: Pool) -> bool:
        seen.append(pool)
        return pool.open

    assert [ask(app)[2], ask(app)[2]] == [b"true", b"true"]
    app.wsgi.stop()
    assert seen[0] is seen[1]
    assert not seen[0].open


def test_the_end_does_not_wait_for_handlers_that_wait(make: Make) -> None:
    app = make()
    waiting = threading.Event()
    ended: list[str] = []

    @app.get("/")
    async def show() -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask, app)
        assert waiting.wait(10)
        app.wsgi.stop()

        with pytest.raises(ConnectionAbortedError):
            asked.result(10)
    assert ended == ["cancelled"]


def test_the_end_closes_a_stream_that_nobody_takes(make: Make) -> None:
    app = make()
    ended: list[str] = []

    async def content() -> AsyncIterator[bytes]:
        try:
            yield b"a"
        finally:
            ended.append("closed")

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(content())

    stream = begin(app)
    app.wsgi.stop()

    assert ended == ["closed"]
    with pytest.raises(ConnectionAbortedError):
        list(stream)


PROGRAM = """
import sys
from contextlib import asynccontextmanager
from wsgiref.util import setup_testing_defaults
from velo_core import Velo

@asynccontextmanager
async def lifespan(app):
    print("start")
    yield
    print("stop")

app = Velo(lifespan=lifespan)

class Pool: ...

def pool():
    yield Pool()
    print("pool closed")

app.provide(Pool, pool, lifetime="app")

@app.get("/")
def show(pool: Pool) -> str:
    return "shown"

environ = {}
setup_testing_defaults(environ)

def ask(*arguments):
    print(b"".join(app.wsgi(environ, lambda status, headers: None)).decode(), flush=True)
"""


def output(program: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own program
    return done.stdout.split("\n")[:-1]


def test_the_end_of_the_process_stops_the_application() -> None:
    """Also what is torn down in threads, though the interpreter makes no more of those then."""
    assert output("ask()") == ["start", "shown", "pool closed", "stop"] or output("ask()") == ["start", "shown", "stop", "pool closed"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_worker_of_multiprocessing_stops_the_application() -> None:
    """It ends without what the interpreter does at its end."""
    program = """
import multiprocessing
worker = multiprocessing.get_context("fork").Process(target=ask)
worker.start()
worker.join()
"""

    assert "stop" in output(program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_that_is_forked_after_the_start_serves_too() -> None:
    """What the parent has started, the parent stops."""
    program = """
import os
app.wsgi.start()
sys.stdout.flush()
if os.fork() == 0:
    ask()
    sys.exit()
os.wait()
"""

    assert sorted(output(program)) == ["pool closed", "shown", "start", "stop"]


def test_errors_of_handlers_are_answered_by_velo(make: Make) -> None:
    app = make()

    @app.get("/refuses")
    def refuses() -> None:
        raise HTTPError(409)

    @app.get("/fails")
    def fails() -> None:
        raise StopIteration

    async def handle(request: Request, error: Exception) -> Iterable[str]:
        await asyncio.sleep(0)
        return ["handled"]

    @app.get("/handled")
    def handled() -> None:
        raise KeyError

    app.add_exception_handler(KeyError, handle)

    assert ask(app, "/refuses")[0] == "409 Conflict"
    assert ask(app, "/fails")[0] == "500 Internal Server Error"
    assert ask(app, "/handled")[::2] == ("500 Internal Server Error", b'["handled"]')
