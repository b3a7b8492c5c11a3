# /// script
# dependencies = ["velo-core"]
# ///
"""Several sites in one process: hosts, versions, and applications of other kinds below a path.

Run it with `velo run sites:app` in this folder, and look with `curl -H 'Host: acme.example.com' localhost:8000/`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from velo_core import Deprecation, Request, Router, StreamingResponse, Velo, Versioning

Message = MutableMapping[str, Any]


# An application of its own.


@asynccontextmanager
async def lifespan(app: Velo) -> AsyncGenerator[None]:
    """Stands for a pool of connections."""
    STATE["reports"] = "open"
    yield
    STATE["reports"] = "closed"


STATE: dict[str, str] = {"reports": "not started"}
reports = Velo(lifespan=lifespan)


@reports.get("/{name}", name="show")
async def show(name: str, request: Request) -> list[str]:
    """A report, and where the next one is."""
    return [name, STATE["reports"], request.url_for("show", name="next one")]


@reports.get("/{name}/lines")
async def lines(name: str) -> StreamingResponse:
    """A report, line by line."""

    async def content() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{name} {number}\n"

    return StreamingResponse(content(), media_type="text/plain")


# Two that are not made with Velo.


async def raw(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    """An ASGI application."""
    body = f"{scope['root_path']} {scope['path']} {scope['scheme']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def legacy(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]


# The sites.

OLD = Deprecation(date(2026, 1, 1), sunset=date(2027, 1, 1), successor="/v2/price")

app = Velo(trusted_proxies=["127.0.0.1"], versioning=Versioning.path(deprecated={"1": OLD}), trailing_slash="redirect")
shops = Router(host="{shop}.example.com", name="shops")


@shops.get("/")
async def front(shop: str, request: Request) -> list[str]:
    """The front page of a shop."""
    client = request.client.host if request.client else ""
    return [shop, client, request.absolute_url_for("shops.front", shop="other")]


@app.get("/price", version=("1", "2"))
async def price(request: Request) -> str:
    """A price, in both versions."""
    return f"12 in {request.route.version}"


@app.on_response
def mark(request: Request) -> None:
    """Notes which router has answered."""
    request.response_headers.set("x-route", request.route.path)


app.include(shops)
app.mount("/reports", reports)
app.mount("/raw", raw, lifespan=False, middleware=False)
app.mount("/legacy", legacy, interface="wsgi")
