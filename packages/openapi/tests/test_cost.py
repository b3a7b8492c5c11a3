"""What a document costs: it grows with the types that are in it, and hardly with the routes that use them."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

from velo_core import Query, Velo, model_family
from velo_openapi import Document, DocumentOptions, OpenAPI, OpenAPIError, build
from velo_testing import TestClient


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    below: list[Item] = []


class Tag(pydantic.BaseModel):
    text: str
    below: list[Tag] = []


def shop(routes: int) -> Velo:
    app = Velo()
    for number in range(routes):

        @app.post(f"/items/{number}/{{part}}", name=f"item_{number}")
        async def item(
            part: int, item: Item, page: Annotated[int, Query(ge=1)] = 1, word: Annotated[str | None, msgspec.Meta(max_length=9)] = None
        ) -> list[Item]:
            raise NotImplementedError

        @app.put(f"/tags/{number}", name=f"tag_{number}", exclude_none=True)
        async def tag(tag: Tag, words: Annotated[list[str] | None, Query()] = None) -> Tag:
            raise NotImplementedError

    return app


def schemas_made(routes: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many types the libraries were asked to describe, and how many were looked at for whose they are."""
    app, asked = shop(routes), Counter[str]()
    app.freeze()
    components, adapters = msgspec.json.schema_components, pydantic.TypeAdapter.json_schemas

    def of_msgspec(types: Any, **options: Any) -> Any:
        asked["msgspec"] += len(types)
        return components(types, **options)

    def of_pydantic(inputs: Any, **options: Any) -> Any:
        asked["pydantic"] += len(inputs)
        return adapters(inputs, **options)

    def family(hint: object) -> str:
        asked["families"] += 1
        return model_family(hint)

    with monkeypatch.context() as patched:
        patched.setattr(msgspec.json, "schema_components", of_msgspec)
        patched.setattr(pydantic.TypeAdapter, "json_schemas", of_pydantic)
        patched.setattr("velo_openapi.schemas.model_family", family)
        made = build(app.operations, DocumentOptions())
    assert len(made.content["paths"]) == 2 * routes
    return asked


def test_a_type_is_described_once_however_many_routes_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = schemas_made(3, monkeypatch), schemas_made(30, monkeypatch)

    assert few == many
    assert many["msgspec"] <= 6
    assert many["pydantic"] == 2


def returning(*hints: Any) -> list[dict[str, Any]]:
    """A document of routes that return these types: the schemas of what they return, then all components."""
    app = Velo()
    for number, hint in enumerate(hints):

        async def show() -> Any:
            raise NotImplementedError

        show.__annotations__["return"] = hint
        app.get(f"/{number}", name=f"show_{number}")(show)
    content = build(app.operations, DocumentOptions()).content
    schemas = [item["get"]["responses"]["200"]["content"]["application/json"]["schema"] for item in content["paths"].values()]
    return [*schemas, content.get("components", {}).get("schemas", {})]


def same_name(*fields: tuple[str, Any]) -> Any:
    return msgspec.defstruct("Same", fields, module=__name__)


def test_types_are_told_apart_whatever_they_are_called() -> None:
    first, second = same_name(("a", int)), same_name(("b", str))
    outer = [msgspec.defstruct("Outer", [("same", one)], module=__name__) for one in (first, second)]
    *schemas, components = returning(list[first], list[second], *outer, outer[0])

    def name(schema: dict[str, Any]) -> str:
        return schema["$ref"].rpartition("/")[2]

    assert [set(components[name(schema["items"])]["properties"]) for schema in schemas[:2]] == [{"a"}, {"b"}]
    inner = [components[name(components[name(schema)]["properties"]["same"])] for schema in schemas[2:]]
    assert [set(one["properties"]) for one in inner] == [{"a"}, {"b"}, {"a"}]
    assert components.keys() == {"Same", "Same2", "Outer", "Outer2"}


def test_one_type_with_two_of_one_name_inside_is_a_mistake() -> None:
    with pytest.raises(OpenAPIError, match="rename one") as caught:
        returning(dict[str, same_name(("a", int)) | list[same_name(("b", str))]])

    assert caught.value.code == "OPENAPI_COMPONENT"


def test_bounds_and_literals_inside_of_types_are_told_apart() -> None:
    hints = [list[Annotated[int, msgspec.Meta(ge=1)]], list[Annotated[int, msgspec.Meta(ge=2)]], list[Literal[1]], list[Literal["1"]]]

    assert [schema["items"] for schema in returning(*hints)[:4]] == [
        {"type": "integer", "minimum": 1},
        {"type": "integer", "minimum": 2},
        {"enum": [1]},
        {"enum": ["1"]},
    ]


def test_a_document_is_nobody_elses_and_no_part_stands_in_it_twice() -> None:
    app = shop(3)
    first, second = build(app.operations, DocumentOptions()).content, build(app.operations, DocumentOptions()).content
    first["components"]["responses"]["Problem422"].clear()
    first["paths"]["/items/0/{part}"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["items"]["title"] = "Mine"

    assert second["components"]["responses"]["Problem422"]
    assert build(app.operations, DocumentOptions()).content == second
    assert "title" not in first["paths"]["/items/1/{part}"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["items"]


def test_what_has_no_form_in_json_is_named() -> None:
    app = shop(1)

    with pytest.raises(OpenAPIError, match=r"at \['info'\]\['x-owners'\]\[1\] of the document") as caught:
        build(app.operations, DocumentOptions(info={"x-owners": ["us", object()]}))

    assert caught.value.code == "OPENAPI_VALUE"


def test_only_bytes_are_kept_of_a_document_that_was_served() -> None:
    app = shop(2)
    app.install(OpenAPI())
    with TestClient(app) as client:
        assert client.get("/openapi.json").status_code == 200
        gc.collect()
        alive = [one for one in gc.get_objects() if isinstance(one, Document)]

    assert alive == []
