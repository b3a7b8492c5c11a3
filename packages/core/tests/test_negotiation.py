"""The media type of a result, by what the client accepts."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Protocol, cast

import httpx2
import msgspec
import pydantic
import pytest
from pydantic.alias_generators import to_camel

from velo_core import (
    Body,
    CallNext,
    HTTPError,
    Request,
    Response,
    Velo,
    check_preconditions,
)
from velo_testing import TestClient

JSON, MSGPACK, TEXT = "application/json", "application/msgpack", "text/plain"


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


def name_of(value: object) -> str:
    return type(value).__name__


class Colour(Enum):
    RED = "red"


class Item(msgspec.Struct, rename="camel"):
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


class PydanticItem(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel)
    item_name: str
    unit_price: Decimal | None = None
    tags: set[str] = set()


ELM = PydanticItem.model_validate({"itemName": "elm"})


def echo(annotation: Any, **options: Any) -> Velo:
    """`POST /` answers with the body that it got."""
    app = Velo()

    async def show(body: Any) -> object:
        return body

    show.__annotations__ = {"body": Annotated[annotation, Body()], "return": annotation}
    app.post("/", **options)(show)
    return app


def misfits(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of all that did not fit."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (MSGPACK, MSGPACK),
        (f"{JSON};q=0.5, {MSGPACK}", MSGPACK),
        (f"{JSON};q=0, */*", MSGPACK),
        ("text/html, */*;q=0.1", JSON),
        ("nonsense", JSON),
        ("text/html", None),
        (f"{JSON};q=0, {MSGPACK};q=0", None),
    ],
)
@pytest.mark.parametrize("model", [Item, PydanticItem], ids=name_of)
def test_accept_chooses_the_media_type(serve: Serve, model: type, accept: str | None, chosen: str | None) -> None:
    client = serve(echo(model, produces=(JSON, MSGPACK)))
    client.headers.pop("accept", None)
    answer = client.post("/", json={"itemName": "oak"}, headers={} if accept is None else {"accept": accept})
    assert answer.headers["vary"] == "Accept"
    if chosen is None:
        assert answer.status_code == 406
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["available"] == [JSON, MSGPACK]
        return
    assert answer.headers["content-type"] == chosen
    decode = msgspec.json.decode if chosen == JSON else msgspec.msgpack.decode
    assert decode(answer.content) == {"itemName": "oak", "unitPrice": None, "tags": []}


def test_several_accept_fields_are_one(serve: Serve) -> None:
    client = serve(echo(Item, produces=(JSON, MSGPACK)))
    sent = [("accept", f"{JSON};q=0.1"), ("accept", MSGPACK), ("content-type", JSON)]
    assert client.post("/", content=b'{"itemName": "a"}', headers=sent).headers["content-type"] == MSGPACK


def test_a_request_that_accepts_nothing_is_refused_before_anything_runs(serve: Serve) -> None:
    ran: list[str] = []
    app = Velo()

    @app.delete("/", produces=(JSON, MSGPACK))
    async def remove() -> int:
        ran.append("handler")
        return 1

    client = serve(app)
    assert client.delete("/", headers={"accept": "text/html"}).status_code == 406
    assert ran == []


def test_text_is_for_single_values(serve: Serve) -> None:
    app = Velo(produces=(JSON, TEXT))

    @app.get("/number")
    async def number() -> float:
        return 1.5

    @app.get("/colour")
    async def colour() -> Colour | None:
        return Colour.RED

    @app.get("/day")
    async def day() -> date:
        return date(2024, 5, 1)

    @app.get("/model")
    async def model() -> list[int]:
        return [1]

    @app.get("/text")
    async def text() -> str:
        return "ä"

    @app.get("/both", produces=(TEXT, JSON))
    async def both() -> str:
        return "ä"

    @app.get("/response")
    async def response() -> Response:
        return Response(b"<p>", media_type="text/html")

    client = serve(app)
    wanted = {"accept": TEXT}
    for path, expected in {"/number": "1.5", "/colour": "red", "/day": "2024-05-01", "/text": "ä", "/both": "ä"}.items():
        answer = client.get(path, headers=wanted)
        assert (answer.text, answer.headers["content-type"]) == (expected, "text/plain; charset=utf-8")
    assert client.get("/model", headers=wanted).status_code == 406
    assert client.get("/both", headers={"accept": JSON}).content == '"ä"'.encode()
    assert client.get("/text", headers={"accept": JSON}).headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get("/response", headers={"accept": JSON}).headers["content-type"] == "text/html; charset=utf-8"


def test_undeclared_results_are_negotiated_too(serve: Serve) -> None:
    app = Velo()

    @app.get("/", produces=(JSON, MSGPACK))
    async def show() -> object:
        return {"at": datetime(2024, 5, 1, tzinfo=UTC), "raw": b"\x00", "model": Item("oak"), "other": ELM}

    client = serve(app)
    packed = msgspec.msgpack.decode(client.get("/", headers={"accept": MSGPACK}).content)
    assert packed["at"] == datetime(2024, 5, 1, tzinfo=UTC)
    assert packed["raw"] == b"\x00"
    assert client.get("/").json()["at"] == "2024-05-01T00:00:00Z"
    assert packed["other"]["itemName"] == "elm"


def test_a_response_of_the_handler_and_a_route_without_content_are_not_negotiated(serve: Serve) -> None:
    app = Velo(produces=(JSON, MSGPACK))

    @app.get("/either")
    async def either(own: bool = False) -> Item | Response:
        return Response(b"own") if own else Item("oak")

    @app.get("/nothing")
    async def nothing() -> None: ...

    client = serve(app)
    assert client.get("/either?own=1").content == b"own"
    assert client.get("/either", headers={"accept": MSGPACK}).headers["content-type"] == MSGPACK
    assert client.get("/nothing", headers={"accept": "text/html"}).status_code == 204


def test_a_response_of_a_handler_that_negotiates_says_so(serve: Serve) -> None:
    """A 304 has the Vary that the 200 has (RFC 9110 section 15.4.5), and a cache must not give to all what one request accepts."""
    app, kept = Velo(), Response(b"own", headers={"vary": "Cookie"})

    async def around(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    @app.get("/several/{name}", produces=(JSON, MSGPACK))
    @app.get("/around/{name}", produces=(JSON, MSGPACK), middleware=[around])
    async def several(name: str, request: Request) -> Item | Response:
        return check_preconditions(request, etag="v1") or (kept if name == "own" else Item(name))

    @app.get("/one", produces=(JSON,))
    async def one() -> Item | Response:
        return kept

    @app.get("/light", produces=(JSON, MSGPACK))
    async def light() -> Item | Response:
        return kept

    client = serve(app)
    for path in ("/several", "/around"):
        unchanged = client.get(f"{path}/oak", headers={"if-none-match": '"v1"'})
        assert (unchanged.status_code, unchanged.headers.get_list("vary")) == (304, ["Accept"])
        assert client.get(f"{path}/oak").headers.get_list("vary") == ["Accept"]
        assert client.get(f"{path}/own").headers.get_list("vary") == ["Cookie, Accept"]
    assert client.get("/light").headers.get_list("vary") == ["Cookie, Accept"]
    assert client.get("/one").headers.get_list("vary") == ["Cookie"]
    assert kept.headers.get_all("vary") == ["Cookie"]


class Lines:
    """A codec of one's own: the keys and values of an object, line by line."""

    media_type: ClassVar[str] = "text/x-lines"
    native_types: ClassVar[tuple[type, ...]] = (date,)

    def encode(self, value: object) -> bytes:
        assert isinstance(value, dict)
        items = cast("dict[str, object]", value)
        return "".join(f"{name}: {item!r}\n" for name, item in items.items()).encode()

    def decode(self, body: bytes) -> object:
        try:
            return dict(line.split(": ") for line in body.decode().splitlines())
        except ValueError:
            raise HTTPError(400, "Lines have a colon.") from None


class Day(msgspec.Struct):
    day: date
    name: str = "x"


class PydanticDay(pydantic.BaseModel):
    day: date
    name: str = "x"


@pytest.mark.parametrize("model", [Day, PydanticDay], ids=name_of)
def test_a_codec_of_ones_own_reads_and_writes_plain_data(serve: Serve, model: type) -> None:
    client = serve(echo(model, produces=(Lines(), JSON), consumes=(Lines(), JSON)))

    def send(content: bytes) -> httpx2.Response:
        return client.post("/", content=content, headers={"content-type": "text/x-lines; charset=utf-8", "accept": "text/*"})

    day = "datetime.date(2024, 5, 1)" if model is Day else "'2024-05-01'"
    assert send(b"day: 2024-05-01\n").text == f"day: {day}\nname: 'x'\n"
    assert misfits(send(b"day: soon\n"))[0][:2] == ("body", "day")
    assert send(b"day\n").status_code == 400
    assert client.post("/", json={"day": "2024-05-01"}, headers={"accept": JSON}).json()["name"] == "x"
