"""How an application is put together from routers: what a child inherits."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest
from named_handlers import handler, named

from velo_core import (
    NO_MATCH,
    CallNext,
    Depends,
    HTTPError,
    PlainTextResponse,
    RegexConverter,
    Request,
    Response,
    Router,
    SetupError,
    Velo,
)
from velo_testing import TestClient

Serve = Callable[..., TestClient]


# The tree.


def test_an_included_router_serves_below_its_prefix(serve: Serve) -> None:
    app = Velo()
    users = Router("/users")
    users.get("")(named("list"))
    users.get("/me")(named("me"))
    app.include(users)
    app.include(Router())
    client = serve(app)

    assert client.get("/users").text == "list"
    assert client.get("/users/me").text == "me"
    assert client.get("/me").status_code == 404


def test_routers_nest_and_prefixes_add_up(serve: Serve) -> None:
    app, api, users, posts = Velo(), Router("/api"), Router("/users"), Router("/{user_id:int}/posts")

    @posts.get("/{post_id}")
    async def show(user_id: int, post_id: str, request: Request) -> str:
        return f"{user_id} {post_id} {request.route.path}"

    users.include(posts)
    api.include(users, "/v2")
    app.include(api)

    assert serve(app).get("/api/v2/users/7/posts/x").text == "7 x /api/v2/users/{user_id:int}/posts/{post_id}"


def test_a_router_can_be_filled_after_it_was_included(serve: Serve) -> None:
    app, router = Velo(), Router("/r")
    app.include(router)
    router.get("/late")(handler)

    assert serve(app).get("/r/late").text == "handled"


def test_a_router_can_be_included_twice_in_different_places(serve: Serve) -> None:
    app, shared = Velo(), Router("/items")

    @shared.get("/{item_id}", name="item")
    async def path(item_id: str, request: Request) -> str:
        return request.route.path

    app.include(shared, "/v1")
    app.include(shared, "/v2")
    client = serve(app)

    assert client.get("/v1/items/7").text == "/v1/items/{item_id}"
    assert client.get("/v2/items/7").text == "/v2/items/{item_id}"


def test_a_named_route_of_a_router_that_is_included_twice_needs_named_routers_to_be_found() -> None:
    app, shared = Velo(), Router("/items")
    shared.get("", name="items")(handler)
    first, second = Router("/v1", name="v1"), Router("/v2", name="v2")
    for version in (first, second):
        version.include(shared)
        app.include(version)

    assert app.url_for("v1.items") == "/v1/items"
    assert app.url_for("v2.items") == "/v2/items"

    app = Velo()
    app.include(shared, "/a")
    app.include(shared, "/b")
    with pytest.raises(LookupError, match=r"several routes: /a/items, /b/items"):
        app.url_for("items")


def test_a_router_cannot_contain_itself() -> None:
    outer, middle, inner = Router(), Router(), Router()
    outer.include(middle)
    middle.include(inner)

    for parent, child in ((outer, outer), (inner, outer), (middle, outer), (inner, middle)):
        with pytest.raises(SetupError, match="cannot be included in itself") as caught:
            parent.include(child)
        assert caught.value.code == "VELO_ROUTER_CYCLE"


def answering(request: Request, error: Exception) -> None:
    """Answers nothing."""


REGISTER: dict[str, Callable[[Router], object]] = {
    "route": lambda router: router.get("/late")(handler),
    "include": lambda router: router.include(Router()),
    "add_middleware": lambda router: router.add_middleware(passing_on),
    "middleware": lambda router: router.middleware(passing_on),
    "add_exception_handler": lambda router: router.add_exception_handler(KeyError, lambda request, error: None),
    "exception_handler": lambda router: router.exception_handler(KeyError)(answering),
    "add_dependency": lambda router: router.add_dependency(Depends(handler)),
    "add_converter": lambda router: router.add_converter("late", RegexConverter("x")),
    "install": lambda router: router.install("late"),
}


async def by_post_id(post_id: str) -> None: ...


async def by_word(word: str) -> str:
    return word


async def passing_on(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


@pytest.mark.parametrize("register", REGISTER.values(), ids=list(REGISTER))
@pytest.mark.parametrize("where", ["app", "child"])
def test_nothing_can_be_registered_once_the_application_has_started(register: Callable[[Router], object], where: str) -> None:
    """Neither on it nor on what it includes; a router that it does not include is nobody's concern."""
    app, child, other = Velo(), Router("/child"), Router("/other")
    app.include(child)
    app.freeze()

    with pytest.raises(SetupError, match=r"comes too late\. Register everything before the first request") as caught:
        register(app if where == "app" else child)
    assert caught.value.code == "VELO_FROZEN"
    register(other)


def test_freezing_twice_does_nothing() -> None:
    app = Velo()
    app.get("/")(handler)
    app.freeze()
    routes = app.routes
    app.freeze()

    assert app.routes is routes


# What is inherited.


def test_tags_add_up_without_repeating() -> None:
    app = Velo(tags=["all"])
    router = Router("/r", tags=["r", "all"])
    router.get("/", tags=["own", "r"])(handler)
    app.include(router, tags=["included"])
    (mounted,) = app.routes

    assert mounted.inherited.tags == ("all", "included", "r")
    assert mounted.route.tags == ("own", "r")


def test_names_add_up() -> None:
    app, users, posts = Velo(name="site"), Router("/users", name="users"), Router("/posts")
    posts.get("/{post_id}", name="show")(by_post_id)
    users.get("/")(handler)
    users.include(posts)
    app.include(users)

    assert [mounted.name for mounted in app.routes] == ["site.users.handler", "site.users.show"]
    assert app.url_for("site.users.show", post_id="7") == "/users/posts/7"


def test_the_body_limit_is_the_nearest_that_was_set(serve: Serve) -> None:
    app = Velo(max_content_length=40)
    inherits, sets, below = Router("/inherits"), Router("/sets", max_content_length=20), Router("/below")

    async def size(request: Request) -> int:
        return len(await request.body())

    async def model(names: list[str]) -> int:
        return len(names[0]) + 4

    for router in (app, inherits, sets, below):
        router.post("/raw")(size)
        router.post("/model")(model)
        router.post("/own", max_content_length=10)(size)
    sets.include(below)
    app.include(inherits)
    app.include(sets)
    client = serve(app)

    def accepted(path: str) -> int:
        """The most bytes that a path accepts, of the sizes that matter here."""
        sizes = [number for number in (10, 11, 20, 21, 40, 41) if client.post(path, json=["a" * (number - 4)]).status_code == 200]
        assert {client.post(path, json=["a" * (number - 4)]).status_code for number in (42, 50)} == {413}
        return max(sizes)

    for prefix, limit in (("", 40), ("/inherits", 40), ("/sets", 20), ("/sets/below", 20)):
        assert accepted(f"{prefix}/raw") == limit
        assert accepted(f"{prefix}/model") == limit
        assert accepted(f"{prefix}/own") == 10


@dataclass(frozen=True)
class DateConverter:
    """`{day:date}`: an ISO date."""

    name = "date"
    rank = 50
    makes = date

    def parse(self, text: str, /) -> object:
        try:
            return date.fromisoformat(text) if len(text) == 10 else NO_MATCH
        except ValueError:
            return NO_MATCH

    def format(self, value: object, /) -> str:
        if not isinstance(value, date):
            raise TypeError("a date is needed")
        return value.isoformat()


def test_a_converter_of_ones_own_reads_and_writes_values(serve: Serve) -> None:
    app = Velo()
    app.add_converter("date", DateConverter())

    @app.get("/{day:date}", name="day")
    async def by_day(day: date) -> str:
        return f"{day:%A}"

    @app.get("/{slug}")
    async def by_slug(slug: str) -> str:
        return slug

    client = serve(app)

    assert client.get("/2024-02-29").text == "Thursday"
    assert client.get("/2023-02-29").text == "2023-02-29"
    assert app.url_for("day", day=date(2024, 2, 29)) == "/2024-02-29"
    with pytest.raises(ValueError, match="a date is needed"):
        app.url_for("day", day="2024-02-29")


def test_a_regular_expression_is_a_converter(serve: Serve) -> None:
    app = Velo()
    app.add_converter("code", RegexConverter("[A-Z]{3}[0-9]{3}", name="code"))

    @app.get("/{code:code}", name="part")
    async def part(code: str) -> str:
        return code

    client = serve(app)

    assert client.get("/ABC123").text == "ABC123"
    assert [client.get(path).status_code for path in ("/abc123", "/ABC1234", "/ABC123%0A")] == [404, 404, 404]
    assert app.url_for("part", code="XYZ999") == "/XYZ999"
    with pytest.raises(ValueError, match="'xyz' is no value for code"):
        app.url_for("part", code="xyz")


def test_converters_are_inherited_and_a_child_can_replace_one(serve: Serve) -> None:
    app, child, sibling = Velo(), Router("/child"), Router("/sibling")
    app.add_converter("word", RegexConverter("[a-z]+"))
    child.add_converter("word", RegexConverter("[A-Z]+"))

    for router in (app, child, sibling):

        @router.get("/words/{word:word}")
        async def show(word: str) -> str:
            return word

    app.include(child)
    app.include(sibling)
    client = serve(app)

    assert [client.get(f"{prefix}/words/abc").status_code for prefix in ("", "/child", "/sibling")] == [200, 404, 200]
    assert [client.get(f"{prefix}/words/ABC").status_code for prefix in ("", "/child", "/sibling")] == [404, 200, 404]


def test_a_converter_of_a_child_is_unknown_to_its_parent_and_siblings() -> None:
    app, child, sibling = Velo(), Router("/child"), Router("/sibling")
    child.add_converter("word", RegexConverter("[a-z]+"))
    child.get("/{word:word}")(by_word)
    app.include(child)
    app.include(sibling)
    app.get("/{word:word}")(by_word)
    sibling.get("/{word:word}")(by_word)

    with pytest.raises(SetupError, match="asks for a converter 'word'") as caught:
        app.freeze()
    assert [problem.code for problem in caught.value.problems] == ["VELO_ROUTE_PATTERN", "VELO_ROUTE_PATTERN"]


def test_two_converters_of_one_name_on_one_router_are_refused() -> None:
    router = Router()
    router.add_converter("word", RegexConverter("[a-z]+"))
    router.add_converter("word", RegexConverter("[a-z]+"))  # the same again is no conflict

    with pytest.raises(SetupError, match="'word' is already on this router") as caught:
        router.add_converter("word", RegexConverter("[A-Z]+"))
    assert caught.value.code == "VELO_CONVERTER_DUPLICATE"


def application_with_refusals() -> Velo:
    """Routers whose middleware and exception handlers sign what they answer."""
    app = Velo()
    api, v2, admin = Router("/api"), Router("/v2"), Router("/admin")

    def sign(router: Router, name: str) -> None:
        @router.middleware
        async def signature(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers.add("x-router", name)
            return response

    sign(app, "app")
    sign(api, "api")
    sign(v2, "v2")
    sign(admin, "admin")

    @v2.exception_handler(HTTPError)
    async def short(request: Request, error: HTTPError) -> Response:
        return PlainTextResponse(f"v2 says {error.status_code}", error.status_code, error.headers)

    app.get("/")(handler)
    app.get("/api/beside")(handler)
    api.get("/items")(handler)
    v2.get("/items")(handler)
    v2.post("/items")(handler)
    admin.get("/users")(handler)
    api.include(v2)
    app.include(api)
    app.include(admin)
    return app


# What answers where no route does.


@pytest.mark.parametrize(
    ("method", "path", "status", "routers"),
    [
        ("GET", "/none", 404, ["app"]),
        ("GET", "/api", 404, ["api", "app"]),
        ("GET", "/api/none", 404, ["api", "app"]),
        ("GET", "/apis", 404, ["app"]),
        ("GET", "/api/v2/none", 404, ["v2", "api", "app"]),
        ("GET", "/api/v2/none/deeper/still", 404, ["v2", "api", "app"]),
        ("GET", "/admin/items", 404, ["admin", "app"]),
        ("DELETE", "/api/items", 405, ["api", "app"]),
        ("DELETE", "/api/v2/items", 405, ["v2", "api", "app"]),
        ("OPTIONS", "/api/v2/items", 204, ["v2", "api", "app"]),
        ("DELETE", "/api/beside", 405, ["api", "app"]),  # by the path, not by who registered it
        ("GET", "/api/beside", 200, ["app"]),
    ],
)
def test_the_router_with_the_longest_matching_prefix_answers(serve: Serve, method: str, path: str, status: int, routers: list[str]) -> None:
    response = serve(application_with_refusals()).request(method, path)

    assert response.status_code == status
    assert response.headers.get_list("x-router") == routers
    if "v2" in routers and status != 204:
        assert response.text == f"v2 says {status}"


def test_a_405_has_allow_even_if_it_is_answered_otherwise(serve: Serve) -> None:
    response = serve(application_with_refusals()).delete("/api/v2/items")

    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_two_routers_of_one_prefix_share_it_and_the_first_answers_for_both(serve: Serve) -> None:
    app, first, second = Velo(), Router("/shared"), Router("/shared")
    first.get("/one")(named("one"))
    second.get("/two")(named("two"))
    first.add_exception_handler(HTTPError, lambda request, error: PlainTextResponse("first", 404))
    second.add_exception_handler(HTTPError, lambda request, error: PlainTextResponse("second", 404))
    app.include(first)
    app.include(second)
    client = serve(app)

    assert [client.get(f"/shared/{path}").text for path in ("one", "two", "three")] == ["one", "two", "first"]


def test_prefixes_with_parameters_have_their_own_refusals(serve: Serve) -> None:
    app, tenant = Velo(), Router("/{tenant}")
    tenant.add_exception_handler(HTTPError, lambda request, error: PlainTextResponse(str(request.path_params), 404))
    tenant.get("/items")(named_with_tenant)
    app.include(tenant)
    client = serve(app)

    assert client.get("/acme/items").text == "acme"
    assert client.get("/acme/none").text == "{}"  # nothing has matched, so there are no parameters


async def named_with_tenant(tenant: str) -> str:
    return tenant


# Paths of routes.


def test_url_for_builds_the_path_of_a_named_route(serve: Serve) -> None:
    app, users = Velo(), Router("/users", name="users")

    @users.get("/{user_id:int}/files/{name}")
    async def show(user_id: int, name: str, request: Request) -> str:
        return request.url_for("users.show", user_id=user_id + 1, name=name)

    @users.get("/rest/{rest:path}", name="rest")
    async def rest(rest: str) -> str:
        return rest

    app.include(users)
    client = serve(app)

    assert app.url_for("users.show", user_id=7, name="a b/ü?#%") == "/users/7/files/a%20b%2F%C3%BC%3F%23%25"
    assert app.url_for("users.rest", rest="a/b c") == "/users/rest/a/b%20c"
    assert client.get("/users/7/files/a%20b").text == "/users/8/files/a%20b"


@pytest.mark.parametrize(
    ("name", "values", "kind", "message"),
    [
        ("show", {"user_id": 7}, LookupError, "'show' is not the name of a route"),
        ("users.show", {}, ValueError, "needs a value for user_id"),
        ("users.show", {"user_id": 7, "page": 1}, ValueError, "has no parameter page"),
        ("users.show", {"user_id": "7"}, ValueError, "'7' is no value for user_id"),
        ("users.show", {"user_id": True}, ValueError, "True is no value for user_id"),
    ],
)
def test_url_for_tells_what_is_wrong(name: str, values: dict[str, object], kind: type[Exception], message: str) -> None:
    app, users = Velo(), Router("/users", name="users")

    @users.get("/{user_id:int}")
    async def show(user_id: int) -> None: ...

    app.include(users)

    with pytest.raises(kind, match=message):
        app.url_for(name, **values)


def test_one_name_for_two_methods_of_one_path_is_one_path() -> None:
    app = Velo()
    app.get("/items", name="items")(named("list"))
    app.post("/items", name="items")(named("create"))

    assert app.url_for("items") == "/items"


def test_a_path_parameter_may_be_called_like_the_argument_of_url_for() -> None:
    app = Velo()

    @app.get("/{name}", name="by_name")
    async def show(name: str) -> None: ...

    assert app.url_for("by_name", name="x") == "/x"


@pytest.mark.parametrize("interpreted", [False, True], ids=["generated", "interpreted"])
@pytest.mark.parametrize("root_path", ["/api", "/api/", "/deep/er"])
def test_url_for_of_a_request_is_below_the_place_where_the_application_is_mounted(root_path: str, interpreted: bool) -> None:
    app = Velo(interpreted=interpreted)

    @app.get("/users/{name}", name="user")
    async def show(name: str, request: Request) -> list[str]:
        return [request.url_for("user", name="a b"), app.url_for("user", name="a b"), request.path, request.root_path]

    @app.get("/", name="home")
    async def home(request: Request) -> str:
        return request.url_for("home")

    with TestClient(app, root_path=root_path.rstrip("/")) as client:
        root = root_path.rstrip("/")
        assert client.get("/users/x%2Fy").json() == [f"{root}/users/a%20b", "/users/a%20b", "/users/x/y", root]
        assert client.get("/").text == f"{root}/"


def test_a_root_path_with_other_characters_is_encoded_in_the_path_of_a_route() -> None:
    """`root_path` is text that is already decoded; what is built from it is not."""
    app = Velo()

    @app.get("/here", name="here")
    async def here(request: Request) -> str:
        return request.url_for("here")

    with TestClient(app, root_path="/café au lait") as client:
        assert client.get("/here").text == "/caf%C3%A9%20au%20lait/here"


# Looking at it.


def test_the_routes_are_listed_in_the_order_of_registration() -> None:
    app, users = Velo(), Router("/users", name="users")
    app.get("/b")(named("second"))
    users.post("/")(named("create"))
    app.include(users)
    app.get("/a")(named("first"))

    assert [(mounted.route.methods, mounted.pattern.text, mounted.name) for mounted in app.routes] == [
        (("GET",), "/b", "second"),
        (("GET",), "/a", "first"),
        (("POST",), "/users/", "users.create"),
    ]
    assert repr(app) == "<Velo with 3 routes>"


def test_a_plan_that_is_not_there_cannot_be_looked_at() -> None:
    app = Velo()
    app.get("/here")(handler)

    assert app.plan("GET", "/here").label == "GET /here"
    assert app.plan("HEAD", "/here").label == "GET /here"
    assert app.plan("POST", "/here").label == "405 /"
    with pytest.raises(LookupError, match=r"there is no route GET /\{here\}"):
        app.plan("GET", "/{here}")
