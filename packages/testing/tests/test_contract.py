"""Responses held against documents: one application for each way to break the contract, over every protocol and both clients."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, get_args

import httpx2
import msgspec
import pytest

from velo_core import Manifest, Plugin, Request, Response, Router, ServerSentEvent, Velo, WebSocket
from velo_testing import AsyncTestClient, Contract, ContractViolation, ProtocolName, TestClient

every_protocol = pytest.mark.parametrize("protocol", get_args(ProtocolName))

ITEM = {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "integer"}}, "required": ["name"]}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.1",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example.com/v1"}],
    "paths": {
        "/items/{number}": {
            "get": {
                "operationId": "show",
                "responses": {
                    "200": {"$ref": "#/components/responses/Item"},
                    "4XX": {"description": "No.", "content": {"application/problem+json": {"schema": {"type": "object"}}}},
                },
            },
            "delete": {"responses": {"204": {"description": "Gone."}}},
        },
        "/items/first": {"get": {"responses": {"default": {"description": "Any.", "content": {"text/*": {"schema": {"const": "tea"}}}}}}},
        "/files/{path}": {"get": {"responses": {"200": {"description": "A file.", "content": {"*/*": {}}}}}},
        "/lines": {
            "get": {
                "responses": {
                    "200": {
                        "description": "Lines.",
                        "content": {
                            "application/jsonl": {"itemSchema": {"$ref": "#/components/schemas/Item"}},
                            "text/event-stream": {
                                "schema": {"type": "string"},
                                "x-itemSchema": {"required": ["id"], "properties": {"data": {"type": "string"}}},
                            },
                        },
                    }
                }
            }
        },
    },
    "x-websockets": {"/live/{number}": {}, "/files/{path}/live": {}},
    "components": {
        "schemas": {"Item": ITEM},
        "headers": {"Left": {"required": True, "schema": {"type": "integer", "minimum": 0}}},
        "responses": {
            "Item": {
                "description": "An item.",
                "headers": {"X-Left": {"$ref": "#/components/headers/Left"}},
                "content": {
                    "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}},
                    "application/msgpack": {"schema": {"$ref": "#/components/schemas/Item"}},
                },
            }
        },
    },
}
JSON = {"content-type": "application/json", "x-left": "3"}
GOOD = json.dumps([{"name": "tea", "price": 3}]).encode()


class Documented(Plugin):
    """A plugin that has a document, as velo_openapi.OpenAPI has."""

    manifest = Manifest(name="documented", requires_api=">=0.1,<1", provides=("openapi",))

    def __init__(self, content: Mapping[str, Any] = DOCUMENT) -> None:
        self.content = content
        self.made = 0

    def install(self, router: Router) -> None:
        """Adds nothing."""

    def document(self, app: Velo) -> Documented:
        self.made += 1
        return self


def answering(response: Response) -> Velo:
    """An application that gives one answer to everything."""
    app = Velo(trailing_slash="strict")
    app.install(Documented())

    @app.route("/{path:path}", methods=["GET", "DELETE", "PUT", "OPTIONS"])
    async def answer(path: str) -> Response:
        return response

    return app


def ask(response: Response, path: str = "/items/7", *, protocol: ProtocolName = "asgi", method: str = "GET", **options: Any) -> None:
    with TestClient(answering(response), protocol=protocol, contract=True) as client:
        client.request(method, path, **options)


@every_protocol
def test_what_is_documented_passes(protocol: ProtocolName) -> None:
    ask(Response(GOOD, 200, JSON), protocol=protocol)
    ask(Response(GOOD, 200, JSON), "/v1/items/7?page=2", protocol=protocol)
    ask(Response(GOOD, 200, JSON), protocol=protocol, method="HEAD")
    ask(Response(b"{}", 404, {"content-type": "application/problem+json"}), protocol=protocol)
    ask(Response(b"tea", 203, {"content-type": "text/plain; charset=utf-8"}), "/items/first", protocol=protocol)
    ask(Response(b"", 204), protocol=protocol, method="DELETE")
    ask(Response(b"\x89PNG", 200, {"content-type": "image/png"}), "/files/a/b.png", protocol=protocol)
    ask(Response(msgspec.msgpack.encode({"name": "tea"}), 200, {**JSON, "content-type": "application/msgpack"}), protocol=protocol)
    ask(Response(gzip.compress(GOOD), 200, {**JSON, "content-encoding": "gzip"}), protocol=protocol)


BROKEN = [
    (
        Response(GOOD, 201, JSON),
        "VELO_CONTRACT_STATUS",
        "GET /items/7 was answered with 201, but GET /items/{number} (operationId 'show') documents 200, 4XX",
    ),
    (
        Response(b"tea", 200, {**JSON, "content-type": "text/plain"}),
        "VELO_CONTRACT_MEDIA_TYPE",
        (
            "GET /items/7 was answered with 200 and 'text/plain', but GET /items/{number} (operationId 'show') documents application/json, "
            "application/msgpack for it"
        ),
    ),
    (
        Response(GOOD, 200, {"content-type": "application/json"}),
        "VELO_CONTRACT_HEADER",
        (
            "GET /items/7 was answered with 200 without the header 'X-Left', but GET /items/{number} (operationId 'show') documents it as "
            "required"
        ),
    ),
    (
        Response(GOOD, 200, {**JSON, "x-left": "-1"}),
        "VELO_CONTRACT_HEADER",
        (
            "GET /items/7 was answered with 200 and the header X-Left: -1, but by GET /items/{number} (operationId 'show') "
            "it does not fit: $: -1 is less than the minimum of 0"
        ),
    ),
    (
        Response(b'[{"name":"tea","price":"3"}]', 200, JSON),
        "VELO_CONTRACT_BODY",
        (
            "GET /items/7 was answered with 200, but the body is not what GET /items/{number} (operationId 'show') documents: "
            '$[0].price: \'3\' is not of type \'integer\' [VELO_CONTRACT_BODY]\n  body: [{"name":"tea","price":"3"}]'
        ),
    ),
    (
        Response(b"[", 200, JSON),
        "VELO_CONTRACT_BODY",
        "GET /items/7 was answered with 200 and application/json, but the body is none: ",
    ),
]


@every_protocol
@pytest.mark.parametrize(("response", "code", "message"), BROKEN, ids=[f"{code}-{number}" for number, (_, code, _) in enumerate(BROKEN)])
def test_what_is_not_documented_fails_and_says_what_is(protocol: ProtocolName, response: Response, code: str, message: str) -> None:
    with pytest.raises(ContractViolation) as caught:
        ask(response, protocol=protocol)

    assert caught.value.code == code
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("response", "code", "message"), BROKEN, ids=[f"{code}-{number}" for number, (_, code, _) in enumerate(BROKEN)])
async def test_the_asynchronous_client_fails_alike(response: Response, code: str, message: str) -> None:
    async with AsyncTestClient(answering(response), contract=True) as client:
        with pytest.raises(ContractViolation) as caught:
            await client.get("/items/7")
        async with AsyncTestClient(answering(Response(GOOD, 200, JSON)), contract=True) as other:
            assert (await other.get("/items/7")).status_code == 200

    assert caught.value.code == code
    assert str(caught.value).startswith(message)


def test_a_body_where_none_is_documented_fails() -> None:
    document = {"paths": {"/": {"get": {"responses": {"200": {"description": "Nothing."}}}}}}
    app = Velo()

    @app.get("/")
    async def index(request: Request) -> Response:
        return Response(b"tea" if request.query_string else b"", 200)

    with TestClient(app, contract=Contract(document)) as client:
        client.get("/")
        with pytest.raises(ContractViolation, match=r"and a body, but GET / documents none for it \[VELO_CONTRACT_BODY\]\n  body: tea"):
            client.get("/?x")


def test_an_operation_that_no_document_has_fails() -> None:
    fine = Response(b"tea", 200, {"content-type": "text/plain"})

    for method, path, said in (("GET", "/secret", "no path of the document fits"), ("PUT", "/items/7", "the path, and not the method")):
        with pytest.raises(ContractViolation, match=said) as caught:
            ask(fine, path, method=method)
        assert caught.value.code == "VELO_CONTRACT_OPERATION"


def test_what_every_application_answers_where_no_operation_is_passes() -> None:
    app = Velo(trailing_slash="redirect")
    app.install(Documented())

    @app.get("/items/{number:int}")
    async def show(number: int) -> Response:
        return Response(GOOD, 200, JSON)

    with TestClient(app, contract=True) as client:
        assert client.get("/nowhere").status_code == 404
        assert client.put("/items/7").status_code == 405
        assert client.options("/items/7").status_code in (200, 204)
        assert client.get("/items/7/").status_code in (307, 308)


@every_protocol
def test_plain_http_where_a_websocket_is_passes(protocol: ProtocolName) -> None:
    app = Velo()
    app.install(Documented())

    @app.websocket("/live/{number}")
    async def live(socket: WebSocket, number: int) -> None: ...
    @app.websocket("/files/{path}/live")
    async def live_file(socket: WebSocket, path: str) -> None: ...
    @app.get("/items/{number}")
    async def show(number: int) -> Response:
        return Response(b"", 426)

    with TestClient(app, contract=True, protocol=protocol) as client:
        assert client.get("/live/7").status_code == 426
        assert client.get("/files/tea/live").status_code == 426  # which `/files/{path}` would be, if its parameter took slashes
        with pytest.raises(ContractViolation):
            client.get("/items/7")


def test_hidden_routes_and_those_that_the_test_ignores_are_not_looked_at() -> None:
    app = Velo()
    app.install(Documented())

    @app.get("/hidden/{name}", include_in_schema=False)
    async def hidden(name: str) -> str:
        return name

    @app.get("/internal/{path:path}")
    async def internal(path: str) -> str:
        return path

    with TestClient(app, contract=Contract.of(app, ignore=["/internal/{path}"])) as client:
        assert client.get("/hidden/x").text == "x"
        assert client.get("/internal/a/b").text == "a/b"
    with TestClient(app, contract=True) as client:
        with pytest.raises(ContractViolation):
            client.get("/internal/a")
        assert client.get("/internal/a", extensions={"contract": False}).text == "a"


@every_protocol
def test_an_exception_of_the_application_comes_before_the_contract(protocol: ProtocolName) -> None:
    app = Velo()
    app.install(Documented())

    @app.get("/items/{number}")
    async def show(number: str) -> str:
        raise ZeroDivisionError

    with TestClient(app, protocol=protocol, contract=True) as client:
        with pytest.raises(ZeroDivisionError):
            client.get("/items/7")
    with TestClient(app, protocol=protocol, contract=True, raise_app_exceptions=False) as client:
        with pytest.raises(ContractViolation, match="answered with 500"):
            client.get("/items/7")


@every_protocol
def test_items_of_streams_are_looked_at_when_all_are_there(protocol: ProtocolName) -> None:
    app = Velo()
    app.install(Documented())

    @app.get("/lines")
    async def lines(request: Request) -> AsyncIterator[dict[str, object]]:
        yield {"name": "tea"}
        yield {"price": 3} if request.query_string else {"name": "salt"}

    with TestClient(app, protocol=protocol, contract=True) as client:
        assert len(client.get("/lines").text.splitlines()) == 2
        with pytest.raises(ContractViolation, match=r"item 1 of the body is not what GET /lines documents: \$: 'name' is a required"):
            client.get("/lines?x")
        with client.stream("GET", "/lines?x") as response:
            pieces = response.iter_lines()
            assert json.loads(next(pieces)) == {"name": "tea"}  # and the rest is of no interest


def test_events_have_the_fields_that_openapi_gives_them() -> None:
    app = Velo()
    app.install(Documented())

    @app.get("/lines")
    async def events(request: Request) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent("one\ntwo", id="1")
        yield ServerSentEvent("three", id=None if request.query_string else "2")

    with TestClient(app, contract=True) as client:
        client.get("/lines")
        with pytest.raises(ContractViolation, match=r"item 1 of the body .* 'id' is a required property"):
            client.get("/lines?x")


def test_a_response_has_to_be_in_one_of_several_documents() -> None:
    app, admin = Velo(), Router("/admin")
    other = {"paths": {"/items/{number}": {"get": {"responses": {"201": {"description": "Made."}}}}}}
    app.install(Documented())
    admin.install(Documented(other))

    @app.get("/items/{number:int}")
    async def show(number: int) -> Response:
        return Response(b"", number) if number > 200 else Response(GOOD, 200, JSON)

    app.include(admin)
    with TestClient(app, contract=True) as client:
        assert client.get("/items/200").status_code == 200
        assert client.get("/items/201").status_code == 201
        with pytest.raises(ContractViolation, match="answered with 202"):
            client.get("/items/202")


def test_the_documents_are_made_once_and_when_they_are_needed() -> None:
    plugin, app = Documented(), Velo()
    app.install(plugin)
    made: list[int] = []
    for _ in range(3):
        with TestClient(app, contract=True) as client:
            made.append(plugin.made)
            client.get("/nowhere")

    assert made == [0, 1, 1]
    assert plugin.made == 1


def test_a_response_of_a_real_server_can_be_checked_too() -> None:
    request = httpx2.Request("GET", "http://localhost:8000/items/7")
    contract = Contract(DOCUMENT)
    contract.check(httpx2.Response(200, headers=JSON, content=GOOD, request=request))

    with pytest.raises(ContractViolation, match=r"\$\[0\]: 'name' is a required property"):
        contract.check(httpx2.Response(200, headers=JSON, content=b"[{}]", request=request))


def test_redirects_that_are_followed_are_looked_at_too() -> None:
    app = Velo()
    app.install(Documented())

    @app.get("/items/{number}")
    async def show(number: str) -> Response:
        return Response(b"", 307, {"location": "/files/x"})

    @app.get("/files/{path}")
    async def file(path: str) -> str:
        return path

    with TestClient(app, contract=True, follow_redirects=True) as client:
        with pytest.raises(ContractViolation, match="answered with 307"):
            client.get("/items/1")


def test_an_application_without_a_document_is_told() -> None:
    with TestClient(Velo(), contract=True) as client:
        with pytest.raises(LookupError, match="no plugin has the capability 'openapi'; install"):
            client.get("/")
    with pytest.raises(TypeError, match="give its OpenAPI document"):
        Contract.of(object())


def test_without_jsonschema_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)

    with pytest.raises(ImportError, match=r"pip install 'velo-testing\[contract\]'"):
        ask(Response(GOOD, 200, JSON))


TESTS = """
import pytest
from velo_core import HTTPError, Manifest, Plugin, Velo

class Documented(Plugin):
    manifest = Manifest(name="documented", requires_api=">=0.1,<1", provides=("openapi",))
    places = {"fail": "GET /{status} (" + __file__ + ":15)"}
    responses = {"404": {"description": "No.", "content": {"*/*": {}}}}
    content = {"paths": {"/{status}": {"get": {"operationId": "fail", "responses": responses}}}}
    def install(self, router): ...
    def document(self, app): return self

app = Velo()
app.install(Documented())

@app.get("/{status:int}")
async def fail(status: int) -> None:
    raise HTTPError(status)

@pytest.fixture
def velo_app():
    return app

def test_documented(velo_client, velo_contract):
    assert velo_client.get("/404").status_code == 404

def test_undocumented(velo_client, velo_contract):
    assert velo_client.get("/410").status_code == 410

def test_does_not_ask(velo_client):
    assert velo_client.get("/410").status_code == 410
"""


@pytest.mark.parametrize(
    ("ini", "failed"), [("", {"test_undocumented"}), ("velo_contract = true", {"test_undocumented", "test_does_not_ask"})]
)
def test_a_test_asks_for_the_contract_by_its_fixture_or_all_do_by_the_configuration(tmp_path: Path, ini: str, failed: set[str]) -> None:
    (tmp_path / "test_shop.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    plugins = ["-p", "no:velo", "-p", "velo_testing.fixtures", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, "-v"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own command

    for name in ("test_documented", "test_undocumented", "test_does_not_ask"):
        for protocol in get_args(ProtocolName):
            assert f"::{name}[{protocol}] {'FAILED' if name in failed else 'PASSED'}" in done.stdout
    assert "ContractViolation: GET /410 was answered with 410, but GET /{status} (operationId 'fail') documents 404" in done.stdout


def test_a_violation_is_shown_with_the_lines_of_the_test_alone(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(TESTS)
    plugins = ["-p", "no:velo", "-p", "velo_testing.fixtures", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, "-q", "-k", "test_undocumented and asgi"]

    short = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own command
    whole = subprocess.run([*command, "--full-trace"], cwd=tmp_path, capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own command
    shown = short.partition(" FAILURES ")[2].partition(" short test summary ")[0].splitlines()

    assert len(shown) <= 14
    assert ">       assert velo_client.get" in short
    assert "E       velo_testing.errors.ContractViolation: GET /410 was answered with 410" in short
    assert "handler: test_shop.py:15" in short
    assert "httpx2" not in short
    assert "httpx2" in whole
