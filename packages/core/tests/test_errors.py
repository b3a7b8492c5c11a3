"""What becomes of an exception: problem documents, and a 500 that tells nothing."""

import logging
import pickle
import re
from collections.abc import AsyncIterator, Callable, Iterator
from copy import copy
from http import HTTPStatus
from queue import SimpleQueue
from typing import Annotated

import pytest
from raising import INTERNAL, raising, trace_of

from velo_core import (
    Body,
    CallNext,
    ClientDisconnect,
    Depends,
    Header,
    HTTPError,
    InvalidValue,
    Problem,
    Request,
    Response,
    SetupError,
    ValidationError,
    Velo,
    VeloError,
)
from velo_testing import TestClient

Serve = Callable[..., TestClient]


class Worded(HTTPError):
    def document(self) -> dict[str, object]:
        return {"error": self.title}


# HTTPError (RFC 9457).


@pytest.mark.parametrize("name", ["type", "title", "status", "detail"])
def test_an_extension_is_no_member_that_there_is_already(name: str) -> None:
    with pytest.raises(ValueError, match=f"members called {name} already"):
        HTTPError(404, extensions={"errors": [], name: 200})


def test_the_instance_of_a_problem_is_an_extension(serve: Serve) -> None:
    assert serve(raising(HTTPError(404, extensions={"instance": "/log/7"}))).get("/").json()["instance"] == "/log/7"


def test_an_http_error_is_a_problem_document(serve: Serve) -> None:
    response = serve(raising(HTTPError(404, "There is no such user."))).get("/")

    assert response.status_code == 404
    assert response.headers.get_list("content-type") == ["application/problem+json"]
    assert response.text == '{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such user."}'


def test_an_http_error_without_detail_says_what_the_status_says(serve: Serve) -> None:
    assert serve(raising(HTTPError(429))).get("/").json() == {"type": "about:blank", "title": "Too Many Requests", "status": 429}


@pytest.mark.parametrize(
    ("error", "document"),
    [
        (HTTPError(404, title="Not here"), {"type": "about:blank", "title": "Not here", "status": 404}),
        (HTTPError(404, type="https://example.com/p"), {"type": "https://example.com/p", "title": "Not Found", "status": 404}),
        (HTTPError(404, extensions={"id": 7}), {"type": "about:blank", "title": "Not Found", "status": 404, "id": 7}),
        (HTTPError(404, ""), {"type": "about:blank", "title": "Not Found", "status": 404, "detail": ""}),
        (HTTPError(HTTPStatus.NOT_FOUND), {"type": "about:blank", "title": "Not Found", "status": 404}),
        (Worded(404), {"error": "Not Found"}),
    ],
    ids=["title", "type", "extensions", "empty detail", "enum", "subclass"],
)
def test_a_document_that_says_more_than_the_status_is_its_own(serve: Serve, error: HTTPError, document: object) -> None:
    app = raising(HTTPError(404))

    @app.get("/other")
    async def other() -> None:
        raise error

    client = serve(app)
    plain = {"type": "about:blank", "title": "Not Found", "status": 404}

    assert [client.get(path).json() for path in ("/", "/other", "/")] == [plain, document, plain]


def test_an_http_error_survives_being_copied_and_sent_to_another_process() -> None:
    for twin in (copy(error := HTTPError(404, "There is no such user.", title="Gone")), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert (twin.document(), str(twin)) == (error.document(), "404 Gone: There is no such user.")


def test_an_http_error_can_have_a_type_a_title_headers_and_extensions(serve: Serve) -> None:
    error = HTTPError(
        403,
        "Your balance is 30, but that costs 50.",
        type="https://example.com/probs/out-of-credit",
        title="You do not have enough credit.",
        headers=[("x-account", "12345"), ("x-account", "67890")],
        extensions={"balance": 30, "accounts": ["/account/12345", "/account/67890"]},
    )
    response = serve(raising(error)).get("/")

    assert response.status_code == 403
    assert response.headers.get_list("x-account") == ["12345", "67890"]
    assert response.json() == {
        "type": "https://example.com/probs/out-of-credit",
        "title": "You do not have enough credit.",
        "status": 403,
        "detail": "Your balance is 30, but that costs 50.",
        "balance": 30,
        "accounts": ["/account/12345", "/account/67890"],
    }


def test_headers_of_an_http_error_can_be_a_mapping_and_replace_the_content_type(serve: Serve) -> None:
    error = HTTPError(400, headers={"content-type": "application/problem+json; version=2", "retry-after": "1"})
    response = serve(raising(error)).get("/")

    assert response.headers.get_list("content-type") == ["application/problem+json; version=2"]
    assert response.headers["retry-after"] == "1"


def test_a_status_without_a_registered_phrase_has_the_name_of_its_class(serve: Serve) -> None:
    assert serve(raising(HTTPError(499))).get("/").json() == {"type": "about:blank", "title": "Client Error", "status": 499}


def test_an_http_error_is_not_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    assert serve(raising(HTTPError(503))).get("/").status_code == 503
    assert caplog.records == []


@pytest.mark.parametrize("status", [200, 304, 399, 600, 0, -1])
def test_an_http_error_has_a_status_of_an_error(status: int) -> None:
    with pytest.raises(ValueError, match=f"not {status}"):
        HTTPError(status)


def test_a_subclass_of_http_error_is_answered_like_one(serve: Serve) -> None:
    class OutOfCredit(HTTPError):
        def __init__(self, balance: int) -> None:
            super().__init__(402, type="https://example.com/credit", extensions={"balance": balance})

    assert serve(raising(OutOfCredit(3))).get("/").json() == {
        "type": "https://example.com/credit",
        "title": "Payment Required",
        "status": 402,
        "balance": 3,
    }


def test_one_exception_object_can_be_raised_again_and_again(serve: Serve) -> None:
    client = serve(raising(HTTPError(404, headers={"x-one": "1"})))

    assert [client.get("/").headers.get_list("x-one") for _ in range(3)] == [["1"]] * 3


@pytest.mark.parametrize(
    "error",
    [
        HTTPError(400, headers={"x-injected": "a\r\nset-cookie: b"}),
        HTTPError(400, headers={"not a name": "a"}),
        HTTPError(400, extensions={"not": object()}),
    ],
    ids=["value", "name", "extension"],
)
def test_an_http_error_that_cannot_be_sent_is_a_500(serve: Serve, error: HTTPError, caplog: pytest.LogCaptureFixture) -> None:
    response = serve(raising(error), raise_app_exceptions=False).get("/")

    assert (response.status_code, response.json()) == (500, INTERNAL)
    assert len(caplog.records) == 1


def test_head_gets_the_head_of_the_problem_and_no_body(serve: Serve) -> None:
    response = serve(raising(HTTPError(404, "gone"))).head("/")

    assert (response.status_code, response.content) == (404, b"")
    assert response.headers["content-type"] == "application/problem+json"


def test_a_validation_error_can_be_raised_by_hand(serve: Serve) -> None:
    error = ValidationError([InvalidValue(("body", "items", 3), "is sold out", "sold_out")])

    assert serve(raising(error)).get("/").json() == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "The request has values that do not fit.",
        "errors": [{"loc": ["body", "items", 3], "message": "is sold out", "code": "sold_out"}],
    }


@pytest.mark.parametrize("plain", [False, True], ids=["coroutine", "plain"])
def test_any_other_exception_is_a_500_that_tells_nothing_and_is_logged_once(
    serve: Serve, plain: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = Velo()
    error = ValueError("the password is hunter2")

    async def in_loop() -> str:
        raise error

    def in_pool() -> str:
        raise error

    app.get("/secret")(in_pool if plain else in_loop)
    response = serve(app, raise_app_exceptions=False).get("/secret?token=abc")

    assert (response.status_code, response.json()) == (500, INTERNAL)
    assert response.headers["content-type"] == "application/problem+json"
    (record,) = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ("velo.request", logging.ERROR, "GET '/secret' failed")
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("around", [False, True], ids=["bare", "in middleware"])
def test_the_test_client_raises_what_became_a_500(serve: Serve, around: bool) -> None:
    app = raising(ZeroDivisionError("division"))
    if around:

        @app.middleware
        async def through(request: Request, call_next: CallNext) -> Response:
            return await call_next(request)

    with pytest.raises(ZeroDivisionError, match="division"):
        serve(app).get("/")


def test_with_debug_the_document_has_the_traceback(serve: Serve) -> None:
    app = Velo(debug=True)

    @app.get("/")
    async def show() -> str:
        raise ValueError("what went wrong")

    document = serve(app, raise_app_exceptions=False).get("/").json()

    assert {key: document[key] for key in INTERNAL} == INTERNAL
    text = "".join(document["traceback"])
    assert text.startswith("Traceback (most recent call last):")
    assert 'raise ValueError("what went wrong")' in text
    assert text.endswith("ValueError: what went wrong\n")


def test_debug_does_not_change_other_problems(serve: Serve) -> None:
    app = Velo(debug=True)

    @app.get("/")
    async def show() -> str:
        raise HTTPError(409)

    assert serve(app).get("/").json() == {"type": "about:blank", "title": "Conflict", "status": 409}


def test_an_explicit_500_is_not_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """It says what it wants to say."""
    assert serve(raising(HTTPError(500, "Try later."))).get("/").json() == {**INTERNAL, "detail": "Try later."}
    assert caplog.records == []


def test_a_traceback_shows_the_line_of_the_plan(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Each protocol of one process has lines, and a file, of its own."""
    app = Velo()

    @app.get("/users/{user_id:int}")
    async def show_user(user_id: int) -> str:
        raise ValueError(user_id)

    serve(app, raise_app_exceptions=False).get("/users/7")

    if not app.interpreted:
        found = re.search(r'File "<plan GET /users/\{user_id:int\}(?: \(\d+\))?>", line (\d+), in plan\n\s+(.*)\n', trace_of(caplog))
        assert found is not None
        assert found[2] == "result = await show_user(user_id)"
        assert app.plan("GET", "/users/{user_id:int}").source.splitlines()[int(found[1]) - 1].strip() == found[2]


def test_two_applications_with_the_same_path_show_their_own_lines(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def application(name: str, pages: bool) -> Velo:
        app = Velo()

        async def without_page() -> str:
            raise ValueError

        async def with_page(page: int, size: int) -> str:
            raise ValueError

        handler = with_page if pages else without_page
        handler.__name__ = name
        app.get("/twice")(handler)
        return app

    first, second = application("first", True), application("second", False)
    one, two = serve(first, raise_app_exceptions=False), serve(second, raise_app_exceptions=False)
    for client, name in ((one, "first"), (two, "second"), (one, "first")):
        caplog.clear()
        assert client.get("/twice?page=1&size=2").status_code == 500
        if not first.interpreted:
            assert re.search(rf'File "<plan GET /twice[^"]*>", line \d+, in plan\n\s+result = await {name}\(', trace_of(caplog))


# The client leaves.


def test_a_client_that_leaves_before_its_body_is_whole_is_no_500(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = Velo()
    seen: SimpleQueue[type[BaseException] | None] = SimpleQueue()

    async def watch() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            seen.put(type(error))
            raise
        seen.put(None)

    @app.post("/model", dependencies=[Depends(watch)])
    async def model(body: Annotated[list[int], Body()]) -> None: ...

    @app.post("/stream", dependencies=[Depends(watch)])
    async def stream(request: Request) -> None:
        async for _ in request.stream():
            pass

    class Gone(Exception):
        """Raised by the client in the middle of its body."""

    def half() -> Iterator[bytes]:
        yield b"[1"
        raise Gone

    client = serve(app)
    json = {"content-type": "application/json"}
    for path, headers in (
        ("/model", json),
        ("/stream", json),
        ("/model", {**json, "content-length": "10"}),
        ("/stream", {"content-length": "10"}),
    ):
        with pytest.raises(Gone):
            client.post(path, content=half(), headers=headers)
        assert seen.get(timeout=60) is ClientDisconnect

    assert caplog.records == []


# The vocabulary.


def test_problems_of_the_setup_are_listed_with_their_codes() -> None:
    one = SetupError("VELO_ONE", "first thing")
    many = SetupError.of([Problem("VELO_ONE", "first thing"), Problem("VELO_TWO", "second thing")])

    assert str(one) == "first thing [VELO_ONE]"
    assert (one.code, one.problems) == ("VELO_ONE", (Problem("VELO_ONE", "first thing"),))
    assert many.code == "VELO_SETUP"
    assert str(many).splitlines() == [
        "2 problems keep the application from starting:",
        "  1. first thing [VELO_ONE]",
        "  2. second thing [VELO_TWO]",
    ]


def test_every_error_has_a_code() -> None:
    def classes(kind: type[VeloError]) -> Iterator[type[VeloError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from classes(child)

    assert all(kind.code.startswith("VELO_") for kind in classes(VeloError))


def test_the_text_of_an_http_error_tells_status_title_and_detail() -> None:
    assert str(HTTPError(404)) == "404 Not Found"
    assert str(HTTPError(404, "no such user")) == "404 Not Found: no such user"


def test_a_parameter_that_is_not_there_is_told_by_name(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(x_token: Annotated[str, Header()]) -> None: ...

    response = serve(app).get("/")

    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert response.json()["errors"] == [{"loc": ["header", "x-token"], "message": "This value is required", "code": "missing"}]
