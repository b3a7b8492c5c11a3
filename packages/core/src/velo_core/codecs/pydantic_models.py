"""The pydantic model backend. Imported only when a type that pydantic owns is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar, cast, get_args, get_origin

import pydantic
from msgspec.structs import replace
from pydantic_core import PydanticSerializationError, PydanticUndefined

from velo_core.codecs.backend import MAX_ERRORS, PLAIN, Convert, Decode, DoesNotFit, Encode, Make, Read, Write, spelled
from velo_core.codecs.collisions import collision_guard
from velo_core.codecs.exact import Shortcut
from velo_core.codecs.fields import Field, everything_in, fields_of
from velo_core.codecs.omitting import WriteOptions
from velo_core.codecs.pattern_guard import pattern_guard
from velo_core.codecs.text import text_converter
from velo_core.errors import InvalidValue
from velo_core.hints import class_of, peel
from velo_core.json import JSONCodec, MsgspecJSON, malformed
from velo_core.types import MISSING

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

__all__ = ["PydanticBackend"]

Written = TypeVar("Written")

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

_KINDS = bytes.maketrans(b"123456789E", b"000000000e")


def _may_be_no_json(body: bytes) -> bool:
    """Whether pydantic's reader may take for JSON what is none: `NaN`, `Infinity`, and numbers too large for a float, as `1e999` is.

    What is JSON must not depend on who makes the model, so such a body is read by msgspec first. In doubt, yes: four searches of C cost
    less than reading each body twice.
    """
    kinds = body.translate(_KINDS)
    # `find`, not `in`, which raises and catches an exception inside before it searches: 12 000 instructions for these, and under 4 000 so.
    return kinds.find(b"0e") >= 0 or body.find(b"NaN") >= 0 or body.find(b"Infinity") >= 0 or _has_long_number(kinds)


def _has_long_number(kinds: bytes) -> bool:
    """Whether there may be a number with more digits than a float can have, in a body of which the kinds of characters are left."""
    return len(kinds) > len(_LONG_NUMBER) and kinds.find(_LONG_NUMBER) >= 0


_LONG_NUMBER = b"0" * 300
"""Digits, of which a float has no more than 309 before its point."""


class PydanticBackend:
    """See `Backend`."""

    family = "pydantic"

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

    def decoder(self, annotation: object, codec: JSONCodec | None = None) -> Decode:
        """See `Backend.decoder`."""
        # The adapter's own method is Python around this one, and costs as much as reading a small body.
        adapter, guard = _adapter(annotation), collision_guard(annotation)
        validate = adapter.validator.validate_json
        decode_plain = _strict.decode if codec is None else codec.decode
        reads_twice = guard is not None or codec is not None
        patterns = pattern_guard(annotation)

        def decode(body: bytes) -> object:
            if reads_twice or _may_be_no_json(body):
                data = decode_plain(body)
                if guard is not None:
                    guard(data)
                if _has_long_number(body.translate(_KINDS)):
                    _refuse_infinite(adapter, _strict.decode(body))
            try:
                value = validate(body)
            except pydantic.ValidationError as error:
                raise _answer(error, decode_plain(body)) from None
            if patterns is not None and (not body.isascii() or b"\\" in body):
                patterns.check(decode_plain(body))
            return value

        return decode

    def quick_decoder(self, annotation: object) -> Decode | None:
        """See `Backend.quick_decoder`. What pydantic takes for JSON has to be looked at first."""
        return None

    def reader(self, annotation: object) -> Read:
        """See `Backend.reader`."""
        validate, guard = _adapter(annotation).validate_python, collision_guard(annotation)
        patterns = pattern_guard(annotation)

        def read(data: object) -> object:
            if guard is not None:
                guard(data)
            try:
                value = validate(data)
            except pydantic.ValidationError as error:
                raise _answer(error, data) from None
            if patterns is not None:
                patterns.check(data)
            return value

        return read

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

    def encoder(self, annotation: object, options: WriteOptions = PLAIN) -> Encode:
        """See `Backend.encoder`."""
        return _writing(annotation, options, _adapter(annotation).serializer.to_json, {})

    def writer(self, annotation: object, options: WriteOptions = PLAIN, native: tuple[type, ...] = ()) -> Write:
        """See `Backend.writer`: plain data as in JSON, for pydantic knows no other."""
        return _writing(annotation, options, _adapter(annotation).serializer.to_python, {"mode": "json"})

    def shortcut(self, annotation: object) -> Shortcut | None:
        """See `Backend.shortcut`. What pydantic writes, nobody else does."""
        return None

    def fields(self, annotation: object) -> Sequence[Field]:
        """See `Backend.fields`. What pydantic has rules for of its own, validators and types that it brings, it gets as text."""
        kind = cast("_Model", class_of(annotation))
        if issubclass(cast("type", kind), pydantic.RootModel):
            raise TypeError("a root model has no fields; write what it holds")
        if not hasattr(kind, "__pydantic_fields__"):
            return [replace(field, reads_text=self._reads_text(field.annotation)) for field in fields_of(annotation)]
        _adapter(annotation)
        early = _validated_early(kind)
        return [
            Field(
                name=_name(name, field),
                attribute=name,
                annotation=Annotated[field.annotation, field],
                required=field.is_required(),
                default=MISSING if field.default is PydanticUndefined else field.default,
                reads_text=bool(early & {name, "*"})
                or any(self.claims(item) for item in field.metadata)
                or self._reads_text(field.annotation),
            )
            for name, field in kind.__pydantic_fields__.items()
        ]

    def _reads_text(self, annotation: object) -> bool:
        """Whether pydantic has rules of its own for a field; one with a model inside will not be read at all."""
        inside = everything_in(annotation)
        if any(self.is_model(part) for part in inside):
            return False
        if any(self.claims(part) for part in inside):
            return True
        try:
            text_converter(annotation)
        except TypeError:  # a type that only pydantic reads from text
            return True
        return False

    def forbids_extra(self, annotation: object) -> bool:
        """See `Backend.forbids_extra`."""
        return _config(class_of(annotation)).get("extra") == "forbid"

    def maker(self, annotation: object) -> Make:
        """See `Backend.maker`."""
        validate = _adapter(annotation).validate_python
        patterns = pattern_guard(annotation)

        def make(values: Mapping[str, object], complete: bool) -> object:
            try:
                made = validate(values)
            except pydantic.ValidationError as error:
                details = error.errors(include_url=False, include_context=False, include_input=False)
                found = [_invalid(detail, values) for detail in details[:MAX_ERRORS] if complete or {*detail["loc"][:1]} & values.keys()]
                raise DoesNotFit(found) from None
            if patterns is not None:
                patterns.check(values)
            return made

        return make


class _Decorator(Protocol):
    class _Info(Protocol):
        mode: str
        fields: tuple[str, ...]

    info: _Info


class _Decorators(Protocol):
    field_validators: Mapping[str, _Decorator]


class _Model(Protocol):
    """What models and pydantic's dataclasses have."""

    __pydantic_fields__: Mapping[str, FieldInfo]
    __pydantic_decorators__: _Decorators


def _validated_early(kind: _Model) -> set[str]:
    """The fields that validators of the model see, or its configuration changes, before they have their types; `"*"` for all."""
    config = _config(kind)
    if any(config.get(name) for name in ("str_strip_whitespace", "str_to_lower", "str_to_upper")):
        return {"*"}
    validators = kind.__pydantic_decorators__.field_validators.values()
    return {name for validator in validators if validator.info.mode != "after" for name in validator.info.fields}


def _config(kind: object) -> Mapping[str, object]:
    found = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None)
    return cast("Mapping[str, object]", found or {})


def _name(attribute: str, field: FieldInfo) -> str:
    """The name of a field where it is read."""
    alias = field.validation_alias or field.alias or attribute
    choices = getattr(alias, "choices", [alias])
    found = next((choice for choice in choices if isinstance(choice, str)), None)
    if found is None:
        raise TypeError(f"the field {attribute!r} is found by a path, and parameters are not nested; give it an alias")
    return found


def _writing(
    annotation: object, options: WriteOptions, dump: Callable[..., Written], more: Mapping[str, object]
) -> Callable[[object], Written]:
    adapter = _adapter(annotation)
    validate, fits = adapter.validate_python, _exact(annotation)
    # `warnings` costs 10 000 instructions, as much as all the rest of writing a small model: pydantic tries to read the text as a boolean
    # first. Nothing else keeps what is not of its field's type from getting out. Looking at the types first, and asking pydantic only in
    # doubt, was tried: it takes 6 800 for three fields, one of them a list of two, and saves a fifteenth of the request, which is not
    # worth knowing the ways of pydantic's schemas.
    excluded = [name for name in ("exclude_none", "exclude_unset", "exclude_defaults") if getattr(options, name)]
    how: Mapping[str, object] = {"by_alias": options.by_alias, **dict.fromkeys(excluded, True), "warnings": "error", **more}

    def write(value: object) -> Written:
        try:
            if not fits(value):
                value = validate(value, from_attributes=True)
            if options.validate:
                validate(adapter.dump_python(value, round_trip=True, by_alias=False, warnings=False), by_name=True, by_alias=False)
            return dump(value, **how)
        except (pydantic.ValidationError, PydanticSerializationError) as error:
            raise TypeError(f"the result is not {spelled(annotation)}: {error}") from error

    return write


def _adapter(annotation: object) -> pydantic.TypeAdapter[object]:
    try:
        adapter = pydantic.TypeAdapter(cast("type[object]", annotation))
        _ = adapter.validator.title  # a model that is not finished, because a name in it is not known yet, shows only when it is used
    except (pydantic.errors.PydanticUserError, NameError) as error:
        raise TypeError(str(error).partition("\n")[0]) from error
    return adapter


def _refuse_infinite(adapter: pydantic.TypeAdapter[object], data: object) -> None:
    """Refuses integers of so many digits that they become infinite as floats, which JSON cannot say: pydantic sees that in Python's alone.

    Raises:
        DoesNotFit: there is one for a float.
    """
    try:
        adapter.validate_python(data)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        found = [one for one in details if one["type"] == "float_type" and type(one["input"]) is int]
        if found:
            raise DoesNotFit([_invalid(one, data) for one in found[:MAX_ERRORS]]) from None


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
