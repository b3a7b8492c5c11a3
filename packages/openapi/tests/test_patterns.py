"""Patterns: those of the document, as a validator in another language reads them, allow what is accepted and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import jsonschema_rs  # which schemathesis brings
import msgspec
import pydantic
import pytest
from describing import document

from velo_core import Body, Query, RegexConverter, Velo
from velo_openapi.patterns import schema_pattern
from velo_testing import ProtocolName, TestClient

TEXTS = ["12", "12\n", "１２", "1２", "", "ab", "é", "née\n", "a b", "a\u00a0b", "a\tb", "a\rb", "a\nb", "]", "$", "a]", "_", "a\u2028b"]
PATTERNS = [
    r"^\d{2}$",
    r"^\w+$",
    r"^[\w ]+$",
    r"^a\sb$",
    r"^a[\s]b$",
    r"^a.b$",
    r"\A\d+\Z",
    r"^(?P<one>[0-9])2$",
    r"\bb$",
    r"^[]$a]+$",
    r"^[^]a]$",
    r"^(?:(?P<a>a)|(b))b?$",
    r"^[][]$",
]
OF_PYDANTIC = [r"^\d{2}$", r"^\w+$", r"^[\w ]+$", r"^a\sb$", r"^a.b$", r"\bb$"]
PROTOCOLS: list[ProtocolName] = ["asgi", "rsgi", "wsgi"]


def judge(schema: dict[str, Any], content: dict[str, Any]) -> Callable[[object], bool]:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "components": content.get("components", {})}
    return jsonschema_rs.validator_for(whole).is_valid


def taking(hint: object) -> Callable[..., Any]:
    async def take(value: Any) -> str:
        return "taken"

    take.__annotations__["value"] = hint
    return take


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_matches_is_accepted_and_nothing_else(pattern: str, protocol: ProtocolName) -> None:
    held = msgspec.defstruct("Held", [("value", Annotated[str, msgspec.Meta(pattern=pattern)])])
    app = Velo()
    app.post("/")(taking(Annotated[held, Body()]))
    app.get("/")(taking(Annotated[str, Query(pattern=pattern)]))
    content = document(app)
    item = content["paths"]["/"]
    body = judge(item["post"]["requestBody"]["content"]["application/json"]["schema"], content)
    query = judge(item["get"]["parameters"][0]["schema"], content)

    with TestClient(app, protocol=protocol) as client:
        found = {text: client.post("/", json={"value": text}).status_code == 200 for text in TEXTS}
        in_query = {text: client.get("/", params={"value": text}).status_code == 200 for text in TEXTS}

    assert found == {text: body({"value": text}) for text in TEXTS}
    assert in_query == {text: query(text) for text in TEXTS}
    assert {*found.values()} == {True, False}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("pattern", OF_PYDANTIC)
def test_those_of_pydantic_mean_the_same(pattern: str, protocol: ProtocolName) -> None:
    app = Velo()
    app.post("/")(taking(Annotated[pydantic.create_model("Held", value=(str, pydantic.Field(pattern=pattern))), Body()]))
    content = document(app)
    valid = judge(content["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]["schema"], content)

    with TestClient(app, protocol=protocol) as client:
        found = {text: client.post("/", json={"value": text}).status_code == 200 for text in TEXTS}

    assert found == {text: valid({"value": text}) for text in TEXTS}
    assert {*found.values()} == {True, False}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_converter_of_the_path_means_the_same(protocol: ProtocolName) -> None:
    app = Velo()
    app.add_converter("code", RegexConverter(r"\d{2}"))
    app.get("/{value:code}")(taking(str))
    (parameter,) = document(app)["paths"]["/{value}"]["get"]["parameters"]
    valid = judge(parameter["schema"], {})

    with TestClient(app, protocol=protocol) as client:
        for text in ("12", "１２", "1２", "123"):
            assert client.get(f"/{text}").status_code == (200 if valid(text) else 404), text


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"^[a-z]+$", r"^[a-z]+$"),
        (r"^a.\.[.]$", r"^a[^\n]\.[.]$"),
        (r"\A(x)(?P<word>\w+)(?:-)\Z", r"^(x)(\w+)(?:-)$"),
        (r"[\s\]]\s\S", r"[\t-\r \]][\t-\r ][^\t-\r ]"),
        (r"[][]$", r"[\]\[]$"),
        (r"[a[^]\.$]", r"[a\[^]\.$]"),
    ],
)
def test_patterns_of_python_are_written_as_json_schema_has_them(pattern: str, written: str) -> None:
    assert schema_pattern(pattern) == written
    assert schema_pattern(written) == written


def test_a_pattern_of_unicode_is_not_in_the_document() -> None:
    """Not all engines have words for it, and one that stands for less would forbid what is accepted."""
    held = msgspec.defstruct("Held", [("value", Annotated[str, msgspec.Meta(pattern=r"(?u)^\w+$")])])
    app = Velo()
    app.post("/")(taking(Annotated[held, Body()]))
    app.get("/")(taking(Annotated[str, Query(pattern=r"(?u)^\w+$", max_length=9)]))
    content = document(app)

    assert content["components"]["schemas"]["Held"]["properties"]["value"] == {"type": "string"}
    assert content["paths"]["/"]["get"]["parameters"][0]["schema"] == {"type": "string", "maxLength": 9}


def test_a_default_that_has_a_member_called_pattern_is_left_alone() -> None:
    class Rule(msgspec.Struct):
        pattern: Annotated[str, msgspec.Meta(pattern=r"^.+$")] = "a.b"
        others: dict[str, str] = msgspec.field(default_factory=lambda: {"pattern": "a.b"})

    app = Velo()
    app.post("/")(taking(Annotated[Rule, Body()]))
    properties = document(app)["components"]["schemas"]["Rule"]["properties"]

    assert properties["pattern"] == {"type": "string", "pattern": r"^[^\n]+$", "default": "a.b"}
