"""FastAPI."""

from collections.abc import AsyncIterable
from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, Header, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.middleware.sessions import SessionMiddleware

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, PydanticItem, pydantic_items
from benchmarks.contenders.sessions import SECRET

MOST_ROUTES = 1000


async def settings():
    return 1


async def connection(settings: Annotated[int, Depends(settings)]):
    return settings + 1


async def session(connection: Annotated[int, Depends(connection)], settings: Annotated[int, Depends(settings)]):
    return connection + settings


async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


def basic(size):
    app = FastAPI()

    @app.get("/plaintext", response_class=PlainTextResponse)
    async def plaintext():
        return "Hello, World!"

    app.get("/json")(message)

    @app.get("/users/{user_id}")
    async def user(user_id: int, verbose: bool = False, page: Annotated[int, Query(ge=1)] = 2) -> dict[str, int]:
        return {"user_id": user_id, "verbose": verbose, "page": page}

    @app.post("/pydantic", status_code=201)
    async def add(item: PydanticItem) -> PydanticItem:
        return item

    @app.get("/dependencies")
    async def dependencies(
        session: Annotated[int, Depends(session)],
        connection: Annotated[int, Depends(connection)],
        settings: Annotated[int, Depends(settings)],
    ) -> dict[str, int]:
        return {"sum": session + connection + settings}

    @app.get("/headers")
    async def headers(
        x_header_0: Annotated[str, Header()],
        x_header_1: Annotated[str, Header()],
        x_header_2: Annotated[str, Header()],
        x_header_3: Annotated[str, Header()],
        x_header_4: Annotated[str, Header()],
        x_header_5: Annotated[str, Header()],
        x_header_6: Annotated[str, Header()],
        x_header_7: Annotated[str, Header()],
        x_header_8: Annotated[str, Header()],
        x_header_9: Annotated[str, Header()],
    ) -> list[str]:
        first = [x_header_0, x_header_1, x_header_2, x_header_3, x_header_4]
        return [*first, x_header_5, x_header_6, x_header_7, x_header_8, x_header_9]

    @app.get("/cookies")
    async def cookies(theme: Annotated[str, Cookie()]) -> dict[str, str]:
        return {"theme": theme}

    @app.get("/list-pydantic")
    async def listed() -> list[PydanticItem]:
        return pydantic_items

    @app.post("/documents", status_code=201)
    async def documents(document: dict[str, Any]) -> dict[str, Any]:
        return document

    @app.get("/stream")
    async def stream():
        async def chunks():
            for _ in range(CHUNKS):
                yield CHUNK

        return StreamingResponse(chunks())

    @app.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterable[ServerSentEvent]:
        for number in range(EVENTS):
            yield ServerSentEvent(data={"number": number}, id=str(number))

    @app.websocket("/echo")
    async def echo(socket: WebSocket):
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            pass

    return app


def routes(size):
    app = FastAPI()

    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}

    for number in range(size):
        app.get(f"/route-{number}/{{item_id}}")(item)
    return app


async def around(request, call_next):
    return await call_next(request)


def middleware(size):
    app = FastAPI()
    app.get("/json")(message)
    for _ in range(size):
        app.middleware("http")(around)
    return app


def session_cookie(size):
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key=SECRET)

    @app.get("/session")
    async def visits(request: Request) -> dict[str, int]:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return request.session

    return app


APPLICATIONS = {"basic": basic, "routes": routes, "middleware": middleware, "session": session_cookie}

app = basic(0)
