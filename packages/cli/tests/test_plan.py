"""`velo plan`, and `velo routes --hooks`."""

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
from typing import Annotated
from velo_core import Depends, Velo, WebSocket

app = Velo()

async def timing(request, call_next):
    return await call_next(request)

async def user() -> str: ...

@app.get("/items/{item_id}", middleware=[timing])
async def show(item_id: int, user: Annotated[str, Depends(user)]) -> int: ...

@app.websocket("/live")
async def live(socket: WebSocket) -> None: ...
"""


def test_the_code_that_serves_a_request_is_shown(velo: Run, write: Write) -> None:
    write("shop.py", APP)

    shown = velo("plan", "shop", "get", "/items/1").out

    assert shown.startswith("# GET /items/{item_id}\n")
    assert "await show(" in shown
    assert json.loads(velo("plan", "shop", "GET", "/items/{item_id}", "--json").out)["label"] == "GET /items/{item_id}"
    assert velo("plan", "shop", "GET", "/none").out.startswith("# 404 /\n")


def test_a_pattern_that_is_no_route_is_a_failure(velo: Run, write: Write) -> None:
    write("shop.py", APP)

    result = velo("plan", "shop", "GET", "/items/{other}")

    assert (result.status, result.err) == (1, "Error: there is no route GET /items/{other}; `velo routes` lists all\n")


def test_hooks_are_shown_in_their_order(velo: Run, write: Write) -> None:
    write("shop.py", APP)

    lines = velo("routes", "shop", "--hooks").out.splitlines()

    assert lines[0] == "GET /items/{item_id}"
    assert [line.split()[1] for line in lines[1:4]] == ["shop.timing", "shop.user", "shop.show"]
    assert lines[4] == "WEBSOCKET /live"
    assert json.loads(velo("routes", "shop", "--hooks", "--json").out)[0]["hooks"][0]["reason"] == "of the route, outermost"
