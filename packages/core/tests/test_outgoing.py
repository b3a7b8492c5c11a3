"""What is sent is sound: nothing that a handler or a middleware puts into a response can split it, or end the server."""

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

import pytest

from velo_core import CallNext, Headers, MutableHeaders, Request, RequestIDs, Response, StreamingResponse, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]


class Named(MutableHeaders):
    """Headers of a class of one's own."""

    def __init__(self) -> None:
        super().__init__({"x-one": "1", "x-two": "2"})


def changed_to(attribute: str, value: object) -> Velo:
    """An application whose responses are changed after they were made."""
    app = Velo()

    @app.get("/")
    async def show() -> Response:
        response = Response("secret")
        setattr(response, attribute, value)
        return response

    return app


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("status_code", 99),
        ("status_code", 1000),
        ("status_code", 100),
        ("status_code", -1),
        ("body", None),
        ("body", "text"),
        ("body", {"data": 1}),
    ],
)
def test_a_response_that_cannot_be_sent_is_a_500_that_is_logged(
    serve: Serve, attribute: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    response = serve(changed_to(attribute, value), raise_app_exceptions=False).get("/")

    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in response.text
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    assert "a response cannot be sent" in caplog.text


class Stamped(Response):
    """Has headers of its own."""

    @property
    def headers(self) -> Any:
        return self._own

    @headers.setter
    def headers(self, headers: Any) -> None:
        self._own: Any = MutableHeaders(headers.items())
        self._own.set("x-own", "1")


class Split(Stamped):
    @property
    def headers(self) -> Any:
        return [("x-own", "1\r\nx-split: 2")]

    @headers.setter
    def headers(self, headers: object) -> None: ...


def test_a_class_of_a_users_can_have_headers_of_its_own(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show() -> Response:
        return Stamped(b"abc")

    response = serve(app).get("/")

    assert (response.content, response.headers["x-own"]) == (b"abc", "1")


def test_a_class_of_a_users_can_split_no_response(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = Velo()

    @app.get("/")
    async def show() -> Response:
        return Split(b"secret")

    response = serve(app, raise_app_exceptions=False).get("/")

    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert ("x-split" in response.headers, "secret" in response.text) == (False, False)
    assert "a response cannot be sent" in caplog.text


@pytest.mark.parametrize(
    "headers", [{"x-one": "1", "X-Two": "2"}, [("x-one", "1"), ("x-two", "2")], Headers({"x-one": "1", "x-two": "2"}), Named()]
)
def test_headers_can_be_replaced_by_whatever_responses_take(serve: Serve, headers: object) -> None:
    response = serve(changed_to("headers", headers)).get("/")

    assert (response.status_code, response.text) == (200, "secret")
    assert [(name, value) for name, value in response.headers.items() if name.startswith("x-")] == [("x-one", "1"), ("x-two", "2")]


@pytest.mark.parametrize("headers", [{"x-split": "a\r\nset-cookie: b=c"}, [("bad name", "1")], {"x-length": 3}, 5])
def test_headers_that_cannot_be_sent_are_refused_where_they_are_put(
    serve: Serve, headers: object, caplog: pytest.LogCaptureFixture
) -> None:
    response = serve(changed_to("headers", headers), raise_app_exceptions=False).get("/")

    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in response.text
    assert "in show" in caplog.text


@pytest.mark.parametrize("headers", [{"x-mine": "1"}, {"x-mine": "a\r\nb: c"}])
def test_an_exception_handler_that_replaces_the_headers_takes_nothing_of_the_others_away(serve: Serve, headers: dict[str, str]) -> None:
    async def stamp(request: Request, call_next: CallNext) -> Response:
        request.response_headers.set("x-stamp", "yes")
        return await call_next(request)

    app = Velo(request_ids=RequestIDs(), middleware=[stamp])

    @app.exception_handler(Exception)
    async def answer(request: Request, error: Exception) -> Response:
        response = Response("sorry", 500)
        response.headers = headers
        return response

    @app.get("/")
    async def show() -> None:
        raise RuntimeError

    response = serve(app, raise_app_exceptions=False).get("/")

    assert (response.status_code, response.headers["x-stamp"]) == (500, "yes")
    assert len(response.headers["x-request-id"]) == 32
    assert response.headers.get("x-mine") == (None if "\n" in headers["x-mine"] else "1")


def test_a_status_may_be_a_member_of_http_status(serve: Serve) -> None:
    assert serve(changed_to("status_code", HTTPStatus.IM_A_TEAPOT)).get("/").status_code == 418


@pytest.mark.parametrize("content", [None, 5, {"a": 1}, ["a"]])
def test_content_that_is_neither_bytes_nor_text_is_refused(content: Any) -> None:
    with pytest.raises(TypeError, match="JSONResponse takes data"):
        Response(content)


@pytest.mark.parametrize("content", [bytearray(b"abc"), memoryview(b"abc"), b"abc", "abc"])
def test_all_kinds_of_bytes_are_content(serve: Serve, content: Any) -> None:
    app = Velo()

    @app.get("/")
    async def show() -> Response:
        return Response(content)

    assert serve(app).get("/").content == b"abc"


# Lengths.


@pytest.mark.parametrize("declared", ["2", "3", "30", "0", "-1", "1e3", "abc"])
def test_the_length_of_a_whole_response_is_what_it_is(serve: Serve, declared: str) -> None:
    """As after a middleware that changes the body: what it says would split the response, or let the client wait."""
    app = Velo()

    @app.get("/")
    async def show() -> Response:
        return Response("abc", headers={"content-length": declared})

    response = serve(app).get("/")

    assert (response.content, response.headers.get_list("content-length")) == (b"abc", ["3"])


def test_the_answer_to_head_may_tell_the_length_of_what_it_does_not_send(serve: Serve) -> None:
    app = Velo()

    @app.head("/")
    async def show() -> Response:
        return Response(headers={"content-length": "1000"})

    assert serve(app).head("/").headers["content-length"] == "1000"


async def pieces() -> AsyncIterator[bytes]:
    yield b"abc"
    yield b"def"


@pytest.mark.parametrize(
    ("declared", "message"), [("5", "longer than its Content-Length, by 1 "), ("7", "shorter than its Content-Length, by 1 ")]
)
def test_a_stream_that_is_not_as_long_as_it_says_breaks_off(way: tuple[ProtocolName, bool], declared: str, message: str) -> None:
    app = Velo(interpreted=way[1])

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(pieces(), headers={"content-length": declared})

    with TestClient(app, protocol=way[0]) as client, pytest.raises(ValueError, match=message):
        client.get("/")


@pytest.mark.parametrize("declared", ["-1", "abc", "6, 6", "9" * 400])
def test_a_stream_with_a_length_that_is_none_does_not_begin(way: tuple[ProtocolName, bool], declared: str) -> None:
    app = Velo(interpreted=way[1])

    @app.get("/")
    async def show() -> StreamingResponse:
        return StreamingResponse(pieces(), headers={"content-length": declared})

    with TestClient(app, protocol=way[0]) as client, pytest.raises(ValueError, match="not a number of bytes"):
        client.get("/")


def test_a_middleware_that_changes_a_body_need_not_care_for_its_length(serve: Serve) -> None:
    async def shout(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.set("content-length", str(len(response.body)))
        response.body += b"!"
        return response

    app = Velo(middleware=[shout])

    @app.get("/")
    async def show() -> str:
        return "hello"

    assert serve(app).get("/").text == "hello!"
