"""Regular expressions that texts of clients are held against: none that could take very long gets into an application."""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

import msgspec
import pytest

from velo_core import Body, Query, SetupError, Velo

FINE = [
    "^a",
    "a$",
    "^[a-z]+$",
    r"[a-z]+",
    r"[0-9]{4}-[0-9]{2}",
    r"^[0-9]+(\.[0-9]+)?$",
    r"^[\w.+-]+@[\w-]+\.[\w.-]+$",
    r"\A[a-z]+(-[a-z]+)*\Z",
    r"^(?=.*[0-9])(?=.*[a-z]).{8,}$",
    r"(?!admin$)^[a-z]+$",
    r"(^a+|^b+)$",
    r"^[0-9a-f]{64}$",
    "",
    re.compile("^a+$", re.IGNORECASE),
]
SLOW = [
    r"^(a+)+$",
    r"(a|aa)+$",
    r"^([a-z]+)*$",
    r"\s+$",
    r"[a-z]+-[a-z]+",
    r"^(?=(a+)+$)b",
    r"(?m)^a+b",
    r"(^a+|b+)$",
    r"^(a)\1$",
]


def app_with(annotation: Any) -> Velo:
    app = Velo()

    @app.post("/")
    async def show(value: annotation) -> None: ...  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]: made by the test

    return app


@pytest.mark.parametrize("pattern", FINE)
def test_a_pattern_that_tells_its_parts_apart_is_accepted(pattern: Any) -> None:
    app_with(Annotated[str, Query(pattern=pattern)]).freeze()


@pytest.mark.parametrize("pattern", SLOW)
@pytest.mark.parametrize("place", ["query", "compiled", "body", "items", "field"])
def test_a_pattern_that_could_take_very_long_is_refused(pattern: str, place: str) -> None:
    text: Any = Annotated[str, msgspec.Meta(pattern=pattern)]
    places: dict[str, Any] = {
        "query": Annotated[str, Query(pattern=pattern)],
        "compiled": Annotated[str, Query(pattern=cast("str", re.compile(pattern)))],
        "body": Annotated[str, Body(pattern=pattern)],
        "items": Annotated[list[text], Body()],
        "field": Annotated[msgspec.defstruct("Model", [("text", text)]), Body()],
    }
    app = app_with(places[place])
    with pytest.raises(SetupError, match="the pattern ") as caught:
        app.freeze()

    assert caught.value.code == "VELO_TYPE"
    assert re.search("very long|cannot be judged", str(caught.value))


def test_who_forgot_to_say_where_the_text_begins_is_told_so() -> None:
    with pytest.raises(SetupError) as caught:
        app_with(Annotated[str, Query(pattern=r"\s+$")]).freeze()

    assert str(caught.value).endswith(
        r"the pattern '\\s+$' can read one text in very many ways, which takes very long when none of them fits; "
        "make the parts tell each other apart; it may also begin anywhere in the text: write ^ before it [VELO_TYPE]"
    )
