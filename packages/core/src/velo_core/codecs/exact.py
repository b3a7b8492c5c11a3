"""Whether a result is no more than its declared type, so that it can be written as it is.

A subclass has fields that its parent does not have, and a dictionary can have any keys; a type checker lets both pass for the declared
type, and writing them would tell the client what nobody meant to tell. So a result is looked at before it is written, as deep as there are
models in its type. The plain fields of a model are trusted: the type checker has seen them, and there is nothing to hide in them.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args, get_origin

from msgspec import Struct

from velo_core.codecs.fields import Field, fields_of, is_namedtuple, is_typeddict, model_class
from velo_core.hints import class_of, expand, is_union, parts, peel
from velo_core.remembering import once_per_type

__all__ = ["Check", "Shortcut", "exactly", "shortcut"]

Check: TypeAlias = Callable[[object], bool]
_Fit: TypeAlias = "frozenset[type[object]] | Check | None"
"""Types that a value may have, or a function that looks deeper, or `None` if any value will do."""

_NOT_OPENED = frozenset((Enum, str, bytes, bytearray, memoryview))
"""Collections to Python, but not to JSON."""
_LISTS = frozenset((list, tuple, set, frozenset))
_DICTS = frozenset((dict, defaultdict, OrderedDict))
_ALSO: Mapping[type[object], frozenset[type[object]]] = {
    int: frozenset((int, bool)),
    float: frozenset((float, int, bool)),
    bytes: frozenset((bytes, bytearray, memoryview)),
}
"""What else a type checker takes for a type, and JSON writes as it."""


def exactly(annotation: object) -> Check:
    """The test whether a value is of the type and nothing else. `False` means only that it has to be converted."""
    fit = _Looker().fit(annotation)
    if fit is None:
        return lambda value: True
    if isinstance(fit, frozenset):
        return lambda value: type(value) in fit
    return fit


class Shortcut(Struct, frozen=True):
    """What a plan can look at by itself: the commonest results, for which the whole test would cost more than writing them does.

    Attributes:
        types: One of them is the type of the value itself.
        items: One of them is the type of each item of a list, or of each value of a dictionary; `None` if these do not matter.
    """

    types: frozenset[type[object]]
    items: frozenset[type[object]] | None = None


@once_per_type
def shortcut(annotation: object) -> Shortcut | None:
    """The part of `exactly` that a plan can do by itself, if there is one: where it is false, `exactly` may still be true."""
    looker = _Looker()
    fit = looker.fit(annotation)
    if fit is not None and not callable(fit):
        return Shortcut(fit)
    peeled = peel(expand(annotation))
    kind, arguments = class_of(peeled.type), get_args(peeled.type)
    if kind is None or kind not in (list, dict) or model_class(peeled.type) is not None or peeled.optional:
        return None
    items = looker.fit(arguments[-1]) if arguments else None
    return None if callable(items) else Shortcut(frozenset((kind,)), items)


class _Looker:
    """Makes the test for one annotation; knows the models that it is inside of."""

    def __init__(self) -> None:
        self.known: list[tuple[object, list[Check]]] = []

    def fit(self, annotation: object) -> _Fit:
        peeled = peel(expand(annotation))
        fit = self.of(peeled.type)
        return _either([fit, frozenset((type(None),))]) if peeled.optional else fit

    def of(self, kind: object) -> _Fit:
        if kind is Any or kind is object or isinstance(kind, TypeVar):
            return None
        if is_union(kind):
            return _either([self.fit(member) for member in get_args(kind)])
        if get_origin(kind) is Literal:
            return frozenset(type(value) for value in cast("tuple[object, ...]", get_args(kind)))
        if model_class(kind) is not None or is_namedtuple(kind):
            return self.model(kind)
        return self.other(class_of(kind), get_args(kind))

    def other(self, kind: type[object] | None, arguments: Sequence[object]) -> _Fit:
        if kind is None:
            return None
        bases = frozenset(kind.__mro__)
        is_mapping, is_collection = issubclass(kind, Mapping), issubclass(kind, Collection)
        if not is_collection or bases & _NOT_OPENED:
            return _ALSO.get(kind, frozenset((kind,)))
        if is_mapping:
            return _mapping(self.fit(arguments[1]) if arguments else None)
        return self.collection(kind, arguments)

    def collection(self, origin: type[object], items: Sequence[object]) -> _Fit:
        if origin is tuple and items and items[-1] is not Ellipsis:
            return _fixed([_check(self.fit(item)) for item in items])
        return _items(self.fit(items[0]) if items else None)

    def model(self, kind: object) -> _Fit:
        for known, found in self.known:
            if known == kind:  # a model inside of itself: its test is not there yet, but will be when it is needed
                return lambda value: all(check(value) for check in found)
        checks: list[Check] = []
        self.known.append((kind, checks))
        fields = fields_of(kind)
        deep = [(field.attribute, _check(self.fit(field.annotation))) for field in fields if _has_models(field.annotation)]
        made = _dictionary(fields, dict(deep)) if is_typeddict(model_class(kind)) else _instance(kind, deep)
        checks.append(_check(made))
        return made


def _has_models(annotation: object) -> bool:
    return any(model_class(part) is not None or is_namedtuple(part) for part in parts(annotation))


def _check(fit: _Fit) -> Check:
    if fit is None:
        return lambda value: True
    return fit if not isinstance(fit, frozenset) else lambda value: type(value) in fit


def _either(fits: Sequence[_Fit]) -> _Fit:
    if any(fit is None for fit in fits):
        return None
    types: set[type[object]] = set()
    checks: list[Check] = []
    for fit in fits:
        if isinstance(fit, frozenset):
            types |= fit
        elif fit is not None:
            checks.append(fit)
    if not checks:
        return frozenset(types)
    return lambda value: type(value) in types or any(check(value) for check in checks)


def _instance(kind: object, deep: Sequence[tuple[str, Check]]) -> _Fit:
    expected = cast("type[object]", class_of(kind))
    if not deep:
        return frozenset((expected,))
    return lambda value: type(value) is expected and all(check(getattr(value, name)) for name, check in deep)


def _dictionary(fields: Sequence[Field], deep: Mapping[str, Check]) -> Check:
    names = frozenset(field.name for field in fields)
    required = frozenset(field.name for field in fields if field.required)

    def fits(value: object) -> bool:
        if type(value) is not dict:
            return False
        items = cast("dict[str, object]", value)
        if not required <= items.keys() <= names:
            return False
        return all(check(items[name]) for name, check in deep.items() if name in items)

    return fits


# Sets of types are compared at the speed of C: `map` and `set` look at the items, not a loop of ours.


def _items(item: _Fit) -> Check:
    if item is None:
        return lambda value: type(value) in _LISTS
    if isinstance(item, frozenset):
        return lambda value: type(value) in _LISTS and {*map(type, cast("Iterable[object]", value))} <= item
    return lambda value: type(value) in _LISTS and all(map(item, cast("Iterable[object]", value)))


def _mapping(item: _Fit) -> Check:
    of_values = _items(item)
    return lambda value: type(value) in _DICTS and of_values([*cast("Mapping[object, object]", value).values()])


def _fixed(checks: Sequence[Check]) -> Check:
    def fits(value: object) -> bool:
        if type(value) not in _LISTS:
            return False
        items = [*cast("Iterable[object]", value)]
        return len(items) == len(checks) and all(check(item) for check, item in zip(checks, items, strict=True))

    return fits
