"""Models with a field that can never be read: one mistake, told once, however many routes use them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec
import pytest

from velo_core import Body, Query, SetupError, Velo
from velo_core.errors import Problem
from velo_testing import TestClient


class Price(msgspec.Struct):
    name: str
    amount: Annotated[Decimal, msgspec.Meta(ge=0)]


class Offer(msgspec.Struct):
    prices: list[Price | None]


@dataclass
class Named:
    name: Annotated[str, msgspec.Meta(ge=1)]


def only_problem(app: Velo) -> Problem:
    with pytest.raises(SetupError) as caught:
        app.freeze()
    (problem,) = caught.value.problems
    return problem


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

    problem = only_problem(app)
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


Tenths = Annotated[float, msgspec.Meta(multiple_of=0.1)]


class Step(msgspec.Struct):
    size: dict[str, Tenths | None]


class Steps(TypedDict):
    all: list[Step]


class Pair(NamedTuple):
    size: Tenths


class Halves(msgspec.Struct):
    size: Annotated[float, msgspec.Meta(multiple_of=0.5)]
    whole: Annotated[float, msgspec.Meta(multiple_of=3)] = 0


@pytest.mark.parametrize(("declared", "model"), [(Step, "Step"), (Steps, "Step"), (list[Pair], "Pair")])
def test_a_step_that_binary_does_not_have_is_refused_for_the_field_of_a_model(declared: Any, model: str) -> None:
    app = Velo()

    @app.post("/taken")
    async def take(step: Annotated[Any, Body()]) -> None:
        """Takes it."""

    async def give() -> object:
        """Gives it."""

    take.__annotations__["step"] = Annotated[declared, Body()]
    give.__annotations__["return"] = declared
    app.get("/given")(give)

    problem = only_problem(app)
    assert problem.code == "VELO_MODEL"
    assert problem.message == (
        f"the field 'size' of {model} ({__name__}.{model}) cannot be held against multiple_of=0.1: msgspec counts in binary, where 0.1 "
        "is another number, and refuses multiples of it; "
        "make it an int of a smaller unit, such as cents, or look at a Decimal in __post_init__"
    )


@pytest.mark.parametrize("declared", [Tenths, list[Tenths]])
def test_a_step_that_binary_does_not_have_is_refused_for_a_whole_body(declared: Any) -> None:
    app = Velo()

    async def take(step: object) -> None:
        """Takes it."""

    take.__annotations__["step"] = Annotated[declared, Body()]
    app.post("/")(take)

    with pytest.raises(SetupError, match=r"multiple_of=0\.1.*or write the bound in a marker, which counts in decimal: Body\(") as caught:
        app.freeze()
    assert caught.value.code == "VELO_TYPE"


def test_steps_that_are_counted_in_decimal_or_that_binary_has_are_taken() -> None:
    app = Velo()

    @app.post("/marked")
    async def mark(step: Annotated[float, Body(multiple_of=0.1)], limit: Tenths = 0.3) -> None:
        """Takes a body whose bound is in the marker, and a parameter."""

    @app.get("/model")
    async def ask(pair: Annotated[Pair, Query()]) -> float:
        return pair.size

    @app.post("/halves")
    async def halve(halves: Halves) -> None:
        """Takes what msgspec counts exactly."""

    with TestClient(app) as client:
        assert [client.post("/marked?limit=0.7", json=step).status_code for step in (0.3, 1, 0.35)] == [204, 204, 422]
        assert [client.get(f"/model?size={size}").status_code for size in ("0.3", "0.35")] == [200, 422]
        assert [client.post("/halves", json={"size": size, "whole": 6}).status_code for size in (1.5, 1.6)] == [204, 422]
