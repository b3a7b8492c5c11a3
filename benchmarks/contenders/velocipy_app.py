"""VelociPy. It writes no models as JSON: handlers turn them into plain values."""

import msgspec
from velocipy import Depends, Request, VelociPy, WebSocket
from velocipy.http import responses

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, HEADERS, Item, PydanticItem, items, pydantic_items

MOST_ROUTES = 1000


async def settings():
    return 1


async def connection(settings: int = Depends(settings)):
    return settings + 1


async def session(connection: int = Depends(connection), settings: int = Depends(settings)):
    return connection + settings


# It takes the request because 0.3.0 runs a handler without parameters once and serves that first result for ever.
async def message(request: Request):
    return {"message": "Hello, World!"}


def basic(size):
    app = VelociPy()

    @app.get("/plaintext")
    async def plaintext(request: Request):
        return responses.PlainTextResponse("Hello, World!")

    app.get("/json")(message)

    @app.get("/users/{user_id}")
    async def user(user_id: int, verbose: bool = False, page: int = 2):
        return {"user_id": user_id, "verbose": verbose, "page": page}

    @app.post("/items", status_code=201)
    async def add(item: Item):
        return msgspec.to_builtins(item)

    @app.get("/dependencies")
    async def dependencies(session: int = Depends(session), connection: int = Depends(connection), settings: int = Depends(settings)):
        return {"sum": session + connection + settings}

    @app.post("/pydantic", status_code=201)
    async def add_pydantic(item: PydanticItem):
        return item.model_dump()

    @app.get("/headers")
    async def headers(request: Request):
        return [request.headers[name] for name in HEADERS]

    @app.get("/cookies")
    async def cookies(request: Request):
        return {"theme": request.cookies["theme"]}

    @app.get("/list")
    async def listed(request: Request) -> list[dict]:
        return msgspec.to_builtins(items)

    @app.get("/list-pydantic")
    async def listed_pydantic(request: Request) -> list[dict]:
        return [item.model_dump() for item in pydantic_items]

    @app.post("/documents", status_code=201)
    async def documents(request: Request):
        return await request.json()

    @app.get("/stream")
    async def stream(request: Request):
        async def chunks():
            for _ in range(CHUNKS):
                yield CHUNK

        return responses.StreamingResponse(chunks())

    @app.get("/events")
    async def events(request: Request):
        async def chunks():
            for number in range(EVENTS):
                yield b"id: %d\ndata: %b\n\n" % (number, msgspec.json.encode({"number": number}))

        return responses.StreamingResponse(chunks(), media_type="text/event-stream")

    @app.websocket("/echo")
    async def echo(socket: WebSocket):
        await socket.accept()
        while not socket.closed:
            await socket.send_text(await socket.receive_text())

    return app


def routes(size):
    app = VelociPy()

    async def item(item_id: int):
        return {"item_id": item_id}

    for number in range(size):
        app.get(f"/route-{number}/{{item_id}}")(item)
    return app


APPLICATIONS = {"basic": basic, "routes": routes}

app = basic(0)
