"""Results without what `exclude_none` and `exclude_defaults` leave out: fields of models, and nothing else.

msgspec can leave out defaults only where the class says so. Here it is the route that says it, so what is written is made of the values one
by one; that costs more, and nothing where nobody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

import msgspec
from msgspec import Struct

from velo_core.codecs.fields import Field, dataclass_fields, fields_of, is_dataclass, is_typeddict, model_class
from velo_core.hints import class_of, expand, is_union, peel
from velo_core.types import MISSING

__all__ = ["WriteOptions", "omitting"]


class WriteOptions(Struct, frozen=True):
    """How results are written.

    Attributes:
        exclude_none: Whether fields that are `None` are left out.
        exclude_unset: Whether fields that nobody has set are; only pydantic knows of that.
        exclude_defaults: Whether fields that have their default are.
        by_alias: Whether fields have the names that their models give them in JSON, or those that they have in Python.
        validate: Whether a result is checked against all that its type says, and not only for what it has too much.
    """

    exclude_none: bool = False
    exclude_unset: bool = False
    exclude_defaults: bool = False
    by_alias: bool = True
    validate: bool = False

    @property
    def shapes(self) -> bool:
        """Whether fields are left out or renamed."""
        return self.exclude_none or self.exclude_unset or self.exclude_defaults or not self.by_alias


def omitting(annotation: object, options: WriteOptions) -> Callable[[object], object]:
    """Makes of a value of the type one without the fields that `options` leaves out.

    Raises:
        TypeError: the options are not for models of this kind.
    """
    if options.exclude_unset:
        raise TypeError("exclude_unset works with pydantic models, which know what was set; others can have msgspec.UNSET as a default")
    omitter = _Omitter(options)
    return lambda value: omitter.value(value, annotation)


class _Omitter:
    def __init__(self, options: WriteOptions) -> None:
        self.options = options
        self.fields: dict[object, list[Field]] = {}

    def value(self, value: object, annotation: object) -> object:
        kind: type[object] = type(value)
        if isinstance(value, dict):
            return self.dictionary(cast("dict[object, object]", value), annotation)
        if model_class(kind) is not None:
            declared = peel(expand(annotation)).type
            return self.model(value, declared if class_of(declared) is kind else kind)
        if kind in (list, tuple, set, frozenset):
            item = _argument(annotation, 0)
            return [self.value(one, item) for one in cast("list[object]", value)]
        return value

    def model(self, value: object, kind: object) -> object:
        config: msgspec.structs.StructConfig | None = getattr(value, "__struct_config__", None)
        if config is not None and config.array_like:  # a list in JSON, where each field has its place
            return value
        written: dict[str, object] = {}
        if config is not None and config.tag_field is not None:
            written[config.tag_field] = config.tag
        defaults = self.options.exclude_defaults or (config is not None and config.omit_defaults)
        for field in self.fields_of(kind):
            held = getattr(value, field.attribute, msgspec.UNSET)
            if not self.leaves_out(held, field, defaults=defaults):
                written[field.name if self.options.by_alias else field.attribute] = self.value(held, field.annotation)
        return written

    def dictionary(self, value: Mapping[object, object], annotation: object) -> dict[object, object]:
        typed = next((one for one in _members(annotation) if is_typeddict(class_of(one))), None)
        if typed is None:
            item = _argument(annotation, 1)
            return {key: self.value(held, item) for key, held in value.items()}
        known = {field.name: field for field in self.fields_of(typed)}
        return {
            key: self.value(held, known[cast("str", key)].annotation)
            for key, held in value.items()
            if not self.leaves_out(held, known[cast("str", key)], defaults=False)
        }

    def leaves_out(self, held: object, field: Field, *, defaults: bool) -> bool:
        if held is msgspec.UNSET or (held is None and self.options.exclude_none):
            return True
        if not defaults:
            return False
        default: object = field.default
        if default is MISSING:  # made anew each time: empty, nearly always
            return not field.required and type(held) in (list, dict, set, tuple) and not held
        return type(held) is type(default) and held == default

    def fields_of(self, kind: object) -> list[Field]:
        known = self.fields.get(kind)
        if known is None:
            known = self.fields[kind] = _written_fields(kind)
        return known


def _written_fields(kind: object) -> list[Field]:
    """Those that are read, and those of dataclasses and attrs classes that are only written because their constructors do not take them."""
    fields = list(fields_of(kind))
    model = class_of(kind)
    others = dataclass_fields(model) if model is not None and is_dataclass(model) else getattr(model, "__attrs_attrs__", ())
    named = {field.attribute for field in fields}
    return fields + [Field(one.name, one.name, Any, required=True) for one in others if one.name not in named]


def _members(annotation: object) -> tuple[object, ...]:
    hint = peel(expand(annotation)).type
    return tuple(peel(member).type for member in get_args(hint)) if is_union(hint) else (hint,)


def _argument(annotation: object, index: int) -> object:
    """What the items, or the values, of a collection are declared to be; `Any` if that is not clear."""
    found = [arguments for one in _members(annotation) if (arguments := get_args(one))]
    if len(found) != 1 or len(found[0]) <= index or (index == 0 and len(found[0]) > 1 and found[0][-1] is not Ellipsis):
        return Any
    return found[0][index]
