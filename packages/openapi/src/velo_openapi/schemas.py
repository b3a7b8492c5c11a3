"""JSON schemas of types, by the library whose models they are, in one namespace."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, Literal, TypeAlias, cast

import msgspec

from velo_core import ModelBackend, Problem, model_family
from velo_openapi.attributes import name_by_attributes
from velo_openapi.exactness import base64_text, exact
from velo_openapi.forms import Form, form_of
from velo_openapi.patterns import with_schema_patterns

__all__ = ["Key", "Mode", "Schema", "Schemas", "Wanted", "bounded", "number", "plain"]

Schema: TypeAlias = dict[str, Any]
Mode: TypeAlias = Literal["input", "output"]
Key: TypeAlias = tuple[Form, Mode, bool, bool]
"""Equal for what has the same schema."""
REF = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A type whose schema is needed.

    Attributes:
        type: As it is declared.
        mode: Whether it is read or written, which some models do differently.
        is_partial: Whether fields may be left out, although they are required.
        by_alias: Whether fields have the names that their models give them in JSON, or those that they have in Python.
        bare: Stands for `type`, if `type` is not for pydantic to describe.
    """

    type: object
    mode: Mode
    is_partial: bool = False
    bare: object | None = None
    by_alias: bool = True


class Schemas:
    """The schemas of all types of a document, made at once: so names of components are the same wherever they are used.

    Whoever needs a schema asks for it first; when all have, they are made, once for each type, however many ask.

    Args:
        backends: Families of models of the application.

    Attributes:
        components: By name, for `#/components/schemas`.
        problems: Types that have no schema; they may be anything then.
    """

    def __init__(self, backends: Iterable[ModelBackend] = ()) -> None:
        self._backends = tuple(backends)
        self.components: dict[str, Schema] = {}
        self.problems: list[Problem] = []
        self._asked: dict[Key, Wanted] = {}  # holds the types as well: forms have identities in them
        self._families: dict[Form, tuple[object, str]] = {}
        self._made: dict[Key, Schema] = {}

    def ask(self, wanted: Wanted) -> Key:
        """Notes that a schema is needed, and says under what it will be found."""
        if wanted.bare is not None and self._family(wanted.type) != "pydantic":
            wanted = replace(wanted, type=wanted.bare, bare=None)
        key = form_of(wanted.type), wanted.mode, wanted.is_partial, wanted.by_alias
        self._asked.setdefault(key, wanted)
        return key

    def make(self) -> None:
        """Makes the schemas of everything that was asked for."""
        grouped: dict[tuple[str, bool, bool], list[Key]] = {
            (family, by_alias, is_partial): []
            for by_alias in (True, False)
            for family in ("msgspec", "pydantic")
            for is_partial in (False, True)
        }
        for key, wanted in self._asked.items():
            grouped[self._family(wanted.type), wanted.by_alias, wanted.is_partial].append(key)
        for (family, by_alias, is_partial), keys in grouped.items():
            if keys:
                of_family = _of_pydantic if family == "pydantic" else partial(_of_msgspec, foreign=self._foreign)
                self._add(keys, partial(of_family, by_alias=by_alias), is_partial=is_partial)
        self._tell_apart()
        with_schema_patterns([*self._made.values(), *self.components.values()])

    def of(self, key: Key) -> Schema:
        """The schema that was asked for; a copy, to be added to."""
        return dict(self._made[key])

    def _foreign(self, kind: type) -> Schema:
        """The schema of a class that msgspec does not know: its own backend may tell, else it can be anything."""
        if kind is object:
            return {}
        told = next((backend.json_schema(kind) for backend in self._backends if backend.claims(kind)), None)
        return {"title": kind.__name__} if told is None else dict(told)

    def _family(self, hint: object) -> str:
        form = form_of(hint)
        if form not in self._families:
            self._families[form] = hint, model_family(hint)
        return self._families[form][1]

    def _add(self, keys: Sequence[Key], make: Make, *, is_partial: bool) -> None:
        try:
            schemas, components = make([self._asked[key] for key in keys])
        except Exception as error:  # one of the types has no schema
            if len(keys) > 1:
                for key in keys:
                    self._add([key], make, is_partial=is_partial)
                return
            self._made[keys[0]] = {}
            self.problems.append(_problem(self._asked[keys[0]].type, error))
            return
        if is_partial:  # nothing in them has to be there
            schemas = [_without_required(one) for one in schemas]
            components = {key: _without_required(one) for key, one in components.items()}
        names = self._names(components, "Partial" if is_partial else "")
        rename = _renaming(names)
        self.components |= {names[name]: rename(schema) for name, schema in components.items()}
        self._made |= {key: rename(schema) for key, schema in zip(keys, schemas, strict=True)}

    def _names(self, components: Mapping[str, Schema], end: str) -> dict[str, str]:
        """Names under which components can join those that are there: where there is a different one of that name, it has a number.

        All are taken for the same at first, and those that then differ are renamed, until none is: others may refer to them.
        """
        names, numbers = {name: f"{name}{end}" for name in components}, dict.fromkeys(components, 1)
        while True:
            rename = _renaming(names)
            different = [name for name, schema in components.items() if self._is_taken(names[name], rename(schema))]
            if not different:
                return names
            given = set(names.values())
            for name in different:
                while names[name] in given:
                    numbers[name] += 1
                    names[name] = f"{name}{end}{numbers[name]}"
                given.add(names[name])

    def _tell_apart(self) -> None:
        """Gives components of one title their names as titles: generators of clients name classes by titles, which have to differ."""
        titles = Counter(schema["title"] for schema in self.components.values() if "title" in schema)
        for name, schema in self.components.items():
            if titles[schema.get("title")] > 1:
                self.components[name] = schema | {"title": name}

    def _is_taken(self, name: str, schema: Schema) -> bool:
        return name in self.components and self.components[name] != schema


def _problem(hint: object, error: Exception) -> Problem:
    if isinstance(error, KeyError):  # two classes have the same name in the same module, which msgspec takes for one
        return Problem("OPENAPI_COMPONENT", f"two classes have the name of {error}, and one type has both inside; rename one")
    name = hint.__qualname__ if isinstance(hint, type) else str(hint)
    return Problem("OPENAPI_SCHEMA", f"the type {name} has no schema: {' '.join(str(error).split())}; give it one, or another type")


Make: TypeAlias = Callable[[Sequence[Wanted]], tuple[list[Schema], Mapping[str, Schema]]]


def bounded(schema: Schema, constraints: Mapping[str, object]) -> Schema:
    """The schema with bounds in it. Those of an array hold for its items, but for lengths; what it says itself stays."""
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(cast("Sequence[str]", kinds))
    if "anyOf" in schema:
        return schema | {"anyOf": [bounded(one, constraints) for one in schema["anyOf"]]}
    made = dict(schema)
    if made.get("contentEncoding") == "base64" and constraints.keys() & {"min_length", "max_length"}:  # of the bytes, not of the text
        return made | base64_text(cast("int | None", constraints.get("min_length")), cast("int | None", constraints.get("max_length")))
    for name, bound in constraints.items():
        if "array" in kinds and name in _ARRAY:
            made.setdefault(_ARRAY[name], bound)
        elif "array" in kinds:
            made["items"] = bounded(dict(made.get("items", {})), {name: bound})
        elif (kinds & {"integer", "number"} and name in _NUMBER) or ("string" in kinds and name in _STRING):
            made.setdefault((_NUMBER | _STRING)[name], _of_json(getattr(bound, "pattern", bound)))
    with_schema_patterns(made)
    return made


def _of_json(bound: object) -> object:
    return number(bound) if isinstance(bound, Decimal) else bound


def number(value: Decimal) -> int | float:
    """A decimal as a number of JSON."""
    return int(value) if value == value.to_integral_value() else float(value)


_NUMBER = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "multiple_of": "multipleOf"}
_STRING = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
_ARRAY = {"min_length": "minItems", "max_length": "maxItems"}


def _of_msgspec(
    wanted: Sequence[Wanted], *, foreign: Callable[[type], Schema], by_alias: bool
) -> tuple[list[Schema], Mapping[str, Schema]]:
    types = [one.type for one in wanted]
    schemas, components = msgspec.json.schema_components(types, schema_hook=foreign, ref_template=REF)
    exact(types, schemas, components)
    if not by_alias:
        name_by_attributes(types, components)
    return list(schemas), components


def _of_pydantic(wanted: Sequence[Wanted], *, by_alias: bool) -> tuple[list[Schema], Mapping[str, Schema]]:
    import pydantic

    from velo_openapi.pydantic_schemas import ExactSchema

    keys = [str(number) for number in range(len(wanted))]
    modes: list[Literal["validation", "serialization"]] = ["validation" if one.mode == "input" else "serialization" for one in wanted]
    adapters = [pydantic.TypeAdapter(cast("Any", one.type)) for one in wanted]
    made, definitions = pydantic.TypeAdapter.json_schemas(
        list(zip(keys, modes, adapters, strict=True)),
        by_alias=by_alias,
        ref_template=REF.replace("{name}", "{model}"),
        schema_generator=ExactSchema,
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
        rename = _renaming(names)
        different = {base for base in alike if rename(components[f"{base}-Input"]) != rename(components[f"{base}-Output"])}
        if not different:
            break
        alike -= different
    return [rename(schema) for schema in schemas], {names.get(name, name): rename(schema) for name, schema in components.items()}


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


def _renaming(names: Mapping[str, str]) -> Callable[[Schema], Schema]:
    """What makes references of a schema point to other names."""
    changed = {REF.format(name=old): REF.format(name=new) for old, new in names.items() if old != new}
    if not changed:
        return lambda schema: schema

    def rename(value: Any) -> Any:
        return (
            _mapped(value, lambda members: {key: rename(one) for key, one in members.items()}, rename)
            if not isinstance(value, str)
            else changed.get(value, value)
        )

    return rename


def plain(value: object) -> object:
    """A default or an example as JSON has it; `None` if it has none.

    Raises:
        TypeError: it has no JSON form.
    """
    return json.loads(msgspec.json.encode(value, order="deterministic"))  # sets have an order in each process
