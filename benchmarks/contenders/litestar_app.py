"""Litestar, without OpenAPI. Its cookie of a session is not only signed, but encrypted."""

from typing import Annotated, Any

import msgspec
from litestar import Litestar, MediaType, Request, get, post, websocket
from litestar.connection import WebSocket
from litestar.di import Provide
from litestar.exceptions import WebSocketDisconnect
from litestar.middleware import ASGIMiddleware
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import Parameter
from litestar.response import ServerSentEvent, ServerSentEventMessage, Stream

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, Item, PydanticItem, items, pydantic_items
from benchmarks.contenders.sessions import KEY

MOST_ROUTES = 1000


async def settings() -> int:
    return 1


async def connection(settings: int) -> int:
    return settings + 1


async def session(connection: int, settings: int) -> int:
    return connection + settings


@get("/plaintext", media_type=MediaType.TEXT)
async def plaintext() -> str:
    return "Hello, World!"


@get("/json")
async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


@get("/users/{user_id:int}")
async def user(user_id: int, verbose: bool = False, page: Annotated[int, Parameter(ge=1)] = 2) -> dict[str, int]:
    return {"user_id": user_id, "verbose": verbose, "page": page}


@post("/items")
async def add(data: Item) -> Item:
    return data


@post("/pydantic")
async def add_pydantic(data: PydanticItem) -> PydanticItem:
    return data


@get("/dependencies", dependencies={"settings": Provide(settings), "connection": Provide(connection), "session": Provide(session)})
async def dependencies(session: int, connection: int, settings: int) -> dict[str, int]:
    return {"sum": session + connection + settings}


@get("/headers")
async def headers(
    x_header_0: Annotated[str, Parameter(header="x-header-0")],
    x_header_1: Annotated[str, Parameter(header="x-header-1")],
    x_header_2: Annotated[str, Parameter(header="x-header-2")],
    x_header_3: Annotated[str, Parameter(header="x-header-3")],
    x_header_4: Annotated[str, Parameter(header="x-header-4")],
    x_header_5: Annotated[str, Parameter(header="x-header-5")],
    x_header_6: Annotated[str, Parameter(header="x-header-6")],
    x_header_7: Annotated[str, Parameter(header="x-header-7")],
    x_header_8: Annotated[str, Parameter(header="x-header-8")],
    x_header_9: Annotated[str, Parameter(header="x-header-9")],
) -> list[str]:
    return [x_header_0, x_header_1, x_header_2, x_header_3, x_header_4, x_header_5, x_header_6, x_header_7, x_header_8, x_header_9]


@get("/cookies")
async def cookies(theme: Annotated[str, Parameter(cookie="theme")]) -> dict[str, str]:
    return {"theme": theme}


@get("/list")
async def listed() -> list[Item]:
    return items


@get("/list-pydantic")
async def listed_pydantic() -> list[PydanticItem]:
    return pydantic_items


@get("/events")
async def events() -> ServerSentEvent:
    async def messages():
        for number in range(EVENTS):
            yield ServerSentEventMessage(data=msgspec.json.encode({"number": number}).decode(), id=number)

    return ServerSentEvent(messages())


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


@get("/session")
async def visits(request: Request) -> dict[str, int]:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return request.session


@post("/documents")
async def documents(data: dict[str, Any]) -> dict[str, Any]:
    return data


@get("/stream")
async def stream() -> Stream:
    async def chunks():
        for _ in range(CHUNKS):
            yield CHUNK

    return Stream(chunks())


class Around(ASGIMiddleware):
    async def handle(self, scope, receive, send, next_app):
        await next_app(scope, receive, send)


def basic(size):
    handlers = [
        plaintext,
        message,
        user,
        add,
        add_pydantic,
        dependencies,
        headers,
        cookies,
        listed,
        listed_pydantic,
        documents,
        stream,
        events,
        echo,
    ]
    return Litestar(handlers, openapi_config=None)


def routes(size):
    def handler(number):
        @get(f"/route-{number}/{{item_id:int}}")
        async def item(item_id: int) -> dict[str, int]:
            return {"item_id": item_id}

        return item

    return Litestar([handler(number) for number in range(size)], openapi_config=None)


def middleware(size):
    return Litestar([message], openapi_config=None, middleware=[Around() for _ in range(size)])


def session_cookie(size):
    return Litestar([visits], openapi_config=None, middleware=[CookieBackendConfig(secret=KEY).middleware])


APPLICATIONS = {"basic": basic, "routes": routes, "middleware": middleware, "session": session_cookie}

app = basic(0)
