"""`examples/hunt.py` over real sockets: whatever the server, the same status and the same bytes."""

import json
import time
from collections.abc import Iterator
from typing import cast

import pytest

from tests.examples.servers import SERVERS, Answer, Server, serving

JSON = {"content-type": "application/json"}
PROBLEM = "application/problem+json"

Asked = tuple[str, str, dict[str, str], bytes | None]

REQUESTS: dict[str, Asked] = {
    "index": ("GET", "/", {}, None),
    "first page": ("GET", "/items", {}, None),
    "another page": ("GET", "/items?page=3&size=2", {"x-request-id": "abc"}, None),
    "user": ("GET", "/users/42", {}, None),
    "new item": ("POST", "/items", JSON, b'{"name": "lamp", "price": 12.5, "tags": ["new"]}'),
    "two values out of bounds": ("GET", "/items?page=0&size=1000", {}, None),
    "full-width digits": ("GET", "/users/%EF%BC%91%EF%BC%92", {}, None),
    "underscore in a number": ("GET", "/users/1_000", {}, None),
    "spaces around a number": ("GET", "/users/%207%20", {}, None),
    "a word for a number": ("GET", "/users/abc", {}, None),
    "ten thousand digits": ("GET", "/users/" + "9" * 10_000, {}, None),
    "encoded slash": ("GET", "/users/a%2Fb", {}, None),
    "wrong method": ("DELETE", "/items", {}, None),
    "allowed methods": ("OPTIONS", "/items", {}, None),
    "unknown path": ("GET", "/nothing/here", {}, None),
    "head": ("HEAD", "/items", {}, None),
    "broken JSON": ("POST", "/items", JSON, b'{"name": "lamp", '),
    "text for JSON": ("POST", "/items", {"content-type": "text/plain"}, b'{"name": "lamp", "price": 1}'),
    "all fields wrong": ("POST", "/items", JSON, b'{"name": "", "price": -1, "tags": [1]}'),
    "nested too deep": ("POST", "/items", JSON, b"[" * 100_000),
    "too large": ("POST", "/items", {**JSON, "content-length": "1100000"}, None),  # refused before a byte of it is sent
    "still alive": ("GET", "/users/1", {}, None),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param, "hunt") as running:
        yield running


@pytest.fixture(scope="module")
def answers(server: Server) -> dict[str, Answer]:
    return {name: server.ask(*asked) for name, asked in REQUESTS.items()}


@pytest.fixture(scope="module")
def transcripts() -> dict[str, tuple[int, bytes]]:
    """Status and body that the first server gave to each request."""
    return {}


def problem(answer: Answer) -> dict[str, object]:
    assert answer.headers["content-type"] == PROBLEM
    document = json.loads(answer.body)
    assert document["status"] == answer.status
    return document


def places(answer: Answer) -> list[tuple[object, ...]]:
    errors = cast("list[dict[str, list[object]]]", problem(answer)["errors"])
    return [(*error["loc"], error["code"]) for error in errors]


@pytest.mark.parametrize("name", REQUESTS)
def test_every_server_gives_the_same_status_and_bytes(
    name: str, answers: dict[str, Answer], transcripts: dict[str, tuple[int, bytes]]
) -> None:
    answer = answers[name]

    assert transcripts.setdefault(name, (answer.status, answer.body)) == (answer.status, answer.body)


def test_good_requests_are_served(answers: dict[str, Answer]) -> None:
    assert json.loads(answers["index"].body) == {"name": "hunt", "items": "/items"}
    assert [item["id"] for item in json.loads(answers["first page"].body)] == list(range(1, 21))
    assert json.loads(answers["another page"].body) == [
        {"id": 5, "name": "Item 5", "price": 7.5},
        {"id": 6, "name": "Item 6", "price": 9.0},
    ]
    assert json.loads(answers["user"].body) == {"id": 42, "name": "User 42"}
    assert (answers["new item"].status, json.loads(answers["new item"].body)) == (201, {"name": "lamp", "price": 12.5, "tags": ["new"]})


def test_all_values_out_of_bounds_are_listed_in_one_problem(answers: dict[str, Answer]) -> None:
    answer = answers["two values out of bounds"]

    assert answer.status == 422
    assert places(answer) == [("query", "page", "ge"), ("query", "size", "le")]


@pytest.mark.parametrize(
    "name", ["full-width digits", "underscore in a number", "spaces around a number", "a word for a number", "ten thousand digits"]
)
def test_what_is_not_plainly_a_number_is_refused(name: str, answers: dict[str, Answer]) -> None:
    assert answers[name].status == 422
    assert places(answers[name]) == [("path", "user_id", "type")]


def test_an_encoded_slash_does_not_make_two_segments(answers: dict[str, Answer]) -> None:
    assert answers["encoded slash"].status == 404
    assert answers["encoded slash"].body == answers["unknown path"].body


def test_a_wrong_method_is_told_the_right_ones(answers: dict[str, Answer]) -> None:
    assert answers["wrong method"].status == 405
    assert answers["wrong method"].headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (answers["allowed methods"].status, answers["allowed methods"].body) == (204, b"")
    assert answers["allowed methods"].headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_head_has_the_headers_of_get_and_no_body(answers: dict[str, Answer]) -> None:
    get, head = answers["first page"], answers["head"]

    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "content-length", "ratelimit-policy"):
        assert head.headers[name] == get.headers[name]


def test_bodies_that_cannot_be_read_are_refused(answers: dict[str, Answer]) -> None:
    assert answers["broken JSON"].status == 400
    assert answers["nested too deep"].status == 400
    assert answers["text for JSON"].status == 415
    assert answers["too large"].status == 413
    assert answers["all fields wrong"].status == 422
    assert [place[:-1] for place in places(answers["all fields wrong"])] == [("body", "name"), ("body", "price"), ("body", "tags", 0)]
    for name in ("broken JSON", "nested too deep", "text for JSON", "too large", "unknown path", "wrong method"):
        problem(answers[name])


def test_the_process_lives_after_all_that(answers: dict[str, Answer]) -> None:
    assert answers["still alive"].status == 200


@pytest.mark.parametrize("name", SERVERS)
def test_the_request_after_the_sixtieth_is_refused(name: str) -> None:
    """The bucket fills by one each second, so a slow machine may be allowed a few more."""
    with serving(name, "hunt") as server:
        started = time.monotonic()
        served = 0
        while (answer := server.ask("GET", "/items")).status == 200:
            served += 1
        elapsed = time.monotonic() - started

    assert 60 <= served <= 60 + elapsed
    assert answer.status == 429
    assert problem(answer)["title"]
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["ratelimit-policy"] == '"per-minute";q=60;w=60'
    assert answer.headers["ratelimit"].startswith('"per-minute";r=0;t=')
