"""BlackSheep, in its compiled build."""

import logging
from dataclasses import dataclass, field

from blacksheep import Application, FromJSON, Response, json, text

from benchmarks.contenders.models import CHUNK, CHUNKS, HEADERS

logging.disable(logging.CRITICAL)

MOST_ROUTES = 1000


@dataclass
class Item:
    name: str
    price: float
    tags: list[str] = field(default_factory=list)


async def plaintext():
    return text("Hello, World!")


async def message():
    return json({"message": "Hello, World!"})


async def user(user_id: int, verbose: bool = False, page: int = 2):
    return json({"user_id": user_id, "verbose": verbose, "page": page})


async def add(item: FromJSON[Item]):
    return json(item.value, 201)


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
    }.items():
        app.router.add_get(path, handler)
    app.router.add_post("/items", add)
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


APPLICATIONS = {"basic": basic, "routes": routes, "middleware": middleware}

app = basic(0)
