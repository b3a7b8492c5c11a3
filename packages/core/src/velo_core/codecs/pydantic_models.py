"""The pydantic model backend. Imported only when a type that pydantic owns is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args, get_origin

import pydantic
from pydantic_core import PydanticSerializationError

from velo_core.codecs.backend import MAX_ERRORS, Convert, Decode, DoesNotFit, Encode, spelled
from velo_core.errors import InvalidValue
from velo_core.hints import class_of, peel
from velo_core.json import MsgspecJSON, malformed

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
    "bytes_too_short": "min_length",
    "too_short": "min_length",
    "string_too_long": "max_length",
    "bytes_too_long": "max_length",
    "too_long": "max_length",
    "string_pattern_mismatch": "pattern",
    "missing": "missing",
    "extra_forbidden": "extra",
}
"""Pydantic's names for failures that every backend can have, in Velo's; its others are passed on as they are."""

_strict = MsgspecJSON()


class PydanticBackend:
    """See `Backend`."""

    def claims(self, annotation: object) -> bool:
        """Models, and whatever brings a pydantic schema of its own: `EmailStr`, `BeforeValidator(...)`, `StringConstraints(...)`."""
        return (
            self.is_model(annotation)
            or hasattr(annotation, "__get_pydantic_core_schema__")
            or isinstance(annotation, pydantic.StringConstraints)
        )

    def is_model(self, annotation: object) -> bool:
        """`BaseModel`, also a parametrised generic one, or a pydantic dataclass."""
        kind = class_of(annotation)
        return kind is not None and (issubclass(kind, pydantic.BaseModel) or hasattr(kind, "__pydantic_validator__"))

    def decoder(self, annotation: object) -> Decode:
        """See `Backend.decoder`."""
        validate = _adapter(annotation).validate_json

        def decode(body: bytes) -> object:
            # Pydantic's own reader takes `NaN`, and `1e999` for infinity; what is JSON must not depend on who makes the model.
            data = _strict.decode(body)
            try:
                return validate(body)
            except pydantic.ValidationError as error:
                raise _answer(error, data) from None

        return decode

    def converter(self, annotation: object) -> Convert:
        """See `Backend.converter`."""
        adapter = _adapter(annotation)
        # Only its lax mode reads a list of texts, and only the other one knows that there is nothing but text.
        validate = adapter.validate_python if _is_collection(annotation) else adapter.validate_strings

        def convert(value: object) -> object:
            try:
                return validate(cast("str", value))
            except pydantic.ValidationError as error:
                raise _answer(error, value) from None

        return convert

    def encoder(self, annotation: object) -> Encode:
        """See `Backend.encoder`."""
        adapter = _adapter(annotation)
        validate, dump = adapter.validate_python, adapter.dump_json
        fits = _exact(annotation)

        def encode(value: object) -> bytes:
            try:
                if not fits(value):
                    value = validate(value, from_attributes=True)
                return dump(value, by_alias=True, warnings="error")
            except (pydantic.ValidationError, PydanticSerializationError) as error:
                raise TypeError(f"the result is not {spelled(annotation)}: {error}") from error

        return encode


def _adapter(annotation: object) -> pydantic.TypeAdapter[object]:
    try:
        adapter = pydantic.TypeAdapter(cast("type[object]", annotation))
        _ = adapter.validator.title  # a model that is not finished, because a name in it is not known yet, shows only when it is used
    except (pydantic.errors.PydanticUserError, NameError) as error:
        raise TypeError(str(error).partition("\n")[0]) from error
    return adapter


def _is_collection(annotation: object) -> bool:
    return class_of(peel(annotation).type) in (list, set, frozenset, tuple)


def _exact(annotation: object) -> Convert:
    """A quick test whether a result is exactly of the model, or a list of it; pydantic writes of it what the model has, and no more."""
    if isinstance(annotation, type):
        expected = annotation
        return lambda value: type(value) is expected
    arguments = get_args(annotation)
    if get_origin(annotation) is list and isinstance(arguments[0], type):
        items = {arguments[0]}
        return lambda value: type(value) is list and {*map(type, cast("list[object]", value))} <= items
    return lambda value: False


def _answer(error: pydantic.ValidationError, data: object) -> Exception:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return malformed(details[0]["msg"])
    return DoesNotFit([_invalid(detail, data) for detail in details[:MAX_ERRORS]])


def _invalid(detail: ErrorDetails, data: object) -> InvalidValue:
    loc = _place(detail["loc"], data, is_missing=detail["type"] == "missing")
    return InvalidValue(loc, detail["msg"], _CODES.get(detail["type"], detail["type"]))


def _place(loc: tuple[str | int, ...], data: object, *, is_missing: bool) -> tuple[str | int, ...]:
    """The location as the client knows it: pydantic also names members of unions and validators on the way."""
    place: list[str | int] = []
    for number, step in enumerate(loc, 1):
        if isinstance(data, dict) and step in data:
            data = cast("dict[str | int, object]", data)[step]
        elif isinstance(data, list) and isinstance(step, int) and step < len(cast("list[object]", data)):
            data = cast("list[object]", data)[step]
        elif not is_missing or number < len(loc):
            continue
        place.append(step)
    return tuple(place)
