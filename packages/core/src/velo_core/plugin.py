"""`Plugin`, and one call of `install`.

A plugin records what it wants on the router it is installed on; nothing happens until the application starts, when all plugins are put into
an order that satisfies what they require, and everything that is wrong is reported at once (`installing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, field

from velo_core.distributions import distribution_of
from velo_core.errors import Problem
from velo_core.manifest import Manifest

if TYPE_CHECKING:
    from velo_core.app import Velo
    from velo_core.options import Setting
    from velo_core.router import Router

__all__ = ["ENTRY_POINTS", "Installation", "Plugin", "Ready", "Times"]

ENTRY_POINTS = "velo.plugins"
"""Entry-point group in which plugins can be found by name. Being installed enables nothing."""


class Plugin:
    """Base of all plugins: a manifest, and `install`.

        class Greeter(Plugin):
            manifest = Manifest(name="greeter", requires_api=">=0.1,<1")

            def install(self, router: Router) -> None:
                router.get("/greet")(self.greet)

    Each method is called with those of its arguments that it takes: one that does not want `app` leaves it out, and one written for this
    velo-core goes on to work when later ones offer more.
    """

    manifest: ClassVar[Manifest]

    def install(self, router: Router) -> None:
        """Records on `router` what the plugin adds. Runs once for each router it is installed on, before the application starts."""
        raise NotImplementedError(f"{type(self).__qualname__} has no install(router)")

    def find_problems(self, app: Velo) -> Iterable[Problem]:
        """What is wrong with an application in which every router, route and plugin is in its place; the start reports it as a mistake.

        Runs at the end of `Velo.freeze()`, if nothing else is wrong, and should be quick: what it looks at, such as `app.routes`, is there.
        It changes nothing.
        """
        return ()

    def lifespan(self, app: Velo) -> AbstractAsyncContextManager[None]:
        """A context that is entered before the first request and left after the last one, in reverse order of installation.

        Once in each process that serves: what is to happen once for all of them, such as the change of a database's schema, is a command.
        """
        return nullcontext()

    async def closing(self, app: Velo) -> None:
        """The application is about to stop, and still serves: end what would keep it from that, such as open streams. In reverse order."""


class Installation(Struct, frozen=True, eq=False):
    """One call of `install`.

    Attributes:
        given: The plugin, or its name.
        options: For the constructor, when it is given by name.
        router: Where it is installed.
        place: File and line of the call.
        configured: Options from a file, for one that is named there.
    """

    given: Plugin | str
    options: Mapping[str, object]
    router: Router
    place: str
    configured: Mapping[str, object] | None = None

    @property
    def label(self) -> str:
        """Name, distribution and place, for messages: `'limiter' (velo-limiter 0.1.0, shop.py:12)`."""
        if isinstance(self.given, str):
            return f"{self.given!r} ({self.place})"
        manifest = getattr(type(self.given), "manifest", None)
        name = manifest.name if isinstance(manifest, Manifest) else type(self.given).__qualname__
        return labelled(name, distribution_of(type(self.given).__module__), self.place)


class Times(Struct):
    """How long a plugin took.

    Attributes:
        install_seconds: In its `install`.
        start_seconds: Until its lifespan was entered, the last time.
    """

    install_seconds: float = 0.0
    start_seconds: float = 0.0


class Ready(Struct, frozen=True, eq=False):
    """An installation whose plugin exists.

    Attributes:
        plugin: The instance.
        manifest: Its manifest.
        installation: Where it comes from.
        reasons: Why it stands where it does in the order: what had to come first.
        times: How long it took.
        settings: Its options, if it was installed by name.
    """

    plugin: Plugin
    manifest: Manifest
    installation: Installation
    reasons: tuple[str, ...] = ()
    times: Times = field(default_factory=Times)
    settings: Mapping[str, Setting] = field(default_factory=dict[str, "Setting"])

    @property
    def names(self) -> frozenset[str]:
        """What others can ask for: its name, and what it provides."""
        return frozenset({self.manifest.name, *self.manifest.provides})

    @property
    def distribution(self) -> str | None:
        """Name and version of the distribution it comes from, such as `"velo-limiter 0.1.0"`; `None` if it comes from none."""
        return distribution_of(type(self.plugin).__module__)

    @property
    def label(self) -> str:
        """Name, distribution and place, for messages."""
        return labelled(self.manifest.name, self.distribution, self.installation.place)


def labelled(name: str, distribution: str | None, place: str) -> str:
    """`'limiter' (velo-limiter 0.1.0, shop.py:12)`."""
    return f"{name!r} ({distribution}, {place})" if distribution else f"{name!r} ({place})"
