"""Streams that never end, and one that fails, and what the process holds meanwhile."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from velo_core import FileResponse, StreamingResponse, Velo

app = Velo()
made = [0]


async def pieces() -> AsyncIterator[bytes]:
    while True:
        made[0] += 65536
        yield bytes(65536)


@app.get("/endless")
async def endless() -> StreamingResponse:
    return StreamingResponse(pieces())


@app.get("/many")
async def many() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        for _ in range(1600):
            yield bytes(65536)

    return StreamingResponse(content())


@app.get("/fails")
async def fails() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.sleep(0.1)
        raise LookupError("the cursor is gone")

    return StreamingResponse(content())


@app.get("/state")
def state() -> dict[str, int]:
    """Bytes made so far, and bytes of memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"made": made[0], "memory": pages * os.sysconf("SC_PAGE_SIZE")}


@app.get("/file")
def file() -> FileResponse:
    return FileResponse(__file__, media_type="text/x-python")
