"""The order of plugins: what they wish, what they get, and why."""

from collections.abc import Callable

import pytest
from plugin_making import Greeter, order_of, plugin, problems_of

from velo_core import Manifest, Plugin, Router, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


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
    places = [ready.installation.place.partition(":")[0].rpartition("/")[2] for ready in app.plugins]
    assert places == ["test_plugin_order.py", "plugin_making.py", "plugin_making.py", "plugin_making.py"]


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
    assert problem.message.count("plugin_making.py:") == problem.message.count("test_plugin_order.py:") == 1


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
    assert all("test_plugin_order.py:" in step for step in steps)


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
