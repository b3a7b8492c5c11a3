"""Families of models that Velo does not know, read and written by a backend of the application."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, cast

import httpx2
import msgspec
import pytest

from velo_core import (
    Body,
    DoesNotFit,
    InvalidValue,
    JSONCodec,
    ModelBackend,
    MsgspecJSON,
    OrjsonJSON,
    Query,
    Router,
    SetupError,
    StdlibJSON,
    Velo,
)
from velo_testing import TestClient

JSON, MSGPACK, TEXT = "application/json", "application/msgpack", "text/plain"
CODECS: list[JSONCodec] = [MsgspecJSON(), OrjsonJSON(), StdlibJSON()]


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def name_of(value: object) -> str:
    return type(value).__name__


def misfits(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of all that did not fit."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


class Point:
    """What only the backend below knows."""

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class Points(ModelBackend):
    def claims(self, annotation: object) -> bool:
        return annotation is Point

    def reader(self, annotation: Any) -> Callable[[object], object]:
        def read(data: object) -> Point:
            if not isinstance(data, Mapping):
                raise TypeError("a point has an x and a y")
            given = cast("Mapping[str, Any]", data)
            wrong = [InvalidValue((name,), "Expected `int`", "type") for name in "xy" if not isinstance(given.get(name), int)]
            if wrong:
                raise DoesNotFit(wrong)
            return Point(given["x"], given["y"])

        return read

    def writer(self, annotation: Any) -> Callable[[Any], object]:
        def write(value: Any) -> object:
            if not isinstance(value, Point):
                raise TypeError(f"{value!r} is no point")
            return {"x": value.x, "y": value.y}

        return write

    def from_text(self, annotation: Any) -> Callable[[str], object]:
        return lambda text: Point(*map(int, text.split(",")))


class Solid(ModelBackend):
    """Instances come from bodies alone."""

    def claims(self, annotation: object) -> bool:
        return annotation is Cube

    def reader(self, annotation: Any) -> Callable[[object], object]:
        return lambda data: Cube(float(data))  # pyright: ignore[reportArgumentType]: a backend gets any data

    def writer(self, annotation: Any) -> Callable[[Any], object]:
        return lambda cube: cube.side


class Cube:
    def __init__(self, side: float) -> None:
        self.side = side


class Map(msgspec.Struct):
    name: str
    points: list[Point]
    centre: Point | None = None


def points() -> Velo:
    app = Velo()
    app.add_model_backend(Points())
    app.add_model_backend(Solid())
    return app


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Point, {"x": 1, "y": 2}),
        (list[Point], [{"x": 1, "y": 2}]),
        (dict[str, Point], {"a": {"x": 1, "y": 2}}),
        (Point | None, None),
        (Map, {"name": "here", "points": [{"x": 1, "y": 2}], "centre": {"x": 3, "y": 4}}),
        (Cube, 2.5),
    ],
    ids=str,
)
@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_a_family_of_ones_own_is_read_and_written_wherever_it_is(serve: Serve, annotation: Any, value: object, codec: JSONCodec) -> None:
    app = points()

    async def show(body: Any) -> object:
        return body

    show.__annotations__ = {"body": Annotated[annotation, Body()], "return": annotation}
    app.post("/", json=codec, produces=(JSON, MSGPACK), consumes=(JSON, MSGPACK))(show)
    client = serve(app)
    assert client.post("/", json=value).json() == value
    packed = client.post("/", content=msgspec.msgpack.encode(value), headers={"content-type": MSGPACK, "accept": MSGPACK})
    assert msgspec.msgpack.decode(packed.content) == value


def test_what_such_a_family_refuses_is_told_with_its_place(serve: Serve) -> None:
    app = points()

    @app.post("/")
    async def one(point: Annotated[Point, Body()]) -> None: ...

    @app.post("/list")
    async def several(points: list[Point]) -> None: ...

    @app.post("/map")
    async def inside(map: Map) -> None: ...

    @app.post("/cube")
    async def cube(cube: Cube) -> None: ...

    client = serve(app)
    assert misfits(client.post("/", json={"x": "1"})) == [("body", "x", "type"), ("body", "y", "type")]
    assert misfits(client.post("/", json=5)) == [("body", "type")]
    assert misfits(client.post("/list", json=[{"x": 1, "y": 1}, {"x": 1}, 7])) == [("body", 1, "y", "type"), ("body", 2, "type")]
    assert misfits(client.post("/list", json={})) == [("body", "type")]
    assert misfits(client.post("/map", json={"name": "a", "points": [{"x": 1, "y": 1}, {"x": 1}]})) == [("body", "points", 1, "type")]
    assert misfits(client.post("/cube", json="x")) == [("body", "type")]
    assert client.post("/", content=b"{", headers={"content-type": JSON}).status_code == 400


def test_a_family_may_read_text(serve: Serve) -> None:
    app = points()

    @app.get("/")
    async def show(point: Point, other: Annotated[Point, Query()]) -> list[int]:
        return [point.x, other.y]

    client = serve(app)
    assert client.get("/?point=1,2&other=3,4").json() == [1, 4]
    assert misfits(client.get("/?point=1&other=x,y")) == [("query", "point", "type"), ("query", "other", "type")]


def test_a_backend_is_known_to_its_router_and_below(serve: Serve) -> None:
    app, child = Velo(), Router("/child")
    child.add_model_backend(Points())

    @child.post("/")
    async def show(point: Annotated[Point, Body()]) -> int:
        return point.x

    app.include(child)
    assert serve(app).post("/child/", json={"x": 1, "y": 2}).json() == 1

    other = Velo()
    other.include(child)
    other.post("/")(show)
    with pytest.raises(SetupError, match="Point"):
        other.freeze()


def test_a_backend_has_to_be_one() -> None:
    with pytest.raises(SetupError) as caught:
        Velo().add_model_backend(Points)  # pyright: ignore[reportArgumentType]: the mistake itself
    assert caught.value.code == "VELO_MODEL_BACKEND"
