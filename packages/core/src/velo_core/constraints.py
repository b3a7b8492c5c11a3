"""Bounds on values: the same rules and words whichever backend made the value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Sized
from decimal import Decimal
from typing import TypeAlias, cast

__all__ = ["Test", "tests"]

Test: TypeAlias = "tuple[str, str, Callable[[object], bool]]"
"""Code, message, and whether a value fits."""


def tests(constraints: Sequence[tuple[str, object]]) -> list[Test]:
    """The tests for `constraints`, pairs of name and bound.

    Raises:
        TypeError: a bound is not usable, such as a pattern that is not a regular expression.
    """
    return [_test(name, bound) for name, bound in constraints]


def _test(name: str, bound: object) -> Test:
    if name == "pattern":
        try:
            search = re.compile(cast("str", bound)).search
        except re.error as error:
            raise TypeError(f"the pattern {bound!r} is not a regular expression: {error}") from error
        return name, f"Should match {bound}", lambda value: search(cast("str", value)) is not None
    return name, _MESSAGES[name].format(bound), _comparison(name, bound)


def _comparison(name: str, bound: object) -> Callable[[object], bool]:
    # The bound's type is the user's business.
    limit = cast("float", bound)
    size = cast("int", bound)
    comparisons: dict[str, Callable[[object], bool]] = {
        "ge": lambda value: cast("float", value) >= limit,
        "gt": lambda value: cast("float", value) > limit,
        "le": lambda value: cast("float", value) <= limit,
        "lt": lambda value: cast("float", value) < limit,
        "multiple_of": lambda value: _is_multiple(cast("float", value), limit),
        "min_length": lambda value: len(cast("Sized", value)) >= size,
        "max_length": lambda value: len(cast("Sized", value)) <= size,
    }
    return comparisons[name]


def _is_multiple(value: float | Decimal, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    # 0.3 is a multiple of 0.1 to everybody but binary floating point.
    return Decimal(str(value)) % Decimal(str(step)) == 0


_MESSAGES = {
    "ge": "Should be at least {}",
    "gt": "Should be more than {}",
    "le": "Should be at most {}",
    "lt": "Should be less than {}",
    "multiple_of": "Should be a multiple of {}",
    "min_length": "Should have a length of at least {}",
    "max_length": "Should have a length of at most {}",
}
