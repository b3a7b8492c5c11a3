"""Numbers that hash alike, which would make a set or a dictionary slow."""

from decimal import Decimal
from typing import Annotated, Any, Protocol
from uuid import UUID

import msgspec
import pydantic
import pytest

from velo_core import (
    Body,
    MessagePack,
    Velo,
)
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Item(msgspec.Struct, rename="camel"):
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


def echo(annotation: Any, **options: Any) -> Velo:
    """`POST /` answers with the body that it got."""
    app = Velo()

    async def show(body: Any) -> object:
        return body

    show.__annotations__ = {"body": Annotated[annotation, Body()], "return": annotation}
    app.post("/", **options)(show)
    return app


MERSENNE = 2**61 - 1


class Sets(msgspec.Struct):
    sizes: set[int] = set()
    prices: frozenset[Decimal] = frozenset()


class PydanticSets(pydantic.BaseModel):
    sizes: set[int] = set()
    prices: frozenset[Decimal] = frozenset()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (set[int], [number * MERSENNE for number in range(2_000)]),
        (dict[int, int], {str(number * MERSENNE): 0 for number in range(2_000)}),
        (set[UUID], [str(UUID(int=number * MERSENNE)) for number in range(2_000)]),
        (frozenset[Decimal], [str(number * MERSENNE) for number in range(2_000)]),
        (Sets, {"sizes": [number * MERSENNE for number in range(2_000)]}),
        (PydanticSets, {"sizes": [number * MERSENNE for number in range(2_000)]}),
        (set[int], [*range(9_000), *(number * MERSENNE for number in range(1, 2_000))]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_of_numbers_that_hash_alike_is_refused(serve: Serve, annotation: Any, value: object) -> None:
    answer = serve(echo(annotation)).post("/", json=value)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_many_numbers_that_do_not_are_read(serve: Serve) -> None:
    numbers = list(range(5_000))
    assert sorted(serve(echo(set[int])).post("/", json=numbers).json()) == numbers
    assert serve(echo(set[int])).post("/", json=[7] * 5_000).json() == [7]
    named = {f"k{number}": 0 for number in numbers}
    assert serve(echo(dict[str, int])).post("/", json=named).json() == named


def test_codecs_can_be_used_alone() -> None:
    packed = MessagePack().encode({"a": [1, {"b": Item("oak")}]})
    assert MessagePack().decode(packed) == {"a": [1, {"b": {"itemName": "oak", "unitPrice": None, "tags": []}}]}


def test_types_of_many_routes_that_look_alike_are_not_taken_for_each_other(serve: Serve) -> None:
    """What is found out about a type is kept while the application freezes."""

    class Thing(msgspec.Struct):
        number: int

    few, one = Annotated[list[Thing], msgspec.Meta(max_length=1)], Annotated[list[Thing], msgspec.Meta(max_length=1, description="one")]
    types: list[Any] = [list[Thing], few, one, dict[str, Thing], list[Thing | None], list[list[Thing]], Thing, list[Thing], few]
    app = Velo()
    for number, kind in enumerate(types):

        async def echo(body: Any) -> Any:
            return body

        echo.__annotations__ = {"body": Annotated[kind, Body()], "return": kind}
        app.post(f"/{number}")(echo)
    client = serve(app)
    bodies: list[object] = [[{"number": 1}] * 2, {"a": {"number": 1}}, [None], [[{"number": 1}]], {"number": 1}]
    taken = [[client.post(f"/{number}", json=body).status_code == 200 for body in bodies] for number in range(len(types))]

    lists, bounded = [True, False, False, False, False], [False] * 5
    assert taken[:3] == [lists, bounded, bounded]
    assert taken[3:7] == [
        [False, True, False, False, False],
        [True, False, True, False, False],
        [False, False, False, True, False],
        [False, False, False, False, True],
    ]
    assert taken[7:] == [lists, bounded]
