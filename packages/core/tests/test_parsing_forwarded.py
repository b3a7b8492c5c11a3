"""`Forwarded` fields and the nodes in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.parsing.forwarded import parse_forwarded, parse_node
from velo_core.types import Address

ELEMENTS: list[tuple[list[str], list[dict[str, str]]]] = [
    ([], []),
    (["for=192.0.2.60;proto=http;by=203.0.113.43"], [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}]),
    (['For="[2001:db8:cafe::17]:4711"'], [{"for": "[2001:db8:cafe::17]:4711"}]),
    (["for=192.0.2.43, for=198.51.100.17"], [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]),
    (["for=192.0.2.43", "for=198.51.100.17;host=a"], [{"for": "192.0.2.43"}, {"for": "198.51.100.17", "host": "a"}]),
    (['for="a,b;c=d"'], [{"for": "a,b;c=d"}]),
    (["for=a;for=b, for=c"], [{}, {"for": "c"}]),  # given twice is malformed
    (["nonsense, for=c"], [{}, {"for": "c"}]),
    (['for="open, for=c'], [{}]),
    (["for=a b"], [{}]),
    ([",, for=c,"], [{"for": "c"}]),
]


@pytest.mark.parametrize(("values", "elements"), ELEMENTS)
def test_elements_come_in_the_order_of_the_fields(values: list[str], elements: list[dict[str, str]]) -> None:
    assert [dict(element) for element in parse_forwarded(values)] == elements


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.43", Address("192.0.2.43", 0)),
        ("192.0.2.43:47011", Address("192.0.2.43", 47011)),
        ("[2001:db8:cafe::17]", Address("2001:db8:cafe::17", 0)),
        ("[2001:DB8:cafe::17]:80", Address("2001:db8:cafe::17", 80)),
        ("2001:db8::1", Address("2001:db8::1", 0)),
        ("::ffff:192.0.2.1", Address("192.0.2.1", 0)),
    ],
)
def test_a_node_is_an_address(text: str, address: Address) -> None:
    assert parse_node(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "unknown", "_hidden", "_SEVKISEK", "localhost", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4:x", "1.2.3.4:99999"),
        *("[1.2.3.4", "[::1]x", "[::1]:-1", "fe80::1%eth0", "[fe80::1%25eth0]", " 1.2.3.4", "1.2.3.4/24", "١.2.3.4", "1" * 10_000),
    ],
)
def test_what_is_no_address_is_no_node(text: str) -> None:
    assert parse_node(text) is None


@given(st.text(max_size=60))
def test_nothing_makes_a_reader_raise(text: str) -> None:
    parse_node(text)
    parse_forwarded([text, f"for={text}"])
