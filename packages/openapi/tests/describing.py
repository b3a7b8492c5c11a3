"""Documents of applications, for tests."""

from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator

from velo_core import Velo
from velo_openapi import DocumentOptions, build


def document(app: Velo, **options: Any) -> dict[str, Any]:
    """The document, which is valid, and without a word of warning."""
    made = build(app.operations, DocumentOptions(**options))
    validator = OpenAPIV32SpecValidator if options.get("openapi_version") == "3.2" else OpenAPIV31SpecValidator
    validator(made.content).validate()
    assert made.warnings == ()
    return made.content


def statuses(app: Velo, **options: Any) -> dict[str, set[str]]:
    """The statuses of the operations of each path."""
    paths = document(app, **options)["paths"]
    return {path: {status for one in item.values() for status in one["responses"]} for path, item in paths.items()}
