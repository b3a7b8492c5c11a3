"""Numbers that JSON can write and a float cannot hold: refused, whoever makes the model, and never infinite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from velo_core import Body, StdlibJSON, Velo
from velo_testing import TestClient

Serve = Callable[..., TestClient]
LARGE = b"1" + b"0" * 309
LARGEST = b"1" + b"0" * 308


class Struct(msgspec.Struct):
    share: float
    count: int = 0


class Model(pydantic.BaseModel):
    share: float
    count: int = 0


class Strict(pydantic.BaseModel, strict=True):
    share: float
    count: int = 0


class Nested(pydantic.BaseModel):
    below: list[Strict]


@pydantic.dataclasses.dataclass
class Dataclass:
    share: float
    more: dict[str, float | None] = field(default_factory=dict[str, float | None])


@dataclass
class Plain:
    share: float


@pytest.mark.parametrize("kind", [Struct, Plain, Model, Strict, Dataclass], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("has_codec", [False, True], ids=["own", "stdlib"])
def test_an_integer_that_no_float_holds_is_refused_for_a_float(serve: Serve, kind: Any, has_codec: bool) -> None:
    app = Velo(json=StdlibJSON() if has_codec else None)

    async def take(value: Any) -> bool:
        return value.share == float(LARGEST)

    take.__annotations__["value"] = Annotated[kind, Body()]
    app.post("/")(take)
    client = serve(app)

    for number in (LARGE, b"-" + LARGE, LARGE * 2):
        refused = client.post("/", content=b'{"share": ' + number + b"}", headers={"content-type": "application/json"})
        assert refused.status_code == 422, refused.text
        assert [error["loc"] for error in refused.json()["errors"]] == [["body", "share"]]
    accepted = client.post("/", content=b'{"share": ' + LARGEST + b"}", headers={"content-type": "application/json"})
    assert (accepted.status_code, accepted.json()) == (200, True)


def test_it_is_refused_where_it_is_and_is_an_integer_where_one_is_wanted(serve: Serve) -> None:
    app = Velo()

    @app.post("/nested")
    async def nested(value: Nested) -> int:
        return len(value.below)

    @app.post("/more")
    async def more(value: Annotated[Dataclass, Body()]) -> int:
        return len(value.more)

    client, headers = serve(app), {"content-type": "application/json"}

    refused = client.post("/nested", content=b'{"below": [{"share": 1}, {"share": ' + LARGE + b"}]}", headers=headers)
    assert [error["loc"] for error in refused.json()["errors"]] == [["body", "below", 1, "share"]]
    refused = client.post("/more", content=b'{"share": 1, "more": {"a": null, "b": ' + LARGE + b"}}", headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body", "more", "b"]
    accepted = client.post("/nested", content=b'{"below": [{"share": 1, "count": ' + LARGE + b"}]}", headers=headers)
    assert (accepted.status_code, accepted.text) == (200, "1")
