r"""Patterns as JSON Schema reads them, which is as ECMA-262 does.

To Python `$` also stands before a line end at the end, and `\d`, `\w`, `\s` and `\b` are of all of Unicode: what has `^\d{5}$` for a
pattern takes five full-width digits, and a line end after five others. No client expects that who reads the pattern in a document. So where
Velo reads a value, `$` is the end, and these classes are those of ASCII. A pattern that begins with `(?u)` has those of Unicode.
"""

from __future__ import annotations

import re

__all__ = ["exact_pattern", "is_read_alike"]

_TOKENS = re.compile(r"\\.|\[\^?\]?|\]|\$", re.DOTALL)
_DIFFERS = re.compile(r"\$|\\[dDwWsSbB]").search


def is_read_alike(pattern: str | re.Pattern[str]) -> bool:
    """Whether all read it as ECMA-262 does; in doubt, no."""
    return _DIFFERS(pattern if isinstance(pattern, str) else pattern.pattern) is None


def exact_pattern(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    """The regular expression, compiled to mean what ECMA-262 means by it.

    Raises:
        re.error: it is none.
    """
    flags = 0 if isinstance(pattern, str) else pattern.flags & ~re.UNICODE
    text = pattern if isinstance(pattern, str) else pattern.pattern
    found = re.compile(text, flags).flags  # what is wrong with it, it says in its own words
    if not text.startswith("(?u)"):
        flags |= re.ASCII
    return re.compile(text if found & re.MULTILINE else _ending(text), flags)


def _ending(text: str) -> str:
    """The pattern in which `$` is the end, where it is no character of a set."""
    inside = False

    def written(found: re.Match[str]) -> str:
        nonlocal inside
        token = found[0]
        if token[0] in "[]":
            inside = token[0] == "[" and not (inside and token[-1] == "]")  # one inside of a set is a character of it
        return r"\Z" if token == "$" and not inside else token  # noqa: S105 - no password

    return _TOKENS.sub(written, text)
