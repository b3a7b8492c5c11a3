"""The table of routes: what it finds, and what it answers where it finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing_tables import fallback, pattern, table_of

from velo_core.errors import SetupError
from velo_core.routing.converters import TYPED
from velo_core.routing.pattern import parse
from velo_core.routing.table import Fallback, Row, Table
from velo_core.types import TrailingSlash

Found = tuple[str, tuple[object, ...]]


Find = Callable[[Table[str], str, str], Found]


# Routes.


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("GET /", ())),
        ("/users/me", ("GET /users/me", ())),
        ("/users/7", ("GET /users/{id:int}", (7,))),
        ("/users/joe", ("GET /users/{name}", ("joe",))),
        ("/users/caffè", ("GET /users/{name}", ("caffè",))),
        ("/caffè", ("GET /caffè", ())),
        ("/{x}", ("GET /{{x}}", ())),
        ("/at/@joe", ("GET /at/@{user}", ("joe",))),
        ("/dl/a.tar.gz", ("GET /dl/{name}.{ext}", ("a.tar", "gz"))),
        ("/files/a/b.txt", ("GET /files/{rest:path}", ("a/b.txt",))),
        ("/files/a", ("GET /files/{rest:path}", ("a",))),
        ("/files/", ("root 404", ())),
        ("/users", ("root 404", ())),
        ("/users/", ("root 404", ())),
        ("/users/me/", ("root 404", ())),
        ("//users/me", ("root 404", ())),
        ("/users//me", ("root 404", ())),
        ("//", ("root 404", ())),
        ("", ("root 404", ())),
        ("*", ("root 404", ())),
        ("users/me", ("root 404", ())),
        ("http://host/users/me", ("root 404", ())),
        ("/users/a\0", ("root 404", ())),
        ("/users/\ufffd", ("root 404", ())),
        ("/a" * 2_000, ("root 404", ())),
    ],
)
def test_a_path_finds_its_route_and_values(find: Find, path: str, found: Found) -> None:
    table = table_of(
        *("GET /", "GET /users/me", "GET /users/{id:int}", "GET /users/{name}", "GET /caffè", "GET /{{x}}", "GET /files/{rest:path}"),
        *("GET /at/@{user}", "GET /dl/{name}.{ext}"),
    )

    assert find(table, "GET", path) == found


def test_a_static_path_without_the_method_hides_no_other_route(find: Find) -> None:
    table = table_of("GET /users/{id}", "POST /users/me")

    assert find(table, "GET", "/users/me") == ("GET /users/{id}", ("me",))
    assert find(table, "POST", "/users/me") == ("POST /users/me", ())


def test_an_empty_pattern_is_the_root(find: Find) -> None:
    assert find(table_of("GET "), "GET", "/") == ("GET ", ())


def test_a_method_is_any_token_and_its_case_matters(find: Find) -> None:
    table = table_of("get /a", "M-SEARCH /a", "_DO_DELETE /a")

    assert find(table, "get", "/a") == ("get /a", ())
    assert find(table, "M-SEARCH", "/a") == ("M-SEARCH /a", ())
    assert find(table, "GET", "/a") == ("root 405", ("M-SEARCH, OPTIONS, _DO_DELETE, get",))
    assert find(table, "__class__", "/a") == ("root 405", ("M-SEARCH, OPTIONS, _DO_DELETE, get",))


@pytest.mark.parametrize("method", ["", "GET ", "A B", "GET\r\nX: y", "é", "GET,POST"])
def test_what_is_no_token_is_no_method(method: str) -> None:
    """It would be sent in `Allow`."""
    with pytest.raises(SetupError) as raised:
        Table[str]().add(method, pattern("/a"), "a")

    assert raised.value.code == "VELO_ROUTE_METHOD"


def test_a_path_that_ends_with_a_slash_has_no_value_there(find: Find) -> None:
    class Anything:
        name = "any"
        rank = TYPED
        makes = str

        def parse(self, text: str, /) -> object:
            return text

        def format(self, value: object, /) -> str:
            return str(value)

    table = Table[str]()
    table.add_fallback(pattern(""), fallback("root"))
    table.add("GET", parse("/a/{x:any}", {"any": Anything()}), "any")
    table.freeze()

    assert find(table, "GET", "/a/") == ("root 404", ())
    assert find(table, "GET", "/a/x") == ("any", ("x",))


# HEAD, OPTIONS, 405.


def test_head_is_served_by_get_unless_the_same_pattern_has_its_own(find: Find) -> None:
    for routes in (("GET /a/{x}", "GET /b/{x}", "HEAD /b/{y}"), ("HEAD /b/{y}", "GET /b/{x}", "GET /a/{x}")):
        table = table_of(*routes)

        assert find(table, "HEAD", "/a/1") == ("GET /a/{x}", ("1",))
        assert find(table, "HEAD", "/b/1") == ("HEAD /b/{y}", ("1",))
        assert find(table, "GET", "/b/1") == ("GET /b/{x}", ("1",))


def test_head_follows_the_more_specific_get(find: Find) -> None:
    table = table_of("GET /users/me", "HEAD /users/{id}")

    assert find(table, "HEAD", "/users/me") == ("GET /users/me", ())
    assert find(table, "HEAD", "/users/7") == ("HEAD /users/{id}", ("7",))


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/a", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/b", "DELETE, OPTIONS, POST"),
        ("/b/c", "DELETE, HEAD, OPTIONS"),
        ("/1", "DELETE, OPTIONS, POST, PUT"),
    ],
)
def test_allow_names_the_methods_of_all_routes_of_a_path(find: Find, path: str, allow: str) -> None:
    table = table_of("GET /a", "POST /{x}", "PUT /{x:int}", "DELETE /{x:path}", "HEAD /b/c")

    assert find(table, "PATCH", path) == ("root 405", (allow,))
    assert find(table, "OPTIONS", path) == ("root options", (allow,))


def test_head_without_get_is_not_allowed_either(find: Find) -> None:
    assert find(table_of("POST /a"), "HEAD", "/a") == ("root 405", ("OPTIONS, POST",))


def test_a_route_for_options_answers_itself(find: Find) -> None:
    table = table_of("GET /a/{x}", "OPTIONS /a/{x}", "OPTIONS /{x:path}")

    assert find(table, "OPTIONS", "/a/1") == ("OPTIONS /a/{x}", ("1",))
    assert find(table, "OPTIONS", "/b") == ("OPTIONS /{x:path}", ("b",))


def test_options_for_the_whole_server_names_all_methods(find: Find) -> None:
    assert find(table_of("GET /a", "POST /b/{x}"), "OPTIONS", "*") == ("root options", ("GET, HEAD, OPTIONS, POST",))
    assert find(table_of(), "OPTIONS", "*") == ("root options", ("OPTIONS",))
    assert find(table_of("GET /a"), "OPTIONS", "/b") == ("root 404", ())


# Raw paths.


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("/users/%6De", ("GET /users/me", ())),
        ("/%75sers/me", ("GET /users/me", ())),
        ("/users/a%2Fb", ("GET /users/{name}", ("a/b",))),
        ("/users/me%2f", ("GET /users/{name}", ("me/",))),
        ("/users%2Fme", ("root 404", ())),
        ("%2Fusers/me", ("root 404", ())),
        ("/users/%252F", ("GET /users/{name}", ("%2F",))),
        ("/users/%37", ("GET /users/{id:int}", (7,))),
        ("/users/caff%C3%A8", ("GET /users/{name}", ("caffè",))),
        ("/users/caff\xc3\xa8%20", ("GET /users/{name}", ("caffè ",))),
        ("/users/a+b%20c", ("GET /users/{name}", ("a+b c",))),
        ("/users/%F0%9F%9A%80", ("GET /users/{name}", ("🚀",))),
        ("/files/a%2Fb/c%20d", ("GET /files/{rest:path}", ("a/b/c d",))),
        ("/files/%2Fetc/passwd", ("root 404", ())),
        ("/users/%00", ("root 404", ())),
        ("/users/a%00b", ("root 404", ())),
        ("/users/%FF", ("root 404", ())),
        ("/users/%C3", ("root 404", ())),
        ("/users/%C3/%A8", ("root 404", ())),
        ("/users/%C0%AF", ("root 404", ())),
        ("/users/%ED%A0%80", ("root 404", ())),
        ("/users/%EF%BF%BD", ("root 404", ())),
        ("/users/\xe8", ("root 404", ())),
        ("/users/\u0107", ("root 404", ())),
        ("/users/%", ("root 404", ())),
        ("/users/%4", ("root 404", ())),
        ("/users/%zz", ("root 404", ())),
        ("/users/%u0041", ("root 404", ())),
    ],
)
def test_each_segment_of_a_raw_path_is_decoded_alone(raw: str, found: Found) -> None:
    table = table_of("GET /users/me", "GET /users/{id:int}", "GET /users/{name}", "GET /files/{rest:path}")

    assert table.find_raw("GET", raw) == found


# Fallbacks.


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/", "root"),
        ("/apiary", "root"),
        ("/api", "/api"),
        ("/api/", "/api"),
        ("/api/x", "/api"),
        ("/api//", "/api"),
        ("/api/\0", "/api"),
        ("/api/v1/x", "/api/v1/"),
        ("/api/v1", "/api/v1/"),
        ("/t/acme/x", "/t/{tenant}"),
        ("/t", "root"),
        ("/t//x", "root"),
        ("api/x", "root"),
        ("x/api/y", "root"),
        ("*", "root"),
    ],
)
def test_the_longest_prefix_answers_what_no_route_does(find: Find, path: str, prefix: str) -> None:
    table = table_of("GET /t/{tenant}/{x}/y", prefixes=("/api", "/api/v1/", "/t/{tenant}"))

    assert find(table, "GET", path) == (f"{prefix} 404", ())


def test_the_longest_prefix_answers_a_path_that_cannot_be_decoded() -> None:
    table = table_of(prefixes=("/api",))

    assert table.find_raw("GET", "/api/%FF") == ("/api 404", ())
    assert table.find_raw("GET", "/api/%zz/a") == ("/api 404", ())


def test_the_longest_prefix_answers_other_methods_and_redirects(find: Find) -> None:
    table = table_of("GET /api/a", prefixes=("/api",), slash=TrailingSlash.REDIRECT)

    assert find(table, "POST", "/api/a") == ("/api 405", ("GET, HEAD, OPTIONS",))
    assert find(table, "OPTIONS", "/api/a") == ("/api options", ("GET, HEAD, OPTIONS",))
    assert find(table, "GET", "/api/a/") == ("/api redirect", ("/api/a",))


def test_a_prefix_deeper_than_all_routes_counts(find: Find) -> None:
    table = table_of("GET /", prefixes=("/a", "/a/b/c/d"))

    assert find(table, "GET", "/a/b/c/d/e") == ("/a/b/c/d 404", ())
    assert find(table, "GET", "/a/b/c/e") == ("/a 404", ())
    assert find(table, "GET", "/b/a") == ("root 404", ())
    assert find(table, "GET", "x/a/b") == ("root 404", ())


def test_a_prefix_that_takes_the_rest_of_the_path_is_refused() -> None:
    with pytest.raises(SetupError, match="takes the rest of the path"):
        Table[str]().add_fallback(pattern("/a/{rest:path}"), fallback("a"))


def test_two_fallbacks_for_the_same_paths_are_reported_and_the_first_answers() -> None:
    table = Table[str]()
    for prefix in ("", "/t/{a}", "/t/{b}/"):
        table.add_fallback(pattern(prefix), fallback(prefix))
    clashes = table.freeze()

    assert [(clash.code, clash.values) for clash in clashes] == [("VELO_ROUTE_PREFIX", ("/t/{a} 404", "/t/{b}/ 404"))]
    assert clashes[0].message == "the prefixes '/t/{a}' and '/t/{b}/' cover the same paths"
    assert table.find("GET", "/t/1/x") == ("/t/{a} 404", ())


def test_a_miss_without_a_fallback_says_what_is_missing() -> None:
    table = Table[str]()
    table.add("GET", pattern("/a"), "a")
    with pytest.raises(SetupError, match="was not frozen"):
        table.find("GET", "/b")
    table.freeze()

    assert table.find("GET", "/a") == ("a", ())
    with pytest.raises(SetupError, match="has no fallback") as raised:
        table.find("GET", "/b")
    assert raised.value.code == "VELO_ROUTE_FALLBACK"


# Trailing slash.


@pytest.mark.parametrize(
    ("policy", "path", "found"),
    [
        (TrailingSlash.STRICT, "/a/", ("root 404", ())),
        (TrailingSlash.STRICT, "/b", ("root 404", ())),
        (TrailingSlash.IGNORE, "/a/", ("GET /a", ())),
        (TrailingSlash.IGNORE, "/b", ("GET /b/", ())),
        (TrailingSlash.IGNORE, "/b/", ("GET /b/", ())),
        (TrailingSlash.IGNORE, "/x/1/", ("GET /x/{x}", ("1",))),
        (TrailingSlash.IGNORE, "/y/1", ("GET /y/{y}/", ("1",))),
        (TrailingSlash.IGNORE, "/f/1/", ("GET /f/{f:path}", ("1/",))),
        (TrailingSlash.IGNORE, "/", ("GET /", ())),
        (TrailingSlash.IGNORE, "//", ("root 404", ())),
        (TrailingSlash.IGNORE, "/a//", ("root 404", ())),
        (TrailingSlash.REDIRECT, "/a/", ("root redirect", ("/a",))),
        (TrailingSlash.REDIRECT, "/b", ("root redirect", ("/b/",))),
        (TrailingSlash.REDIRECT, "/b/", ("GET /b/", ())),
        (TrailingSlash.REDIRECT, "/x/1/", ("root redirect", ("/x/1",))),
        (TrailingSlash.REDIRECT, "/y/1", ("root redirect", ("/y/1/",))),
        (TrailingSlash.REDIRECT, "/f/1/", ("GET /f/{f:path}", ("1/",))),
        (TrailingSlash.REDIRECT, "/f/", ("root 404", ())),
        (TrailingSlash.REDIRECT, "/", ("GET /", ())),
        (TrailingSlash.REDIRECT, "//", ("root 404", ())),
        (TrailingSlash.REDIRECT, "/a//", ("root 404", ())),
        (TrailingSlash.REDIRECT, "", ("root 404", ())),
        (TrailingSlash.REDIRECT, "*", ("root 404", ())),
        (TrailingSlash.REDIRECT, "//evil.test/a/", ("root 404", ())),
        (TrailingSlash.REDIRECT, "//evil.test/..", ("root 404", ())),
        (TrailingSlash.REDIRECT, "/x/caffè/", ("root redirect", ("/x/caff%C3%A8",))),
        (TrailingSlash.REDIRECT, "/x/a\r\nb: c/", ("root redirect", ("/x/a%0D%0Ab:%20c",))),
        (TrailingSlash.REDIRECT, "/y/\\evil.test", ("root redirect", ("/y/%5Cevil.test/",))),
    ],
)
def test_a_trailing_slash_is_dealt_with_by_the_policy(find: Find, policy: TrailingSlash, path: str, found: Found) -> None:
    table = table_of("GET /", "GET /a", "GET /b/", "GET /x/{x}", "GET /y/{y}/", "GET /f/{f:path}", slash=policy)

    assert find(table, "GET", path) == found


def test_a_redirect_keeps_a_raw_path_encoded() -> None:
    table = table_of("GET /{x}/{y}/", slash=TrailingSlash.REDIRECT)

    assert table.find_raw("GET", "/a%2Fb/%25") == ("root redirect", ("/a%2Fb/%25/",))
    assert table.find_raw("GET", "/%2Fevil.test/x") == ("root redirect", ("/%2Fevil.test/x/",))
    assert table.find_raw("GET", "/\xc3\xa8/%20") == ("root redirect", ("/%C3%A8/%20/",))


def test_there_is_no_redirect_to_a_path_without_the_method(find: Find) -> None:
    table = table_of("GET /a/", "POST /b", "PUT /b/", slash=TrailingSlash.REDIRECT)

    assert find(table, "POST", "/a") == ("root 404", ())
    assert find(table, "HEAD", "/a") == ("root redirect", ("/a/",))
    assert find(table, "PUT", "/b") == ("root redirect", ("/b/",))
    assert find(table, "GET", "/b") == ("root 405", ("OPTIONS, POST",))


def test_a_slash_that_is_ignored_changes_no_precedence(find: Find) -> None:
    table = table_of("GET /a", "GET /{x}/", "GET /{x:path}", slash=TrailingSlash.IGNORE)

    assert find(table, "GET", "/a/") == ("GET /a", ())
    assert find(table, "GET", "/b") == ("GET /{x}/", ("b",))
    assert find(table, "GET", "/b/") == ("GET /{x}/", ("b",))


def test_patterns_that_differ_by_a_slash_that_means_nothing_are_duplicates() -> None:
    table = Table[str]()
    for text in ("/a", "/b", "/a/", "/{x}/", "/{y}"):
        table.add("GET", pattern(text), text, trailing_slash=TrailingSlash.STRICT if text == "/b" else TrailingSlash.IGNORE)

    assert [(clash.code, clash.values) for clash in table.freeze()] == [
        ("VELO_ROUTE_DUPLICATE", ("/a", "/a/")),
        ("VELO_ROUTE_DUPLICATE", ("/{x}/", "/{y}")),
    ]


def test_each_route_has_its_own_policy(find: Find) -> None:
    table = Table[str]()
    table.add_fallback(pattern(""), fallback("root"))
    for policy in TrailingSlash:
        table.add("GET", pattern(f"/{policy.value}"), policy.value, trailing_slash=policy)
    table.freeze()

    assert find(table, "GET", "/strict/") == ("root 404", ())
    assert find(table, "GET", "/ignore/") == ("ignore", ())
    assert find(table, "GET", "/redirect/") == ("root redirect", ("/redirect",))
    assert find(table, "POST", "/redirect/") == ("root 404", ())


@given(st.text("/\\.ae%2F", max_size=8), st.text("/\\.ae%2F", max_size=8))
def test_no_redirect_leaves_the_host(first: str, last: str) -> None:
    table = table_of("GET /{a}", "GET /{a}/", "GET /{a}/{b}/", "GET /{a}.{b}/{c}", slash=TrailingSlash.REDIRECT)
    for path in (f"/{first}", f"/{first}/{last}", first + last):
        for answer, values in (table.find("GET", path), table.find_raw("GET", path)):
            if answer == "root redirect":
                assert str(values[0])[:1] == "/"
                assert str(values[0])[:2] != "//"
                assert "\\" not in str(values[0])


# Problems, introspection, freezing.


def test_duplicates_are_reported_together_with_both_values() -> None:
    table = Table[str]()
    for method, text, value in (("GET", "/a", "1"), ("GET", "/a", "2"), ("POST", "/{x}", "3"), ("POST", "/{y}", "4"), ("PUT", "/a", "5")):
        table.add(method, pattern(text), value)
    clashes = table.freeze()

    assert [(clash.code, clash.method, clash.values) for clash in clashes] == [
        ("VELO_ROUTE_DUPLICATE", "GET", ("1", "2")),
        ("VELO_ROUTE_DUPLICATE", "POST", ("3", "4")),
    ]
    assert table.freeze() == clashes


def test_routes_are_listed_in_an_order_that_does_not_depend_on_who_came_first() -> None:
    routes = ["GET /b", "POST /a", "GET /a", "GET /{x}"]
    listed = [Row("GET", pattern("/a"), "GET /a"), Row("POST", pattern("/a"), "POST /a")]

    assert table_of(*routes).routes == table_of(*routes[::-1]).routes
    assert list(table_of(*routes).routes[:2]) == listed
    assert [row.value for row in table_of(*routes).routes] == ["GET /a", "POST /a", "GET /b", "GET /{x}"]


def test_a_table_in_use_takes_nothing_more() -> None:
    table = table_of("GET /a")
    with pytest.raises(SetupError, match="comes too late") as raised:
        table.add("GET", pattern("/b"), "b")
    with pytest.raises(SetupError, match="comes too late"):
        table.add_fallback(pattern("/b"), fallback("b"))

    assert raised.value.code == "VELO_ROUTE_FROZEN"


def test_any_value_can_be_served() -> None:
    table = Table[None]()
    table.add_fallback(pattern(""), Fallback(None, None, None, None))
    table.add("GET", pattern("/a"), None)
    table.add("GET", pattern("/b/{x}"), None)
    table.freeze()

    assert table.find("GET", "/a") == (None, ())
    assert table.find("GET", "/b/1") == (None, ("1",))


def test_many_threads_can_look_up_at_once() -> None:
    table = table_of("GET /a", "GET /u/{id:int}", "GET /u/{name}/x", "GET /{rest:path}")
    paths = ["/a", "/u/7", "/u/joe/x", "/u/joe/y", "/zz"] * 200
    expected = [table.find("GET", path) for path in paths]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(table.find, ["GET"] * len(paths), paths)) == expected
