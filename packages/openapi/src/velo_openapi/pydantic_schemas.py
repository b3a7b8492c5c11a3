"""What pydantic's schemas leave unsaid. Imported where pydantic is."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DecimalSchema

__all__ = ["ExactSchema"]


class ExactSchema(GenerateJsonSchema):
    """The schemas of pydantic, in which the text of a decimal has to be a number."""

    def decimal_schema(self, schema: DecimalSchema) -> dict[str, Any]:
        """The schema of a decimal: a number, or its text."""
        made = super().decimal_schema(schema)
        for one in made.get("anyOf", (made,)):
            if one.get("type") == "string" and self.mode == "validation":
                one.setdefault("pattern", r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$")
        return made
