"""What Velo logs, how it is written, and the ids of requests."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_core import REQUEST_ID, BackgroundTasks, JSONFormatter, Request, RequestIDs, Response, Router, Secret, SetupError, Velo, WebSocket
from velo_testing import TestClient

Serve = Callable[..., TestClient]
ID = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, object]]]]:
    """The lines of JSON that were logged so far."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def failing(**options: object) -> Velo:
    app = Velo(**options)  # pyright: ignore[reportArgumentType]: each test gives what fits
    router = Router("/shop")

    @router.get("/items/{item}")
    async def item(item: str) -> str:
        raise ValueError(item)

    app.include(router)
    return app


# Records.


def test_a_500_is_logged_once_with_what_is_known_of_the_request(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    serve(failing(), raise_app_exceptions=False).get("/shop/items/1?token=hidden", headers={"authorization": "hidden"})
    (record,) = caplog.records
    said = vars(record)

    assert record.name == "velo.request"
    assert {name: said[name] for name in ("method", "path", "route", "status", "request_id")} == {
        "method": "GET",
        "path": "/shop/items/1",
        "route": "/shop/items/{item}",
        "status": 500,
        "request_id": None,
    }
    assert "hidden" not in repr(said)


@pytest.mark.parametrize("text", ["%0aERROR:root:forged", "%1b[2J", "%c2%9b2J", "%e2%80%a8x", "%0d"])
def test_a_path_forges_no_line_and_speaks_to_no_terminal(serve: Serve, caplog: pytest.LogCaptureFixture, text: str) -> None:
    serve(failing(), raise_app_exceptions=False).get(f"/shop/items/{text}")
    (record,) = caplog.records

    for written in (record.getMessage(), vars(record)["path"], vars(record)["method"]):
        assert written.isprintable(), written


def test_an_answer_that_is_no_mistake_of_ours_is_not_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = failing(request_ids=RequestIDs())
    client = serve(app)

    assert [client.get("/nowhere").status_code, client.post("/shop/items/1").status_code] == [404, 405]
    assert caplog.records == []


# JSON.


def test_a_record_is_one_line_of_json(serve: Serve, lines: Callable[[], list[dict[str, object]]]) -> None:
    serve(failing(request_ids=RequestIDs(trust_header=True)), raise_app_exceptions=False).get(
        "/shop/items/%0Aé", headers={"x-request-id": "abc-1"}
    )
    (line,) = lines()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", str(line.pop("time")))
    assert "ValueError" in str(line.pop("exception"))
    assert line == {
        "level": "ERROR",
        "logger": "velo.request",
        "message": "GET '/shop/items/\\né' failed",
        "method": "GET",
        "path": "/shop/items/\\né",
        "route": "/shop/items/{item}",
        "status": 500,
        "request_id": "abc-1",
    }


@given(st.text(), st.dictionaries(st.text() | st.integers(), st.text() | st.floats() | st.binary() | st.none()))
def test_whatever_is_logged_it_is_one_line_of_ascii(text: str, value: dict[object, object]) -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": (text,), "name": text, "value": value, "key": Secret(text)})
    line = JSONFormatter().format(record)

    assert line.isascii()
    assert "\n" not in line
    assert "\r" not in line
    assert json.loads(line)["message"] == text
    assert json.loads(line)["key"] == "********"


def test_what_has_no_form_in_json_is_written_all_the_same() -> None:
    round_and_round: list[object] = []
    round_and_round.append(round_and_round)
    record = logging.makeLogRecord({"msg": "x", "value": round_and_round, "odd": {(1, 2): 3}, "stack_info": "Stack"})

    assert json.loads(JSONFormatter().format(record))["value"] == "[[...]]"
    assert json.loads(JSONFormatter().format(record))["stack"] == "Stack"


# Ids.


def test_every_response_has_an_id_of_its_own(serve: Serve) -> None:
    app = failing(request_ids=RequestIDs())

    @app.get("/id")
    async def show(request: Request) -> str:
        return request[REQUEST_ID]

    @app.get("/plain")
    def plain() -> str:
        return "x"

    @app.get("/stream")
    async def stream() -> AsyncIterator[bytes]:
        yield b"x"

    @app.get("/typed/{number:int}")
    async def typed(number: int, limit: int) -> int:
        return number

    client = serve(app, raise_app_exceptions=False)
    responses = [client.get(path) for path in ("/id", "/plain", "/stream", "/typed/1", "/nowhere", "/shop/items/1")]
    responses += [client.post("/plain"), client.options("/plain"), client.head("/plain")]

    assert [one.status_code for one in responses] == [200, 200, 200, 422, 404, 500, 405, 204, 200]
    ids = [one.headers["x-request-id"] for one in responses]
    assert all(map(ID.fullmatch, ids))
    assert len(set(ids)) == len(ids)
    assert responses[0].text == ids[0]


@pytest.mark.parametrize("brought", ["", " ", "a" * 129, "a b", "a\tb", "é", "<script>", 'a"b', "a,b", "a;b"])
def test_an_id_that_is_not_sound_is_not_taken_over(serve: Serve, brought: str) -> None:
    client = serve(failing(request_ids=RequestIDs(trust_header=True)))

    assert ID.fullmatch(client.get("/nowhere", headers=[(b"x-request-id", brought.encode("latin-1"))]).headers["x-request-id"])


def test_a_sound_id_is_taken_over_only_if_the_header_is_trusted(serve: Serve) -> None:
    headers = {"x-trace": "Root=1-67891233:abc@x/y+z.0_1"}
    trusting = serve(failing(request_ids=RequestIDs(header="X-Trace", trust_header=True)))
    wary = serve(failing(request_ids=RequestIDs(header="X-Trace")))

    assert trusting.get("/nowhere", headers=headers).headers["x-trace"] == headers["x-trace"]
    assert ID.fullmatch(wary.get("/nowhere", headers=headers).headers["x-trace"])


def test_two_ids_are_none(serve: Serve, protocol: str) -> None:
    client = serve(failing(request_ids=RequestIDs(trust_header=True)))
    got = client.get("/nowhere", headers=[("x-request-id", "a"), ("x-request-id", "b")]).headers["x-request-id"]

    assert ID.fullmatch(got)


def test_ids_are_made_as_the_application_wants(serve: Serve) -> None:
    assert serve(failing(request_ids=RequestIDs(make=lambda: "mine"))).get("/nowhere").headers["x-request-id"] == "mine"


def test_middleware_and_what_runs_after_the_response_know_the_id(serve: Serve, lines: Callable[[], list[dict[str, object]]]) -> None:
    seen: list[str] = []

    async def outer(request: Request, call_next: Callable[[Request], object]) -> Response:
        seen.append(request[REQUEST_ID])
        return await call_next(request)  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]: as any middleware

    app = Velo(request_ids=RequestIDs(), middleware=[outer])

    def later() -> None:
        raise ValueError("late")

    @app.get("/")
    async def index(tasks: BackgroundTasks) -> str:
        logging.getLogger("shop").error("here")
        tasks.add(later)
        return "x"

    client = serve(app, raise_app_exceptions=False)
    value = client.get("/").headers["x-request-id"]
    client.close()

    assert seen == [value]
    assert [(line["logger"], line["request_id"]) for line in lines()] == [("shop", value), ("velo.background", value)]


def test_a_response_that_cannot_be_sent_is_logged_with_the_id(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = Velo(request_ids=RequestIDs(make=lambda: "mine"))

    @app.get("/")
    async def index() -> Response:
        response = Response("x")
        response.status_code = 99
        return response

    answer = serve(app, raise_app_exceptions=False).get("/")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine"
    (record,) = caplog.records
    assert (record.name, vars(record)["status"], vars(record)["request_id"]) == ("velo.request", 500, "mine")


def test_a_response_that_has_an_id_already_gets_no_second_one(serve: Serve) -> None:
    """As the one of an application behind this one: the logs have ours."""
    app = Velo(request_ids=RequestIDs(make=lambda: "mine"))
    kept = Response("x", headers={"x-request-id": "theirs"})

    @app.get("/")
    async def index() -> Response:
        return kept

    client = serve(app)
    assert [client.get("/").headers.get_list("x-request-id") for _ in range(2)] == [["mine"], ["mine"]]


def test_a_websocket_has_an_id(serve: Serve, protocol: str) -> None:
    if protocol == "wsgi":
        pytest.skip("WSGI has no websockets")
    app = Velo(request_ids=RequestIDs(make=lambda: "mine"))

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket[REQUEST_ID])

    with serve(app).websocket_connect("/") as socket:
        assert socket.receive_text() == "mine"


def test_without_ids_a_plan_is_as_it_was() -> None:
    plain, with_ids = Velo(), Velo(request_ids=RequestIDs())
    for app in (plain, with_ids):

        @app.get("/")
        async def index() -> str:
            return "x"

    assert "RequestIDs" in with_ids.plan("GET", "/").source
    assert "RequestIDs" not in plain.plan("GET", "/").source
    assert "call_1" not in plain.plan("GET", "/").source


def test_without_ids_the_slot_is_not_declared(serve: Serve) -> None:
    app = Velo()

    @app.get("/")
    async def index(request: Request) -> str:
        return str(request.get_slot(REQUEST_ID))

    assert serve(app).get("/").text == "None"
    with pytest.raises(SetupError, match="is not declared"):
        app[REQUEST_ID] = "x"


def test_a_header_that_is_none_is_refused() -> None:
    for header in ("", "x y", "x:", "é"):
        with pytest.raises(SetupError, match="is no name of a header"):
            RequestIDs(header=header)
