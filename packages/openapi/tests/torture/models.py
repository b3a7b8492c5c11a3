"""Models of every family, as bodies and results."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pydantic
from msgspec import Meta

T = TypeVar("T")


class Colour(Enum):
    """A choice of texts."""

    red = "red"
    green = "green"


class Level(IntEnum):
    """A choice of numbers."""

    low = 1
    high = 3


class Item(msgspec.Struct):
    """A struct with bounds."""

    name: Annotated[str, Meta(min_length=1, max_length=20)]
    price: Annotated[int, Meta(ge=0, le=10_000)] = 0
    tags: Annotated[list[Annotated[str, Meta(max_length=8)]], Meta(max_length=3)] = []


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A struct with other names, that takes nothing else."""

    first_name: Annotated[str, Meta(pattern="^[a-z]+$")]
    last_name: str | None = None


class Node(msgspec.Struct):
    """A struct with itself inside."""

    value: int
    children: list[Node] = []


class Page(msgspec.Struct, Generic[T]):
    """A generic struct."""

    items: list[T]
    total: int = 0


class Cat(msgspec.Struct, tag="cat"):
    """One of a tagged union."""

    lives: Annotated[int, Meta(ge=0, le=9)]


class Dog(msgspec.Struct, tag="dog"):
    """One of a tagged union."""

    barks: bool


class Everything(msgspec.Struct):
    """A struct with each type that JSON writes in a way of its own."""

    number: int
    fraction: float
    truth: bool
    amount: Decimal
    day: date
    moment: datetime
    clock: time
    span: timedelta
    id: UUID
    data: bytes
    colour: Colour
    level: Level
    choice: Literal["a", "b", 3]
    pair: tuple[int, str]
    several: tuple[int, ...]
    words: set[str]
    mapping: dict[str, int]
    maybe: int | None = None
    either: int | str = 0


@dataclass
class Point:
    """A dataclass."""

    x: Annotated[int, Meta(ge=-100, le=100)]
    y: int = 0
    labels: list[str] = field(default_factory=list[str])


@attrs.define
class Box:
    """An attrs class."""

    width: int
    height: int = 1


class Options(TypedDict, total=False):
    """A typed dictionary with nothing required."""

    verbose: bool
    depth: Annotated[int, Meta(ge=0)]


class Pair(NamedTuple):
    """A named tuple: an array in JSON."""

    left: int
    right: str = ""


class Model(pydantic.BaseModel):
    """What keeps to the types that it declares, as its schema says; by itself pydantic also takes `"5"` and `true` for an int."""

    model_config = pydantic.ConfigDict(strict=True)


class Address(Model):
    """A pydantic model inside another one."""

    street: str = pydantic.Field(min_length=1)
    zip: str = pydantic.Field(pattern=r"^[0-9]{5}$")


class Person(Model):
    """A pydantic model."""

    name: str = pydantic.Field(min_length=1, max_length=30)
    age: int = pydantic.Field(ge=0, le=150)
    address: Address | None = None
    nick: list[str] = pydantic.Field(default=[], max_length=2)


class Closed(Model):
    """A pydantic model that takes nothing else, with an alias."""

    model_config = pydantic.ConfigDict(extra="forbid")

    size: float = pydantic.Field(alias="theSize", gt=0, lt=10)


class Tree(Model):
    """A pydantic model with itself inside."""

    name: str
    below: list[Tree] = []


class Envelope(Model, Generic[T]):
    """A generic pydantic model."""

    content: T


class Circle(Model):
    """One of a discriminated union."""

    kind: Literal["circle"]
    radius: float = pydantic.Field(gt=0)


class Square(Model):
    """One of a discriminated union."""

    kind: Literal["square"]
    side: float = pydantic.Field(gt=0)


Figure = Annotated[Circle | Square, pydantic.Field(discriminator="kind")]


class Computed(Model):
    """A pydantic model that is written differently from how it is read."""

    count: int

    @pydantic.computed_field
    @property
    def double(self) -> int:
        return 2 * self.count


class User(msgspec.Struct):
    """What nobody else sees the whole of."""

    name: str
    password_hash: str


class PublicUser(msgspec.Struct):
    """What everybody sees of it."""

    name: str


Plain = dict[str, Any]
