"""Routes that take a body of any type."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import msgspec

from velo_core import Body, CallNext, Middleware, Request, Response, Velo

__all__ = ["JSON", "Item", "app_for", "around", "chunks", "taking"]


class Item(msgspec.Struct):
    name: str
    price: float = 0.0


JSON = {"content-type": "application/json"}


def taking(annotation: object) -> Callable[..., object]:
    """A handler that takes the body as `annotation` and answers with its `repr`."""

    async def show(body: object) -> str:
        return repr(body)

    show.__annotations__ = {"body": annotation, "return": str}
    return show


def app_for(*annotations: object, max_content_length: int = 1_000_000, middleware: Sequence[Middleware] = ()) -> Velo:
    """`POST /{number}` for each annotation."""
    app = Velo(max_content_length=max_content_length, middleware=middleware)
    for number, annotation in enumerate(annotations):
        app.post(f"/{number}")(taking(Annotated[annotation, Body()]))
    return app


async def around(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


def chunks(*sizes: int) -> Iterator[bytes]:
    """A body without a declared length."""
    for size in sizes:
        yield b"x" * size
