"""Results: models that filter, files, streams, redirects and responses made by hand."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path as File
from typing import Annotated

from torture.models import Item, Person, PublicUser, User
from velo_core import (
    EventSourceResponse,
    FileResponse,
    HTMLResponse,
    HTTPError,
    JSONResponse,
    Path,
    PlainTextResponse,
    Query,
    RedirectResponse,
    Response,
    Router,
    ServerSentEvent,
    StreamingResponse,
)
from velo_openapi import operation

router = Router("/outcomes", name="outcomes", tags=("outcomes",))


@router.get("/text")
async def text() -> str:
    """Gives text."""
    return "text"


@router.get("/bytes")
async def some_bytes() -> bytes:
    """Gives bytes."""
    return b"\x00\x01"


@router.delete("/nothing")
async def nothing() -> None:
    """Gives nothing."""


@router.get("/filtered", response_model=PublicUser)
async def filtered() -> User:
    """Gives a part of what the handler has."""
    return User("Ada", "secret")


@router.get("/without-none", exclude_none=True)
async def without_none() -> Person:
    """Gives a model without what is empty."""
    return Person(name="Ada", age=36)


@router.get("/optional")
async def optional(there: bool = False) -> Item | None:
    """Gives something or nothing."""
    return Item("tea") if there else None


@router.get("/undeclared")
async def undeclared():  # a result without a type is what this is about
    """Gives what it likes."""
    return {"a": 1}


@router.get("/negotiated", produces=("application/json", "text/plain", "application/msgpack"))
async def negotiated() -> int:
    """Gives what the request accepts."""
    return 3


@router.get("/file")
async def a_file() -> FileResponse:
    """Gives a file, and parts of it."""
    return FileResponse(File(__file__))


@router.get("/redirect")
async def redirect() -> RedirectResponse:
    """Sends elsewhere."""
    return RedirectResponse("/outcomes/text", 303)


@router.get("/either")
async def either(away: bool = False) -> Item | RedirectResponse:
    """Gives a model or sends elsewhere."""
    return RedirectResponse("/outcomes/text") if away else Item("tea")


@router.get("/html")
async def html() -> HTMLResponse:
    """Gives a page."""
    return HTMLResponse("<p>page</p>")


@router.get("/plain")
async def plain() -> PlainTextResponse:
    """Gives plain text."""
    return PlainTextResponse("plain")


@router.get("/json")
@operation(responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}})
async def json_response() -> JSONResponse:
    """Gives JSON that only the handler knows."""
    return JSONResponse({"a": 1})


@router.get("/response")
async def a_response() -> Response:
    """Gives a response."""
    return Response(b"x", 202, {"x-made": "yes"}, "application/octet-stream")


@router.get("/stream")
async def a_stream() -> StreamingResponse:
    """Gives a stream."""

    async def pieces() -> AsyncIterator[str]:
        yield "a\n"
        yield "b\n"

    return StreamingResponse(pieces(), media_type="text/csv")


@router.get("/yielded")
async def yielded() -> AsyncIterator[str]:
    """Yields text."""
    yield "a"
    yield "b"


@router.get("/json-lines")
async def json_lines() -> AsyncIterator[Item]:
    """Yields models."""
    yield Item("tea")
    yield Item("salt")


@router.get("/events")
async def events() -> AsyncIterator[ServerSentEvent]:
    """Yields events."""
    yield ServerSentEvent("a")


@router.get("/event-source")
async def event_source() -> EventSourceResponse:
    """Gives events."""

    async def some() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent("a", event="b", id="1")

    return EventSourceResponse(some())


@router.get("/raises/{number}")
@operation(responses={409: {"description": "It is taken."}, 410: PublicUser})
async def raises(number: Annotated[int, Path(ge=0)], gone: Annotated[bool, Query()] = False) -> int:
    """Refuses some."""
    if gone:
        return number if number < sys.maxsize else 0
    if number % 2:
        raise HTTPError(409, "It is taken.")
    return number


@router.route("/several", methods=("GET", "POST", "DELETE"))
async def several() -> str:
    """Is asked in several ways."""
    return "several"
