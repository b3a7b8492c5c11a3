"""What plugins find wrong with an application in which all is in its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest

from velo_core import Depends, Manifest, Plugin, Problem, Router, SetupError, Velo


class Strict(Plugin):
    """Wants no route that ends in a slash."""

    manifest = Manifest(name="strict", multi=True)

    def __init__(self) -> None:
        self.runs = 0

    def install(self, router: Router) -> None:
        """Adds nothing."""

    def find_problems(self, app: Velo) -> Iterator[Problem]:
        """Looks at all routes."""
        self.runs += 1
        for one in app.routes:
            if one.place.endswith("/"):
                yield Problem("STRICT_SLASH", f"{one.place} ends in a slash")


async def nothing() -> None:
    """Does nothing."""


def test_what_plugins_find_keeps_the_application_from_starting_all_at_once() -> None:
    app, below = Velo(), Router("/below")
    app.install(Strict())
    below.install(Strict())
    app.get("/tea/")(nothing)
    below.get("/salt/")(nothing)
    app.include(below)
    for _ in range(2):
        with pytest.raises(SetupError) as caught:
            app.freeze()

        assert [one.message.partition(" ")[0] for one in caught.value.problems] == ["/tea/", "/below/salt/"] * 2
        assert {one.code for one in caught.value.problems} == {"STRICT_SLASH"}


def test_they_look_once_and_only_if_nothing_else_is_wrong() -> None:
    right, wrong = Strict(), Strict()
    app, broken = Velo(), Velo()
    app.install(right)
    broken.install(wrong)
    app.get("/tea")(nothing)
    broken.get("/{x:unknown}/")(nothing)
    app.freeze()
    app.freeze()
    with pytest.raises(SetupError, match="unknown"):
        broken.freeze()

    assert (right.runs, wrong.runs) == (1, 0)


def test_a_plugin_that_fails_while_it_looks_is_named() -> None:
    class Broken(Strict):
        manifest = Manifest(name="broken")

        def find_problems(self, app: Velo) -> Iterator[Problem]:
            raise ZeroDivisionError("by zero")

    class Greedy(Strict):
        manifest = Manifest(name="greedy")

        def find_problems(self, app: Velo, request: object) -> Iterator[Problem]:  # pyright: ignore[reportIncompatibleMethodOverride]: what is tested
            return iter(())

    for plugin, said in (
        (Broken(), r"find_problems of the plugin 'broken' \(.* raised ZeroDivisionError: by zero"),
        (Greedy(), "'request'"),
    ):
        app = Velo()
        app.install(plugin)
        with pytest.raises(SetupError, match=said) as caught:
            app.freeze()
        assert caught.value.code == "VELO_PLUGIN_HOOK"


def test_what_runs_before_each_handler_is_told() -> None:
    async def inner() -> int:
        return 1

    async def outer(number: Annotated[int, Depends(inner)]) -> None:
        """Asks for the other."""

    app = Velo()
    app.get("/plain")(nothing)
    app.get("/guarded", dependencies=[Depends(outer)])(nothing)

    assert [(one.place, functions) for one, functions in app.dependencies] == [("/plain", ()), ("/guarded", (inner, outer))]
