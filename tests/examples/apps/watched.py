"""Handlers that write down, in the file named by EVENTS, what becomes of them."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from velo_core import StreamingResponse, Velo

app = Velo()
events = Path(os.environ["EVENTS"])


def note(event: str) -> None:
    with events.open("a") as file:
        file.write(event + "\n")


@app.get("/wait")
async def wait() -> None:
    note("started")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        note("cancelled")
        raise
    finally:
        note("finally")


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        note("started")
        try:
            while True:
                yield b"tick\n"
                await asyncio.sleep(0.05)
        finally:
            note("finally")

    return StreamingResponse(content())
