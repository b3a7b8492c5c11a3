# /// script
# dependencies = ["velo-core[pydantic]", "velo-limiter", "velo-openapi"]
# ///
"""A catalogue of products with two OpenAPI documents: one for everybody, one for those who keep it.

Everybody looks for products, at most 100 times a minute; keepers, who have a token, add and change them. The documents say all of that:
bounds, the 429 of the limiter with its headers, who may ask, and what the catalogue itself calls when a product is sold out.

Run it with `velo run catalog.py`, read it at `/docs`, look with `curl localhost:8000/products?text=tea`, and check the documents with
`velo openapi check catalog.py`. Theirs is at `/admin/openapi.json`, for those who have the token.
"""

import secrets
from enum import Enum
from typing import Annotated

import msgspec
from pydantic import BaseModel, Field

from velo_core import Body, Depends, Header, HTTPError, OpenAPIContribution, Path, Query, Response, Router, Velo
from velo_limiter import RateLimit, RateLimitAlgorithm, RateLimitRule
from velo_openapi import OpenAPI, operation

TOKEN = "let-me-in"  # of an example; a real one comes from a secret of the configuration


class Kind(Enum):
    tea = "tea"
    spice = "spice"


class Product(msgspec.Struct):
    """What is sold."""

    number: int
    name: str
    kind: Kind
    price_cents: Annotated[int, msgspec.Meta(ge=0, description="In cents, with taxes.")]
    left: Annotated[int, msgspec.Meta(ge=0)] = 0


class NewProduct(BaseModel):
    """A product that gets its number when it is added."""

    name: str = Field(min_length=1, max_length=80, examples=["Darjeeling"])
    kind: Kind
    price_cents: int = Field(ge=0, lt=1_000_000, description="In cents, with taxes.")
    left: int = Field(default=0, ge=0, lt=1_000_000)


class SoldOut(msgspec.Struct):
    """What is told to those who want to know that a product is sold out."""

    number: int
    name: str


class Conflict(msgspec.Struct):
    """Another product has the name."""

    number: int


class Keeper:
    """Lets those in who have the token, and says so in the document."""

    openapi = OpenAPIContribution(
        security=({"token": ()},),
        components={"securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "That of keepers."}}},
    )

    async def __call__(self, authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), f"Bearer {TOKEN}".encode()):
            raise HTTPError(401, "Only keepers of the catalogue may do this.", headers={"www-authenticate": "Bearer"})


class Catalogue:
    """All products, in memory."""

    def __init__(self) -> None:
        self.products = {
            1: Product(1, "Assam", Kind.tea, 590, 12),
            2: Product(2, "Darjeeling", Kind.tea, 890, 3),
            3: Product(3, "Saffron", Kind.spice, 1290),
        }

    def get(self, number: int) -> Product:
        """A product.

        Raises:
            HTTPError: there is none with this number.
        """
        if number not in self.products:
            raise HTTPError(404, "There is no such product.")
        return self.products[number]


catalogue = Catalogue()
Number = Annotated[int, Path(ge=1, le=1_000_000, description="Of the product.")]

webhooks = Router()
public = Router("/products", tags=["products"])
admin = Router("/admin", tags=["keeping"], dependencies=[Depends(Keeper())])


@webhooks.post("/", name="sold_out")
async def sold_out(product: SoldOut) -> None:
    """Tells that a product is sold out."""


@public.get("")
async def search(
    text: Annotated[str, Query(max_length=80, description="That the name has somewhere.")] = "",
    kind: Annotated[Kind | None, Query(description="Of the product.")] = None,
    size: Annotated[int, Query(ge=1, le=100, description="At most so many are shown.")] = 20,
) -> list[Product]:
    """Looks for products."""
    found = (one for one in catalogue.products.values() if text.casefold() in one.name.casefold() and kind in (None, one.kind))
    return list(found)[:size]


@public.get("/{number}")
async def show(number: Number) -> Product:
    """Shows a product."""
    return catalogue.get(number)


@admin.post("/products", status_code=201)
@operation(responses={409: Conflict})
async def add(product: NewProduct) -> Product | Response:
    """Adds a product."""
    for known in catalogue.products.values():
        if known.name == product.name:
            return Response(msgspec.json.encode(Conflict(known.number)), 409, {"content-type": "application/json"})
    number = max(catalogue.products) + 1
    made = Product(number, product.name, product.kind, product.price_cents, product.left)
    catalogue.products[number] = made
    return made


@admin.put("/products/{number}/left")
async def stock(number: Number, left: Annotated[int, Body(ge=0, lt=1_000_000, description="Now in stock.")]) -> Product:
    """Says how many are left."""
    product = catalogue.get(number)
    product.left = left
    return product


@admin.delete("/products/{number}", status_code=204)
async def remove(number: Number) -> None:
    """Takes a product out of the catalogue."""
    del catalogue.products[catalogue.get(number).number]


public.install(RateLimit([RateLimitRule(name="minute", limit=100, window=60, algorithm=RateLimitAlgorithm.SLIDING_WINDOW)]))
app = Velo()
app.install(
    OpenAPI(
        title="Catalogue",
        version="1.0.0",
        info={"description": "Products, for everybody.", "license": {"name": "MIT", "identifier": "MIT"}},
        tags=[{"name": "products", "description": "What is sold."}],
        webhooks=webhooks,
        swagger_ui="/docs",
        include=lambda one: "products" in one.tags,
    )
)
admin.install(
    OpenAPI(
        title="Catalogue, for keepers",
        version="1.0.0",
        tags=[{"name": "keeping", "description": "What keepers do."}],
    )
)
app.include(public)
app.include(admin)
