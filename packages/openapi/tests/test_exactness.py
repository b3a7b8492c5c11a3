"""Schemas of decimals and bytes take what Velo reads, and nothing else."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Annotated, Any

import jsonschema
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from velo_core import Body, Path, Query, Velo
from velo_openapi import DocumentOptions, build
from velo_openapi.schemas import Schemas, Wanted
from velo_testing import TestClient


def _operation(app: Velo) -> dict[str, Any]:
    """The only operation of the application."""
    (item,) = build(app.operations, DocumentOptions(title="Exact")).content["paths"].values()
    (one,) = item.values()
    return one


def _parameters(app: Velo) -> dict[str, Any]:
    return {one["name"]: one for one in _operation(app)["parameters"]}


def test_decimals_in_texts_with_bounds_are_numbers_with_these_bounds() -> None:
    app = Velo()

    @app.get("/{share}")
    async def show(
        share: Annotated[Decimal, Path(gt=0, lt=1)],
        step: Annotated[Decimal, Query(multiple_of=0.5, examples=(Decimal("2.5"),))] = Decimal("1.5"),
        least: Annotated[Decimal | None, Query(ge=2)] = None,
        several: Annotated[list[Decimal], Query(le=9)] = [Decimal(3)],  # noqa: B006 - Velo copies it
        free: Annotated[list[Decimal], Query()] = [],  # noqa: B006 - Velo copies it
    ) -> list[object]:
        return [share, step, least, several, free]

    found = _parameters(app)

    assert found["share"]["schema"] == {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    assert found["step"]["schema"] == {"type": "number", "multipleOf": 0.5, "default": 1.5}
    assert found["step"]["examples"] == {"example 1": {"value": 2.5}}
    assert found["least"]["schema"] == {"type": "number", "minimum": 2}
    assert found["several"]["schema"] == {"type": "array", "items": {"type": "number", "maximum": 9}, "default": [3]}
    assert found["free"]["schema"]["items"].keys() == {"type", "format", "pattern"}
    with TestClient(app) as client:  # numbers as clients write them
        for text, status in (
            ("0.5", 200),
            ("1e-7", 200),
            ("5E-1", 200),
            ("1e-99", 200),
            ("0", 422),
            ("1", 422),
            ("1e+16", 422),
            ("-0.5", 422),
        ):
            assert client.get(f"/{text}").status_code == status, text


def test_bytes_in_texts_are_as_they_are() -> None:
    app = Velo()

    @app.get("/")
    async def show(one: Annotated[bytes, Query(max_length=3)] = b"x", many: Annotated[list[bytes], Query()] = [b"y"]) -> str:  # noqa: B006 - Velo copies it
        return f"{one!r} {many!r}"

    found = _parameters(app)

    assert found["one"]["schema"] == {"type": "string", "maxLength": 3, "default": "x"}
    assert found["many"]["schema"] == {"type": "array", "items": {"type": "string"}, "default": ["y"]}
    with TestClient(app) as client:
        assert client.get("/?one=a=b&many=c==").text == "b'a=b' [b'c==']"


@settings(deadline=None)
@given(text=st.text("Az9+/=-_ ", max_size=14) | st.binary(max_size=9).map(lambda octets: base64.b64encode(octets).decode()))
def test_bytes_in_json_are_base64_of_the_length_that_is_read(text: str) -> None:
    for kind in KINDS:
        try:
            msgspec.convert(text, kind)
        except msgspec.ValidationError:
            is_read = False
        else:
            is_read = True

        assert _fits(text, _schema_of(kind)) == is_read, (text, kind)


KINDS: list[Any] = [
    bytes,
    Annotated[bytes, msgspec.Meta(max_length=4)],
    Annotated[bytes, msgspec.Meta(min_length=5)],
    Annotated[bytearray, msgspec.Meta(min_length=2, max_length=6)],
]


def _schema_of(kind: object) -> dict[str, Any]:
    schemas = Schemas()
    key = schemas.ask(Wanted(kind, "input"))
    schemas.make()
    return schemas.of(key)


def _fits(text: str, schema: dict[str, Any]) -> bool:
    try:
        jsonschema.validate(text, schema)
    except jsonschema.ValidationError:
        return False
    return True


def test_bounds_of_bytes_are_of_the_bytes_and_not_of_their_base64() -> None:
    app = Velo()

    @app.post("/")
    async def add(data: Annotated[bytearray, Body(max_length=4, embed=True)], more: Annotated[list[bytes] | None, Body()] = None) -> int:
        return len(data)

    schema = _operation(app)["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"]

    with TestClient(app) as client:
        for size in range(8):
            text = base64.b64encode(b"a" * size).decode()
            status = 200 if _fits(text, schema) else 422
            assert client.post("/", json={"data": text}).status_code == status, size
