"""Models with a field that can never be read: one mistake, told once, however many routes use them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest

from velo_core import Body, SetupError, Velo


class Price(msgspec.Struct):
    name: str
    amount: Annotated[Decimal, msgspec.Meta(ge=0)]


class Offer(msgspec.Struct):
    prices: list[Price | None]


@dataclass
class Named:
    name: Annotated[str, msgspec.Meta(ge=1)]


def test_a_field_that_cannot_be_read_is_one_mistake_for_all_routes() -> None:
    app = Velo()

    @app.post("/taken")
    async def take(price: Price) -> None:
        """Takes a model."""

    @app.post("/marked")
    async def mark(price: Annotated[Price, Body()]) -> Price:
        return price

    @app.post("/inside")
    async def inside(offer: Offer) -> Offer:
        return offer

    @app.get("/given")
    async def give() -> list[Price]:
        return []

    with pytest.raises(SetupError) as caught:
        app.freeze()

    (problem,) = caught.value.problems
    assert problem.code == "VELO_MODEL"
    assert problem.message == (
        f"the field 'amount' of Price ({__name__}.Price) cannot be read: Can only set `ge` on a numeric type; "
        "msgspec has no bounds for decimals: look at them in __post_init__, or write the model with pydantic"
    )


@pytest.mark.parametrize("declared", [Named, list[Named], dict[str, Named]])
def test_the_innermost_model_and_its_field_are_named(declared: Any) -> None:
    async def give() -> object:
        """Gives it."""

    give.__annotations__["return"] = declared
    app = Velo()
    app.get("/")(give)

    with pytest.raises(SetupError, match=r"the field 'name' of Named \(.*\) cannot be read: .*; correct the annotation of the field"):
        app.freeze()
