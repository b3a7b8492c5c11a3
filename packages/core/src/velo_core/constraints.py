"""Bounds on values: the same rules and words whichever backend made the value, and wherever the bound was written."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from typing import TypeAlias, cast

__all__ = ["Test", "compiled_pattern", "constraints_of", "is_inexact", "tests"]

Test: TypeAlias = "tuple[str, str, Callable[[object], bool]]"
"""Code, message, and whether a value fits."""
Compare: TypeAlias = Callable[[object, object], bool]

_MESSAGES = {
    "ge": "Should be at least {}",
    "gt": "Should be more than {}",
    "le": "Should be at most {}",
    "lt": "Should be less than {}",
    "multiple_of": "Should be a multiple of {}",
    "min_length": "Should have a length of at least {}",
    "max_length": "Should have a length of at most {}",
    "pattern": "Should match {}",
}


def constraints_of(metadata: Iterable[object]) -> dict[str, object]:
    """The bounds in `Annotated`: of markers, `msgspec.Meta`, the classes of `annotated_types`, `pydantic.Field`. The last one wins."""
    found: dict[str, object] = {}
    for item in metadata:
        for name in _MESSAGES:
            bound = getattr(item, name, None)
            if bound is not None:
                found[name] = bound
        inner = getattr(item, "metadata", None)  # pydantic's Field keeps its bounds there
        if isinstance(inner, list):
            found |= constraints_of(cast("list[object]", inner))
    return found


def tests(constraints: Mapping[str, object], kind: object = None) -> list[Test]:
    """The tests for `constraints`.

    Args:
        constraints: Bounds by name.
        kind: Type of the values, if it is known.

    Raises:
        TypeError: a bound is not usable, such as a pattern that is not a regular expression, or not for values of that type.
    """
    found: list[Test] = []
    for name, bound in constraints.items():
        fits = _pattern(bound) if name == "pattern" else _comparison(name, bound)
        _try_out(name, bound, kind)
        told = cast("re.Pattern[str]", bound).pattern if isinstance(bound, re.Pattern) else bound
        found.append((name, _MESSAGES[name].format(told), fits))
    return found


def _pattern(bound: object) -> Callable[[object], bool]:
    search = compiled_pattern(bound).search
    return lambda value: search(cast("str", value)) is not None


def compiled_pattern(bound: object) -> re.Pattern[str]:
    """A regular expression that texts of clients can be held against.

    Raises:
        TypeError: it is none, or could take very long for some text.
    """
    from velo_core.patterns import exact_pattern  # not everybody has patterns

    try:
        compiled = exact_pattern(cast("str", bound))
        reason = _danger(compiled)
    except (re.error, TypeError) as error:
        raise TypeError(f"the pattern {bound!r} is not a regular expression: {error}") from error
    if reason is None:
        return compiled
    text = cast("re.Pattern[str]", bound).pattern if isinstance(bound, re.Pattern) else bound
    anchor = "" if compiled.pattern.startswith(("^", r"\A")) else "; it may also begin anywhere in the text: write ^ before it"
    raise TypeError(f"the pattern {text!r} {reason}{anchor}")


@lru_cache(1024)  # of the application's patterns; what does not fit is held against them once more
def _danger(compiled: re.Pattern[str]) -> str | None:
    from velo_core.expressions import search_danger  # seldom needed

    return search_danger(compiled)


def _is_found(value: object, pattern: object) -> bool:
    return re.search(cast("str", pattern), cast("str", value)) is not None


def _comparison(name: str, bound: object) -> Callable[[object], bool]:
    compare = _COMPARISONS[name]

    def fits(value: object) -> bool:
        try:
            return compare(value, bound)
        except (TypeError, ValueError, ArithmeticError):  # a naive time against an aware one, or a NaN that signals
            return False

    return fits


def _is_multiple(value: object, step: object) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    # 0.3 is a multiple of 0.1 to everybody but binary floating point.
    return _EXACT.remainder(Decimal(str(value)), Decimal(str(step))) == 0


def is_inexact(step: float) -> bool:
    """Whether a float is not the number that it is written as: `0.1` is not, `0.5` is. Who counts in binary counts in other steps then."""
    return Decimal(repr(step)) != Decimal(step)


_EXACT = Context(prec=700)
"""Enough digits for the quotient of any two floats. A quotient that needs more raises, and counts as no multiple."""

_COMPARISONS: dict[str, Compare] = {
    "ge": cast("Compare", operator.ge),
    "gt": cast("Compare", operator.gt),
    "le": cast("Compare", operator.le),
    "lt": cast("Compare", operator.lt),
    "multiple_of": _is_multiple,
    "min_length": lambda value, size: len(cast("Sized", value)) >= cast("int", size),
    "max_length": lambda value, size: len(cast("Sized", value)) <= cast("int", size),
}

_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_SAMPLES: dict[object, Sequence[object]] = {
    int: (1,),
    float: (1.0,),
    Decimal: (Decimal(1),),
    bool: (True,),
    str: ("",),
    bytes: (b"",),
    date: (_MOMENT.date(),),
    datetime: (_MOMENT, _MOMENT.replace(tzinfo=None)),
    time: (_MOMENT.time(), _MOMENT.timetz()),
    timedelta: (timedelta(1),),
    list: ([],),
    tuple: ((),),
    set: (set[object](),),
    frozenset: (frozenset[object](),),
    dict: ({},),
}


def _try_out(name: str, bound: object, kind: object) -> None:
    """Tries the bound on values of the type, so that what can never work is found at start-up.

    Raises:
        TypeError: it works with none of them.
    """
    test = _is_found if name == "pattern" else _COMPARISONS[name]
    reason = ""
    for sample in _SAMPLES.get(kind, ()) if isinstance(kind, type) else ():
        try:
            test(sample, bound)
            return
        except (TypeError, ValueError, ArithmeticError) as error:
            reason = str(error)
    if reason:
        raise TypeError(f"{name}={bound!r} does not work with {getattr(kind, '__name__', kind)} ({reason})")
