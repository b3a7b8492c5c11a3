"""Starlette."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from benchmarks.contenders.models import CHUNK, CHUNKS, HEADERS

MOST_ROUTES = 10_000


async def plaintext(request):
    return PlainTextResponse("Hello, World!")


async def message(request):
    return JSONResponse({"message": "Hello, World!"})


async def user(request):
    query = request.query_params
    user_id = request.path_params["user_id"]
    return JSONResponse({"user_id": user_id, "verbose": query.get("verbose") == "true", "page": int(query.get("page", 2))})


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
        ]
    )


def routes(size):
    return Starlette(routes=[Route(f"/route-{number}/{{item_id:int}}", item) for number in range(size)])


async def around(request, call_next):
    return await call_next(request)


def middleware(size):
    return Starlette(routes=[Route("/json", message)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=around)] * size)


APPLICATIONS = {"basic": basic, "routes": routes, "middleware": middleware}

app = basic(0)
