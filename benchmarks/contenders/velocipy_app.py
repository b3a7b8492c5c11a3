"""VelociPy."""

from velocipy import Depends, Request, VelociPy
from velocipy.http import responses

from benchmarks.contenders.models import Item

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
        return item

    @app.get("/dependencies")
    async def dependencies(session: int = Depends(session), connection: int = Depends(connection), settings: int = Depends(settings)):
        return {"sum": session + connection + settings}

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
