"""How deep JSON nests."""

import json
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core.parsing.nesting import nests_deeper

Data: TypeAlias = "str | int | list[Data] | dict[str, Data] | None"
TEXT = st.text(st.sampled_from('[]{}"\\\\/ué\n'), max_size=8)
DATA = st.recursive(
    TEXT | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=20
)


def levels(data: Data) -> int:
    if isinstance(data, dict):
        return 1 + max(map(levels, data.values()), default=0)
    return 1 + max(map(levels, data), default=0) if isinstance(data, list) else 0


@given(DATA, st.booleans(), st.sampled_from([None, 2]))
def test_it_is_as_deep_as_the_arrays_and_objects_in_it(data: Data, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps([data], ensure_ascii=ascii_only, indent=indent).encode()

    assert [nests_deeper(text, levels(data) + more) for more in (0, 1, 2)] == [True, False, False]


@given(st.binary(max_size=50) | st.text('[]{}"\\\\a', max_size=50).map(str.encode), st.integers(0, 5))
def test_of_any_bytes_something_is_said(text: bytes, limit: int) -> None:
    assert nests_deeper(text, limit) in (True, False)


@pytest.mark.parametrize("text", [b'["[[[', b'["\\', b'["\\"[['])
def test_what_is_in_a_string_that_does_not_end_does_not_count(text: bytes) -> None:
    assert not nests_deeper(text, 1)


@pytest.mark.parametrize("pairs", [0, 20_000])
def test_how_far_in_it_is_does_not_matter(pairs: int) -> None:
    text = b"[" + b"{}," * pairs + b"[" * 8 + b"]" * 8 + b"," + b"[]," * pairs + b"0]"

    assert [nests_deeper(text, limit) for limit in (8, 9)] == [True, False]
