"""Routes that take models."""

from typing import Annotated, Any

import httpx2
import msgspec
import pydantic

from velo_core import Body, Velo

__all__ = ["EMPTY", "PERSON", "Cat", "PydanticAddress", "StructAddress", "app_for", "codes", "locations"]


EMPTY: dict[str, object] = {}


def app_for(*annotations: object) -> Velo:
    """`POST /{number}` for each annotation, which answers with what it got, unchanged."""
    app = Velo()
    for number, annotation in enumerate(annotations):

        async def show(body: object) -> object:
            return body

        show.__annotations__ = {"body": Annotated[annotation, Body()], "return": object}
        app.post(f"/{number}")(show)
    return app


def locations(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """The location of each error of a 422, below the body."""
    assert response.status_code == 422, response.text
    assert all(error["loc"][0] == "body" for error in response.json()["errors"])
    return [tuple(error["loc"][1:]) for error in response.json()["errors"]]


def codes(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*location, code) of each error of a 422, below the body."""
    return [(*place, error["code"]) for place, error in zip(locations(response), response.json()["errors"], strict=True)]


class StructAddress(msgspec.Struct):
    street: str
    number: Annotated[int, msgspec.Meta(ge=1)]


class PydanticAddress(pydantic.BaseModel):
    street: str
    number: int = pydantic.Field(ge=1)


PERSON: dict[str, Any] = {
    "name": "Ada",
    "address": {"street": "A", "number": 1},
    "age": 36,
    "tags": ["x"],
    "friends": {"bob": {"street": "B", "number": 2}},
    "second": {"street": "C", "number": 3},
    "more": [{"street": "D", "number": 4}],
}


class Cat(msgspec.Struct, tag="cat", tag_field="kind"):
    lives: int
