"""The rules of WSGI: what is answered, and when it is torn down."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from wsgi_requests import Make, ask, begin, environ

from velo_core import Depends, HTTPError, RedirectResponse, Request, Response, StreamingResponse

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


def test_what_a_stream_without_content_has_opened_is_closed_after_the_response(make: Make) -> None:
    app = make()
    closed: list[bool] = []

    async def session() -> AsyncIterator[None]:
        yield
        closed.append(True)

    @app.get("/", dependencies=[Depends(session)])
    async def show() -> StreamingResponse:
        return StreamingResponse([b"not sent"], 204)

    answer = begin(app)
    assert closed == []

    assert b"".join(answer) == b""
    answer.close()
    assert closed == [True]
