"""Texts that a library of models takes for more than their patterns mean: see `velo_core.patterns`.

Only what is not ASCII, or has an escape for a line end, can be such a text, and only types with such patterns are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum
from typing import Annotated, Literal, Protocol, cast, get_args, get_origin

from velo_core.codecs.backend import MAX_ERRORS, DoesNotFit
from velo_core.codecs.fields import fields_of, is_namedtuple, model_class
from velo_core.constraints import compiled_pattern, constraints_of
from velo_core.errors import InvalidValue
from velo_core.hints import class_of, expand, is_union, parts, peel
from velo_core.patterns import is_read_alike
from velo_core.remembering import once_per_type

__all__ = ["PatternGuard", "pattern_guard"]

Loc = tuple[str | int, ...]


class _Field(Protocol):
    """What pydantic knows of a field."""

    annotation: object
    metadata: list[object]
    alias: str | None
    validation_alias: object


class _Model(Protocol):
    """A model of pydantic."""

    def model_rebuild(self, *, raise_errors: bool) -> object: ...


@once_per_type
def pattern_guard(annotation: object) -> PatternGuard | None:
    """What holds texts against the patterns of a type, as they are meant; `None` if it has none that may be read otherwise."""
    guard = PatternGuard(annotation)
    return guard if guard.has_patterns else None


class PatternGuard:
    """Holds plain data that a library has taken against the patterns of a type, as they are meant.

    Args:
        annotation: The type.
    """

    def __init__(self, annotation: object) -> None:
        self._annotation = annotation
        self._patterns: dict[str | re.Pattern[str], re.Pattern[str]] = {}
        self._fields: dict[object, list[tuple[tuple[str, ...], object]]] = {}
        self._collect(annotation)

    @property
    def has_patterns(self) -> bool:
        """Whether the type has such patterns at all."""
        return bool(self._patterns)

    def check(self, data: object) -> None:
        """Looks at all texts in it.

        Raises:
            DoesNotFit: one does not match.
        """
        errors = list(self._misfits(data, self._annotation, ()))
        if errors:
            raise DoesNotFit(errors[:MAX_ERRORS])

    def _collect(self, annotation: object) -> None:
        waiting = [annotation]
        while waiting:
            for part in parts(expand(waiting.pop())):
                pattern = _pattern(part)
                if pattern is not None and not is_read_alike(pattern):
                    with suppress(TypeError):  # what Python cannot read, or not quickly, is left to the library
                        self._patterns[pattern] = compiled_pattern(pattern)
                if _has_fields(part) and part not in self._fields:
                    self._fields[part] = found = list(_fields(part))
                    waiting += [one for _, one in found]

    def _misfits(self, value: object, annotation: object, loc: Loc) -> Iterator[InvalidValue]:
        annotation = expand(annotation)
        kind = peel(annotation).type
        if is_union(kind):
            yield from self._in_union(value, get_args(kind), loc)
        elif isinstance(value, str):
            pattern = _pattern(annotation)
            exact = None if pattern is None else self._patterns.get(pattern)
            if exact is not None and not exact.search(value):
                yield InvalidValue(loc, f"Should match {pattern if isinstance(pattern, str) else exact.pattern}", "pattern")
        elif isinstance(value, list):
            items = cast("list[object]", value)
            for index, (item, inner) in enumerate(zip(items, _items(kind, len(items)), strict=False)):
                yield from self._misfits(item, inner, (*loc, index))
        elif isinstance(value, dict):
            yield from self._in_object(cast("dict[str, object]", value), kind, loc)

    def _in_union(self, value: object, members: tuple[object, ...], loc: Loc) -> Iterator[InvalidValue]:
        """A value has to fit one of the members that it can be meant for."""
        found: list[list[InvalidValue]] = [
            list(self._misfits(value, one, loc)) for one in members if self._is_meant(value, peel(expand(one)).type)
        ]
        if found and all(found):
            yield from found[0]

    def _is_meant(self, value: object, kind: object) -> bool:
        named = class_of(kind)
        if isinstance(value, str):
            if get_origin(kind) is Literal:
                return value in get_args(kind)
            return named is not None and (issubclass(named, str) or (issubclass(named, Enum) and any(one.value == value for one in named)))
        if isinstance(value, list):
            return not _has_fields(kind) or is_namedtuple(kind)
        if not isinstance(value, dict) or not _has_fields(kind):
            return True
        given = cast("dict[str, object]", value)
        config = getattr(named, "__struct_config__", None)
        if config is not None and config.tag_field is not None and given.get(config.tag_field) != config.tag:
            return False
        literals = [(name, peel(expand(one)).type) for names, one in self._fields_of(kind) for name in names if name in given]
        return all(get_origin(one) is not Literal or given[name] in get_args(one) for name, one in literals)

    def _in_object(self, value: Mapping[str, object], kind: object, loc: Loc) -> Iterator[InvalidValue]:
        if not _has_fields(kind):
            of_keys, of_values = (*get_args(kind), object, object)[:2]
            for name, one in value.items():
                yield from self._misfits(name, of_keys, (*loc, name))
                yield from self._misfits(one, of_values, (*loc, name))
            return
        for names, annotation in self._fields_of(kind):
            given = next((name for name in names if name in value), None)
            if given is not None:
                yield from self._misfits(value[given], annotation, (*loc, given))

    def _fields_of(self, kind: object) -> list[tuple[tuple[str, ...], object]]:
        return self._fields.get(kind, [])


def _pattern(annotation: object) -> str | re.Pattern[str] | None:
    found = constraints_of(peel(annotation).metadata).get("pattern")
    return cast("str | re.Pattern[str]", found) if isinstance(found, str | re.Pattern) else None


def _has_fields(kind: object) -> bool:
    return model_class(kind) is not None or is_namedtuple(kind) or hasattr(class_of(kind), "__pydantic_fields__")


def _fields(kind: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """The names of each field, the first that is there counts, and what it holds."""
    model = class_of(kind)
    if getattr(model, "__pydantic_complete__", True) is False and hasattr(model, "model_rebuild"):
        cast("_Model", model).model_rebuild(raise_errors=False)  # one that names a model below itself knows it only now
    known = cast("Mapping[str, _Field] | None", getattr(model, "__pydantic_fields__", None))
    if known is None:
        yield from (((field.name,), field.annotation) for field in fields_of(kind))
        return
    config = cast("Mapping[str, object]", getattr(model, "model_config", None) or getattr(model, "__pydantic_config__", None) or {})
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    for name, field in known.items():
        alias = field.validation_alias or field.alias or name
        names = [one for one in cast("list[object]", getattr(alias, "choices", [alias])) if isinstance(one, str)]
        hint: object = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        yield (() if config.get("validate_by_alias") is False else (*names,)) + ((name,) if by_name else ()), hint


def _items(kind: object, length: int) -> list[object]:
    arguments = list(get_args(kind))
    if is_namedtuple(kind):
        return [field.annotation for field in fields_of(kind)]
    if get_origin(kind) is tuple and arguments[-1:] != [Ellipsis]:
        return arguments
    return arguments[:1] * length
