"""Which route answers: precedence, methods, and the paths that clients and attackers send."""

from collections.abc import Callable
from typing import Annotated

import pytest

from velo_core import Query, Request, Response, StreamingResponse, Velo
from velo_testing import ProtocolName, TestClient

Serve = Callable[..., TestClient]

EMPTY: dict[str, object] = {}
NOT_FOUND = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Nothing is served at this path."}
NOT_ALLOWED = {"type": "about:blank", "title": "Method Not Allowed", "status": 405, "detail": "This path does not answer to this method."}


def echoing(*patterns: str) -> Velo:
    """An application whose routes tell their pattern and what their parameters are."""
    app = Velo()

    async def echo(request: Request) -> list[object]:
        return [request.route.path, dict(request.path_params)]

    for pattern in patterns:
        app.get(pattern)(echo)
    return app


# Precedence.


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/me", ["/users/me", EMPTY]),
        ("/users/7", ["/users/{number:int}", {"number": 7}]),
        ("/users/-7", ["/users/{number:int}", {"number": -7}]),
        ("/users/ann", ["/users/{name}", {"name": "ann"}]),
        ("/users/007", ["/users/{name}", {"name": "007"}]),
        ("/users/1_000", ["/users/{name}", {"name": "1_000"}]),
        ("/users/ann/edit", ["/users/{name}/edit", {"name": "ann"}]),
        ("/users/me/edit", ["/users/{name}/edit", {"name": "me"}]),  # back from /users/me, which goes no further
        ("/users/me/other", ["/users/{rest:path}", {"rest": "me/other"}]),
        ("/users/7/a/b/", ["/users/{rest:path}", {"rest": "7/a/b/"}]),
        ("/v1.2/x", ["/v{major:int}.{minor:int}/x", {"major": 1, "minor": 2}]),
    ],
)
def test_the_most_specific_route_answers_whatever_the_order(serve: Serve, path: str, expected: list[object]) -> None:
    patterns = (
        *("/users/{rest:path}", "/users/{name}", "/users/{number:int}", "/users/me", "/users/{name}/edit"),
        "/v{major:int}.{minor:int}/x",
    )
    for order in (patterns, tuple(reversed(patterns))):
        assert serve(echoing(*order)).get(path).json() == expected


@pytest.mark.parametrize(
    "path", ["/", "/user", "/users", "/users/", "/items", "/items/7/", "/items/x", "/items/9999999999999999999999", "/ITEMS/7"]
)
def test_what_no_pattern_matches_is_not_found(serve: Serve, path: str) -> None:
    response = serve(echoing("/users/me", "/items/{number:int}")).get(path)

    assert (response.status_code, response.json()) == (404, NOT_FOUND)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_slash_at_the_end_is_another_path(serve: Serve) -> None:
    client = serve(echoing("/a", "/b/", "/{x}/c", "/"))

    assert [client.get(path).status_code for path in ("/a", "/a/", "/b/", "/b", "/x/c", "/x/c/", "/")] == [
        200,
        404,
        200,
        404,
        200,
        404,
        200,
    ]


# Methods.


def test_head_is_answered_by_get_without_the_body(serve: Serve) -> None:
    app = Velo()

    @app.get("/text")
    async def text(request: Request) -> str:
        return request.method

    @app.get("/data")
    async def data() -> list[int]:
        return [1, 2]

    @app.get("/nothing")
    async def nothing() -> None: ...

    client = serve(app)

    response = client.head("/text")
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "4")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    response = client.head("/data")
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "5")
    assert (client.head("/nothing").status_code, client.head("/none").status_code) == (204, 404)
    assert client.head("/none").content == b""


def test_head_can_have_a_route_of_its_own(serve: Serve) -> None:
    app = Velo()
    calls: list[str] = []

    @app.head("/file")
    async def size() -> None:
        calls.append("head")

    @app.get("/file")
    async def file() -> str:
        calls.append("get")
        return "content"

    client = serve(app)

    assert client.head("/file").status_code == 204
    assert client.get("/file").text == "content"
    assert calls == ["head", "get"]
    assert client.options("/file").headers["allow"] == "GET, HEAD, OPTIONS"


def test_what_a_route_for_head_returns_is_not_sent(serve: Serve) -> None:
    app = Velo()

    @app.head("/text")
    async def text() -> str:
        return "text"

    @app.head("/stream")
    async def stream() -> Response:
        return StreamingResponse([b"ab", b"cd"])

    @app.route("/both", methods=("GET", "HEAD"))
    async def both() -> list[int]:
        return [1, 2]

    client = serve(app)

    for path, length in (("/text", "4"), ("/stream", None), ("/both", "5")):
        response = client.head(path)
        assert (response.status_code, response.content, response.headers.get("content-length")) == (200, b"", length)
    assert client.get("/both").json() == [1, 2]


def test_head_without_get_is_not_get(serve: Serve) -> None:
    app = Velo()

    @app.head("/only")
    async def only() -> None: ...

    response = serve(app).get("/only")

    assert (response.status_code, response.headers["allow"]) == (405, "HEAD, OPTIONS")


def test_options_tells_what_a_path_allows(serve: Serve) -> None:
    app = echoing("/items/{number:int}", "/items/{name}")

    @app.route("/items/{name}", methods=["PUT", "PATCH"])
    async def change(name: str) -> None: ...

    client = serve(app)

    response = client.options("/items/ann")
    assert (response.status_code, response.content, response.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS, PATCH, PUT")
    assert client.options("/items/7").headers["allow"] == "GET, HEAD, OPTIONS, PATCH, PUT"
    assert (client.options("/none").status_code, client.options("/none").json()) == (404, NOT_FOUND)


def test_options_can_have_a_route_of_its_own(serve: Serve) -> None:
    app = echoing("/items")

    @app.options("/items")
    async def options() -> str:
        return "ours"

    client = serve(app)

    assert (client.options("/items").status_code, client.options("/items").text) == (200, "ours")
    assert client.delete("/items").headers["allow"] == "GET, HEAD, OPTIONS"


def test_options_for_the_server_tells_every_method(serve: Serve) -> None:
    app = echoing("/a")

    @app.delete("/b")
    async def delete() -> None: ...

    client = serve(app)
    response = client.request("OPTIONS", "/", extensions={"target": b"*"})

    assert (response.status_code, response.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS")
    assert client.request("GET", "/", extensions={"target": b"*"}).status_code == 404


@pytest.mark.parametrize("method", ["POST", "DELETE", "PROPFIND", "get", "Get", "PRI", "A" * 1000])
def test_a_method_that_a_path_does_not_know_is_told_which_it_does(serve: Serve, method: str) -> None:
    client = serve(echoing("/items"))
    request = client.build_request("GET", "/items")
    request.method = method  # which it would make upper-case: methods are case-sensitive (RFC 9110 section 9.1)
    response = client.send(request)

    assert (response.status_code, response.json()) == (405, NOT_ALLOWED)
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["QUERY", "_DO_DELETE", "M-SEARCH", "X!#$%&'*+-.^`|~9", "PLAN", "RETURN", "__CLASS__"])
def test_any_token_can_be_a_method(serve: Serve, method: str) -> None:
    app = Velo()

    @app.route("/search", methods=[method])
    async def search(request: Request, words: list[str]) -> list[str]:
        return [request.method, *words]

    client = serve(app)

    assert client.request(method, "/search", json=["a"]).json() == [method, "a"]
    assert client.get("/search").headers["allow"] == ", ".join(sorted([method, "OPTIONS"]))


def test_one_handler_can_serve_several_methods(serve: Serve) -> None:
    app = Velo()

    @app.route("/both", methods=["GET", "POST"])
    async def both(request: Request) -> str:
        return request.method

    client = serve(app)

    assert [client.get("/both").text, client.post("/both").text, client.head("/both").status_code] == ["GET", "POST", 200]
    assert [client.delete("/both").status_code, client.delete("/both").headers["allow"]] == [405, "GET, HEAD, OPTIONS, POST"]


def test_each_method_has_its_shorthand(serve: Serve) -> None:
    app = Velo()
    for register in (app.get, app.post, app.put, app.patch, app.delete):

        @register("/item")
        async def item(request: Request) -> str:
            return request.method

    client = serve(app)

    assert [client.request(method, "/item").text for method in ("GET", "POST", "PUT", "PATCH", "DELETE")] == [
        *("GET", "POST", "PUT", "PATCH", "DELETE")
    ]


# Paths as they are sent. ASGI gives the path undecoded as well; RSGI only decoded.


def sent(client: TestClient, target: bytes) -> object:
    """What the application answers to a target: its JSON, or its status if it is not 200."""
    response = client.get("/", extensions={"target": target})
    return response.json() if response.status_code == 200 else response.status_code


PATTERNS = ("/files/{name}", "/files/{name}/parts", "/caffè", "/all/{rest:path}", "/a b", "/admin/secret", "/")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/files/a%20b", ["/files/{name}", {"name": "a b"}]),
        (b"/files/%C3%A9", ["/files/{name}", {"name": "é"}]),
        (b"/files/a+b", ["/files/{name}", {"name": "a+b"}]),
        (b"/files/%2541", ["/files/{name}", {"name": "%41"}]),  # decoded once
        (b"/files/%3Fq=1", ["/files/{name}", {"name": "?q=1"}]),
        (b"/caff%C3%A8", ["/caffè", EMPTY]),
        (b"/a%20b", ["/a b", EMPTY]),
        (b"/%61dmin/secret", ["/admin/secret", EMPTY]),
        (b"/all/a/b%20c", ["/all/{rest:path}", {"rest": "a/b c"}]),
        (b"/?q=%00", ["/", EMPTY]),
    ],
)
def test_a_path_is_decoded_once(serve: Serve, target: bytes, expected: object) -> None:
    assert sent(serve(echoing(*PATTERNS)), target) == expected


@pytest.mark.parametrize(
    ("target", "asgi", "rsgi"),
    [
        (b"/files/a%2Fb", ["/files/{name}", {"name": "a/b"}], 404),
        (b"/files/a%2fb/parts", ["/files/{name}/parts", {"name": "a/b"}], 404),
        (b"/files/%2F", ["/files/{name}", {"name": "/"}], 404),
        (b"/files%2Fa", 404, ["/files/{name}", {"name": "a"}]),
        (b"/admin%2Fsecret", 404, ["/admin/secret", EMPTY]),
        (b"/all/a%2Fb", ["/all/{rest:path}", {"rest": "a/b"}], ["/all/{rest:path}", {"rest": "a/b"}]),
    ],
)
@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
def test_an_encoded_slash_stays_inside_its_segment_where_the_protocol_tells(
    target: bytes, asgi: object, rsgi: object, interpreted: bool
) -> None:
    found: dict[str, object] = {}
    protocols: tuple[ProtocolName, ...] = ("asgi", "rsgi")
    for protocol in protocols:
        app = echoing(*PATTERNS)
        app.interpreted = interpreted
        with TestClient(app, protocol=protocol) as client:
            found[protocol] = sent(client, target)

    assert found == {"asgi": asgi, "rsgi": rsgi}


@pytest.mark.parametrize(
    "target",
    [
        b"/files/a%00b",  # NUL
        b"/files/%FF",  # not UTF-8
        b"/files/%C0%AF",  # an overlong slash
        b"/files/%ED%A0%80",  # a lone surrogate
        b"/files/%EF%BF%BD",  # U+FFFD, which servers put in place of the last three
        b"/all/a/%00",
        b"/all/%FF/b",
        b"/caff%E8",  # latin-1
    ],
)
def test_a_path_that_is_no_text_matches_nothing(serve: Serve, target: bytes) -> None:
    assert sent(serve(echoing(*PATTERNS)), target) == 404


@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("target", [b"/files/%", b"/files/%2", b"/files/%zz", b"/files/a%%41"])
def test_a_percent_sign_without_its_digits_matches_nothing_where_the_protocol_tells(target: bytes, interpreted: bool) -> None:
    app = echoing(*PATTERNS)
    app.interpreted = interpreted
    with TestClient(app) as client:
        assert sent(client, target) == 404


@pytest.mark.parametrize(
    "target",
    [
        *(b"//", b"//files/a", b"/files//a", b"/files/a//", b"/files//", b"//admin/secret", b"/admin//secret"),
        *(b"/./admin/secret", b"/x/../admin/secret", b"/admin/./secret", b"/files/../admin/secret", b"/%2E%2E/admin/secret"),
        *(b"/admin/secret/..", b"/admin/secret/.", b"/admin\\secret", b"/admin/secret;x=1"),
    ],
)
def test_slashes_are_not_merged_and_dots_are_not_resolved(serve: Serve, target: bytes) -> None:
    """Two readings of one path, by a proxy and by the application, are how access rules are passed by."""
    assert sent(serve(echoing("/admin/secret", "/files/{name}/parts", "/")), target) == 404


def test_a_dot_segment_is_a_text_like_any_other_to_a_parameter(serve: Serve) -> None:
    client = serve(echoing("/files/{name}", "/all/{rest:path}"))

    assert sent(client, b"/files/..") == ["/files/{name}", {"name": ".."}]
    assert sent(client, b"/all/a/../b//c") == ["/all/{rest:path}", {"rest": "a/../b//c"}]


def test_the_path_of_a_request_is_decoded_and_the_query_is_not_part_of_it(serve: Serve) -> None:
    app = Velo()

    @app.get("/{name}")
    async def show(name: str, request: Request, q: Annotated[str, Query()] = "") -> list[object]:
        return [name, request.path, request.query_string, q]

    assert sent(serve(app), b"/a%20b?q=%2F%20x&r=1") == ["a b", "/a b", "q=%2F%20x&r=1", "/ x"]


# Mounted below a prefix that a proxy cut off.


@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("root_path", ["/api", "/deep/er", "/a b/ü"])
def test_routes_are_found_below_the_root_path(root_path: str, interpreted: bool) -> None:
    app = echoing("/", "/files/{name}", "/api", "/api/api")
    app.interpreted = interpreted

    with TestClient(app, root_path=root_path) as client:
        assert sent(client, b"/") == ["/", EMPTY]
        assert sent(client, b"/files/a%2Fb%20c") == ["/files/{name}", {"name": "a/b c"}]
        assert sent(client, b"/api") == ["/api", EMPTY]
        assert sent(client, b"/api/api") == ["/api/api", EMPTY]
        assert sent(client, b"/none") == 404


# Many routes.


def test_many_routes_are_told_apart(serve: Serve) -> None:
    app = echoing(*(f"/r{number}/{{name}}/x{number % 7}" for number in range(200)))
    client = serve(app)

    for number in (0, 6, 100, 199):
        assert client.get(f"/r{number}/n/x{number % 7}").json() == [f"/r{number}/{{name}}/x{number % 7}", {"name": "n"}]
        assert client.get(f"/r{number}/n/x{(number + 1) % 7}").status_code == 404
