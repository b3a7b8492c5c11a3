"""From the text of a path, a query, a header or a cookie to a value of a plain type.

One rule for each type, the same wherever it stands: alone, in a list, in a union, or behind a `NewType`. Everything is ASCII and as JSON
would have it, besides what is written out here; `int()` and `Decimal()` also take `1_000`, ` 7 ` and `１２`, and pay for endless digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Annotated, Any, Literal, cast, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec.structs import replace

from velo_core.codecs.backend import MAX_ERRORS, Convert, DoesNotFit, does_not_fit
from velo_core.constraints import constraints_of, tests
from velo_core.errors import InvalidValue
from velo_core.hints import class_of, is_union, peel
from velo_core.later import later
from velo_core.remembering import once_per_type

__all__ = ["TRUTH", "integer", "integer_reader", "text_converter", "truth"]

_COLLECTIONS: tuple[object, ...] = (list, set, frozenset, tuple)


@once_per_type
def text_converter(annotation: object) -> Convert:
    """How to read `annotation`: from a list of texts if it is a collection, else from one text. Bounds on the whole are not looked at.

    Raises:
        TypeError: there is no way to read it from text.
    """
    target = peel(annotation).type
    if (get_origin(target) or target) in _COLLECTIONS:
        return _collection(target)
    return _one(annotation, target)


def _one(annotation: object, target: object) -> Convert:
    """For a single text. `target` is what `annotation` wraps."""
    known = _PLAIN.get(target) if isinstance(target, type) else None
    if known is not None:
        return known
    if target is Any or target is object:
        return _text
    if get_origin(target) is Literal:
        return _literal(get_args(target))
    if is_union(target):
        return _union(target)
    kind = class_of(target)
    if kind is not None and issubclass(kind, Enum):
        return _enum(kind)
    if target in (datetime, date, time, timedelta, UUID):
        return _strict(annotation)
    raise TypeError(f"{getattr(target, '__name__', target)} cannot be read from text; declare it as the body, or ask for its parts")


def _bounded(annotation: object) -> Convert:
    """For a single text inside of something else, with the bounds that are written there."""
    peeled = peel(annotation)
    convert = _one(annotation, peeled.type)
    checks = tests(constraints_of(peeled.metadata), peeled.type)
    if not checks:
        return convert

    def convert_bounded(value: object) -> object:
        value = convert(value)
        for code, message, fits in checks:
            if not fits(value):
                raise DoesNotFit([InvalidValue((), message, code)])
        return value

    return convert_bounded


# Plain types.


_INTEGER = later(r"-?[0-9]+")
_DECIMAL = later(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
"""At most three digits of exponent: `int(Decimal("1e999999999"))` takes all the memory there is."""


def integer(value: object) -> int:
    """An integer in decimal digits.

    Raises:
        DoesNotFit: the text is something else.
    """
    # msgspec would also take "1.0" and "1e3" for an int; a person who wrote that meant something else.
    if _INTEGER.fullmatch(cast("str", value)):
        try:
            return msgspec.convert(value, int, strict=False)
        except msgspec.ValidationError:  # leading zeros, or more digits than are worth converting
            pass
    raise does_not_fit("Expected `int`")


def integer_reader(bounds: Mapping[str, object]) -> Callable[[str], int] | None:
    """What makes an integer of text that `isdigit`, in one call, and refuses what is out of bounds with a `msgspec.MsgspecError`.

    It reads JSON, which has no leading zeros and nothing but ASCII, and does so ten times as fast as conversion, which gives the same.
    `None` if it does not know the bounds.
    """
    try:
        return msgspec.json.Decoder(
            cast("type[int]", Annotated[int, msgspec.Meta(**cast("dict[str, Any]", bounds))] if bounds else int)
        ).decode
    except (TypeError, ValueError):  # such as bounds that are no integers
        return None


def _number(value: object) -> float:
    try:
        number = msgspec.convert(value, float, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise does_not_fit("Expected `float`") from None
    if not isfinite(number):  # "nan" passes every comparison with a bound
        raise does_not_fit("Expected a finite `float`")
    return number


def _decimal(value: object) -> Decimal:
    if not _DECIMAL.fullmatch(cast("str", value)):
        raise does_not_fit("Expected `decimal`")
    return Decimal(cast("str", value))


def truth(value: object) -> bool:
    """Yes or no, in the words of `TRUTH`.

    Raises:
        DoesNotFit: the text is something else.
    """
    found = TRUTH.get(cast("str", value))
    if found is None:
        raise does_not_fit("Expected `bool`: true or false, 1 or 0")
    return found


def _octets(value: object) -> bytes:
    return cast("str", value).encode("utf-8", "surrogateescape")


def _text(value: object) -> str:
    return cast("str", value)


TRUTH: Mapping[str, bool] = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}
_PLAIN: Mapping[object, Convert] = {int: integer, float: _number, bool: truth, bytes: _octets, str: _text, Decimal: _decimal}


def _strict(annotation: object) -> Convert:
    """For types whose JSON form is text. Lax conversion would take a number for a time, and not say which unit."""
    convert_typed, target = msgspec.convert, cast("type[object]", annotation)
    msgspec.json.Decoder(target)  # raises TypeError now, for what `Meta` says that cannot be

    def convert(value: object) -> object:
        try:
            return convert_typed(value, target)
        except msgspec.ValidationError as error:
            raise does_not_fit(str(error)) from None
        except UnicodeEncodeError:  # a lone surrogate
            raise does_not_fit("Expected characters of Unicode") from None

    return convert


def _literal(values: Sequence[object]) -> Convert:
    by_text: dict[str, object] = {}
    for value in values:
        if not isinstance(value, str | int):
            raise TypeError(f"the literal {value!r} cannot be read from text")
        by_text[str(value).lower() if isinstance(value, bool) else str(value)] = value
    expected = f"Expected one of {', '.join(by_text)}"

    def convert(value: object) -> object:
        found = by_text.get(cast("str", value), by_text)
        if found is by_text:
            raise does_not_fit(expected)
        return found

    return convert


def _enum(kind: type[Enum]) -> Convert:
    """By value, as in JSON; msgspec knows `_missing_` and refuses an enum with values that are neither all text nor all integers."""
    by_value = _strict(kind)
    if all(isinstance(member.value, str) for member in kind):
        return by_value
    return lambda value: by_value(integer(value))


def _union(union: object) -> Convert:
    """The first member that takes the text, by a rank of ours: to Python, `int | float` and `float | int` are the same type."""
    members = sorted(get_args(union), key=_rank)
    converts = [_bounded(member) for member in members]
    expected = f"Expected `{' | '.join(getattr(peel(member).type, '__name__', str(member)) for member in get_args(union))}`"

    def convert(value: object) -> object:
        for convert_member in converts:
            try:
                return convert_member(value)
            except DoesNotFit:
                continue
        raise does_not_fit(expected)

    return convert


def _rank(member: object) -> int:
    """Text first, for what a value is must not depend on how it looks; then the types that take fewer texts before those that take more."""
    kind = peel(member).type
    named = class_of(kind)
    if kind is str or get_origin(kind) is Literal or (named is not None and issubclass(named, Enum)):
        return 0 if kind is str else 1
    return _RANKED.index(kind) + 2 if kind in _RANKED else len(_RANKED) + 2


_RANKED: Sequence[object] = (int, float, Decimal, bool)


# Collections, from a list of texts.


def _collection(target: object) -> Convert:
    kind = cast("Callable[[Iterable[object]], object]", get_origin(target) or target)
    items = get_args(target)
    if kind is tuple and items and items[-1] is not Ellipsis:
        return _fixed([_bounded(item) for item in items])
    convert_one = _bounded(items[0]) if items else _text
    return lambda value: kind(_each([convert_one] * len(cast("list[object]", value)), value))


def _fixed(converts: Sequence[Convert]) -> Convert:
    def convert(value: object) -> object:
        if len(cast("list[object]", value)) != len(converts):
            raise does_not_fit(f"Expected {len(converts)} values")
        return tuple(_each(converts, value))

    return convert


def _each(converts: Sequence[Convert], value: object) -> list[object]:
    converted: list[object] = []
    errors: list[InvalidValue] = []
    for index, (convert, item) in enumerate(zip(converts, cast("list[object]", value), strict=True)):
        try:
            converted.append(convert(item))
        except DoesNotFit as error:
            errors += [replace(one, loc=(index, *one.loc)) for one in error.errors]
    if errors:
        raise DoesNotFit(errors[:MAX_ERRORS])
    return converted
