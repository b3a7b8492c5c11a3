"""How deep JSON (RFC 8259) nests, for threads with too little stack to find that out by reading it."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

__all__ = ["nests_deeper"]

# To its end, or to that of the text, and never back: a text of quotes and backslashes makes this neither slow nor large.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_AT_ONCE: Final = 16384
_STEPS: Final = tuple(1 if code in b"[{" else -1 for code in range(256))


def nests_deeper(text: bytes, levels: int) -> bool:
    """Whether arrays and objects are in each other more than so many times. Whatever the text is, this takes time in proportion to it.

    Args:
        text: JSON. Of what is not well-formed it may say either.
        levels: `[[]]` has two.
    """
    # Every other part between quotes is a string, if none has a quote in it; that is told in a third of the time.
    others = _STRING.sub(b"", text) if b"\\" in text else b"".join(text.split(b'"')[::2])
    brackets = others.translate(None, _NO_BRACKETS)
    depth = 0
    for start in range(0, len(brackets), _AT_ONCE):
        depths = list(accumulate(map(_STEPS.__getitem__, brackets[start : start + _AT_ONCE]), initial=depth))
        if max(depths) > levels:
            return True
        depth = depths[-1]
    return False
