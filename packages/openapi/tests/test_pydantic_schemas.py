"""What is read of pydantic's models, by the names of their fields and the digits of their decimals, is what their schemas allow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Annotated, Any, cast

import pydantic
import pytest
from describing import document
from jsonschema import Draft202012Validator

from velo_core import Body, Velo
from velo_testing import ProtocolName, TestClient

PROTOCOLS: list[ProtocolName] = ["asgi", "rsgi", "wsgi"]


def taking(model: type) -> tuple[Velo, Callable[[object], bool]]:
    """An application that takes a model, and whether its document allows a body."""
    app = Velo()

    async def take(value: Any) -> str:
        return "taken"

    take.__annotations__["value"] = Annotated[cast("Any", model), Body()]
    app.post("/")(take)
    content = document(app)
    schema = content["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator: Any = Draft202012Validator({**schema, "components": content["components"]})
    return app, cast("Callable[[object], bool]", validator.is_valid)


Named = Annotated[int, pydantic.Field(alias="theName", ge=3)]
Optional = Annotated[int, pydantic.Field(alias="theName", ge=3, default=3)]
Chosen = Annotated[int, pydantic.Field(validation_alias=pydantic.AliasChoices("theName", pydantic.AliasPath("in", 0), "other"), ge=3)]
CONFIGS: dict[str, pydantic.ConfigDict] = {
    "alias": {},
    "populated": {"populate_by_name": True},
    "both": {"validate_by_name": True, "validate_by_alias": True},
    "name": {"validate_by_name": True, "validate_by_alias": False},
}


def models() -> Iterator[Any]:
    for (how, config), extra, (kind, hint) in product(
        CONFIGS.items(), ("forbid", "ignore", "allow"), {"required": Named, "optional": Optional, "chosen": Chosen}.items()
    ):
        configured = cast("pydantic.ConfigDict", {**config, "extra": extra, "strict": True})
        yield pytest.param(pydantic.create_model("Held", __config__=configured, name=hint), id=f"{how}-{extra}-{kind}")


@pydantic.dataclasses.dataclass(config=pydantic.ConfigDict(populate_by_name=True, extra="forbid", strict=True))
class Held:
    name: Named


def bodies() -> Iterator[Mapping[str, int]]:
    for values in product((None, 2, 3), repeat=3):
        yield {name: value for name, value in zip(("theName", "name", "other"), values, strict=True) if value is not None}


@pytest.mark.parametrize("model", [*models(), pytest.param(Held, id="dataclass")])
def test_a_field_is_read_by_the_names_of_the_document(model: type) -> None:
    app, is_valid = taking(model)

    with TestClient(app) as client:
        for body in bodies():
            assert client.post("/", json=body).status_code == (200 if is_valid(body) else 422), body


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_names_are_in_the_document_and_one_of_them_is_sent(protocol: ProtocolName) -> None:
    app, _ = taking(Held)
    schema = document(app)["components"]["schemas"]["Held"]

    assert schema["properties"].keys() == {"theName", "name"}
    assert schema["allOf"] == [{"oneOf": [{"required": ["theName"]}, {"required": ["name"]}]}]
    assert "required" not in schema
    with TestClient(app, protocol=protocol) as client:
        statuses = [client.post("/", json=body).status_code for body in ({"theName": 3}, {"name": 3}, {"theName": 3, "name": 3}, {})]
    assert statuses == [200, 200, 422, 422]


BEFORE = ("0", "00", "5", "10", "050", "100", "123", "999", "1000", "12345")
AFTER = ("", ".0", ".00000", ".5", ".05", ".50", ".25", ".125", ".500", ".0050", ".00005")
TEXTS = ["-1.5", "+99.99", "-0", "", "1.2.3", "x", "--1", *(before + after for before, after in product(BEFORE, AFTER))]
SIZES = [
    {"max_digits": 4, "decimal_places": 2},
    {"max_digits": 3},
    {"decimal_places": 2},
    {"decimal_places": 0},
    {"max_digits": 2, "decimal_places": 2},
]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_digits_and_places_of_a_text_are_those_of_its_pattern(sizes: dict[str, int]) -> None:
    app, is_valid = taking(pydantic.create_model("Held", value=(Decimal, pydantic.Field(**cast("Any", sizes)))))

    with TestClient(app) as client:
        found = {text: client.post("/", json={"value": text}).status_code for text in TEXTS}

    assert found == {text: 200 if is_valid({"value": text}) else 422 for text in TEXTS}
    assert {*found.values()} == {200, 422}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_digits_and_places_of_a_number_are_its_bounds(protocol: ProtocolName) -> None:
    app, is_valid = taking(pydantic.create_model("Held", value=(Decimal, pydantic.Field(max_digits=4, decimal_places=2, le=50, gt=-200))))
    number = document(app)["components"]["schemas"]["Held"]["properties"]["value"]["anyOf"][0]

    assert number == {"type": "number", "multipleOf": 0.01, "maximum": 50.0, "exclusiveMinimum": -100}
    with TestClient(app, protocol=protocol) as client:
        for value in (50, 50.25, 49.75, -99.5, -100, 0.125, 1234, 12.5, 0):
            assert client.post("/", json={"value": value}).status_code == (200 if is_valid({"value": value}) else 422), value


def test_a_number_of_so_many_digits_is_not_as_long() -> None:
    app, is_valid = taking(pydantic.create_model("Held", value=(Decimal, pydantic.Field(max_digits=3))))

    assert [is_valid({"value": value}) for value in (999, -999, 1000, 0.5)] == [True, True, False, True]
    with TestClient(app) as client:
        for value, status in ((999, 200), (-999, 200), (1000, 422), (0.5, 200)):
            assert (
                client.post("/", content=json.dumps({"value": value}), headers={"content-type": "application/json"}).status_code == status
            )
