from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velo_core.routing.converters import CATCH_ALL, CONVERTERS, NO_MATCH, TYPED, Converter, RegexConverter
from velo_core.routing.pattern import Pattern, Segment, parse
from velo_core.routing.tree import Clash, Tree


class Word:
    """The words it was made with."""

    name = "word"
    makes = str

    def __init__(self, *words: str, rank: int = TYPED) -> None:
        self.words = words
        self.rank = rank

    def parse(self, text: str, /) -> object:
        return text if text in self.words else NO_MATCH

    def format(self, value: object, /) -> str:
        return str(value)


class Anything:
    """Takes every text, and insists that there is one."""

    name = "any"
    makes = str

    def __init__(self, rank: int = TYPED) -> None:
        self.rank = rank

    def parse(self, text: str, /) -> object:
        assert text
        return text

    def format(self, value: object, /) -> str:
        return str(value)


MORE: dict[str, Converter] = {**CONVERTERS, "ab": Word("a", "b"), "bc": Word("b", "c"), "slug": RegexConverter("[a-z]+")}


def pattern(text: str) -> Pattern:
    return parse(text, MORE)


def tree_of(*routes: str) -> tuple[Tree[str], list[Clash[str]]]:
    """A tree of routes such as `"GET /a"`, which find themselves."""
    tree = Tree[str]()
    for route in routes:
        method, _, text = route.partition(" ")
        tree.insert(pattern(text), method, route)
    return tree, tree.freeze()


def find(tree: Tree[str], method: str, path: str) -> tuple[str, tuple[object, ...]] | tuple[()] | None:
    return tree.find(method, path.split("/"))


# What is found


@pytest.mark.parametrize(
    ("routes", "path", "found"),
    [
        # static > compound > typed > string > catch-all
        (["/{x:path}", "/{x}", "/{x:int}", "/{x}.{y}", "/7"], "/7", ("/7", ())),
        (["/{x:path}", "/{x}", "/{x:float}", "/{x}.{y}"], "/7.5", ("/{x}.{y}", ("7", "5"))),
        (["/{x:path}", "/{x}", "/{x:float}"], "/7.5", ("/{x:float}", (7.5,))),
        (["/{x:path}", "/{x}", "/{x:float}", "/{x:int}"], "/7", ("/{x:int}", (7,))),
        (["/{x:path}", "/{x}", "/{x:slug}"], "/a", ("/{x:slug}", ("a",))),
        (["/{x:path}", "/{x}"], "/a", ("/{x}", ("a",))),
        (["/{x:path}", "/{x}"], "/a/b", ("/{x:path}", ("a/b",))),
        # compound segments: more literal text first
        (["/{a}.{b}", "/{a}.tar.{b}"], "/x.tar.gz", ("/{a}.tar.{b}", ("x", "gz"))),
        (["/{a}.{b}", "/{a}.tar.{b}"], "/x.txt", ("/{a}.{b}", ("x", "txt"))),
        (["/{a}.{b}", "/v{a}"], "/v1.2", ("/v{a}", ("1.2",))),
        (["/{a}-{b}", "/{a:int}-{b}"], "/1-2", ("/{a:int}-{b}", (1, "2"))),
        (["/x{a}", "/{a}x"], "/xyx", ("/x{a}", ("yx",))),
        (["/@{a}", "/@@{a}", "/~{a}"], "/@@x", ("/@@{a}", ("x",))),
        (["/@{a}", "/@@{a}", "/~{a}"], "/~x", ("/~{a}", ("x",))),
        (["/@{a}", "/@@{a}", "/~{a}", "/{a}"], "/x", ("/{a}", ("x",))),
        # decided from the left
        (["/{x}/b", "/a/{y}"], "/a/b", ("/a/{y}", ("b",))),
        (["/{x}/b/c", "/a/{y:path}"], "/a/b/c", ("/a/{y:path}", ("b/c",))),
        # taken back
        (["/a/b/c", "/a/{x}/d"], "/a/b/d", ("/a/{x}/d", ("b",))),
        (["/a/b/c", "/{x}/b/d", "/{x:path}"], "/a/b/d", ("/{x}/b/d", ("a",))),
        (["/a/b/c", "/{x}/b/d", "/{x:path}"], "/a/b/e", ("/{x:path}", ("a/b/e",))),
        (["/{x:int}/b", "/{x}/c"], "/1/c", ("/{x}/c", ("1",))),
        (["/w/{p:path}", "/w/{x}/end"], "/w/foo/end", ("/w/{x}/end", ("foo",))),
        (["/{a:int}-{b}/x", "/{a}-{b}/y"], "/1-2/y", ("/{a}-{b}/y", ("1", "2"))),
        # different names at one place
        (["/{id}/a", "/{name}/b"], "/x/b", ("/{name}/b", ("x",))),
        # nothing is empty, nothing is merged
        (["/{x}"], "/", None),
        (["/{x:path}"], "/", None),
        (["/{x:path}"], "//a", None),
        (["/a/{x:path}"], "/a/", None),
        (["/a/{x:path}"], "/a", None),
        (["/a/{x:path}"], "/a//b", None),
        (["/a/{x:path}"], "/a/b//c/", ("/a/{x:path}", ("b//c/",))),
        (["/a/b"], "/a//b", None),
        (["/{x}/b"], "//b", None),
        (["/", "/{x}"], "/", ("/", ())),
        (["/", "/{x}"], "//", None),
        (["/a"], "/a/", None),
        (["/a/"], "/a", None),
        (["/a/"], "/a/", ("/a/", ())),
        (["/{x}/"], "/a/", ("/{x}/", ("a",))),
        (["/{x}"], "a", None),
        (["/{x}"], "a/b", None),
        (["/{x}"], "*", None),
        (["/{x}"], "", None),
    ],
)
def test_the_most_specific_pattern_that_matches_is_found(
    routes: list[str], path: str, found: tuple[str, tuple[object, ...]] | None
) -> None:
    for order in (routes, routes[::-1]):
        tree, clashes = tree_of(*(f"GET {route}" for route in order))

        assert clashes == []
        assert find(tree, "GET", path) == (found and (f"GET {found[0]}", found[1]))


def test_a_pattern_without_the_method_hides_nothing() -> None:
    tree, _ = tree_of("GET /users/{id}", "POST /users/me", "PUT /{x:path}", "DELETE /{x:int}.{y}/me", "DELETE /{x}/me")

    assert find(tree, "GET", "/users/me") == ("GET /users/{id}", ("me",))
    assert find(tree, "POST", "/users/me") == ("POST /users/me", ())
    assert find(tree, "PUT", "/users/me") == ("PUT /{x:path}", ("users/me",))
    assert find(tree, "DELETE", "/users/me") == ("DELETE /{x}/me", ("users",))
    assert tree.methods("/users/me".split("/")) == {"GET", "POST", "PUT", "DELETE"}


def test_no_match_and_no_match_for_the_method_are_told_apart() -> None:
    tree, _ = tree_of("GET /a/{x}", "GET /b/{x:path}")

    assert find(tree, "POST", "/a/1") == ()
    assert find(tree, "POST", "/b/1") == ()
    assert find(tree, "POST", "/c") is None
    assert tree.methods(["", "c"]) == set()


def test_the_longest_prefix_counts_in_whole_segments() -> None:
    tree, _ = tree_of(" ", " /api", " /api/{version}", " /api/v1/{x}/deep", " /{x}/{y:int}")

    for path, prefix in {
        "": " ",
        "/": " ",
        "/apiary": " ",
        "/api": " /api",
        "/api/": " /api",
        "/api/v1": " /api/{version}",
        "/api/v1/x": " /api/{version}",
        "/api/v1/x/deep/er": " /api/v1/{x}/deep",
        "/api/1/x": " /api/{version}",
        "/x/1/y": " /{x}/{y:int}",
    }.items():
        assert tree.longest_prefix(path.split("/"), "") == prefix, path
    assert tree.longest_prefix(["", "api"], "GET") is None


# What cannot be told apart


def test_patterns_of_one_shape_are_duplicates_whatever_the_names() -> None:
    _, clashes = tree_of(
        *("GET /a", "GET /a"),
        *("GET /u/{id}", "GET /u/{name}"),
        *("GET /v{a:int}.{b}", "GET /v{c:int}.{d}"),
        *("GET /f/{p:path}", "GET /f/{q:path}"),
        *("POST /a", "GET /u/{id:int}", "GET /v{a}.{b}", "GET /{{a}}"),
    )

    assert [(clash.code, clash.method, clash.values) for clash in clashes] == [
        ("VELO_ROUTE_DUPLICATE", "GET", ("GET /a", "GET /a")),
        ("VELO_ROUTE_DUPLICATE", "GET", ("GET /u/{id}", "GET /u/{name}")),
        ("VELO_ROUTE_DUPLICATE", "GET", ("GET /v{a:int}.{b}", "GET /v{c:int}.{d}")),
        ("VELO_ROUTE_DUPLICATE", "GET", ("GET /f/{p:path}", "GET /f/{q:path}")),
    ]
    assert clashes[1].message == "GET /u/{id} and GET /u/{name} match the same paths"
    assert [one.text for one in clashes[1].patterns] == ["/u/{id}", "/u/{name}"]


def test_of_three_duplicates_each_is_reported_against_the_first() -> None:
    _, clashes = tree_of("GET /{a}", "GET /{b}", "GET /{c}")

    assert [clash.values for clash in clashes] == [("GET /{a}", "GET /{b}"), ("GET /{a}", "GET /{c}")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /{x:ab}", "GET /{x:bc}"),
        ("GET /{x:ab}", "GET /{y:slug}"),
        ("GET /{x:ab}/b", "GET /{x:bc}/{y}"),
        ("GET /{x:ab}/{p:path}", "GET /{x:bc}/c"),
        ("GET /-{x:ab}", "GET /-{x:bc}"),
        ("GET /{x:ab}-{y:bc}", "GET /{x:bc}-{y:ab}"),
        ("GET /x/{x:ab}/{y:ab}", "GET /x/{x:ab}/{y:bc}"),
    ],
)
def test_converters_of_one_rank_at_one_place_are_ambiguous(first: str, second: str) -> None:
    for routes in ((first, second), (second, first)):
        _, clashes = tree_of(*routes)

        assert [clash.code for clash in clashes] == ["VELO_ROUTE_AMBIGUOUS"]
        assert set(clashes[0].values) == {first, second}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /{x:ab}", "POST /{x:bc}"),
        ("GET /{x:ab}/x", "GET /{x:bc}/y"),
        ("GET /{x:ab}/x", "GET /{x:bc}/x/y"),
        ("GET /{x:ab}/{y:int}", "GET /{x:bc}/y"),
        ("GET /{x:ab}/y", "GET /{x:bc}/{y:int}"),
        ("GET /{x:int}", "GET /{x:float}"),
        ("GET /a{x:ab}", "GET /b{x:bc}"),
    ],
)
def test_what_no_path_of_one_method_can_match_both_is_not_ambiguous(first: str, second: str) -> None:
    assert tree_of(first, second)[1] == []
    assert tree_of(second, first)[1] == []


def test_another_rank_settles_an_ambiguity() -> None:
    first: Converter = Word("a", "b")
    second: Converter = Word("b", "c", rank=TYPED - 1)
    tree = Tree[str]()
    tree.insert(parse("/{x:first}", {"first": first}), "GET", "first")
    tree.insert(parse("/{x:second}", {"second": second}), "GET", "second")

    assert tree.freeze() == []
    assert find(tree, "GET", "/b") == ("second", ("b",))
    assert find(tree, "GET", "/a") == ("first", ("a",))


def test_a_catch_all_may_be_a_converter_of_ones_own() -> None:
    tree = Tree[str]()
    tree.insert(parse("/s/{x:two}", {"two": Word("a/b", rank=CATCH_ALL)}), "GET", "two")
    tree.insert(pattern("/s/{x:path}"), "GET", "all")

    assert [clash.code for clash in tree.freeze()] == ["VELO_ROUTE_AMBIGUOUS"]

    tree = Tree[str]()
    tree.insert(parse("/s/{x:two}", {"two": Word("a/b", rank=CATCH_ALL + 1)}), "GET", "two")
    tree.freeze()

    assert find(tree, "GET", "/s/a/b") == ("two", ("a/b",))
    assert not find(tree, "GET", "/s/a/c")


def test_nothing_but_literal_text_is_asked_about_an_empty_segment() -> None:
    tree = Tree[str]()
    tree.insert(parse("/a/{x:any}", {"any": Anything()}), "GET", "one")
    tree.insert(parse("/{x:all}", {"all": Anything(rank=CATCH_ALL)}), "POST", "rest")
    tree.freeze()

    for path in ("/", "//", "//a", "/a/", "/a//", "/a//b"):
        assert not find(tree, "GET", path)
        assert tree.methods(path.split("/")) == ({"POST"} if path.startswith("/a") else set())


def test_a_weak_value_gives_way_in_either_order() -> None:
    for order in ((True, False), (False, True)):
        tree = Tree[str]()
        for weak in order:
            tree.insert(pattern("/a"), "HEAD", "weak" if weak else "strong", weak=weak)

        assert tree.freeze() == []
        assert find(tree, "HEAD", "/a") == ("strong", ())


# Against the definition

parameters = st.sampled_from(["{int}", "{str}", "{float}", "{uuid}"])
ends = st.sampled_from(["", "a", "-"])
middles = st.sampled_from(["-", "a", "--"])
pieces = st.tuples(ends, parameters, middles, parameters, ends) | st.tuples(middles, parameters, ends)
segments = st.sampled_from(["a", "b", "-", "1"]) | parameters | pieces.map("".join)
last_segments = st.sampled_from(["", "{path}", "a", "{str}", "{int}"])
texts = st.tuples(st.lists(segments, max_size=3), last_segments).map(lambda parts: "/" + "/".join([*parts[0], parts[1]]))
paths = st.lists(st.text("a1-.", max_size=4), max_size=4).map(lambda parts: "/" + "/".join(parts))
methods = st.sampled_from(["GET", "POST"])


def named(text: str) -> str:
    """`/{int}/{str}` with a name for each parameter."""
    pieces = text.split("{")
    return pieces[0] + "".join(f"{{p{number}:{piece}" for number, piece in enumerate(pieces[1:]))


def specificity(route: Pattern) -> list[tuple[object, ...]]:
    """Written out once more: literal, compound by literal text, single parameter by rank."""

    def of(segment: Segment) -> tuple[object, ...]:
        lengths = [len(literal) for literal in segment.literals]
        ranks = [parameter.converter.rank for parameter in segment.parameters]
        if not ranks:
            return (0,)
        return (1, -sum(lengths), -lengths[0], -lengths[-1], ranks, segment.literals) if sum(lengths) else (2, ranks)

    return [of(segment) for segment in route.segments]


def match_alone(route: Pattern, path: str) -> tuple[object, ...] | None:
    """Whether one pattern matches, without a tree."""
    parts = path.split("/")[1:]
    values: tuple[object, ...] = ()
    for number, segment in enumerate(route.segments):
        if number >= len(parts):
            return None
        if segment.is_catch_all:
            rest = segment.match("/".join(parts[number:]))
            return None if rest is None or not parts[number] else values + rest
        found = segment.match(parts[number])
        if found is None:
            return None
        values += found
    return values if len(parts) == len(route.segments) else None


def find_by_trial(routes: Sequence[tuple[str, Pattern]], method: str, path: str) -> tuple[str, tuple[object, ...]] | None:
    """The definition: the first pattern, sorted by specificity, that matches and has the method."""
    for known, route in sorted(routes, key=lambda one: specificity(one[1])):
        values = match_alone(route, path)
        if values is not None and known == method:
            return f"{known} {route.text}", values
    return None


def without_duplicates(tree: Tree[str], routes: list[tuple[str, Pattern]]) -> list[tuple[str, Pattern]]:
    for method, route in routes:
        tree.insert(route, method, f"{method} {route.text}")
    refused = [clash.patterns[1] for clash in tree.freeze()]
    return [(method, route) for method, route in routes if not any(route is one for one in refused)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(methods, texts.map(named).map(pattern)), max_size=12), st.lists(paths, min_size=1, max_size=8))
def test_the_tree_finds_what_trying_all_patterns_finds(routes: list[tuple[str, Pattern]], asked: list[str]) -> None:
    tree = Tree[str]()
    routes = without_duplicates(tree, routes)
    for method, path in product(("GET", "POST"), asked):
        matching = {known for known, route in routes if match_alone(route, path) is not None}

        assert (find(tree, method, path) or None) == find_by_trial(routes, method, path)
        assert tree.methods(path.split("/")) == matching
        assert tree.find(method, path.split("/", tree.depth + 1)) == find(tree, method, path)
        if find(tree, method, path) is None:
            assert matching == set()


@settings(max_examples=100, deadline=None)
@given(st.lists(texts.map(named).map(pattern), max_size=10), st.randoms(use_true_random=False), paths)
def test_the_order_of_insertion_changes_nothing(routes: list[Pattern], random: Random, path: str) -> None:
    tree = Tree[str]()
    distinct = [route for _, route in without_duplicates(tree, [("GET", route) for route in routes])]
    shuffled = list(distinct)
    random.shuffle(shuffled)
    other = Tree[str]()
    for route in shuffled:
        other.insert(route, "GET", f"GET {route.text}")

    assert other.freeze() == []
    assert find(other, "GET", path) == find(tree, "GET", path)


# What it costs: calls of functions, Python and C, never seconds


def calls(function: Callable[[], object]) -> int:
    """Without those of a garbage collection of that moment."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def cost(tree: Tree[str], path: str, method: str = "GET") -> int:
    asked = path.split("/", tree.depth + 1)
    return max(calls(lambda: tree.find(method, asked)), calls(lambda: tree.methods(asked)))


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ("/r{}/{{id}}", "/r{}/7"),
        ("/{{tenant}}/r{}/{{id}}", "/t/r{}/7"),
        ("/{{a:int}}/{{b}}/r{}", "/5/6/r{}"),
        ("/{{id}}.r{}", "/7.r{}"),
        ("/r{}-{{id}}", "/r{}-7"),
        ("/r{}-{{a}}-{{b}}-x", "/r{}-5-6-x"),
    ],
)
def test_the_last_of_ten_thousand_routes_costs_as_much_as_the_first_of_ten(shape: str, path: str) -> None:
    few, _ = tree_of(*(f"GET {shape.format(number)}" for number in range(10_000, 10_010)))
    many, _ = tree_of(*(f"GET {shape.format(number)}" for number in range(10_000, 20_000)))
    first, last, none = path.format(10_000), path.format(19_999), path.format(20_000)
    found = find(few, "GET", first)

    assert found
    assert find(many, "GET", last) == (f"GET {shape.format(19_999)}", found[1])
    assert cost(many, last) == cost(few, first)
    assert find(many, "GET", none) is None
    assert cost(many, none) == cost(few, none)


def test_a_path_of_two_thousand_segments_costs_no_more_than_the_deepest_pattern() -> None:
    tree, _ = tree_of(*(f"GET {family(depth)}/x" for depth in range(30)))

    assert find(tree, "GET", "/a" * 2_000) is None
    assert cost(tree, "/a" * 2_000) == cost(tree, "/a" * 31)


def family(depth: int) -> str:
    """`/{p0}/{p1}/...`, that many segments deep."""
    return "".join(f"/{{p{number}}}" for number in range(depth))


def test_a_pattern_of_two_thousand_segments_is_no_deeper_than_the_stack() -> None:
    tree, _ = tree_of(f"GET {family(2_000)}/x", "GET /a/{rest:path}")

    assert find(tree, "GET", "/a" * 2_000 + "/x") == ("GET /a/{rest:path}", ("/".join("a" * 1_999 + "x"),))
    assert find(tree, "GET", "/b" * 2_000 + "/x") == (f"GET {family(2_000)}/x", ("b",) * 2_000)
    assert find(tree, "GET", "/b" * 2_001 + "/x") is None


CALLS_PER_NODE = 20
"""More than `methods` needs for one node; `find` needs three."""


def test_taking_back_comes_to_each_node_once() -> None:
    """Every place is a literal or a parameter: the path begins like all of 2**8 patterns and ends like none."""
    routes = ["".join(choice) for choice in product(*((f"/a{n}", f"/{{p{n}}}") for n in range(8)))]
    tree, _ = tree_of(*(f"GET {route}/end" for route in routes))
    path = "".join(f"/a{n}" for n in range(8))

    assert find(tree, "GET", path + "/other") is None
    assert cost(tree, path + "/other") < CALLS_PER_NODE * 2 ** (8 + 1)


def test_a_chain_of_parameters_is_walked_once() -> None:
    """`/{p0}/x`, `/{p0}/{p1}/x` and so on: one node for each depth."""
    tree, _ = tree_of(*(f"GET {family(depth)}/x" for depth in range(1, 100)))

    assert find(tree, "GET", "/a" * 99 + "/x") == (f"GET {family(99)}/x", ("a",) * 99)
    assert cost(tree, "/a" * 99 + "/y") < CALLS_PER_NODE * 100
    assert cost(tree, "/x" * 100) < CALLS_PER_NODE * 200
