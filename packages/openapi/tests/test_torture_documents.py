"""Documents of an application with everything that a document has to describe: valid, whole, and the same each time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator
from torture import guards
from torture.app import app

from velo_openapi import Document, DocumentOptions, build
from velo_testing import TestClient

METHODS = ("get", "put", "post", "delete", "patch")


def made(version: Literal["3.1", "3.2"]) -> Document:
    return build(app.operations, DocumentOptions(title="Torture", openapi_version=version, webhooks=guards.hooks))


def operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in cast("dict[str, dict[str, Any]]", document["paths"]).values():
        yield from (item[method] for method in METHODS if method in item)


@pytest.mark.parametrize(("version", "validator"), [("3.1", OpenAPIV31SpecValidator), ("3.2", OpenAPIV32SpecValidator)])
def test_the_document_is_valid_and_without_warnings(version: Literal["3.1", "3.2"], validator: type[OpenAPIV31SpecValidator]) -> None:
    document = made(version)

    validator(document.content).validate()

    assert document.warnings == ()
    assert len(list(operations(document.content))) >= 60


def test_the_served_documents_are_valid_and_each_has_what_is_its_own() -> None:
    with TestClient(app) as client:
        whole, admin = client.get("/openapi.json").json(), client.get("/admin/openapi.json").json()

    for document in (whole, admin):
        OpenAPIV31SpecValidator(document).validate()
    assert admin["paths"].keys() == {"/admin/users/{number}"}
    assert whole["webhooks"].keys() == {"sold"}
    assert "/guards/hidden" not in whole["paths"]
    assert whole["x-websockets"].keys() == {"/guards/chat/{room}"}
    assert whole["paths"]["/guards/subscriptions"]["post"]["callbacks"].keys() == {"changed"}
    assert whole["paths"]["/guards/deprecated"]["get"]["deprecated"]
    assert whole["paths"]["/hosts-front"]["get"]["servers"][0]["url"] == "//{shop}.example.com"
    assert {"/v1/orders/", "/v2/orders/"} <= whole["paths"].keys()


def test_each_operation_has_an_id_of_its_own_and_says_what_it_does() -> None:
    found = list(operations(made("3.1").content))

    assert len({one["operationId"] for one in found}) == len(found)
    assert all(one["summary"] for one in found)


def test_the_document_is_the_same_each_time() -> None:
    first, second = (json.dumps(msgspec.to_builtins(made("3.1").content)) for _ in range(2))

    assert first == second
