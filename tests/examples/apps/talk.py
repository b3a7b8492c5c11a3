"""Websockets that show, to who asks over a real server, how each of them ends."""

import asyncio
import os
from pathlib import Path

from velo_core import FileResponse, HTTPError, JSONResponse, Response, StreamingResponse, Velo, WebSocket, WebSocketError

app = Velo(websocket_origins=["https://app.example.com"], max_message_size=1000)


def note(event: str) -> None:
    if "EVENTS" in os.environ:
        with Path(os.environ["EVENTS"]).open("a") as file:
            file.write(event + "\n")


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    """Says back what it hears, text and bytes."""
    chosen = socket.select_subprotocol("v2", "v1") if "subprotocol" in socket.capabilities else None
    await socket.accept(chosen)
    while True:
        message = await socket.receive()
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)


@app.websocket("/end/{how}")
async def end(how: str, socket: WebSocket) -> None:
    await socket.accept()
    if how == "own":
        raise WebSocketError(4001, "mine")
    if how == "forbidden":
        raise HTTPError(403)
    if how == "mistake":
        raise ZeroDivisionError


@app.websocket("/refuse/{how}")
async def refuse(how: str, socket: WebSocket) -> Response:
    if how == "mistake":
        raise ZeroDivisionError
    if how == "close":
        await socket.close()
    if how == "stream":
        return StreamingResponse([b"slow ", b"down"], 429, {"retry-after": "7"})
    if how == "file":
        return FileResponse(__file__, 429, {"retry-after": "7"})
    return JSONResponse({"slow": "down"}, 429, {"retry-after": "7"})


@app.websocket("/wait")
async def wait(socket: WebSocket) -> None:
    """Neither hears nor says anything more."""
    await socket.accept()
    note("started")
    try:
        await socket.send_text("here")
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        note("cancelled")
        raise
    finally:
        note("finally")


@app.websocket("/many")
async def many(socket: WebSocket) -> None:
    """Several tasks send at once."""
    await socket.accept()
    await asyncio.gather(*(socket.send_text(f"{number} " + "x" * 1000) for number in range(200)))


@app.get("/alive")
async def alive() -> str:
    return "yes"
