"""How signatures are read at start-up, whose annotations are text as all of this file's are."""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any, Generic, NamedTuple, NewType, Protocol, TypeVar

import msgspec
import pydantic
import pytest
from text_routes import Item, ItemId
from typing_extensions import TypedDict

from velo_core import Depends, Query, Velo
from velo_testing import TestClient

T = TypeVar("T")


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


def test_names_of_the_module_and_of_the_function_around_are_found(serve: Serve) -> None:
    """Models of every family that are local to the function in which the handler is registered."""
    app = Velo()

    class Struct(msgspec.Struct):
        a: int

    @dataclasses.dataclass
    class Dataclass:
        a: int

    class Dictionary(TypedDict):
        a: int

    class Tuple(NamedTuple):
        a: int

    class LocalModel(pydantic.BaseModel):
        a: int

    class LocalColour(Enum):
        RED = "red"

    LocalId = NewType("LocalId", int)

    @app.post("/struct")
    async def struct(body: Struct) -> Struct:
        return body

    @app.post("/dataclass")
    async def dataclass(body: Dataclass) -> Dataclass:
        return body

    @app.post("/dictionary")
    async def dictionary(body: Dictionary) -> Dictionary:
        return body

    @app.post("/tuple")
    async def tuple_(body: Tuple) -> Tuple:
        return body

    @app.post("/model")
    async def model(body: LocalModel) -> LocalModel:
        return body

    @app.post("/many")
    async def many(body: list[Struct | None]) -> dict[str, list[Struct | None]]:
        return {"many": body}

    @app.post("/generic")
    async def generic(body: Page[Struct]) -> Page[Struct]:
        return body

    @app.get("/text")
    async def text(colour: LocalColour, number: LocalId, when: Annotated[date | None, Query()] = None) -> list[Any]:
        return [colour, number, when]

    client = serve(app)
    for path in ("struct", "dataclass", "dictionary", "model"):
        assert client.post(f"/{path}", json={"a": 1, "b": 2}).json() == {"a": 1}, path
        assert client.post(f"/{path}", json={"a": "x"}).json()["errors"][0]["loc"] == ["body", "a"], path
    assert client.post("/tuple", json=[1]).json() == [1]
    assert client.post("/many", json=[{"a": 1}, None]).json() == {"many": [{"a": 1}, None]}
    assert client.post("/generic", json={"items": [{"a": 1}]}).json() == {"items": [{"a": 1}]}
    assert client.get("/text?colour=red&number=1").json() == ["red", 1, None]


def test_dependencies_find_the_names_around_them(serve: Serve) -> None:
    app = Velo()

    class User(msgspec.Struct):
        name: str

    def user_of(name: str) -> User:
        return User(name)

    @app.get("/")
    async def show(user: Annotated[User, Depends(user_of)]) -> User:
        return user

    assert serve(app).get("/?name=a").json() == {"name": "a"}


def test_methods_partials_callable_objects_and_decorated_functions(serve: Serve) -> None:
    class Service:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        async def multiply(self, number: int) -> int:
            return number * self.factor

        async def __call__(self, number: ItemId) -> int:
            return number + self.factor

        @classmethod
        def of_class(cls, number: int) -> str:
            return f"{cls.__name__} {number}"

        @staticmethod
        def static(number: int) -> int:
            return number

    def traced(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return [await function(*args, **kwargs)]

        return call

    @traced
    async def decorated(number: int, /, *, item: Annotated[ItemId, Query()] = ItemId(5)) -> list[Any]:  # noqa: B008 - a number
        return [number, item]

    async def many(factor: int, number: int, *, extra: int = 0) -> list[int]:
        return [factor, number, extra]

    app = Velo()
    app.get("/method")(Service(3).multiply)
    app.get("/callable")(Service(3))
    app.get("/class")(Service.of_class)
    app.get("/static")(Service.static)
    app.get("/decorated")(decorated)
    app.get("/partial")(functools.partial(many, 3))
    app.get("/partial-keyword")(functools.partial(functools.partial(many, 3), extra=7))
    client = serve(app)

    def answer(path: str) -> Any:
        return client.get(f"/{path}?number=2&factor=9&extra=9").json()

    assert answer("method") == 6
    assert answer("callable") == 5
    assert client.get("/class?number=2").text == "Service 2"
    assert answer("static") == 2
    assert answer("decorated") == [[2, 5]]
    assert answer("partial") == [3, 2, 9]
    assert answer("partial-keyword") == [3, 2, 7], "what a partial binds is not the client's to say"


def test_classes_as_dependencies(serve: Serve) -> None:
    """Their constructors are read, whoever wrote them."""

    class Written:
        def __init__(self, page: int = 1) -> None:
            self.page = page

    @dataclasses.dataclass
    class Dataclass:
        page: int = 1

    class Struct(msgspec.Struct):
        page: int = 1

    class Tuple(NamedTuple):
        page: int = 1

    class Model(pydantic.BaseModel):
        page: int = 1

    class Aliased(pydantic.BaseModel):
        number: int = pydantic.Field(default=1, alias="page")

    class Made:
        def __new__(cls, page: int = 1) -> Made:
            self = super().__new__(cls)
            self.page = page
            return self

        page: int

    class Child(Struct):
        pass

    app = Velo()
    kinds: list[Any] = [Written, Dataclass, Struct, Tuple, Model, Made, Child, Aliased]
    for number, kind in enumerate(kinds):

        async def show(paging: Any) -> str:
            return repr(getattr(paging, "page", None) or paging.number)

        show.__annotations__ = {"paging": Annotated[Any, Depends(kind)], "return": str}
        app.get(f"/{number}")(show)
    client = serve(app)
    for number, kind in enumerate(kinds):
        assert client.get(f"/{number}?page=7").text == "7", kind
        assert client.get(f"/{number}").text == "1", kind
        assert client.get(f"/{number}?page=x").json()["errors"][0]["loc"] == ["query", "page"], kind


def test_a_name_means_what_it_means_where_the_function_is_defined(serve: Serve) -> None:
    """Not what is called the same where it is registered."""
    elsewhere = types.ModuleType("elsewhere")
    sys.modules["elsewhere"] = elsewhere
    exec(  # noqa: S102 - a module of another team
        "from __future__ import annotations\nimport msgspec\nclass Item(msgspec.Struct):\n    theirs: int\n"
        "async def handler(item: Item) -> Item:\n    return item\n",
        vars(elsewhere),
    )
    handler: Callable[..., object] = vars(elsewhere)["handler"]
    try:

        class Item(msgspec.Struct):  # pyright: ignore[reportUnusedClass]: its name is what matters
            ours: int

        app = Velo()
        app.post("/")(handler)

        assert serve(app).post("/", json={"theirs": 1}).json() == {"theirs": 1}
    finally:
        del sys.modules["elsewhere"]


def test_generic_models_and_aliases_of_the_module(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def show(page: Page[Item], ids: Annotated[list[ItemId], Query(alias="id")]) -> Page[Page[Item]]:
        return Page([page])

    assert serve(app).post("/?id=1", json={"items": [{"name": "a"}]}).json() == {"items": [{"items": [{"name": "a"}]}]}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="generic functions have their own syntax since Python 3.12")
def test_the_type_statement_in_a_function(serve: Serve) -> None:
    namespace: dict[str, Any] = {"Item": Item, "Annotated": Annotated, "Query": Query}
    exec(  # noqa: S102 - a syntax error in Python 3.11
        """
def make(app):
    type Items = list[Item]
    type Positive = Annotated[int, Query(ge=1)]
    type Pair[X] = tuple[X, X]

    @app.post("/")
    async def show(items: "Items", page: "Positive", ids: "Annotated[Pair[int], Query()]") -> "dict[str, Items]":
        return {"items": items[:page]}
""",
        namespace,
    )
    app = Velo()
    namespace["make"](app)
    client = serve(app)

    assert client.post("/?page=1&ids=1&ids=2", json=[{"name": "a"}, {"name": "b"}]).json() == {"items": [{"name": "a"}]}
    errors = client.post("/?page=0&ids=1", json=[{"name": 1}]).json()["errors"]
    assert [(*error["loc"], error["code"]) for error in errors] == [
        ("query", "page", "ge"),
        ("query", "ids", "type"),
        ("body", 0, "name", "type"),
    ]
