"""Every example has a valid OpenAPI document."""

import importlib.util
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator

from velo_core import Velo
from velo_openapi import DocumentOptions, build

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_its_document_is_valid(example: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"example_{example.stem}", example)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = module.app

    assert isinstance(app, Velo)
    OpenAPIV31SpecValidator(build(app.operations, DocumentOptions()).content).validate()
    OpenAPIV32SpecValidator(build(app.operations, DocumentOptions(openapi_version="3.2")).content).validate()
