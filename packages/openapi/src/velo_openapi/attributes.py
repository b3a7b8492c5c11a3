"""Schemas of structs whose fields have their names in Python, for routes with `by_alias=False`; msgspec gives the others alone."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, cast

from msgspec.inspect import Field, StructType, Type, multi_type_info

__all__ = ["name_by_attributes"]


def name_by_attributes(types: Sequence[object], components: MutableMapping[str, dict[str, Any]]) -> None:
    """Renames the members of `components`, which are those of `types`."""
    names: dict[str, dict[str, str]] = {}
    seen: set[type] = set()
    for info in multi_type_info(types):
        for struct in _structs(info, seen):
            names[struct.cls.__name__] = {field.encode_name: field.name for field in struct.fields}
    for schema in components.values():
        known = names.get(str(schema.get("title", "")).partition("[")[0], {})
        if "properties" in schema:
            schema["properties"] = {known.get(name, name): one for name, one in schema["properties"].items()}
        if "required" in schema:
            schema["required"] = [known.get(name, name) for name in schema["required"]]


def _structs(info: Type | Field, seen: set[type]) -> Iterator[StructType]:
    if isinstance(info, StructType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        yield info
    for name in info.__struct_fields__:
        value: object = getattr(info, name)
        for one in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
            if isinstance(one, (Type, Field)):
                yield from _structs(one, seen)
