"""What an application says of the requests that it takes, for OpenAPI documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
import pydantic
import pytest

from velo_core import (
    Body,
    Depends,
    FileResponse,
    Header,
    HTMLResponse,
    Marker,
    OpenAPIContribution,
    Operation,
    Query,
    RedirectResponse,
    Request,
    Router,
    ServerSentEvent,
    Velo,
    model_family,
)


class Item(msgspec.Struct):
    name: str


class Tag(pydantic.BaseModel):
    text: str


@dataclass
class Filters:
    page: Annotated[int, Query(ge=1, alias="p")] = 1
    words: list[str] = field(default_factory=list[str])
    size: int | None = None
    order: Annotated[str, Query(pattern="^(up|down)$")] = "up"


def only(app: Velo) -> Operation:
    (operation,) = app.operations
    return operation


def test_paths_are_told_without_converters_and_parameters_with_them() -> None:
    app = Velo()

    @app.get("/shops/{shop}/items/{number:int}.{kind}")
    async def show(shop: str, request: Request) -> Item:
        """Shows one."""
        return Item(shop)

    operation = only(app)

    assert operation.path == "/shops/{shop}/items/{number}.{kind}"
    assert operation.description == "Shows one."
    assert [(one.name, one.location, one.type) for one in operation.parameters] == [
        ("shop", "path", str),
        ("number", "path", int),
        ("kind", "path", str),
    ]
    assert all(one.required and one.converter is not None for one in operation.parameters)


def test_the_fields_of_a_model_are_parameters() -> None:
    app = Velo()

    @app.get("/")
    async def search(filters: Annotated[Filters, Query(extra="forbid")], if_match: Annotated[str, Header()]) -> None:
        """Searches."""

    operation = only(app)
    page, words, size, order, header = operation.parameters

    assert (page.name, page.constraints, page.required, page.default) == ("p", {"ge": 1}, False, 1)
    assert (words.name, words.many, words.required, words.has_default) == ("words", True, False, False)
    assert (size.optional, size.has_default, size.default) == (True, True, None)
    assert order.constraints == {"pattern": "^(up|down)$"}
    assert (header.name, header.location, header.required) == ("if-match", "header", True)
    assert operation.forbids_extra == {"query"}
    assert operation.can_fail


def test_a_body_is_whole_or_an_object_of_parts() -> None:
    app = Velo()

    @app.post("/one")
    async def one(item: Item | None = None) -> None:
        """Takes one."""

    @app.post("/two")
    async def two(item: Item, note: Annotated[str, Body()] = "") -> None:
        """Takes two."""

    @app.post("/raw")
    async def raw(data: Annotated[bytes, Body()]) -> None:
        """Takes bytes."""

    first, second, third = (operation.bodies[0] for operation in app.operations)

    assert (first.media_types, first.type, first.required) == (("application/json",), Item | None, False)
    assert [(part.name, part.required) for part in second.parts] == [("item", True), ("note", False)]
    assert second.required
    assert (third.media_types, third.type) == ((), bytes)
    assert [one.is_decoded for one in (first, second, third)] == [True, True, False]


def test_forms_of_extractors_are_bodies_and_claims_are_nothing_that_a_client_sends() -> None:
    class Form(Marker):
        """A field."""

    class Claim(Marker):
        """What a token says."""

    async def fields(request: Request) -> dict[str, str]:
        return {}

    app = Velo()
    app.add_extractor(Form, fields, name="form", location="body", media_types=("multipart/form-data",), needs_body=True)
    app.add_extractor(Claim, fields, name="claim")

    @app.post("/")
    async def send(name: Annotated[str, Form()], subject: Annotated[str, Claim()], note: Annotated[str, Form()] = "") -> None:
        """Sends."""

    operation = only(app)
    (form,) = operation.bodies

    assert operation.parameters == ()
    assert (form.media_types, form.is_decoded) == (("multipart/form-data",), False)
    assert [(part.name, part.required) for part in form.parts] == [("name", True), ("note", False)]


async def item() -> Item:
    return Item("")


async def union() -> Item | RedirectResponse:
    return Item("")


async def nothing() -> None:
    return None


async def page() -> HTMLResponse:
    return HTMLResponse("")


async def file() -> FileResponse:
    raise NotImplementedError


async def events() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent("")


async def lines() -> AsyncIterator[Item]:
    yield Item("")


@pytest.mark.parametrize(
    ("handler", "status", "media_type", "kind", "classes"),
    [
        (item, 200, "application/json", Item, ()),
        (union, 200, "application/json", Item, (RedirectResponse,)),
        (nothing, 204, None, None, ()),
        (page, 200, None, None, (HTMLResponse,)),
        (file, 200, None, None, (FileResponse,)),
        (events, 200, "text/event-stream", None, ()),
        (lines, 200, "application/jsonl", Item, ()),
    ],
)
def test_results_are_told_by_their_declaration(
    handler: object, status: int, media_type: str | None, kind: object, classes: tuple[type, ...]
) -> None:
    app = Velo()
    app.get("/")(handler)  # pyright: ignore[reportArgumentType]: one of the functions above

    result = only(app).result

    assert (result.status_code, result.media_types, result.type, result.response_classes) == (
        status,
        (media_type,) if media_type else (),
        kind,
        classes,
    )
    assert result.is_empty is (handler is nothing)
    assert result.is_stream is (handler in (events, lines))


def test_contributions_of_routers_and_of_dependencies_come_together() -> None:
    class Guard:
        openapi = OpenAPIContribution(security=({"key": ()},))

        async def __call__(self) -> None:
            """Lets all pass."""

    limited = OpenAPIContribution(responses={"429": {"description": "Too many requests"}})
    app, admin = Velo(), Router("/admin", host="{tenant}.example.com")
    app.add_openapi(limited)

    @admin.get("/", dependencies=[Depends(Guard())])
    async def home(tenant: str) -> None:
        """Home."""

    app.include(admin)
    operation = only(app)

    assert operation.contributions == (limited, Guard.openapi)
    assert operation.routers == (app, admin)
    assert operation.host == "{tenant}.example.com"
    assert operation.parameters[0].location == "host"


def test_a_mount_is_no_operation_of_ours_and_a_websocket_has_no_methods() -> None:
    from velo_core import WebSocket

    app = Velo()
    app.mount("/other", Velo())

    @app.websocket("/chat")
    async def chat(socket: WebSocket, room: int) -> None:
        """Talks."""

    chats = [operation for operation in app.operations if operation.include_in_schema]

    assert [(one.path, one.methods, one.is_websocket) for one in chats] == [("/chat", (), True)]


def test_types_are_of_the_family_of_the_models_inside() -> None:
    assert [model_family(kind) for kind in (int, list[Item], Tag, dict[str, list[Tag]])] == ["msgspec", "msgspec", "pydantic", "pydantic"]


def test_media_types_of_codecs_are_told_for_bodies_and_results() -> None:
    app = Velo(produces=("application/json", "application/msgpack"), consumes=("application/msgpack",))

    @app.post("/", exclude_none=True)
    async def twice(item: Item) -> Item:
        return item

    operation = only(app)

    assert operation.bodies[0].media_types == ("application/msgpack",)
    assert operation.result.media_types == ("application/json", "application/msgpack")
    assert operation.result.is_partial


def test_what_runs_before_a_handler_is_told_in_its_order() -> None:
    app = Velo()

    async def first() -> int:
        return 1

    def second(one: Annotated[int, Depends(first)]) -> int:
        return one + 1

    @app.get("/")
    async def index(two: Annotated[int, Depends(second)]) -> int:
        return two

    assert only(app).dependencies == (first, second)
    assert only(app).version is None
