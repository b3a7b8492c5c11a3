"""Routes for texts of all kinds."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Literal, NewType
from uuid import UUID

import msgspec
import pydantic
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

__all__ = ["KINDS", "Colour", "Item", "ItemId", "Level", "Model", "kinds", "many"]


class Item(msgspec.Struct):
    name: str


ItemId = NewType("ItemId", int)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


KINDS: list[object] = [
    str,
    int,
    float,
    bool,
    bytes,
    date,
    datetime,
    time,
    timedelta,
    UUID,
    Decimal,
    Colour,
    Level,
    Literal["a", 1],
    int | UUID | None,
    int | str,
    ItemId,
    Annotated[int, msgspec.Meta(ge=1, multiple_of=3)],
    Annotated[float, msgspec.Meta(gt=0.5, multiple_of=0.1)],
    Annotated[Decimal, msgspec.Meta(le=5, multiple_of=0.25)],
    Annotated[str, msgspec.Meta(min_length=2, max_length=5, pattern="^[a-z]")],
    Annotated[str, pydantic.AfterValidator(str.strip)],
    pydantic.PositiveInt,
]


class Model(pydantic.BaseModel):
    value: int | str | None = None
    when: datetime | None = None
    amount: Decimal | None = None
    ratio: float | None = None
    children: list[Model] = []


kinds = st.integers(0, len(KINDS) - 1)


many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
