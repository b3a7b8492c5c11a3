"""What msgspec's schemas leave unsaid, or say otherwise than msgspec reads.

A decimal may be a number, of what a set has twice one is kept, and not every text is base64: none of that is in the schemas. Nor is the
format of a date with a time where its offset may be missing, which RFC 3339 wants: without it, readers would take such a value for any text
at all, which it is much less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from msgspec import inspect

__all__ = ["base64_text", "exact"]

Schema: TypeAlias = dict[str, Any]
_FORMATS: Mapping[type[inspect.Type], str] = {inspect.DateTimeType: "date-time", inspect.TimeType: "time"}
_BYTES = inspect.BytesType | inspect.ByteArrayType | inspect.MemoryViewType
_BASE64 = "[A-Za-z0-9+/]"
_REPEATS = 250
"""Groups of four that may be counted in a pattern: some engines refuse more than 1000 repetitions, all in all."""
_PART = "#/components/schemas/"
_Object: TypeAlias = inspect.StructType | inspect.DataclassType | inspect.TypedDictType | inspect.NamedTupleType


def exact(types: Sequence[object], schemas: Sequence[Schema], components: Mapping[str, Schema]) -> None:
    """Changes the schemas that msgspec made of `types`, and the components that they refer to, to what it really reads."""
    seen: set[int] = set()
    for info, schema in zip(inspect.multi_type_info(cast("Any", types)), schemas, strict=True):
        _visit(info, schema, components, seen)


def base64_text(least: int | None = None, most: int | None = None) -> Schema:
    """What a text has to be, to be read as so many bytes: base64 with padding (RFC 4648 section 4), nothing in between.

    Bits that are left over may be anything, so all that counts is how many characters there are.

    Args:
        least: Number of bytes.
        most: Number of bytes.
    """
    made: Schema = {"contentEncoding": "base64", "pattern": f"^(?:{_BASE64}{{4}})*(?:{_BASE64}{{2}}==|{_BASE64}{{3}}=)?$"}
    if least:
        made["minLength"] = -(-least // 3) * 4
    if most is not None:
        made["maxLength"] = -(-most // 3) * 4
    if (least or most is not None) and max(least or 0, most or 0) <= 3 * _REPEATS:
        made["pattern"] = f"^(?:{'|'.join(_endings(least or 0, most))})$"
    return made


def _endings(least: int, most: int | None) -> Iterator[str]:
    """One pattern for each number of bytes in the last group of four, full groups first."""
    for rest, ending in enumerate(("", f"{_BASE64}{{2}}==", f"{_BASE64}{{3}}=")):
        fewest = max(0, -((rest - least) // 3))
        if most is None:
            yield f"(?:{_BASE64}{{4}}){{{fewest},}}{ending}"
        elif fewest <= (most - rest) // 3:
            yield f"(?:{_BASE64}{{4}}){{{fewest},{(most - rest) // 3}}}{ending}"


def _visit(info: inspect.Type, schema: Schema, components: Mapping[str, Schema], seen: set[int]) -> None:
    info = _bare(info)
    if "$ref" in schema:
        schema = components[schema["$ref"].removeprefix(_PART)]
    if id(schema) in seen:
        return
    seen.add(id(schema))
    if isinstance(info, inspect.UnionType):
        for member, one in _members(info, schema):
            _visit(member, one, components, seen)
    elif isinstance(info, inspect.DecimalType):
        _or_number(schema)
    elif type(info) in _FORMATS:
        schema.setdefault("format", _FORMATS[type(info)])
    elif isinstance(info, _BYTES):
        if schema.get("contentEncoding") == "base64":
            schema |= base64_text(info.min_length, info.max_length)
    elif isinstance(info, _Object):
        _fields(info, schema, components, seen)
    elif isinstance(info, inspect.TupleType):
        _end(schema)
        for item, one in zip(info.item_types, schema.get("prefixItems", ()), strict=False):
            _visit(item, one, components, seen)
    elif isinstance(info, inspect.CollectionType):
        schema.pop("uniqueItems", None)
        _visit(info.item_type, schema.setdefault("items", {}), components, seen)  # generators of clients want it there
    elif isinstance(info, inspect.DictType) and isinstance(schema.get("additionalProperties"), dict):
        _visit(info.value_type, schema["additionalProperties"], components, seen)


def _or_number(schema: Schema) -> None:
    if schema.get("type") == "string":
        text = {name: schema.pop(name) for name in ("type", "format") if name in schema}
        schema["anyOf"] = [text, {"type": "number"}]


def _end(schema: Schema) -> None:
    """Says by a number that nothing follows the places of an array: generators of clients know no schema that is `false`."""
    if "prefixItems" in schema:
        schema.pop("items", None)
        schema.setdefault("maxItems", len(schema["prefixItems"]))


def _fields(info: _Object, schema: Schema, components: Mapping[str, Schema], seen: set[int]) -> None:
    if "prefixItems" in schema:  # an array in JSON
        _end(schema)
        places: Sequence[Schema] = schema["prefixItems"][-len(info.fields) :]  # the first may be the tag
        for field, one in zip(info.fields, places, strict=False):
            _visit(field.type, one, components, seen)
        return
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    for field in info.fields:
        if field.encode_name in properties:
            _visit(field.type, properties[field.encode_name], components, seen)


def _members(info: inspect.UnionType, schema: Schema) -> Iterator[tuple[inspect.Type, Schema]]:
    """Members with their schemas: structs, which have a discriminator, stand last, but for `None`."""
    members = [_bare(one) for one in info.types]
    structs = [one for one in members if isinstance(one, inspect.StructType) and not one.array_like]
    others = [one for one in members if one not in structs and not isinstance(one, inspect.NoneType)]
    choices = cast("Sequence[Schema]", schema.get("anyOf", ()))
    yield from zip(others, choices, strict=False)
    rest = choices[len(others) :]
    if len(structs) > 1 and rest and "anyOf" in rest[0]:
        rest = rest[0]["anyOf"]
    yield from zip(structs, rest, strict=False)


def _bare(info: inspect.Type) -> inspect.Type:
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info
