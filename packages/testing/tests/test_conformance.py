"""The conformance kit: a good plugin passes, and each mistake fails the test that is about it, with words that say what to do."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, cast

import pytest

from velo_core import CallNext, Manifest, Plugin, Request, Response, Router, Velo
from velo_testing.conformance import PluginContract


class Good(Plugin):
    manifest = Manifest(name="good", requires_api=">=0.1,<1", requires=("store",))

    def __init__(self, path: str = "/good") -> None:
        self.path = path
        self.is_open = False

    def install(self, router: Router) -> None:
        router.get(self.path)(self.show)
        router.add_middleware(self.pass_on)

    async def show(self) -> bool:
        return self.is_open

    async def pass_on(self, request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        self.is_open = True
        yield
        self.is_open = False


class Store(Plugin):
    manifest = Manifest(name="redis", provides=("store",))

    def install(self, router: Router) -> None:
        """Nothing."""


class TestGood(PluginContract):
    plugin = Good
    requires: ClassVar = [Store]


class TestWithSettings(PluginContract):
    plugin = lambda: Good("/other")  # noqa: E731 - as users write it
    requires: ClassVar = [Store]


class Base(Plugin):
    manifest = Manifest(name="broken", requires_api=">=0.1,<1")

    def install(self, router: Router) -> None:
        """Nothing."""


REGISTRY: dict[str, object] = {}


class Unbounded(Base):
    manifest = Manifest(name="broken", requires_api=">=0.1")


class StartsThread(Base):
    def install(self, router: Router) -> None:
        self.done = threading.Event()
        thread = threading.Thread(target=self.done.wait, name="mine")
        thread.start()
        THREADS.append((self.done, thread))


THREADS: list[tuple[threading.Event, threading.Thread]] = []


class SetsEnvironment(Base):
    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        os.environ["VELO_TEST_BROKEN"] = os.environ.get("VELO_TEST_BROKEN", "") + "x"
        yield


class AddsHandler(Base):
    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        logging.root.addHandler(logging.NullHandler())
        yield


class RegistersGlobally(Base):
    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        REGISTRY[str(len(REGISTRY))] = app
        yield


class FailsTheSecondTime(Base):
    starts = 0

    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        type(self).starts += 1
        if type(self).starts % 2 == 0:
            raise RuntimeError("again?")
        yield


class AnswersWithFailure(Base):
    def install(self, router: Router) -> None:
        router.get("/broken")(self.fail)

    async def fail(self) -> None:
        raise RuntimeError


class ForgetsDuplicates(Base):
    def install(self, router: Router) -> None:
        router.get("/same")(self.show)

    async def show(self) -> None:
        """Nothing."""


class ReachesOut(Base):
    """Adds a route to a router that it was not given."""

    outside: ClassVar[list[Router]] = []

    def install(self, router: Router) -> None:
        for other in self.outside:
            other.get(f"/stray-{len(other.own_routes)}")(self.show)

    async def show(self) -> None:
        """Nothing."""


class DiesOnRestart(Base):
    """Keeps a state that one application takes from another."""

    running: ClassVar[list[object]] = []

    def install(self, router: Router) -> None:
        router.get("/state")(self.show)

    async def show(self) -> int:
        return len(cast("list[object]", self.running[0]))

    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        self.running.append([])
        yield
        self.running.clear()


class DependsOnOrder(Base):
    def install(self, router: Router) -> None:
        if router.own_routes or "velo-conformance-neighbour" in router.installed:
            router.get("/late")(self.show)

    async def show(self) -> None:
        """Nothing."""


def contract(made_by: Any) -> PluginContract:
    class Contract(PluginContract):
        plugin = made_by

    return Contract()


def run(made_by: Any, test: str) -> None:
    method = cast("Callable[..., None]", getattr(contract(made_by), test))
    method(*(["asgi"] if "protocol" in method.__code__.co_varnames[: method.__code__.co_argcount] else []))


@pytest.mark.parametrize(
    ("made_by", "test", "message"),
    [
        (Unbounded, "test_the_manifest_is_readable_without_running_the_plugin", "has no upper bound"),
        (Base(), "test_the_manifest_is_readable_without_running_the_plugin", "name what makes the plugin"),
        (None, "test_installing_only_records", "name what makes the plugin"),
        (dict, "test_installing_only_records", "which is no velo_core.Plugin"),
        (StartsThread, "test_installing_only_records", "threads: .* is now .*mine"),
        (SetsEnvironment, "test_it_leaves_nothing_behind", "environment variables"),
        (AddsHandler, "test_it_leaves_nothing_behind", "handlers of the root logger"),
        (RegistersGlobally, "test_it_leaves_nothing_behind", "REGISTRY"),
        (AnswersWithFailure, "test_it_starts_serves_and_stops", "GET /broken answers 500"),
        (DiesOnRestart, "test_two_applications_in_one_process_do_not_share_it", "GET /state fails when another application has stopped"),
        (DependsOnOrder, "test_the_order_of_installation_does_not_matter", "the order of installation decides what is there"),
    ],
)
def test_a_mistake_fails_the_test_that_is_about_it(made_by: Any, test: str, message: str) -> None:
    handlers = list(logging.root.handlers)
    try:
        with pytest.raises(pytest.fail.Exception, match=message):
            run(made_by, test)
    finally:
        logging.root.handlers[:] = handlers
        os.environ.pop("VELO_TEST_BROKEN", None)
        for done, thread in THREADS:
            done.set()
            thread.join()
        THREADS.clear()


def test_a_plugin_that_cannot_start_twice_fails_with_its_own_exception() -> None:
    with pytest.raises(RuntimeError, match="again"):
        run(FailsTheSecondTime, "test_it_starts_serves_and_stops")


def test_what_is_about_distributions_is_skipped_for_a_plugin_that_is_in_none() -> None:
    with pytest.raises(pytest.skip.Exception):
        run(Base, "test_the_distribution_offers_it_under_its_name")
    with pytest.raises(pytest.skip.Exception):
        run(Base, "test_the_distribution_bounds_velo_core")


def test_the_name_of_a_private_module_is_found(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "velo_kit_private.py").write_text(
        "from velo_core import Manifest, Plugin\nfrom velo_core.router import Router\n"
        "class Private(Plugin):\n    manifest = Manifest(name='private')\n    def install(self, router: Router) -> None: ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType]: pytest leaves its argument untyped
    module = __import__("velo_kit_private")

    with pytest.raises(pytest.fail.Exception, match=r"velo_kit_private\.py:2: velo_core\.router"):
        run(module.Private, "test_it_imports_public_names_only")
