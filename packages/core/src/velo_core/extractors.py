"""Extractors: sources of values beyond the path, the query, headers and cookies, for markers of plugins and applications.

An extractor is a function that is called once for a request, like a dependency, and gives something that values are taken from by name: the
fields of a form, the claims of a token, the settings of a tenant. What is taken is converted like any parameter if it is text, and checked
against the declared type if it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

import msgspec
from msgspec import Struct

from velo_core.annotations import Annotation
from velo_core.codecs import has_fields
from velo_core.conversion import ParameterConvert, bounds_of, can_share, parameter_conversion
from velo_core.errors import InvalidValue
from velo_core.hints import class_of, peel
from velo_core.markers import Dependency, Marker
from velo_core.parameter_models import ModelField, is_many, key_of, parameter_model
from velo_core.types import INVALID, MISSING

__all__ = ["RESERVED", "ExtractConvert", "Extracted", "Extractor", "Location", "Take", "extracted"]

Location: TypeAlias = Literal["path", "query", "header", "cookie", "body", ""]
"""Where documentation says that values are; nowhere, for what no client sends."""
Take: TypeAlias = Callable[[Any, Any, str], object]
"""(what the function gave, the marker, name) to a value, to a list of them, or to `None` if there is none."""
ExtractConvert: TypeAlias = "Callable[[object, list[InvalidValue]], object]"
"""(what the function gave, errors) to a value or `INVALID`."""

RESERVED = frozenset(("path", "query", "header", "cookie", "body", "request", "background", "hints"))
"""Names of sources that Velo has itself."""


class _Values(Protocol):
    def get(self, name: str, /) -> object: ...
    def get_all(self, name: str, /) -> list[object]: ...


class Extractor(Struct, frozen=True):
    """How the parameters with one marker are read.

    Attributes:
        name: Of the source, the first part of `loc` in errors: `"form"`.
        dependency: Gives what values are taken from.
        take: Takes one; by `get` and `get_all` if it is `None`.
        location: Where documentation says that values are.
        media_types: Of the body, if they are in there; for documentation.
    """

    name: str
    dependency: Dependency
    take: Take | None = None
    location: Location = ""
    media_types: tuple[str, ...] = ()


class Extracted(Struct, frozen=True):
    """How one parameter is taken from what an extractor gives.

    Attributes:
        fields: The parameter, or the fields of its model.
        convert: Takes it and makes the value.
        forbids_extra: Whether names that nobody takes are refused.
    """

    fields: tuple[ModelField, ...]
    convert: ExtractConvert
    forbids_extra: bool = False


def extracted(extractor: Extractor, marker: Marker, name: str, annotation: Annotation, default: object) -> Extracted:
    """How a parameter is taken.

    Args:
        extractor: Reads it.
        marker: Of the parameter.
        name: Of the parameter.
        annotation: What is declared.
        default: Value if there is none, or `MISSING`.

    Raises:
        TypeError: the declared type cannot be read.
    """
    if has_fields(annotation.type):
        model = parameter_model(extractor.name, annotation, marker, default, _checked_conversion)
        return Extracted(model.fields, _all_fields(extractor, marker, model.fields, model.convert), model.forbids_extra)
    key = key_of(marker, marker.alias, name)
    required = default is MISSING
    field = ModelField(name, key, is_many(annotation), annotation, default, required)
    convert = _checked_conversion((extractor.name, key), annotation)
    missing = InvalidValue((extractor.name, key), "This value is required", "missing")
    take_it = _taking(extractor, marker, field)
    shared = can_share(default)

    def take(source: object, errors: list[InvalidValue]) -> object:
        value = take_it(source)
        if value is None or value == []:
            if not required:
                return default if shared else deepcopy(default)
            errors.append(missing)
            return INVALID
        return convert(value, errors)

    return Extracted((field,), take)


def _all_fields(
    extractor: Extractor, marker: Marker, fields: Sequence[ModelField], convert: Callable[[tuple[object, ...], list[InvalidValue]], object]
) -> ExtractConvert:
    takes = [_taking(extractor, marker, field) for field in fields]
    return lambda source, errors: convert(tuple([take(source) for take in takes]), errors)


def _taking(extractor: Extractor, marker: Marker, field: ModelField) -> Callable[[object], object]:
    own, key = extractor.take, field.key
    if own is not None:
        return lambda source: own(source, marker, key)
    if field.many:
        return lambda source: cast("_Values", source).get_all(key) if hasattr(source, "get_all") else cast("_Values", source).get(key)
    return lambda source: cast("_Values", source).get(key)


def _checked_conversion(loc: tuple[str, str], annotation: Annotation) -> ParameterConvert:
    """For text as for any parameter; what is no text has to be of the type already, or to have its form in plain data.

    Raises:
        TypeError: it is no class whose instances could be recognised, and cannot be read from text.
    """
    bounds = bounds_of(loc, annotation)
    kind, many, readable = _class(annotation), is_many(annotation), True
    try:
        from_text = parameter_conversion(loc, annotation, required=False)
    except TypeError:
        if class_of(annotation.type) is None:
            raise
        from_text, readable = None, False
    name = getattr(annotation.type, "__name__", str(annotation.type))
    wrong = InvalidValue(loc, f"Expected `{name}`", "type")

    def convert(value: object, errors: list[InvalidValue]) -> object:
        if readable and _is_text(value, many=many):
            return value if from_text is None else from_text(value, errors)
        if not _all_are(value, kind, many=many):
            try:
                value = msgspec.convert(value, cast("type[object]", annotation.full))
            except (msgspec.ValidationError, TypeError, RecursionError):
                errors.append(wrong)
                return INVALID
        return value if bounds is None or bounds.hold(value, errors) else INVALID

    return convert


def _class(annotation: Annotation) -> type[object] | None:
    """The class of the values, or of the items of a list."""
    arguments = get_args(annotation.type)
    hint = peel(arguments[0]).type if is_many(annotation) and arguments else annotation.type
    if hint is Any:
        return object
    return None if get_args(hint) else class_of(hint)  # of a `dict[str, int]`, being a dictionary says too little


def _is_text(value: object, *, many: bool) -> bool:
    if not many:
        return isinstance(value, str)
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value))


def _all_are(value: object, kind: type[object] | None, *, many: bool) -> bool:
    """Whether a value is of the class; `True` is no `int` here."""
    if kind is None or (many and not isinstance(value, list)):
        return False
    values: list[object] = cast("list[object]", value) if many else [value]
    return all(isinstance(one, kind) and (kind is object or type(one) is not bool or kind is bool) for one in values)
