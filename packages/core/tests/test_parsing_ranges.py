"""Byte ranges (RFC 9110 section 14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.parsing.ranges import Unsatisfiable, parse_range


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10000)]),
        ("bytes=9500-", [(9500, 10000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10000)]),
        ("bytes= 0-0, -1", [(0, 1), (9999, 10000)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10000)]),
        ("bytes=500-600,601-999", [(500, 1000)]),
        ("bytes=500-700,601-999", [(500, 1000)]),
        # beyond the examples
        ("BYTES=0-0", [(0, 1)]),
        ("bytes=0-", [(0, 10000)]),
        ("bytes=0-99999", [(0, 10000)]),
        ("bytes=-200000", [(0, 10000)]),
        ("bytes=,0-0,,\t2-2,", [(0, 1), (2, 3)]),
        ("bytes=0-0,10000-", [(0, 1)]),
        ("bytes=-0,5-5", [(5, 6)]),
        ("bytes=000-0001", [(0, 2)]),
        (f"bytes=1-{'9' * 900}", [(1, 10000)]),
        ("bytes=-1,0-0", [(9999, 10000), (0, 1)]),
        ("bytes=-1,0-0,0-1", [(0, 2), (9999, 10000)]),
        ("bytes=" + "0-," * 16, [(0, 10000)]),
    ],
)
def test_ranges_are_selected(value: str, ranges: list[tuple[int, int]]) -> None:
    """RFC 9110 section 14.1.2, the examples for 10000 bytes first."""
    assert parse_range(value, 10_000) == ranges


@pytest.mark.parametrize("value", ["bytes=10000-", "bytes=10000-10001,20000-", "bytes=-0", f"bytes={'9' * 900}-"])
def test_ranges_outside_are_unsatisfiable(value: str) -> None:
    refused = parse_range(value, 10_000)

    assert isinstance(refused, Unsatisfiable)
    assert refused.content_range == "bytes */10000"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1,5-4",
        "bytes=0-1;2-3",
        "bytes=1",
        "bytes=--1",
        "bytes=0--1",
        "bytes=+0-1",
        "bytes=0-1_0",
        "bytes=0x0-1",
        "bytes=0 - 1",
        "bytes=\u0660-\u0661",
        "bytes=²-3",
        "bytes =0-1",
        " bytes=0-1",
        "bytes: 0-1",
        "items=0-1",
        "bytes=0-1\n",
        "bytes=\u20030-1",
        "bytes=" + ",".join(f"{start}-{start + 1}" for start in range(0, 40_000, 4)),  # CVE-2025-62727
        "bytes=" + "0" * 60_000,
        "bytes=" + "0-," * 10_000,  # CVE-2011-3192
        "bytes=" + ",".join(f"{start}-{start}" for start in range(0, 34, 2)),
        "bytes=-" + "9" * 5000,
    ],
)
def test_what_is_malformed_or_too_much_is_ignored(value: str) -> None:
    assert parse_range(value, 10_000) is None


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=-5", "bytes=0-0"])
def test_nothing_is_selected_from_nothing(value: str) -> None:
    assert parse_range(value, 0) is None


numbers = st.integers(0, 30)
specifiers = st.one_of(
    st.tuples(numbers, numbers).map(lambda ends: (min(ends), max(ends))),
    st.tuples(numbers, st.none()),
    st.tuples(st.none(), numbers),
)


@given(st.lists(specifiers, min_size=1, max_size=16), st.integers(1, 25))
def test_exactly_the_bytes_asked_for_are_selected_and_each_once(asked: list[tuple[int | None, int | None]], size: int) -> None:
    wanted: set[int] = set()
    for first, last in asked:
        if first is None:
            wanted |= set(range(size)[-last:] if last else ())
        else:
            wanted |= set(range(size)[first : None if last is None else last + 1])
    value = ",".join(f"{'' if first is None else first}-{'' if last is None else last}" for first, last in asked)

    ranges = parse_range(f"bytes={value}", size)

    if isinstance(ranges, Unsatisfiable):
        assert not wanted
    else:
        assert ranges is not None
        assert sorted(index for start, end in ranges for index in range(start, end)) == sorted(wanted)


@given(st.text(st.characters(), max_size=20) | st.text("bytes=0-9,- ", max_size=20).map("bytes=".__add__), st.integers(0, 50))
def test_no_text_makes_it_raise_or_leave_the_representation(value: str, size: int) -> None:
    ranges = parse_range(value, size)

    if isinstance(ranges, list):
        assert 0 < len(ranges) <= 16
        assert all(0 <= start < end <= size for start, end in ranges)
