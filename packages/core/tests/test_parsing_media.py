"""Media types (RFC 9110 section 8.3) and their negotiation (section 12.5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.parsing.accept import AcceptItem, best_match, parse_accept
from velo_core.parsing.media import MediaType, parse_media_type


@pytest.mark.parametrize(
    "text",
    [
        "text/html;charset=utf-8",
        'Text/HTML;Charset="utf-8"',
        'text/html; charset="utf-8"',
        "text/html ;\tcharset=utf-8 ",
        "text/html;;charset=utf-8;",
    ],
)
def test_spellings_of_one_media_type_are_the_same(text: str) -> None:
    """RFC 9110 section 8.3.1."""
    assert parse_media_type(text) == MediaType("text", "html", {"charset": "utf-8"})


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("application/json", "application/json", {}),
        (" application/json ; ", "application/json", {}),
        ("application/vnd.api+json;v=1", "application/vnd.api+json", {"v": "1"}),
        ("multipart/form-data; boundary=----x", "multipart/form-data", {"boundary": "----x"}),
        (r'a/b; x="\"q\\,;="', "a/b", {"x": '"q\\,;='}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ('a/b; x="é\t"; Y=Z', "a/b", {"x": "é\t", "y": "Z"}),
    ],
)
def test_media_types_are_read(text: str, essence: str, parameters: dict[str, str]) -> None:
    media = parse_media_type(text)

    assert media is not None
    assert (media.essence, dict(media.parameters)) == (essence, parameters)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "json",
        "application/",
        "/json",
        "a/b/c",
        "a b/c",
        "a /b",
        "application/json, text/html",
        "tëxt/html",
        "text/html\n",
        "text/html\u2003",
        "a/b; x",
        "a/b; x=",
        "a/b; x =1",
        "a/b; x= 1",
        "a/b; =1",
        "a/b; x=1 y=2",
        "a/b; x=a b",
        'a/b; x="',
        'a/b; x="a',
        'a/b; x="a\\',
        'a/b; x="a"b',
        'a/b; x="a\x00"',
        'a/b; x="€"',
        'a/b; x="\\€"',
        "a/b; x=1; X=2",  # two boundaries, two readers
        "a/b; " + "x" * 1020,
        'multipart/form-data; boundary=x; !="' + "\\" * 50_000,  # CVE-2024-24762
        'multipart/form-data; boundary=x; a="' + '\\"' * 25_000,
        "multipart/form-data" + '; x="' * 4000,
    ],
)
def test_what_is_malformed_is_no_media_type(text: str) -> None:
    assert parse_media_type(text) is None


@pytest.mark.parametrize(
    ("text", "json"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("model/gltf+json", True),
        ("text/plain", False),
        ("text/json", False),
        ("application/jsonp", False),
        ("application/json+x", False),
        ("application/x-json", False),
    ],
)
def test_json_is_known_by_name_or_suffix(text: str, json: bool) -> None:
    """RFC 6839 section 3.1; text/plain with JSON in it is CVE-2021-32677."""
    media = parse_media_type(text)

    assert media is not None
    assert media.matches_json is json


def test_the_charset_is_in_lower_case() -> None:
    with_charset, without = parse_media_type("text/html; charset=UTF-8"), parse_media_type("text/html")

    assert with_charset is not None
    assert without is not None
    assert (with_charset.charset, without.charset) == ("utf-8", None)


def test_what_was_parsed_cannot_be_changed_for_the_next_one() -> None:
    media = parse_media_type("text/html; a=1")
    (item,) = parse_accept("text/html; a=1")

    assert media is not None
    assert not hasattr(media.parameters, "__setitem__")
    assert not hasattr(item.range.parameters, "__setitem__")


token = st.text("abz09!#.+-_", min_size=1, max_size=6)


@given(
    kind=token,
    subtype=token,
    parameters=st.dictionaries(token, st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=6), max_size=4),
)
def test_what_is_written_by_the_grammar_is_read_back(kind: str, subtype: str, parameters: dict[str, str]) -> None:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    text = f"{kind}/{subtype}" + "".join(f'; {name}="{value}"' for name, value in quoted.items())

    assert parse_media_type(text) == MediaType(kind, subtype, parameters)


@given(st.text(st.characters(), max_size=20) | st.text('ab/;="\\ \t,*q.01', max_size=30))
def test_no_text_makes_a_parser_raise(text: str) -> None:
    parse_media_type(text)
    parse_accept(text)
    best_match(text, ["text/html", "application/json"])


def test_accept_gives_ranges_with_quality_in_order() -> None:
    """RFC 9110 section 12.5.1, first example."""
    assert parse_accept("audio/*; q=0.2, audio/basic") == (
        AcceptItem(MediaType("audio", "*", {}), 0.2),
        AcceptItem(MediaType("audio", "basic", {}), 1.0),
    )


def test_several_fields_are_one_list() -> None:
    assert parse_accept(["text/html", "a/b;q=0"]) == parse_accept("text/html,a/b;q=0")


def test_specificity_orders_ranges() -> None:
    """RFC 9110 section 12.5.1: text/plain;format=flowed before text/plain before text/* before */*."""
    items = parse_accept("text/*, text/plain, text/plain;format=flowed, */*")

    ordered = sorted(items, key=lambda item: item.specificity, reverse=True)

    assert [items.index(item) for item in ordered] == [2, 1, 0, 3]


@pytest.mark.parametrize(
    "member",
    [
        "",
        "text",
        "*/json",
        "a/b;q=2",
        "a/b;q=-1",
        "a/b;q=0.1234",
        "a/b;q=1.001",
        "a/b;q=.5",
        "a/b;q=",
        "a/b;q=\u0660",
        "a/b;q=1e0",
        "a/b;q=0;q=1",
        'a/b;x="',
    ],
)
def test_malformed_members_are_left_out(member: str) -> None:
    assert parse_accept(f"x/y, {member}") == parse_accept("x/y")


def test_a_comma_in_quotes_does_not_separate() -> None:
    (item,) = parse_accept(r'a/b;x="1,\",2";q=0.5')

    assert item == AcceptItem(MediaType("a", "b", {"x": '1,",2'}), 0.5)


def test_weights_may_stand_anywhere_and_have_three_digits() -> None:
    assert [item.quality for item in parse_accept("a/b;Q=0.125;x=1, a/c;q=1.000, a/d;q=0., a/e;q=1.")] == [0.125, 1.0, 0.0, 1.0]


def test_only_the_first_hundred_members_count() -> None:
    assert len(parse_accept("a/b," * 10_000)) == 100


def ranking(accept: str, offers: list[str]) -> list[str]:
    ranked: list[str] = []
    while (best := best_match(accept, [offer for offer in offers if offer not in ranked])) is not None:
        ranked.append(best)
    return ranked


def test_offers_are_ranked_as_in_the_table() -> None:
    """RFC 9110 section 12.5.1, table of media types and quality values: 1, 0.7, 0.5, 0.4, 0.3."""
    accept = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"
    offers = ["text/html;level=3", "text/plain;format=fixed", "image/jpeg", "text/plain", "text/plain;format=flowed"]

    assert ranking(accept, offers) == offers[::-1]


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("nonsense", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("TEXT/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/html, application/json", "application/json"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("*/*, application/json;q=0", "text/html"),
        ("*/*;q=0", None),
        ("image/png", None),
        ("application/json;v=2", None),
        ("application/json; charset=UTF-8", "application/json"),
        ("application/json; charset=latin-1", None),
    ],
)
def test_the_best_offer_is_chosen(accept: str | None, best: str | None) -> None:
    assert best_match(accept, ["application/json", "text/html; charset=utf-8"]) == (
        f"{best}; charset=utf-8" if best == "text/html" else best
    )


def test_without_offers_there_is_no_match() -> None:
    assert best_match(None, []) is None
    assert best_match("*/*", []) is None


def test_an_offer_must_be_a_media_type() -> None:
    with pytest.raises(ValueError, match="'json' is not a media type"):
        best_match(None, ["json"])
