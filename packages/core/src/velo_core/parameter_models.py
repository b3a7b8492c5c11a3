"""Models that are read from several parameters at once: each field of `Annotated[Filters, Query()]` is a parameter of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from copy import deepcopy
from typing import TypeAlias, cast, get_origin

from msgspec import Struct
from msgspec.structs import replace

from velo_core.annotations import Annotation, read_annotation
from velo_core.codecs import MAX_ERRORS, DoesNotFit, Make, backend_for, is_model
from velo_core.conversion import ParameterConvert, can_share, parameter_conversion
from velo_core.errors import InvalidValue
from velo_core.markers import Header, Marker
from velo_core.types import INVALID, MISSING

__all__ = ["ModelConvert", "ModelField", "ParameterModel", "is_many", "key_of", "known_names", "parameter_model"]

ModelConvert: TypeAlias = "Callable[[tuple[object, ...], list[InvalidValue]], object]"
"""(what the request has for each field, errors) to a model or `INVALID`."""
Conversion: TypeAlias = Callable[["tuple[str, str]", Annotation], "ParameterConvert | None"]

_COLLECTIONS = (list, set, frozenset, tuple)


class ModelField(Struct, frozen=True):
    """One field, as a parameter.

    Attributes:
        name: In the model.
        key: Name on the wire.
        many: Whether all values of that name are wanted, as a list.
        declared: What the model says.
        default: Value if there is none, as far as it is known; `MISSING` if it is required, or made anew each time.
        required: Whether there has to be a value.
    """

    name: str
    key: str
    many: bool
    declared: Annotation
    default: object
    required: bool


class ParameterModel(Struct, frozen=True):
    """How a model is read from parameters.

    Attributes:
        fields: In order.
        convert: Makes the model.
        forbids_extra: Whether parameters that no field and nothing else takes are refused.
    """

    fields: tuple[ModelField, ...]
    convert: ModelConvert
    forbids_extra: bool


def _conversion(loc: tuple[str, str], declared: Annotation) -> ParameterConvert | None:
    return parameter_conversion(loc, declared, required=False)


def parameter_model(
    source: str, annotation: Annotation, marker: Marker, default: object, conversion: Conversion = _conversion
) -> ParameterModel:
    """How the parameters in `source` become the model that is declared.

    Args:
        source: `"query"`, `"header"`, `"cookie"`, or the name of an extractor.
        annotation: The model.
        marker: Says where it comes from.
        default: Value if none of its parameters is there; `MISSING` if the model decides.
        conversion: How the value of a field is converted, from where it is and what is declared.

    Raises:
        TypeError: a field cannot be read from text.
    """
    backend = backend_for(annotation.full)
    fields: list[ModelField] = []
    converts: list[ParameterConvert | None] = []
    for field in backend.fields(annotation.type):
        declared = read_annotation(field.annotation)
        many = is_many(declared)
        alias = declared.marker.alias if declared.marker is not None else None
        key = key_of(marker, alias or (None if field.name == field.attribute else field.name), field.attribute)
        if many and source == "cookie":
            raise TypeError(f"its field {field.attribute!r} has several values, and a cookie has one")
        try:
            if is_model(declared.type):
                raise TypeError("it has a model in it, and a parameter is one text")
            converts.append(None if field.reads_text else conversion((source, key), declared))
        except TypeError as error:
            raise TypeError(f"its field {field.attribute!r} cannot: {error}") from error
        fields.append(ModelField(field.name, key, many, declared, field.default, field.required))
    convert = _conversion_of_all(source, fields, converts, backend.maker(annotation.type), default)
    extra: object = getattr(marker, "extra", None)
    return ParameterModel(tuple(fields), convert, backend.forbids_extra(annotation.type) if extra is None else extra == "forbid")


def known_names(source: str, names: Collection[str]) -> Callable[[object, list[InvalidValue]], None]:
    """Adds an error for each name in the request, up to `MAX_ERRORS`, that is not one of `names`."""

    def check(given: object, errors: list[InvalidValue]) -> None:
        if given is INVALID:
            return
        unknown = [name for name in cast("Iterable[str]", given) if name not in names]
        errors += [InvalidValue((source, name), "This parameter is not known", "extra") for name in unknown[:MAX_ERRORS]]

    return check


def is_many(annotation: Annotation) -> bool:
    """Whether a parameter has all values of its name."""
    kind = annotation.type
    return (kind if type(kind) is type else get_origin(kind) or kind) in _COLLECTIONS


def key_of(marker: Marker, alias: str | None, name: str) -> str:
    """The name of a parameter on the wire. Headers have hyphens where Python's names have underscores, and no case."""
    if isinstance(marker, Header):
        return (alias or name.replace("_", "-")).lower()
    return alias or name


def _conversion_of_all(
    source: str, fields: Sequence[ModelField], converts: Sequence[ParameterConvert | None], make: Make, default: object
) -> ModelConvert:
    parts = [
        (field.name, convert, InvalidValue((source, field.key), "This value is required", "missing") if field.required else None)
        for field, convert in zip(fields, converts, strict=True)
    ]
    keys = {field.name: field.key for field in fields}
    shared = can_share(default)

    def convert_all(taken: tuple[object, ...], errors: list[InvalidValue]) -> object:
        if default is not MISSING and all(value is None or value == [] for value in taken):
            return default if shared else deepcopy(default)
        values: dict[str, object] = {}
        before = len(errors)
        for (name, convert, missing), value in zip(parts, taken, strict=True):
            if value is None or value == []:
                if missing is not None:
                    errors.append(missing)
                continue
            made = value if convert is None else convert(value, errors)
            if made is not INVALID:
                values[name] = made
        complete = len(errors) == before
        try:
            model = make(values, complete)
        except DoesNotFit as error:
            errors += [replace(one, loc=_place(source, keys, one.loc)) for one in error.errors]
            return INVALID
        return model if complete else INVALID

    return convert_all


def _place(source: str, keys: dict[str, str], loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where something is, by the names on the wire."""
    return (source, *(keys.get(step, step) if isinstance(step, str) else step for step in loc[:1]), *loc[1:])
