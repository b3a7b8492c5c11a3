"""Starlette. It has no validation of its own: handlers call msgspec and pydantic themselves."""

import msgspec
import pydantic
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, HEADERS, Item, PydanticItem
from benchmarks.contenders.sessions import SECRET

MOST_ROUTES = 10_000


async def plaintext(request):
    return PlainTextResponse("Hello, World!")


async def message(request):
    return JSONResponse({"message": "Hello, World!"})


async def user(request):
    query = request.query_params
    try:
        page = int(query.get("page", 2))
    except ValueError:
        raise HTTPException(422) from None
    return JSONResponse({"user_id": request.path_params["user_id"], "verbose": query.get("verbose") == "true", "page": page})


decode_item = msgspec.json.Decoder(Item).decode


async def add(request):
    try:
        item = decode_item(await request.body())
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from error
    return Response(msgspec.json.encode(item), 201, media_type="application/json")


async def add_pydantic(request):
    try:
        item = PydanticItem.model_validate_json(await request.body())
    except pydantic.ValidationError as error:
        raise HTTPException(422, str(error)) from error
    return Response(item.model_dump_json(), 201, media_type="application/json")


async def headers(request):
    return JSONResponse([request.headers[name] for name in HEADERS])


async def cookies(request):
    return JSONResponse({"theme": request.cookies["theme"]})


async def documents(request):
    return JSONResponse(await request.json(), 201)


async def stream(request):
    async def chunks():
        for _ in range(CHUNKS):
            yield CHUNK

    return StreamingResponse(chunks())


async def events(request):
    async def chunks():
        for number in range(EVENTS):
            yield b"id: %d\ndata: %b\n\n" % (number, msgspec.json.encode({"number": number}))

    return StreamingResponse(chunks(), media_type="text/event-stream")


async def echo(socket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


async def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse(request.session)


async def item(request):
    return JSONResponse({"item_id": request.path_params["item_id"]})


def basic(size):
    return Starlette(
        routes=[
            Route("/plaintext", plaintext),
            Route("/json", message),
            Route("/users/{user_id:int}", user),
            Route("/headers", headers),
            Route("/cookies", cookies),
            Route("/documents", documents, methods=["POST"]),
            Route("/stream", stream),
            Route("/items", add, methods=["POST"]),
            Route("/pydantic", add_pydantic, methods=["POST"]),
            Route("/events", events),
            WebSocketRoute("/echo", echo),
        ]
    )


def routes(size):
    return Starlette(routes=[Route(f"/route-{number}/{{item_id:int}}", item) for number in range(size)])


async def around(request, call_next):
    return await call_next(request)


def middleware(size):
    return Starlette(routes=[Route("/json", message)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=around)] * size)


def session(size):
    return Starlette(routes=[Route("/session", visits)], middleware=[Middleware(SessionMiddleware, secret_key=SECRET)])


APPLICATIONS = {"basic": basic, "routes": routes, "middleware": middleware, "session": session}

app = basic(0)
