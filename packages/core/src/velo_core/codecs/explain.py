"""All the reasons why a body does not fit.

msgspec stops at the first value that does not fit. That is what makes it fast, and it is not what a person who sent three wrong fields
wants to hear; so a body that does not fit is gone over once more, part by part. Only refused requests pay for it, and never much: parts
that fit are passed over by msgspec itself, hundreds at a time, and only so many levels are opened, since each costs a look at all below.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar, cast, get_args, get_origin

import msgspec

from velo_core.codecs.backend import MAX_ERRORS
from velo_core.codecs.fields import fields_of, is_namedtuple, model_class
from velo_core.constraints import constraints_of, tests
from velo_core.errors import InvalidValue
from velo_core.hints import class_of, expand, is_union, peel

__all__ = ["explain"]

_WORK: Final = 4_194_304
"""Bytes that are looked at, all levels together: about a fifth of a second."""
_MIN_DEPTH, _MAX_DEPTH = 6, 16
"""Levels that are opened in any body, large as it may be, and in the smallest one. Below them, msgspec's first reason has to do."""
_ITEMS_AT_ONCE = 256

Loc: TypeAlias = "tuple[str | int, ...]"
Item = TypeVar("Item")


def explain(value: object, annotation: object, size: int) -> list[InvalidValue]:
    """Everything in `value`, plain data, that does not fit `annotation`; at most `MAX_ERRORS`. Empty if it fits.

    Args:
        size: Bytes that the value had as JSON.
    """
    depth = min(max(_WORK // max(size, 1), _MIN_DEPTH), _MAX_DEPTH)
    return list(islice(_misfits(value, annotation, (), depth), MAX_ERRORS))


def _reason(value: object, annotation: object) -> str | None:
    """Why the value does not fit, in msgspec's words; `None` if it does."""
    try:
        msgspec.convert(value, cast("type[object]", annotation), str_keys=True)
    except msgspec.ValidationError as error:
        return str(error).partition(" - at `")[0]  # a place that we give in `loc`
    return None


def _misfits(value: object, annotation: object, loc: Loc, depth: int) -> Iterator[InvalidValue]:
    reason = _reason(value, annotation)
    if reason is None:
        return
    found = False
    for error in _inside(value, peel(expand(annotation)).type, loc, depth - 1) if depth else ():
        found = True
        yield error
    if not found:  # it is this value itself: its type, a bound, or a rule over several fields
        yield from _of_itself(value, annotation, loc, reason)


def _of_itself(value: object, annotation: object, loc: Loc, reason: str) -> Iterator[InvalidValue]:
    peeled = peel(expand(annotation))
    constraints = constraints_of(peeled.metadata)
    if constraints and _reason(value, peeled.type) is None:
        made = msgspec.convert(value, cast("type[object]", peeled.type), str_keys=True)
        failed = [InvalidValue(loc, message, code) for code, message, fits in tests(constraints) if not fits(made)]
        if failed:
            yield failed[0]
            return
    yield InvalidValue(loc, reason, "type")


def _inside(value: object, kind: object, loc: Loc, depth: int) -> Iterator[InvalidValue]:
    """What does not fit in the parts of `value`."""
    if is_union(kind):
        member = _member(value, get_args(kind))
        return iter(()) if member is None else _misfits(value, member, loc, depth)
    if isinstance(value, list):
        return _in_list(cast("list[object]", value), kind, loc, depth)
    if not isinstance(value, dict):
        return iter(())
    given = cast("dict[str, object]", value)
    if model_class(kind) is not None:
        return _in_model(given, kind, loc, depth)
    arguments = get_args(kind)
    if _is_mapping(kind) and len(arguments) == 2:
        return _in_mapping(given, arguments[0], arguments[1], loc, depth)
    return iter(())


def _in_list(value: list[object], kind: object, loc: Loc, depth: int) -> Iterator[InvalidValue]:
    if is_namedtuple(kind):
        fields = fields_of(kind)
        if sum(field.required for field in fields) <= len(value) <= len(fields):
            for index, (item, field) in enumerate(zip(value, fields, strict=False)):
                yield from _misfits(item, field.annotation, (*loc, index), depth)
        return
    arguments = get_args(kind)
    if not _is_list(kind) or not arguments:
        return
    if get_origin(kind) is tuple and arguments[-1] is not Ellipsis:
        for index, (item, annotation) in enumerate(zip(value, arguments, strict=False) if len(value) == len(arguments) else ()):
            yield from _misfits(item, annotation, (*loc, index), depth)
        return
    yield from _among(range(len(value)), value, arguments[0], loc, depth)


def _in_mapping(given: Mapping[str, object], key_type: object, value_type: object, loc: Loc, depth: int) -> Iterator[InvalidValue]:
    keys = list(given)
    for some in _pieces(keys):
        if _reason(dict.fromkeys(some), dict[key_type, Any]) is not None:  # type: ignore[valid-type]  # a type made at run time
            for key in some:
                reason = _reason({key: None}, dict[key_type, Any])  # type: ignore[valid-type]  # a type made at run time
                if reason is not None:
                    yield InvalidValue((*loc, key), reason, "type")
    yield from _among(keys, list(given.values()), value_type, loc, depth)


def _among(keys: Sequence[str | int], values: list[object], annotation: object, loc: Loc, depth: int) -> Iterator[InvalidValue]:
    """What does not fit among values of one type."""
    for some, their_keys in zip(_pieces(values), _pieces(keys), strict=True):
        if len(some) == 1 or _reason(some, list[annotation]) is not None:  # type: ignore[valid-type]  # a type made at run time
            for key, value in zip(their_keys, some, strict=True):
                yield from _misfits(value, annotation, (*loc, key), depth)


def _pieces(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _ITEMS_AT_ONCE] for start in range(0, len(items), _ITEMS_AT_ONCE))


def _in_model(given: Mapping[str, object], kind: object, loc: Loc, depth: int) -> Iterator[InvalidValue]:
    fields = fields_of(kind)
    for field in fields:
        if field.name in given:
            yield from _misfits(given[field.name], field.annotation, (*loc, field.name), depth)
        elif field.required:
            yield InvalidValue((*loc, field.name), "This field is required", "missing")
    config = getattr(model_class(kind), "__struct_config__", None)
    if config is not None and config.forbid_unknown_fields:
        known = {field.name for field in fields} | {config.tag_field}
        for name in given:
            if name not in known:
                yield InvalidValue((*loc, name), "This field is not known", "extra")


# Which member of a union was meant.


def _member(value: object, members: Sequence[object]) -> object:
    """The member that the value must have been meant for; `None` if there is none, or more than one."""
    fitting = [member for member in members if _has_form(value, peel(expand(member)).type)]
    if isinstance(value, dict) and len(fitting) > 1:
        fitting = [member for member in fitting if _has_tag(cast("dict[str, object]", value), member)]
    return fitting[0] if len(fitting) == 1 else None


def _has_form(value: object, kind: object) -> bool:
    if isinstance(value, dict):
        return model_class(kind) is not None or _is_mapping(kind)
    if isinstance(value, list):
        return _is_list(kind)
    return False


def _has_tag(value: Mapping[str, object], member: object) -> bool:
    config = getattr(model_class(member), "__struct_config__", None)
    return config is not None and config.tag_field is not None and value.get(config.tag_field) == config.tag


def _is_mapping(kind: object) -> bool:
    origin = class_of(kind)
    return origin is not None and issubclass(origin, Mapping)


def _is_list(kind: object) -> bool:
    origin = class_of(kind)
    return origin is not None and issubclass(origin, Collection) and not issubclass(origin, str | bytes | Mapping)
