"""JSON schemas of types, by the library whose models they are, in one namespace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_origin

import msgspec

from velo_core import model_family

__all__ = ["Mode", "Schema", "Schemas", "Wanted", "bounded", "plain"]

Schema: TypeAlias = dict[str, Any]
Mode: TypeAlias = Literal["input", "output"]
REF = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A type whose schema is needed.

    Attributes:
        type: As it is declared.
        mode: Whether it is read or written, which some models do differently.
        is_partial: Whether fields may be left out, although they are required.
    """

    type: object
    mode: Mode
    is_partial: bool = False

    @property
    def key(self) -> tuple[str, Mode, bool]:
        """Equal for what has the same schema. A text, for what annotations have in them need not be hashable."""
        return f"{id(self.type)}" if get_origin(self.type) is None else repr(self.type), self.mode, self.is_partial


class Schemas:
    """The schemas of all types of a document, made at once: so names of components are the same wherever they are used.

    Attributes:
        components: By name, for `#/components/schemas`.
    """

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        self.components: dict[str, Schema] = {}
        self._schemas: dict[tuple[str, Mode, bool], Schema] = {}
        self._wanted = {one.key: one for one in wanted}  # kept, for keys have identities in them
        whole = [one for one in self._wanted.values() if not one.is_partial]
        partial = [one for one in self._wanted.values() if one.is_partial]
        for family, make in (("msgspec", _of_msgspec), ("pydantic", _of_pydantic)):
            self._add([one for one in whole if model_family(one.type) == family], make, "")
            self._add([one for one in partial if model_family(one.type) == family], make, "Partial")

    def of(self, wanted: Wanted) -> Schema:
        """The schema of a type that was asked for; a copy, to be added to."""
        return dict(self._schemas[wanted.key])

    def _add(
        self, wanted: Sequence[Wanted], make: Callable[[Sequence[Wanted]], tuple[list[Schema], Mapping[str, Schema]]], end: str
    ) -> None:
        if not wanted:
            return
        schemas, components = make(wanted)
        if end:  # nothing in them has to be there
            schemas, components = (
                [_without_required(one) for one in schemas],
                {key: _without_required(one) for key, one in components.items()},
            )
        names = {name: self._free(name + end, schema) for name, schema in components.items()}
        self.components |= {names[name]: _renamed(schema, names) for name, schema in components.items()}
        self._schemas |= {one.key: _renamed(schema, names) for one, schema in zip(wanted, schemas, strict=True)}

    def _free(self, name: str, schema: Schema) -> str:
        """The name, or one with a number if another library has a different model of that name."""
        number, free = 2, name
        while free in self.components and self.components[free] != schema:
            number, free = number + 1, f"{name}{number}"
        return free


def bounded(schema: Schema, constraints: Mapping[str, object]) -> Schema:
    """The schema with bounds in it. Those of an array hold for its items, but for lengths; what it says itself stays."""
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(cast("Sequence[str]", kinds))
    if "anyOf" in schema:
        return schema | {"anyOf": [bounded(one, constraints) for one in schema["anyOf"]]}
    made = dict(schema)
    for name, bound in constraints.items():
        if "array" in kinds and name in _ARRAY:
            made.setdefault(_ARRAY[name], bound)
        elif "array" in kinds:
            made["items"] = bounded(dict(made.get("items", {})), {name: bound})
        elif (kinds & {"integer", "number"} and name in _NUMBER) or ("string" in kinds and name in _STRING):
            made.setdefault((_NUMBER | _STRING)[name], getattr(bound, "pattern", bound))
    return made


_NUMBER = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "multiple_of": "multipleOf"}
_STRING = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
_ARRAY = {"min_length": "minItems", "max_length": "maxItems"}


def _of_msgspec(wanted: Sequence[Wanted]) -> tuple[list[Schema], Mapping[str, Schema]]:
    types = [one.type for one in wanted]
    schemas, components = msgspec.json.schema_components(types, schema_hook=_anything, ref_template=REF)
    return list(schemas), components


def _anything(kind: type) -> Schema:
    """The schema of a class that msgspec does not know: it is somebody else's, who does not tell."""
    return {} if kind is object else {"title": kind.__name__}


def _of_pydantic(wanted: Sequence[Wanted]) -> tuple[list[Schema], Mapping[str, Schema]]:
    import pydantic

    keys = [str(number) for number in range(len(wanted))]
    modes: list[Literal["validation", "serialization"]] = ["validation" if one.mode == "input" else "serialization" for one in wanted]
    adapters = [pydantic.TypeAdapter(cast("Any", one.type)) for one in wanted]
    made, definitions = pydantic.TypeAdapter.json_schemas(
        list(zip(keys, modes, adapters, strict=True)), ref_template=REF.replace("{name}", "{model}")
    )
    schemas: list[Schema] = [made[key, mode] for key, mode in zip(keys, modes, strict=True)]
    return _merged(schemas, cast("Mapping[str, Schema]", definitions.get("$defs", {})))


def _merged(schemas: list[Schema], components: Mapping[str, Schema]) -> tuple[list[Schema], Mapping[str, Schema]]:
    """One component in place of two that are alike: pydantic takes models that have themselves inside for different ones.

    All are taken for alike at first, and those that then still differ are taken out, until none is.
    """
    bases = {name.removesuffix("-Input") for name in components if name.endswith("-Input")}
    alike = {base for base in bases if f"{base}-Output" in components and base not in components}
    while True:
        names = {f"{base}{end}": base for base in alike for end in ("-Input", "-Output")}
        different = {
            base for base in alike if _renamed(components[f"{base}-Input"], names) != _renamed(components[f"{base}-Output"], names)
        }
        if not different:
            break
        alike -= different
    merged = {names.get(name, name): _renamed(schema, names) for name, schema in components.items()}
    return [_renamed(schema, names) for schema in schemas], merged


def _without_required(value: Any) -> Any:
    def keep(key: str, one: Any) -> bool:
        return key != "required" or not isinstance(one, list)

    return _mapped(
        value, lambda members: {key: _without_required(one) for key, one in members.items() if keep(key, one)}, _without_required
    )


def _mapped(value: object, of_object: Callable[[dict[str, Any]], Any], of_item: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return of_object(cast("dict[str, Any]", value))
    return [of_item(one) for one in cast("list[object]", value)] if isinstance(value, list) else value


def _renamed(schema: Schema, names: Mapping[str, str]) -> Schema:
    """The schema with its references pointing to other names."""
    changed = {REF.format(name=old): REF.format(name=new) for old, new in names.items() if old != new}
    if not changed:
        return schema

    def rename(value: Any) -> Any:
        return (
            _mapped(value, lambda members: {key: rename(one) for key, one in members.items()}, rename)
            if not isinstance(value, str)
            else changed.get(value, value)
        )

    return cast("Schema", rename(schema))


def plain(value: object) -> object:
    """A default or an example as JSON has it; `None` if it has none.

    Raises:
        TypeError: it has no JSON form.
    """
    return json.loads(msgspec.json.encode(value, order="deterministic"))  # sets have an order in each process
