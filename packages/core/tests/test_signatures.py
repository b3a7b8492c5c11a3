"""What handlers take is read in two ways, a short one for plain functions and a long one for all else, and they agree.

The annotations in this module are text, all of them: what one means is found out once, and must not be taken for what it means elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Optional, TypeAlias

import msgspec
import pytest

from velo_core import Body, Depends, Header, OperationBody, OperationParameter, OperationResult, Query, Request, SetupError, Velo

if TYPE_CHECKING:
    Missing = Local = int

Handler: TypeAlias = Callable[..., Any]
Page = Annotated[int, Query(ge=1)]


class Item(msgspec.Struct):
    name: str


async def session() -> int:
    return 1


async def nothing() -> None: ...


async def everything(
    number: int,
    item: Item,
    page: Page = 1,
    *,
    words: Annotated[list[str], Query(max_length=3)] = [],  # noqa: B006 - as users write them
    order: Literal["up", "down"] = "up",
    agent: Annotated[str | None, Header(alias="user-agent")] = None,
    session: Annotated[int, Depends(session)],
) -> dict[str, Item]:
    return {}


async def by_place(number: int, /, page: int = 3) -> list[int]:
    return []


async def text_in_text(number: int, items: list["Item"], other: Optional["Item"] = None) -> "Item":  # noqa: UP037, UP045 - as users write them
    return items[0]


async def the_rest(number: int, *rest: int, page: int = 1, **others: int) -> str:
    return ""


def plain(number: int, page: Page, request: Request):
    return page


async def embedded(number: int, item: Annotated[Item, Body(embed=True)]) -> Annotated[Item, "documented"]:
    return item


HANDLERS: list[Handler] = [everything, by_place, text_in_text, the_rest, plain, embedded]


def read_the_long_way(handler: Handler) -> Handler:
    """A handler that only the long way can read: what is called is not what the signature is of."""

    @wraps(handler)
    async def wrapped(*arguments: Any, **named: Any) -> Any:
        return await handler(*arguments, **named)

    return wrapped


class Read(NamedTuple):
    """What is read off a handler."""

    parameters: tuple[OperationParameter, ...]
    bodies: tuple[OperationBody, ...]
    result: OperationResult
    can_fail: bool


def operations(*handlers: Handler) -> list[Read]:
    """What the handlers take and give."""
    app = Velo()
    for index, handler in enumerate(handlers):
        app.post(f"/{index}/{{number}}")(handler)
    return [Read(one.parameters, one.bodies, one.result, one.can_fail) for one in app.operations]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.__name__)
def test_both_ways_read_the_same(handler: Handler) -> None:
    first, second, long_way = operations(handler, handler, read_the_long_way(handler))

    assert first == second == long_way


def test_what_a_handler_says_does_not_depend_on_who_comes_before() -> None:
    alone = [operations(handler)[0] for handler in HANDLERS]

    assert operations(*HANDLERS) == alone
    assert operations(*reversed(HANDLERS)) == alone[::-1]


def with_all_that_is_known_here() -> Velo:
    """An application whose first routes have handlers and dependencies with the names of this module."""
    app = Velo()
    for index, handler in enumerate(HANDLERS):
        app.post(f"/{index}/{{number}}", dependencies=[Depends(of_pages)])(handler)
    return app


def of_functions() -> Handler:
    """A function that is not one of the module, so that a name may be one of those where it is registered."""

    async def of_pages(value: Page) -> None: ...

    return of_pages


of_pages = of_functions()


def test_a_name_of_the_module_may_mean_another_thing_where_the_handler_is_registered() -> None:
    class Item(msgspec.Struct):
        title: str

    app = with_all_that_is_known_here()

    @app.post("/local")
    async def one(item: Item) -> None: ...

    @app.post("/locals")
    async def several(page: Page, items: list["Item"], other: Optional["Item"] = None) -> None: ...  # noqa: UP037, UP045 - as above

    first, second = app.operations[-2:]
    assert first.bodies[0].type is Item
    assert [part.type for part in second.bodies[0].parts] == [list[Item], Item]


def test_a_name_of_the_module_may_mean_another_thing_where_a_dependency_is_registered() -> None:
    app = with_all_that_is_known_here()

    def register(Page: type) -> None:  # noqa: N803 - a type
        app.get("/local", dependencies=[Depends(of_pages)])(nothing)

    register(str)

    first, *_, last = app.operations
    assert next(one.type for one in first.parameters if one.name == "value") is int
    assert [one.type for one in last.parameters] == [str]


def test_a_name_of_the_module_may_mean_another_thing_in_the_function_around_the_handler() -> None:
    def make(Page: type) -> Handler:  # noqa: N803 - a type
        async def found(number: int, page: Page) -> object:
            return Page

        return found

    first, second, third = operations(everything, make(str), make(bool))

    assert [one.type for one in first.parameters if one.name == "page"] == [int]
    assert [one.type for one in (*second.parameters, *third.parameters)] == [int, str, int, bool]


def test_one_text_may_mean_another_thing_wherever_it_is_registered() -> None:
    app = Velo()

    async def wanted(value: Local) -> None: ...

    def register(Local: type) -> None:  # noqa: N803 - a type
        @app.get(f"/{Local.__name__}", dependencies=[Depends(wanted)])
        async def found(other: Local) -> None: ...

    register(int)
    register(str)

    assert [[one.type for one in operation.parameters] for operation in app.operations] == [[int, int], [str, str]]


def test_a_mistake_is_told_for_each_handler_that_makes_it() -> None:
    app = Velo()

    async def first(page: Annotated[int, Query]) -> None: ...
    async def second(page: Annotated[int, Query]) -> None: ...
    async def third(page: Missing) -> None: ...
    async def fourth(page: Missing) -> None: ...

    wrong: list[Handler] = [first, second, third, fourth]
    for handler in (first, everything_right, second, third, fourth):
        app.get(f"/{handler.__name__}")(handler)

    with pytest.raises(SetupError) as caught:
        app.freeze()

    lines = [f"{__file__}:{handler.__code__.co_firstlineno}" for handler in wrong]
    assert [problem.code for problem in caught.value.problems] == ["VELO_ANNOTATION"] * 4
    assert all(line in problem.message for line, problem in zip(lines, caught.value.problems, strict=True))


async def everything_right(page: Page) -> None: ...
