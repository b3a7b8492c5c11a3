"""Slots: one typed value each, on the application, on routers and on requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from velo_core import CallNext, Manifest, Plugin, Request, Response, Router, SetupError, Slot, SlotEmpty, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]

NAME = Slot[str]("name")
USER = Slot[str | None]("user", default=None)
CART = Slot[list[str]]("cart", factory=list)


def problems_of(app: Velo) -> list[tuple[str, str]]:
    with pytest.raises(SetupError) as caught:
        app.freeze()
    return [(problem.code, problem.message) for problem in caught.value.problems]


def test_what_a_middleware_puts_is_there_for_the_handler_of_the_same_request_alone(serve: Serve) -> None:
    app = Velo()
    app.add_slot(USER)

    @app.middleware
    async def authenticate(request: Request, call_next: CallNext) -> Response:
        if "x-user" in request.headers:
            request[USER] = request.headers["x-user"]
        return await call_next(request)

    @app.get("/")
    async def show(request: Request) -> str:
        return f"{USER in request} {request[USER]}"

    client = serve(app)

    assert client.get("/", headers={"x-user": "ann"}).text == "True ann"
    assert client.get("/").text == "False None"


def test_a_request_finds_what_the_nearest_router_has(serve: Serve) -> None:
    app, left, below, right = Velo(), Router("/left"), Router("/below"), Router("/right")
    app.add_slot(NAME)
    for router in (app, left, below, right):

        @router.get("/name")
        async def name(request: Request) -> str:
            return request[NAME]

    app[NAME] = "app"
    left[NAME] = "left"
    left.include(below)
    app.include(left)
    app.include(right)
    client = serve(app)

    assert [client.get(f"{path}/name").text for path in ("", "/left", "/left/below", "/right")] == ["app", "left", "left", "app"]
    assert below[NAME] == "left"


def test_a_factory_makes_a_value_for_each_request_and_keeps_it(serve: Serve) -> None:
    app = Velo()
    app.add_slot(CART)

    @app.get("/")
    async def add(request: Request, item: str) -> list[str]:
        request[CART].append(item)
        return request[CART]

    client = serve(app)

    assert [client.get(f"/?item={item}").json() for item in "ab"] == [["a"], ["b"]]


def test_a_value_can_be_taken_off_again(serve: Serve) -> None:
    app = Velo()
    app.add_slot(NAME)

    @app.get("/")
    async def off(request: Request) -> list[object]:
        request[NAME] = "own"
        own = request[NAME]
        del request[NAME]
        return [own, request.get_slot(NAME), request.get_slot(NAME, "other"), NAME in request]

    assert serve(app).get("/").json() == ["own", None, "other", False]


def test_reading_what_nobody_has_put_says_so(serve: Serve) -> None:
    app = Velo()
    app.add_slot(NAME)

    @app.get("/")
    async def read(request: Request) -> str:
        return request[NAME]

    with pytest.raises(SlotEmpty, match=r"nothing is in the slot 'name' \(.*test_slots.py:\d+\) of <Request GET />") as caught:
        serve(app).get("/")
    assert caught.value.code == "VELO_SLOT_EMPTY"
    with pytest.raises(SlotEmpty):
        app[NAME]
    with pytest.raises(SlotEmpty):
        del app[NAME]


def test_a_slot_of_a_sibling_cannot_be_used(serve: Serve) -> None:
    app, left, right = Velo(), Router("/left"), Router("/right")
    left.add_slot(NAME)
    right.add_slot(USER)
    app.include(left)
    app.include(right)

    @right.get("/")
    async def write(request: Request) -> None:
        request[NAME] = "x"

    @right.get("/read")
    async def read(request: Request) -> str:
        return request[NAME]

    client = serve(app)
    for path in ("/right/", "/right/read"):
        with pytest.raises(SetupError, match=r"is not declared for <Request GET /right/.*declared are: 'user'") as caught:
            client.get(path)
        assert caught.value.code == "VELO_SLOT_UNKNOWN"


def test_a_value_in_a_slot_that_nobody_declares_is_reported_at_start() -> None:
    app = Velo()
    app[NAME] = "x"
    ((code, message),) = problems_of(app)

    assert code == "VELO_SLOT_UNKNOWN"
    assert "the slot 'name' (" in message
    assert "add_slot" in message


def test_two_slots_of_one_name_are_reported_wherever_both_can_be_used() -> None:
    other = Slot[int]("name")
    app, child = Velo(), Router("/child")
    app.add_slot(NAME)
    child.add_slot(other)
    app.include(child)
    ((code, message),) = problems_of(app)
    assert code == "VELO_SLOT_DUPLICATE"
    assert message.count("test_slots.py:") == 2

    with pytest.raises(SetupError, match=r"'name' is the name of two slots of one router: .*; rename one") as caught:
        app.add_slot(other)
    assert caught.value.code == "VELO_SLOT_DUPLICATE"

    with pytest.raises(SetupError, match=r"'name' is declared twice on one router: .*declared at .*; remove one"):
        app.add_slot(NAME)


def test_siblings_may_have_the_same_slot_and_slots_of_one_name() -> None:
    app, left, right = Velo(), Router("/left"), Router("/right")
    left.add_slot(NAME)
    right.add_slot(Slot[int]("name"))
    app.include(left)
    app.include(right)

    app.freeze()


def test_a_plugin_that_is_installed_twice_declares_its_slot_twice() -> None:
    class Twice(Plugin):
        manifest = Manifest(name="twice", multi=True)

        def install(self, router: Router) -> None:
            router.add_slot(NAME)

    app = Velo()
    app.install(Twice())
    app.install(Twice())

    app.freeze()


@pytest.mark.parametrize("default", [[], {}, set[int](), bytearray(), ([1],)])
def test_a_default_that_all_could_change_is_refused(default: Any) -> None:
    with pytest.raises(SetupError, match="the default of the slot 'odd'") as caught:
        Slot("odd", default=default)
    assert caught.value.code == "VELO_SLOT_DEFAULT"


def test_a_dataclass_that_can_be_changed_is_no_default() -> None:
    @dataclass
    class Settings:
        size: int = 1

    with pytest.raises(SetupError, match="factory=lambda"):
        Slot("odd", default=Settings())


def test_a_default_and_a_factory_are_one_too_many() -> None:
    with pytest.raises(SetupError, match="leave one out"):
        Slot("odd", default=1, factory=int)


def test_what_is_no_slot_is_refused() -> None:
    with pytest.raises(TypeError, match="'name' is no Slot"):
        Velo()[cast("Slot[str]", "name")] = "x"


def test_what_lifespans_put_is_gone_when_the_application_has_stopped(serve: Serve) -> None:
    class Store(Plugin):
        manifest = Manifest(name="store")

        def install(self, router: Router) -> None:
            router.add_slot(NAME)

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            app[NAME] = "open"
            yield

    app = Velo()
    app.add_slot(USER)
    app[USER] = "ann"
    app.install(Store())
    client = serve(app)
    client.get("/")
    assert (app[NAME], app[USER]) == ("open", "ann")

    client.close()

    assert NAME not in app
    assert app[USER] == "ann"


def test_two_applications_do_not_share_values(serve: Serve) -> None:
    first, second = Velo(), Velo()
    for app in (first, second):
        app.add_slot(NAME)
    first[NAME] = "first"

    assert NAME not in second


def test_a_slot_that_a_route_does_not_use_leaves_its_plan_and_its_requests_as_they_are(serve: Serve) -> None:
    def application(*slots: Slot[Any]) -> Velo:
        app = Velo()

        @app.get("/")
        async def index(request: Request) -> list[str]:
            return [name for name in dir(type(request)) if name == "_values_of_slots" and hasattr(request, name)]

        for slot in slots:
            app.add_slot(slot)
        return app

    assert application(NAME, CART).plan("GET", "/").source == application().plan("GET", "/").source
    assert serve(application(NAME, CART)).get("/").json() == []


def test_it_is_too_late_to_declare_one_when_the_application_has_started() -> None:
    app = Velo()
    app.freeze()

    with pytest.raises(SetupError, match="this slot name comes too late"):
        app.add_slot(NAME)
