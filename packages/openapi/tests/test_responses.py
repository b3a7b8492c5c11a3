"""Responses: those in the document are those that can come, and come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import pytest
from describing import document, statuses
from jsonschema import Draft202012Validator

from velo_core import (
    Body,
    Depends,
    EventSourceResponse,
    FileResponse,
    HTMLResponse,
    HTTPError,
    Marker,
    OpenAPIContribution,
    PlainTextResponse,
    RedirectResponse,
    Request,
    Response,
    ServerSentEvent,
    Velo,
)
from velo_openapi import OpenAPI, operation
from velo_testing import ProtocolName, TestClient


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    price: Annotated[int, msgspec.Meta(ge=0)] = 0
    parts: list[Item] = []


def test_a_result_has_all_its_media_types() -> None:
    app = Velo()

    @app.get("/", produces=("application/json", "text/plain"))
    async def show() -> int:
        return 1

    content = document(app)["paths"]["/"]["get"]["responses"]["200"]["content"]

    assert list(content) == ["application/json", "text/plain"]
    assert [one["schema"] for one in content.values()] == [{"type": "integer"}] * 2


class Tick(msgspec.Struct):
    number: int


class SecretTick(Tick):
    secret: str


class Renamed(msgspec.Struct, rename="camel"):
    full_name: str
    last_name: str | None = None


def test_problems_stand_where_they_can_happen_and_nowhere_else() -> None:
    app = Velo()

    @app.get("/plain")
    async def plain() -> str:
        return ""

    @app.get("/text")
    async def text(word: str = "") -> str:
        return word

    @app.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    @app.post("/body", timeout_seconds=1)
    async def body(item: Item) -> None:
        """Takes one."""

    @app.post("/raw")
    async def raw(data: Annotated[bytes, Body()]) -> None:
        """Takes bytes."""

    @app.get("/forms", produces=("application/json", "text/plain"))
    async def forms() -> int:
        return 1

    assert statuses(app) == {
        "/plain": {"200"},
        "/text": {"200", "400"},
        "/number/{number}": {"200", "404", "422"},
        "/body": {"204", "400", "413", "415", "422", "503"},
        "/raw": {"204", "400", "413"},
        "/forms": {"200", "406"},
    }


def test_the_media_types_that_an_extractor_refuses_are_its_own_to_tell() -> None:
    class Form(Marker):
        """A field of a form, of whatever type the body says it is."""

    class Strict(Marker):
        """A field of a form that says so."""

    async def read(request: Request) -> dict[str, str]:
        return {"name": (await request.body()).decode()}

    async def read_strictly(request: Request) -> dict[str, str]:
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            raise HTTPError(415)
        return await read(request)

    read_strictly.openapi = OpenAPIContribution(  # pyright: ignore[reportFunctionMemberAccess]: how dependencies say it
        responses={415: HTTPError}
    )
    app = Velo()
    for marker, function, name in ((Form, read, "form"), (Strict, read_strictly, "strict")):
        app.add_extractor(marker, function, name=name, location="body", media_types=["application/x-www-form-urlencoded"], needs_body=True)

    @app.post("/any")
    async def take(name: Annotated[str, Form()]) -> str:
        return name

    @app.post("/strict")
    async def take_strictly(name: Annotated[str, Strict()]) -> str:
        return name

    told = statuses(app)
    with TestClient(app) as client:
        answered = {path: client.post(path, content=b"a", headers={"content-type": "text/plain"}).status_code for path in told}

    assert answered == {"/any": 200, "/strict": 415}
    assert {path for path, found in told.items() if "415" in found} == {"/strict"}


def test_responses_that_handlers_make_themselves_are_told_by_their_class() -> None:
    app = Velo()

    @app.get("/page")
    async def page() -> HTMLResponse:
        return HTMLResponse("")

    @app.get("/elsewhere")
    async def elsewhere() -> Item | RedirectResponse:
        return Item("a")

    @app.get("/file")
    async def file() -> FileResponse:
        raise NotImplementedError

    @app.get("/any")
    async def anything() -> Response:
        return Response()

    found = statuses(app)

    assert found["/page"] == {"200"}
    assert found["/elsewhere"] == {"200", "3XX"}
    assert found["/file"] == {"200", "206", "304", "404", "412", "416"}
    assert found["/any"] == {"default"}


async def ticks() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent("")


async def lines() -> AsyncIterator[Item]:
    yield Item("a")


async def made() -> EventSourceResponse:
    raise NotImplementedError


def streams(version: str) -> dict[str, Any]:
    app = Velo()
    for handler in (ticks, lines, made):
        app.get(f"/{handler.__name__}")(handler)
    paths = document(app, openapi_version=version)["paths"]
    return {path: one["get"]["responses"]["200"]["content"] for path, one in paths.items()}


def test_items_of_streams_are_described_in_3_2() -> None:
    found = streams("3.2")

    assert found["/ticks"]["text/event-stream"]["itemSchema"]["properties"].keys() == {"data", "event", "id", "retry"}
    assert found["/lines"] == {"application/jsonl": {"itemSchema": {"$ref": "#/components/schemas/Item"}}}
    assert found["/made"] == found["/ticks"]


def test_items_of_streams_are_in_an_extension_in_3_1() -> None:
    assert streams("3.1")["/lines"] == {"application/jsonl": {"x-itemSchema": {"$ref": "#/components/schemas/Item"}}}


def test_a_handler_that_tells_what_it_makes_makes_nothing_else() -> None:
    """`default` is for a `Response` of which nothing is known."""
    app = Velo()

    @app.get("/unknown")
    async def unknown() -> Item | Response:
        return Response(b"", 409)

    @app.get("/told")
    @operation(responses={409: Item})
    async def told() -> Item | Response:
        return Response(b"", 409)

    assert statuses(app) == {"/unknown": {"200", "default"}, "/told": {"200", "409"}}


PROTOCOLS: list[ProtocolName] = ["asgi", "rsgi", "wsgi"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("version", ["3.1", "3.2"])
def test_the_data_of_events_is_the_json_of_what_is_declared(protocol: ProtocolName, version: str) -> None:
    app = Velo()

    @app.get("/", response_class=EventSourceResponse)
    async def ticks() -> AsyncIterator[Tick]:
        yield Tick(1)
        yield SecretTick(2, "nobody's business")

    content = document(app, openapi_version=version)
    media = content["paths"]["/"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    data = media["itemSchema" if version == "3.2" else "x-itemSchema"]["properties"]["data"]
    whole: Any = Draft202012Validator({**data["contentSchema"], "components": content["components"], "unevaluatedProperties": False})
    valid = cast("Callable[[object], bool]", whole.is_valid)

    assert (data["type"], data["contentMediaType"]) == ("string", "application/json")
    with TestClient(app, protocol=protocol) as client:
        sent = [line.removeprefix("data: ") for line in client.get("/").text.splitlines() if line.startswith("data: ")]
    assert [json.loads(one) for one in sent] == [{"number": 1}, {"number": 2}]
    assert all(valid(json.loads(one)) for one in sent)


def test_the_data_of_events_is_text_where_it_can_be_text() -> None:
    app = Velo()

    async def words() -> AsyncIterator[str]:
        yield "a"

    async def some() -> AsyncIterator[Tick | str | ServerSentEvent | None]:
        yield Tick(1)
        yield "a"
        yield ServerSentEvent(Tick(2), id="1")
        yield None

    async def choice() -> AsyncIterator[Literal["a"]]:
        yield "a"

    async def untold() -> AsyncIterator[object]:
        yield Tick(1)

    handlers: list[Callable[[], AsyncIterator[object]]] = [words, some, choice, untold]
    for handler in handlers:
        app.get(f"/{handler.__name__}", response_class=EventSourceResponse)(handler)

    for path, item in document(app)["paths"].items():
        data = item["get"]["responses"]["200"]["content"]["text/event-stream"]["x-itemSchema"]["properties"]["data"]
        assert data == {"type": "string"}, path
    with TestClient(app) as client:
        assert client.get("/words").text == client.get("/choice").text == ":\n\ndata: a\n\n"
        assert client.get("/some").text == ':\n\ndata: {"number":1}\n\ndata: a\n\nid: 1\ndata: {"number":2}\n\n\n'


def test_items_of_streams_are_as_the_route_writes_them() -> None:
    app = Velo()

    @app.get("/", exclude_none=True, by_alias=False)
    async def lines() -> AsyncIterator[Renamed]:
        yield Renamed("a")

    content = document(app)
    (schema,) = content["components"]["schemas"].values()

    assert schema["properties"].keys() == {"full_name", "last_name"}
    assert "required" not in schema
    with TestClient(app) as client:
        assert client.get("/").json() == {"full_name": "a"}


class Scan(FileResponse):
    media_type = "image/png"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_class_says_the_media_type_of_a_file(protocol: ProtocolName, tmp_path: Path) -> None:
    app, file = Velo(), tmp_path / "scan.data"
    file.write_bytes(b"0123456789")

    @app.get("/returned")
    async def returned() -> Scan:
        return Scan(file)

    @app.get("/made", response_class=Scan)
    async def made() -> str:
        return str(file)

    @app.get("/told")
    @operation(responses={200: Scan})
    async def told() -> Response:
        return Scan(file)

    @app.get("/lost")
    async def lost() -> Scan:
        return Scan(tmp_path / "nothing")

    paths = document(app)["paths"]
    with TestClient(app, protocol=protocol) as client:
        for path in ("/returned", "/made", "/told"):
            responses = paths[path]["get"]["responses"]
            whole, part = client.get(path), client.get(path, headers={"range": "bytes=2-4"})
            many = client.get(path, headers={"range": "bytes=0-0,2-3"})

            assert responses.keys() == {"200", "206", "304", "404", "412", "416"}
            assert responses["200"]["content"].keys() == {"image/png"} == {whole.headers["content-type"]}
            assert responses["206"]["content"].keys() == {"image/png", "multipart/byteranges"}
            assert (part.status_code, part.headers["content-type"]) == (206, "image/png")
            assert many.headers["content-type"].startswith("multipart/byteranges")
            seen = {"if-none-match": whole.headers["etag"]}
            conditions = {304: seen, 412: {"if-match": '"x"'}, 416: {"range": "bytes=99-"}}
            assert {client.get(path, headers=one).status_code for one in conditions.values()} == set(conditions)
        assert client.get("/lost").status_code == 404


def test_parts_and_conditions_are_for_those_who_get_a_file() -> None:
    app = Velo()

    @app.post("/")
    async def post() -> FileResponse:
        raise NotImplementedError

    @app.get("/", status_code=203)
    async def get() -> FileResponse:
        raise NotImplementedError

    item = document(app)["paths"]["/"]

    assert item["post"]["responses"].keys() == {"200", "404"}
    assert item["get"]["responses"].keys() == {"203", "404"}


def test_a_class_of_redirects_says_where_to() -> None:
    app = Velo()

    @app.get("/to", response_class=RedirectResponse)
    async def to() -> str:
        return "/there"

    @app.get("/see", response_class=RedirectResponse, status_code=303)
    async def see() -> str:
        return "/there"

    assert statuses(app) == {"/to": {"307"}, "/see": {"303"}}
    assert document(app)["paths"]["/to"]["get"]["responses"]["307"]["headers"].keys() == {"Location"}
    with TestClient(app) as client:
        assert (client.get("/to").status_code, client.get("/see").status_code) == (307, 303)
        assert client.get("/to").headers["location"] == "/there"


def test_a_raised_error_is_a_problem_document() -> None:
    app = Velo()

    @app.get("/")
    @operation(responses={404: HTTPError, 409: HTTPError, 410: PlainTextResponse})
    async def show(status: int = 409) -> str:
        raise HTTPError(status)

    responses = document(app)["paths"]["/"]["get"]["responses"]

    assert responses["404"] == {"$ref": "#/components/responses/Problem404"}
    assert responses["409"]["description"] == "Conflict"
    assert responses["409"]["content"].keys() == {"application/problem+json"}
    assert responses["410"] == {"description": "Gone", "content": {"text/plain": {"schema": {"type": "string"}}}}
    with TestClient(app) as client:
        assert client.get("/").headers["content-type"] == "application/problem+json"


class OutOfStock(msgspec.Struct):
    title: str
    status: int
    left: int


@pytest.mark.parametrize("kind", [OutOfStock, OutOfStock | None, Annotated[OutOfStock, msgspec.Meta(title="None left")]])
def test_a_problem_of_ones_own_is_described_by_a_type(kind: object) -> None:
    app = Velo()
    app.install(OpenAPI())

    @app.get("/{number}")
    @operation(responses={409: {"content": {"application/problem+json": {"schema": kind, "example": {"left": 0}}}}})
    async def take(number: int) -> str:
        raise HTTPError(409, extensions={"left": 0})

    with TestClient(app, contract=True) as client:
        made = client.get("/openapi.json").json()
        assert client.get("/1").json()["left"] == 0
    found = made["paths"]["/{number}"]["get"]["responses"]["409"]

    assert found["description"] == "Conflict"
    assert found["content"]["application/problem+json"]["example"] == {"left": 0}
    assert "OutOfStock" in str(found["content"]["application/problem+json"]["schema"])
    assert made["components"]["schemas"]["OutOfStock"]["required"] == ["title", "status", "left"]


def test_what_is_said_of_an_error_goes_over_its_problem_document() -> None:
    app = Velo()
    app.install(OpenAPI())

    @app.get("/{number}")
    @operation(
        responses={404: {"description": "No such number."}, 409: {"description": "Taken."}, 410: {"description": "Gone.", "content": {}}}
    )
    async def find(number: int) -> str:
        if number == 410:
            return cast("str", Response(status_code=410))
        raise HTTPError(number)

    with TestClient(app, contract=True) as client:
        made = client.get("/openapi.json").json()["paths"]["/{number}"]["get"]["responses"]
        assert [client.get(f"/{status}").status_code for status in (404, 409, 410)] == [404, 409, 410]

    assert made["404"]["description"] == "No such number."
    assert made["404"]["content"].keys() == made["409"]["content"].keys() == {"application/problem+json"}
    assert made["410"] == {"description": "Gone."}


def guarded(**said: Any) -> set[str]:
    """The statuses of an operation with a guard that says this."""
    schemes = {"securitySchemes": {"login": {"type": "http", "scheme": "bearer"}, "key": {"type": "http", "scheme": "basic"}}}

    class Guard:
        openapi = OpenAPIContribution(components=schemes, **said)

        async def __call__(self) -> None:
            """Lets all pass."""

    app = Velo()

    @app.get("/", dependencies=[Depends(Guard())])
    async def show() -> str:
        return ""

    return statuses(app)["/"]


def test_a_guard_refuses_with_what_it_says() -> None:
    """By itself with 401; with 403 if it looks for scopes. One that says either says all of it."""
    assert guarded() == {"200"}
    assert guarded(security=({"login": ()}, {"key": ()})) == {"200", "401"}
    assert guarded(security=({"login": ("write",)},)) == {"200", "401", "403"}
    assert guarded(security=({"login": ()},), responses={"403": HTTPError}) == {"200", "403"}
    assert guarded(security=({"login": ()},), responses={"401": HTTPError, "403": HTTPError}) == {"200", "401", "403"}
    assert guarded(security=({"login": ("write",)},), responses={"429": HTTPError}) == {"200", "401", "403", "429"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_cannot_be_decoded_is_read_alike_everywhere(protocol: ProtocolName) -> None:
    """Of a query as U+FFFD, as browsers read it; a path that has no text leads nowhere. Only too much of it is a 400."""
    app = Velo()

    @app.get("/")
    async def show(word: str = "") -> str:
        return word

    @app.get("/{word}")
    async def other(word: str) -> str:
        return word

    assert statuses(app) == {"/": {"200", "400"}, "/{word}": {"200", "404"}}
    with TestClient(app, protocol=protocol) as client:
        assert client.get("/?word=%ff").text == client.get("/?word=\ufffd").text == "\ufffd"
        assert client.get("/?" + "a&" * 2000).status_code == 400
        assert client.get("/%ff").status_code == 404
