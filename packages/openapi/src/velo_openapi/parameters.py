"""Parameters and bodies of an operation, in the words of OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Optional, cast, get_args

from velo_core import Operation, OperationBody, OperationParameter, RegexConverter
from velo_openapi.schemas import Schema, Wanted, bounded, plain

__all__ = ["Describe", "parameter_objects", "request_body"]

Describe = Callable[[Wanted, Callable[[Schema], Schema]], Schema]
"""Asks for the schema of a type, and says what becomes of it. It is filled in when all are known."""

_IGNORED = frozenset(("accept", "content-type", "authorization"))
"""Names of header parameters that OpenAPI does not have: media types and security say it."""
_DIGITS: Schema = {"minimum": 1 - 10**19, "maximum": 10**19 - 1}
"""What `{id:int}` reads: numbers of up to 19 digits, and with that all of 64 bits."""
_DECIMAL: Schema = {"pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"}
"""What is read as a `Decimal` from a text; the format alone would allow `NaN` and an empty text."""


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
    made["schema"] = describe(_of_text(parameter), lambda schema: _shaped(parameter, schema, {}))
    examples = cast("tuple[object, ...]", words.get("examples", ()))
    if examples:
        made["examples"] = {f"example {number}": {"value": plain(one)} for number, one in enumerate(examples, 1)}
    return made


def _of_text(parameter: OperationParameter) -> Wanted:
    """The type of a single text, or of several. Who has rules of its own for it knows them from `Annotated`; others have bounds added."""
    return Wanted(parameter.full, "input", bare=parameter.type)


def _shaped(parameter: OperationParameter, schema: Schema, words: Mapping[str, object]) -> Schema:
    """The schema with bounds, default and what converters of the path ask for."""
    if parameter.location != "body":
        schema = _in_text(schema)
    schema = bounded(schema, parameter.constraints)
    converter = parameter.converter
    if isinstance(converter, RegexConverter):
        schema |= {"pattern": f"^(?:{converter.pattern})$", "maxLength": converter.max_length}
    if converter is not None and schema.get("type") == "string":
        schema.setdefault("minLength", 1)
    if converter is not None and converter.makes is int and schema.get("type") == "integer":
        schema = _DIGITS | schema
    if schema.get("format") == "decimal":
        schema = _DECIMAL | schema
    title = parameter.marker.title if parameter.marker is not None else None
    if title is not None:
        schema["title"] = title
    if parameter.has_default and parameter.default is not None:
        with suppress(TypeError):  # a default of Python's that has no form in JSON
            schema["default"] = plain(parameter.default)
    return schema | dict(words)


def _in_text(schema: Schema) -> Schema:
    """Bytes as they are, and decimals as text: it has no quotes to tell it from a number."""
    schema = {key: value for key, value in schema.items() if key != "contentEncoding"}
    choices = cast("list[Schema]", schema.get("anyOf", ()))
    texts = [one for one in choices if one.get("format") == "decimal"]
    return dict(texts[0]) if len(texts) == 1 and len(choices) == 2 else schema


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
        return _shaped(part, schema, words)

    return describe(_of_text(part) if is_form else Wanted(kind, "input"), shaped)
