"""Percent-encoding is that of `urllib.parse`, which is not used because it is slow to import."""

from __future__ import annotations

import urllib.parse

from hypothesis import given
from hypothesis import strategies as st

from velo_core.percent import quote, unquote_to_bytes

safe = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.binary(), safe)
def test_texts_and_bytes_are_encoded_as_urllib_does_it(text: str | bytes, safe: str) -> None:
    assert quote(text, safe) == (urllib.parse.quote(text, safe) if isinstance(text, str) else urllib.parse.quote_from_bytes(text, safe))


@given(st.binary() | st.lists(st.sampled_from([b"%", b"4", b"a", b"F", b"g", b"/"])).map(b"".join))
def test_bytes_are_decoded_as_urllib_does_it(raw: bytes) -> None:
    assert unquote_to_bytes(raw) == urllib.parse.unquote_to_bytes(raw)
