# /// script
# dependencies = ["velo-core"]
# ///
"""A price ticker: events for browsers, the same as JSON Lines for programs, and a file to download.

Run it with `velo run events:app` in this folder, and look with `curl -N localhost:8000/ticker`.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import msgspec

from velo_core import FileResponse, Header, HTTPError, ServerSentEvent, Velo

app = Velo()


class Price(msgspec.Struct):
    number: int
    product: str
    price: float


PRICES = [Price(1, "tea", 3.5), Price(2, "coffee", 4.0), Price(3, "tea", 3.6)]
changed = asyncio.Condition()


async def prices(after: int) -> AsyncIterator[Price]:
    """Every price after number `after`: those known, then each one that comes."""
    while True:
        while after < len(PRICES):
            yield PRICES[after]
            after += 1
        async with changed:
            if after == len(PRICES):
                await changed.wait()


@app.get("/ticker")
async def ticker(last_event_id: Annotated[int, Header(ge=0)] = 0) -> AsyncIterator[ServerSentEvent]:
    """For `new EventSource("/ticker")`, which tells what it has seen when it comes back."""
    async for price in prices(last_event_id):
        yield ServerSentEvent(price, event="price", id=str(price.number))


@app.get("/prices/{product}")
async def history(product: str) -> AsyncIterator[Price]:
    """All prices of a product so far, as JSON Lines."""
    known = [price for price in PRICES if price.product == product]
    if not known:
        raise HTTPError(404, f"There are no prices of {product}.")
    for price in known:
        yield price


@app.post("/prices", status_code=201)
async def publish(product: str, price: float) -> Price:
    """A new price, for all who look at the ticker."""
    new = Price(len(PRICES) + 1, product, price)
    async with changed:
        PRICES.append(new)
        changed.notify_all()
    return new


@app.get("/source")
async def source() -> FileResponse:
    """This program."""
    return FileResponse(Path(__file__), media_type="text/x-python", filename="events.py")
