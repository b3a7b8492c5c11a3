"""`velo routes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Result

Write = Callable[[str, str], Path]
Run = Callable[..., "Result"]

APP = """
from functools import partial
from velo_core import Router, Velo

app = Velo(tags=["shop"])
items = Router("/items", name="items", tags=["items"])

@items.get("/{item_id:int}", name="show", tags=["public"])
async def show(item_id: int) -> int: ...

@items.route("/", methods=["GET", "POST"])
async def all(): ...

@items.head("/")
async def count() -> None: ...

class Save:
    async def __call__(self) -> None: ...

app.put("/save", name="save")(Save())
app.include(items)
"""


def test_a_table_shows_what_is_served_and_by_whom(velo: Run, write: Write) -> None:
    write("shop.py", APP)

    assert velo("routes", "shop").out == (
        "methods     path                  name         handler     tags\n"
        "PUT         /save                 save         shop.Save   shop\n"
        "GET (HEAD)  /items/{item_id:int}  items.show   shop.show   shop, items, public\n"
        "GET, POST   /items/               items.all    shop.all    shop, items\n"
        "HEAD        /items/               items.count  shop.count  shop, items\n"
    )


def test_json_shows_the_same_for_programs(velo: Run, write: Write) -> None:
    write("shop.py", APP)

    found = json.loads(velo("routes", "shop", "--json").out)

    assert found[1] == {
        "methods": ["GET"],
        "automatic_methods": ["HEAD", "OPTIONS"],
        "host": None,
        "path": "/items/{item_id:int}",
        "version": None,
        "name": "items.show",
        "handler": "shop.show",
        "tags": ["shop", "items", "public"],
    }
    assert [route["automatic_methods"] for route in found] == [["OPTIONS"], ["HEAD", "OPTIONS"], ["OPTIONS"], ["OPTIONS"]]


def test_an_application_without_routes_says_so(velo: Run, write: Write) -> None:
    write("shop.py", "from velo_core import Velo\napp = Velo()\n")

    assert velo("routes", "shop").out == "The application has no routes.\n"
    assert json.loads(velo("routes", "shop", "--json").out) == []


TALK = """
from velo_core import Velo, WebSocket

app = Velo()

@app.websocket("/chat")
async def chat(socket: WebSocket) -> None: ...
"""


def test_a_websocket_is_shown_as_such(velo: Run, write: Write) -> None:
    write("talk.py", TALK)

    (row,) = json.loads(velo("routes", "talk", "--json").out)

    assert (row["methods"], row["automatic_methods"], row["path"]) == (["WEBSOCKET"], [], "/chat")


SEVERAL = """
from velo_core import Router, Velo, Versioning

app = Velo(versioning=Versioning.header("api-version", default="1"))
shops = Router(host="{shop}.example.com")

@app.get("/price", version="1")
async def price() -> int: ...

@shops.get("/home")
async def home(shop: str) -> str: ...

app.include(shops)
"""


def test_hosts_and_versions_are_shown(velo: Run, write: Write) -> None:
    write("several.py", SEVERAL)

    lines = [line.split() for line in velo("routes", "several").out.splitlines()]
    found = json.loads(velo("routes", "several", "--json").out)

    assert lines[0] == ["methods", "path", "version", "name", "handler", "tags"]
    assert lines[1] == ["GET", "(HEAD)", "/price", "1", "price", "several.price"]
    assert lines[2] == ["GET", "(HEAD)", "{shop}.example.com/home", "home", "several.home"]
    assert [(row["host"], row["version"]) for row in found] == [(None, "1"), ("{shop}.example.com", None)]
    assert "GET /price version 1" in velo("routes", "several", "--hooks").out


def test_a_mount_is_shown_by_what_is_mounted(velo: Run, write: Write) -> None:
    write(
        "shop.py",
        "from velo_core import Velo\n"
        "class Admin:\n    async def __call__(self, scope, receive, send): ...\n"
        "async def old(scope, receive, send): ...\n"
        "app = Velo()\napp.mount('/admin', Admin())\napp.mount('/old', old)\n",
    )

    shown = velo("routes", "shop").out
    assert [(line.split()[0], line.split()[-1]) for line in shown.splitlines()[1:]] == [
        ("ANY", "shop.Admin"),
        ("WEBSOCKET", "shop.Admin"),
        ("ANY", "shop.old"),
        ("WEBSOCKET", "shop.old"),
    ]


PAGES = """
from velo_core import Velo

app = Velo()

@app.get("/docs")
async def docs() -> str: ...

@app.get("/docs/start.js")
async def start() -> str: ...

@app.get("/docs/page.css")
async def style() -> str: ...

start.__velo_asset__ = style.__velo_asset__ = True
"""


def test_files_of_pages_are_shown_to_those_who_ask_for_them(velo: Run, write: Write) -> None:
    write("paged.py", PAGES)

    def paths(*options: str) -> list[str]:
        return [row["path"] for row in json.loads(velo("routes", "paged", "--json", *options).out)]

    usual = velo("routes", "paged")

    assert [line.split()[2] for line in usual.out.splitlines()] == ["name", "/docs"]
    assert usual.err == "Note: 2 files of pages are not shown; --all shows them.\n"
    assert velo("routes", "paged", "--all").err == ""
    assert len(velo("routes", "paged", "--all").out.splitlines()) == 4
    assert (paths(), paths("--hooks")) == (["/docs"], ["/docs"])
    assert paths("--all") == paths("--all", "--hooks") == ["/docs", "/docs/start.js", "/docs/page.css"]
