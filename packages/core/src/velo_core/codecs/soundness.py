"""Which field of a model it is that can never be read."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from msgspec import inspect

from velo_core.codecs.backend import UnsoundModel
from velo_core.codecs.fields import everything_in, fields_of, is_namedtuple, model_class
from velo_core.constraints import constraints_of, is_inexact
from velo_core.errors import where
from velo_core.hints import class_of, expand, parts, peel

__all__ = ["uncountable", "unsound"]

_INSTEAD = "make it an int of a smaller unit, such as cents, or look at a Decimal in __post_init__"


def unsound(annotation: object) -> UnsoundModel | None:
    """What says of a type that msgspec refuses which field it is for, the innermost one; `None` if it is for none."""
    return _unsound(annotation, [])


def uncountable(annotation: object) -> TypeError:
    """What says in which steps msgspec, which counts in binary, could not count as they are written, and for which field."""
    for part in everything_in(annotation):
        for field in fields_of(part) if model_class(part) is not None or is_namedtuple(part) else ():
            reason = _miscounted(parts(expand(field.annotation)))
            if reason:
                return UnsoundModel(f"the field {field.attribute!r} of {_named(part)} {reason}; {_INSTEAD}")
    reason = _miscounted(everything_in(annotation))
    return TypeError(
        f"it {reason}; make it an int of a smaller unit, or write the bound in a marker, which counts in decimal: Body(multiple_of=...)"
    )


def _miscounted(annotations: Iterable[object]) -> str:
    for one in annotations:
        step = constraints_of(peel(one).metadata).get("multiple_of")
        if isinstance(step, float) and is_inexact(step):
            reason = f"msgspec counts in binary, where {step} is another number, and refuses multiples of it"
            return f"cannot be held against multiple_of={step}: {reason}"
    return ""


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
    hint = "correct the annotation of the field"
    if reason.startswith("Can only set") and class_of(peel(expand(annotation)).type) is Decimal:
        hint = "msgspec has no bounds for decimals: look at them in __post_init__, or write the model with pydantic"
    return f"the field {attribute!r} of {_named(model)} cannot be read: {reason}; {hint}"


def _named(model: object) -> str:
    kind = cast("type[object]", class_of(model))
    return f"{kind.__qualname__} ({where(kind)})"
