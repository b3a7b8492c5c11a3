"""Decimals with so many digits and so many places, as far as JSON Schema has words for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

__all__ = ["decimal_number", "decimal_text"]


def decimal_number(schema: dict[str, Any], digits: int | None, places: int | None) -> None:
    """Adds to the schema of a number how far it may be from zero, and how fine it may be.

    Args:
        schema: That is changed; bounds that it has stay if they are narrower.
        digits: The most before and after the point, zeros at the ends aside.
        places: The most after the point, and then only the rest of `digits` before it.
    """
    finest = digits if places is None else places
    if finest is not None:
        schema.setdefault("multipleOf", float(Decimal(1).scaleb(-finest)) if finest else 1)
    if digits is None:
        return
    end = 10 ** (digits - (places or 0))
    if not (schema.get("maximum", end) < end or schema.get("exclusiveMaximum", end + 1) <= end):
        schema["exclusiveMaximum"] = end
        schema.pop("maximum", None)
    if not (schema.get("minimum", -end) > -end or schema.get("exclusiveMinimum", -end - 1) >= -end):
        schema["exclusiveMinimum"] = -end
        schema.pop("minimum", None)


def decimal_text(digits: int | None = None, places: int | None = None) -> str:
    """The pattern of the text of a decimal. With digits or places it has no exponent, for no pattern could count them then."""
    if digits is None and places is None:
        return r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"
    if places is None:
        # As many as there may be, wherever the point is; then zeros, which count only before it.
        return rf"^[+-]?0*(?:[0-9]{{1,{digits}}}|(?=[0-9]*\.[0-9]+$)(?:\.?[0-9]){{1,{digits}}}(?:\.0+|0*))$"
    after = rf"\.[0-9]{{1,{places}}}0*" if places else r"\.0+"
    if digits is None:
        return rf"^[+-]?[0-9]+(?:{after})?$"
    if digits <= places:  # pydantic counts the zero of `0` as a digit before the point, and that of `0.0` not
        return rf"^[+-]?0+{after}$"
    return rf"^[+-]?0*[0-9]{{1,{digits - places}}}(?:{after})?$"
