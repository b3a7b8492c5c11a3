from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.errors import SetupError, VeloError
from velo_core.routing.converters import CONVERTERS, NO_MATCH, TYPED, Converter, RegexConverter
from velo_core.routing.pattern import PathBuildError, Pattern, Segment, join, parse


def pattern(text: str, **more: Converter) -> Pattern:
    return parse(text, {**CONVERTERS, **more})


class Counting:
    """An integer below ten that counts how often it was asked."""

    name = "counting"
    rank = 50
    makes = int

    def __init__(self) -> None:
        self.calls = 0

    def parse(self, text: str, /) -> object:
        self.calls += 1
        return int(text) if text in set("0123456789") else NO_MATCH

    def format(self, value: object, /) -> str:
        return str(value)


class Anything:
    """Takes every text without a hyphen, and insists that there is one."""

    name = "any"
    rank = TYPED
    makes = str

    def parse(self, text: str, /) -> object:
        assert text
        return NO_MATCH if "-" in text else text

    def format(self, value: object, /) -> str:
        return str(value)


# Reading


def test_a_pattern_knows_its_parameters_in_order() -> None:
    found = pattern("/users/{id:int}/files/{name}.{ext}")

    assert [(one.name, one.converter_name) for one in found.parameters] == [("id", "int"), ("name", "str"), ("ext", "str")]
    assert found.parameters[0].converter is CONVERTERS["int"]
    assert [segment.literals for segment in found.segments] == [("users",), ("", ""), ("files",), ("", ".", "")]
    assert not found.is_static


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a/"),
        ("/{{a}}", "/{a}"),
        ("/{{{{", "/{{"),
        ("/caffè", "/caffè"),
        ("/100%", "/100%"),
        ("/a b", "/a b"),
        ("/.well-known", "/.well-known"),
        ("/...", "/..."),
    ],
)
def test_a_pattern_without_parameters_is_one_path(text: str, path: str) -> None:
    assert pattern(text).is_static
    assert pattern(text).path == path


def test_braces_are_doubled_next_to_a_parameter_too() -> None:
    assert pattern("/{{{a}}}").segments == (Segment(("{", "}"), pattern("/{a}").parameters),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("users", "must begin with a slash: write '/users'"),
        ("{path:path}", "must begin with a slash"),
        ("/a?b", "has a '?'"),
        ("/a#b", "has a '#'"),
        ("/a%20b", "has the percent-encoded text '%20'"),
        ("/a%2Fb", "has the percent-encoded text '%2F'"),
        ("/{}", "a parameter without a name"),
        ("/{:int}", "a parameter without a name"),
        ("/{1a}", "a parameter with the name '1a'"),
        ("/{a b}", "a parameter with the name 'a b'"),
        ("/{ a }", "a parameter with the name ' a '"),
        ("/{a-b}", "a parameter with the name 'a-b'"),
        ("/{a}/{b}/{a}", "has more than one parameter a"),
        ("/{a}-{a}", "has more than one parameter a"),
        ("/{a", "has a '{' without its partner"),
        ("/a}", "has a '}' without its partner"),
        ("/{a/b}", "has a '{' without its partner"),
        ("/{a{b}}", "has a '{' without its partner"),
        ("/{{a}", "has a '}' without its partner"),
        ("/{a:hex}", "asks for a converter 'hex' in {a:hex}: there are float, int, path, str, uuid"),
        ("/{a:}", "asks for a converter ''"),
        ("/{a:path}/b", "put that one last"),
        ("/{a:path}/", "put that one last"),
        ("/v{a:path}", "must stand alone"),
        ("/{a}.{b:path}", "must stand alone"),
        ("/{a}{b}", "has nothing between the parameters a and b"),
        ("//a", "has two slashes in a row"),
        ("/a//b", "has two slashes in a row"),
        ("/a/../b", "has a segment '..'"),
        ("/.", "has a segment '.'"),
        ("/a/<int:b>", "has the segment '<int:b>': write {b:int} for a parameter"),
        ("/<b>/c", "has the segment '<b>': write {b} for a parameter"),
        ("/a\0", "has a NUL"),
        ("/a\ufffd", "has a NUL, a U+FFFD"),
        ("/a\ud800", "lone surrogate"),
    ],
)
def test_a_mistake_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(SetupError) as raised:
        pattern(text)

    assert message in str(raised.value)
    assert raised.value.code == "VELO_ROUTE_PATTERN"


@given(st.text(alphabet="/{}:%?#ab.int", max_size=20))
def test_every_text_is_a_pattern_or_a_mistake(text: str) -> None:
    try:
        found = pattern(text)
    except SetupError:
        return

    assert found.text == text
    assert len(found.segments) == text.count("/")


@pytest.mark.parametrize(
    ("prefix", "path", "joined"),
    [
        ("", "", ""),
        ("", "/", "/"),
        ("", "/a", "/a"),
        ("/api", "", "/api"),
        ("/api", "/", "/api/"),
        ("/api", "/a", "/api/a"),
        ("/api/", "/a", "/api/a"),
        ("/api/", "", "/api"),
        ("/", "/a", "/a"),
        ("/{tenant}", "/{id}", "/{tenant}/{id}"),
    ],
)
def test_a_path_is_joined_to_its_prefix(prefix: str, path: str, joined: str) -> None:
    assert join(prefix, path) == joined


@pytest.mark.parametrize(("prefix", "path"), [("api", "/a"), ("/api", "a")])
def test_what_is_joined_begins_with_a_slash(prefix: str, path: str) -> None:
    """Else `/api` and `users` would become `/apiusers`."""
    with pytest.raises(SetupError, match="must begin with a slash"):
        join(prefix, path)


# Segments


@pytest.mark.parametrize(
    ("text", "segment", "values"),
    [
        ("/a", "a", ()),
        ("/a", "b", None),
        ("/{x}", "a", ("a",)),
        ("/{x}", "", None),
        ("/@{user}", "@joe", ("joe",)),
        ("/@{user}", "@", None),
        ("/@{user}", "joe", None),
        ("/{x}@", "joe@", ("joe",)),
        ("/ab{x}ba", "aba", None),
        ("/ab{x}ba", "abba", None),
        ("/ab{x}ba", "ab-ba", ("-",)),
        ("/{name}.{ext}", "a.txt", ("a", "txt")),
        ("/{name}.{ext}", "a.tar.gz", ("a.tar", "gz")),
        ("/{name}.{ext}", ".txt", None),
        ("/{name}.{ext}", "a.", None),
        ("/{name}.{ext}", "a", None),
        ("/{name}.{ext}", "a..", ("a", ".")),
        ("/{name}.{ext}", "...", (".", ".")),
        ("/v{major:int}.{minor:int}", "v1.2", (1, 2)),
        ("/v{major:int}.{minor:int}", "v1.2.3", None),
        ("/{slug}-{id:int}", "hello-world-42", ("hello-world", 42)),
        ("/{id:int}-{slug}", "42-hello-world", (42, "hello-world")),
        ("/{id:int}-{slug}", "-42-hello", (-42, "hello")),
        ("/{a}-{b:int}-{c}", "x-1-2-y", ("x-1", 2, "y")),
        ("/{a}-{b:int}-{c}", "x-1-y-z", ("x", 1, "y-z")),
        ("/{a}--{b}", "x---y", ("x-", "y")),
        ("/{a}aa{b}", "xaaay", ("xa", "y")),
        ("/{a}-{b}-{c}-{d}-{e}-{f}-{g}-{h}-{i}-{j}-{k}-{l}", "1-2-3-4-5-6-7-8-9-10-11-12", (*"123456789", "10", "11", "12")),
    ],
)
def test_a_segment_is_divided_so_that_the_left_takes_most(text: str, segment: str, values: tuple[object, ...] | None) -> None:
    assert pattern(text).segments[0].match(segment) == values


def divide_by_trial(literals: tuple[str, ...], converters: tuple[Converter, ...], text: str) -> tuple[object, ...] | None:
    """The definition: literal, then the longest part that fits and leaves a rest that fits."""
    if not text.startswith(literals[0]):
        return None
    rest = text[len(literals[0]) :]
    if not converters:
        return None if rest else ()
    for length in range(len(rest), 0, -1):
        value = converters[0].parse(rest[:length])
        if value is not NO_MATCH:
            values = divide_by_trial(literals[1:], converters[1:], rest[length:])
            if values is not None:
                return (value, *values)
    return None


@given(
    st.lists(st.sampled_from(["-", "a", "--", "-a"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["int", "str", "float"]), min_size=4, max_size=4),
    st.sampled_from(["", "a", "-"]),
    st.sampled_from(["", "a", "-"]),
    st.text("a-1.", max_size=9),
)
def test_a_segment_is_divided_as_by_trying_everything(between: list[str], names: list[str], before: str, after: str, text: str) -> None:
    literals = (before, *between, after)
    written = "".join(f"{{p{number}:{names[number]}}}{literal}" for number, literal in enumerate(literals[1:]))
    segment = pattern(f"/{before}{written}").segments[0]

    assert segment.match(text) == divide_by_trial(segment.literals, segment.converters, text)


@pytest.mark.parametrize("text", ["", "-", "x-", "-x", "--", "-x-y", "x-y-", "x--y", "abba", "aba", "a", "ab", "ba"])
def test_no_converter_is_asked_about_an_empty_text(text: str) -> None:
    for written in ("/{a:any}", "/{a:any}-{b:any}", "/{a:any}-{b:int}", "/{a:any}-{b:any}-{c:int}", "/ab{a:any}ba", "/a{a:any}"):
        values = pattern(written, any=Anything()).segments[0].match(text)

        assert "" not in (values or ())


def test_a_segment_made_to_be_taken_back_costs_a_bounded_number_of_attempts() -> None:
    counting = Counting()
    segment = pattern("/{a}-{b:counting}-{c:counting}-{d:counting}", counting=counting).segments[0]

    assert segment.match("-x" * 2_000) is None
    assert 0 < counting.calls <= 1_000


# Writing


@pytest.mark.parametrize(
    ("text", "values", "path"),
    [
        ("/", {}, "/"),
        ("/a/", {}, "/a/"),
        ("/caffè", {}, "/caff%C3%A8"),
        ("/100%", {}, "/100%25"),
        ("/{{a}}", {}, "/%7Ba%7D"),
        ("/{x}", {"x": "a/b"}, "/a%2Fb"),
        ("/{x}", {"x": "a b?c#d%2F"}, "/a%20b%3Fc%23d%252F"),
        ("/{x}", {"x": "-._~!$&'()*+,;=:@"}, "/-._~!$&'()*+,;=:@"),
        ("/{x}", {"x": "ü"}, "/%C3%BC"),
        ("/{x}", {"x": 7}, "/7"),
        ("/{x}", {"x": "\r\n"}, "/%0D%0A"),
        ("/{x}", {"x": "\\evil.test"}, "/%5Cevil.test"),
        ("/{x}", {"x": "/evil.test"}, "/%2Fevil.test"),
        ("/{x}", {"x": "..."}, "/..."),
        ("/{x}", {"x": "a/../b"}, "/a%2F..%2Fb"),
        ("/{x:int}/b/{y}", {"y": "c", "x": -1}, "/-1/b/c"),
        ("/s/{x:path}", {"x": "a/b c/"}, "/s/a/b%20c/"),
        ("/{name}.{ext}", {"name": "a.tar", "ext": "gz"}, "/a.tar.gz"),
    ],
)
def test_a_path_is_built_from_values(text: str, values: Mapping[str, object], path: str) -> None:
    assert pattern(text).build(values) == path


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("/{x}/{y}", {}, "needs a value for x, y"),
        ("/{x}", {"x": "a", "z": 1}, "has no parameter z; it has x"),
        ("/a", {"z": 1}, "has no parameter z; it has none"),
        ("/{x}", {"x": ""}, "'' is no value for x"),
        ("/{x}", {"x": None}, "None is no value for x"),
        ("/{x}", {"x": "a\0"}, "would not be matched"),
        ("/{x}", {"x": "\ufffd"}, "would not be matched"),
        ("/{x}", {"x": chr(0xD800)}, "would not be matched"),
        ("/{x}", {"x": ".."}, "clients remove"),
        ("/{x:path}", {"x": "a/../b"}, "clients remove"),
        ("/{x:path}", {"x": "/evil.test"}, "would not be matched"),
        ("/{x:int}", {"x": "7"}, "an int is needed"),
        ("/{x:int}", {"x": 10**19}, "would not be matched"),
        ("/{x:word}", {"x": "B"}, "would not be matched"),
        ("/{name}.{ext}", {"name": "a", "ext": "tar.gz"}, "is read as other values"),
    ],
)
def test_values_that_would_not_come_back_build_no_path(text: str, values: Mapping[str, object], message: str) -> None:
    with pytest.raises(PathBuildError) as raised:
        pattern(text, word=RegexConverter("[a-z]+")).build(values)

    assert message in str(raised.value)
    assert isinstance(raised.value, VeloError)
    assert isinstance(raised.value, ValueError)


def test_an_empty_value_builds_no_path_whatever_the_converter() -> None:
    with pytest.raises(PathBuildError, match="'' is no value for x"):
        pattern("/{x:any}", any=Anything()).build({"x": ""})


@given(st.text(), st.text(), st.text())
def test_no_value_builds_a_path_that_names_a_host(first: str, second: str, rest: str) -> None:
    """`//evil.test` in a `Location` or an `href` leaves the site; browsers read a backslash as a slash."""
    for text, values in (("/{a}/{b}", {"a": first, "b": second}), ("/{rest:path}", {"rest": rest})):
        try:
            path = pattern(text).build(values)
        except PathBuildError:
            continue

        assert path.isascii()
        assert not path.startswith("//")
        assert not {"\\", "\r", "\n", "?", "#"} & set(path)
