from __future__ import annotations

import enum
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.errors import SetupError
from velo_core.routing.converters import CATCH_ALL, CONVERTERS, NO_MATCH, STRING, TYPED, Converter, RegexConverter

ID = "0123abcd-0123-4567-89ab-0123456789ab"


class Color(str, enum.Enum):  # noqa: UP042 - its str() is not its value, unlike that of a StrEnum
    RED = "red"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("int", "0", 0),
        ("int", "7", 7),
        ("int", "-7", -7),
        ("int", "9" * 19, 10**19 - 1),
        ("int", str(-(2**63)), -(2**63)),
        ("float", "1", 1.0),
        ("float", "-0.5", -0.5),
        ("float", "10.00", 10.0),
        ("str", "a b", "a b"),
        ("str", "a/b", "a/b"),
        ("str", "٤٢", "٤٢"),
        ("path", "a", "a"),
        ("path", "a//b/", "a//b/"),
        ("uuid", ID, UUID(ID)),
        ("uuid", ID.upper(), UUID(ID)),
    ],
)
def test_a_text_that_fits_is_the_value(name: str, text: str, value: object) -> None:
    found = CONVERTERS[name].parse(text)

    assert found == value
    assert type(found) is CONVERTERS[name].makes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("int", text) for text in ("", "-", "+7", " 7", "7 ", "7\n", "007", "-0", "00", "-07", "1_000", "0x7", "7.0", "1e3")),
        *(("int", text) for text in ("4٢", "٤٢", "²", "𝟕", "--7", "9" * 20, "-" + "9" * 20, "9" * 5000)),
        *(("float", text) for text in ("", ".", "1.", ".5", "+1", " 1", "1 ", "1\n", "01", "1_0", "1e3", "nan", "inf", "-inf", "infinity")),
        *(("float", text) for text in ("٤.٢", "1,5", "0x1p3", "9" * 33, "0." + "1" * 31)),
        ("str", ""),
        *(("path", text) for text in ("", "/", "/etc/passwd")),
        *(("uuid", text) for text in ("", ID[:-1], ID + "0", ID + "\n", ID.replace("-", ""), "{" + ID + "}", "urn:uuid:" + ID)),
        *(("uuid", text) for text in ("g" + ID[1:], "٤" + ID[1:], "0123abcd0-123-4567-89ab-0123456789ab")),
    ],
)
def test_a_text_that_does_not_fit_is_no_match(name: str, text: str) -> None:
    assert CONVERTERS[name].parse(text) is NO_MATCH


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("int", -7, "-7"),
        ("float", 7, "7.0"),
        ("float", 0.1, "0.1"),
        ("float", 1e-7, "0.0000001"),
        ("float", 1e22, "10000000000000000000000"),
        ("str", "a/b", "a/b"),
        ("str", Color.RED, "red"),
        ("str", 7, "7"),
        ("str", date(2024, 2, 29), "2024-02-29"),
        ("str", UUID(ID), ID),
        ("path", "a/b", "a/b"),
        ("uuid", UUID(ID), ID),
    ],
)
def test_a_value_has_one_text(name: str, value: object, text: str) -> None:
    assert CONVERTERS[name].format(value) == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("int", value) for value in ("7", 7.0, True, None)),
        *(("float", value) for value in ("7", True, None, float("inf"), float("nan"))),
        *(("str", value) for value in (None, True, b"a", ["a"], object())),
        *(("path", value) for value in (None, 7, b"a")),
        *(("uuid", value) for value in (ID, None, 7)),
    ],
)
def test_a_value_of_another_kind_has_no_text(name: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        CONVERTERS[name].format(value)


@given(st.sampled_from(sorted(CONVERTERS)), st.text())
def test_no_text_makes_a_converter_raise(name: str, text: str) -> None:
    value = CONVERTERS[name].parse(text)

    if value is not NO_MATCH:
        assert CONVERTERS[name].parse(CONVERTERS[name].format(value)) == value


@given(st.integers(-(10**19) + 1, 10**19 - 1))
def test_every_int_of_nineteen_digits_comes_back(value: int) -> None:
    assert CONVERTERS["int"].parse(CONVERTERS["int"].format(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_is_short_enough_comes_back(value: float) -> None:
    text = CONVERTERS["float"].format(value)

    assert CONVERTERS["float"].parse(text) == (value if len(text) <= 32 else NO_MATCH)


def test_built_in_converters_have_ranks_of_their_own() -> None:
    ranks = [converter.rank for converter in CONVERTERS.values()]

    assert len(set(ranks)) == len(ranks)
    assert TYPED not in ranks
    assert sorted(ranks)[-2:] == [STRING, CATCH_ALL]


def test_a_class_without_a_base_is_a_converter() -> None:
    class Hex:
        name = "hex"
        rank = TYPED
        makes = int

        def parse(self, text: str, /) -> object:
            return int(text, 16) if len(text) <= 8 and set(text) <= set("0123456789abcdef") else NO_MATCH

        def format(self, value: object, /) -> str:
            return f"{value:x}"

    converter: Converter = Hex()

    assert converter.parse("ff") == 255


# Regular expressions

SAFE = [
    r"",
    r"a{0}",
    r"(?x) a b  # spaced",
    r"a?",
    r"[a-z0-9]+(-[a-z0-9]+)*",
    r"jpg|jpeg|png",
    r"(?i:jpg|jpeg|png)",
    r"\d{4}-\d{2}-\d{2}",
    r"\d{4}(-\d{2}){0,2}",
    r"v\d+(\.\d+)*",
    r"(\d{1,3}\.){3}\d{1,3}",
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
    r"[0-9a-f]{64}",
    r"[A-Z]{2}[A-Z0-9]{9}[0-9]",
    r"[a-z]{2,10}[0-9a-z]{3}",
    r"(?P<year>\d{4})w(?P<week>\d\d)",
    r"[\w.-]+@[\w-]+",
    r"[^/]+\.txt",
    r"^[a-z]+$",
    r"\b[a-z]+\b",
    r"(?>a+)b++",
    r".*",
    r"[a-z]*?x",
    r"a*b*c*",
    r"(a|aa)?b",
    r"[^\W\d_]+\d",
    r"(?i)[a-z]+(?-i:-)\d+",
]
DANGEROUS = [
    # a repeat inside a repeat
    r"(a+)+",
    r"(a*)*",
    r"(a+)*b",
    r"(.*)*",
    r"([a-z]+)*",
    r"([a-z]+-?)*",
    r"(\w+\s?)*",
    r"(a{1,30}){1,30}",
    r"(?:a?){50}",
    r"(?:a(?:b?)?)*",
    r"(x+x+)+y",
    r"(?:)*",
    r"(?:^)*",
    # alternatives that overlap, in a repeat
    r"(a|aa)+",
    r"(a|b|ab)*",
    r"(a|[^b])*",
    r"(.|a)*",
    r"(?:a|aa){30}",
    r"(?:c|c)+",
    r"(1b|\wb)+",
    r"(?i:(ab|Ab)+)",
    r"(?i)(?:kb|\u212ab)+",
    r"(?:éb|[^a]b)+",
    # two repeats of the same
    r"\d+\d+",
    r".*.*",
    r".*=.*=.*",
    r"(?i:a+A+)",
    # many choices, each harmless
    "a?" * 17 + "a{16}",
    # what has no bound by construction
    r"(a)\1",
    r"(?P<a>a)(?P=a)",
    r"(?=a)a",
    r"(?!a)b",
    r"(?<=a)b",
    r"(?<!a)b",
    r"(a)?(?(1)b|c)",
    # what cannot be judged in reasonable time
    r"x{200}",
    r"[ab]{2,40}(?:[ab]{20}[ab]+){2,40}",
]


@pytest.mark.parametrize("pattern", SAFE)
def test_an_expression_that_reads_a_text_in_few_ways_is_accepted(pattern: str) -> None:
    assert RegexConverter(pattern).pattern == pattern


@pytest.mark.parametrize("pattern", DANGEROUS)
def test_an_expression_that_could_take_very_long_is_refused(pattern: str) -> None:
    with pytest.raises(SetupError) as raised:
        RegexConverter(pattern)

    assert raised.value.code == "VELO_ROUTE_REGEX"


def test_an_expression_that_takes_long_to_judge_is_refused() -> None:
    with pytest.raises(SetupError, match="too involved to be judged"):
        RegexConverter("(?:a{20}b|a{21}c|a{22}d|a{23}e|a{24}f)+")


def test_the_message_says_which_feature_is_not_known() -> None:
    with pytest.raises(SetupError, match="uses ASSERT, which cannot be judged: no backreferences, no conditions, no looking around"):
        RegexConverter("(?=a)a")


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(SetupError, match="is not a regular expression") as raised:
        RegexConverter("[a-")

    assert raised.value.code == "VELO_ROUTE_REGEX"


def test_the_whole_text_must_match_the_expression() -> None:
    """`$` alone also matches before a last line feed."""
    converter = RegexConverter("^[a-z]+$")

    assert converter.parse("abc") == "abc"
    assert converter.parse("abc\n") is NO_MATCH
    assert converter.parse("abc1") is NO_MATCH
    assert RegexConverter("a|ab").parse("ab") == "ab"


def test_a_text_longer_than_the_bound_does_not_match_the_expression() -> None:
    assert RegexConverter("a*", max_length=3).parse("aaa") == "aaa"
    assert RegexConverter("a*", max_length=3).parse("aaaa") is NO_MATCH


def test_equal_expressions_are_the_same_converter() -> None:
    assert RegexConverter("a+") == RegexConverter("a+")
    assert RegexConverter("a+") != RegexConverter("b+")
