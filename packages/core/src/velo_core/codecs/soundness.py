"""Which field of a model it is that can never be read."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from msgspec import inspect

from velo_core.codecs.backend import UnsoundModel
from velo_core.codecs.fields import fields_of, is_namedtuple, model_class
from velo_core.errors import where
from velo_core.hints import class_of, expand, parts, peel

__all__ = ["unsound"]


def unsound(annotation: object) -> UnsoundModel | None:
    """What says of a type that msgspec refuses which field it is for, the innermost one; `None` if it is for none."""
    return _unsound(annotation, [])


def _unsound(annotation: object, seen: list[object]) -> UnsoundModel | None:
    for part in parts(expand(annotation)):
        if (model_class(part) is None and not is_namedtuple(part)) or part in seen:
            continue
        seen.append(part)
        for field in fields_of(part):
            try:
                inspect.type_info(cast("type[object]", field.annotation))
            except TypeError as error:
                inner = _unsound(field.annotation, seen)
                return inner or UnsoundModel(_told(part, field.attribute, field.annotation, str(error).partition(" - type ")[0]))
    return None


def _told(model: object, attribute: str, annotation: object, reason: str) -> str:
    kind = cast("type[object]", class_of(model))
    hint = "correct the annotation of the field"
    if reason.startswith("Can only set") and class_of(peel(expand(annotation)).type) is Decimal:
        hint = "msgspec has no bounds for decimals: look at them in __post_init__, or write the model with pydantic"
    return f"the field {attribute!r} of {kind.__qualname__} ({where(kind)}) cannot be read: {reason}; {hint}"
