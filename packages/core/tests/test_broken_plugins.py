"""Plugins that are broken in all the ways there are, and the whole message for each: what is wrong, where, and what to do.

That two distributions have a command of one name is found by `velo plugins doctor`, and by `velo` itself, and tested there.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from velo_core import Manifest, Plugin, Router, SetupError, Slot, Velo
from velo_testing import TestClient

MODULES = """
from velo_core import Manifest, Plugin, Router, Slot

MINE = Slot[int]("{name}-slot" if {unique} else "cart")

class Broken(Plugin):
    manifest = Manifest(name="{name}", requires_api="{api}", requires={requires}, provides={provides})

    def __init__(self, size: int = 1) -> None: ...

    def install(self, router: Router) -> None:
        router.add_slot(MINE)
        router.get("{path}")(self.show)

    async def show(self) -> None: ...
"""
Make = Callable[..., ModuleType]


def make_plugin(*, start: str = "", stop: str = "") -> Plugin:
    """A plugin without a distribution that fails or hangs."""

    async def do(what: str) -> None:
        if what == "fail":
            raise ConnectionError("no database at 10.0.0.7")
        if what == "hang":
            await asyncio.Event().wait()

    class Local(Plugin):
        manifest = Manifest(name="local")

        def install(self, router: Router) -> None:
            """Nothing."""

        @asynccontextmanager
        async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
            await do(start)
            yield
            await do(stop)

    return Local()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """The module of a distribution `velo-<name> 1.0`, installed as pip would."""

    def make(name: str, **fields: Any) -> ModuleType:
        values: dict[str, Any] = {
            "name": name,
            "api": ">=0.1,<1",
            "requires": (),
            "provides": (),
            "path": f"/{name}",
            "unique": True,
            **fields,
        }
        module = f"velo_{fields.get('module', name)}"
        folder = tmp_path / module
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(MODULES.format(**values))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[velo.plugins]\n{name} = {module}:Broken\n")
        monkeypatch.syspath_prepend(str(folder))  # pyright: ignore[reportUnknownMemberType]: pytest leaves its argument untyped
        monkeypatch.delitem(sys.modules, module, raising=False)
        return __import__(module)

    return make


def said(error: BaseException) -> str:
    """The message, with its notes, and with files and lines by their names alone."""
    text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    return re.sub(r"/\S*?(test_broken_plugins|velo_\w+)\.py:\d+", r"\1.py:N", text)


def refusal(*plugins: Plugin | str, **options: object) -> str:
    """What an application says that cannot start with these."""
    app = Velo()
    for one in plugins:
        app.install(one, **(options if isinstance(one, str) else {}))
    with pytest.raises(SetupError) as caught:
        app.freeze()
    return said(caught.value)


def test_a_requirement_is_missing(make: Make) -> None:
    assert refusal(make("login", requires=("session-store",)).Broken()) == (
        "the plugin 'login' (velo-login 1.0, test_broken_plugins.py:N) requires 'session-store', which nothing on its router or above it "
        "provides; install a plugin that does, for example app.install('session-store') [VELO_PLUGIN_REQUIRES]"
    )


def test_a_requirement_is_on_another_router(make: Make) -> None:
    app, beside = Velo(), Router("/beside")
    app.install(make("login", requires=("store",)).Broken())
    beside.install(make("redis", provides=("store",)).Broken())
    app.include(beside)
    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert said(caught.value) == (
        "the plugin 'login' (velo-login 1.0, test_broken_plugins.py:N) requires 'store', which nothing on its router or above it provides; "
        "'redis' (velo-redis 1.0, test_broken_plugins.py:N) is on another router; install it on the same one or above "
        "[VELO_PLUGIN_REQUIRES]"
    )


def test_plugins_wait_for_each_other(make: Make) -> None:
    assert refusal(make("egg", requires=("hen",)).Broken(), make("hen", requires=("egg",)).Broken()) == (
        "plugins wait for each other: 'egg' (velo-egg 1.0, test_broken_plugins.py:N) -> 'hen' (velo-hen 1.0, test_broken_plugins.py:N) -> "
        "'egg' (velo-egg 1.0, test_broken_plugins.py:N); drop one of these requires, after or before [VELO_PLUGIN_CYCLE]"
    )


def test_the_level_of_the_contract_is_another_one(make: Make) -> None:
    assert refusal(make("future", api=">=2,<3").Broken()) == (
        "the plugin 'future' (velo-future 1.0, test_broken_plugins.py:N) works with plugin API >=2,<3, this velo-core has 0.1; install a "
        "release of the plugin for it, or another velo-core; VELO_IGNORE_PLUGIN_API=future runs it all the same, at your own risk "
        "[VELO_PLUGIN_API]"
    )


def test_two_plugins_have_one_name(make: Make) -> None:
    first, second = make("cache", module="cache_one"), make("cache", module="cache_two")

    assert refusal(first.Broken(), second.Broken()) == (
        "the plugin 'cache' is installed twice on one router: 'cache' (velo-cache-one 1.0, test_broken_plugins.py:N) and "
        "'cache' (velo-cache-two 1.0, test_broken_plugins.py:N); remove one, or use another router [VELO_PLUGIN_DUPLICATE]"
    )


def test_two_slots_have_one_name(make: Make) -> None:
    assert refusal(make("shop", unique=False).Broken(), make("shelf", unique=False).Broken()) == (
        "'cart' is the name of two slots of one router: the slot 'cart' (velo_shop.py:N) of velo-shop 1.0, declared at velo_shop.py:N and "
        "the slot 'cart' (velo_shelf.py:N) of velo-shelf 1.0, declared at velo_shelf.py:N; rename one "
        "(while the plugin 'shelf' (velo-shelf 1.0, test_broken_plugins.py:N) was installed) [VELO_SLOT_DUPLICATE]"
    )


def test_two_routes_match_the_same_path(make: Make) -> None:
    assert refusal(make("home", path="/").Broken(), make("start", path="/").Broken()) == (
        "GET / and GET / match the same paths: "
        "Broken.show (velo-home 1.0, velo_home.py:N) and Broken.show (velo-start 1.0, velo_start.py:N); "
        "remove one or give it another path [VELO_ROUTE_DUPLICATE]"
    )


def test_an_option_is_not_there(make: Make) -> None:
    make("shelf")

    assert refusal("shelf", seize=3) == (
        "the plugin 'shelf' (velo-shelf 1.0, test_broken_plugins.py:N) has no option 'seize' (test_broken_plugins.py:N); "
        "did you mean 'size'? [VELO_PLUGIN_OPTIONS]"
    )


def test_an_option_has_the_wrong_type(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("shelf")
    monkeypatch.setenv("VELO_SHELF_SIZE", "large")

    assert refusal("shelf") == (
        "the plugin 'shelf' (velo-shelf 1.0, test_broken_plugins.py:N) does not take its option 'size' (VELO_SHELF_SIZE): "
        "Expected `int`, got `str` [VELO_PLUGIN_OPTIONS]"
    )


@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
def test_the_start_fails(protocol: Any) -> None:
    app = Velo()
    app.install(make_plugin(start="fail"))
    with pytest.raises(ConnectionError) as caught, TestClient(app, protocol=protocol):
        raise AssertionError

    assert said(caught.value).splitlines()[:2] == [
        "no database at 10.0.0.7",
        "while the plugin 'local' (test_broken_plugins.py:N) was started",
    ]


@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
def test_the_start_hangs(protocol: Any) -> None:
    app = Velo(plugin_timeout_seconds=0.01)
    app.install(make_plugin(start="hang"))
    with pytest.raises(SetupError) as caught, TestClient(app, protocol=protocol):
        raise AssertionError

    assert said(caught.value).splitlines()[0] == (
        "the plugin 'local' (test_broken_plugins.py:N) did not start within 0.01 s and was cancelled; the traceback shows where it waited. "
        "Velo(plugin_timeout_seconds=...) sets the limit [VELO_PLUGIN_TIMEOUT]"
    )


@pytest.mark.parametrize("protocol", ["asgi", "rsgi"])
def test_the_end_fails(protocol: Any) -> None:
    app = Velo()
    app.install(make_plugin(stop="fail"))
    with pytest.raises(ConnectionError) as caught, TestClient(app, protocol=protocol):
        pass

    assert said(caught.value).splitlines()[:2] == [
        "no database at 10.0.0.7",
        "while the plugin 'local' (test_broken_plugins.py:N) was stopped",
    ]


def test_everything_that_is_wrong_is_said_at_once(make: Make) -> None:
    app = Velo()
    app.install(make("future", api=">=2,<3").Broken())
    app.install(make("login", requires=("session-store",)).Broken())
    app.install("nowhere")
    app.add_slot(Slot[int]("a"))
    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert [problem.code for problem in caught.value.problems] == ["VELO_PLUGIN_API", "VELO_PLUGIN_UNKNOWN", "VELO_PLUGIN_REQUIRES"]
