"""Entity tags (RFC 9110 sections 8.8.3, 13.1.1, 13.1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.headers import check_header
from velo_core.parsing.etags import Etags, format_etag, parse_etags


@pytest.mark.parametrize(
    ("one", "other", "strong", "weak"),
    [
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', 'W/"1"', False, True),
        ('"1"', '"1"', True, True),
        ('"1"', '"2"', False, False),
    ],
)
def test_tags_compare_as_in_the_table(one: str, other: str, strong: bool, weak: bool) -> None:
    """RFC 9110 section 8.8.3.2."""
    assert parse_etags(one).matches_strong(other) is strong
    assert parse_etags(one).matches_weak(other) is weak


@pytest.mark.parametrize(
    ("value", "strong", "weak"),
    [
        ('"xyzzy"', {"xyzzy"}, set[str]()),
        ('"xyzzy", "r2d2xxxx", "c3piozzzz"', {"xyzzy", "r2d2xxxx", "c3piozzzz"}, set[str]()),
        ('W/"xyzzy", W/"r2d2xxxx","c3piozzzz"', {"c3piozzzz"}, {"xyzzy", "r2d2xxxx"}),
        ('""', {""}, set[str]()),
        (' ,\t"a,b" ,, "\\"', {"a,b", "\\"}, set[str]()),
        ('"é"', {"é"}, set[str]()),
        ('"*"', {"*"}, set[str]()),
    ],
)
def test_lists_of_tags_are_read(value: str, strong: set[str], weak: set[str]) -> None:
    assert parse_etags(value) == Etags(strong=frozenset(strong), weak=frozenset(weak))


def test_a_star_matches_whatever_there_is() -> None:
    etags = parse_etags(" * ")

    assert etags.any
    assert etags.matches_strong('W/"1"')
    assert etags.matches_weak('"1"')


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        "xyzzy",
        '"a',
        'a"',
        '"a" "b"',
        '"a"b',
        'w/"a"',
        'W/ "a"',
        "W/",
        '"a b"',
        '"a\x00"',
        '"€"',
        '*, "a"',
        '"a", *',
        '"a", b',
        "'a'",
    ],
)
def test_a_malformed_value_matches_nothing(value: str) -> None:
    etags = parse_etags(value)

    assert etags == Etags()
    assert not etags.matches_weak('"a"')
    assert not etags.matches_strong('"a"')


@pytest.mark.parametrize("current", ["", "a", '"a', '"a"\n', '"a", "b"', '"a"x'])
def test_a_current_tag_that_is_none_matches_nothing(current: str) -> None:
    assert not parse_etags('"a"').matches_weak(current)
    assert not parse_etags('"a"').matches_strong(current)


opaque = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'), max_size=8)


@given(st.lists(st.tuples(opaque, st.booleans()), min_size=1, max_size=5))
def test_what_is_written_is_read_back(tags: list[tuple[str, bool]]) -> None:
    written = ", ".join(format_etag(tag, weak=weak) for tag, weak in tags)

    etags = parse_etags(written)

    assert etags.strong == {tag for tag, weak in tags if not weak}
    assert etags.weak == {tag for tag, weak in tags if weak}
    assert check_header("etag", format_etag(*tags[0][:1])) == ("etag", format_etag(tags[0][0]))


@pytest.mark.parametrize("tag", ['a"b', "a b", "a\r\nb", "a\x00", "a\x7f", "€"])
def test_what_no_tag_can_hold_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="cannot be an entity tag"):
        format_etag(tag)


@given(st.text(st.characters(), max_size=20) | st.text('W/"a, *', max_size=20))
def test_no_text_makes_it_raise(value: str) -> None:
    parse_etags(value).matches_weak('"a"')
