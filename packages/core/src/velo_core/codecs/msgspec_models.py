"""The default model backend: structs, dataclasses, attrs classes, typed dictionaries, named tuples, and all plain types.

msgspec stops at the first value that does not fit. That is what makes it fast, and it is not what a person who sent three wrong fields
wants to hear; so when a body does not fit, `explain` goes over it once more, field by field, and finds the rest. Only refused requests
pay for it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, cast, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from velo_core.codecs.backend import Convert, Decode, DoesNotFit, Encode, parts
from velo_core.errors import InvalidValue
from velo_core.json import MsgspecJSON, encode_json, malformed, to_builtins

__all__ = ["MsgspecBackend"]

MAX_ERRORS = 100
"""Errors listed for one body: enough for any form, and no way to make us write a long answer to a short question."""

_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_plain = MsgspecJSON()


class MsgspecBackend:
    """See `Backend`."""

    def claims(self, annotation: object) -> bool:
        """Everything: this is the backend for what no other claims."""
        return True

    def is_model(self, annotation: object) -> bool:
        """Struct, dataclass, attrs class, `TypedDict` or `NamedTuple`."""
        if not isinstance(annotation, type):
            annotation = get_origin(annotation)
        return (
            isinstance(annotation, type)
            and (
                issubclass(annotation, msgspec.Struct)
                or dataclasses.is_dataclass(annotation)
                or hasattr(annotation, "__attrs_attrs__")
                or is_typeddict(annotation)
            )
        ) or is_namedtuple(annotation)

    def decoder(self, annotation: object) -> Decode:
        """See `Backend.decoder`."""
        typed = msgspec.json.Decoder(cast("type[object]", annotation))
        decode_typed = typed.decode

        def decode(body: bytes) -> object:
            try:
                return decode_typed(body)
            except RecursionError:
                raise malformed("it nests too deep") from None
            except msgspec.ValidationError as error:
                # Found before the rest of the text was read: the rest may still not be JSON at all, and then this is a 400.
                raise DoesNotFit(explain(_plain.decode(body), annotation) or [InvalidValue((), str(error), "type")]) from None
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise malformed(str(error)) from None

        return decode

    def converter(self, annotation: object) -> Convert:
        """See `Backend.converter`."""
        special = _TEXT.get(cast("type", annotation)) if isinstance(annotation, type) else None
        if special is not None:
            return special
        if get_origin(annotation) in (list, set, frozenset) and get_args(annotation)[0] in _TEXT:
            return _each(cast("type[list[object]]", get_origin(annotation)), _TEXT[get_args(annotation)[0]])
        target = cast("type[object]", annotation)
        msgspec.json.Decoder(target)  # raises TypeError now, for a type that msgspec cannot read
        convert_typed = msgspec.convert

        def convert(value: object) -> object:
            try:
                return convert_typed(value, target, strict=False)
            except msgspec.ValidationError as error:
                raise DoesNotFit([InvalidValue((), str(error), "type")]) from None

        return convert

    def encoder(self, annotation: object) -> Encode:
        """See `Backend.encoder`."""
        if not any(self.is_model(part) for part in parts(annotation)):
            return encode_json  # plain types have nothing to leave out
        msgspec.json.Decoder(cast("type[object]", annotation))
        fits = _exact(annotation)
        target = cast("type[object]", annotation)

        def encode(value: object) -> bytes:
            if not fits(value):
                value = msgspec.convert(to_mapping(value), target, from_attributes=True)
            return encode_json(value)

        return encode


def to_mapping(value: object) -> object:
    """A pydantic model as a dictionary, anything else as it is: msgspec reads attributes of all other objects by itself."""
    return to_builtins(value) if hasattr(value, "model_dump") else value


def is_namedtuple(annotation: object) -> bool:
    """Whether this is a class made by `typing.NamedTuple` or `collections.namedtuple`."""
    return isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields")


# Results: is a value already of the type, so that encoding it cannot show more than the type has?


def _exact(annotation: object) -> Convert:
    """A quick test whether a result is exactly of the type.

    A subclass may have more fields, and a dictionary more keys than the type, so neither counts; a struct's own fields are trusted, for the
    type checker has seen them. Types without a quick test say no, and the result is converted.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None and isinstance(annotation, type) and not is_typeddict(annotation):
        expected = annotation
        return lambda value: type(value) is expected
    if origin is list and len(arguments) == 1 and isinstance(arguments[0], type) and not is_typeddict(arguments[0]):
        item = arguments[0]
        return lambda value: type(value) is list and all(type(one) is item for one in cast("list[object]", value))
    return lambda value: False


# Text: what a path, a query, a header or a cookie may say for a number or a truth value.


def _integer(value: object) -> int:
    # msgspec would also take "1.0" and "1e3" for an int; a person who wrote that meant something else.
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise DoesNotFit([InvalidValue((), "Expected `int`", "type")])
    try:
        return msgspec.convert(value, int, strict=False)
    except msgspec.ValidationError:  # leading zeros, or more digits than are worth converting
        raise DoesNotFit([InvalidValue((), "Expected `int`", "type")]) from None


def _number(value: object) -> float:
    try:
        number = msgspec.convert(value, float, strict=False)
    except msgspec.ValidationError:
        raise DoesNotFit([InvalidValue((), "Expected `float`", "type")]) from None
    if not isfinite(number):  # "nan" passes every comparison with a bound
        raise DoesNotFit([InvalidValue((), "Expected a finite `float`", "type")])
    return number


def _truth(value: object) -> bool:
    found = _TRUTH.get(cast("str", value))
    if found is None:
        raise DoesNotFit([InvalidValue((), "Expected `bool`: true or false, 1 or 0", "type")])
    return found


def _octets(value: object) -> bytes:
    return cast("str", value).encode()


def _text(value: object) -> str:
    return cast("str", value)


_TRUTH = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}
_TEXT: dict[object, Convert] = {int: _integer, float: _number, bool: _truth, bytes: _octets, str: _text}


def _each(collection: type[list[object]], convert_one: Convert) -> Convert:
    def convert(value: object) -> object:
        converted: list[object] = []
        errors: list[InvalidValue] = []
        for index, item in enumerate(cast("list[object]", value)):
            try:
                converted.append(convert_one(item))
            except DoesNotFit as error:
                errors += [dataclasses.replace(one, loc=(index, *one.loc)) for one in error.errors]
        if errors:
            raise DoesNotFit(errors[:MAX_ERRORS])
        return collection(converted)

    return convert


# Explanations.


def explain(value: object, annotation: object) -> list[InvalidValue]:
    """Everything in `value`, plain data, that does not fit `annotation`; at most `MAX_ERRORS`. Empty if it fits."""
    found: list[InvalidValue] = []
    for error in _misfits(value, annotation, ()):
        found.append(error)
        if len(found) == MAX_ERRORS:
            break
    return found


def _misfits(value: object, annotation: object, loc: tuple[str | int, ...]) -> Iterator[InvalidValue]:
    try:
        msgspec.convert(value, cast("type[object]", annotation))
        return
    except msgspec.ValidationError as error:
        message = str(error)
    inside = False
    for child in _children(value, annotation):
        if isinstance(child, str):
            inside = True
            yield InvalidValue((*loc, child), "This field is required", "missing")
            continue
        key, inner, inner_annotation = child
        for error in _misfits(inner, inner_annotation, (*loc, key)):
            inside = True
            yield error
    if not inside:  # it is this value itself: its type, or a rule over several fields
        yield InvalidValue(loc, message, "type")


def _children(value: object, annotation: object) -> Iterator[str | tuple[str | int, object, object]]:
    """The parts of `value` with their own types, as (key, part, type), and the names of required parts that are missing."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (list, set, frozenset) and arguments and isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield index, item, arguments[0]
    elif origin is dict and isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield key, item, arguments[1]
    elif isinstance(value, dict) and isinstance(annotation, type):
        fields = _fields(annotation)
        given = cast("dict[str, object]", value)
        for name, (inner_annotation, required) in fields.items():
            if name in given:
                yield name, given[name], inner_annotation
            elif required:
                yield name


def _fields(model: type) -> Mapping[str, tuple[object, bool]]:
    """Name in JSON, type, and whether it is required, for each field of a model that msgspec reads as an object."""
    try:
        hints = get_type_hints(model, include_extras=True)
    except NameError:
        return {}
    if issubclass(model, msgspec.Struct):
        return {field.encode_name: (field.type, field.required) for field in msgspec.structs.fields(model)}
    if is_typeddict(model):
        required = cast("frozenset[str]", model.__required_keys__)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
        return {name: (hint, name in required) for name, hint in hints.items()}
    if dataclasses.is_dataclass(model):
        missing = dataclasses.MISSING
        return {
            field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
            for field in dataclasses.fields(model)
        }
    return {}
