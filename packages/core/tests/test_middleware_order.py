"""In which order middleware stands: bands, edges, routers."""

from collections.abc import Callable
from typing import cast

import pytest

from velo_core import CallNext, Middleware, Request, Response, Router, SetupError, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]


def noting(name: str) -> Middleware:
    """Middleware that notes that it was there."""

    async def note(request: Request, call_next: CallNext) -> Response:
        request.response_headers.add("x-order", name)
        return await call_next(request)

    note.__name__ = name
    return note


def order(client: TestClient, path: str = "/") -> list[str]:
    return client.get(path).headers.get_list("x-order")


def test_bands_decide_whatever_the_order_of_registration(serve: Serve) -> None:
    app = Velo(middleware=[noting("given")])
    for band in ("innermost", "session", "outermost", "default", "shed", "observe", "security"):
        app.add_middleware(noting(band), band=band)
    app.get("/")(lambda: "")

    assert order(serve(app)) == ["outermost", "observe", "shed", "security", "session", "given", "default", "innermost"]


def test_what_says_nothing_stands_as_it_was_registered(serve: Serve) -> None:
    app = Velo(middleware=[noting("a"), noting("b")])
    app.middleware(noting("c"))
    app.get("/")(lambda: "")

    assert order(serve(app)) == ["a", "b", "c"]


def test_edges_decide_within_a_band(serve: Serve) -> None:
    app = Velo()
    app.add_middleware(noting("a"), after="d")
    app.add_middleware(noting("b"))
    app.add_middleware(noting("c"), before=("b", "not there"))
    app.add_middleware(noting("d"), after="not there either")
    app.get("/")(lambda: "")

    assert order(serve(app)) == ["c", "b", "d", "a"]


def test_a_name_can_be_given(serve: Serve) -> None:
    app = Velo()

    @app.middleware(name="second", after="first")
    async def one(request: Request, call_next: CallNext) -> Response:
        return await noting("one")(request, call_next)

    app.add_middleware(noting("two"), name="first")
    app.get("/")(lambda: "")

    assert order(serve(app)) == ["two", "one"]


def test_middleware_of_a_child_is_inside_that_of_its_parent_whatever_the_band(serve: Serve) -> None:
    app, router = Velo(), Router("/in")
    app.add_middleware(noting("parent"), band="innermost")
    router.add_middleware(noting("child"), band="outermost", after="parent")
    router.get("")(lambda: "")
    app.include(router)
    client = serve(app)

    assert order(client, "/in") == order(client, "/in/nowhere") == ["parent", "child"]


def build(*options: tuple[str, dict[str, str]]) -> Velo:
    app = Velo()
    for name, given in options:
        app.add_middleware(noting(name), **given)  # pyright: ignore[reportArgumentType]: bands that there are not among them
    return app


def with_child() -> Velo:
    app, router = build(("parent", {})), Router()
    router.add_middleware(noting("child"), before="parent")
    app.include(router)
    return app


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build(("a", {"before": "b"}), ("b", {"before": "a"})), r"waits for each other: a \(.*\) after b \(.*\) after a"),
        (lambda: build(("a", {"after": "c"}), ("b", {"after": "a"}), ("c", {"after": "b"})), "a .* after c .* after b .* after a"),
        (lambda: build(("a", {"band": "innermost", "before": "b"}), ("b", {})), "'innermost' of the first is inside the band 'default'"),
        (lambda: build(("a", {}), ("b", {"band": "security", "after": "a"})), "a .* is to be before b"),
        (with_child, "child .* is to be before parent .*, which is on a router above"),
    ],
)
def test_an_order_that_cannot_be_keeps_the_application_from_starting(make: Callable[[], Velo], message: str) -> None:
    with pytest.raises(SetupError, match=message) as raised:
        make().freeze()
    assert raised.value.problems[0].code == "VELO_MIDDLEWARE_ORDER"


def test_a_band_that_there_is_not_is_refused() -> None:
    with pytest.raises(SetupError, match="it has to be one of 'outermost', 'observe'") as raised:
        build(("a", {"band": "middle"}))
    assert raised.value.code == "VELO_MIDDLEWARE"


class Classic:
    """As other frameworks have it."""

    def __init__(self, app: object) -> None: ...


async def takes_one(request: Request) -> Response:
    return Response(b"")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Classic, "Classic .* is a class"),
        (takes_one, r"takes_one .*has to take \(request, call_next\)"),
        ("gzip", "'gzip' is no middleware"),
    ],
)
def test_what_cannot_be_called_as_middleware_is_refused_where_it_is_given(given: object, message: str) -> None:
    one = cast("Middleware", given)
    places: list[Callable[[], object]] = [
        lambda: Velo(middleware=[one]),
        lambda: Velo().add_middleware(one),
        lambda: Velo().middleware(one),
        lambda: Velo().get("/", middleware=[one])(takes_one),
    ]
    for place in places:
        with pytest.raises(SetupError, match=message) as raised:
            place()
        assert raised.value.code == "VELO_MIDDLEWARE"


def test_the_order_is_explained() -> None:
    app = Velo()
    app.add_middleware(noting("a"), band="security", after="b")
    app.add_middleware(noting("b"), band="security")
    app.get("/")(lambda: "")

    (route,) = app.describe().routes
    assert [hook.reason for hook in route.hooks] == [
        "of the application, band security, outermost",
        "of the application, band security; after b, inside b",
    ]
