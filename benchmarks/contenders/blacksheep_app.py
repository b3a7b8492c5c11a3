"""BlackSheep, in its compiled build. It validates pydantic models; with structs of msgspec the handler does it."""

import logging

import msgspec
from blacksheep import Application, Content, FromJSON, Response, WebSocket, WebSocketDisconnectError, json, text
from blacksheep.exceptions import HTTPException
from blacksheep.server.sse import ServerSentEvent, ServerSentEventsResponse

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, HEADERS, Item, PydanticItem
from benchmarks.contenders.sessions import MAX_AGE, SECRET

logging.disable(logging.CRITICAL)

MOST_ROUTES = 1000


async def plaintext():
    return text("Hello, World!")


async def message():
    return json({"message": "Hello, World!"})


async def user(user_id: int, verbose: bool = False, page: int = 2):
    return json({"user_id": user_id, "verbose": verbose, "page": page})


decode_item = msgspec.json.Decoder(Item).decode


async def add(request):
    try:
        item = decode_item(await request.read())
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from error
    return Response(201, content=Content(b"application/json", msgspec.json.encode(item)))


async def add_pydantic(item: FromJSON[PydanticItem]):
    return json(item.value.model_dump(), 201)


async def headers(request):
    return json([request.get_first_header(name.encode()).decode() for name in HEADERS])


async def cookies(request):
    return json({"theme": request.cookies["theme"]})


async def documents(request):
    return json(await request.json(), 201)


async def stream():
    async def chunks():
        for _ in range(CHUNKS):
            yield CHUNK

    from blacksheep.contents import StreamedContent

    return Response(200, content=StreamedContent(b"application/octet-stream", chunks))


async def events():
    async def provider():
        for number in range(EVENTS):
            yield ServerSentEvent({"number": number}, id=str(number))

    return ServerSentEventsResponse(provider)


async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnectError:
        pass


async def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return json({"visits": request.session["visits"]})


async def item(item_id: int):
    return json({"item_id": item_id})


def application():
    from blacksheep.server.routing import Router

    return Application(router=Router())


def basic(size):
    app = application()
    for path, handler in {
        "/plaintext": plaintext,
        "/json": message,
        "/users/{user_id}": user,
        "/headers": headers,
        "/cookies": cookies,
        "/stream": stream,
        "/events": events,
    }.items():
        app.router.add_get(path, handler)
    app.router.add_post("/items", add)
    app.router.add_post("/pydantic", add_pydantic)
    app.router.ws("/echo")(echo)
    app.router.add_post("/documents", documents)
    return app


def routes(size):
    app = application()
    for number in range(size):
        app.router.add_get(f"/route-{number}/{{item_id}}", item)
    return app


async def around(request, handler):
    return await handler(request)


def middleware(size):
    app = application()
    app.router.add_get("/json", message)
    app.middlewares.extend([around] * size)
    return app


def session(size):
    app = application()
    app.use_sessions(SECRET, session_max_age=MAX_AGE)
    app.router.add_get("/session", visits)
    return app


APPLICATIONS = {"basic": basic, "routes": routes, "middleware": middleware, "session": session}

app = basic(0)
