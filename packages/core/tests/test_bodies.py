"""The request body: which are read, and which are refused and with what."""

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol

import httpx2
import pydantic
import pytest
from body_routes import JSON, Item, app_for, chunks, taking

from velo_core import Body, Depends, HTTPError, Query, Request, Velo
from velo_testing import TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


class PydanticItem(pydantic.BaseModel):
    name: str
    price: float = 0.0


KINDS: dict[str, object] = {
    "struct": Item,
    "pydantic": PydanticItem,
    "untyped": Any,
    "list": list[Item],
    "pydantic list": list[PydanticItem],
}


def post(client: TestClient, number: int, content: bytes, **headers: str) -> httpx2.Response:
    return client.post(f"/{number}", content=content, headers={"content-type": "application/json"} | headers)


def locations(response: httpx2.Response) -> list[tuple[str | int, ...]]:
    """(*loc, code) of each error of a 422."""
    assert response.status_code == 422, response.text
    return [(*error["loc"], error["code"]) for error in response.json()["errors"]]


MALFORMED = {
    "truncated object": b'{"name": "a"',
    "truncated text": b'{"name": "a',
    "truncated escape": b'{"name": "\\u00',
    "nothing but space": b"  \n",
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "NaN": b'{"name": "a", "price": NaN}',
    "NaN in a field that nobody knows": b'{"name": "a", "more": [NaN]}',
    "Infinity": b'{"name": "a", "price": Infinity}',
    "-Infinity": b'{"name": "a", "price": -Infinity}',
    "a number out of range": b'{"name": "a", "price": 1e999}',
    "a negative number out of range": b'{"name": "a", "price": -1e999}',
    "a number out of range with a capital E": b'{"name": "a", "price": 1.5E+400}',
    "endless digits": b'{"name": "a", "price": ' + b"9" * 10_000 + b"}",
    "a leading zero": b'{"name": "a", "price": 01}',
    "a plus": b'{"name": "a", "price": +1}',
    "a bare point": b'{"name": "a", "price": 1.}',
    "hexadecimal": b'{"name": "a", "price": 0x1}',
    "single quotes": b"{'name': 'a'}",
    "a comment": b'{"name": "a"} // all',
    "a trailing comma": b'{"name": "a",}',
    "trailing text": b'{"name": "a"} x',
    "two values": b'{"name": "a"}{"name": "b"}',
    "a trailing NUL": b'{"name": "a"}\x00',
    "invalid UTF-8 in text": b'{"name": "\xff"}',
    "overlong UTF-8 in text": b'{"name": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "two high surrogates": b'{"name": "\\ud800\\ud800"}',
    "a control character in text": b'{"name": "\x01"}',
    "a line feed in text": b'{"name": "a\nb"}',
    "an unknown escape": b'{"name": "\\x41"}',
    "a key without quotes": b"{name: 1}",
    "True": b'{"name": True}',
    "a form": b"name=a&price=1",
    "arrays without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "arrays in a field": b'{"name":' + b"[" * 100_000,
    "arrays in a field that nobody knows": b'{"more":' + b"[" * 100_000,
    "deep arrays that end": b"[" * 100_000 + b"]" * 100_000,
}


# What is JSON.


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_json_is_a_400_whoever_makes_the_value(serve: Serve, content: bytes) -> None:
    """Not a 422, although the mistake of the type may come first; and never a 500."""
    client = serve(app_for(*KINDS.values()))
    for number, kind in enumerate(KINDS):
        response = post(client, number, content)

        assert response.status_code == 400, (kind, response.text[:300])
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"].startswith("The request body is not well-formed JSON: "), kind
        assert len(response.content) < 500


def test_malformed_json_is_a_400_for_the_request_itself(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def show(request: Request) -> object:
        return await request.json()

    client = serve(app)
    for name, content in MALFORMED.items():
        assert client.post("/", content=content).status_code == 400, name
    assert client.post("/", content=b'[1, {"a": null}]').json() == [1, {"a": None}]
    assert client.post("/").status_code == 400


def test_a_problem_document_says_what_is_wrong(serve: Serve) -> None:
    response = post(serve(app_for(Item)), 0, b'{"name": "a"')

    assert response.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The request body is not well-formed JSON: Input data was truncated.",
    }


def test_well_formed_oddities_are_read(serve: Serve) -> None:
    """Numbers beyond 64 bits, escapes, NUL, duplicate keys (the last one counts), space around."""
    client = serve(app_for(Any, list[int], list[float], Item, PydanticItem))

    assert post(client, 0, b" [1] \r\n\t").text == "[1]"
    for number in (0, 1):
        assert post(client, number, str([2**63, 10**30, -(10**30)]).encode()).text == str([2**63, 10**30, -(10**30)])
    assert post(client, 2, b"[1e308, 1e-999, -0.0, 1]").text == "[1e+308, 0.0, -0.0, 1.0]"
    assert post(client, 0, b'"\\u0000\\ud83d\\ude00"').text == repr("\0😀")
    assert post(client, 3, b'{"name": "a", "name": "b", "more": {"x": []}}').text == "Item(name='b', price=0.0)"
    assert post(client, 4, b'{"name": "a", "name": "b", "more": {"x": []}}').text == "PydanticItem(name='b', price=0.0)"


def test_huge_integers_are_echoed_or_refused(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def echo(values: list[int]) -> list[int]:
        return values

    client = serve(app)
    for digits in (19, 20, 30, 400, 4300, 4301, 5000):
        content = b"[" + b"9" * digits + b"]"
        response = client.post("/", content=content, headers=JSON)

        assert (response.status_code, response.content) == (200, content) or response.status_code == 400, digits


def test_deep_but_finite_json_is_echoed_or_refused(serve: Serve) -> None:
    app = Velo()

    @app.post("/")
    async def echo(value: Annotated[Any, Body()]) -> Any:
        return value

    client = serve(app)
    for depth in (10, 100, 900, 2_000, 5_000):
        content = b"[" * depth + b"]" * depth
        response = client.post("/", content=content, headers=JSON)

        assert (response.status_code, response.content) == (200, content) or response.status_code == 400, depth


JSON_TYPES = [
    "application/json",
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    'application/json; charset="utf-8"',
    "application/json; charset=us-ascii",
    "application/vnd.api+json",
    "application/problem+json; profile=x",
    "text/x+json",
]


OTHER_TYPES = [
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    "application/jsonp",
    "application/json5",
    "json",
    "application/",
    "*/*",
    "application/json, text/plain",
    "application/json;;charset",
    "",
]


# The media type.


def test_json_says_so(serve: Serve) -> None:
    client = serve(app_for(Item, PydanticItem, Any))
    for media_type in JSON_TYPES:
        for number in range(3):
            assert post(client, number, b'{"name": "a"}', **{"content-type": media_type}).status_code == 200, media_type


def test_another_media_type_is_a_415(serve: Serve) -> None:
    """Also none: a page of another site can send a body without one, and the browser does not ask us first."""
    client = serve(app_for(Item, PydanticItem, Any))
    for media_type in OTHER_TYPES:
        for number in range(3):
            response = post(client, number, b'{"name": "a"}', **{"content-type": media_type})

            assert response.status_code == 415, media_type
            assert response.headers["accept"] == "application/json"
            assert response.json() == {
                "type": "about:blank",
                "title": "Unsupported Media Type",
                "status": 415,
                "detail": (
                    "The request body has to be application/json; the request has no Content-Type."
                    if not media_type  # an empty field says as much as none
                    else "The request body has to be application/json; the request has another Content-Type."
                ),
            }
    response = client.post("/0", content=b'{"name": "a"}')

    assert response.status_code == 415
    assert response.json()["detail"] == "The request body has to be application/json; the request has no Content-Type."


def test_raw_bytes_are_of_any_media_type(serve: Serve) -> None:
    client = serve(app_for(bytes))

    assert client.post("/0", content=b"\xff\x00", headers={"content-type": "image/png"}).text == repr(b"\xff\x00")
    assert client.post("/0", content=b"\xff").text == repr(b"\xff")
    assert client.post("/0").text == "b''"


# No body, and bodies that are not models.


def test_an_empty_body_is_missing(serve: Serve) -> None:
    client = serve(app_for(Item, PydanticItem, list[Item], Any, int))
    for number in range(5):
        for response in (client.post(f"/{number}"), client.post(f"/{number}", headers=JSON), client.post(f"/{number}", content=chunks())):
            assert response.status_code == 422
            assert response.json()["errors"] == [{"loc": ["body"], "message": "A request body is required", "code": "missing"}]


def test_optional_bodies_and_bodies_with_a_default(serve: Serve) -> None:
    app = Velo()

    @app.post("/optional")
    async def optional(item: Item | None) -> str:
        return repr(item)

    @app.post("/pydantic")
    async def optional_pydantic(item: PydanticItem | None = None) -> str:
        return repr(item)

    @app.post("/default")
    async def default(item: Item = Item("z")) -> str:  # noqa: B008 - what is tested
        return repr(item)

    @app.post("/raw")
    async def raw(content: Annotated[bytes, Body()] = b"none") -> str:
        return repr(content)

    @app.post("/number")
    async def number(number: Annotated[int | None, Body(ge=1)] = None) -> str:
        return repr(number)

    client = serve(app)
    for path, nothing in [
        ("optional", "None"),
        ("pydantic", "None"),
        ("default", "Item(name='z', price=0.0)"),
        ("raw", "b'none'"),
        ("number", "None"),
    ]:
        assert client.post(f"/{path}").text == nothing
    for path in ("optional", "pydantic", "number"):
        assert client.post(f"/{path}", json=None, content=b"null", headers=JSON).text == "None", path
    assert client.post("/optional", json={"name": "a"}).text == "Item(name='a', price=0.0)"
    assert client.post("/pydantic", json={"name": "a"}).text == "PydanticItem(name='a', price=0.0)"
    assert client.post("/default", content=b"null", headers=JSON).status_code == 422
    assert client.post("/raw", content=b"x").text == "b'x'"
    assert locations(client.post("/number", json=0)) == [("body", "ge")]
    assert locations(client.post("/optional", json={"name": 1})) == [("body", "name", "type")]


def test_bodies_of_plain_types(serve: Serve) -> None:
    """JSON is not text: no number is read from `"1"`."""
    app = Velo()

    @app.post("/number")
    async def number(value: Annotated[int, Body(ge=1, le=10)]) -> int:
        return value

    @app.post("/words")
    async def words(value: Annotated[list[str], Body(min_length=1, max_length=2, pattern="^a")]) -> list[str]:
        return value

    @app.post("/map")
    async def mapping(value: dict[str, int]) -> dict[str, int]:
        return value

    @app.post("/open")
    async def open_map(value: dict[str, object]) -> dict[str, object]:
        return value

    @app.post("/text")
    async def text(value: Annotated[str, Body(max_length=3)]) -> str:
        return value

    @app.post("/bytes")
    async def octets(value: Annotated[bytes, Body(max_length=3)]) -> bytes:
        return value

    client = serve(app)

    assert client.post("/number", json=5).json() == 5
    assert client.post("/number", json=0).json()["errors"] == [{"loc": ["body"], "message": "Should be at least 1", "code": "ge"}]
    for value in ("5", 5.0, True, None, [5], {"value": 5}):
        assert locations(client.post("/number", content=json.dumps(value).encode(), headers=JSON)) == [("body", "type")], value
    assert client.post("/words", json=["a", "ab"]).json() == ["a", "ab"]
    assert locations(client.post("/words", json=[])) == [("body", "min_length")]
    assert locations(client.post("/words", json=["a"] * 3)) == [("body", "max_length")]
    assert locations(client.post("/words", json=["a", "b"])) == [("body", 1, "pattern")]
    assert locations(client.post("/words", json=["a", 1])) == [("body", 1, "type")]
    assert locations(client.post("/map", json={"a": "1", "b": 2, "c": None})) == [("body", "a", "type"), ("body", "c", "type")]
    assert client.post("/open", json={"a": [1, {"b": None}]}).json() == {"a": [1, {"b": None}]}
    assert client.post("/text", json="abc").text == "abc"
    assert locations(client.post("/text", json="abcd")) == [("body", "max_length")]
    assert client.post("/bytes", content=b"\xff\xfe").content == b"\xff\xfe"
    assert locations(client.post("/bytes", content=b"abcd")) == [("body", "max_length")]


# The body, other values, and dependencies.


def test_values_of_query_and_body_are_told_in_one_answer(serve: Serve) -> None:
    app = Velo()

    @app.post("/{number}")
    async def create(number: int, item: Item, page: Annotated[int, Query(ge=1)] = 1) -> None: ...

    client = serve(app)

    assert locations(client.post("/x?page=0", json={"price": "a"})) == [
        ("path", "number", "type"),
        ("query", "page", "ge"),
        ("body", "name", "missing"),
        ("body", "price", "type"),
    ]
    assert locations(client.post("/x?page=0")) == [("path", "number", "type"), ("query", "page", "ge"), ("body", "missing")]
    assert client.post("/x?page=0", content=b"{").status_code == 415
    assert client.post("/x?page=0", content=b"{", headers=JSON).status_code == 400


def test_a_dependency_runs_if_its_own_values_fit(serve: Serve) -> None:
    """So authentication answers 401 before anything is validated; one whose own values do not fit does not run."""
    app = Velo()
    ran: list[object] = []

    def authenticate(token: str | None = None) -> str:
        ran.append("authenticate")
        if token != "secret":
            raise HTTPError(401)
        return token

    async def page_of(page: Annotated[int, Query(ge=1)], token: Annotated[str, Depends(authenticate)]) -> int:
        ran.append("page")
        return page

    async def checked(item: Item, page: Annotated[int, Depends(page_of)]) -> Item:
        ran.append("item")
        return item

    @app.post("/")
    async def create(item: Annotated[Item, Depends(checked)], size: int = 1) -> str:
        ran.append("handler")
        return item.name

    client = serve(app)

    def steps(url: str, **how: Any) -> tuple[int, list[object]]:
        ran.clear()
        return client.post(url, **how).status_code, list(ran)

    assert steps("/?page=0&size=x", json={}) == (401, ["authenticate"])
    assert steps("/?page=0&size=x", content=b"{{{") == (401, ["authenticate"])
    assert steps("/?page=0&token=secret", json={"name": "a"}) == (422, ["authenticate"])
    assert steps("/?page=1&token=secret&size=x", json={"name": 1}) == (422, ["authenticate", "page"])
    assert steps("/?page=1&token=secret&size=x", json={"name": "a"}) == (422, ["authenticate", "page", "item"])
    assert steps("/?page=1&token=secret", json={"name": "a"}) == (200, ["authenticate", "page", "item", "handler"])


def test_authentication_answers_before_the_body_is_read(serve: Serve) -> None:
    taken: list[int] = []

    def content() -> Iterator[bytes]:
        taken.append(1)
        yield b"{}"

    def refuse() -> None:
        raise HTTPError(401)

    app = Velo(dependencies=[Depends(refuse)])
    app.post("/")(taking(Item))

    assert (serve(app).post("/", content=content(), headers=JSON).status_code, taken) == (401, [])


def test_a_dependency_and_the_handler_share_one_body(serve: Serve) -> None:
    """As the same model, as the request's bytes, in a thread or not, around or inside."""
    app = Velo()

    def named(item: Item) -> str:
        return item.name

    async def signed(request: Request) -> int:
        return len(await request.body())

    @app.post("/model")
    async def model(item: Item, name: Annotated[str, Depends(named)]) -> list[object]:
        return [item.name, name]

    @app.post("/request")
    async def request_first(size: Annotated[int, Depends(signed)], item: Item) -> list[object]:
        return [size, item.name]

    @app.post("/raw")
    async def raw(size: Annotated[int, Depends(signed)], content: Annotated[bytes, Body()]) -> list[object]:
        return [size, len(content)]

    @app.post("/handler")
    async def handler(request: Request, item: Item) -> list[object]:
        return [await request.json(), item.name, len(await request.body())]

    @app.post("/thread")
    def thread(size: Annotated[int, Depends(signed)], name: Annotated[str, Depends(named)], item: Item) -> list[object]:
        return [size, name, item.name]

    async def around(request: Request, call_next: Callable[[Request], Any]) -> Any:
        size = len(await request.body())
        response = await call_next(request)
        response.headers.set("x-size", str(size))
        return response

    app.post("/middleware", middleware=[around])(taking(Item))
    client = serve(app)
    content = b'{"name": "a"}'

    def answer(path: str) -> httpx2.Response:
        return client.post(path, content=content, headers=JSON)

    assert answer("/model").json() == ["a", "a"]
    assert answer("/request").json() == [13, "a"]
    assert answer("/raw").json() == [13, 13]
    assert answer("/handler").json() == [{"name": "a"}, "a", 13]
    assert answer("/thread").json() == [13, "a", "a"]
    assert (answer("/middleware").text, answer("/middleware").headers["x-size"]) == ("Item(name='a', price=0.0)", "13")


def test_an_exception_handler_can_read_the_body_that_did_not_fit(serve: Serve) -> None:
    """The body comes once, but an error is answered with the request that has it."""
    app = Velo(max_content_length=100)

    @app.exception_handler(HTTPError)
    async def tell(request: Request, error: HTTPError) -> object:
        return (await request.body()).decode()

    app.post("/")(taking(Item))
    app.post("/raw")(failing)
    client = serve(app)

    assert client.post("/", json={"name": 1}).text == '{"name":1}'
    assert client.post("/", content=b"{", headers=JSON).text == "{"
    assert client.post("/raw", content=b"raw").text == "raw"
    assert client.post("/", content=b"x" * 101).status_code == 413
    assert client.post("/", content=chunks(50, 50, 50)).status_code == 413


async def failing(content: Annotated[bytes, Body()]) -> None:
    raise HTTPError(409)
