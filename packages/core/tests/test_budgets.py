"""What a request may cost, in counts: they say the same on every machine, however busy it is.

Counted is what Velo adds. The handlers, the dependencies and the server's side stand in this file, and what runs in here is left out. Each
budget is what was measured when it was last written down, so a number that grows fails and one that shrinks may be written down anew. Time
is measured elsewhere, in `benchmarks/`.
"""

import gc
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
import pytest

from velo_core import CallNext, Depends, Header, HTTPError, Manifest, Plugin, Query, Request, Response, Router, Velo
from velo_core.protocols.asgi import ADAPTER

HERE = __file__
Call: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Serve: TypeAlias = "Callable[[Velo, Sent], Call]"


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


async def plaintext() -> str:
    return "Hello, World!"


async def data() -> dict[str, str]:
    return {"message": "Hello, World!"}


async def user(user_id: int, verbose: bool = False, page: Annotated[int, Query(ge=1)] = 2) -> dict[str, int]:
    return {"user_id": user_id, "verbose": verbose, "page": page}


async def add(item: Item) -> Item:
    return item


async def base() -> int:
    return 1


async def middle(base: Annotated[int, Depends(base)]) -> int:
    return base + 1


async def total(middle: Annotated[int, Depends(middle)], base: Annotated[int, Depends(base)]) -> dict[str, int]:
    return {"sum": middle + base}


async def host(host: Annotated[str, Header()]) -> str:
    return host


async def refuse() -> dict[str, str]:
    raise HTTPError(404, "There is no such thing.")


async def around(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


async def touch(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    response.headers.set("x-frame-options", "DENY")
    return response


async def made() -> Response:
    return Response(b"Hello, World!", headers={"cache-control": "no-store"})


async def drawn() -> Response:
    return Response("<svg/>", media_type="image/svg+xml")


async def gone() -> dict[str, str]:
    raise HTTPError(404)


def application() -> Velo:
    app = Velo()
    app.get("/plaintext")(plaintext)
    app.get("/json")(data)
    app.get("/users/{user_id}")(user)
    app.post("/items", status_code=201)(add)
    app.get("/dep")(total)
    app.get("/host")(host)
    app.get("/around", middleware=[around])(data)
    app.get("/touched", middleware=[touch])(data)
    app.get("/made")(made)
    app.get("/drawn")(drawn)
    app.get("/refused")(refuse)
    app.get("/gone")(gone)
    behind = Router("/behind", middleware=[around])
    behind.post("/items", status_code=201)(add)
    app.include(behind)
    return app


# The server's side.


class Sent(NamedTuple):
    """A request, as every protocol is told of it."""

    method: str
    path: str
    query_string: str = ""
    body: bytes = b""

    @property
    def headers(self) -> list[tuple[str, str]]:
        pairs = [("host", "127.0.0.1"), ("accept", "*/*"), ("user-agent", "test")]
        if self.body:
            pairs += [("content-type", "application/json"), ("content-length", str(len(self.body)))]
        return pairs


REQUESTS = {
    "plaintext": Sent("GET", "/plaintext"),
    "json": Sent("GET", "/json"),
    "params": Sent("GET", "/users/42", "verbose=true&page=3"),
    "body": Sent("POST", "/items", body=b'{"name":"hoodie","price":49.99,"tags":["a","b"]}'),
    "dependencies": Sent("GET", "/dep"),
    "header": Sent("GET", "/host"),
    "middleware": Sent("GET", "/around"),
    "not found": Sent("GET", "/nope"),
    "touched": Sent("GET", "/touched"),
    "made": Sent("GET", "/made"),
    "drawn": Sent("GET", "/drawn"),
    "refused": Sent("GET", "/refused"),
    "refused, no detail": Sent("GET", "/gone"),
    "body behind middleware": Sent("POST", "/behind/items", body=b'{"name":"hoodie","price":49.99,"tags":["a","b"]}'),
    "not found behind middleware": Sent("GET", "/behind/nope"),
}


def asgi(app: Velo, sent: Sent) -> Call:
    """A call of the application as an ASGI server makes it."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": sent.path,
        "raw_path": sent.path.encode(),
        "query_string": sent.query_string.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.headers],
        "client": ("127.0.0.1", 5555),
        "server": ("127.0.0.1", 8000),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": sent.body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        pass

    target: Any = app
    return lambda: target(dict(scope), receive, send)


class RSGIHeaders(dict[str, str]):
    """Only what the protocol has."""

    def get_all(self, key: str) -> list[str]:
        return [self[key]] if key in self else []


class RSGIScope:
    def __init__(self, sent: Sent) -> None:
        self.proto, self.http_version = "http", "1.1"
        self.method, self.path, self.query_string = sent.method, sent.path, sent.query_string
        self.headers = RSGIHeaders(sent.headers)


class RSGIProtocol:
    def __init__(self, sent: Sent) -> None:
        self.sent = sent

    async def __call__(self) -> bytes:
        return self.sent.body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        pass


def rsgi(app: Velo, sent: Sent) -> Call:
    """A call of the application as an RSGI server makes it."""
    scope, protocol = RSGIScope(sent), RSGIProtocol(sent)
    target: Any = app
    return lambda: target.__rsgi__(scope, protocol)


PROTOCOLS: dict[str, Serve] = {"asgi": asgi, "rsgi": rsgi}


def run(call: Call) -> None:
    """Runs a call to its end. Nothing in here waits, so it needs no event loop."""
    try:
        call().send(None)
    except StopIteration:
        return
    raise AssertionError("a request waits")


# The counters.


@contextmanager
def uncollected() -> Generator[None]:
    """Keeps garbage collections out: they come at any time, and what listens to them (Hypothesis does) would be counted."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def calls(call: Call) -> tuple[int, int]:
    """Frames and calls of other functions, of a second request: the first one makes the plans."""
    run(call)
    return calls_of(lambda: run(call))


def calls_of(action: Callable[[], object]) -> tuple[int, int]:
    """Frames and calls of other functions."""
    frames, c_calls = 0, 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal frames, c_calls
        if frame.f_code.co_filename != HERE:
            frames += event == "call"
            c_calls += event == "c_call"

    with uncollected():
        sys.setprofile(profile)
        try:
            action()
        finally:
            sys.setprofile(None)
    return frames, c_calls


if sys.version_info >= (3, 12):

    def instructions(action: Callable[[], object]) -> int:
        """The instructions of what is done."""
        monitoring, tool, count = sys.monitoring, sys.monitoring.OPTIMIZER_ID, 0

        def on_instruction(code: CodeType, offset: int) -> None:
            nonlocal count
            count += code.co_filename != HERE

        monitoring.use_tool_id(tool, "budgets")
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, on_instruction)
        with uncollected():
            monitoring.set_events(tool, monitoring.events.INSTRUCTION)
            try:
                action()
            finally:
                monitoring.set_events(tool, 0)
                monitoring.free_tool_id(tool)
        return count

else:

    def instructions(action: Callable[[], object]) -> int:
        """Python 3.11 cannot count them in passing."""
        return 0


def peak_bytes(call: Call) -> int:
    """The memory that a request holds at its worst, beyond what is there before."""
    run(call)
    tracemalloc.start()
    try:
        run(call)
        gc.collect()
        with uncollected():
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            run(call)
            return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# The budgets.


class Budget(NamedTuple):
    """What a request may cost.

    Attributes:
        frames: Python functions that start or go on.
        c_calls: Calls of functions that are not written in Python.
        instructions: Of bytecode, where Python can count them: the most of 3.12 and 3.13.
        peak_bytes: Memory at its worst, with what the server's side in this file needs.
    """

    frames: int
    c_calls: int
    instructions: int
    peak_bytes: int


BUDGETS = {
    ("asgi", "plaintext"): Budget(2, 6, 115, 1294),
    ("rsgi", "plaintext"): Budget(2, 3, 76, 576),
    ("asgi", "json"): Budget(2, 7, 129, 1441),
    ("rsgi", "json"): Budget(2, 4, 93, 704),
    ("asgi", "params"): Budget(8, 24, 370, 2066),
    ("rsgi", "params"): Budget(8, 20, 327, 1245),
    ("asgi", "body"): Budget(2, 13, 259, 1917),
    ("rsgi", "body"): Budget(5, 10, 173, 1035),
    ("asgi", "dependencies"): Budget(2, 7, 146, 1457),
    ("rsgi", "dependencies"): Budget(2, 4, 110, 744),
    ("asgi", "header"): Budget(4, 7, 161, 1420),
    ("rsgi", "header"): Budget(4, 4, 109, 720),
    ("asgi", "middleware"): Budget(3, 8, 227, 1792),
    ("rsgi", "middleware"): Budget(3, 5, 191, 1312),
    ("asgi", "not found"): Budget(3, 5, 125, 1224),
    ("rsgi", "not found"): Budget(3, 2, 85, 464),
    ("asgi", "touched"): Budget(11, 23, 484, 2532),
    ("rsgi", "touched"): Budget(11, 14, 388, 1529),
    ("asgi", "made"): Budget(15, 17, 424, 2223),
    ("rsgi", "made"): Budget(15, 10, 348, 1504),
    ("asgi", "drawn"): Budget(7, 14, 318, 2018),
    ("rsgi", "drawn"): Budget(7, 7, 242, 1175),
    ("asgi", "refused"): Budget(13, 12, 396, 2409),
    ("rsgi", "refused"): Budget(13, 6, 321, 1731),
    ("asgi", "refused, no detail"): Budget(12, 13, 407, 2254),
    ("rsgi", "refused, no detail"): Budget(12, 7, 332, 1696),
    ("asgi", "body behind middleware"): Budget(12, 17, 521, 3120),
    ("rsgi", "body behind middleware"): Budget(9, 11, 316, 1968),
    ("asgi", "not found behind middleware"): Budget(8, 18, 480, 1688),
    ("rsgi", "not found behind middleware"): Budget(8, 15, 434, 1144),
}
MORE_FRAMES, MORE_BYTES = (2, 400) if sys.version_info < (3, 12) else (0, 64)
"""On Python 3.11 the application is a coroutine function, and a comprehension is a function of its own."""
MORE_START_FRAMES = 18 if sys.version_info < (3, 12) else 0
"""Of comprehensions, as above."""
each_protocol = pytest.mark.parametrize("serve", PROTOCOLS.values(), ids=PROTOCOLS)


@pytest.mark.parametrize(("protocol", "case"), BUDGETS)
def test_a_request_costs_no_more_than_its_budget(protocol: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velo_core.headers._known_names", {})  # other tests may have filled it, and it has bounds
    call, budget = PROTOCOLS[protocol](application(), REQUESTS[case]), BUDGETS[protocol, case]
    frames, c_calls = calls(call)

    assert frames <= budget.frames + MORE_FRAMES
    assert c_calls <= budget.c_calls
    assert instructions(lambda: run(call)) <= budget.instructions
    assert peak_bytes(call) <= budget.peak_bytes + MORE_BYTES


@each_protocol
def test_a_route_costs_the_same_among_a_thousand_with_ids_that_vary(serve: Serve) -> None:
    app = Velo()
    for number in range(1000):
        app.get(f"/things-{number}/{{user_id}}")(user)
    paths = [f"/things-{number}/{number + 7}" for number in (0, 500, 999)]
    first, *others = (calls(serve(app, Sent("GET", path))) for path in paths)

    assert others == [first, first]


@each_protocol
def test_what_a_route_does_not_use_costs_it_nothing(serve: Serve) -> None:
    """Neither plugins beside it, nor middleware, exception handlers and providers that are not for it."""

    class Unused(Plugin):
        manifest = Manifest(name="unused", requires_api=">=0.1,<1")

        def install(self, router: Router) -> None:
            below = Router(prefix="/below", middleware=[around])
            below.get("/")(data)
            router.include(below)
            router.provide(Item, lambda: Item("shirt", 1.0))

    crowded = application()
    for number in range(10):
        aside = Router(prefix=f"/aside-{number}")
        aside.install(Unused())
        crowded.include(aside)

    for sent in REQUESTS.values():
        assert calls(serve(crowded, sent)) == calls(serve(application(), sent))


@each_protocol
def test_requests_leave_nothing_behind(serve: Serve) -> None:
    """No cache is filled by what clients send: paths, queries, headers, bodies and errors of all sorts."""
    app = application()

    def crowd(start: int) -> None:
        for number in range(start, start + 300):
            run(serve(app, Sent("GET", f"/users/{number}", f"page={number}")))
            run(serve(app, Sent("GET", f"/users/x{number}", f"page=x{number}")))
            run(serve(app, Sent("GET", f"/nope-{number}/{number}")))
            run(serve(app, Sent("POST", "/items", body=b'{"name":"%d","price":%d}' % (number, number))))
            run(serve(app, Sent("POST", "/items", body=b"{%d" % number)))
            run(serve(app, Sent("PUT", "/items", body=b"%d" % number)))

    crowd(0)
    gc.collect()
    before = sys.getallocatedblocks()
    crowd(10_000)
    gc.collect()

    assert sys.getallocatedblocks() - before < 100


# The start.


class StartBudget(NamedTuple):
    """What one more route may cost until the first request, with a handler of its own, whose types and dependencies others have too.

    Attributes:
        register: Frames of the decorator.
        frames: Python functions, of `freeze` and of the table of a protocol.
        c_calls: Calls of functions that are not written in Python.
        instructions: Of bytecode, where Python can count them.
    """

    register: int
    frames: int
    c_calls: int
    instructions: int


SMALL = """
def add(app, number):
    @app.get(f"/route-{number}/{{item_id}}")
    async def item(item_id: int) -> dict[str, int]: ...

    item.__name__ = f"item_{number}"
"""
LARGE = """
def add(app, number):
    @app.put(f"/route-{number}/{{item_id}}")
    async def item(
        item_id: int,
        item: Item,
        total: Annotated[dict[str, int], Depends(total)],
        page: Annotated[int, Query(ge=1, le=100)] = 1,
        search: Annotated[str, Query(max_length=50)] = "",
    ) -> Item: ...
"""
AS_TEXT = "from __future__ import annotations"
STARTS = {
    "small": (SMALL, StartBudget(12, 59, 95, 2215)),
    "large": (LARGE, StartBudget(23, 196, 335, 6430)),
    "small, with annotations as text": (AS_TEXT + SMALL, StartBudget(12, 58, 95, 2170)),
    "large, with annotations as text": (AS_TEXT + LARGE, StartBudget(12, 196, 350, 6550)),
}


def routes(source: str, number: int) -> Velo:
    """An application with as many routes, each with a handler of its own."""
    names: dict[str, Any] = {"Annotated": Annotated, "Depends": Depends, "Query": Query, "Item": Item, "total": total}
    exec(compile(source, HERE, "exec", dont_inherit=True), names)  # noqa: S102 - the source above
    app = Velo()
    for one in range(number):
        names["add"](app, one)
    return app


def frames_of_start(source: str, number: int) -> tuple[int, int]:
    """Frames and other calls of the start of so many routes."""
    app = routes(source, number)
    return calls_of(lambda: start(app))


def start(app: Velo) -> None:
    """All that is done for a route that is not asked for."""
    app.freeze()
    app.bind(ADAPTER)


@pytest.mark.parametrize("case", STARTS)
def test_another_route_costs_no_more_at_the_start_than_its_budget(case: str) -> None:
    source, budget = STARTS[case]
    few, many = routes(source, 10), routes(source, 20)
    start(routes(source, 10))  # what is found out once per process
    executed = instructions(lambda: start(many)) - instructions(lambda: start(few))
    registered = calls_of(lambda: routes(source, 20))[0] - calls_of(lambda: routes(source, 10))[0]
    (few_frames, few_c_calls), (many_frames, many_c_calls) = frames_of_start(source, 10), frames_of_start(source, 20)

    assert registered / 10 <= budget.register
    assert (many_frames - few_frames) / 10 <= budget.frames + MORE_START_FRAMES
    assert (many_c_calls - few_c_calls) / 10 <= budget.c_calls
    assert executed / 10 <= budget.instructions


@pytest.mark.parametrize("case", STARTS)
def test_a_route_costs_the_same_at_the_start_among_many(case: str) -> None:
    source, _ = STARTS[case]
    start(routes(source, 10))  # what is found out once per process
    few, more, many = (frames_of_start(source, number)[0] for number in (10, 20, 400))

    assert (many - more) / 380 == (more - few) / 10
