"""Bodies: every family of models and every codec, alone and shared."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

import msgspec

from torture.models import (
    Box,
    Cat,
    Closed,
    Computed,
    Dog,
    Envelope,
    Everything,
    Figure,
    Item,
    Node,
    Options,
    Page,
    Pair,
    Person,
    Point,
    Strict,
    Tree,
)
from velo_core import Body, Depends, HTTPError, Marker, OpenAPIContribution, Request, Router

router = Router("/payloads", name="payloads", tags=("payloads",))


@router.post("/struct", status_code=201)
async def struct(item: Item) -> Item:
    """Takes a struct."""
    return item


@router.post("/strict")
async def strict(value: Strict) -> Strict:
    """Takes a struct with other names."""
    return value


@router.post("/everything")
async def everything(value: Everything) -> Everything:
    """Takes each type of its own."""
    return value


@router.post("/recursive")
async def recursive(node: Node) -> Node:
    """Takes a struct that has itself inside."""
    return node


@router.post("/generic")
async def generic(page: Page[Item]) -> Page[Item]:
    """Takes a generic struct."""
    return page


@router.post("/tagged")
async def tagged(pet: Cat | Dog) -> Cat | Dog:
    """Takes one of a tagged union."""
    return pet


@router.put("/dataclass")
async def a_dataclass(point: Point) -> Point:
    """Takes a dataclass."""
    return point


@router.put("/attrs")
async def an_attrs_class(box: Box) -> Box:
    """Takes an attrs class."""
    return box


@router.patch("/typed-dict")
async def a_typed_dict(options: Options) -> Options:
    """Takes a typed dictionary."""
    return options


@router.put("/named-tuple")
async def a_named_tuple(pair: Pair) -> list[object]:
    """Takes a named tuple. It is not the result: schemathesis 4.32 takes `prefixItems` at the top of a response for a list in `items`."""
    return [*pair]


@router.post("/list")
async def a_list(items: Annotated[list[Item], Body(max_length=3)]) -> list[Item]:
    """Takes a list of structs."""
    return items


@router.post("/mapping")
async def a_mapping(items: dict[str, int]) -> dict[str, int]:
    """Takes a mapping."""
    return items


@router.post("/number")
async def a_number(number: Annotated[int, Body(ge=0, lt=100)]) -> int:
    """Takes a number alone."""
    return number


@router.post("/optional")
async def an_optional(item: Item | None = None) -> Item | None:
    """Takes a struct or nothing."""
    return item


@router.post("/shared")
async def shared(
    item: Item, point: Point, note: Annotated[str | None, Body(max_length=8)] = None, pieces: Annotated[int, Body(ge=1, alias="count")] = 1
) -> list[object]:
    """Takes several values out of one object."""
    return [item, point, note, pieces]


@router.post("/embedded")
async def embedded(item: Annotated[Item, Body(embed=True)]) -> Item:
    """Takes a struct that is a member."""
    return item


@router.post("/request")
async def by_request(request: Request[None, Item]) -> Item:
    """Takes a struct by the request's own type."""
    return request.body_model


@router.post("/pydantic")
async def a_pydantic_model(person: Person) -> Person:
    """Takes a pydantic model."""
    return person


@router.post("/pydantic-closed")
async def a_closed_model(value: Closed) -> Closed:
    """Takes a pydantic model that takes nothing else."""
    return value


@router.post("/pydantic-recursive")
async def a_tree(tree: Tree) -> Tree:
    """Takes a pydantic model that has itself inside."""
    return tree


@router.post("/pydantic-generic")
async def an_envelope(envelope: Envelope[Person]) -> Envelope[Person]:
    """Takes a generic pydantic model."""
    return envelope


@router.post("/pydantic-union")
async def a_figure(figure: Figure) -> Figure:
    """Takes one of a discriminated union."""
    return figure


@router.post("/pydantic-computed")
async def computed(value: Computed) -> Computed:
    """Takes a pydantic model and gives more of it."""
    return value


@router.post("/raw")
async def raw(data: Annotated[bytes, Body(description="Whatever it is.")]) -> bytes:
    """Takes bytes as they come."""
    return data


@router.post(
    "/codecs",
    consumes=("application/json", "application/msgpack"),
    produces=("application/json", "application/msgpack"),
)
async def codecs(item: Item) -> Item:
    """Takes and gives JSON and MessagePack."""
    return item


class Lines:
    """`name: value`, line by line."""

    media_type = "text/x-lines"

    def encode(self, value: object) -> bytes:
        items: dict[str, object] = msgspec.convert(value, dict[str, object])
        return "".join(f"{name}: {item}\n" for name, item in items.items()).encode()

    def decode(self, body: bytes) -> object:
        try:
            return dict(line.split(": ", 1) for line in body.decode().splitlines())
        except ValueError:
            raise HTTPError(400, "Each line is a name, a colon, a space and a value.") from None


@router.put("/own-codec", consumes=(Lines(), "application/json"))
async def own_codec(item: dict[str, str]) -> dict[str, str]:
    """Takes a media type of the application's own."""
    return item


class Form(Marker):
    """A field of a form."""


class Fields:
    """The fields of a form that was sent."""

    def __init__(self, text: str) -> None:
        self.values = parse_qs(text, keep_blank_values=True, max_num_fields=100)

    def get(self, name: str) -> str | None:
        return self.values.get(name, [None])[-1]

    def get_all(self, name: str) -> list[str]:
        return self.values.get(name, [])


async def read_form(request: Request) -> Fields:
    """Reads a form."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise HTTPError(415, headers={"accept": "application/x-www-form-urlencoded"})
    try:
        return Fields((await request.body()).decode())
    except ValueError:
        raise HTTPError(400, "It is no form.") from None


read_form.openapi = OpenAPIContribution(  # pyright: ignore[reportFunctionMemberAccess]: how dependencies say it
    responses={415: HTTPError}
)
router.add_extractor(Form, read_form, name="form", needs_body=True, location="body", media_types=("application/x-www-form-urlencoded",))


@router.post("/form")
async def a_form(
    name: Annotated[str, Form(min_length=1, max_length=10)],
    age: Annotated[int, Form(ge=18, le=150)],
    topics: Annotated[list[str], Form(alias="topic")] = [],  # noqa: B006 - Velo copies it
) -> list[object]:
    """Takes a form."""
    return [name, age, topics]


def body_in_dependency(item: Item) -> str:
    """What a dependency makes of the body."""
    return item.name


@router.post("/dependency")
async def dependent(name: Annotated[str, Depends(body_in_dependency)]) -> str:
    """Takes a body that a dependency reads."""
    return name


@router.post("/slow", timeout_seconds=60, max_content_length=100_000)
async def limited(item: Item) -> Item:
    """Takes little, and not for ever."""
    return item
