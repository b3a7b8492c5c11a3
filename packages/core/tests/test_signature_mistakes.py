"""What cannot be read of a signature, which is found at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pytest
from text_routes import Item

from velo_core import Body, Depends, Path, Query, Router, SetupError, Velo

if TYPE_CHECKING:
    from fractions import Fraction


def problems_of(app: Velo) -> list[tuple[str, str]]:
    """(code, message) of everything that keeps the application from starting."""
    with pytest.raises(SetupError) as caught:
        app.freeze()
    return [(problem.code, problem.message) for problem in caught.value.problems]


def test_a_name_that_cannot_be_found_is_named_with_its_place() -> None:
    app = Velo()

    @app.get("/")
    async def show(amount: Fraction) -> None: ...

    ((code, message),) = problems_of(app)

    assert code == "VELO_ANNOTATION"
    assert "'Fraction'" in message
    assert "show" in message
    assert "test_signature_mistakes.py:" in message
    assert "TYPE_CHECKING" in message


def test_unreadable_annotations_of_every_kind() -> None:
    """Of a parameter, a result, a dependency, a dependency of a dependency; and text that is no type at all."""
    app = Velo()

    def inner(value: object) -> int:
        return 1

    def outer(value: Annotated[int, Depends(inner)]) -> int:
        return value

    @app.get("/1")
    async def result() -> None: ...

    @app.get("/2", dependencies=[Depends(outer)])
    async def dependency() -> None: ...

    @app.get("/3")
    async def attribute(value: object) -> None: ...

    @app.get("/4")
    async def syntax(value: object) -> None: ...

    result.__annotations__["return"] = "Missing1"
    inner.__annotations__["value"] = "Missing2"
    attribute.__annotations__["value"] = "str.missing3"
    syntax.__annotations__["value"] = "list[missing4"

    found = problems_of(app)

    assert [code for code, _ in found] == ["VELO_ANNOTATION"] * 4
    for number, (_, message) in enumerate(found, 1):
        assert message.startswith(f"GET /{number}: "), message
        assert str(number) in message.partition(": ")[2], message
        assert "test_signature_mistakes.py:" in message


def test_functions_whose_parameters_cannot_be_read() -> None:
    app = Velo()
    app.get("/")(max)  # built-in functions that can be called in several ways have no signature

    ((code, message),) = problems_of(app)

    assert code == "VELO_ANNOTATION"
    assert "wrap it in a function of your own" in message


def test_all_mistakes_of_an_application_are_told_together() -> None:
    """In one SetupError, each with its route, its function and what to do."""
    app = Velo()
    router = Router("/items")

    @app.get("/unknown-name")
    async def unknown_name(value: Fraction) -> None: ...

    @app.get("/unreadable")
    async def unreadable(value: complex, other: Annotated[list[Item], Query()]) -> None: ...

    @app.get("/path/{item_id}")
    async def path(id: Annotated[int, Path()]) -> None: ...

    @app.get("/unused/{item_id}")
    async def unused() -> None: ...

    @router.post("/two")
    async def two_bodies(first: Item, second: Annotated[bytes, Body()]) -> None: ...

    @router.get("/bound")
    async def bound(value: Annotated[str, Query(ge=1)]) -> None: ...

    @router.get("/result")
    async def result() -> complex:
        return 1j

    @router.get("/default")
    async def default(value: int = Query()) -> None: ...  # pyright: ignore[reportArgumentType]: the mistake itself

    app.include(router)

    with pytest.raises(SetupError) as caught:
        app.freeze()

    assert [problem.code for problem in caught.value.problems] == [
        "VELO_ANNOTATION",
        "VELO_TYPE",
        "VELO_TYPE",
        "VELO_PATH_PARAMETER",
        "VELO_PATH_PARAMETER",
        "VELO_BODY_TWICE",
        "VELO_TYPE",
        "VELO_RESULT",
        "VELO_MARKER_DEFAULT",
    ]
    text = str(caught.value)
    assert caught.value.code == "VELO_SETUP"
    assert text.startswith("9 problems keep the application from starting:")
    for name in ("unknown_name", "unreadable", "path", "unused", "two_bodies", "bound", "result", "default"):
        assert name in text
    assert text.count("test_signature_mistakes.py:") >= 9


def test_a_mistake_in_a_dependency_names_the_dependency() -> None:
    app = Velo()

    def paging(page: complex) -> int:
        return 1

    @app.get("/")
    async def show(page: Annotated[int, Depends(paging)]) -> None: ...

    ((code, message),) = problems_of(app)

    assert code == "VELO_TYPE"
    assert "parameter 'page' of paging" in message
