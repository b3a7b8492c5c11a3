"""Query strings, as the WHATWG URL Standard reads application/x-www-form-urlencoded."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.errors import HTTPError
from velo_core.parsing.percent import percent_decode
from velo_core.parsing.query import parse_query


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("verbose=true&page=2", [("verbose", "true"), ("page", "2")]),
        ("a", [("a", "")]),
        ("a=", [("a", "")]),
        ("=a", [("", "a")]),
        ("=", [("", "")]),
        ("&&a=1&&", [("a", "1")]),
        ("&", []),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        ("a=b=c", [("a", "b=c")]),
        ("a+b=c+d", [("a b", "c d")]),
        ("a%2Bb=%20%3D%26", [("a+b", " =&")]),
        ("role=user&x=;role=admin", [("role", "user"), ("x", ";role=admin")]),  # CVE-2021-23336
        ("a=%", [("a", "%")]),
        ("a=%4", [("a", "%4")]),
        ("a=%zz%41", [("a", "%zzA")]),
        ("a=%+1", [("a", "% 1")]),
        ("a=%25%34%31", [("a", "%41")]),
        ("a=%C3%A9", [("a", "é")]),
        ("a=%c3", [("a", "�")]),
        ("a=%ff%41", [("a", "�A")]),
        ("a=%EF%BB%BFx", [("a", "\ufeffx")]),
        ("a=%00", [("a", "\x00")]),
        ("ä=ö", [("ä", "ö")]),
        ("a=\udcc3\udca9", [("a", "é")]),
        ("a=\udcff", [("a", "�")]),
        ("a=\ud800", [("a", "?")]),
        ("a=٣", [("a", "٣")]),
    ],
)
def test_pairs_are_read_as_the_standard_says(text: str, pairs: list[tuple[str, str]]) -> None:
    query = parse_query(text)

    assert list(query.multi_items()) == pairs
    assert dict(query) == dict(pairs)
    assert {name: query.get_all(name) for name in query} == {name: [value for key, value in pairs if key == name] for name, _ in pairs}


@pytest.mark.parametrize("text", ["a=1&b=2", "a=0&b=2&a=1", "%61=1&b=2"])
def test_look_ups_give_the_last_value(text: str) -> None:
    query = parse_query(text)

    assert query["a"] == query.get("a") == "1"
    assert query.get_all("b") == ["2"]
    assert query.get("c") is None
    assert query.get("c", "x") == "x"
    assert query.get_all("c") == []
    assert "a" in query
    assert "c" not in query
    assert len(query) == 2
    with pytest.raises(KeyError):
        query["c"]


def test_equality_counts_every_pair() -> None:
    assert parse_query("a=1&b=2") == parse_query("%61=1&&b=2")
    assert hash(parse_query("a=1")) == hash(parse_query("a=%31"))
    assert parse_query("a=1&a=2") != parse_query("a=2")
    assert parse_query("a=1") != {"a": "1"}
    assert repr(parse_query("a=1&a=2")) == "QueryParams([('a', '1'), ('a', '2')])"


@pytest.mark.parametrize("separator", ["&", "&a=1", "&%41=+"])
def test_more_pairs_than_allowed_are_a_400(separator: str) -> None:
    with pytest.raises(HTTPError) as refused:
        parse_query("b=1" + separator * 300_000)

    assert refused.value.status_code == 400


def test_the_bound_is_the_number_of_pairs() -> None:
    assert len(parse_query("&".join(f"a{number}" for number in range(1000)))) == 1000
    assert len(parse_query("a&b&c", max_pairs=3)) == 3
    with pytest.raises(HTTPError):
        parse_query("a&b&c&d", max_pairs=3)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6))
def test_what_is_encoded_is_read_back(pairs: list[tuple[str, str]]) -> None:
    assert list(parse_query(urlencode(pairs)).multi_items()) == pairs


def reference(text: str) -> list[tuple[str, str]]:
    """The steps of the standard, byte by byte."""
    pairs: list[tuple[str, str]] = []
    for sequence in text.encode().split(b"&"):
        if sequence:
            name, _, value = sequence.partition(b"=")
            pairs.append((reference_decode(name), reference_decode(value)))
    return pairs


def reference_decode(raw: bytes) -> str:
    raw, output, index = raw.replace(b"+", b" "), bytearray(), 0
    while index < len(raw):
        digits = raw[index + 1 : index + 3]
        if raw[index : index + 1] == b"%" and len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits):
            output.append(int(digits, 16))
            index += 3
        else:
            output.append(raw[index])
            index += 1
    return output.decode("utf-8", "replace")


@given(st.text("ab=&+;%c3A9f é٣\u2028", max_size=24) | st.text(max_size=12))
def test_any_text_is_read_as_the_reference_does(text: str) -> None:
    assert list(parse_query(text).multi_items()) == reference(text)


@given(st.text(st.characters(), max_size=12))
def test_no_text_with_few_pairs_raises(text: str) -> None:
    parse_query(text)


@pytest.mark.parametrize(
    ("text", "decoded"), [("", b""), ("a/b", b"a/b"), ("%2F+%2f", b"/+/"), ("%", b"%"), ("%%41", b"%A"), ("é", b"\xc3\xa9")]
)
def test_percent_decoding_leaves_plus_and_broken_escapes(text: str, decoded: bytes) -> None:
    """RFC 3986 section 2.1."""
    assert percent_decode(text) == decoded
