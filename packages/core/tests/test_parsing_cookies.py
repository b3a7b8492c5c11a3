"""The Cookie field is read tolerantly, Set-Cookie written strictly (RFC 6265, RFC 6265bis)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.headers import check_header
from velo_core.parsing.cookies import format_set_cookie, parse_cookies

OCTETS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\')
TOKEN = "!#$%&'*+-.^_`|~09azAZ"


@pytest.mark.parametrize(
    ("fields", "cookies"),
    [
        ([], {}),
        ([""], {}),
        (["SID=31d4d96e407aad42"], {"SID": "31d4d96e407aad42"}),  # RFC 6265 section 3.1
        (["SID=31d4d96e407aad42; lang=en-US"], {"SID": "31d4d96e407aad42", "lang": "en-US"}),
        (["a=1", "b=2; c=3"], {"a": "1", "b": "2", "c": "3"}),  # crumbs of HTTP/2
        (["a=1;b=2 ;\tc = 3 "], {"a": "1", "b": "2", "c": "3"}),
        (["a=1; a=2", "a=3"], {"a": "1"}),
        (["a=; b"], {"a": ""}),
        (["a=b=c=="], {"a": "b=c=="}),
        (['a="b c"; d="'], {"a": "b c", "d": '"'}),
        (['a=""; b="x; c=y"'], {"a": "", "b": '"x', "c": 'y"'}),
        (['a=x"y"; b="x"y'], {"a": 'x"y"', "b": '"x"y'}),
        ([r'a="\"\073"'], {"a": r"\"\073"}),  # nothing is unescaped
        (["a=1, b=2"], {"a": "1, b=2"}),
        (["A=1; a=2"], {"A": "1", "a": "2"}),
        (["=__Host-s=evil; =x; ="], {}),  # CVE-2023-23934
        (["__Host-s"], {}),
        ([" =__Host-s=evil; __Host-s=good"], {"__Host-s": "good"}),
        (["\u2000__Host-s=v; \x85__Host-t=v; \xa0__Host-u=v"], {"\u2000__Host-s": "v", "\x85__Host-t": "v", "\xa0__Host-u": "v"}),
        ([";;; ;a=1;;"], {"a": "1"}),
    ],
)
def test_cookies_are_read_tolerantly(fields: list[str], cookies: dict[str, str]) -> None:
    assert parse_cookies(fields) == cookies


def test_one_field_can_be_given_as_text() -> None:
    assert parse_cookies("a=1; b=2") == {"a": "1", "b": "2"}


@given(st.lists(st.text(st.characters(), max_size=20) | st.text('ab="; \t', max_size=20), max_size=3))
def test_any_fields_give_named_and_trimmed_cookies(fields: list[str]) -> None:
    for name, value in parse_cookies(fields).items():
        assert name
        assert name.strip(" \t") == name
        assert ";" not in name + value
        assert "=" not in name


def test_every_part_is_written() -> None:
    written = format_set_cookie(
        "session",
        "abc",
        max_age=3600,
        expires=datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC),
        path="/app",
        domain="example.com",
        secure=True,
        http_only=True,
        same_site="none",
        partitioned=True,
    )

    assert written == (
        "session=abc; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=3600; Domain=example.com; Path=/app;"
        " Secure; HttpOnly; SameSite=None; Partitioned"
    )


def test_without_being_told_a_cookie_is_as_closed_as_can_be() -> None:
    assert format_set_cookie("a", "1") == "a=1; Path=/; Secure; HttpOnly; SameSite=Lax"


class Theme(str, Enum):  # noqa: UP042 - f-strings write members of a StrEnum by their values, and those of this by their names
    DARK = "dark"


def test_a_member_of_an_enumeration_is_its_value() -> None:
    assert format_set_cookie("theme", Theme.DARK).startswith("theme=dark; ")


def test_parts_can_be_left_out() -> None:
    assert format_set_cookie("a", "", max_age=0, path=None, secure=False, http_only=False, same_site=None) == "a=; Max-Age=0"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"name": ""}, "token"),
        ({"name": "a b"}, "token"),
        ({"name": "a=b"}, "token"),
        ({"name": "a;b"}, "token"),
        ({"name": "a\r\nb"}, "token"),
        ({"name": "\u2000__Host-s"}, "token"),
        ({"value": "a b"}, "cannot carry"),
        ({"value": "a;b"}, "cannot carry"),
        ({"value": "a,b"}, "cannot carry"),
        ({"value": '"a"'}, "cannot carry"),
        ({"value": "a\\b"}, "cannot carry"),
        ({"value": "a\r\nSet-Cookie: b=1"}, "cannot carry"),
        ({"value": "a\x00"}, "cannot carry"),
        ({"value": "é"}, "cannot carry"),
        ({"value": "x" * 4096}, "4096"),
        ({"path": "/; Domain=evil.test"}, "path"),  # CVE-2026-3644 and its kin
        ({"path": "/;Domain=evil.test"}, "path"),
        ({"path": "/a b"}, "path"),
        ({"path": "/a\r\n"}, "path"),
        ({"path": "/\x00"}, "path"),
        ({"path": "/é"}, "path"),
        ({"path": "a"}, "path"),
        ({"path": ""}, "path"),
        ({"path": "/" + "x" * 1024}, "path"),
        ({"domain": "evil.test; Path=/"}, "domain"),
        ({"domain": "a\nb"}, "domain"),
        ({"domain": "bücher.example"}, "domain"),
        ({"domain": ""}, "domain"),
        ({"domain": "x" * 256}, "domain"),
        ({"same_site": "Lax; Domain=evil.test"}, "same_site"),
        ({"same_site": "no"}, "same_site"),
        ({"max_age": -1}, "max_age"),
        ({"expires": datetime(2026, 1, 1)}, "aware"),  # noqa: DTZ001 - that it is naive is the point
        ({"expires": 1e20}, "too far"),
        ({"same_site": "none", "secure": False}, "SameSite=None needs secure"),
        ({"partitioned": True, "secure": False}, "partitioned needs secure"),
        ({"name": "__Secure-a", "secure": False}, "__Secure- needs secure"),
        ({"name": "__SECURE-a", "secure": False}, "__Secure- needs secure"),
        ({"name": "__Host-a", "secure": False}, "__Host- needs"),
        ({"name": "__host-a", "path": "/app"}, "__Host- needs"),
        ({"name": "__Host-a", "path": None}, "__Host- needs"),
        ({"name": "__Host-a", "domain": "example.com"}, "__Host- needs"),
    ],
)
def test_what_a_browser_would_misread_or_drop_is_refused(parts: dict[str, Any], reason: str) -> None:
    ordinary: dict[str, Any] = {"name": "a", "value": "1"}

    with pytest.raises(ValueError, match=reason):
        format_set_cookie(**(ordinary | parts))


def test_a_refusal_does_not_show_the_value() -> None:
    with pytest.raises(ValueError, match="'a'") as refused:
        format_set_cookie("a", "s3cret;")

    assert "s3cret" not in str(refused.value)


def test_prefixed_names_are_allowed_when_their_conditions_hold() -> None:
    assert format_set_cookie("__Host-a", "1") == "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert format_set_cookie("__Secure-a", "1", domain="a.test", path="/x").startswith("__Secure-a=1; Domain=a.test; Path=/x; Secure")


@given(st.text(TOKEN, min_size=1, max_size=8), st.text(OCTETS, max_size=20))
def test_what_is_set_is_what_comes_back(name: str, value: str) -> None:
    written = format_set_cookie(name, value)

    assert parse_cookies(written.partition("; ")[0]) == {name: value}
    assert check_header("set-cookie", written) == ("set-cookie", written)


@given(name=st.text(max_size=6), value=st.text(max_size=6), path=st.text(max_size=6), domain=st.text(max_size=6))
def test_whatever_is_asked_for_no_attribute_is_smuggled_in(name: str, value: str, path: str, domain: str) -> None:
    try:
        written = format_set_cookie(name, value, path=path, domain=domain)
    except ValueError:
        return
    attributes = [part.partition("=")[0] for part in written.split("; ")]

    assert attributes == [name, "Domain", "Path", "Secure", "HttpOnly", "SameSite"]
    assert written.count(";") == 5
