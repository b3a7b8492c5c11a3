"""Robyn. It is its own server, so it takes part through sockets alone."""

import os

from robyn import Robyn, SSEMessage, SSEResponse, WebSocketDisconnect
from robyn.robyn import Request

from benchmarks.contenders.models import EVENTS, encode

APPLICATIONS = {}

app = Robyn(__file__)


@app.get("/plaintext")
async def plaintext():
    return "Hello, World!"


@app.get("/json")
async def message():
    return {"message": "Hello, World!"}


@app.get("/events")
async def events(request: Request):
    def chunks():
        for number in range(EVENTS):
            yield SSEMessage(encode({"number": number}).decode(), id=str(number))

    return SSEResponse(chunks())


@app.websocket("/echo")
async def echo(websocket):
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(os.environ["BENCHMARK_PORT"]))
