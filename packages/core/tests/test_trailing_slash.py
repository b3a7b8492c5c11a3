"""What becomes of a path with a slash more or less at its end."""

from collections.abc import Callable
from typing import Literal
from urllib.parse import urljoin

import pytest

from velo_core import CallNext, Request, Response, Router, SetupError, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]
Policy = Literal["strict", "ignore", "redirect"]


def application(policy: Policy) -> Velo:
    app = Velo(trailing_slash=policy)

    @app.get("/a")
    async def a() -> str:
        return "a"

    @app.get("/b/")
    async def b() -> str:
        return "b"

    @app.post("/items/{name}/")
    async def item(name: str) -> str:
        return name

    @app.get("/files/{rest:path}")
    async def file(rest: str) -> str:
        return rest

    return app


def test_strict_tells_them_apart(serve: Serve) -> None:
    client = serve(application("strict"))

    assert [client.get(path).status_code for path in ("/a", "/a/", "/b", "/b/")] == [200, 404, 404, 200]


def test_ignore_serves_both(serve: Serve) -> None:
    client = serve(application("ignore"))

    assert [client.get(path).text for path in ("/a", "/a/", "/b", "/b/", "/files/x/")] == ["a", "a", "b", "b", "x/"]
    assert [client.post(path).text for path in ("/items/x", "/items/x/")] == ["x", "x"]
    assert [client.get(path).status_code for path in ("/a//", "//a", "/files/", "/")] == [404, 404, 404, 404]
    assert (client.delete("/a/").status_code, client.delete("/a/").headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert client.head("/b").headers["content-length"] == "1"


@pytest.mark.parametrize(
    ("method", "target", "location"),
    [
        ("GET", "/a/", "../a"),
        ("GET", "/a/?q=1&q=/x/", "../a?q=1&q=/x/"),
        ("GET", "/b", "./b/"),
        ("HEAD", "/b", "./b/"),
        ("POST", "/items/x", "./x/"),
        ("POST", "/items/a:b", "./a:b/"),
        ("POST", "/items/caf%C3%A9", "./caf%C3%A9/"),
    ],
)
def test_redirect_sends_the_client_to_the_path_that_there_is(serve: Serve, method: str, target: str, location: str) -> None:
    client = serve(application("redirect"))

    response = client.request(method, target, follow_redirects=False)

    assert (response.status_code, response.headers["location"], response.content) == (308, location, b"")
    assert client.request(method, urljoin(target, location)).status_code == 200


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/a/", 404),
        ("GET", "/items/x", 404),  # what is served with another slash does not answer to GET
        ("GET", "/files/x/", 200),
        ("GET", "/a//", 404),
        ("GET", "//a/", 404),
        ("GET", "//evil.test/a/", 404),
        ("GET", "//evil.test/%2e%2e", 404),
        ("GET", "//evil.test/slash", 404),
        ("GET", "/%5Cevil.test/a/", 404),
    ],
)
def test_redirect_answers_nothing_else(serve: Serve, method: str, target: str, status: int) -> None:
    response = serve(application("redirect")).request(method, f"http://testserver{target}", follow_redirects=False)

    assert response.status_code == status
    assert "location" not in response.headers


def test_a_redirect_is_right_below_a_mount_and_never_names_a_host(serve: Serve) -> None:
    app = Velo(trailing_slash="redirect")

    @app.get("/{a}/{b}/")
    async def show(a: str, b: str) -> None: ...

    client = serve(app)
    for target in ("/x/evil.test", "/x/%5Cevil.test", "/x/%2F%2Fevil.test", "/x/https:evil.test", "/x/@evil.test"):
        response = client.get(target, follow_redirects=False)
        if response.status_code == 308:
            assert urljoin("https://example.com/api" + target, response.headers["location"]).startswith("https://example.com/api/x/")
            assert "\\" not in response.headers["location"]


def test_middleware_is_around_a_redirect(serve: Serve) -> None:
    app = application("redirect")

    @app.middleware
    async def mark(request: Request, call_next: CallNext) -> Response:
        request.response_headers.set("x-mark", request.route.path)
        return await call_next(request)

    assert serve(app).get("/a/", follow_redirects=False).headers["x-mark"] == ""


def test_a_router_has_its_own_policy_and_hands_it_down(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])
    loose, inner, strict = Router("/loose", trailing_slash="ignore"), Router("/inner"), Router("/strict", trailing_slash="strict")
    for router in (app, loose, inner, strict):
        router.get("/x", name=f"{router.prefix}x")(lambda: "x")
    loose.include(inner)
    loose.include(strict)
    app.include(loose)

    with TestClient(app, protocol=way[0]) as client:
        paths = ("/x/", "/loose/x/", "/loose/inner/x/", "/loose/strict/x/")
        assert [client.get(path).status_code for path in paths] == [404, 200, 200, 404]


def test_two_routes_that_differ_by_an_ignored_slash_keep_the_application_from_starting() -> None:
    app = Velo(trailing_slash="ignore")
    for path in ("/a", "/a/"):
        app.get(path, name=path)(lambda: "a")

    with pytest.raises(SetupError, match="GET /a and GET /a/ match the same paths") as raised:
        app.freeze()
    assert [problem.code for problem in raised.value.problems] == ["VELO_ROUTE_DUPLICATE"]


def test_a_policy_that_there_is_not_is_refused() -> None:
    with pytest.raises(SetupError, match="it has to be one of 'strict', 'ignore', 'redirect'"):
        Router(trailing_slash="maybe")  # pyright: ignore[reportArgumentType]: the mistake itself
