"""Responses that have no content."""

from pathlib import Path

from velo_core import FileResponse, Response, StreamingResponse, Velo

app = Velo()


@app.get("/data")
async def data() -> list[int]:
    return [1, 2, 3]


@app.get("/made")
async def made() -> Response:
    return Response("made", headers={"x-a": "1"})


@app.get("/stream")
async def stream() -> Response:
    return StreamingResponse([b"a", b"b"])


@app.get("/file/{status}")
async def file(status: int) -> Response:
    return FileResponse(Path(__file__), status)


@app.head("/own")
async def own() -> str:
    return "own"


@app.get("/reset", status_code=205)
async def reset() -> str:
    return "not sent"
