"""Header fields: look-ups, order, and that nothing which could split a response gets in."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.headers import Headers, MutableHeaders, check_header, is_token

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

tokens = st.text(TOKEN_CHARACTERS, min_size=1, max_size=12)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
names = st.sampled_from(["a", "A", "b", "set-cookie", "Set-Cookie", "content-type"])

SPLITTING = ["a\r\nx-injected: 1", "a\rb", "a\nb", "\r\n", "a\x00b", "a\x0bb", "a\x7fb", "a\x1b[2J", "a\r\n "]
BAD_NAMES = ["", " ", "a b", "a:", ":status", "a\r\nb", "a\x00", "café", "x-\u212a", "a\u2028", "a,b", 'a"', "a/b", "(a)", "a\n"]

WAYS_IN: dict[str, Callable[[MutableHeaders, str, str], object]] = {
    "Headers": lambda headers, name, value: Headers([(name, value)]),
    "Headers of a mapping": lambda headers, name, value: Headers({name: value}),
    "MutableHeaders": lambda headers, name, value: MutableHeaders([(name, value)]),
    "MutableHeaders of received ones": lambda headers, name, value: MutableHeaders(
        Headers._trusted([(name, value)])  # pyright: ignore[reportPrivateUsage]: what an adapter does
    ),
    "add": lambda headers, name, value: headers.add(name, value),
    "set": lambda headers, name, value: headers.set(name, value),
    "setdefault": lambda headers, name, value: headers.setdefault(name, value),
    "setdefault of a present one": lambda headers, name, value: headers.setdefault("present", value),
    "update": lambda headers, name, value: headers.update([("sound", "1"), (name, value)]),
    "update with a mapping": lambda headers, name, value: headers.update({name: value}),
    "item": lambda headers, name, value: headers.__setitem__(name, value),
    "__init__ again": lambda headers, name, value: MutableHeaders.__init__(headers, [(name, value)]),
}


@pytest.mark.parametrize("value", SPLITTING)
@pytest.mark.parametrize("way", WAYS_IN)
def test_no_public_way_lets_a_value_in_that_splits_a_response(way: str, value: str) -> None:
    headers = MutableHeaders([("present", "1")])

    with pytest.raises(ValueError, match="control characters"):
        WAYS_IN[way](headers, "x-a", value)

    assert headers == MutableHeaders([("present", "1")])


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("way", [way for way in WAYS_IN if way != "setdefault of a present one"])
def test_no_public_way_lets_a_name_in_that_is_not_a_token(way: str, name: str) -> None:
    headers = MutableHeaders([("present", "1")])

    with pytest.raises(ValueError, match="is not a header name"):
        WAYS_IN[way](headers, name, "1")

    assert headers == MutableHeaders([("present", "1")])


@pytest.mark.parametrize("name", BAD_NAMES)
def test_vary_takes_only_header_names(name: str) -> None:
    headers = MutableHeaders()

    with pytest.raises(ValueError, match="Vary"):
        headers.vary("accept", name)

    assert len(headers) == 0


def test_what_items_returns_is_no_way_in() -> None:
    assert isinstance(Headers([("a", "1")]).items(), tuple)
    assert isinstance(MutableHeaders([("a", "1")]).items(), tuple)


def test_a_refusal_names_the_header_and_the_character_but_not_the_value() -> None:
    with pytest.raises(ValueError, match=r"'authorization' has U\+000A at index 10") as refused:
        check_header("Authorization", "Bearer abc\n")

    assert "Bearer" not in str(refused.value)


def test_a_value_outside_latin_1_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match=r"'x-price' has U\+20AC at index 2: only latin-1 may be sent"):
        check_header("x-price", "5 €")


@pytest.mark.parametrize(("name", "value"), [("a", 1), ("a", None), ("a", b"1"), (b"a", "1"), (1, "1")])
def test_what_is_not_text_is_a_type_error(name: object, value: object) -> None:
    with pytest.raises(TypeError, match="not str"):
        check_header(cast("str", name), cast("str", value))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("", ""),
        (" \t", ""),
        (" a b\t", "a b"),
        ("a\tb", "a\tb"),
        ("caf\xe9 \x80", "caf\xe9 \x80"),
        ("\xa0a\xa0", "\xa0a\xa0"),
        ("~ !", "~ !"),
    ],
)
def test_only_the_white_space_of_http_is_trimmed_and_obs_text_is_kept(value: str, sent: str) -> None:
    """RFC 9110 section 5.5."""
    assert check_header("X-A", value) == ("x-a", sent)


@given(name=st.text(max_size=8) | tokens, value=st.text(max_size=12) | values)
def test_a_pair_passes_exactly_if_the_grammar_has_it(name: str, value: str) -> None:
    sound = (
        name != ""
        and all(character in TOKEN_CHARACTERS for character in name)
        and all(character == "\t" or "\x20" <= character <= "\x7e" or "\x80" <= character <= "\xff" for character in value.strip(" \t"))
    )
    try:
        checked = check_header(name, value)
    except ValueError:
        assert not sound
    else:
        assert sound
        assert checked == (name.lower(), value.strip(" \t"))


@given(st.text(max_size=8) | tokens)
def test_a_token_has_only_token_characters(text: str) -> None:
    """RFC 9110 section 5.6.2."""
    assert is_token(text) == (text != "" and all(character in TOKEN_CHARACTERS for character in text))


def test_look_ups_ignore_case_and_give_the_first_value() -> None:
    headers = Headers([("Accept", "a"), ("X-A", "1"), ("accept", "b")])

    for _ in range(5):  # the first look-ups scan, later ones use an index
        assert headers.get("ACCEPT") == "a"
        assert headers["accept"] == "a"
        assert "Accept" in headers
        assert headers.get_all("accept") == ["a", "b"]
        assert headers.get("missing") is None
        assert headers.get("missing", "x") == "x"
        assert "missing" not in headers
        assert headers.get_all("missing") == []
        with pytest.raises(KeyError, match="missing"):
            headers["missing"]


def test_a_blank_value_is_present() -> None:
    headers = Headers([("a", "")])

    assert "a" in headers
    assert headers["a"] == ""


def test_iteration_gives_each_name_once_and_items_every_field() -> None:
    headers = Headers([("B", "1"), ("a", "2"), ("b", "3")])

    assert list(headers) == ["b", "a"]
    assert headers.keys() == ("b", "a")
    assert headers.items() == (("b", "1"), ("a", "2"), ("b", "3"))
    assert len(headers) == 3
    assert dict(headers) == {"b": "1", "a": "2"}


def test_equality_is_of_fields_in_order() -> None:
    assert Headers([("A", "1"), ("b", "2")]) == MutableHeaders({"a": "1", "b": "2"})
    assert Headers([("a", "1"), ("b", "2")]) != Headers([("b", "2"), ("a", "1")])
    assert Headers([("a", "1")]) != [("a", "1")]


@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "Cookie", "set-cookie"])
def test_secrets_are_masked_in_the_representation(name: str) -> None:
    shown = repr(MutableHeaders([(name, "s3cret"), ("x-a", "1")]))

    assert shown == f"MutableHeaders([({name.lower()!r}, '***'), ('x-a', '1')])"


def test_constants_that_responses_start_from_stay_as_they_are() -> None:
    constant = [("content-type", "application/json")]
    headers = MutableHeaders._trusted(constant)  # pyright: ignore[reportPrivateUsage]: the fast path is what is tested

    headers.add("x-a", "1")
    headers.set("content-type", "text/plain")

    assert constant == [("content-type", "application/json")]


def test_set_replaces_all_fields_of_a_name_and_add_keeps_them() -> None:
    headers = MutableHeaders([("a", "1"), ("b", "2"), ("A", "3")])

    headers.add("a", "4")
    assert headers.get_all("a") == ["1", "3", "4"]

    headers["A"] = "5"
    assert headers.items() == (("b", "2"), ("a", "5"))


def test_update_replaces_names_and_keeps_duplicates_of_the_new_ones() -> None:
    headers = MutableHeaders([("set-cookie", "old=1"), ("a", "1")])

    headers.update([("Set-Cookie", "x=1"), ("set-cookie", "y=2")])
    headers.update(headers)

    assert headers.items() == (("a", "1"), ("set-cookie", "x=1"), ("set-cookie", "y=2"))


def test_setdefault_adds_only_what_is_missing() -> None:
    headers = MutableHeaders({"a": "1"})

    assert headers.setdefault("A", "2") == "1"
    assert headers.setdefault("b", " 3 ") == "3"
    assert headers.items() == (("a", "1"), ("b", "3"))


def test_del_wants_the_name_to_be_there_and_remove_does_not() -> None:
    headers = MutableHeaders([("a", "1"), ("b", "2"), ("a", "3")])

    del headers["A"]
    headers.remove("a")
    headers.remove("B")

    assert len(headers) == 0
    with pytest.raises(KeyError):
        del headers["a"]


@pytest.mark.parametrize(
    ("present", "added", "vary"),
    [
        ([], ["Accept", "accept", "Origin"], ["Accept, Origin"]),
        (["accept, Cookie", "origin"], ["Cookie", "Range"], ["accept, Cookie, origin, Range"]),
        (["*"], ["Cookie"], ["*"]),
        (["Accept"], ["*"], ["*"]),
        ([" , accept,,"], ["origin"], ["accept, origin"]),
        ([], [], []),
    ],
)
def test_vary_lists_each_name_once(present: list[str], added: list[str], vary: list[str]) -> None:
    """RFC 9110 section 12.5.5."""
    headers = MutableHeaders([("Vary", line) for line in present])

    headers.vary(*added)

    assert headers.get_all("vary") == vary


operations = st.lists(st.tuples(st.sampled_from(["add", "set", "remove", "setdefault", "get"]), names, st.sampled_from("123")), max_size=20)


@given(operations)
def test_any_sequence_of_changes_agrees_with_a_plain_list(steps: list[tuple[str, str, str]]) -> None:
    headers, model = MutableHeaders(), list[tuple[str, str]]()
    for operation, name, value in steps:
        lower = name.lower()
        present = [text for key, text in model if key == lower]
        assert headers.get(name) == (present[0] if present else None)
        if operation == "get":
            continue
        if operation in ("set", "remove"):
            model = [pair for pair in model if pair[0] != lower]
        if operation in ("set", "add") or (operation == "setdefault" and not present):
            model.append((lower, value))
        if operation == "remove":
            headers.remove(name)
        else:
            getattr(headers, operation)(name, value)

    assert list(headers.items()) == model


def test_names_that_were_checked_before_are_still_told_apart_from_bad_ones() -> None:
    """Checked names are remembered: neither a bad name nor a flood of good ones may change what is let in."""
    for number in range(3000):
        check_header(f"x-flood-{number}", "1")

    assert check_header("X-New", "1") == ("x-new", "1")
    assert check_header("x" * 500, "1") == ("x" * 500, "1")
    with pytest.raises(ValueError, match="not a header name"):
        check_header("x-new\n", "1")
