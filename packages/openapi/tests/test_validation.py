"""What makes a document invalid, each kind of error by a document that has it."""

from __future__ import annotations

from typing import Any

import pytest

from velo_openapi.checks import ERRORS, RULES
from velo_openapi.validation import problems_of

FINE = {"200": {"description": "Fine."}}


def document(**members: Any) -> dict[str, Any]:
    return {"openapi": "3.1.1", "info": {"title": "Shop", "version": "1"}, "paths": {}, **members}


def answering(schema: Any) -> dict[str, Any]:
    response = {"description": "Fine.", "content": {"application/json": {"schema": schema}}}
    return document(paths={"/": {"get": {"responses": {"200": response}}}})


SAME: dict[str, Any] = {"name": "x", "in": "query", "schema": {"type": "string"}}
BROKEN = [
    ("duplicate-operation-id", document(paths={path: {"get": {"operationId": "same", "responses": FINE}} for path in ("/a", "/b")})),
    ("duplicate-parameter", document(paths={"/": {"get": {"parameters": [SAME, SAME], "responses": FINE}}})),
    ("invalid-default", answering({"type": "integer", "default": "x"})),
    ("invalid-structure", document(info={"title": "Shop"})),
    ("invalid-structure", document(unknown=1)),
    ("invalid-structure", document(tags=[{"name": "tea"}, {"name": "tea"}])),
    ("undeclared-path-parameter", document(paths={"/{x}": {"get": {"responses": FINE}}})),
    ("undeclared-property", answering({"required": ["x"], "allOf": [{"properties": {"y": {}}}]})),
    ("unreadable-document", answering({"$ref": "other.json#/nothing"})),
    ("unresolved-reference", answering({"$ref": "#/components/schemas/Nothing"})),
]


@pytest.mark.parametrize(("code", "broken"), BROKEN, ids=[f"{code}-{number}" for number, (code, _) in enumerate(BROKEN)])
def test_an_error_has_a_code_that_tells_its_kind(code: str, broken: dict[str, Any]) -> None:
    found = problems_of(broken)

    assert code in {one.code for one in found}
    assert all(one.is_error for one in found)


def test_each_kind_has_a_document_above() -> None:
    assert {code for code, _ in BROKEN} == ERRORS.keys()
    assert not ERRORS.keys() & RULES.keys()


def test_references_to_nothing_are_told_with_their_places_all_of_them() -> None:
    broken = answering({"properties": {"a": {"$ref": "#/components/schemas/A~1B"}, "b": {"$ref": "#/components/schemas/B"}}})
    broken["components"] = {"schemas": {"B": {"examples": [{"$ref": "#/no/reference"}], "items": {"$ref": "#/components/schemas/C"}}}}

    assert [(one.code, one.place.rpartition("/")[2], one.message.partition(";")[0]) for one in problems_of(broken)] == [
        ("unresolved-reference", "a", "there is no #/components/schemas/A~1B"),
        ("unresolved-reference", "items", "there is no #/components/schemas/C"),
    ]
