"""Mistakes with parameters, found at the start."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import annotated_types
import msgspec
import pytest
from parameter_routes import app_for, taking

from velo_core import Body, Cookie, Header, Path, Query, SetupError, Velo


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Options(msgspec.Struct):
    words: list[str] = []


class Opaque:
    pass


MISTAKES: list[tuple[object, str]] = [
    (Annotated[Opaque, Query()], "Opaque cannot be read from text"),
    (Opaque, "Opaque, which nobody provides here"),
    (Annotated[dict[str, int], Query()], "cannot be read from text"),
    (Annotated[Options, Path()], "Options cannot be read from text"),
    (Annotated[list[list[int]], Query()], "cannot be read from text"),
    (Annotated[list[int] | int, Query()], "cannot be read from text"),
    (Annotated[list[Options], Header()], "Options cannot be read from text"),
    (Annotated[list[int], Cookie()], "a cookie parameter has one value, not several"),
    (Annotated[Literal[b"x"], Query()], "the literal b'x' cannot be read from text"),
    (Annotated[Enum("Mixed", {"A": 1, "B": "b"}), Query()], "Enum"),
    (Annotated[str, Query(pattern="(")], "the pattern '(' is not a regular expression"),
    (Annotated[str, Query(ge=1)], "ge=1 does not work with str"),
    (Annotated[int, Query(pattern="a")], "pattern='a' does not work with int"),
    (Annotated[int, Query(min_length=1)], "min_length=1 does not work with int"),
    (Annotated[int, Query(multiple_of=0)], "multiple_of=0 does not work with int"),
    (Annotated[int, annotated_types.Ge("a"), Query()], "ge='a' does not work with int"),
    (Annotated[list[str], Query(ge=1)], "ge=1 does not work with str"),
    (Annotated[bytes, Query(pattern="a")], "pattern='a' does not work with bytes"),
    (Annotated[Opaque, Body()], "Opaque is no type that has a JSON form"),
    (Annotated[list[Opaque], Body()], "Opaque is no type that has a JSON form"),
    (Annotated[Callable[[], int], Body()], "is no type that has a JSON form"),
    (Annotated[list[Annotated[int, annotated_types.Ge(1)]], Body()], "write it as msgspec.Meta"),
]


@pytest.mark.parametrize(("annotation", "reason"), MISTAKES, ids=[str(annotation)[:60] for annotation, _ in MISTAKES])
def test_a_type_that_cannot_be_read_is_a_mistake_of_the_set_up(annotation: object, reason: str) -> None:
    """And not a parameter that no request can ever fit."""
    app = Velo()
    app.get("/{value}" if "Path(" in str(annotation) else "/")(taking(annotation))

    with pytest.raises(SetupError, match=re.escape(reason)) as caught:
        app.freeze()

    assert caught.value.code == ("VELO_NOT_PROVIDED" if annotation is Opaque else "VELO_TYPE")
    assert "parameter 'value' of show" in str(caught.value)
    assert "parameter_routes.py" in str(caught.value)


def test_a_marker_as_default_and_a_path_parameter_that_the_path_lacks_are_mistakes() -> None:
    app = Velo()

    @app.get("/{item_id}")
    async def show(item: Annotated[int, Path()], page: int = Query()) -> None: ...  # pyright: ignore[reportArgumentType]: the mistake itself

    @app.get("/unused/{item_id}")
    async def unused(item: int) -> None: ...

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert [problem.code for problem in caught.value.problems] == ["VELO_PATH_PARAMETER", "VELO_MARKER_DEFAULT", "VELO_PATH_PARAMETER"]


@pytest.mark.parametrize("raw", [False, True])
def test_text_that_cannot_be_encoded_is_refused_and_no_error_of_the_server(raw: bool) -> None:
    """No server sends one, but a lone surrogate in the path of a scope must not be our mistake either."""
    import asyncio

    app = app_for([int, float, datetime, Colour, Level, UUID, Decimal, bool], ["path"])
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    for number in range(8):
        scope: dict[str, object] = {"type": "http", "method": "GET", "path": f"/path/{number}/\ud800", "query_string": b"", "headers": []}
        if raw:
            scope["raw_path"] = f"/path/{number}/%ed%a0%80".encode()
        asyncio.run(app(scope | {"http_version": "1.1"}, receive, send))

    assert {message["status"] for message in sent if message["type"] == "http.response.start"} <= {404, 422}
