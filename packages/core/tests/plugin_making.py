"""Plugins to install, and what comes of it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from velo_core import CallNext, Manifest, Plugin, Problem, Request, Response, Router, SetupError, Velo

__all__ = ["Greeter", "order_of", "plugin", "problems_of"]


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
