"""Patterns of hosts, and which of them a host belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.errors import SetupError
from velo_core.hosts import Hosts, parse_host_pattern
from velo_core.parsing.host import parse_host
from velo_core.routing import CONVERTERS


def hosts(*texts: str) -> Hosts[str]:
    made = Hosts[str]()
    for text in texts:
        made.add(parse_host_pattern(text, CONVERTERS), text)
    return made


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("api.example.com", [("API.example.com", ()), ("{x}.example.com", ("api",))]),
        ("api.example.com.", [("API.example.com", ()), ("{x}.example.com", ("api",))]),
        ("eu-7.example.com", [("eu-{n:int}.example.com", (7,)), ("{n:int}-x.example.com", ()), ("{x}.example.com", ("eu-7",))][::2]),
        ("a.b.example.com", [("{y}.{x}.example.com", ("b", "a"))]),
        ("7.example.com", [("{n:int}.example.com", (7,)), ("{x}.example.com", ("7",))]),
        ("example.com", []),
        ("apiXexample.com", []),
        ("api.example.com.evil.test", []),
        ("evil-example.com", []),
        ("[::1]", [("[::1]", ())]),
        ("localhost", [("localhost", ())]),
    ],
)
def test_the_most_specific_pattern_comes_first(host: str, found: list[tuple[str, tuple[object, ...]]]) -> None:
    texts = (
        "{x}.example.com",
        "API.example.com",
        "eu-{n:int}.example.com",
        "{n:int}.example.com",
        "{y}.{x}.example.com",
        "[::1]",
        "localhost",
    )

    assert hosts(*texts).find(host) == hosts(*reversed(texts)).find(host) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is none"),
        ("a..b", "is none"),
        ("a.test.", "is none"),
        ("https://a.test", "is none"),
        ("a.test/x", "is none"),
        ("user@a.test", "is none"),
        ("a.test:80", "has a port"),
        ("a.test:", "has a port"),
        ("*.a.test", "write a parameter"),
        ("é.test", "is none"),
        ("{x.test", "without its partner"),
        ("{x:none}.test", "asks for a converter 'none'"),
        ("{rest:path}.test", "more than one label"),
        ("{x}.{x}.test", "has more than one parameter x"),
    ],
)
def test_a_mistake_is_told(text: str, message: str) -> None:
    with pytest.raises(SetupError, match=message) as raised:
        parse_host_pattern(text, CONVERTERS)
    assert raised.value.code == "VELO_ROUTE_HOST"


def test_names_of_parameters_do_not_make_another_host() -> None:
    known = hosts("{a}.test")

    assert known.get(parse_host_pattern("{b}.test", CONVERTERS)) == "{a}.test"
    assert known.get(parse_host_pattern("{a:int}.test", CONVERTERS)) is None
    assert hosts("a.test").get(parse_host_pattern("A.test", CONVERTERS)) == "a.test"


@given(st.text(st.characters(codec="ascii"), max_size=30))
def test_no_host_makes_a_look_up_raise(text: str) -> None:
    parsed = parse_host(text)
    if parsed is not None:
        hosts("{a}.{b}", "{a:int}", "a{b}.c").find(parsed[0])
