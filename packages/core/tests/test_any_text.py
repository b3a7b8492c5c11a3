"""No text of a request is an error of the server, and all ways to serve it agree."""

from __future__ import annotations

import json
import types
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Protocol
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_routes import KINDS, Item, Model, kinds, many

from velo_core import Body, Cookie, Header, Path, Query, Request, Response, Velo
from velo_testing import ProtocolName, TestClient


class Serve(Protocol):
    def __call__(self, app: Velo, *, raise_app_exceptions: bool = True) -> TestClient: ...


MANY: list[object] = [*(types.GenericAlias(list, (kind,)) for kind in KINDS), set[int], tuple[int, str], tuple[float, ...]]


def fuzzed() -> Velo:
    """`/path/{n}/{value}`, `/query/{n}?value=`, `/header/{n}` and `/cookie/{n}` for every kind, and `/body/{n}`."""
    app = Velo(max_content_length=10_000)

    def give(path: str, annotation: object, method: str = "GET") -> None:
        async def show(value: object) -> object:
            return value if not isinstance(value, bytes) else repr(value)

        show.__annotations__ = {"value": annotation, "return": object}
        app.route(path, methods=(method,))(show)

    for number, kind in enumerate(KINDS):
        give(f"/path/{number}/{{value}}", Annotated[kind, Path()])
        give(f"/cookie/{number}", Annotated[kind, Cookie()])
    for number, kind in enumerate([*KINDS, *MANY]):
        give(f"/query/{number}", Annotated[kind, Query()])
        give(f"/header/{number}", Annotated[kind, Header()])
    for number, kind in enumerate(BODIES):
        give(f"/body/{number}", Annotated[kind, Body()], "POST")
    return app


class Node(msgspec.Struct):
    value: int | str | None = None
    when: datetime | None = None
    amount: Decimal | None = None
    children: list[Node] = []
    named: dict[str, Node] = {}


BODIES: list[object] = [
    Any,
    Node,
    Model,
    list[int],
    dict[int, float],
    list[Node | int],
    Annotated[list[Decimal], msgspec.Meta(max_length=3)],
]


PROTOCOLS: tuple[ProtocolName, ...] = ("asgi", "rsgi", "wsgi")


WAYS: list[tuple[ProtocolName, bool]] = [(name, interpreted) for name in PROTOCOLS for interpreted in (False, True)]


@pytest.fixture(scope="module")
def every_way() -> Any:
    """One client for each way to serve the same application."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        clients: list[TestClient] = []
        for protocol, interpreted in WAYS:
            app = fuzzed()
            app.interpreted = interpreted
            clients.append(stack.enter_context(TestClient(app, protocol=protocol)))
        yield clients


def agreed(clients: list[TestClient], method: str, target: str, **how: Any) -> tuple[int, bytes]:
    """Status and body of the answer, which are the same from all of them."""
    answers = [client.request(method, "/", extensions={"target": target.encode()}, **how) for client in clients]
    found = {(answer.status_code, answer.content, answer.headers.get("content-type")) for answer in answers}
    assert len(found) == 1, (target, how, found)
    return answers[0].status_code, answers[0].content


SEEDS = [
    "１２",
    "1_000",
    " 7 ",
    "+5",
    "1e3",
    "1.0",
    "0x1",
    "nan",
    "inf",
    "9" * 5000,
    "",
    "\0",
    "2024-05-01T10:00:00Z",
    "PT1H",
    "1e-400",
    "NaN",
    "sNaN",
]


numbers = st.from_regex(r"[-+]?[0-9_]{0,5}\.?[0-9]{0,5}([eE][-+]?[0-9]{1,12})?", fullmatch=True)


durations = st.from_regex(r"-?P([0-9]{1,12}[DWYM])?(T([0-9]{1,9}(\.[0-9]{1,9})?[HMS]){0,3})?", fullmatch=True)


texts = st.one_of(
    st.sampled_from(SEEDS),
    st.text(max_size=20),
    numbers,
    durations,
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[-+][0-9]{2}:?[0-9]{2})?)?", fullmatch=True),
    st.from_regex(r"[{]?[0-9a-fA-F-]{32,36}[}]?", fullmatch=True),
    st.sampled_from(["true", "True", "1", "0", "red", "RED", "a", "2", "-1", "null", "None"]),
)


kinds_and_many = st.integers(0, len(KINDS) + len(MANY) - 1)


@many
@given(number=kinds, text=texts)
@example(number=0, text="\ud800")
def test_any_text_in_a_path_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, text: str) -> None:
    escaped = quote(text.encode("utf-8", "surrogatepass"), safe="")
    status, _ = agreed(every_way, "GET", f"/path/{number}/{escaped}")

    assert status in (200, 404, 422)


@many
@given(number=kinds_and_many, items=st.lists(texts, max_size=3))
def test_any_text_in_a_query_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, items: list[str]) -> None:
    query = "&".join(f"value={quote(text.encode('utf-8', 'surrogatepass'), safe='')}" for text in items)
    status, _ = agreed(every_way, "GET", f"/query/{number}?{query}")

    assert status in (200, 422)


@many
@given(number=kinds_and_many, raw=st.from_regex(r"[%&=;+?/#\[\]0-9a-fvluVé-]{0,30}", fullmatch=True))
def test_any_query_string_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, raw: str) -> None:
    status, _ = agreed(every_way, "GET", f"/query/{number}?value={quote(raw, safe='%&=;+?/[]-')}")

    assert status in (200, 422)


visible = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


sendable = st.one_of(visible, numbers, durations, st.sampled_from([text for text in SEEDS if text.isascii() and text.isprintable()])).map(
    str.strip
)
"""What all servers let through in a header; what else they do differs."""


@many
@given(number=kinds_and_many, items=st.lists(sendable, max_size=3))
def test_any_text_in_a_header_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, items: list[str]) -> None:
    # On WSGI, which comes last, a header that comes several times is one, joined with commas.
    ways = every_way if len(items) < 2 else every_way[:4]
    status, _ = agreed(ways, "GET", f"/header/{number}", headers=[("value", text) for text in items])

    assert status in (200, 422)


@pytest.fixture(scope="module")
def alone_and_inside() -> Any:
    """Types that plans read in a short way when they stand alone, beside the same inside of a list, where they have only the long way."""
    app = Velo()

    @app.get("/")
    async def read(
        integer: int = 0,
        small: Annotated[int, Query(ge=-5, lt=50, multiple_of=3)] = 0,
        truth: bool = False,
        integers: Annotated[list[int], Query(alias="integer")] = [],  # noqa: B006 - copied for each request
        smalls: Annotated[list[int], Query(alias="small", ge=-5, lt=50, multiple_of=3)] = [],  # noqa: B006 - copied for each request
        truths: Annotated[list[bool], Query(alias="truth")] = [],  # noqa: B006 - copied for each request
    ) -> dict[str, Any]:
        return {"alone": [integer, small, truth], "inside": [*integers, *smalls, *truths]}

    with TestClient(app) as client:
        yield client


@many
@given(name=st.sampled_from(["integer", "small", "truth"]), text=texts | st.from_regex(r"-?[0-9]{1,25}", fullmatch=True))
@example(name="integer", text="007")
@example(name="integer", text="²")
@example(name="integer", text="9" * 4301)
@example(name="small", text="48")
def test_a_value_is_read_alike_alone_and_inside(alone_and_inside: TestClient, name: str, text: str) -> None:
    response = alone_and_inside.get("/?" + name + "=" + quote(text, errors="surrogatepass"))
    errors = [(error["message"], error["code"]) for error in response.json().get("errors", [])]

    if response.status_code == 200:
        body = response.json()
        assert body["inside"] == [body["alone"][["integer", "small", "truth"].index(name)]]
    else:
        assert response.status_code == 422
        assert len(errors) == 2
        assert len(set(errors)) == 1


@many
@given(number=kinds, items=st.lists(sendable, max_size=3))
def test_any_text_in_a_cookie_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, items: list[str]) -> None:
    status, _ = agreed(every_way, "GET", f"/cookie/{number}", headers=[("cookie", f"value={text}") for text in items])

    assert status in (200, 422)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["value", "when", "amount", "ratio", "children", "named", "1", "x"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@many
@given(
    number=st.integers(0, len(BODIES) - 1),
    value=json_values,
    cut=st.integers(0, 400),
    junk=st.sampled_from([b"", b"", b"x", b"\xff", b"]"]),
)
def test_any_body_is_answered_alike_by_all_ways(every_way: list[TestClient], number: int, value: object, cut: int, junk: bytes) -> None:
    content = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    content = content if cut > 300 else content[:cut] + junk
    status, _ = agreed(every_way, "POST", f"/body/{number}", content=content, headers={"content-type": "application/json"})

    assert status in (200, 400, 413, 422)


@many
@given(
    media_type=st.one_of(sendable, st.from_regex(r"application/[a-z.+]{0,10}json ?;? ?(charset=\"?[a-zA-Z0-9-]{0,9}\"?)?", fullmatch=True))
)
def test_any_content_type_is_answered_alike_by_all_ways(every_way: list[TestClient], media_type: str) -> None:
    status, _ = agreed(every_way, "POST", "/body/0", content=b"[1]", headers={"content-type": media_type.strip()})

    assert status in (200, 415)


def test_what_is_shown_of_a_plan_is_what_runs() -> None:
    """Names of the user's own, and nothing that the route does not use."""
    app = Velo()

    @app.post("/{item_id}")
    async def update(item_id: int, item: Item, page: Annotated[int, Query(ge=1)] = 1) -> Item:
        return item

    source = app.plan("POST", "/{item_id}").source

    for text in (
        "item_id = to_item_id(values[0], errors)",
        'page = query.get("page")',
        "await update(item_id, item, page)",
        "await receive()",
    ):
        assert text in source
    for text in ("cookies", "teardown", "request = "):
        assert text not in source


def test_a_request_and_a_response_by_any_other_name(serve: Serve) -> None:
    """Subclasses and unions of `Request` are the request, text annotations included."""
    app = Velo()

    @app.get("/")
    async def show(anything: Request, /) -> Response | None:
        return Response(anything.path)

    assert serve(app).get("/").text == "/"
