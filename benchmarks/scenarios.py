"""What is measured: each scenario is a stream of requests, and the answer that every contender has to give to them.

A contender whose answer differs does other work and is not measured, and neither is one that takes what it has to refuse: who does not
validate is faster. Whatever a cache could keep varies from request to request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "DOCUMENTS",
    "EVENTS",
    "EVERY_EVENT",
    "HEADERS",
    "ITEM",
    "ITEMS",
    "MESSAGE",
    "MESSAGES",
    "SCENARIOS",
    "STREAM",
    "Exchange",
    "Scenario",
    "post",
    "routed",
    "user",
]

CHUNK = b"x" * 65_536
"""A piece of the stream."""
STREAMED_BYTES = 10 * 1024 * 1024
EVENTS = 1000
"""Of one stream."""
MESSAGES = tuple(f"message {number}, as long as those of a chat" for number in range(100, 200))
"""Of one conversation."""
REFUSED = range(400, 600)
"""Some frameworks answer what they cannot read with 500, or raise. That is bad, but it is not taken for good either."""
HEADERS = tuple(f"x-header-{number}" for number in range(10))
"""Those that are read, of 14 that are sent."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and its answer.

    Attributes:
        path: With the query behind `?`, if there is one.
        headers: Besides those that every client sends.
        answer: Bytes of the body; a function that says whether it is right; any other value is compared with what the JSON in it says, and
            `None` is not looked at.
        status: The one, or all that will do.
        messages: Texts that are sent over a websocket; the same ones have to come back.
        streamed: Whether the answer comes in pieces.
    """

    path: str
    answer: object
    method: str = "GET"
    status: int | range = 200
    headers: Mapping[str, str] | None = None
    body: bytes = b""
    messages: Sequence[str] = ()
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the report.

    Attributes:
        name: Short, for the command line.
        application: What contenders are asked for: a key of their table, and how large it is.
        exchange: The i-th request.
        quick: Whether it is part of a quick run.
        refuses: Requests with something wrong. Contenders are asked once, before they are measured; the hand-written one has no checks.
        session: Whether requests carry the cookie that the first answer sets, so that its answer is the second one.
        protocol: "asgi" or "wsgi".
    """

    name: str
    application: tuple[str, int]
    exchange: Callable[[int], Exchange]
    quick: bool = True
    refuses: Sequence[Exchange] = ()
    session: bool = False
    protocol: str = "asgi"


def always(exchange: Exchange) -> Callable[[int], Exchange]:
    """The same request again and again."""
    return lambda number: exchange


# Bodies.

ITEM = {"name": "hoodie", "price": 49.99, "tags": ["a", "b"]}
ITEMS = [{"name": f"item {number}", "price": number + 0.5, "tags": ["a", "b"]} for number in range(100)]


def document(size: int) -> dict[str, Any]:
    """A JSON document of about so many bytes, and not more."""
    item = {"id": 1234, "name": "hoodie", "price": 49.99, "tags": ["a", "b"], "stock": {"here": 3, "there": None}}
    length = len(json.dumps(item, separators=(",", ":"))) + 1
    return {"items": [item] * ((size - 20) // length)}


DOCUMENTS = {"1 KiB": document(1024), "100 KiB": document(100 * 1024), "1 MiB": document(1024 * 1024)}


def post(path: str, value: object, *, answer: object = None) -> Exchange:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Exchange(path, value if answer is None else answer, "POST", 201, {"content-type": "application/json"}, body)


def broken(path: str) -> Sequence[Exchange]:
    """Items that are none."""
    bodies = (b'{"price":1,"tags":[]}', b'{"name":"a","price":"much"}', b'{"name":"a","price":1,"tags":[{}]}', b'{"name":"a",')
    return [Exchange(path, None, "POST", REFUSED, {"content-type": "application/json"}, body) for body in bodies]


def events(body: bytes) -> bool:
    """Whether a stream has every event, with its id and its data (HTML Living Standard, section 9.2)."""
    found: list[tuple[str, object]] = []
    for event in "\n".join(body.decode().splitlines()).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["id"], json.loads(fields["data"])))
    return found == [(str(number), {"number": number}) for number in range(EVENTS)]


def user(number: int) -> Exchange:
    return Exchange(f"/users/{1000 + number}?verbose=true&page=3", {"user_id": 1000 + number, "verbose": True, "page": 3})


def routed(route: int) -> Callable[[int], Exchange]:
    return lambda number: Exchange(f"/route-{route}/{number + 7}", {"item_id": number + 7})


def routes() -> Sequence[Scenario]:
    found: list[Scenario] = []
    for size in (10, 100, 1000, 10_000):
        for place, route in (("first", 0), ("middle", size // 2), ("last", size - 1)):
            quick = size == 1000 and place != "middle"
            found.append(Scenario(f"route {place} of {size}", ("routes", size), routed(route), quick=quick))
    return found


BASIC = ("basic", 0)
WSGI = ("wsgi", 0)
STREAM = Exchange("/stream", CHUNK * (STREAMED_BYTES // len(CHUNK)), streamed=True)
EVERY_EVENT = Exchange("/events", events, streamed=True)
MESSAGE = {"message": "Hello, World!"}

NO_USERS = [Exchange(path, None, status=REFUSED) for path in ("/users/x?page=3", "/users/1?verbose=true&page=zero")]

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("plaintext", BASIC, always(Exchange("/plaintext", b"Hello, World!"))),
        Scenario("json", BASIC, always(Exchange("/json", MESSAGE))),
        Scenario("params", BASIC, user, refuses=NO_USERS),
        Scenario("body", BASIC, always(post("/items", ITEM)), refuses=broken("/items")),
        Scenario("body pydantic", BASIC, always(post("/pydantic", ITEM)), refuses=broken("/pydantic")),
        Scenario("dependencies", BASIC, always(Exchange("/dependencies", {"sum": 6}))),
        Scenario("not found", BASIC, lambda number: Exchange(f"/nope-{number}", None, status=404)),
        Scenario("headers", BASIC, always(Exchange("/headers", list(HEADERS), headers={name: name for name in HEADERS}))),
        Scenario("cookies", BASIC, always(Exchange("/cookies", {"theme": "dark"}, headers={"cookie": "id=1; theme=dark; seen=yes"}))),
        Scenario("session", ("session", 0), always(Exchange("/session", {"visits": 2})), session=True),
        Scenario("list of 100", BASIC, always(Exchange("/list", ITEMS))),
        Scenario("list of 100 pydantic", BASIC, always(Exchange("/list-pydantic", ITEMS))),
        *(Scenario(f"json {size}", BASIC, always(post("/documents", value)), quick=size == "100 KiB") for size, value in DOCUMENTS.items()),
        Scenario("1000 events", BASIC, always(EVERY_EVENT)),
        Scenario("100 echoes", BASIC, always(Exchange("/echo", None, messages=MESSAGES))),
        Scenario("stream 10 MiB", BASIC, always(STREAM), quick=False),
        *(Scenario(f"middleware x {count}", ("middleware", count), always(Exchange("/json", MESSAGE))) for count in (0, 1, 5)),
        Scenario("10 unused plugins", ("plugins", 10), always(Exchange("/json", MESSAGE))),
        *routes(),
        Scenario("wsgi plaintext", WSGI, always(Exchange("/plaintext", b"Hello, World!")), protocol="wsgi"),
        Scenario("wsgi json", WSGI, always(Exchange("/json", MESSAGE)), protocol="wsgi"),
        Scenario("wsgi params", WSGI, user, refuses=NO_USERS, protocol="wsgi"),
        Scenario("wsgi body", WSGI, always(post("/items", ITEM)), refuses=broken("/items"), protocol="wsgi"),
        Scenario("wsgi not found", WSGI, lambda number: Exchange(f"/nope-{number}", None, status=404), protocol="wsgi"),
    )
}
