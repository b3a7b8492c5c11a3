"""Parameters: every place, type and bound."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pydantic
from msgspec import Meta

from torture.models import Colour, Level
from velo_core import Cookie, Header, Path, Query, Request, Router

router = Router("/places", name="places", tags=("places",))


@router.get("/path/{number:int}/{word}/{rest:path}")
async def path_values(number: int, word: Annotated[str, Path(max_length=5, pattern="^[a-z]+$")], rest: str) -> list[object]:
    """Reads three values of the path."""
    return [number, word, rest]


@router.get("/path-types/{id}/{day}/{level}/{choice}")
async def path_types(id: UUID, day: date, level: Level, choice: Literal["a", "b"]) -> list[object]:
    """Reads types from the path."""
    return [id, day, level, choice]


@router.get("/path-bounds/{low}/{share}/{amount}")
async def path_bounds(low: Annotated[int, Path(ge=1, le=99)], share: Annotated[float, Path(gt=0, lt=1)], amount: Decimal) -> list[object]:
    """Reads bounded numbers from the path."""
    return [low, share, amount]


@router.get("/code/{code:code}")
async def path_code(code: str) -> str:
    """Reads a code that a converter of the application knows."""
    return code


@router.get("/query")
async def query_values(
    number: Annotated[int, Query(ge=1, le=50, multiple_of=5, description="A step.", examples=(5, 10))] = 5,
    share: Annotated[float, Query(gt=0, le=1)] = 0.5,
    word: Annotated[str, Query(min_length=2, max_length=6)] = "word",
    code: Annotated[str | None, Query(pattern="^[A-Z]{2}[0-9]$")] = None,
    flag: bool = False,
    renamed: Annotated[str, Query(alias="other-name", title="Renamed")] = "",
    old: Annotated[str | None, Query(deprecated=True)] = None,
    hidden: Annotated[str | None, Query(include_in_schema=False)] = None,
) -> list[object]:
    """Reads simple values of the query."""
    return [number, share, word, code, flag, renamed, old, hidden]


@router.get("/query-required")
async def query_required(number: int, colour: Colour, word: Annotated[str, Query(min_length=1)]) -> list[object]:
    """Reads values that have to be there."""
    return [number, colour, word]


@router.get("/query-lists")
async def query_lists(
    numbers: Annotated[list[int], Query(ge=0, le=9, min_length=1, max_length=3)],
    words: Annotated[set[str], Query(max_length=4)] = set(),  # noqa: B006 - Velo copies it
    pair: Annotated[tuple[int, str] | None, Query()] = None,
    colours: Annotated[frozenset[Colour], Query()] = frozenset(),
) -> list[object]:
    """Reads values that are repeated."""
    return [numbers, sorted(words), pair, sorted(one.value for one in colours)]


@router.get("/query-types")
async def query_types(
    day: date | None = None,
    moment: datetime | None = None,
    clock: time | None = None,
    span: timedelta | None = None,
    id: UUID | None = None,
    amount: Annotated[Decimal | None, Query(ge=0, le=100)] = None,
    data: Annotated[bytes | None, Query(max_length=10)] = None,
    level: Level = Level.low,
    colour: Colour | None = None,
    choice: Literal["up", "down", 7] = "up",
    either: int | float = 0,
    loose: int | str = "",
) -> list[object]:
    """Reads types from the query."""
    return [day, moment, clock, span, id, amount, data, level, colour, choice, either, loose]


class Filters(msgspec.Struct, forbid_unknown_fields=True):
    """A struct as the query."""

    page: Annotated[int, Meta(ge=1, le=1000)] = 1
    size: Annotated[int, Meta(ge=1, le=100)] = 20
    tags: list[str] = []


@router.get("/query-struct")
async def query_struct(filters: Annotated[Filters, Query()]) -> Filters:
    """Reads the query as a struct that knows all of it."""
    return filters


class Search(pydantic.BaseModel):
    """A pydantic model as the query."""

    word: str = pydantic.Field(min_length=2, max_length=10)
    limit: int = pydantic.Field(default=10, gt=0, le=50)
    since: date | None = None


@router.get("/query-pydantic")
async def query_pydantic(search: Annotated[Search, Query(extra="forbid")]) -> Search:
    """Reads the query as a pydantic model that knows all of it."""
    return search


@dataclass
class Sorting:
    """A dataclass as the query."""

    by: Literal["name", "date"] = "name"
    reverse: bool = False


@router.get("/query-dataclass")
async def query_dataclass(sorting: Annotated[Sorting, Query()], also: int = 0) -> Sorting:
    """Reads the query as a dataclass and something beside it."""
    return sorting


@router.get("/query-request")
async def query_request(request: Request[Sorting, None]) -> Sorting:
    """Reads the query by the request's own type."""
    return request.query_model


@router.get("/headers")
async def headers(
    x_number: Annotated[int, Header(ge=1, le=9)],
    x_word: Annotated[str | None, Header(min_length=2, max_length=8, pattern="^[a-z]*$")] = None,
    x_many: Annotated[list[str], Header()] = [],  # noqa: B006 - Velo copies it
    x_colour: Annotated[Colour | None, Header(deprecated=True)] = None,
    x_id: Annotated[UUID | None, Header()] = None,
    renamed: Annotated[str, Header(alias="X-Renamed")] = "",
) -> list[object]:
    """Reads headers."""
    return [x_number, x_word, x_many, x_colour, x_id, renamed]


class Trace(msgspec.Struct):
    """A struct as headers."""

    x_request: Annotated[str, Meta(min_length=1, max_length=20)]
    x_level: Annotated[int, Meta(ge=0, le=5)] = 0


@router.get("/headers-struct")
async def headers_struct(trace: Annotated[Trace, Header()]) -> Trace:
    """Reads headers as a struct."""
    return trace


@router.get("/cookies")
async def cookies(
    session: Annotated[str, Cookie(min_length=4, max_length=16, pattern="^[a-z0-9]+$")],
    visits: Annotated[int, Cookie(ge=0, le=1000)] = 0,
    theme: Annotated[Literal["dark", "light"] | None, Cookie()] = None,
) -> list[object]:
    """Reads cookies."""
    return [session, visits, theme]


class Consent(pydantic.BaseModel):
    """A pydantic model as cookies."""

    ads: bool = False
    version: int = pydantic.Field(default=1, ge=1, le=3)


@router.get("/cookies-pydantic")
async def cookies_pydantic(consent: Annotated[Consent, Cookie()]) -> Consent:
    """Reads cookies as a pydantic model."""
    return consent


@router.get("/everywhere/{id}")
async def everywhere(
    id: int,
    page: Annotated[int, Query(ge=1)] = 1,
    x_tag: Annotated[str | None, Header(max_length=5)] = None,
    seen: Annotated[bool, Cookie()] = False,
) -> list[object]:
    """Reads from every place at once."""
    return [id, page, x_tag, seen]
