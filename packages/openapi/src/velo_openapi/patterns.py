r"""Patterns of Python in the words of ECMA-262, which JSON Schema has (core specification, section 6.4).

Velo reads `$` as the end and `\d`, `\w` and `\b` as of ASCII, as ECMA-262 does, so most patterns stay as they are. What is written here
means the same to engines of other languages, and to Python's: so groups have no names, and classes of Unicode are not written at all.
"""

from __future__ import annotations

import re
from typing import cast

__all__ = ["schema_pattern", "with_schema_patterns"]

_TOKENS = re.compile(r"\\.|\[\^?\]?|\]|\(\?P<\w+>|\.", re.DOTALL)
_OUTSIDE = {"[]": r"[\]", "[^]": r"[^\]", r"\Z": "$", r"\A": "^", ".": r"[^\n]", r"\s": r"[\t-\r ]", r"\S": r"[^\t-\r ]"}
_INSIDE = {r"\s": r"\t-\r ", "[": r"\[", "[]": r"\[]", "[^": r"\[^", "[^]": r"\[^]"}


def schema_pattern(pattern: str) -> str | None:
    """The pattern as it is in a schema; `None` if it is of all of Unicode (`(?u)`), for which not all engines have words."""
    if pattern.startswith("(?u)"):
        return None
    inside = False

    def written(found: re.Match[str]) -> str:
        nonlocal inside
        token, was_inside = found[0], inside
        if token[0] in "[]":
            inside = token[0] == "[" and not (was_inside and token[-1] == "]")
        if was_inside:
            return _INSIDE.get(token, token)
        return "(" if token[0] == "(" else _OUTSIDE.get(token, token)

    return _TOKENS.sub(written, pattern)


def with_schema_patterns(schema: object) -> None:
    """Writes all patterns in a schema so that they are those of ECMA-262."""
    if isinstance(schema, dict):
        members = cast("dict[str, object]", schema)
        for key, value in list(members.items()):
            if key == "pattern" and isinstance(value, str):
                _set_pattern(members, value)
            elif key not in _VALUES:
                with_schema_patterns(value)
    elif isinstance(schema, list):
        for one in cast("list[object]", schema):
            with_schema_patterns(one)


def _set_pattern(schema: dict[str, object], pattern: str) -> None:
    written = schema_pattern(pattern)
    if written is None:
        del schema["pattern"]
    else:
        schema["pattern"] = written


_VALUES = frozenset(("default", "example", "examples", "const", "enum"))
