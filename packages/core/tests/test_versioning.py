"""Versions of an API, by path, by header and by media type; and deprecations."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from velo_core import CallNext, Deprecation, Request, Response, Router, SetupError, Velo, Versioning
from velo_testing import TestClient

Serve = Callable[..., TestClient]
Headers = dict[str, str]


def application(versioning: Versioning) -> Velo:
    app = Velo(versioning=versioning)
    old, new = Router("/users", name="users", version="1"), Router("/users", name="users", version="2")

    @old.get("", name="list")
    async def list_old(request: Request) -> str:
        return f"old {request.route.version}"

    @new.get("", name="list")
    async def list_new(request: Request) -> str:
        return f"new {request.route.version}"

    @new.get("/me")
    async def me() -> str:
        return "me"

    @old.get("/{user}")
    async def show_old(user: str) -> str:
        return f"old {user}"

    @new.delete("/{user}")
    async def delete(user: str) -> str:
        return f"deleted {user}"

    @app.get("/both", version=("1", "2"))
    async def both(request: Request) -> str:
        return f"both {request.route.version}"

    @app.get("/health")
    async def health() -> str:
        return "fine"

    app.include(old)
    app.include(new)
    return app


HEADER = Versioning.header("X-Api-Version")
DEFAULT = Versioning.header("X-Api-Version", default="1")
PARAMETER = Versioning.media_type()
VENDOR = Versioning.media_type("application/vnd.Acme.v{version}+json", default="2")


# By path.


def test_versions_in_the_path_are_paths(serve: Serve) -> None:
    client = serve(application(Versioning.path()))

    assert [client.get(path).text for path in ("/v1/users", "/v2/users", "/v2/users/me", "/v1/users/me")] == [
        "old 1",
        "new 2",
        "me",
        "old me",
    ]
    assert [client.get(path).text for path in ("/v1/both", "/v2/both", "/health")] == ["both 1", "both 2", "fine"]
    assert [client.get(path).status_code for path in ("/v3/users", "/users", "/v1/health", "/v1", "/v2/users/x")] == [
        404,
        404,
        404,
        404,
        405,
    ]
    assert "vary" not in client.get("/v1/users").headers


def test_versions_in_the_path_have_names(serve: Serve) -> None:
    app = application(Versioning.path("/api/{version}"))
    serve(app)

    assert app.url_for("users.list@2") == "/api/2/users"
    assert app.url_for("users.me") == "/api/2/users/me"
    with pytest.raises(LookupError, match="several routes: /api/1/users, /api/2/users"):
        app.url_for("users.list")


# By header and by media type.


@pytest.mark.parametrize(
    ("versioning", "path", "headers", "status", "text"),
    [
        (HEADER, "/users", {"x-api-version": "1"}, 200, "old 1"),
        (HEADER, "/users", {"X-API-VERSION": " 2 "}, 200, "new 2"),
        (HEADER, "/users/me", {"x-api-version": "1"}, 200, "old me"),
        (HEADER, "/users/me", {"x-api-version": "2"}, 200, "me"),
        (HEADER, "/both", {"x-api-version": "2"}, 200, "both 2"),
        (HEADER, "/health", {"x-api-version": "2"}, 200, "fine"),
        (HEADER, "/health", {"x-api-version": "9"}, 200, "fine"),
        (HEADER, "/health", {}, 200, "fine"),
        (HEADER, "/users", {}, 400, None),
        (HEADER, "/users", {"x-api-version": "9"}, 400, None),
        (HEADER, "/users", {"x-api-version": ""}, 400, None),
        (HEADER, "/users", {"x-api-version": "1, 2"}, 400, None),
        (HEADER, "/nowhere", {}, 404, None),
        (HEADER, "/nowhere", {"x-api-version": "9"}, 404, None),
        (HEADER, "/users/x", {"x-api-version": "2"}, 405, None),
        (DEFAULT, "/users", {}, 200, "old 1"),
        (DEFAULT, "/users", {"x-api-version": "2"}, 200, "new 2"),
        (DEFAULT, "/users", {"x-api-version": "9"}, 400, None),
        (PARAMETER, "/users", {"accept": "application/json; version=1"}, 200, "old 1"),
        (PARAMETER, "/users", {"accept": "text/html, application/json;q=0.5;version=1, */*;version=2;q=0.9"}, 200, "new 2"),
        (PARAMETER, "/users", {"accept": "application/json;version=9, application/json;version=1;q=0.1"}, 200, "old 1"),
        (PARAMETER, "/users", {"accept": "application/json;version=1;q=0"}, 406, None),
        (PARAMETER, "/users", {"accept": "application/json;version=9"}, 406, None),
        (PARAMETER, "/users", {"accept": "*/*"}, 406, None),
        (PARAMETER, "/health", {"accept": "*/*"}, 200, "fine"),
        (VENDOR, "/users", {"accept": "application/vnd.acme.v1+json"}, 200, "old 1"),
        (VENDOR, "/users", {"accept": "*/*"}, 200, "new 2"),
        (VENDOR, "/users", {"accept": "application/vnd.acme.v7+json"}, 406, None),
    ],
)
def test_a_header_says_which_version_is_asked_for(
    serve: Serve, versioning: Versioning, path: str, headers: Headers, status: int, text: str | None
) -> None:
    response = serve(application(versioning)).get(path, headers=headers)

    assert response.status_code == status
    if text is not None:
        assert response.text == text
    elif status in (400, 406):
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["versions"] == ["1", "2"]
    assert versioning.where in response.headers["vary"].lower() or response.headers["vary"] == "accept"


@pytest.mark.parametrize(
    ("versioning", "accept", "status", "content_type"),
    [
        (PARAMETER, "application/json;version=1", 200, "application/json"),
        (PARAMETER, 'application/msgpack;version="1", application/json;q=0.5', 200, "application/msgpack"),
        (PARAMETER, "application/json;version=1;q=0.2, application/msgpack;q=0.8", 200, "application/msgpack"),
        (PARAMETER, "text/html;version=1", 406, "application/problem+json"),
        (Versioning.media_type("application/vnd.acme.v{version}+json"), "application/vnd.acme.v1+json", 200, "application/json"),
    ],
)
def test_a_version_in_the_media_type_leaves_the_choice_of_the_form(
    serve: Serve, versioning: Versioning, accept: str, status: int, content_type: str
) -> None:
    app = Velo(versioning=versioning, produces=("application/json", "application/msgpack"))

    @app.get("/x", version="1")
    async def x() -> dict[str, int]:
        return {"a": 1}

    response = serve(app).get("/x", headers={"accept": accept})

    assert (response.status_code, response.headers["content-type"]) == (status, content_type)


def test_allow_is_of_the_version(serve: Serve) -> None:
    client = serve(application(HEADER))

    assert client.post("/users/x", headers={"x-api-version": "1"}).headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.options("/users/x", headers={"x-api-version": "2"}).headers["allow"] == "DELETE, OPTIONS"
    assert client.delete("/users/x").status_code == 400


@pytest.mark.parametrize(("versioning", "status"), [(HEADER, 400), (PARAMETER, 406)])
def test_a_path_of_some_version_wants_one_for_every_method(serve: Serve, versioning: Versioning, status: int) -> None:
    app = Velo(versioning=versioning, trailing_slash="redirect")
    app.get("/p", version="1")(lambda: "p")
    app.get("/slash/", version="2")(lambda: "slash")
    app.post("/plain")(lambda: "plain")
    client = serve(app)
    unknown = {"x-api-version": "9", "accept": "application/json;version=9"}

    for headers in ({}, unknown):
        for method, path in (("GET", "/p"), ("DELETE", "/p"), ("GET", "/slash"), ("PUT", "/slash/")):
            response = client.request(method, path, headers=headers)
            assert (response.status_code, response.json().get("versions")) == (status, ["1", "2"]), (method, path)
        assert client.delete("/nowhere", headers=headers).status_code == 404
        assert client.get("/plain", headers=headers).status_code == 405  # which no version changes
        assert client.options("/plain", headers=headers).headers["allow"] == "OPTIONS, POST"
    assert client.options("/p", headers=unknown).status_code == status


@pytest.mark.parametrize("versioning", [HEADER, PARAMETER])
def test_options_without_a_version_tell_the_methods_of_all(serve: Serve, versioning: Versioning) -> None:
    """A browser that asks whether a page may send a request names no version: its question has no header of the page's."""
    app = application(versioning)
    app.options("/both", version="2")(lambda: "own")
    app.put("/health", version="2")(lambda: "fine")
    client = serve(app)

    assert client.options("/users/x").status_code == 204
    assert client.options("/users/x").headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert client.options("/users").headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.options("/health").headers["allow"] == "GET, HEAD, OPTIONS, PUT"
    assert client.options("/both").status_code == (400 if versioning is HEADER else 406)  # the answer is one version's own
    assert client.options("/nowhere").status_code == 404


def test_hosts_and_versions_go_together(serve: Serve) -> None:
    app = Velo(versioning=HEADER)
    for host, version in (("a.test", "1"), ("a.test", "2"), (None, "1")):
        app.get("/x", name=f"{host}{version}", host=host, version=version)(lambda host=host, version=version: f"{host} {version}")
    client = serve(app)

    def get(host: str, version: str) -> tuple[int, str]:
        response = client.get("/x", headers={"host": host, "x-api-version": version})
        return response.status_code, response.text if response.status_code == 200 else ""

    assert [get("a.test", "1"), get("a.test", "2"), get("b.test", "1")] == [(200, "a.test 1"), (200, "a.test 2"), (200, "None 1")]
    assert get("b.test", "2")[0] == 404
    assert get("b.test", "3")[0] == 400


def test_a_mount_has_the_version_of_its_router(serve: Serve) -> None:
    inner = Velo()
    inner.get("/x")(lambda: "x")
    for versioning, path, headers in ((Versioning.path(), "/v1/in/x", {}), (HEADER, "/in/x", {"x-api-version": "1"})):
        app, router = Velo(versioning=versioning), Router(version="1")
        router.mount("/in", inner)
        app.include(router)

        assert serve(app).get(path, headers=headers).text == "x"


# Deprecation.


def test_a_deprecated_version_says_so_in_every_answer(serve: Serve) -> None:
    going = Deprecation(
        date(2026, 1, 1),
        sunset=datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC),
        link="https://example.com/v1",
        successor="/v2/users",
    )
    app = application(Versioning.path(deprecated={"1": going}))

    @app.get("/fails", version="1")
    async def fails(number: int) -> int:
        return number

    @app.middleware
    async def teapot(request: Request, call_next: CallNext) -> Response:
        return Response(b"", 418) if "teapot" in request.query else await call_next(request)

    client = serve(app)

    for path in ("/v1/users", "/v1/fails?number=x", "/v1/users?teapot"):
        headers = client.get(path).headers
        assert headers["deprecation"] == "@1767225600"
        assert headers["sunset"] == "Wed, 30 Jun 2027 23:59:59 GMT"
        assert headers.get_list("link") == ['<https://example.com/v1>; rel="deprecation"', '</v2/users>; rel="successor-version"']
    assert "deprecation" not in client.get("/v2/users").headers
    assert {mounted.route.deprecated for mounted in app.routes if mounted.version == "1"} == {True}


def test_routes_and_routers_can_be_deprecated_without_versions(serve: Serve) -> None:
    app, router = Velo(), Router("/old", deprecation=Deprecation(date(2026, 1, 1)))
    router.get("/a")(lambda: "a")
    router.get("/b", deprecation=Deprecation(date(2025, 1, 1)))(lambda: "b")
    app.get("/new")(lambda: "new")
    app.include(router)
    client = serve(app)

    assert client.get("/old/a").headers["deprecation"] == "@1767225600"
    assert client.get("/old/b").headers["deprecation"] == "@1735689600"
    assert "deprecation" not in client.get("/new").headers


# Mistakes.


def start(app: Velo) -> None:
    app.get("/x", version="1")(lambda: "x")
    app.freeze()


def clash(first: str | None, second: str) -> None:
    app = Velo(versioning=HEADER)
    app.get("/x", version=first)(lambda: "x")
    app.get("/x", version=second, name="other")(lambda: "y")
    app.freeze()


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda: start(Velo()), "VELO_VERSION", r"has the version '1', but the application has none; write Velo\(versioning="),
        (lambda: start(Velo(versioning=Versioning.header(default="7"))), "VELO_VERSION", "names the version '7', and no route has it"),
        (lambda: Router(version="/1"), "VELO_VERSION", "'/1' is no version"),
        (lambda: Router(version=("1", "")), "VELO_VERSION", "'' is no version"),
        (lambda: Router(version=1), "VELO_VERSION", "1 is no version"),  # pyright: ignore[reportArgumentType]: the mistake itself
        (lambda: Versioning.path("v"), "VELO_VERSIONING", "begin with a slash"),
        (lambda: Versioning.path("/v"), "VELO_VERSIONING", r"have \{version\} once"),
        (lambda: Versioning.header("x version"), "VELO_VERSIONING", "is no name of a header"),
        (lambda: Versioning.media_type("application/json"), "VELO_VERSIONING", "neither the name of a parameter nor a media type"),
        (lambda: Deprecation(datetime(2026, 1, 1)), "VELO_DEPRECATION", "has no time zone"),  # noqa: DTZ001 - the mistake itself
        (lambda: Deprecation(date(2026, 1, 1), sunset=date(2025, 1, 1)), "VELO_DEPRECATION", "comes before the deprecation"),
        (lambda: Deprecation(date(2026, 1, 1), link='x>; rel="next'), "VELO_DEPRECATION", "is no URL"),
        (lambda: clash("1", "1"), "VELO_ROUTE_DUPLICATE", "match the same paths"),
        (lambda: clash(None, "1"), "VELO_ROUTE_DUPLICATE", "match the same paths"),
    ],
)
def test_mistakes_are_told(make: Callable[[], object], code: str, message: str) -> None:
    with pytest.raises(SetupError, match=message) as raised:
        make()
    assert code in {problem.code for problem in raised.value.problems}


def test_a_plan_without_versions_stays_as_it_is() -> None:
    plain, versioned = Velo(), Velo(versioning=Versioning.path())
    for app in (plain, versioned):
        app.get("/x")(lambda: "x")
    versioned.get("/y", version="1")(lambda: "y")

    assert plain.plan("GET", "/x").source == versioned.plan("GET", "/x").source


def test_plans_and_descriptions_tell_versions() -> None:
    app = application(DEFAULT)

    assert app.plan("GET", "/users/x").label == "GET /users/{user}"
    assert app.plan("GET", "/users/me", version="1").label == "GET /users/{user}"
    assert app.plan("GET", "/users/me", version="2").label == "GET /users/me"
    assert app.plan("GET", "/users", version="9").label == "400"
    assert {(route.path, route.version) for route in app.describe().routes if route.path == "/both"} == {("/both", "1"), ("/both", "2")}
