"""Documents: what is in them for what a route declares. Each is valid by the official schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pydantic
import pytest
from describing import document

from velo_core import (
    Body,
    Cookie,
    Depends,
    Header,
    Marker,
    ModelBackend,
    OpenAPIContribution,
    Operation,
    Path,
    Query,
    RegexConverter,
    Router,
    Velo,
)
from velo_openapi import DocumentOptions, OpenAPIError, operation
from velo_testing import TestClient

T = TypeVar("T")


class Size(Enum):
    small = "s"
    large = "l"


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    price: Annotated[int, msgspec.Meta(ge=0)] = 0
    parts: list[Item] = []


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Tag(pydantic.BaseModel):
    text: str = pydantic.Field(min_length=2)
    below: list[Tag] = []


class Uneven(pydantic.BaseModel):
    count: int

    @pydantic.computed_field
    @property
    def double(self) -> int:
        return 2 * self.count


def parameters(app: Velo) -> dict[str, dict[str, Any]]:
    (item,) = document(app)["paths"].values()
    (method,) = item.values()
    return {one["name"]: one for one in method["parameters"]}


def test_parameters_have_the_bounds_that_requests_are_held_against() -> None:
    app = Velo()

    @app.get("/items/{number:int}/{word}")
    async def show(
        number: int,
        word: Annotated[str, Path(max_length=5)],
        page: Annotated[int, Query(ge=1, le=9, description="Which one.", examples=(3,))] = 1,
        many: Annotated[list[int], Query(gt=0, max_length=3, alias="n")] = [],  # noqa: B006 - Velo copies it
        size: Size | None = None,
        order: Literal["up", "down"] = "up",
        x_tag: Annotated[str | None, Header(pattern="^a", deprecated=True)] = None,
        token: Annotated[str, Cookie(min_length=4)] = "none",
        hidden: Annotated[str, Query(include_in_schema=False)] = "",
        authorization: Annotated[str | None, Header()] = None,
    ) -> None:
        """Shows one."""

    found = parameters(app)

    assert found["number"]["schema"]["type"] == "integer"
    assert found["word"] == {"name": "word", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 5}}
    assert found["page"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 9, "default": 1}
    assert found["page"]["description"] == "Which one."
    assert found["page"]["examples"] == {"example 1": {"value": 3}}
    assert found["n"]["schema"] == {"type": "array", "items": {"type": "integer", "exclusiveMinimum": 0}, "maxItems": 3, "default": []}
    assert found["size"]["schema"]["$ref"] == "#/components/schemas/Size"
    assert sorted(found["order"]["schema"]["enum"]) == ["down", "up"]
    assert found["x-tag"]["schema"] == {"type": "string", "pattern": "^a"}
    assert found["x-tag"]["deprecated"]
    assert found["token"]["in"] == "cookie"
    assert not {"hidden", "authorization"} & found.keys()


def test_fields_of_models_are_parameters_of_their_own_in_both_families() -> None:
    @dataclass
    class Filters:
        word: Annotated[str, msgspec.Meta(min_length=2, description="Searched.")]
        page: int = 1

    class Strict(pydantic.BaseModel):
        low: int = pydantic.Field(ge=1, description="At least.")
        name: str | None = None

    app = Velo()

    @app.get("/")
    async def search(filters: Annotated[Filters, Query()], strict: Annotated[Strict, Query()]) -> None:
        """Searches."""

    found = parameters(app)

    assert found["word"]["schema"] == {"type": "string", "minLength": 2}
    assert found["word"]["description"] == "Searched."
    assert found["word"]["required"]
    assert found["page"]["schema"] == {"type": "integer", "default": 1}
    assert found["low"]["schema"]["minimum"] == 1
    assert found["low"]["description"] == "At least."
    assert "required" not in found["name"]


def test_a_moment_has_its_format_wherever_it_is_and_whether_or_not_it_has_an_offset() -> None:
    class Left(msgspec.Struct, tag=True):
        when: datetime
        word: str

    class Right(msgspec.Struct, tag=True):
        when: str
        by_name: dict[str, list[datetime | None]] = {}

    @dataclass
    class Row(Generic[T]):
        cells: list[T]
        start: time | None = None

    app = Velo()

    @app.post("/")
    async def plan(body: Left | Right, since: datetime | None = None, at: time = time(8)) -> Row[Left]:
        raise NotImplementedError

    made = document(app)
    one = made["paths"]["/"]["post"]
    schemas = made["components"]["schemas"]
    moment = {"type": "string", "format": "date-time"}

    assert one["parameters"][0]["schema"] == moment
    assert one["parameters"][1]["schema"] == {"type": "string", "format": "time", "default": "08:00:00"}
    assert schemas["Left"]["properties"]["when"] == moment
    assert schemas["Left"]["properties"]["word"] == schemas["Right"]["properties"]["when"] == {"type": "string"}
    assert schemas["Right"]["properties"]["by_name"]["additionalProperties"]["items"]["anyOf"] == [moment, {"type": "null"}]
    assert schemas["Row_Left_"]["properties"]["start"]["anyOf"] == [{"type": "string", "format": "time"}, {"type": "null"}]


def test_numbers_in_texts_have_the_bounds_of_what_is_read() -> None:
    app = Velo()

    @app.get("/{number:int}")
    async def show(number: int, price: Decimal) -> list[object]:
        return [number, price]

    found = parameters(app)
    largest = found["number"]["schema"]["maximum"]
    with TestClient(app) as client:
        for number in (largest, -largest):
            assert client.get(f"/{number}?price=1").status_code == 200
        for number in (largest + 1, -largest - 1):
            assert client.get(f"/{number}?price=1").status_code == 404
        for text in ("1", "-0.50", "1e5", "2E-999", "", "1.", ".5", "+1", "NaN", "1e1000", "1_0", "٤"):
            fits = re.search(found["price"]["schema"]["pattern"], text) is not None
            assert client.get("/1", params={"price": text}).status_code == (200 if fits else 422), text


def test_converters_of_the_path_are_in_the_schema() -> None:
    app = Velo()
    app.add_converter("code", RegexConverter("[a-z]{3}"))

    @app.get("/{kind:code}/{rest:path}")
    async def show(kind: str, rest: str) -> None:
        """Shows one."""

    found = parameters(app)

    assert found["kind"]["schema"]["pattern"] == "^(?:[a-z]{3})$"
    assert found["rest"]["schema"] == {"type": "string", "minLength": 1}


def test_components_have_one_name_each_from_both_families() -> None:
    app = Velo()

    @app.post("/msgspec")
    async def first(item: Item) -> Page[Item]:
        return Page([item])

    @app.post("/pydantic")
    async def second(tag: Tag) -> list[Tag]:
        return [tag]

    @app.post("/uneven")
    async def third(uneven: Uneven) -> Uneven:
        return uneven

    schemas = document(app)["components"]["schemas"]

    assert schemas["Item"]["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 20}
    assert schemas["Item"]["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Item"}
    assert schemas["Tag"]["properties"]["text"]["minLength"] == 2
    assert {name for name in schemas if name.startswith("Page")} == {"Page_Item_"}
    assert {name for name in schemas if name.startswith(("Tag", "Uneven"))} == {"Tag", "Uneven-Input", "Uneven-Output"}


def test_models_of_one_name_in_both_families_are_told_apart() -> None:
    class Same(msgspec.Struct):
        a: int

    other = pydantic.create_model("Same", b=(str, ...))
    app = Velo()

    @app.post("/one")
    async def one(value: Same) -> None:
        """Takes one."""

    async def two(value: Any) -> None:
        """Takes another."""

    two.__annotations__["value"] = other
    app.post("/two")(two)
    made = document(app)

    refs = [item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"] for item in made["paths"].values()]
    assert refs == ["#/components/schemas/Same", "#/components/schemas/Same2"]
    assert made["components"]["schemas"]["Same2"]["properties"].keys() == {"b"}


def test_bodies_are_whole_or_share_an_object_or_are_bytes() -> None:
    app = Velo()

    @app.post("/whole")
    async def whole(item: Item | None = None) -> None:
        """Takes one."""

    @app.post("/shared")
    async def shared(item: Item, note: Annotated[str | None, Body(max_length=3)] = None) -> None:
        """Takes two."""

    @app.post("/raw")
    async def raw(data: Annotated[bytes, Body(description="A picture.")]) -> None:
        """Takes bytes."""

    bodies = {path: item["post"]["requestBody"] for path, item in document(app)["paths"].items()}

    assert "required" not in bodies["/whole"]
    assert bodies["/whole"]["content"]["application/json"]["schema"] == {"anyOf": [{"$ref": "#/components/schemas/Item"}, {"type": "null"}]}
    schema = bodies["/shared"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["item"]
    assert {"type": "string", "maxLength": 3} in schema["properties"]["note"]["anyOf"]
    assert bodies["/raw"] == {"content": {"*/*": {}}, "description": "A picture."}


def test_a_form_that_several_share_says_whether_it_is_whole() -> None:
    class Form(Marker):
        """A field of an urlencoded form."""

    class Closed(msgspec.Struct, forbid_unknown_fields=True):
        name: str

    app = Velo()
    media_type = "application/x-www-form-urlencoded"
    app.add_extractor(Form, lambda: dict[str, str](), name="form", location="body", media_types=[media_type])

    @app.post("/closed")
    async def closed(closed: Annotated[Closed, Form()], also: Annotated[int, Form()] = 0) -> None:
        """Takes all that may be there."""

    @app.post("/open")
    async def opened(name: Annotated[str, Form()], also: Annotated[int, Form()] = 0) -> None:
        """Takes some of what may be there."""

    schemas = {path: item["post"]["requestBody"]["content"][media_type]["schema"] for path, item in document(app)["paths"].items()}

    assert schemas["/closed"]["properties"].keys() == schemas["/open"]["properties"].keys() == {"name", "also"}
    assert schemas["/closed"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["/open"]


def test_methods_that_3_1_does_not_know_have_a_place() -> None:
    def with_methods(version: str) -> dict[str, Any]:
        app = Velo()

        @app.route("/", methods=("QUERY", "PURGE"))
        async def search() -> None:
            """Searches."""

        return document(app, openapi_version=version)["paths"]["/"]

    assert with_methods("3.1").keys() == {"x-additionalOperations"}
    assert with_methods("3.2").keys() == {"query", "additionalOperations"}


def test_tags_have_parents_in_3_2_alone() -> None:
    app = Velo(tags=["other"])

    @app.get("/", tags=["items"])
    async def show() -> None:
        """Shows."""

    tags = [{"name": "items", "description": "Things.", "parent": "shop"}, {"name": "shop"}]

    assert document(app, tags=tags)["tags"] == [{"name": "items", "description": "Things."}, {"name": "shop"}, {"name": "other"}]
    assert document(app, tags=tags, openapi_version="3.2")["tags"][0]["parent"] == "shop"


def test_what_plugins_contribute_comes_together() -> None:
    class Guard:
        openapi = OpenAPIContribution(
            security=({"bearer": ("read",)}, {"key": ()}),
            responses={"403": {"description": "Never."}},
            components={"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        )

        async def __call__(self) -> None:
            """Lets all pass."""

    app = Velo()
    app.add_openapi(
        OpenAPIContribution(
            security=({"tenant": ()},),
            headers={"x-left": {"schema": {"type": "integer"}}},
            parameters=({"name": "x-tenant", "in": "header", "schema": {"type": "string"}},),
            components={
                "securitySchemes": {
                    "tenant": {"type": "apiKey", "in": "header", "name": "x-tenant-key"},
                    "key": {"type": "apiKey", "in": "query", "name": "key"},
                }
            },
            tags=({"name": "guarded"},),
        )
    )

    @app.get("/", dependencies=[Depends(Guard())])
    async def show() -> int:
        return 1

    content = document(app)
    one = content["paths"]["/"]["get"]

    assert one["security"] == [{"tenant": [], "bearer": ["read"]}, {"tenant": [], "key": []}]
    assert one["responses"]["403"]["description"] == "Never."
    assert one["responses"]["401"]["content"].keys() == {"application/problem+json"}
    assert one["responses"]["401"]["headers"].keys() == {"WWW-Authenticate", "x-left"}
    assert one["responses"]["200"]["headers"] == {"x-left": {"schema": {"type": "integer"}}}
    assert one["parameters"][0]["name"] == "x-tenant"
    assert content["components"]["securitySchemes"].keys() == {"tenant", "key", "bearer"}
    assert content["tags"] == [{"name": "guarded"}]


def test_two_components_of_one_name_are_a_mistake() -> None:
    app = Velo()
    for scheme in ("bearer", "basic"):
        app.add_openapi(OpenAPIContribution(components={"securitySchemes": {"login": {"type": "http", "scheme": scheme}}}))

    @app.get("/")
    async def show() -> int:
        return 1

    with pytest.raises(OpenAPIError, match="different securitySchemes of the name 'login', to GET /") as caught:
        document(app)
    assert caught.value.code == "OPENAPI_COMPONENT"


def test_operations_have_the_names_of_their_routes_as_ids() -> None:
    app, users = Velo(), Router("/users", name="users")

    @users.get("/")
    async def listed() -> None:
        """Lists."""

    @users.route("/both", methods=("GET", "POST"))
    async def both() -> None:
        """Does either."""

    @app.get("/listed", name="users.listed")
    async def twin() -> None:
        """Has the name of another."""

    @app.get("/own")
    @operation(operation_id="mine")
    async def own() -> None:
        """Has its own."""

    app.include(users)

    def nobody(one: Operation, method: str) -> None:
        return None

    def same(one: Operation, method: str) -> str | None:
        return "same" if method == "GET" else None

    ids = {one["operationId"] for item in document(app)["paths"].values() for one in item.values()}

    assert ids == {"users.listed_get_users", "users.both_get", "users.both_post", "users.listed_get_listed", "mine"}
    assert document(app, operation_id=nobody)["paths"].keys() == document(app)["paths"].keys()
    with pytest.raises(OpenAPIError) as caught:
        document(app, operation_id=same)
    assert caught.value.code == "OPENAPI_OPERATION_ID"


def test_handlers_say_more_of_their_operations() -> None:
    app = Velo()

    @operation(
        responses={404: Tag, 410: {"description": "Gone for good."}, 201: None},
        callbacks={"done": {"{$request.query.url}": {"post": {"responses": {"200": {"description": "Heard."}}}}}},
        extra={"x-internal": True},
    )
    @app.get("/{name}", deprecated=True, summary="One of them")
    async def show(name: str) -> Item:
        """Shows one.

        Whichever it is.
        """
        return Item(name)

    one = document(app)["paths"]["/{name}"]["get"]

    assert one["responses"]["404"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Tag"}
    assert one["responses"]["410"]["description"] == "Gone for good."
    assert one["responses"]["410"]["content"].keys() == {"application/problem+json"}
    assert one["responses"]["201"] == {"description": "Created"}
    assert one["callbacks"].keys() == {"done"}
    assert (one["x-internal"], one["deprecated"], one["summary"]) == (True, True, "One of them")
    assert one["description"] == "Shows one.\n\nWhichever it is."


def test_results_whose_fields_may_be_left_out_require_none() -> None:
    app = Velo()

    @app.get("/", exclude_none=True)
    async def show() -> Item:
        return Item("a")

    @app.get("/whole")
    async def whole() -> Item:
        return Item("a")

    schemas = document(app)["components"]["schemas"]

    assert "required" not in schemas["ItemPartial"]
    assert schemas["Item"]["required"] == ["name"]


class Renamed(msgspec.Struct, rename="camel"):
    full_name: str
    other_half: Renamed | None = None


class Aliased(pydantic.BaseModel):
    full_name: str = pydantic.Field(alias="fullName")
    inside: list[Aliased] = []


def test_results_that_are_written_without_aliases_are_shown_without() -> None:
    """Beside those of the same models with them; what is required stays so."""
    app = Velo()
    for by_alias in (True, False):

        @app.get(f"/struct/{by_alias}", by_alias=by_alias, name=f"struct_{by_alias}")
        async def struct() -> list[Renamed]:
            return [Renamed("Ada")]

        @app.get(f"/model/{by_alias}", by_alias=by_alias, name=f"model_{by_alias}")
        async def model() -> Aliased:
            return Aliased(fullName="Ada")

    made = document(app)

    def names(path: str) -> tuple[set[str], list[str]]:
        schema = made["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        found = made["components"]["schemas"][schema.get("items", schema)["$ref"].rpartition("/")[2]]
        return set(found["properties"]), found["required"]

    assert names("/struct/True") == ({"fullName", "otherHalf"}, ["fullName"])
    assert names("/struct/False") == ({"full_name", "other_half"}, ["full_name"])
    assert names("/model/True") == ({"fullName", "inside"}, ["fullName"])
    assert names("/model/False")[0] == {"full_name", "inside"}


class Fractions(ModelBackend):
    def claims(self, annotation: object) -> bool:
        return annotation is Fraction

    def reader(self, annotation: Any) -> Callable[[object], object]:
        return lambda data: Fraction(str(data))

    def writer(self, annotation: Any) -> Callable[[Any], object]:
        return str

    def from_text(self, annotation: Any) -> Callable[[str], object]:
        return Fraction


class ToldFractions(Fractions):
    def json_schema(self, annotation: Any) -> dict[str, object]:
        return {"type": "string", "pattern": "^[0-9]+/[0-9]+$"}


class Recipe(msgspec.Struct):
    cups: list[Fraction]


@pytest.mark.parametrize(
    ("backend", "schema"), [(Fractions(), {"title": "Fraction"}), (ToldFractions(), {"type": "string", "pattern": "^[0-9]+/[0-9]+$"})]
)
def test_models_of_an_application_have_the_schema_that_their_backend_tells(backend: ModelBackend, schema: dict[str, object]) -> None:
    app, router = Velo(), Router("/kitchen")
    router.add_model_backend(backend)

    @router.post("/")
    async def cook(recipe: Recipe, factor: Fraction) -> Fraction:
        return recipe.cups[0] * factor

    app.include(router)
    made = document(app)
    cooked = made["paths"]["/kitchen/"]["post"]

    assert cooked["parameters"][0]["schema"] == schema
    assert cooked["responses"]["200"]["content"]["application/json"]["schema"] == schema
    assert made["components"]["schemas"]["Recipe"]["properties"]["cups"]["items"] == schema


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(OpenAPIError) as caught:
        DocumentOptions(openapi_version="2.0")  # pyright: ignore[reportArgumentType]: that is the point
    assert caught.value.code == "OPENAPI_OPTION"
