"""Parts of applications whose plans are read."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated

import msgspec

from velo_core import CallNext, Cookie, Depends, Header, Middleware, Query, Request, Response, Velo

__all__ = [
    "SENT",
    "Item",
    "bare",
    "create_item",
    "current_user",
    "nothing",
    "patient",
    "root",
    "sent",
    "session",
    "settings",
    "show_item",
    "show_session",
    "show_settings",
    "source",
    "timing",
    "transaction",
]


class Item(msgspec.Struct):
    name: str


async def current_user(authorization: Annotated[str, Header()]) -> str:
    return authorization


def settings() -> dict[str, str]:
    return {"theme": "dark"}


async def session() -> AsyncIterator[str]:
    yield "session"


def transaction() -> Iterator[str]:
    yield "transaction"


async def timing(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


async def root() -> str:
    return "root"


async def show_item(
    item_id: int,
    page: int = 1,
    tag: Annotated[list[str], Query()] = [],  # noqa: B006 - copied for each request
    seen: Annotated[str | None, Cookie()] = None,
) -> Item:
    return Item(f"{item_id} {page} {tag} {seen}")


async def create_item(item: Item, user: Annotated[str, Depends(current_user)]) -> Item:
    return item


def show_settings(settings: Annotated[dict[str, str], Depends(settings)], page: int = 1) -> dict[str, str]:
    return settings


async def show_session(first: Annotated[str, Depends(session)], second: Annotated[str, Depends(transaction)]) -> str:
    return first + second


async def bare(request: Request) -> Response:
    return Response(request.path)


async def nothing() -> None: ...


async def patient() -> str:
    await nothing()
    return "patient"


SENT = """\
    if content is None:
        await send_response(result, scope, receive, send, None)
        return
    await send({{"type": "http.response.start", "status": {status}, "headers": [{kind}, LENGTHS[len(content)]]}})
    await send({{"type": "http.response.body", "body": content}})
"""
"""The end of a plan that has nothing but content to send."""


def sent(status: int, kind: str) -> str:
    return SENT.format(status=status, kind=kind)


def source(
    handler: Callable[..., object],
    path: str = "/",
    *,
    method: str = "GET",
    middleware: tuple[Middleware, ...] = (),
    status: int | None = None,
    timeout_seconds: float | None = None,
) -> str:
    """The plan of one route."""
    app = Velo(timeout_seconds=timeout_seconds)
    app.route(path, methods=[method], middleware=middleware, status_code=status)(handler)
    return app.plan(method, path).source
