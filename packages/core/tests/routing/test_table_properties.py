"""The table of routes beside the plain way to do the same, for any routes and paths, and what it costs."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable
from itertools import product
from types import FrameType
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from routing_tables import fallback, pattern, table_of

from velo_core.errors import SetupError
from velo_core.routing.pattern import PathBuildError, Pattern
from velo_core.routing.table import Fallback, Table
from velo_core.types import TrailingSlash

Found = tuple[str, tuple[object, ...]]


Find = Callable[[Table[str], str, str], Found]


VALUES: dict[str, st.SearchStrategy[object]] = {
    "int": st.integers(-(10**19) + 1, 10**19 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "str": st.text(max_size=8),
    "path": st.text("ab/.% ü", max_size=8),
    "uuid": st.uuids(),
}


# Properties.


@settings(deadline=None)
@given(st.data(), st.sampled_from(["/{a:A}", "/x/{a:A}/{b:B}", "/{a:A}-{b:B}/y", "/@{a:A}/{b:path}", "/{a:A}.{b:B}.{c:str}"]))
def test_a_path_that_was_built_finds_the_values_it_was_built_from(data: st.DataObject, shape: str) -> None:
    kinds = st.sampled_from(["int", "float", "str", "uuid"])
    route = pattern(shape.replace(":A", ":" + data.draw(kinds)).replace(":B", ":" + data.draw(kinds)))
    values = {one.name: data.draw(VALUES[one.converter_name]) for one in route.parameters}
    table = Table[str]()
    table.add_fallback(pattern(""), fallback("root"))
    table.add("GET", route, "found")
    table.freeze()
    try:
        path = route.build(values)
    except PathBuildError:
        return

    assert table.find_raw("GET", path) == ("found", tuple(values.values()))
    if "%" not in path:
        assert table.find("GET", path) == ("found", tuple(values.values()))


EVERYTHING = table_of(
    *("GET /", "GET /a", "GET /{x:int}", "GET /{x}", "POST /{x}.{y}", "GET /a/{x:uuid}/", "PUT /{x:float}-{y}/z", "GET /p/{x:path}"),
    prefixes=("/a", "/{x}/{y}"),
    slash=TrailingSlash.REDIRECT,
)


ANSWERS = {row.value for row in EVERYTHING.routes} | {
    f"{prefix} {kind}" for prefix in ("root", "/a", "/{x}/{y}") for kind in ("404", "405", "options", "redirect")
}


SEGMENTS = ["a", "ab", "abc", "", "{int}", "{str}", "a{str}", "{float}-{str}", "{path}"]


def pattern_of(kinds: list[str]) -> Pattern | None:
    """A pattern with the converters as names, or `None` where that is a mistake."""
    try:
        return pattern("/" + "/".join(re.sub(r"\{", f"{{p{number}:", kind).replace("-{p", "-{q") for number, kind in enumerate(kinds)))
    except SetupError:
        return None


def table_by_kinds(policy: TrailingSlash, routes: list[tuple[str, list[str]]], prefixes: list[str]) -> Table[str]:
    """A table of routes by method and kinds of segments, without those that are mistakes, and with what clashes."""
    table = Table[str]()
    for prefix in ("", *prefixes):
        table.add_fallback(pattern(prefix), fallback(prefix or "root"))
    for method, kinds in routes:
        route = pattern_of(kinds)
        if route is not None:
            table.add(method, route, f"{method} {route.text}", trailing_slash=policy)
    table.freeze()
    return table


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TrailingSlash),
    st.lists(st.tuples(st.sampled_from(["GET", "POST", "HEAD"]), st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3)), max_size=10),
    st.lists(st.sampled_from(["/a", "/ac", "/b"]), max_size=2, unique=True),
    st.lists(st.lists(st.sampled_from(["", "a", "1", "ab", "abd", "b", "1-a", "\0", "ä"]), max_size=3), min_size=1, max_size=8),
)
def test_the_short_cuts_of_a_table_find_what_the_tree_finds(
    policy: TrailingSlash, routes: list[tuple[str, list[str]]], prefixes: list[str], paths: list[list[str]]
) -> None:
    """A raw path takes no short cut."""
    table = table_by_kinds(policy, routes, prefixes)
    for method, path in product(("GET", "POST", "HEAD", "OPTIONS"), ("*", *("/" + "/".join(parts) for parts in paths))):
        assert table.find(method, path) == table.find_raw(method, path.encode().decode("latin-1"))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(TrailingSlash),
    st.lists(st.tuples(st.sampled_from(["GET", "POST", "HEAD"]), st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3)), max_size=10),
    st.lists(st.lists(st.sampled_from(["", "a", "1", "ab", "b", "1-a", "ä"]), max_size=3), min_size=1, max_size=8),
)
def test_the_same_places_with_other_values_find_the_other_values(
    policy: TrailingSlash, routes: list[tuple[str, list[str]]], paths: list[list[str]]
) -> None:
    def other(method: str, value: str) -> tuple[str, str]:
        return method, value

    table = table_by_kinds(policy, routes, ["/a"])
    mapped = table.mapped(other, lambda one: Fallback(*(("", value) for value in astuple(one))))

    for method, path in product(("GET", "POST", "HEAD", "OPTIONS"), ("*", *("/" + "/".join(parts) for parts in paths))):
        value, values = table.find(method, path)
        expected = other(method if value.startswith(("GET ", "POST ", "HEAD ")) else "", value)
        assert mapped.find(method, path) == (expected, values)
        assert mapped.find_raw(method, quote(path)) == (expected, values)


def test_a_table_whose_values_are_replaced_has_to_be_frozen() -> None:
    with pytest.raises(SetupError, match=r"was not frozen: call freeze\(\) before mapped\(\)"):
        Table[str]().mapped(lambda _, value: value, lambda one: one)


@pytest.mark.parametrize("path", ["/", "/a", "/a/x", "/bc", "/bd", "/bd/x", "/be/x", "/ö", "/ö/x", "/😀/x"])
def test_a_path_is_found_whatever_else_begins_with_its_letters(find: Find, path: str) -> None:
    table = table_of(
        "GET /", "GET /a", "GET /a/{x}", "GET /bc", "GET /bd", "GET /bd/{x}", "GET /ö", "GET /ö/{x}", "GET /😀/{x}", prefixes=("/be",)
    )

    assert find(table, "GET", path)[0] == ("/be 404" if path == "/be/x" else f"GET {path.replace('x', '{x}')}")
    assert find(table, "GET", path + "/y/z")[0] == ("/be 404" if path == "/be/x" else "root 404")


@given(st.sampled_from(["GET", "POST", "OPTIONS", "TRACE", ""]), st.binary(max_size=40))
def test_no_bytes_make_a_look_up_raise(method: str, path: bytes) -> None:
    for raw in (path, b"/" + path, b"/p/" + path, quote(path).encode(), b"/" + quote(path).encode()):
        assert EVERYTHING.find_raw(method, raw.decode("latin-1"))[0] in ANSWERS
        for errors in ("replace", "surrogateescape", "ignore"):
            assert EVERYTHING.find(method, raw.decode(errors=errors))[0] in ANSWERS


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_no_text_makes_a_look_up_raise(path: str) -> None:
    for asked in (path, "/" + path, "/p/" + path):
        assert EVERYTHING.find("GET", asked)[0] in ANSWERS
        assert EVERYTHING.find_raw("GET", asked)[0] in ANSWERS


@given(st.text("/aé%~. 1", max_size=12))
def test_a_decoded_path_and_its_encoding_find_the_same(path: str) -> None:
    path = "/" + path

    assert EVERYTHING.find_raw("GET", quote(path)) == EVERYTHING.find("GET", path)


def frames(function: Callable[[], object]) -> int:
    """Python functions that are entered, without those that a garbage collection of that moment would call."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    gc.disable()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count - 1  # without the one of `function`


# What it costs.


def test_a_look_up_enters_no_more_functions_than_it_needs() -> None:
    """One for a static path, one more for the converter of a single parameter at the end, one more for the tree.

    Adapters look at the static paths themselves, and `search` for the others.
    """
    table = table_of("GET /a", "GET /u/{x}/v/{y}", "GET /n/{x:int}", "GET /m/{x}")
    ignoring = table_of("GET /a", slash=TrailingSlash.IGNORE)

    assert frames(lambda: table.find("GET", "/a")) == 1
    assert frames(lambda: table.search("GET", "/m/7")) == 2
    assert frames(lambda: table.search("GET", "/n/7")) == 2
    assert frames(lambda: table.search("GET", "/u/1/v/2")) == 2
    assert frames(lambda: table.find("GET", "/none")) <= 5
    assert frames(lambda: table.search("GET", "/zip/code")) == 1  # nothing begins with these letters
    assert frames(lambda: ignoring.find("GET", "/a/")) == 1


@pytest.mark.parametrize(("method", "path"), [("GET", "/none/1"), ("POST", "/r10005/1"), ("OPTIONS", "/r10005/1"), ("OPTIONS", "*")])
def test_a_miss_costs_as_much_among_ten_thousand_routes_as_among_ten(method: str, path: str) -> None:
    few = table_of(*(f"GET /r{number}/{{x}}" for number in range(10_000, 10_010)))
    many = table_of(*(f"GET /r{number}/{{x}}" for number in range(10_000, 20_000)))

    assert frames(lambda: many.find(method, path)) == frames(lambda: few.find(method, path))


def test_a_uuid_comes_as_one() -> None:
    found = table_of("GET /{id:uuid}").find("GET", "/0123ABCD-0123-4567-89AB-0123456789AB")

    assert found == ("GET /{id:uuid}", (UUID("0123abcd-0123-4567-89ab-0123456789ab"),))
