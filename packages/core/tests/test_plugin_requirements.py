"""What a manifest says: conflicts, requirements and the level of the contract."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from plugin_making import order_of, plugin, problems_of

from velo_core import PLUGIN_API, Manifest, Router, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


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
    assert problem.message.count("test_plugin_requirements.py:") == 2


def test_what_is_exclusive_is_provided_once() -> None:
    app = Velo()
    app.install(plugin("redis", provides=["store"]))
    app.install(plugin("memory", provides=["store"], exclusive=["store"]))
    (problem,) = problems_of(app)

    assert problem.code == "VELO_PLUGIN_EXCLUSIVE"
    assert problem.message.startswith("'store' can be provided once, and 'redis' (")
    assert problem.message.count("test_plugin_requirements.py:") == 2


def test_plugins_beside_each_other_do_not_conflict() -> None:
    app, left, right = Velo(), Router("/left"), Router("/right")
    left.install(plugin("a", conflicts=["b"], provides=["x"], exclusive=["x"]))
    right.install(plugin("b", provides=["x"]))
    app.include(left)
    app.include(right)

    app.freeze()


def test_a_requirement_that_nothing_provides_is_reported() -> None:
    app = Velo()
    app.install(plugin("user", requires=["storage", "mail"]))
    problems = problems_of(app)

    assert [problem.code for problem in problems] == ["VELO_PLUGIN_REQUIRES", "VELO_PLUGIN_REQUIRES"]
    assert problems[0].message.startswith("the plugin 'user' (")
    assert "test_plugin_requirements.py:" in problems[0].message
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
    assert problem.message.count("test_plugin_requirements.py:") == 2


def test_twice_is_fine_for_a_plugin_that_says_so_and_on_two_routers() -> None:
    app, child = Velo(), Router("/child")
    app.install(plugin("many", multi=True))
    app.install(plugin("many", multi=True))
    app.install(plugin("one"))
    child.install(plugin("one"))
    app.include(child)

    assert [ready.manifest.name for ready in app.plugins] == ["many", "many", "one", "one"]


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
    assert "test_plugin_requirements.py:" in problem.message


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
