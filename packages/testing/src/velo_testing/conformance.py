"""What every plugin has to keep, as tests that a plugin's own test file inherits.

from velo_testing.conformance import PluginContract


class TestConformance(PluginContract):
plugin = Greeter
"""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import itertools
import re
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import ClassVar, Final, cast, get_args

import pytest

from velo_core import PLUGIN_API, Manifest, Plugin, Router, SetupError, Velo
from velo_testing.client import TestClient
from velo_testing.protocols import ProtocolName
from velo_testing.surroundings import changes, picture

__all__ = ["PluginContract"]

each_protocol = pytest.mark.parametrize("protocol", get_args(ProtocolName))
PERMUTED: Final = 4
"""How many plugins are tried in every order; more of them would be too many orders."""


class PluginContract:
    """Inherit from this in a test file, and name the plugin.

    Attributes:
        plugin: Makes the plugin, without arguments: its class, or a function, `plugin = lambda: RateLimit([rule])`.
        options: With which it is installed by its name; what its constructor needs and text can say.
        requires: What makes the plugins that it requires, without arguments.
    """

    plugin: ClassVar[Callable[[], Plugin]]
    options: ClassVar[Mapping[str, object]] = {}
    requires: ClassVar[Sequence[Callable[[], Plugin]]] = ()

    # What a plugin says of itself.

    def test_the_manifest_is_readable_without_running_the_plugin(self) -> None:
        """It is an attribute of the class, and names a level of the contract that this velo-core has."""
        manifest: object = getattr(type(self._make()), "manifest", None)

        if not isinstance(manifest, Manifest):
            pytest.fail(f"manifest of the class is {manifest!r}; write manifest = Manifest(name=...) in the body of the class")
        if "<" not in manifest.requires_api:
            pytest.fail(f"requires_api={manifest.requires_api!r} has no upper bound; write for example '>={PLUGIN_API},<1'")

    def test_the_distribution_offers_it_under_its_name(self) -> None:
        """`app.install("name")` finds it, and the name is that of the manifest."""
        kind = type(self._make())
        if self._distribution() is None:
            pytest.skip("the plugin is in no distribution")
        found = {point.name: point for point in entry_points(group="velo.plugins")}
        point = found.get(kind.manifest.name)
        if point is None:
            pytest.fail(f'write [project.entry-points."velo.plugins"] {kind.manifest.name} = "{kind.__module__}:{kind.__qualname__}"')
        loaded: object = point.load()
        if not callable(loaded):
            pytest.fail(f"the entry point {point.name} leads to {loaded!r}, which makes no plugin")

    def test_the_distribution_bounds_velo_core(self) -> None:
        """From below, because older ones lack what it uses, and from above, because nobody has tried the next ones."""
        found = self._distribution()
        if found is None:
            pytest.skip("the plugin is in no distribution")
        lines = [line for line in found.requires or [] if re.match(r"velo-core\b", line)]
        if not lines or ">=" not in lines[0] or "<" not in lines[0]:
            pytest.fail(f"{found.name} requires {lines[0] if lines else 'no velo-core'}; write for example 'velo-core>=0.1,<0.2'")

    def test_it_imports_public_names_only(self) -> None:
        """`from velo_core import Name`: what is below may change in any release."""
        broken: list[str] = []
        for file in self._sources():
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), file)):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                broken += [f"{file}:{getattr(node, 'lineno', 0)}: {name}" for name in names if name.startswith("velo_core.")]
        if broken:
            pytest.fail("import from velo_core itself: " + ", ".join(broken))

    # Start and end.

    @each_protocol
    def test_it_starts_serves_and_stops(self, protocol: ProtocolName) -> None:
        """And so it does a second time: servers that reload start an application again."""
        app = self._application()
        for _ in range(2):
            with TestClient(app, protocol=protocol, raise_app_exceptions=False) as client:
                for path in self._plain_paths(app):
                    status = client.get(path).status_code
                    if status >= 500:
                        pytest.fail(f"GET {path} answers {status}")
                if client.get("/velo-conformance").status_code >= 500:
                    pytest.fail("a request to another route of the application fails")

    @each_protocol
    def test_it_is_installed_by_name(self, protocol: ProtocolName) -> None:
        """With `options`, where its constructor needs any."""
        name = type(self._make()).manifest.name
        if not any(point.name == name for point in entry_points(group="velo.plugins")):
            pytest.skip("the plugin is in no distribution")
        app = Velo()
        self._install_required(app)
        app.install(name, **self.options)
        with TestClient(app, protocol=protocol):
            if [ready.manifest.name for ready in app.plugins].count(name) != 1:
                pytest.fail(f"the entry point {name} makes a plugin of another name")

    @each_protocol
    def test_it_stops_when_another_plugin_cannot_start(self, protocol: ProtocolName) -> None:
        """Whatever was opened is closed."""
        events: list[str] = []
        app = self._application(_watched(self._make(), events))
        app.install(_failing("start", after=self._name()))
        with pytest.raises(_Planned):
            TestClient(app, protocol=protocol).get("/")
        if events != ["started", "stopped"]:
            pytest.fail(f"the lifespan was {events}")

    @each_protocol
    def test_it_stops_when_another_plugin_cannot_stop(self, protocol: ProtocolName) -> None:
        """The exception of the other one is raised, and not another."""
        events: list[str] = []
        app = self._application(_watched(self._make(), events))
        app.install(_failing("stop", after=self._name()))
        client = TestClient(app, protocol=protocol)
        client.get("/")
        with pytest.raises(_Planned):
            client.close()
        if events != ["started", "stopped"]:
            pytest.fail(f"the lifespan was {events}")

    def test_it_leaves_nothing_behind(self) -> None:
        """Threads, environment, signal handlers, logging, module-level containers: all as before."""
        package = type(self._make()).__module__.partition(".")[0]
        self._serve_once()  # what is made at the first use stays, and may
        before = picture(package)
        self._serve_once()
        gc.collect()
        found = changes(before, picture(package))
        if found:
            pytest.fail("after the application has stopped, this is different: " + "; ".join(found))

    # Installing.

    def test_installing_only_records(self) -> None:
        """No thread, no file, no connection: whatever has to be opened is opened in the lifespan."""
        plugin = self._make()
        before, threads = picture(), threading.active_count()
        app = self._application(plugin)
        app.freeze()
        found = changes(before, picture())
        if found or threading.active_count() != threads:
            pytest.fail("install does more than to record: " + ("; ".join(found) or "it starts a thread"))

    def test_the_order_of_installation_does_not_matter(self) -> None:
        """With what it requires and with neighbours, in every order: the application starts with the same plugins and routes."""
        seen: set[tuple[object, ...]] = set()
        makers = [*self.requires[: PERMUTED - 2], self._make, _Neighbour]
        for order in itertools.permutations(makers):
            app = Velo()
            for make in (*order, *self.requires[PERMUTED - 2 :]):
                app.install(make())
            names = [ready.manifest.name for ready in app.plugins if ready.manifest.name != _Neighbour.manifest.name]
            seen.add((tuple(sorted(names)), *sorted(route.pattern.text for route in app.routes)))
        if len(seen) != 1:
            pytest.fail(f"the order of installation decides what is there: {sorted(map(str, seen))}")

    def test_twice_on_one_router_is_refused_or_works(self) -> None:
        """Refused unless the manifest says `multi`; never half of it."""
        app = self._application()
        app.install(self._make())
        if type(self._make()).manifest.multi:
            app.freeze()
            return
        with pytest.raises(SetupError) as caught:
            app.freeze()
        codes = {problem.code for problem in caught.value.problems}
        if codes != {"VELO_PLUGIN_DUPLICATE"}:
            pytest.fail(f"installed twice, it is refused with {sorted(codes)}")

    @each_protocol
    def test_two_of_it_on_two_routers_do_not_know_of_each_other(self, protocol: ProtocolName) -> None:
        """Each has its own settings, and what it registers is below its own router."""
        app = Velo()
        self._install_required(app)
        for prefix in ("/velo-left", "/velo-right"):
            router = Router(prefix)
            router.install(self._make())
            app.include(router)
        own = [route.pattern.text for route in app.routes if route.pattern.text.startswith(("/velo-left", "/velo-right"))]
        if sum(path.startswith("/velo-left") for path in own) * 2 != len(own):
            pytest.fail(f"the routers have different routes: {own}")
        with TestClient(app, protocol=protocol):
            pass

    def test_it_stays_on_its_router(self) -> None:
        """Routes outside are served by the same source, character for character: what does not use a plugin does not pay for it."""

        def application(*, installed: bool) -> Velo:
            app, inside, outside = Velo(), Router("/velo-inside"), Router("/velo-outside")
            self._install_required(app)
            for router in (app, outside):
                router.get("/velo-conformance/{item_id:int}")(_show)
            if installed:
                inside.install(self._make())
            app.include(inside)
            app.include(outside)
            return app

        without, with_it = application(installed=False), application(installed=True)
        for path in ("/velo-conformance/{item_id:int}", "/velo-outside/velo-conformance/{item_id:int}"):
            if with_it.plan("GET", path).source != without.plan("GET", path).source:
                pytest.fail(f"the plan of {path}, which is not below its router, is another one when the plugin is installed")
        known = {route.pattern.text for route in without.routes}
        strays = [route.pattern.text for route in with_it.routes if route.pattern.text not in known]
        strays = [path for path in strays if not path.startswith("/velo-inside")]
        if strays:
            pytest.fail(f"these routes are not below its router: {strays}")

    @each_protocol
    def test_two_applications_in_one_process_do_not_share_it(self, protocol: ProtocolName) -> None:
        """Both run at once; when one has stopped, the other still serves."""
        first, second = self._application(), self._application()
        with TestClient(second, protocol=protocol, raise_app_exceptions=False) as client:
            with TestClient(first, protocol=protocol, raise_app_exceptions=False) as other:
                other.get("/velo-conformance")
            for path in ("/velo-conformance", *self._plain_paths(second)):
                if client.get(path).status_code >= 500:
                    pytest.fail(f"GET {path} fails when another application has stopped")

    # What the tests are made of.

    def _make(self) -> Plugin:
        """A fresh plugin."""
        found = inspect.getattr_static(type(self), "plugin", None)
        factory: object = found.__func__ if isinstance(found, staticmethod) else found
        if isinstance(factory, Plugin) or not callable(factory):
            pytest.fail(f"plugin is {factory!r}; name what makes the plugin: plugin = Greeter, or plugin = lambda: Greeter('Hi')")
        made = cast("Callable[[], object]", factory)()
        if not isinstance(made, Plugin):
            pytest.fail(f"plugin makes {made!r}, which is no velo_core.Plugin")
        return made

    def _name(self) -> str:
        return type(self._make()).manifest.name

    def _install_required(self, app: Velo) -> None:
        for make in self.requires:
            app.install(make())

    def _application(self, plugin: Plugin | None = None) -> Velo:
        """An application with the plugin, with what it requires, and with a route."""
        app = Velo()
        self._install_required(app)
        app.install(self._make() if plugin is None else plugin)
        app.get("/velo-conformance")(_index)
        return app

    def _serve_once(self) -> None:
        app = self._application()
        with TestClient(app, raise_app_exceptions=False) as client:
            for path in ("/velo-conformance", *self._plain_paths(app)):
                client.get(path)

    def _plain_paths(self, app: Velo) -> list[str]:
        """Paths without parameters that answer GET."""
        return [route.pattern.text for route in app.routes if "GET" in route.route.methods and "{" not in route.pattern.text]

    def _module(self) -> str:
        return type(self._make()).__module__

    def _distribution(self) -> Distribution | None:
        """Where the plugin comes from."""
        top = self._module().partition(".")[0]
        points = [point for point in entry_points(group="velo.plugins") if re.match(rf"{re.escape(top)}\b", point.value)]
        try:
            return points[0].dist if points else distribution(top.replace("_", "-"))
        except PackageNotFoundError:
            return None

    def _sources(self) -> Iterator[Path]:
        """The files of the plugin's package, or of its module."""
        module = importlib.import_module(self._module().partition(".")[0]) if self._distribution() else sys.modules[self._module()]
        file = Path(str(module.__file__))
        yield from sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]


async def _index() -> str:
    return "velo"


async def _show(item_id: int, page: int = 1) -> dict[str, int]:
    return {"item": item_id, "page": page}


class _Planned(Exception):
    """Raised by a plugin of the kit."""


class _Neighbour(Plugin):
    manifest = Manifest(name="velo-conformance-neighbour", requires_api=f">={PLUGIN_API},<9")

    def install(self, router: Router) -> None:
        router.get("/velo-conformance/neighbour")(_index)


class _Failing(Plugin):
    """Fails when it starts, or when it stops, after another one has started."""

    manifest = Manifest(name="velo-conformance-failing")

    def __init__(self, at: str) -> None:
        self._at = at

    def install(self, router: Router) -> None:
        """Nothing."""

    @asynccontextmanager
    async def lifespan(self, app: Velo) -> AsyncGenerator[None]:
        if self._at == "start":
            raise _Planned
        yield
        raise _Planned


def _failing(at: str, *, after: str) -> _Failing:
    class Failing(_Failing):
        manifest = Manifest(name="velo-conformance-failing", after=(after,))

    return Failing(at)


def _watched(plugin: Plugin, events: list[str]) -> Plugin:
    """The plugin, which notes when its lifespan is entered and left."""
    inner = plugin.lifespan

    @asynccontextmanager
    async def lifespan(app: Velo) -> AsyncGenerator[None]:
        takes_app = bool(inspect.signature(inner).parameters)
        context = cast("Callable[..., AbstractAsyncContextManager[None]]", inner)(*([app] if takes_app else []))
        async with context:
            events.append("started")
            yield
        events.append("stopped")

    plugin.lifespan = lifespan  # type: ignore[method-assign]  # of this one instance
    return plugin
