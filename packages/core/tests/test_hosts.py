"""Routes that are for some hosts only."""

from collections.abc import Callable
from typing import Annotated

import pytest

from velo_core import CallNext, HTTPError, Path, Request, Response, Router, SetupError, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]


def application() -> Velo:
    app = Velo()
    api = Router(host="API.example.com", name="api")
    tenants = Router(host="{tenant}.example.com", name="tenants")

    @app.get("/")
    async def home() -> str:
        return "everybody"

    @app.get("/health")
    async def health() -> str:
        return "fine"

    @api.get("/")
    async def root() -> str:
        return "api"

    @api.post("/items/{item}")
    async def make(item: str) -> str:
        return f"made {item}"

    @tenants.get("/items/{item:int}")
    async def show(tenant: str, item: int) -> list[object]:
        return [tenant, item]

    @tenants.get("/")
    async def front(tenant: str) -> str:
        return tenant

    @app.get("/old", host="legacy-{number:int}.example.com")
    async def old(number: int, request: Request) -> list[object]:
        return [number, dict(request.path_params)]

    app.include(api)
    app.include(tenants)
    return app


@pytest.mark.parametrize(
    ("method", "host", "path", "status", "expected"),
    [
        ("GET", "api.example.com", "/", 200, "api"),
        ("GET", "API.Example.COM:8080", "/", 200, "api"),
        ("GET", "api.example.com.", "/", 200, "api"),
        ("GET", "acme.example.com", "/", 200, "acme"),
        ("GET", "example.com", "/", 200, "everybody"),
        ("GET", "192.0.2.1:80", "/", 200, "everybody"),
        ("GET", "[::1]:80", "/", 200, "everybody"),
        ("GET", "api.example.com", "/health", 200, "fine"),
        ("GET", "acme.example.com", "/items/7", 200, '["acme",7]'),
        ("GET", "api.example.com", "/items/7", 200, '["api",7]'),  # the more specific host has no such route
        ("POST", "api.example.com", "/items/x", 200, "made x"),
        ("POST", "acme.example.com", "/items/x", 404, None),
        ("GET", "legacy-7.example.com", "/old", 200, '[7,{"number":7}]'),
        ("GET", "legacy-x.example.com", "/old", 404, None),
        ("GET", "acme.example.com", "/nowhere", 404, None),
        ("GET", "a.b.example.com", "/items/7", 404, None),
        ("GET", "apiXexample.com", "/items/7", 404, None),
        ("GET", "api.example.com.evil.test", "/items/7", 404, None),
    ],
)
def test_the_host_decides_and_the_most_specific_comes_first(
    serve: Serve, method: str, host: str, path: str, status: int, expected: str | None
) -> None:
    response = serve(application()).request(method, path, headers={"host": host})

    assert response.status_code == status
    if expected is not None:
        assert response.text == expected


def test_what_is_allowed_is_what_all_hosts_that_match_allow(serve: Serve) -> None:
    client = serve(application())

    refused = client.delete("/items/7", headers={"host": "api.example.com"})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert client.delete("/items/7", headers={"host": "acme.example.com"}).headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.options("/items/7", headers={"host": "api.example.com"}).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.delete("/old", headers={"host": "legacy-7.example.com"}).headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.head("/", headers={"host": "api.example.com"}).headers["content-length"] == "3"


@pytest.mark.parametrize(
    "host", ["", "example.com/abc?bar=", "api.example.com@evil.test", "a b", "api.example.com:x", "a,b", "é", "a" * 300]
)
def test_a_bad_host_is_400_where_hosts_matter(serve: Serve, host: str) -> None:
    client = serve(application())

    for path in ("/", "/health", "/nowhere"):
        response = client.get(path, headers=[(b"host", host.encode())])
        assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


def test_two_hosts_are_400(serve: Serve) -> None:
    assert serve(application()).get("/", headers=[("host", "api.example.com"), ("host", "api.example.com")]).status_code == 400


def test_a_host_of_a_stranger_selects_nothing(serve: Serve) -> None:
    client = serve(application())

    assert (
        client.get("/", headers={"host": "x.test", "x-forwarded-host": "api.example.com", "forwarded": "host=api.example.com"}).text
        == "everybody"
    )


def test_middleware_and_exception_handlers_of_a_host_see_its_404_and_405(serve: Serve) -> None:
    app = application()
    api = Router("/v1", host="api.example.com")

    @app.middleware
    async def outside(request: Request, call_next: CallNext) -> Response:
        request.response_headers.set("x-outside", "yes")
        return await call_next(request)

    @api.middleware
    async def inside(request: Request, call_next: CallNext) -> Response:
        request.response_headers.set("x-inside", request.route.path)
        return await call_next(request)

    @api.exception_handler(HTTPError)
    async def answer(request: Request, error: HTTPError) -> dict[str, int]:
        return {"api": error.status_code}

    @api.get("/x")
    async def x() -> str:
        return "x"

    app.include(api)
    client = serve(app)

    for method, path, status in (("GET", "/v1/nowhere", 404), ("DELETE", "/v1/x", 405)):
        response = client.request(method, path, headers={"host": "api.example.com"})
        assert (response.status_code, response.json(), response.headers["x-inside"]) == (status, {"api": status}, "/v1")
        elsewhere = client.request(method, path, headers={"host": "www.test"})
        assert elsewhere.status_code == 404
        assert "x-inside" not in elsewhere.headers
    assert client.get("/", headers={"host": "a b"}).headers["x-outside"] == "yes"


def test_a_host_with_nothing_but_a_route_leaves_the_404_of_other_paths_to_their_router(serve: Serve) -> None:
    app, shop = Velo(), Router("/shop")

    @shop.exception_handler(HTTPError)
    async def answer(request: Request, error: Exception) -> Response:
        return Response("the shop's", 404)

    @app.get("/old", host="legacy.example.com")
    async def old() -> str:
        return "old"

    app.include(shop)
    client = serve(app)
    asked = {path: client.get(path, headers={"host": "legacy.example.com"}) for path in ("/old", "/shop/nothing", "/nothing")}

    assert {path: response.status_code for path, response in asked.items()} == {"/old": 200, "/shop/nothing": 404, "/nothing": 404}
    assert asked["/shop/nothing"].text == "the shop's"
    assert asked["/nothing"].headers["content-type"] == "application/problem+json"


def test_a_child_has_the_host_of_its_parent_unless_it_sets_one(serve: Serve) -> None:
    app, parent, child, other = Velo(), Router(host="a.test"), Router("/child"), Router("/other", host="b.test")
    for router in (parent, child, other):
        router.get("/x", name=f"{router.prefix}x")(lambda: "x")
    parent.include(child)
    parent.include(other)
    app.include(parent)
    client = serve(app)

    statuses = {
        (host, path): client.get(path, headers={"host": host}).status_code
        for host in ("a.test", "b.test")
        for path in ("/x", "/child/x", "/other/x")
    }
    assert [place for place, status in statuses.items() if status == 200] == [
        ("a.test", "/x"),
        ("a.test", "/child/x"),
        ("b.test", "/other/x"),
    ]


def test_a_slash_at_the_end_is_redirected_on_its_host(serve: Serve) -> None:
    app, api = Velo(), Router(host="a.test", trailing_slash="redirect")
    api.get("/x")(lambda: "x")
    app.include(api)
    client = serve(app)

    assert client.get("/x/?q", headers={"host": "a.test"}, follow_redirects=False).headers["location"] == "../x?q"
    assert client.get("/x/", headers={"host": "b.test"}, follow_redirects=False).status_code == 404


def test_an_encoded_slash_stays_in_its_segment(way: tuple[ProtocolName, bool]) -> None:
    app = Velo(interpreted=way[1])

    @app.get("/{name}", host="{tenant}.test")
    async def show(name: Annotated[str, Path(max_length=9)], tenant: str) -> list[str]:
        return [tenant, name]

    with TestClient(app, protocol=way[0]) as client:
        response = client.get("/a%2Fb", headers={"host": "x.test"})
        if way[0] == "rsgi":
            assert response.status_code == 404
        else:
            assert response.json() == ["x", "a/b"]


def test_one_path_of_two_hosts_is_no_duplicate_and_of_one_host_it_is() -> None:
    app = Velo()
    for host in ("a.test", "b.test", "c.test", None):
        app.get("/x", name=str(host), host=host)(lambda: "x")
    app.freeze()

    app = Velo()

    async def one(a: str) -> None: ...
    async def two(b: str) -> None: ...

    app.get("/x", host="{a}.test")(one)
    app.get("/x", host="{b}.test")(two)
    with pytest.raises(SetupError, match="match the same paths") as raised:
        app.freeze()
    assert raised.value.code == "VELO_ROUTE_DUPLICATE"


@pytest.mark.parametrize(
    ("host", "path", "message"),
    [
        ("*.example.com", "/x", "write a parameter"),
        ("a.test:80", "/x", "has a port"),
        ("{name}.test", "/{name}", "both have a parameter name; rename one"),
    ],
)
def test_mistakes_keep_the_application_from_starting(host: str, path: str, message: str) -> None:
    app = Velo()

    @app.get(path, host=host)
    async def show(name: str = "") -> None: ...

    with pytest.raises(SetupError, match=message) as raised:
        app.freeze()
    assert "VELO_ROUTE_HOST" in {problem.code for problem in raised.value.problems}


def test_links_lead_to_the_host_of_a_route(serve: Serve) -> None:
    app = application()

    @app.get("/links")
    async def links(request: Request) -> list[str]:
        return [
            request.absolute_url_for("api.make", item="a/b"),
            request.absolute_url_for("tenants.show", tenant="acme", item=7),
            request.absolute_url_for("health"),
            request.url_for("tenants.show", tenant="acme", item=7),
            request.url_for("tenants.show", item=7),
        ]

    assert serve(app).get("/links", headers={"host": "www.test:8000"}).json() == [
        "http://api.example.com:8000/items/a%2Fb",
        "http://acme.example.com:8000/items/7",
        "http://www.test:8000/health",
        "/items/7",
        "/items/7",
    ]


@pytest.mark.parametrize("tenant", ["evil.test/", "a.b", "a b", "é", "", "a@b", "x" * 64])
def test_no_value_moves_a_link_to_another_host(serve: Serve, tenant: str) -> None:
    app = application()

    @app.get("/link")
    async def link(request: Request) -> str:
        with pytest.raises(ValueError, match=r"tenant|host"):
            request.absolute_url_for("tenants.show", tenant=tenant, item=7)
        return "refused"

    assert serve(app).get("/link").text == "refused"


def test_an_application_without_hosts_does_not_look_at_them() -> None:
    """Nor do its plans change when another route of it is for a host."""
    plain, mixed = Velo(), Velo()
    for app in (plain, mixed):
        app.get("/x")(lambda: "x")
    mixed.get("/y", host="a.test")(lambda: "y")

    assert plain.plan("GET", "/x").source == mixed.plan("GET", "/x").source
    with TestClient(plain) as client:
        assert client.get("/x", headers={"host": "a b"}).status_code == 200
