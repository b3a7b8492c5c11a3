"""What pydantic's schemas leave unsaid. Imported where pydantic is."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import combinations
from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import (
    DataclassArgsSchema,
    DataclassField,
    DataclassSchema,
    DecimalSchema,
    ModelField,
    ModelFieldsSchema,
    ModelSchema,
)

from velo_openapi.decimals import decimal_number, decimal_text

__all__ = ["ExactSchema"]

Schema = dict[str, Any]


class ExactSchema(GenerateJsonSchema):
    """The schemas of pydantic, in which decimals have their digits, and fields all names by which they are read."""

    def decimal_schema(self, schema: DecimalSchema) -> Schema:
        """The schema of a decimal: a number, or its text."""
        made = super().decimal_schema(schema)
        digits, places = schema.get("max_digits"), schema.get("decimal_places")
        for one in made.get("anyOf", (made,)) if self.mode == "validation" else ():
            if one.get("type") == "string":
                one.setdefault("pattern", decimal_text(digits, places))
            else:
                decimal_number(one, digits, places)
        return made

    def model_schema(self, schema: ModelSchema) -> Schema:
        """The schema of a model."""
        with self._within(cast("Mapping[str, object]", schema["cls"].model_config)):
            return super().model_schema(schema)

    def dataclass_schema(self, schema: DataclassSchema) -> Schema:
        """The schema of a dataclass."""
        with self._within(getattr(schema["cls"], "__pydantic_config__", None) or {}):
            return super().dataclass_schema(schema)

    def model_fields_schema(self, schema: ModelFieldsSchema) -> Schema:
        """The schema of the fields of a model."""
        return self._with_names(super().model_fields_schema(schema), schema["fields"])

    def dataclass_args_schema(self, schema: DataclassArgsSchema) -> Schema:
        """The schema of the fields of a dataclass."""
        return self._with_names(super().dataclass_args_schema(schema), {field["name"]: field for field in schema["fields"]})

    @contextmanager
    def _within(self, config: Mapping[str, object]) -> Generator[None]:
        outer, self._model_config = self._model_config, config
        try:
            yield
        finally:
            self._model_config = outer

    _model_config: Mapping[str, object] = {}
    """Of the model that is being described."""

    def _with_names(self, made: Schema, fields: Mapping[str, ModelField] | Mapping[str, DataclassField]) -> Schema:
        """The schema with all names that fields are read by: some have several, of which the first that is there counts."""
        if self.mode != "validation" or not self.by_alias:
            return made
        config = self._model_config
        for attribute, field in fields.items():
            names = _aliases(attribute, field)
            if config.get("validate_by_alias") is False:
                _rename(made, names[0], attribute)
                continue
            if config.get("populate_by_name") or config.get("validate_by_name"):
                names = list(dict.fromkeys((*names, attribute)))
            if len(names) > 1 and names[0] in made["properties"]:
                _named(made, names, is_closed=config.get("extra") == "forbid")
        return made


def _aliases(attribute: str, field: ModelField | DataclassField) -> list[str]:
    """The names that pydantic looks for, in its order; without those of what is inside of something else."""
    alias: str | list[str | int] | list[list[str | int]] = field.get("validation_alias", attribute)
    paths: list[Any] = [[alias]] if isinstance(alias, str) else [alias] if not isinstance(alias[0], list) else cast("list[Any]", alias)
    return list(dict.fromkeys(path[0] for path in paths if len(path) == 1)) or [attribute]


def _rename(made: Schema, old: str, new: str) -> None:
    made["properties"] = {new if name == old else name: schema for name, schema in made["properties"].items()}
    if "required" in made:
        made["required"] = [new if name == old else name for name in made["required"]]


def _named(made: Schema, names: list[str], *, is_closed: bool) -> None:
    """Adds the other names of a field to the schema of an object.

    Where nothing else may be there, one name alone may be. Elsewhere those after the first that is there are like any other member: they
    may have any value.
    """
    first, *others = names
    properties = cast("dict[str, Schema]", made["properties"])
    is_required = first in made.get("required", ())
    made["required"] = [name for name in made.get("required", ()) if name != first]
    if not made["required"]:
        del made["required"]
    rule: Schema
    if is_closed:
        properties |= {name: dict(properties[first]) for name in others}
        pairs: list[Schema] = [{"required": list(pair)} for pair in combinations(names, 2)]
        rule = {"oneOf": [{"required": [name]} for name in names]} if is_required else {"not": {"anyOf": pairs}}
    else:
        choices: list[Schema] = [{"required": [first]}]
        for number, name in enumerate(others, 1):
            choice: Schema = {"required": [name], "properties": {name: dict(properties[first])}}
            before: list[Schema] = [{"required": [one]} for one in names[1:number]]
            choices.append(choice | ({"not": {"anyOf": before}} if before else {}))
        if not is_required:
            choices.append({"not": {"anyOf": [{"required": [name]} for name in names]}})
        rule = {"anyOf": choices}
    made.setdefault("allOf", []).append(rule)  # in there, generators of clients do not take it for a union
