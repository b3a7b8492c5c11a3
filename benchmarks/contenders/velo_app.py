"""Velo."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, Item, PydanticItem, items, pydantic_items
from benchmarks.contenders.sessions import MAX_AGE, sign, unsign
from velo_core import (
    Body,
    CallNext,
    Cookie,
    Depends,
    Header,
    Manifest,
    Plugin,
    Query,
    Request,
    Response,
    Router,
    ServerSentEvent,
    StreamingResponse,
    Velo,
    WebSocket,
)
from velo_core.parsing.cookies import format_set_cookie

MOST_ROUTES = 10_000


async def settings() -> int:
    return 1


async def connection(settings: Annotated[int, Depends(settings)]) -> int:
    return settings + 1


async def session(connection: Annotated[int, Depends(connection)], settings: Annotated[int, Depends(settings)]) -> int:
    return connection + settings


async def message() -> dict[str, str]:
    return {"message": "Hello, World!"}


def basic(size: int) -> Velo:
    app = Velo()

    @app.get("/plaintext")
    async def plaintext() -> str:
        return "Hello, World!"

    app.get("/json")(message)

    @app.get("/users/{user_id}")
    async def user(user_id: int, verbose: bool = False, page: Annotated[int, Query(ge=1)] = 2) -> dict[str, int]:
        return {"user_id": user_id, "verbose": verbose, "page": page}

    @app.post("/items", status_code=201)
    async def add(item: Item) -> Item:
        return item

    @app.post("/pydantic", status_code=201)
    async def add_pydantic(item: PydanticItem) -> PydanticItem:
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

    @app.get("/list")
    async def listed() -> list[Item]:
        return items

    @app.get("/list-pydantic")
    async def listed_pydantic() -> list[PydanticItem]:
        return pydantic_items

    @app.post("/documents", status_code=201)
    async def documents(document: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        return document

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(CHUNKS):
                yield CHUNK

        return StreamingResponse(chunks())

    @app.get("/events")
    async def events() -> AsyncIterator[ServerSentEvent]:
        for number in range(EVENTS):
            yield ServerSentEvent({"number": number}, id=str(number))

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    return app


async def signed(request: Request, session: Annotated[str | None, Cookie()] = None) -> AsyncIterator[dict[str, Any]]:
    found = unsign(session)
    yield found
    request.response_headers.add("set-cookie", format_set_cookie("session", sign(found), max_age=MAX_AGE))


def session_cookie(size: int) -> Velo:
    app = Velo()

    @app.get("/session")
    async def visits(session: Annotated[dict[str, Any], Depends(signed, lifetime="handler")]) -> dict[str, Any]:
        session["visits"] = session.get("visits", 0) + 1
        return session

    return app


def wsgi(size: int) -> Any:
    app = Velo()

    @app.get("/plaintext")
    def plaintext() -> str:
        return "Hello, World!"

    @app.get("/json")
    def json() -> dict[str, str]:
        return {"message": "Hello, World!"}

    @app.get("/users/{user_id}")
    def user(user_id: int, verbose: bool = False, page: Annotated[int, Query(ge=1)] = 2) -> dict[str, int]:
        return {"user_id": user_id, "verbose": verbose, "page": page}

    @app.post("/items", status_code=201)
    def add(item: Item) -> Item:
        return item

    return app.wsgi


def routes(size: int) -> Velo:
    app = Velo()

    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}

    for number in range(size):
        app.get(f"/route-{number}/{{item_id}}")(item)
    return app


async def around(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


def middleware(size: int) -> Velo:
    app = Velo(middleware=[around] * size)
    app.get("/json")(message)
    return app


class Unused(Plugin):
    manifest = Manifest(name="unused", requires_api=">=0.1,<1")

    def install(self, router: Router) -> None:
        below = Router(prefix="/below", middleware=[around])
        below.get("/")(message)
        router.include(below)


def plugins(size: int) -> Velo:
    app = middleware(0)
    for number in range(size):
        router = Router(prefix=f"/plugin-{number}")
        router.install(Unused())
        app.include(router)
    return app


APPLICATIONS = {
    "basic": basic,
    "routes": routes,
    "middleware": middleware,
    "plugins": plugins,
    "session": session_cookie,
    "wsgi": wsgi,
}

app = basic(0)
