"""The user's own answers to exceptions."""

import asyncio
from collections.abc import Callable
from typing import Annotated, cast

import pytest
from raising import INTERNAL, raising, trace_of

from velo_core import (
    Body,
    Depends,
    HTTPError,
    JSONResponse,
    PlainTextResponse,
    Request,
    Response,
    Router,
    SetupError,
    ValidationError,
    Velo,
)
from velo_testing import TestClient

Serve = Callable[..., TestClient]


class AppError(Exception):
    """Of an application."""


class NotThere(AppError):
    """More specific."""


def test_the_most_specific_class_answers(serve: Serve) -> None:
    app = Velo()

    @app.exception_handler(Exception)
    async def any_error(request: Request, error: Exception) -> Response:
        return PlainTextResponse("any", 500)

    @app.exception_handler(AppError)
    async def app_error(request: Request, error: AppError) -> Response:
        return PlainTextResponse("app", 400)

    @app.get("/{kind}")
    async def show(kind: str) -> None:
        raise {"there": NotThere, "app": AppError, "value": ValueError}[kind]

    client = serve(app)

    assert [client.get(path).text for path in ("/there", "/app", "/value")] == ["app", "app", "any"]


def test_several_inheritance_asks_in_the_order_of_the_class(serve: Serve) -> None:
    class Both(NotThere, KeyError):
        pass

    app = raising(Both())
    app.add_exception_handler(KeyError, lambda request, error: PlainTextResponse("key", 400))
    app.add_exception_handler(AppError, lambda request, error: PlainTextResponse("app", 400))

    assert serve(app).get("/").text == "app"


def test_a_child_replaces_the_handlers_of_its_parent_and_keeps_the_others(serve: Serve) -> None:
    app = Velo()
    child = Router("/child")

    def answer(text: str) -> Callable[[Request, Exception], Response]:
        return lambda request, error: PlainTextResponse(text, 400)

    app.add_exception_handler(AppError, answer("app: AppError"))
    app.add_exception_handler(ValueError, answer("app: ValueError"))
    child.add_exception_handler(AppError, answer("child: AppError"))

    for router in (app, child):

        @router.get("/error")
        async def app_error() -> None:
            raise NotThere

        @router.get("/value")
        async def value_error() -> None:
            raise ValueError

    app.include(child)
    client = serve(app)
    texts = [client.get(path).text for path in ("/error", "/value", "/child/error", "/child/value")]

    assert texts == ["app: AppError", "app: ValueError", "child: AppError", "app: ValueError"]


def test_a_handler_of_a_router_does_not_answer_for_its_siblings(serve: Serve) -> None:
    app = Velo()
    one, two = Router("/one"), Router("/two")
    one.add_exception_handler(AppError, lambda request, error: PlainTextResponse("one", 400))

    for router in (one, two):

        @router.get("")
        async def show() -> None:
            raise AppError

        app.include(router)
    client = serve(app, raise_app_exceptions=False)

    assert client.get("/one").text == "one"
    assert client.get("/two").status_code == 500


def test_a_handler_can_return_data_which_keeps_the_status_and_the_headers_of_the_error(serve: Serve) -> None:
    """An error that is answered in another form is still that error."""
    app = Velo()

    @app.exception_handler(HTTPError)
    async def http_error(request: Request, error: HTTPError) -> dict[str, object]:
        return {"error": error.title}

    @app.exception_handler(AppError)
    def app_error(request: Request, error: AppError) -> str:
        return "something of ours"

    @app.get("/app")
    async def show() -> None:
        raise AppError

    client = serve(app)
    missing, wrong, ours = client.get("/none"), client.post("/app"), client.get("/app")

    assert (missing.status_code, missing.json(), missing.headers["content-type"]) == (404, {"error": "Not Found"}, "application/json")
    assert (wrong.status_code, wrong.json(), wrong.headers["allow"]) == (405, {"error": "Method Not Allowed"}, "GET, HEAD, OPTIONS")
    assert (ours.status_code, ours.text, ours.headers["content-type"]) == (500, "something of ours", "text/plain; charset=utf-8")


def test_a_handler_can_return_a_response(serve: Serve) -> None:
    app = raising(HTTPError(404))

    @app.exception_handler(HTTPError)
    async def http_error(request: Request, error: HTTPError) -> JSONResponse:
        return JSONResponse({"at": request.path, "status": error.status_code}, 410)

    response = serve(app).get("/")

    assert (response.status_code, response.json()) == (410, {"at": "/", "status": 404})


def test_a_handler_can_raise_an_http_error_in_place_of_the_exception(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = raising(NotThere("shoes"))

    @app.exception_handler(NotThere)
    def not_there(request: Request, error: NotThere) -> None:
        raise HTTPError(404, f"no {error}") from error

    assert serve(app).get("/").json() == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no shoes"}
    assert caplog.records == []


@pytest.mark.parametrize("kind", [AppError, HTTPError])
def test_a_handler_that_fails_is_a_500_logged_once_with_both_exceptions(
    serve: Serve, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    app = raising(AppError("first") if kind is AppError else HTTPError(404, "first"))

    @app.exception_handler(kind)
    async def failing(request: Request, error: Exception) -> None:
        raise ValueError("second")

    response = serve(app, raise_app_exceptions=False).get("/")

    assert (response.status_code, response.json()) == (500, INTERNAL)
    text = trace_of(caplog)
    assert "first" in text
    assert "second" in text


def test_a_handler_for_all_mistakes_leaves_http_errors_alone(serve: Serve) -> None:
    app = Velo()

    @app.exception_handler(Exception)
    async def page(request: Request, error: Exception) -> Response:
        return PlainTextResponse("We are sorry.", 500)

    @app.get("/{number}")
    async def show(number: int) -> None:
        raise HTTPError(409)

    client = serve(app)

    assert [client.get(path).status_code for path in ("/1", "/word", "/nothing/here")] == [409, 422, 404]
    assert client.post("/1").status_code == 405


def test_the_last_resort_can_be_replaced(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Then nothing is logged: who answers knows what to do with it."""
    app = raising(ValueError("broken"))

    @app.exception_handler(Exception)
    async def page(request: Request, error: Exception) -> Response:
        return PlainTextResponse("We are sorry.", 500)

    response = serve(app).get("/")

    assert (response.status_code, response.text) == (500, "We are sorry.")
    assert caplog.records == []


def test_validation_errors_can_be_answered_apart_from_other_http_errors(serve: Serve) -> None:
    app = Velo()

    @app.exception_handler(ValidationError)
    async def invalid(request: Request, error: ValidationError) -> list[str]:
        return [str(one.loc[-1]) for one in error.errors]

    @app.get("/")
    async def show(page: int, size: int) -> None: ...

    client = serve(app)

    assert (client.get("/").status_code, client.get("/").json()) == (422, ["page", "size"])
    assert client.get("/none").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"[1,", b'["a"]'], ids=["malformed", "not valid"])
def test_a_handler_can_read_the_body_that_was_refused(serve: Serve, body: bytes) -> None:
    app = Velo()

    @app.exception_handler(HTTPError)
    async def refused(request: Request, error: HTTPError) -> str:
        return f"{error.status_code} {(await request.body()).decode()}"

    @app.post("/model")
    async def model(numbers: list[int]) -> None: ...

    @app.post("/raw")
    async def raw(body: Annotated[bytes, Body()]) -> None:
        raise HTTPError(409)

    client = serve(app)

    json = {"content-type": "application/json"}
    assert client.post("/model", content=body, headers=json).text == f"{422 if body.endswith(b']') else 400} {body.decode()}"
    assert client.post("/raw", content=body).text == f"409 {body.decode()}"


def test_a_second_handler_for_a_class_is_refused_with_the_place_of_the_first() -> None:
    router = Router()

    @router.exception_handler(AppError)
    def first(request: Request, error: Exception) -> None: ...

    with pytest.raises(
        SetupError, match=r"AppError is already handled on this router by .*first \(.*test_exception_handlers\.py:\d+\)"
    ) as caught:
        router.add_exception_handler(AppError, lambda request, error: None)
    assert caught.value.code == "VELO_EXCEPTION_HANDLER_DUPLICATE"


@pytest.mark.parametrize("kind", [404, "ValueError", BaseException, asyncio.CancelledError, ValueError("instance")], ids=str)
def test_only_classes_of_exceptions_can_be_handled(kind: object) -> None:
    with pytest.raises(SetupError, match="class of exceptions") as caught:
        Router().add_exception_handler(cast("type[Exception]", kind), lambda request, error: None)
    assert caught.value.code == "VELO_EXCEPTION_HANDLER"


def test_a_handler_that_cannot_take_two_arguments_is_refused() -> None:
    with pytest.raises(SetupError, match=r"is no exception handler: it has to take \(request, exception\)") as caught:
        Router().add_exception_handler(AppError, cast("Callable[[Request, Exception], object]", len))
    assert caught.value.code == "VELO_EXCEPTION_HANDLER"


def test_a_decorator_for_exceptions_without_parentheses_is_refused() -> None:
    def answer(request: Request, error: Exception) -> None: ...

    with pytest.raises(SetupError, match=r"such as HTTPError: @app\.exception_handler\(HTTPError\)") as caught:
        Router().exception_handler(cast("type[Exception]", answer))
    assert caught.value.code == "VELO_EXCEPTION_HANDLER"


def test_the_error_of_a_dependency_is_answered_like_that_of_the_handler(serve: Serve) -> None:
    app = Velo()

    def find(item_id: int) -> int:
        raise NotThere(item_id)

    @app.exception_handler(NotThere)
    def not_there(request: Request, error: NotThere) -> Response:
        return PlainTextResponse(f"no {error} at {request.path_params}", 404)

    @app.get("/{item_id:int}")
    async def show(item: Annotated[int, Depends(find)]) -> int:
        return item

    assert serve(app).get("/7").text == "no 7 at {'item_id': 7}"
