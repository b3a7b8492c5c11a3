"""What does not fit in how an application is put together, which is told at the start, all of it at once."""

from collections.abc import Callable
from typing import cast

import pytest
from named_handlers import handler, named

from velo_core import (
    Router,
    SetupError,
    Velo,
)


def test_two_routes_for_one_method_and_path_are_reported_with_both_places() -> None:
    app, users = Velo(), Router("/users")
    app.get("/users/{user_id}")(one_user)
    users.get("/{name}")(other_user)
    app.include(users)

    with pytest.raises(SetupError) as caught:
        app.freeze()
    (problem,) = caught.value.problems
    assert problem.code in ("VELO_ROUTE_DUPLICATE", "VELO_ROUTE_AMBIGUOUS")
    for part in ("one_user (", "other_user (", "test_router_mistakes.py:", "/users/{user_id}", "/users/{name}", "GET"):
        assert part in problem.message


async def one_user(user_id: str) -> None: ...


async def other_user(name: str) -> None: ...


def test_a_name_for_two_paths_is_reported_with_both_places() -> None:
    app = Velo()
    app.get("/a", name="same")(named("first"))
    app.get("/b", name="same")(named("second"))

    with pytest.raises(
        SetupError, match=r"the name 'same' is given to /a \(.*named_handlers\.py:\d+\) and to /b \(.*named_handlers\.py:\d+\)"
    ) as caught:
        app.freeze()
    assert caught.value.code == "VELO_ROUTE_NAME"


def test_names_that_were_not_given_may_repeat() -> None:
    app = Velo()
    app.get("/a")(handler)
    app.get("/b")(handler)
    app.freeze()

    with pytest.raises(LookupError, match="'handler' is the name of several routes: /a, /b"):
        app.url_for("handler")


def test_everything_that_is_wrong_is_told_in_one_error() -> None:
    app, child, wrong_prefix, greedy = Velo(), Router("/child"), Router("prefix"), Router("/{rest:path}")
    app.get("no-slash")(handler)
    app.get("/a//b")(handler)
    app.get("/{x:unknown}")(handler)
    app.get("/unused/{name}")(handler)
    app.get("/same")(handler)
    app.route("/methods", methods=["GE T"])(handler)
    child.get("/status", status_code=99)(handler)
    app.get("/same")(named("other"))
    wrong_prefix.get("/never")(handler)
    greedy.get("")(greedy_handler)
    app.include(child)
    app.include(wrong_prefix)
    app.include(greedy)
    app.install("surely-not-installed")

    @app.get("/unresolved")
    async def unresolved(value: str) -> None: ...

    unresolved.__annotations__["value"] = "Nowhere"

    @app.get("/hidden")
    async def result() -> Callable[[], None]: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert caught.value.code == "VELO_SETUP"
    found = sorted(problem.code for problem in caught.value.problems)
    assert found == sorted(
        [
            "VELO_PLUGIN_UNKNOWN",
            "VELO_ROUTE_PATTERN",  # no slash
            "VELO_ROUTE_PATTERN",  # two slashes
            "VELO_ROUTE_PATTERN",  # unknown converter
            "VELO_ROUTE_PATTERN",  # prefix without a slash
            "VELO_ROUTE_PATTERN",  # prefix that takes everything
            "VELO_PATH_PARAMETER",
            "VELO_ROUTE_DUPLICATE",
            "VELO_ROUTE_METHOD",
            "VELO_RESULT",  # status
            "VELO_RESULT",  # type
            "VELO_ANNOTATION",
        ]
    )


async def greedy_handler(rest: str) -> None: ...


def test_what_was_wrong_once_is_told_again_in_the_same_words() -> None:
    """As to every request of a server that starts without a lifespan."""
    app = Velo()
    app.get("/{x:unknown}")(handler)

    with pytest.raises(SetupError) as first:
        app.freeze()
    with pytest.raises(SetupError) as second:
        app.freeze()

    assert str(second.value) == str(first.value)


def test_methods_in_one_text_are_refused() -> None:
    """`methods="GET"` would be the methods G, E and T."""
    with pytest.raises(SetupError, match=r"methods=\('GET',\)") as caught:
        Router().route("/", methods="GET")
    assert caught.value.code == "VELO_ROUTE_METHOD"


def test_a_route_without_methods_is_refused() -> None:
    with pytest.raises(SetupError, match="no method") as caught:
        Router().route("/", methods=())
    assert caught.value.code == "VELO_ROUTE_METHOD"


def test_what_is_no_router_is_not_included() -> None:
    with pytest.raises(SetupError, match="is no Router") as caught:
        Velo().include(cast("Router", handler))
    assert caught.value.code == "VELO_ROUTER"


def test_an_application_is_not_included() -> None:
    """Its lifespan, its overrides and its `debug` would be lost without a word."""
    with pytest.raises(SetupError, match="is an application; mount it") as caught:
        Router().include(Velo())
    assert caught.value.code == "VELO_ROUTER"
