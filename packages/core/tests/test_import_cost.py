"""What is installed beside velo-core does not matter until somebody asks for it by name. Counted, not timed."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import velo_core

PROGRAM = """
import json, sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
from velo_core import Velo
app = Velo()

@app.get("/")
async def index() -> str:
    return "index"

app.freeze()
print(json.dumps({"modules": sorted(sys.modules), "opened": [path for path in opened if "dist-info" in path]}))
"""


def report(*folders: Path) -> dict[str, list[str]]:
    """What is imported, and which metadata is opened, when an application starts in a process of its own."""
    paths = [str(folder) for folder in folders]
    program = f"import sys; sys.path[:0] = {paths!r}\n{PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return json.loads(done.stdout)


@pytest.fixture
def fifty(tmp_path: Path) -> Path:
    """A folder with 50 distributions that offer plugins and commands, and do harm when they are imported."""
    for number in range(50):
        info = tmp_path / f"velo_idle_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: velo-idle-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[velo.plugins]\nidle-{number} = velo_idle_{number}:Idle\n[velo.commands]\nidle-{number} = velo_idle_{number}:idle\n"
        )
        (tmp_path / f"velo_idle_{number}.py").write_text("raise SystemExit('imported')\n")
    return tmp_path


def test_fifty_distributions_that_are_only_there_are_neither_imported_nor_read(fifty: Path) -> None:
    without, beside = report(), report(fifty)

    assert beside["modules"] == without["modules"]
    assert beside["opened"] == without["opened"] == []
    assert "importlib.metadata" not in beside["modules"]


# What only some applications use, and what it brings along.
SELDOM = {
    "velo_core.config",
    "velo_core.configuration",
    "velo_core.contributions",
    "velo_core.conversation",
    "velo_core.description",
    "velo_core.extractors",
    "velo_core.files",
    "velo_core.generators",
    "velo_core.hosts",
    "velo_core.installing",
    "velo_core.interpret",
    "velo_core.mounting",
    "velo_core.negotiation",
    "velo_core.operations",
    "velo_core.options",
    "velo_core.plugin",
    "velo_core.protocols.rsgi",
    "velo_core.protocols.wsgi",
    "velo_core.proxies",
    "velo_core.sse",
    "velo_core.tables",
    "velo_core.versioning",
    "velo_core.websocket",
    "dataclasses",
    "ipaddress",
    "pathlib",
    "queue",
    "urllib.parse",
}
START = """
async def start(app):
    ready, end = asyncio.Event(), asyncio.Event()
    first = [{"type": "lifespan.startup"}]

    async def receive():
        if not first:
            await end.wait()
        return first.pop() if first else {"type": "lifespan.shutdown"}

    async def send(message):
        ready.set()

    async def stop():
        end.set()
        await lifespan

    lifespan = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    await ready.wait()
    return set(sys.modules), stop
"""
SERVING = """
import json, sys
import msgspec
before = set(sys.modules)
from velo_core import Velo
imported = set(sys.modules) - before
import asyncio
app = Velo()

@app.get("/items/{item_id}")
async def item(item_id: int, verbose: bool = False) -> dict[str, int]:
    return {"item_id": item_id}

sent = []

async def send(message):
    sent.append(message)

async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}

async def serve():
    started, stop = await start(app)
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/items/7",
             "raw_path": b"/items/7", "query_string": b"verbose=true", "root_path": "", "headers": [(b"host", b"localhost")],
             "client": ("127.0.0.1", 5000), "server": ("127.0.0.1", 8000)}
    await app(scope, receive, send)
    await app(scope | {"path": "/nothing", "raw_path": b"/nothing"}, receive, send)
    late = set(sys.modules) - started
    await stop()
    statuses = [one["status"] for one in sent if "status" in one]
    return {"imported": sorted(imported), "late": sorted(late), "all": sorted(sys.modules), "statuses": statuses}

print(json.dumps(asyncio.run(serve())))
"""


def served() -> dict[str, list[str]]:
    """What is imported by an application that serves a request, in a process of its own, and when."""
    # Without `site`, which may import anything.
    program = f"import sys; sys.path = {sys.path!r}\n{START}{SERVING}"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return json.loads(done.stdout)


def test_what_most_applications_do_not_use_is_not_imported() -> None:
    found = served()

    assert found["statuses"] == [200, 404]
    assert SELDOM & {*found["all"]} == set()
    ours = [name for name in found["all"] if name.startswith("velo_core")]
    assert len(ours) <= 96, ours


def test_importing_the_application_brings_what_registers_and_no_event_loop() -> None:
    imported = served()["imported"]
    ours = [name for name in imported if name.startswith("velo_core")]

    assert "asyncio" not in imported
    assert len(ours) <= 17, ours
    assert len(imported) - len(ours) <= 5, imported


EVERYTHING = """
import asyncio, json, sys
from typing import Annotated, Literal
import msgspec
from velo_core import BackgroundTasks, Cookie, EventSourceResponse, FileResponse, Request, Response, ServerSentEvent, Velo, WebSocket

JSON = [(b"content-type", b"application/json")]

class Item(msgspec.Struct):
    name: str

app = Velo()

@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(sys.executable)

@app.get("/events")
async def events():
    yield ServerSentEvent("one")

@app.get("/stream", response_class=EventSourceResponse)
def stream():
    yield "one"

@app.post("/item", produces=("application/json", "application/msgpack"))
async def item(request: Request, item: Item, seen: Annotated[str, Cookie()] = "") -> Item:
    request.response_headers["x-seen"] = seen
    return item

@app.get("/cookie")
async def cookie(background: BackgroundTasks) -> Response:
    response = Response(b"")
    response.set_cookie("a", "b", max_age=3)
    return response

@app.get("/tenant", host="{tenant}.example.com")
async def tenant(tenant: str) -> str:
    return tenant

@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())

sent = []

async def send(message):
    sent.append(message)

def asked(path, method="GET", host="localhost", headers=(), body=b""):
    inbox = [{"type": "http.request", "body": body, "more_body": False}]
    async def receive():
        return inbox.pop() if inbox else await asyncio.Event().wait()
    return {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [(b"host", host.encode()), *headers],
            "client": ("127.0.0.1", 5000), "server": ("127.0.0.1", 8000)}, receive, send

async def serve():
    started, stop = await start(app)
    for path in ("/file", "/events", "/stream", "/cookie", "/nothing"):
        await app(*asked(path))
    await app(*asked("/file", headers=[(b"range", b"bytes=0-4"), (b"if-none-match", b'"x"')]))
    choosing = [*JSON, (b"cookie", b"seen=yes"), (b"accept", b"application/msgpack")]
    await app(*asked("/item", "POST", headers=choosing, body=b'{"name": "x"}'))
    await app(*asked("/item", "POST", headers=JSON, body=b'{"name": 1}'))
    await app(*asked("/tenant", host="acme.example.com"))
    scope, _, _ = asked("/echo")
    inbox = [{"type": "websocket.receive", "text": "hi"}, {"type": "websocket.connect"}]

    async def receive():
        return inbox.pop() if inbox else await asyncio.Event().wait()

    await app(scope | {"type": "websocket", "scheme": "ws", "subprotocols": []}, receive, send)
    late = set(sys.modules) - started
    await stop()
    statuses = [one["status"] for one in sent if "status" in one]
    return {"late": sorted(late), "statuses": statuses, "sent": [one["text"] for one in sent if "text" in one]}

print(json.dumps(asyncio.run(serve())))
"""


def test_requests_import_nothing_whatever_the_application_has() -> None:
    """Not even what the start leaves out where nobody uses it."""
    done = subprocess.run([sys.executable, "-c", START + EVERYTHING], capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    found = json.loads(done.stdout)

    assert (found["statuses"], found["sent"]) == ([200, 200, 200, 200, 404, 206, 200, 422, 200], ["hi"])
    assert [name for name in found["late"] if name.startswith("velo_core")] == []


def test_requests_import_nothing() -> None:
    assert served()["late"] == []


def test_all_public_names_are_where_type_checkers_and_the_interpreter_look_for_them() -> None:
    tree = ast.parse(Path(velo_core.__file__).read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    for_checkers = {
        name.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for name in node.names if name.asname is None
    }
    places = {name: f"velo_core.{module}" for name, module in vars(velo_core)["_MODULES"].items()}

    assert sorted(velo_core.__all__) == sorted(for_checkers) == sorted(places)
    assert for_checkers == places
    for name in velo_core.__all__:
        assert getattr(velo_core, name) is getattr(importlib.import_module(places[name]), name)


def test_the_package_has_its_names_in_dir_and_star_and_no_others() -> None:
    program = "import velo_core; listed = dir(velo_core); from velo_core import *; print({*velo_core.__all__} - ({*listed} & {*globals()}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own command

    assert done.stdout == "set()\n"
    with pytest.raises(AttributeError, match="module 'velo_core' has no attribute 'Flask'"):
        getattr(velo_core, "Flask")  # noqa: B009 - type checkers know that it is not there
