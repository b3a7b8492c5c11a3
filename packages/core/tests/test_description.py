"""What an application tells of itself before the first request."""

import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import pytest

from velo_core import Body, CallNext, Depends, HTTPError, Manifest, Plugin, Request, Response, Router, Velo, WebSocket


async def outer(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


async def inner(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


async def user() -> AsyncIterator[str]:
    yield "ann"


def audited(body: Annotated[dict[str, int], Body()]) -> Iterator[None]:
    yield


def transaction() -> Iterator[None]:
    yield


async def refuse(request: Request, error: Exception) -> str:
    return "refused"


def shop() -> Velo:
    app = Velo(middleware=[outer], pools={"slow": 2})
    items = Router("/items", name="items", tags=["shop"], timeout_seconds=3)
    items.add_exception_handler(KeyError, refuse)

    @items.post(
        "/{item_id}",
        middleware=[inner],
        dependencies=[Depends(audited, pool="slow"), Depends(transaction, lifetime="handler")],
        max_content_length=7,
    )
    async def change(item_id: int, user: Annotated[str, Depends(user)]) -> None: ...

    @items.websocket("/live")
    async def live(socket: WebSocket) -> None: ...

    app.include(items)
    return app


def test_a_route_tells_what_runs_around_it_in_which_order_and_why() -> None:
    route, _ = shop().describe().routes

    assert (route.methods, route.path, route.name, route.tags) == (("POST",), "/items/{item_id}", "items.change", ("shop",))
    assert (route.max_content_length, route.timeout_seconds, route.on_disconnect, route.host) == (7, 3, "cancel", None)
    assert route.handler.endswith("shop.<locals>.change")
    assert ".py:" in route.place
    assert [(hook.kind, hook.function.rpartition(".")[2], hook.reason) for hook in route.hooks] == [
        ("middleware", "outer", "of the application, outermost"),
        ("middleware", "inner", "of the route, inside outer"),
        ("dependency", "transaction", "before the body is read, in a thread; torn down before the response starts"),
        ("dependency", "user", "before the body is read; torn down after the response is sent"),
        ("dependency", "audited", "after the body is read, in a thread of the pool 'slow'; torn down after the response is sent"),
        ("exception handler", "refuse", "of the router /items, for KeyError"),
    ]


def test_a_websocket_is_told_as_one() -> None:
    _, route = shop().describe().routes

    assert (route.websocket, route.methods, route.path) == (True, (), "/items/live")


def test_the_description_can_be_written_as_json() -> None:
    description = json.loads(json.dumps(dataclasses.asdict(shop().describe())))

    assert description["pools"]["slow"] == 2
    assert len(description["routes"]) == 2


def test_plugins_are_told_in_their_order_with_its_reasons() -> None:
    class Store(Plugin):
        manifest = Manifest(name="store", provides=("storage",))

        def install(self, router: Router) -> None: ...

    class Cache(Plugin):
        manifest = Manifest(name="cache", requires=("storage",))

        def install(self, router: Router) -> None: ...

    app = Velo()
    api = Router("/api")
    api.install(Cache())
    app.include(api)
    app.install(Store())

    store, cache = app.describe().plugins

    assert (store.name, store.router, store.provides) == ("store", "the application", ("storage",))
    assert (cache.name, cache.router) == ("cache", "the router /api")
    assert any("store" in reason for reason in cache.reasons)
    assert ".py:" in cache.place


def test_a_plan_is_found_by_the_path_of_a_request() -> None:
    app = shop()

    @app.get("/files/{name}")
    async def read(name: str) -> None:
        raise HTTPError(404)

    for path in ("/items/1", "/items/1?a=b", "/items/%31"):
        assert app.plan("POST", path) == app.plan("POST", "/items/{item_id}")
    assert app.plan("HEAD", "/files/a%2Fb").label == "GET /files/{name}"
    assert app.plan("GET", "/files/a/b").label == "404 /"
    assert app.plan("DELETE", "/items/1").label == "405 /items"
    assert app.plan("GET", "/items/1/2").label == "404 /items"
    with pytest.raises(LookupError, match="no route"):
        app.plan("GET", "/items/{other}")


def test_a_plan_is_found_by_the_host_of_a_request() -> None:
    app = Velo()
    api = Router(host="api.example.com")

    @api.get("/")
    async def of_api() -> None: ...

    @app.get("/")
    async def of_all() -> None: ...

    app.include(api)

    assert "of_api" in app.plan("GET", "/", host="api.example.com").source
    assert "of_api" not in app.plan("GET", "/", host="example.com").source
    assert app.plan("GET", "/none", host="api.example.com").label.startswith("404")
