"""The formats of dates with a time, and of times, which msgspec leaves out of schemas where an offset may be missing.

RFC 3339 wants the offset. Without a format, though, people and generators of clients would take such a value for any text at all, which it
is much less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from msgspec import inspect

__all__ = ["add_formats"]

Schema: TypeAlias = dict[str, Any]
_FORMATS: dict[type[inspect.Type], str] = {inspect.DateTimeType: "date-time", inspect.TimeType: "time"}


def add_formats(types: Sequence[Any], schemas: Sequence[Schema], components: Mapping[str, Schema]) -> None:
    """Adds what is missing in schemas of msgspec, in place.

    Args:
        types: That the schemas are of.
        schemas: One for each type.
        components: What they point to, by name.
    """
    seen: set[type] = set()
    for info, schema in zip(inspect.multi_type_info(types), schemas, strict=True):
        _walk(info, schema, components, seen)


def _walk(info: inspect.Type, schema: Any, components: Mapping[str, Schema], seen: set[type]) -> None:
    """One type beside its schema."""
    if isinstance(info, inspect.Metadata):
        _walk(info.type, schema, components, seen)
        return
    if isinstance(info, inspect.UnionType):
        _union(info, schema, components, seen)
        return
    if not isinstance(schema, dict):
        return
    here = cast("Schema", schema)
    if type(info) in _FORMATS:
        if here.get("type") == "string":
            here.setdefault("format", _FORMATS[type(info)])
        return
    if "$ref" in here:
        here = components.get(here["$ref"].rpartition("/")[2], {})
    if isinstance(info, inspect.CollectionType):
        _walk(info.item_type, here.get("items"), components, seen)
    elif isinstance(info, inspect.TupleType):
        for one, inner in zip(info.item_types, here.get("prefixItems", ()), strict=False):
            _walk(one, inner, components, seen)
    elif isinstance(info, inspect.DictType):
        _walk(info.value_type, here.get("additionalProperties"), components, seen)
    elif isinstance(info, inspect.StructType | inspect.DataclassType | inspect.TypedDictType | inspect.NamedTupleType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        named: Mapping[Any, Any] = here.get("properties", {})
        placed: Mapping[Any, Any] = dict(enumerate(cast("Sequence[Any]", here.get("prefixItems", ()))))
        for number, member in enumerate(info.fields):
            _walk(member.type, named.get(member.encode_name, placed.get(number)), components, seen)


def _union(info: inspect.UnionType, schema: Any, components: Mapping[str, Schema], seen: set[type]) -> None:
    """A union, whose schemas are in an order of their own."""
    parts = [part.type if isinstance(part, inspect.Metadata) else part for part in info.types]
    choices = list(_choices(schema))
    for part in parts:
        if type(part) in _FORMATS:  # then no other type of the union is text, or msgspec could not tell them apart
            for one in choices:
                if one.get("type") == "string":
                    one.setdefault("format", _FORMATS[type(part)])
    for part in parts:
        if isinstance(part, inspect.CollectionType | inspect.DictType | inspect.TupleType):
            kind = "object" if isinstance(part, inspect.DictType) else "array"
            found = [one for one in choices if one.get("type") == kind]
        else:
            found = [one for one in choices if _title(one, components) == _name(getattr(part, "cls", None))]
        if len(found) == 1:
            _walk(part, found[0], components, seen)


def _title(schema: Schema, components: Mapping[str, Schema]) -> str | None:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return components[name].get("title") if name in components else None


def _name(kind: Any) -> str:
    """The title that msgspec gives to the schema of a class."""
    arguments: tuple[Any, ...] = getattr(kind, "__args__", ())
    name = getattr(kind, "__name__", "")
    return f"{name}[{', '.join(_name(one) for one in arguments)}]" if arguments else name


def _choices(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, dict):
        here = cast("Schema", schema)
        if "anyOf" in here:
            for one in here["anyOf"]:
                yield from _choices(one)
        else:
            yield here
