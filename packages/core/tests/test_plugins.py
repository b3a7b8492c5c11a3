"""Plugins: installed by instance and by name, ordered, confined, started and stopped."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from velo_core import PLUGIN_API, CallNext, Manifest, Plugin, Problem, Request, Response, Router, SetupError, Velo
from velo_testing import AsyncTestClient, TestClient

Serve = Callable[..., TestClient]


def plugin(
    name: str,
    events: list[str] | None = None,
    *,
    requires: Sequence[str] = (),
    optional: Sequence[str] = (),
    after: Sequence[str] = (),
    before: Sequence[str] = (),
    provides: Sequence[str] = (),
    exclusive: Sequence[str] = (),
    conflicts: Sequence[str] = (),
    multi: bool = False,
    requires_api: str = ">=0.1,<1",
    brings: Sequence[Plugin] = (),
    fails: str = "",
) -> Plugin:
    """A plugin of a class of its own, which notes what is done with it.

    Args:
        brings: Plugins that it installs itself.
        fails: `"install"`, `"start"` or `"stop"`.
    """
    noted = [] if events is None else events

    class Noting(Plugin):
        manifest = Manifest(
            name=name,
            requires=tuple(requires),
            optional=tuple(optional),
            after=tuple(after),
            before=tuple(before),
            provides=tuple(provides),
            exclusive=tuple(exclusive),
            conflicts=tuple(conflicts),
            multi=multi,
            requires_api=requires_api,
        )

        def install(self, router: Router) -> None:
            noted.append(name)
            for other in brings:
                router.install(other)
            if fails == "install":
                raise RuntimeError("not today")

        @asynccontextmanager
        async def _run(self) -> AsyncGenerator[None, None]:
            noted.append(f"start {name}")
            if fails == "start":
                raise RuntimeError("cannot start")
            try:
                yield
            finally:
                noted.append(f"stop {name}")
                if fails == "stop":
                    raise RuntimeError("cannot stop")

        def lifespan(self, app: Velo) -> AbstractAsyncContextManager[None]:
            return self._run()

    return Noting()


def order_of(*plugins: Plugin) -> list[str]:
    """The names in the order of installation."""
    app = Velo()
    for one in plugins:
        app.install(one)
    return [ready.manifest.name for ready in app.plugins]


def problems_of(app: Velo) -> list[Problem]:
    """What is wrong with an application."""
    with pytest.raises(SetupError) as caught:
        app.freeze()
    return list(caught.value.problems)


# Installing.


class Greeter(Plugin):
    manifest = Manifest(name="greeter")

    def __init__(self, greeting: str = "Hello", *, path: str = "/greet") -> None:
        self.greeting = greeting
        self.path = path

    def install(self, router: Router) -> None:
        router.get(self.path)(self.greet)

        @router.middleware
        async def sign(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers.add("x-greeter", self.greeting)
            return response

    async def greet(self, name: str = "you") -> str:
        return f"{self.greeting}, {name}!"


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


# Order.


def test_plugins_without_wishes_are_installed_as_they_were_given() -> None:
    assert order_of(plugin("c"), plugin("a"), plugin("b")) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        ([plugin("user", requires=["store"]), plugin("store")], "store user"),
        ([plugin("user", after=["store"]), plugin("store")], "store user"),
        ([plugin("user"), plugin("store", before=["user"])], "store user"),
        ([plugin("user", requires=["storage"]), plugin("other"), plugin("redis", provides=["storage"])], "redis user other"),
        ([plugin("user", after=["storage"]), plugin("redis", provides=["storage"])], "redis user"),
        ([plugin("user", provides=["accounts"]), plugin("redis", before=["accounts"])], "redis user"),
        ([plugin("user", after=["nothing"], before=["nobody"]), plugin("other")], "user other"),
        ([plugin("a", requires=["b"]), plugin("b", requires=["c"]), plugin("c")], "c b a"),
        ([plugin("z"), plugin("a", requires=["b"]), plugin("y"), plugin("b")], "z b a y"),
    ],
    ids=["requires", "after", "before", "capability", "after a capability", "before a capability", "absent", "chain", "stable"],
)
def test_wishes_are_followed_and_else_the_order_stays(plugins: list[Plugin], expected: str) -> None:
    assert order_of(*plugins) == expected.split()


def test_the_order_is_that_of_the_lifespans_too(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []
    app.install(plugin("user", events, requires=["store"]))
    app.install(plugin("store", events))
    serve(app).close()

    assert events == ["store", "user", "start store", "start user", "stop user", "stop store"]


def test_a_plugin_can_install_plugins(serve: Serve) -> None:
    app = Velo()
    events: list[str] = []
    inner = plugin("inner", events)
    app.install(plugin("bundle", events, brings=[plugin("outer", events, brings=[inner]), Greeter("Hi")]))

    assert serve(app).get("/greet").text == "Hi, you!"
    assert [ready.manifest.name for ready in app.plugins] == ["bundle", "outer", "greeter", "inner"]
    assert all("test_plugins.py:" in ready.installation.place for ready in app.plugins)


def test_what_is_required_may_come_from_a_plugin_that_is_installed_later() -> None:
    """The one that requires it waits, and with it those that come after it."""
    bundle = plugin("bundle", brings=[plugin("store", provides=["storage"])])
    given = [plugin("user", requires=["storage"]), plugin("later", after=["user"]), plugin("free"), bundle]

    assert order_of(*given) == ["free", "bundle", "store", "user", "later"]


def test_a_wish_that_came_too_late_is_reported() -> None:
    """`before` is only known once the plugin that says it is there."""
    app = Velo()
    app.install(plugin("user"))
    app.install(plugin("bundle", brings=[plugin("store", before=["user"])]))
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_ORDER"
    assert problem.message.startswith("the plugin 'store' (")
    assert "has to come before 'user' (" in problem.message
    assert problem.message.count("test_plugins.py:") == 2


@pytest.mark.parametrize(
    ("plugins", "path"),
    [
        ([plugin("a", requires=["b"]), plugin("b", requires=["a"])], ["a", "b", "a"]),
        ([plugin("a", after=["b"]), plugin("b", after=["c"]), plugin("c", after=["a"])], ["a", "b", "c", "a"]),
        ([plugin("x", after=["a"]), plugin("a", before=["b"]), plugin("b", before=["a"])], ["a", "b", "a"]),
    ],
    ids=["requires", "three", "before"],
)
def test_a_cycle_is_reported_with_its_path(plugins: list[Plugin], path: list[str]) -> None:
    app = Velo()
    for one in plugins:
        app.install(one)
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_CYCLE"
    steps = problem.message.partition(": ")[2].partition(";")[0].split(" -> ")
    assert [step.partition(" ")[0].strip("'") for step in steps] == path
    assert all("test_plugins.py:" in step for step in steps)


def test_plugins_that_are_beside_each_other_do_not_wait_for_each_other() -> None:
    app, left, right = Velo(), Router("/left"), Router("/right")
    left.install(plugin("a", after=["b"]))
    right.install(plugin("b", after=["a"]))
    app.include(left)
    app.include(right)

    assert [ready.manifest.name for ready in app.plugins] == ["a", "b"]


def test_each_plugin_says_why_it_stands_where_it_does() -> None:
    app = Velo()
    app.install(plugin("user", requires=["storage"], optional=["mail"]))
    app.install(plugin("first", before=["user"]))
    app.install(plugin("redis", provides=["storage"]))
    app.install(plugin("mail"))
    app.install(plugin("alone"))

    assert {ready.manifest.name: ready.reasons for ready in app.plugins} == {
        "first": (),
        "redis": (),
        "mail": (),
        "alone": (),
        "user": (
            "after first: its before='user'",
            "after redis: requires='storage'",
            "after mail: optional='mail'",
        ),
    }


def test_a_plugin_can_ask_which_others_are_there() -> None:
    seen: list[frozenset[str]] = []

    class Curious(Plugin):
        manifest = Manifest(name="curious", optional=("storage",))

        def install(self, router: Router) -> None:
            seen.append(router.installed)

    app, child, beside = Velo(), Router("/child"), Router("/beside")
    child.install(Curious())
    beside.install(plugin("beside"))
    app.install(plugin("redis", provides=["storage"]))
    app.include(child)
    app.include(beside)
    app.freeze()

    assert seen == [frozenset({"redis", "storage"})]


# Conflicts.


@pytest.mark.parametrize("below", [False, True])
def test_plugins_that_conflict_are_reported_with_both_places(below: bool) -> None:
    app, child = Velo(), Router("/child")
    app.include(child)
    (child if below else app).install(plugin("old", provides=["login"]))
    app.install(plugin("new", conflicts=["login"]))
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_CONFLICT"
    assert problem.message.startswith("the plugin 'new' (")
    assert " conflicts with 'login': 'old' (" in problem.message
    assert problem.message.count("test_plugins.py:") == 2


def test_what_is_exclusive_is_provided_once() -> None:
    app = Velo()
    app.install(plugin("redis", provides=["store"]))
    app.install(plugin("memory", provides=["store"], exclusive=["store"]))
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_EXCLUSIVE"
    assert problem.message.startswith("'store' can be provided once, and 'redis' (")
    assert problem.message.count("test_plugins.py:") == 2


def test_plugins_beside_each_other_do_not_conflict() -> None:
    app, left, right = Velo(), Router("/left"), Router("/right")
    left.install(plugin("a", conflicts=["b"], provides=["x"], exclusive=["x"]))
    right.install(plugin("b", provides=["x"]))
    app.include(left)
    app.include(right)

    app.freeze()


# Requirements.


def test_a_requirement_that_nothing_provides_is_reported() -> None:
    app = Velo()
    app.install(plugin("user", requires=["storage", "mail"]))
    problems = problems_of(app)

    assert [problem.code for problem in problems] == ["VELO_PLUGIN_REQUIRES", "VELO_PLUGIN_REQUIRES"]
    assert problems[0].message.startswith("the plugin 'user' (")
    assert "test_plugins.py:" in problems[0].message
    assert "requires 'storage', which nothing on its router or above it provides" in problems[0].message
    assert "app.install('mail')" in problems[1].message


def test_a_requirement_can_be_met_above_but_not_beside_or_below() -> None:
    def application(store_at: str) -> Velo:
        app, left, right, below = Velo(), Router("/left"), Router("/right"), Router("/below")
        left.install(plugin("user", requires=["store"]))
        {"above": app, "same": left, "beside": right, "below": below}[store_at].install(plugin("store"))
        left.include(below)
        app.include(left)
        app.include(right)
        return app

    for place in ("above", "same"):
        assert [ready.manifest.name for ready in application(place).plugins] == ["store", "user"]
    for place in ("beside", "below"):
        assert [problem.code for problem in problems_of(application(place))] == ["VELO_PLUGIN_REQUIRES"]


def test_a_plugin_does_not_meet_its_own_requirement() -> None:
    app = Velo()
    app.install(plugin("store", requires=["storage"], provides=["storage"]))

    assert [problem.code for problem in problems_of(app)] == ["VELO_PLUGIN_REQUIRES"]


def test_twice_on_one_router_is_reported_with_both_places() -> None:
    app = Velo()
    app.install(plugin("same"))
    app.install(plugin("same"))
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_DUPLICATE"
    assert problem.message.startswith("the plugin 'same' is installed twice on one router: 'same' (")
    assert problem.message.count("test_plugins.py:") == 2


def test_twice_is_fine_for_a_plugin_that_says_so_and_on_two_routers() -> None:
    app, child = Velo(), Router("/child")
    app.install(plugin("many", multi=True))
    app.install(plugin("many", multi=True))
    app.install(plugin("one"))
    child.install(plugin("one"))
    app.include(child)

    assert [ready.manifest.name for ready in app.plugins] == ["many", "many", "one", "one"]


# The contract.


@pytest.mark.parametrize("accepted", [">=0.1", ">=0.1,<1", "==0.1", "==0.1.0", ">0,<0.2", "<=0.1", "!=0.2", " >= 0.1 , < 1 "])
def test_a_level_of_the_contract_that_fits_is_accepted(accepted: str) -> None:
    assert PLUGIN_API == "0.1"
    assert order_of(plugin("fits", requires_api=accepted)) == ["fits"]


def test_a_prerelease_passes_as_what_it_leads_to_and_as_what_was_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velo_core.discovery.PLUGIN_API", "1.0rc1")
    for accepted in (">=1.0", ">=0.1,<1", ">=0.9", "==1", ">=1,<2"):
        assert order_of(plugin("fits", requires_api=accepted)) == ["fits"]
    for refused in (">=0.1,<0.9", ">=1.1", "<=0.9"):
        app = Velo()
        app.install(plugin("old", requires_api=refused))
        assert [problem.code for problem in problems_of(app)] == ["VELO_PLUGIN_API"]


def test_the_level_can_be_ignored_for_one_plugin_and_that_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VELO_IGNORE_PLUGIN_API", "other, old")
    assert order_of(plugin("old", requires_api=">=9")) == ["old"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "'old' (" in record.getMessage()
    assert "works with plugin API >=9, this velo-core has 0.1; it runs all the same" in record.getMessage()

    app = Velo()
    app.install(plugin("newer", requires_api=">=9"))
    (problem,) = problems_of(app)
    assert "VELO_IGNORE_PLUGIN_API=newer runs it all the same" in problem.message


@pytest.mark.parametrize("refused", [">=0.2", "<0.1", "==1", "!=0.1", ">=0.1,<0.1", ">0.1"])
def test_another_level_of_the_contract_is_reported(refused: str) -> None:
    app = Velo()
    app.install(plugin("old", requires_api=refused))
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_API"
    assert f"works with plugin API {refused}, this velo-core has 0.1" in problem.message
    assert "'old' (" in problem.message
    assert "test_plugins.py:" in problem.message


@pytest.mark.parametrize("unreadable", ["", "0.1", "~=0.1", ">=x", ">=0.1,", "<0.1,nonsense", ">=0.1a1"])
def test_a_level_that_cannot_be_read_is_refused_where_it_is_written(unreadable: str) -> None:
    with pytest.raises(SetupError, match="requires_api of the plugin 'odd'") as caught:
        Manifest(name="odd", requires_api=unreadable)
    assert caught.value.code == "VELO_PLUGIN_MANIFEST"


@pytest.mark.parametrize("name", ["", "Upper", "two words", "-a", "a--", None])
def test_a_name_that_cannot_be_typed_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="the name of a plugin is") as caught:
        Manifest(name=name)
    assert caught.value.code == "VELO_PLUGIN_MANIFEST"


def test_something_exclusive_has_to_be_provided() -> None:
    with pytest.raises(SetupError, match="'store' is exclusive to the plugin 'odd', which does not provide it"):
        Manifest(name="odd", exclusive=("store",))


def test_names_in_a_list_are_refused() -> None:
    with pytest.raises(SetupError, match=r"requires of the plugin 'odd' is \['store'\]; write a tuple of names"):
        Manifest(name="odd", requires=cast("tuple[str, ...]", ["store"]))


@pytest.mark.parametrize("field", ["requires", "optional", "after", "before", "provides", "exclusive", "conflicts"])
def test_one_text_in_place_of_several_names_is_refused(field: str) -> None:
    """`requires=("store")` is a text, and would be the names s, t, o, r and e."""
    with pytest.raises(SetupError, match=rf"{field}=\('store',\)") as caught:
        Manifest(name="odd", **cast("dict[str, Any]", {field: "store"}))
    assert caught.value.code == "VELO_PLUGIN_MANIFEST"


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
    app.get("/{x:unknown}")(cast("Callable[..., object]", Greeter().greet))
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


# By name.


MODULE = """
from velo_core import Manifest, Plugin, Router

class Shouter(Plugin):
    manifest = Manifest(name="shouter", provides=("noise",))

    def __init__(self, *, times: int = 1) -> None:
        if times < 1:
            raise ValueError("at least once")
        self.times = times

    def install(self, router: Router) -> None:
        router.get("/shout")(self.shout)

    async def shout(self) -> str:
        return "HEY" * self.times

def not_a_plugin() -> str:
    return "text"
"""


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a distribution with entry points, as pip would: a package and its dist-info in a folder of `sys.path`."""

    def install(name: str, entry_points: dict[str, str], code: str = MODULE) -> None:
        folder = tmp_path / name
        module = name.replace("-", "_")
        (folder / f"{module}-1.0.dist-info").mkdir(parents=True)
        (folder / f"{module}.py").write_text(code)
        (folder / f"{module}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{entry} = {target}\n" for entry, target in entry_points.items())
        (folder / f"{module}-1.0.dist-info" / "entry_points.txt").write_text(f"[velo.plugins]\n{lines}")
        monkeypatch.syspath_prepend(str(folder))  # pyright: ignore[reportUnknownMemberType]: pytest leaves its argument untyped
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_a_plugin_is_found_by_name_and_gets_its_options(serve: Serve, distribution: Callable[..., None]) -> None:
    distribution("velo-test-shouter", {"shouter": "velo_test_shouter:Shouter"})
    app = Velo()
    app.install("shouter", times=3)

    assert serve(app).get("/shout").text == "HEYHEYHEY"


def test_a_distribution_that_is_only_there_enables_nothing(distribution: Callable[..., None]) -> None:
    distribution("velo-test-idle", {"idle": "velo_test_idle:Shouter"}, "raise RuntimeError('imported')")
    app = Velo()
    app.freeze()

    assert app.plugins == ()
    assert "velo_test_idle" not in sys.modules


def test_a_name_meets_requirements_and_clashes_like_an_instance(distribution: Callable[..., None]) -> None:
    distribution("velo-test-shouter", {"shouter": "velo_test_shouter:Shouter"})
    app = Velo()
    app.install(plugin("neighbour", after=["noise"]))
    app.install("shouter")
    assert [ready.manifest.name for ready in app.plugins] == ["shouter", "neighbour"]

    app = Velo()
    app.install("shouter")
    app.install("shouter", times=2)
    assert [problem.code for problem in problems_of(app)] == ["VELO_PLUGIN_DUPLICATE"]


def test_a_name_that_nothing_offers_is_reported_with_those_that_are_there(distribution: Callable[..., None]) -> None:
    distribution("velo-test-shouter", {"shouter": "velo_test_shouter:Shouter"})
    app = Velo()
    app.install("shooter")
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_UNKNOWN"
    assert "no installed distribution offers the plugin 'shooter' (" in problem.message
    assert "test_plugins.py:" in problem.message
    assert "shouter" in problem.message.partition("installed are:")[2]
    assert "pip install velo-shooter" in problem.message


def test_a_name_that_two_distributions_offer_is_reported_with_both(distribution: Callable[..., None]) -> None:
    distribution("velo-test-one", {"shouter": "velo_test_one:Shouter"})
    distribution("velo-test-two", {"shouter": "velo_test_two:Shouter"})
    app = Velo()
    app.install("shouter")
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_AMBIGUOUS"
    assert "velo-test-one and velo-test-two" in problem.message
    assert "test_plugins.py:" in problem.message


@pytest.mark.parametrize(
    ("entry", "options", "code", "text"),
    [
        ("velo_test_odd:Shouter", {"volume": 11}, "VELO_PLUGIN_OPTIONS", "has no option 'volume'"),
        ("velo_test_odd:Shouter", {"times": 0}, "VELO_PLUGIN_OPTIONS", "ValueError: at least once"),
        ("velo_test_odd:Missing", {}, "VELO_PLUGIN_LOAD", "has no attribute 'Missing'"),
        ("velo_test_nowhere:Shouter", {}, "VELO_PLUGIN_LOAD", "No module named 'velo_test_nowhere'"),
        ("velo_test_odd:not_a_plugin", {}, "VELO_PLUGIN_INVALID", "str"),
    ],
    ids=["unknown option", "refused option", "no such class", "no such module", "no plugin"],
)
def test_a_name_that_does_not_lead_to_a_plugin_is_reported(
    distribution: Callable[..., None], entry: str, options: dict[str, object], code: str, text: str
) -> None:
    distribution("velo-test-odd", {"odd": entry})
    app = Velo()
    app.install("odd", **options)
    (problem,) = problems_of(app)

    assert problem.code == code
    assert text in problem.message
    assert "test_plugins.py:" in problem.message


# What methods may take.


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


# Lifespan.


def test_lifespans_are_entered_in_order_and_left_in_reverse_with_the_application_innermost(serve: Serve) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        events.append("start app")
        yield
        events.append("stop app")

    app, child = Velo(lifespan=lifespan), Router("/child")
    app.install(plugin("a", events))
    child.install(plugin("c", events))
    app.install(plugin("b", events))
    app.include(child)
    client = serve(app)
    assert events == ["a", "b", "c", "start a", "start b", "start c", "start app"]
    client.close()
    assert events[7:] == ["stop app", "stop c", "stop b", "stop a"]


def test_what_was_started_is_stopped_when_a_later_one_cannot_start(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(plugin("b", events))
    app.install(plugin("c", events, fails="start"))
    app.install(plugin("d", events))

    with pytest.raises(RuntimeError, match="cannot start"):
        serve(app)
    assert events == ["a", "b", "c", "d", "start a", "start b", "start c", "stop b", "stop a"]


def test_an_error_of_a_lifespan_names_the_plugin(serve: Serve) -> None:
    app = Velo()
    app.install(plugin("a"))
    app.install(plugin("broken", fails="start"))

    with pytest.raises(RuntimeError) as caught:
        serve(app)
    assert any("'broken' (" in note and "test_plugins.py:" in note for note in caught.value.__notes__)


def test_the_others_are_stopped_when_one_cannot_stop(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(plugin("b", events, fails="stop"))
    app.install(plugin("c", events))
    client = serve(app)

    with pytest.raises(RuntimeError, match="cannot stop"):
        client.close()
    assert events[6:] == ["stop c", "stop b", "stop a"]


def test_what_stands_after_the_yield_runs_even_if_something_else_fails(serve: Serve) -> None:
    events: list[str] = []

    class Plain(Plugin):
        manifest = Manifest(name="plain")

        def install(self, router: Router) -> None:
            """Nothing."""

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            events.append("open")
            yield
            events.append("closed")

    for fails in ("start", "stop"):
        app = Velo()
        app.install(Plain())
        app.install(plugin("broken", fails=fails))
        with pytest.raises(RuntimeError, match=f"cannot {fails}"):
            serve(app).close()

    assert events == ["open", "closed"] * 2


def hanging(at: str, events: list[str]) -> Plugin:
    """A plugin that waits for ever when it starts, closes or stops."""

    class Hanging(Plugin):
        manifest = Manifest(name="hanging")

        def install(self, router: Router) -> None:
            """Nothing."""

        async def wait(self, when: str) -> None:
            if at == when:
                try:
                    await asyncio.Event().wait()
                finally:
                    events.append("cancelled")

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            await self.wait("start")
            yield
            await self.wait("stop")

        async def closing(self, app: Velo) -> None:
            await self.wait("close")

    return Hanging()


def test_a_plugin_that_hangs_at_the_start_is_named_and_the_others_are_stopped(serve: Serve) -> None:
    events: list[str] = []
    app = Velo(plugin_timeout_seconds=0.01)
    app.install(plugin("a", events))
    app.install(hanging("start", events))

    with pytest.raises(SetupError, match=r"the plugin 'hanging' \(.*\) did not start within 0.01 s and was cancelled") as caught:
        serve(app)
    assert caught.value.code == "VELO_PLUGIN_TIMEOUT"
    assert events == ["a", "start a", "cancelled", "stop a"]


def test_a_plugin_that_hangs_at_the_end_is_named_and_the_others_are_stopped(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(hanging("stop", events))
    client = serve(app)
    app.plugin_timeout_seconds = 0.01

    with pytest.raises(SetupError, match="did not stop within"):
        client.close()
    assert events == ["a", "start a", "cancelled", "stop a"]


def test_a_plugin_that_hangs_while_it_closes_is_logged_and_the_end_comes(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    app.install(hanging("close", events))
    client = serve(app)
    app.plugin_timeout_seconds = 0.01
    client.close()

    assert events == ["a", "start a", "cancelled", "stop a"]
    assert "the plugin 'hanging' (" in caplog.text


def test_closing_comes_before_the_drain_and_in_reverse_order(serve: Serve) -> None:
    events: list[str] = []

    class Closing(Plugin):
        def __init__(self, name: str) -> None:
            self.name = name

        manifest = Manifest(name="closing", multi=True)

        def install(self, router: Router) -> None:
            """Nothing."""

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            yield
            events.append(f"stop {self.name}")

        async def closing(self, app: Velo) -> None:
            events.append(f"close {self.name}")
            raise RuntimeError("is only logged")

    app = Velo()
    app.install(Closing("a"))
    app.install(Closing("b"))
    client = serve(app)
    client.close()

    assert events == ["close b", "close a", "stop b", "stop a"]


async def test_a_server_can_have_plugins_close_while_it_still_serves() -> None:
    events: list[str] = []

    class Streams(Plugin):
        manifest = Manifest(name="streams")

        def __init__(self) -> None:
            self.begun, self.told = asyncio.Event(), asyncio.Event()

        def install(self, router: Router) -> None:
            router.get("/")(self.wait)

        async def wait(self) -> str:
            self.begun.set()
            await self.told.wait()
            return "told to end"

        async def closing(self, app: Velo) -> None:
            events.append("closing")
            self.told.set()

    app = Velo()
    streams = Streams()
    app.install(streams)
    async with AsyncTestClient(app) as client:
        request = asyncio.create_task(client.get("/"))
        await streams.begun.wait()
        await app.closing()
        await app.closing()
        assert (await request).text == "told to end"

    assert events == ["closing"]


def test_times_are_kept(serve: Serve) -> None:
    app = Velo()
    app.install(plugin("a"))
    serve(app)
    (ready,) = app.plugins

    assert ready.times.install_seconds > 0
    assert ready.times.start_seconds > 0


def test_an_application_can_be_started_again(serve: Serve) -> None:
    events: list[str] = []
    app = Velo()
    app.install(plugin("a", events))
    for _ in range(2):
        serve(app).close()

    assert events == ["a", "start a", "stop a", "start a", "stop a"]


def test_a_lifespan_that_failed_can_be_tried_again(serve: Serve) -> None:
    attempts: list[int] = []

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None, None]:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("database is away")
        yield

    app = Velo(lifespan=lifespan)
    with pytest.raises(ConnectionError):
        serve(app)
    serve(app)

    assert len(attempts) == 2


# What it costs.


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
