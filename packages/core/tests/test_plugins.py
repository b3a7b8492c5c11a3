"""Plugins: installed, confined, told what is wrong with them, and free of cost where they are not used."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, cast

import pytest
from plugin_making import Greeter, plugin, problems_of

from velo_core import PLUGIN_API, Manifest, Plugin, Router, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


def test_a_plugin_adds_what_it_wants_when_the_application_starts(serve: Serve) -> None:
    app = Velo()
    app.install(Greeter("Hi"))
    assert app.own_routes == []

    response = serve(app).get("/greet?name=Ann")

    assert response.text == "Hi, Ann!"
    assert response.headers["x-greeter"] == "Hi"


def test_the_manifest_is_readable_without_running_the_plugin() -> None:
    assert Greeter.manifest == Manifest(name="greeter", requires_api=f">={PLUGIN_API}")
    with pytest.raises(AttributeError):
        setattr(Greeter.manifest, "name", "other")  # noqa: B010 - type checkers know that it cannot be set


def test_two_applications_in_one_process_have_their_own(serve: Serve) -> None:
    first, second, third = Velo(), Velo(), Velo()
    first.install(Greeter("Hi"))
    second.install(Greeter("Ahoy"))
    clients = [serve(app) for app in (first, second, third)]

    assert [client.get("/greet").text for client in clients[:2]] == ["Hi, you!", "Ahoy, you!"]
    assert clients[2].get("/greet").status_code == 404


def test_one_instance_can_be_installed_on_two_applications(serve: Serve) -> None:
    greeter = Greeter()
    first, second = Velo(), Velo()
    first.install(greeter)
    second.install(greeter)

    assert [serve(app).get("/greet").text for app in (first, second)] == ["Hello, you!"] * 2


def test_a_plugin_on_a_router_touches_nothing_beside_or_above(serve: Serve) -> None:
    app, left, right, below = Velo(), Router("/left"), Router("/right"), Router("/below")
    for router in (app, left, right, below):

        @router.get("/own")
        async def own() -> str:
            return "own"

    left.install(Greeter("left"))
    right.install(Greeter("right", path="/hello"))
    left.include(below)
    app.include(left)
    app.include(right)
    client = serve(app)

    def signed(path: str) -> list[str]:
        return client.get(path).headers.get_list("x-greeter")

    assert [client.get(path).text for path in ("/left/greet", "/right/hello")] == ["left, you!", "right, you!"]
    assert [client.get(path).status_code for path in ("/greet", "/left/hello", "/right/greet", "/left/below/greet")] == [404] * 4
    assert [signed(path) for path in ("/left/own", "/left/below/own", "/left/none")] == [["left"]] * 3
    assert [signed(path) for path in ("/right/own", "/right/none")] == [["right"]] * 2
    assert [signed(path) for path in ("/own", "/none")] == [[]] * 2


def test_a_plugin_on_a_router_that_is_included_twice_is_installed_once(serve: Serve) -> None:
    app, shared = Velo(), Router()
    shared.install(Greeter())
    app.include(shared, "/a")
    app.include(shared, "/b")
    client = serve(app)

    for path in ("/a/greet", "/b/greet"):
        response = client.get(path)
        assert (response.text, response.headers.get_list("x-greeter")) == ("Hello, you!", ["Hello"])


def test_what_is_no_plugin_is_reported_with_its_place() -> None:
    class WithoutManifest(Plugin):
        def install(self, router: Router) -> None: ...

    class NotDerived:
        manifest: ClassVar[Manifest] = Manifest(name="not-derived")

    app = Velo()
    app.install(WithoutManifest())
    app.install(cast("Plugin", NotDerived()))
    app.install(cast("Plugin", Greeter))
    app.install(cast("Plugin", 7))
    problems = problems_of(app)

    assert {problem.code for problem in problems} == {"VELO_PLUGIN_INVALID"}
    assert all("test_plugins.py:" in problem.message for problem in problems)
    assert "WithoutManifest" in problems[0].message
    assert "NotDerived" in problems[1].message
    assert "Greeter()" in problems[2].message
    assert "int" in problems[3].message


def test_a_plugin_without_install_is_reported() -> None:
    class Empty(Plugin):
        manifest = Manifest(name="empty")

    app = Velo()
    app.install(Empty())
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_INSTALL"
    assert "Empty has no install(router)" in problem.message


def test_an_install_that_fails_is_reported_with_its_place_beside_everything_else() -> None:
    class Clashing(Plugin):
        manifest = Manifest(name="clashing")

        def install(self, router: Router) -> None:
            router.add_exception_handler(KeyError, lambda request, error: None)
            router.add_exception_handler(KeyError, lambda request, error: None)

    app = Velo()
    app.install(plugin("broken", fails="install"))
    app.install(Clashing())

    @app.get("/{x:unknown}")
    async def odd(x: str) -> str:
        return x

    problems = problems_of(app)

    assert [problem.code for problem in problems] == ["VELO_PLUGIN_INSTALL", "VELO_EXCEPTION_HANDLER_DUPLICATE", "VELO_ROUTE_PATTERN"]
    assert problems[0].message.startswith("the plugin 'broken' (")
    assert problems[0].message.endswith("could not be installed: RuntimeError: not today")
    assert "(while the plugin 'clashing' (" in problems[1].message
    assert all("test_plugins.py:" in problem.message for problem in problems)


def test_plugins_are_installed_once_even_if_the_application_cannot_start() -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("once", events))
    app.get("/{x:unknown}")(cast("Callable[..., object]", Greeter().greet))
    for _ in range(2):
        with pytest.raises(SetupError):
            app.freeze()

    assert events == ["once"]


def test_a_plugin_comes_too_late_once_the_application_has_started() -> None:
    app = Velo()
    app.freeze()

    with pytest.raises(SetupError, match="this plugin comes too late"):
        app.install(Greeter())


def test_options_beside_an_instance_are_refused() -> None:
    with pytest.raises(SetupError, match=r"give them to Greeter\(\.\.\.\) itself") as caught:
        Velo().install(Greeter(), greeting="Hi")
    assert caught.value.code == "VELO_PLUGIN_OPTIONS"


def test_methods_take_what_they_want_under_whatever_name(serve: Serve) -> None:
    events: list[str] = []

    class Modest(Plugin):
        manifest = Manifest(name="modest")

        def install(self, r: Router) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]: what is tested
            r.get("/")(self.index)

        async def index(self) -> str:
            return "index"

        @asynccontextmanager
        async def lifespan(self) -> AsyncGenerator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]: what is tested
            events.append("start")
            yield
            events.append("stop")

        async def closing(self, /, **others: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]: what is tested
            events.append(f"close {sorted(others)}")

    app = Velo()
    app.install(Modest())
    client = serve(app)
    assert client.get("/").text == "index"
    client.close()

    assert events == ["start", "close ['app']", "stop"]


def test_a_parameter_that_nobody_offers_is_reported() -> None:
    class Demanding(Plugin):
        manifest = Manifest(name="demanding")

        def install(self, router: Router, database: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]: what is tested
            """Nothing."""

    app = Velo()
    app.install(Demanding())
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_HOOK"
    assert problem.message.startswith("install of the plugin 'demanding' (")
    assert "takes 'database' (" in problem.message
    assert problem.message.endswith("which nobody offers; it can take router")


def test_an_install_that_is_a_coroutine_is_reported() -> None:
    class Waiting(Plugin):
        manifest = Manifest(name="waiting")

        async def install(self, router: Router) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]: what is tested
            """Nothing."""

    app = Velo()
    app.install(Waiting())
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_HOOK"
    assert "it only records, so write def" in problem.message


def test_a_lifespan_that_is_no_context_manager_says_how_to_write_it(serve: Serve) -> None:
    class Undecorated(Plugin):
        manifest = Manifest(name="undecorated")

        def install(self, router: Router) -> None:
            """Nothing."""

        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]: what is tested
            yield

    app = Velo()
    app.install(Undecorated())

    with pytest.raises(SetupError, match="write @asynccontextmanager before it") as caught:
        serve(app)
    assert caught.value.code == "VELO_PLUGIN_HOOK"


def test_plugins_that_a_route_does_not_use_leave_its_plan_as_it_is() -> None:
    def application(count: int) -> Velo:
        app, beside = Velo(), Router("/beside")

        @app.get("/items/{item_id:int}")
        async def show(item_id: int, page: int = 1) -> dict[str, int]:
            return {"item": item_id, "page": page}

        for number in range(count):
            router = Router(f"/{number}")
            router.install(Greeter(str(number)))
            beside.include(router)
            app.install(plugin(f"idle-{number}"))
        app.include(beside)
        return app

    without, many = application(0), application(10)

    assert len(many.plugins) == 20
    assert many.plan("GET", "/items/{item_id:int}").source == without.plan("GET", "/items/{item_id:int}").source


def test_installing_says_nothing(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="velo")
    app = Velo()
    app.install(Greeter())
    serve(app).get("/greet")

    assert [record for record in caplog.records if record.name.startswith("velo")] == []
