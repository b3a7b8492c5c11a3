"""The pydantic model backend. Imported only when a type that pydantic owns is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args, get_origin

import pydantic

from velo_core.codecs.backend import Convert, Decode, DoesNotFit, Encode
from velo_core.errors import InvalidValue
from velo_core.json import malformed

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["PydanticBackend"]

_CODES = {
    "greater_than_equal": "ge",
    "greater_than": "gt",
    "less_than_equal": "le",
    "less_than": "lt",
    "multiple_of": "multiple_of",
    "string_too_short": "min_length",
    "too_short": "min_length",
    "string_too_long": "max_length",
    "too_long": "max_length",
    "string_pattern_mismatch": "pattern",
    "missing": "missing",
    "extra_forbidden": "extra",
}
"""Pydantic's names for failures that every backend can have, in Velo's; its others are passed on as they are."""


class PydanticBackend:
    """See `Backend`."""

    def claims(self, annotation: object) -> bool:
        """Models, and whatever brings a pydantic schema of its own: `EmailStr`, `BeforeValidator(...)`."""
        return self.is_model(annotation) or hasattr(annotation, "__get_pydantic_core_schema__")

    def is_model(self, annotation: object) -> bool:
        """`BaseModel`, also a parametrised generic one, or a pydantic dataclass."""
        return isinstance(annotation, type) and (issubclass(annotation, pydantic.BaseModel) or hasattr(annotation, "__pydantic_validator__"))

    def decoder(self, annotation: object) -> Decode:
        """See `Backend.decoder`."""
        validate = _adapter(annotation).validate_json

        def decode(body: bytes) -> object:
            try:
                return validate(body)
            except pydantic.ValidationError as error:
                raise _answer(error) from None

        return decode

    def converter(self, annotation: object) -> Convert:
        """See `Backend.converter`."""
        validate = _adapter(annotation).validate_strings

        def convert(value: object) -> object:
            try:
                return validate(cast("str", value))
            except pydantic.ValidationError as error:
                raise _answer(error) from None

        return convert

    def encoder(self, annotation: object) -> Encode:
        """See `Backend.encoder`."""
        adapter = _adapter(annotation)
        validate, dump = adapter.validate_python, adapter.dump_json
        fits = _exact(annotation)

        def encode(value: object) -> bytes:
            if not fits(value):
                value = validate(_plain(value), from_attributes=True)
            return dump(value, by_alias=True)

        return encode


def _adapter(annotation: object) -> pydantic.TypeAdapter[object]:
    try:
        return pydantic.TypeAdapter(cast("type[object]", annotation))
    except pydantic.errors.PydanticUserError as error:
        raise TypeError(str(error)) from error


def _plain(value: object) -> object:
    """Instances of other models as dictionaries: pydantic does not take one model for another."""
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump()
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[object]", value)]
    return value


def _exact(annotation: object) -> Convert:
    """A quick test whether a result is exactly of the model, or a list of it: then dumping it cannot show more than the model has."""
    if isinstance(annotation, type):
        expected = annotation
        return lambda value: type(value) is expected
    arguments = get_args(annotation)
    if get_origin(annotation) is list and isinstance(arguments[0], type):
        item = arguments[0]
        return lambda value: type(value) is list and all(type(one) is item for one in cast("list[object]", value))
    return lambda value: False


def _answer(error: pydantic.ValidationError) -> Exception:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return malformed(details[0]["msg"])
    return DoesNotFit([_invalid(detail) for detail in details])


def _invalid(detail: ErrorDetails) -> InvalidValue:
    return InvalidValue(tuple(detail["loc"]), detail["msg"], _CODES.get(detail["type"], detail["type"]))
