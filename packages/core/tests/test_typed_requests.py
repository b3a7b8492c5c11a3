"""`Request[Filters, Item]`: query and body as models, found in the request itself."""

from typing import Annotated, Any, Protocol, assert_type

import httpx2
import msgspec
import pydantic
import pytest

from velo_core import CallNext, Depends, Request, Response, SetupError, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Filters(msgspec.Struct):
    page: int = 1


class Item(pydantic.BaseModel):
    name: str


def misfits(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of all that did not fit."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


def test_query_and_body_are_found_in_the_request(serve: Serve) -> None:
    app = Velo()

    @app.post("/both")
    async def both(request: Request[Filters, Item]) -> list[object]:
        assert_type(request.query_model, Filters)
        assert_type(request.body_model, Item)
        return [request.query_model.page, request.body_model.name, request.method]

    @app.post("/query")
    async def query(request: Request[Filters, None]) -> int:
        assert_type(request.body_model, None)
        return request.query_model.page

    @app.post("/short")
    async def short(request: Request[Filters]) -> int:
        return request.query_model.page

    @app.post("/body")
    async def body(request: Request[None, list[int]]) -> list[int]:
        return [*request.body_model, len(await request.body())]

    client = serve(app)
    assert client.post("/both?page=3", json={"name": "oak"}).json() == [3, "oak", "POST"]
    assert misfits(client.post("/both?page=x", json={})) == [("query", "page", "type"), ("body", "name", "missing")]
    assert client.post("/query?page=4", content=b"no json").json() == 4
    assert client.post("/short").json() == 1
    assert client.post("/body", json=[1, 2]).json() == [1, 2, 5]
    assert client.post("/body", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_what_may_be_none_need_not_be_sent(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def show(request: Request[Filters | None, Item | None]) -> list[bool]:
        return [request.query_model is None, request.body_model is None]

    client = serve(app)
    assert client.post("/").json() == [True, True]
    assert client.post("/?page=1", json={"name": "oak"}).json() == [False, False]


def test_a_dependency_that_wants_a_model_in_the_request_waits_for_it(serve: Serve) -> None:
    ran: list[object] = []

    def page(request: Request[Filters]) -> int:
        ran.append("page")
        return request.query_model.page

    async def name(request: Request[None, Item]) -> str:
        ran.append("name")
        return request.body_model.name

    app = Velo()

    @app.post("/")
    async def show(
        request: Request[Filters, Item], page: Annotated[int, Depends(page)], name: Annotated[str, Depends(name)], item: Item
    ) -> list[object]:
        return [page, name, request.body_model is item]

    client = serve(app)
    assert client.post("/?page=2", json={"name": "oak"}).json() == [2, "oak", True]
    assert ran == ["page", "name"]
    assert misfits(client.post("/?page=x", json={})) == [("query", "page", "type"), ("body", "name", "missing")]
    assert ran == ["page", "name"]


def test_middleware_finds_the_models_after_the_handler(serve: Serve) -> None:
    app = Velo()

    @app.middleware
    async def tell(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.set("x-page", str(request.query_model))
        return response

    @app.get("/")
    async def show(request: Request[Filters]) -> None: ...

    assert serve(app).get("/?page=2").headers["x-page"] == "Filters(page=2)"


def test_a_request_without_types_has_no_models(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def show(request: Request) -> list[object]:
        return [request.query_model, request.body_model]

    assert serve(app).get("/").json() == [None, None]


def asking(*requests: Any) -> Velo:
    """A route that asks for each of these."""
    app = Velo()

    async def show(a: object, b: object = None) -> None: ...

    show.__annotations__ = dict(zip(("a", "b"), requests, strict=False)) | {"return": None}
    app.post("/")(show)
    return app


class Other(msgspec.Struct):
    size: int


@pytest.mark.parametrize(
    ("requests", "codes"),
    [
        ([Request[int, None]], ["VELO_TYPE"]),
        ([Request[None, complex]], ["VELO_TYPE"]),
        ([Request[Filters, None], Request[Other, None]], ["VELO_TYPE"]),
        ([Request[None, Other], Request[None, Filters]], ["VELO_BODY_TWICE"]),
        ([Request[None, Other], Filters], ["VELO_BODY_TWICE"]),
    ],
)
def test_types_that_cannot_be_are_found_at_start_up(requests: list[Any], codes: list[str]) -> None:
    with pytest.raises(SetupError, match=r"parameter '[ab]'") as caught:
        asking(*requests).freeze()
    assert [problem.code for problem in caught.value.problems] == codes
