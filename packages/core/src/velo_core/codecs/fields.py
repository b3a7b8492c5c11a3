"""The fields of the models that msgspec reads: structs, dataclasses, attrs classes, `TypedDict`s and `NamedTuple`s, generic ones too."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, Protocol, Required, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from velo_core.hints import class_of, expand, parts, substitute
from velo_core.remembering import once_per_type
from velo_core.types import MISSING

if TYPE_CHECKING:
    from dataclasses import Field as _DataclassField

__all__ = ["Field", "dataclass_fields", "everything_in", "fields_of", "is_dataclass", "is_namedtuple", "is_typeddict", "model_class"]


class Field(Struct, frozen=True):
    """One field of a model.

    Attributes:
        name: In JSON.
        attribute: In Python: an attribute, or the key of a `TypedDict`.
        annotation: What it holds.
        required: Whether JSON has to have it.
        default: What it is if it is not there; `MISSING` if it is required, or if its default is made anew each time.
        reads_text: Whether the model itself makes the value of a text, by rules of its own.
    """

    name: str
    attribute: str
    annotation: object
    required: bool
    default: object = MISSING
    reads_text: bool = False


class _TypedDictClass(Protocol):
    __required_keys__: frozenset[str]


class _NamedTupleClass(Protocol):
    _fields: tuple[str, ...]
    _field_defaults: Mapping[str, object]


class _AttrsClass(Protocol):
    __attrs_attrs__: Sequence[_AttrsAttribute]


class _AttrsAttribute(Protocol):
    name: str
    default: object
    init: bool


def is_typeddict(annotation: object) -> bool:
    """Whether this is a `TypedDict`, that of `typing_extensions` included."""
    kind = class_of(annotation)
    return kind is not None and dict in kind.__mro__ and hasattr(kind, "__required_keys__")


def is_dataclass(kind: type[object]) -> bool:
    """Whether this is a dataclass. Says it without `dataclasses`, which only applications that have some need."""
    return hasattr(kind, "__dataclass_fields__")


def dataclass_fields(kind: type[object]) -> Sequence[_DataclassField[object]]:
    """Those of a dataclass, pseudo-fields aside."""
    from dataclasses import fields

    return fields(cast("Any", kind))


def is_namedtuple(annotation: object) -> bool:
    """Whether this is a class made by `typing.NamedTuple` or `collections.namedtuple`."""
    kind = class_of(annotation)
    return kind is not None and tuple in kind.__mro__ and hasattr(kind, "_fields")


def model_class(annotation: object) -> type[object] | None:
    """The class, if `annotation` is a model that is an object in JSON (or a parametrised one); `None` for all else."""
    kind = class_of(annotation)
    if kind is None:
        return None
    is_model = issubclass(kind, msgspec.Struct) or is_dataclass(kind) or hasattr(kind, "__attrs_attrs__") or is_typeddict(kind)
    return kind if is_model else None


def fields_of(annotation: object) -> Sequence[Field]:
    """The fields of a model or a named tuple, in order.

    Raises:
        TypeError: the annotation of a field names something that cannot be found.
    """
    kind = cast("type[object]", class_of(annotation))
    try:
        if issubclass(kind, msgspec.Struct):
            found = msgspec.structs.fields(cast("type[msgspec.Struct]", annotation))
            return [
                Field(field.encode_name, field.name, expand(field.type), field.required, _given(field.default, msgspec.NODEFAULT))
                for field in found
            ]
        hints = get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{kind.__qualname__} names {error.name!r}, which cannot be found; define it in the module of {kind.__qualname__}"
        ) from error
    variables = cast("tuple[TypeVar, ...]", getattr(kind, "__parameters__", ()))
    arguments = cast("Mapping[object, object]", dict(zip(variables, get_args(annotation), strict=False)))
    required, defaults = _required(kind, hints), _defaults(kind)
    return [
        Field(name, name, _unqualified(expand(substitute(hints.get(name, object), arguments))), is_required, defaults.get(name, MISSING))
        for name, is_required in required.items()
    ]


def _required(kind: type[object], hints: Mapping[str, object]) -> Mapping[str, bool]:
    """The names of the fields, and whether each is required."""
    if is_typeddict(kind):
        keys = cast("_TypedDictClass", kind).__required_keys__
        return {name: _is_required(hint, name in keys) for name, hint in hints.items()}
    if is_namedtuple(kind):
        tuple_class = cast("_NamedTupleClass", kind)
        return {name: name not in tuple_class._field_defaults for name in tuple_class._fields}  # pyright: ignore[reportPrivateUsage]: their public names
    if is_dataclass(kind):
        from dataclasses import MISSING as NOTHING

        given = [field for field in dataclass_fields(kind) if field.init]
        return {field.name: field.default is NOTHING and field.default_factory is NOTHING for field in given}
    nothing = sys.modules["attr"].NOTHING
    attributes = cast("_AttrsClass", kind).__attrs_attrs__
    return {attribute.name: attribute.default is nothing for attribute in attributes if attribute.init}


def _defaults(kind: type[object]) -> Mapping[str, object]:
    """The defaults of the fields, besides those that are made anew each time."""
    if is_namedtuple(kind):
        return cast("_NamedTupleClass", kind)._field_defaults  # pyright: ignore[reportPrivateUsage]: their public name
    if is_dataclass(kind):
        from dataclasses import MISSING as NOTHING

        return {field.name: _given(field.default, NOTHING) for field in dataclass_fields(kind)}
    attributes = cast("_AttrsClass", kind).__attrs_attrs__ if hasattr(kind, "__attrs_attrs__") else ()
    made = (sys.modules["attr"].NOTHING, sys.modules["attr"].Factory) if attributes else ()
    return {one.name: MISSING if one.default in made[:1] or isinstance(one.default, made[1:]) else one.default for one in attributes}


def _given(default: object, none: object) -> object:
    return MISSING if default is none else default


def _is_required(hint: object, by_class: bool) -> bool:
    # `__required_keys__` does not know of qualifiers that were written as text (`from __future__ import annotations`).
    while _is_qualified(hint):
        if get_origin(hint) in (Required, NotRequired):
            return get_origin(hint) is Required
        hint = get_args(hint)[0]
    return by_class


def _unqualified(hint: object) -> object:
    while _is_qualified(hint) and get_origin(hint) is not Annotated:
        hint = get_args(hint)[0]
    return hint


def _is_qualified(hint: object) -> bool:
    origin = get_origin(hint)
    return origin is Annotated or getattr(origin, "_name", "") in ("ReadOnly", "Required", "NotRequired")


@once_per_type
def everything_in(annotation: object) -> Sequence[object]:
    """The annotation and all types inside of it, those of the fields of models included, each once."""
    found: list[object] = []
    waiting = [annotation]
    while waiting:
        for part in parts(expand(waiting.pop())):
            if any(part is known or (type(part) is type(known) and part == known) for known in found):
                continue
            found.append(part)
            if model_class(part) is not None or is_namedtuple(part):
                waiting += [field.annotation for field in fields_of(part)]
    return found
