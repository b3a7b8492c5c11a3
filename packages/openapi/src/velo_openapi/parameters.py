"""Parameters and bodies of an operation, in the words of OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Optional, cast, get_args

from velo_core import Operation, OperationBody, OperationParameter, RegexConverter
from velo_openapi.patterns import schema_pattern
from velo_openapi.schemas import Schema, Wanted, bounded, number, plain

__all__ = ["Describe", "parameter_objects", "request_body"]

Describe = Callable[[Wanted, Callable[[Schema], Schema]], Schema]
"""Asks for the schema of a type, and says what becomes of it. It is filled in when all are known."""

_IGNORED = frozenset(("accept", "content-type", "authorization"))
"""Names of header parameters that OpenAPI does not have: media types and security say it."""
_DIGITS: Schema = {"minimum": 1 - 10**19, "maximum": 10**19 - 1}
"""What `{id:int}` reads: numbers of up to 19 digits, and with that all of 64 bits."""
_DECIMAL: Schema = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"}
"""What is read as a `Decimal` from a text; the format alone would allow `NaN` and an empty text.

All numbers of JSON are among them, but for exponents of more than three digits, which no number of a client has.
"""


def parameter_objects(operation: Operation, describe: Describe) -> Iterator[Schema]:
    """The parameter objects of an operation; of two readers of one parameter the stricter is shown."""
    shown: dict[tuple[str, str], Schema] = {}
    for parameter in operation.parameters:
        if parameter.location == "host" or (parameter.marker is not None and not parameter.marker.include_in_schema):
            continue
        if parameter.location == "header" and parameter.name in _IGNORED:
            continue
        key = parameter.location, parameter.name
        if key in shown:
            shown[key]["required"] = shown[key].get("required", False) or parameter.required
            continue
        shown[key] = _parameter(parameter, describe)
    version, versioning = operation.version, operation.versioning
    if versioning is not None and versioning.by == "header" and ("header", versioning.where) not in shown:
        made: Schema = {"name": versioning.where, "in": "header", "description": "The version of the API."}
        required = {} if version == versioning.default else {"required": True}
        yield made | required | {"schema": {"type": "string", "enum": [version]}}
    yield from shown.values()


def _parameter(parameter: OperationParameter, describe: Describe) -> Schema:
    made: Schema = {"name": parameter.name, "in": parameter.location}
    if parameter.required:
        made["required"] = True
    words = _words(parameter)
    if "description" in words:
        made["description"] = words["description"]
    if words.get("deprecated"):
        made["deprecated"] = True
    examples = cast("tuple[object, ...]", words.get("examples", ()))

    def shaped(schema: Schema) -> Schema:
        schema = _shaped(parameter, schema, {}, is_text=True)
        if examples:  # written as the schema says, which is known only now
            made["examples"] = {f"example {place}": {"value": _value(one, schema)} for place, one in enumerate(examples, 1)}
        return schema

    made["schema"] = describe(_of_text(parameter), shaped)
    return made


def _of_text(parameter: OperationParameter) -> Wanted:
    """The type of a single text, or of several. Who has rules of its own for it knows them from `Annotated`; others have bounds added."""
    return Wanted(parameter.full, "input", bare=parameter.type)


def _shaped(parameter: OperationParameter, schema: Schema, words: Mapping[str, object], *, is_text: bool) -> Schema:
    """The schema with bounds, default and what converters of the path ask for."""
    schema = bounded(_octets_in_text(schema) if is_text else schema, parameter.constraints)
    if is_text:
        schema = _decimals_in_text(schema)
    converter = parameter.converter
    if isinstance(converter, RegexConverter):
        pattern = schema_pattern(converter.pattern)
        schema |= {"maxLength": converter.max_length} | ({} if pattern is None else {"pattern": f"^(?:{pattern})$"})
    if converter is not None and schema.get("type") == "string":
        schema.setdefault("minLength", 1)
    if converter is not None and converter.makes is int and schema.get("type") == "integer":
        schema = _DIGITS | schema
    title = parameter.marker.title if parameter.marker is not None else None
    if title is not None:
        schema["title"] = title
    if parameter.has_default and parameter.default is not None:
        with suppress(TypeError, ValueError):  # a default of Python's that has no form in JSON, or bytes that are no text
            schema["default"] = _value(parameter.default, schema) if is_text else plain(parameter.default)
    return schema | dict(words)


def _octets_in_text(schema: Schema) -> Schema:
    """Bytes as they are. Lengths that stand there are those of base64."""
    if schema.get("contentEncoding") == "base64":
        return {key: value for key, value in schema.items() if key not in {"contentEncoding", "pattern", "minLength", "maxLength"}}
    return _each(schema, _octets_in_text)


def _decimals_in_text(schema: Schema) -> Schema:
    """A decimal once, for text has no quotes to tell it from a number: as a number if it has bounds, which only numbers can have."""
    choices = cast("list[Schema]", schema.get("anyOf", ()))
    numbers = [one for one in choices if one.get("type") == "number"]
    if len(choices) == 2 and len(numbers) == 1 and any(one.get("format") == "decimal" for one in choices):
        return {key: value for key, value in schema.items() if key != "anyOf"} | (dict(numbers[0]) if len(numbers[0]) > 1 else _DECIMAL)
    return _each(schema, _decimals_in_text)


def _each(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """The schema with what is in it changed: members of a union, items of an array."""
    made = dict(schema)
    for name in ("anyOf", "prefixItems"):
        if name in made:
            made[name] = [change(one) for one in made[name]]
    if isinstance(made.get("items"), dict):
        made["items"] = change(made["items"])
    return made


def _value(value: object, schema: Schema) -> object:
    """A default or an example as a text has it, or a number where its schema says so."""
    if isinstance(value, bytes | bytearray):
        return value.decode()
    if isinstance(value, Decimal) and schema.get("type") == "number":
        return number(value)
    if isinstance(value, list | tuple):
        items = schema.get("items")
        return [_value(one, cast("Schema", items) if isinstance(items, dict) else {}) for one in cast("Sequence[object]", value)]
    return plain(value)


def _words(parameter: OperationParameter) -> dict[str, object]:
    """Description, deprecation and examples: of the marker, or of whatever in `Annotated` has them."""
    found: dict[str, object] = {}
    for source in (*get_args(parameter.full)[1:], parameter.marker):
        for name in ("description", "deprecated", "examples"):
            value: object = getattr(source, name, None)
            if value:
                found[name] = value
    return found


def request_body(operation: Operation, describe: Describe) -> Schema | None:
    """The request body object; `None` if nobody reads a body."""
    if not operation.bodies:
        return None
    content: Schema = {}
    description: str | None = None
    for body in operation.bodies:
        media = _media(body, describe)
        content |= dict.fromkeys(body.media_types or ("*/*",), media)
        description = description or (body.marker.description if body.marker is not None else None)
    made: Schema = {"content": content}
    if description is not None:
        made["description"] = description
    if any(body.required for body in operation.bodies):
        made["required"] = True
    return made


def _media(body: OperationBody, describe: Describe) -> Schema:
    if body.type is not None:
        if not body.media_types:
            return {}
        made: Schema = {"schema": describe(Wanted(body.type, "input"), lambda schema: bounded(schema, body.constraints))}
    else:
        properties = {part.name: _part(part, body, describe) for part in body.parts}
        schema: Schema = {"type": "object", "properties": properties}
        required = [part.name for part in body.parts if part.required]
        if required:
            schema["required"] = required
        if body.forbids_extra:
            schema["additionalProperties"] = False
        made = {"schema": schema}
    examples = body.marker.examples if body.marker is not None else ()
    if examples:
        made["examples"] = {f"example {number}": {"value": plain(one)} for number, one in enumerate(examples, 1)}
    return made


def _part(part: OperationParameter, body: OperationBody, describe: Describe) -> Schema:
    words = {name: value for name, value in _words(part).items() if name != "examples"}
    is_form = not any(name.endswith("json") for name in body.media_types)
    kind: Any = Optional[part.full] if part.optional and not is_form else part.full  # noqa: UP045 - not a literal type

    def shaped(schema: Schema) -> Schema:
        if is_form and not schema.keys() & {"type", "$ref", "anyOf", "enum", "const"}:  # a class of its own: what was uploaded
            schema = {"type": "string", "contentMediaType": "application/octet-stream"}
        return _shaped(part, schema, words, is_text=is_form)

    return describe(_of_text(part) if is_form else Wanted(kind, "input"), shaped)
