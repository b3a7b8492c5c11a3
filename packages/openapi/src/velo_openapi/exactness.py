"""What msgspec's schemas leave unsaid, or say otherwise than msgspec reads.

A decimal may be a number, and of what a set has twice one is kept: none of that is in the schemas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from msgspec import inspect

__all__ = ["exact"]

Schema: TypeAlias = dict[str, Any]
_TEXTS: Mapping[type[inspect.Type], Schema] = {
    inspect.DecimalType: {"anyOf": [{"type": "string", "format": "decimal"}, {"type": "number"}]},
}
_PART = "#/components/schemas/"
_Object: TypeAlias = inspect.StructType | inspect.DataclassType | inspect.TypedDictType | inspect.NamedTupleType


def exact(types: Sequence[object], schemas: Sequence[Schema], components: Mapping[str, Schema]) -> None:
    """Changes the schemas that msgspec made of `types`, and the components that they refer to, to what it really reads."""
    seen: set[int] = set()
    for info, schema in zip(inspect.multi_type_info(cast("Any", types)), schemas, strict=True):
        _visit(info, schema, components, seen)


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
    elif type(info) in _TEXTS:
        _say(info, schema)
    elif isinstance(info, _Object):
        _fields(info, schema, components, seen)
    elif isinstance(info, inspect.TupleType):
        for item, one in zip(info.item_types, schema.get("prefixItems", ()), strict=False):
            _visit(item, one, components, seen)
    elif isinstance(info, inspect.CollectionType):
        schema.pop("uniqueItems", None)
        if "items" in schema:
            _visit(info.item_type, schema["items"], components, seen)
    elif isinstance(info, inspect.DictType) and isinstance(schema.get("additionalProperties"), dict):
        _visit(info.value_type, schema["additionalProperties"], components, seen)


def _say(info: inspect.Type, schema: Schema) -> None:
    if getattr(info, "tz", None) is None and schema.get("type") == "string":
        for name in ("type", "format"):
            schema.pop(name, None)
        schema |= {"anyOf": [dict(one) for one in _TEXTS[type(info)]["anyOf"]]}


def _fields(info: _Object, schema: Schema, components: Mapping[str, Schema], seen: set[int]) -> None:
    if "prefixItems" in schema:  # an array in JSON
        schema.setdefault("items", False)
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
