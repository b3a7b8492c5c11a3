"""What starting costs, each time in a process of its own: importing, routes until the first one is served, memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

__all__ = ["IMPORTS", "ROUTES", "importing", "serving", "taking_turns"]

IMPORTS = {
    "raw": "asyncio",
    "velo": "velo_core.app",  # what `from velo_core import Velo` brings in; `import velo_core` alone would flatter
    "starlette": "starlette.applications, starlette.routing, starlette.responses",
    "fastapi": "fastapi",
    "falcon": "falcon.asgi",
    "litestar": "litestar",
    "blacksheep": "blacksheep",
    "velocipy": "velocipy",
}
"""What users of each import. Of the hand-written one it is what every server imports anyway."""
TIMED = "import sys, time; began = time.process_time(); import {}; print((time.process_time() - began) * 1000, len(sys.modules))"

# A handler of its own for each route, as in any real application.
ROUTES = {
    "raw": """
import msgspec
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return await receive()
    body = msgspec.json.encode({"item_id": int(scope["path"].rpartition("/")[2])})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
""",
    "velo": """
from velo_core import Velo
app = Velo()
def add(number):
    @app.get(f"/route-{number}/{{item_id}}", name=f"item {number}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}
for number in range(ROUTES):
    add(number)
""",
    "starlette": """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
def route(number):
    async def item(request):
        return JSONResponse({"item_id": request.path_params["item_id"]})
    return Route(f"/route-{number}/{{item_id:int}}", item)
app = Starlette(routes=[route(number) for number in range(ROUTES)])
""",
    "fastapi": """
from fastapi import FastAPI
app = FastAPI()
def add(number):
    @app.get(f"/route-{number}/{{item_id}}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}
for number in range(ROUTES):
    add(number)
""",
    "falcon": """
import falcon.asgi
app = falcon.asgi.App()
def resource(number):
    class Item:
        async def on_get(self, request, response, item_id):
            response.media = {"item_id": item_id}
    return Item()
for number in range(ROUTES):
    app.add_route(f"/route-{number}/{{item_id:int}}", resource(number))
""",
    "litestar": """
from litestar import Litestar, get
def handler(number):
    @get(f"/route-{number}/{{item_id:int}}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}
    return item
app = Litestar([handler(number) for number in range(ROUTES)], openapi_config=None)
""",
    "blacksheep": """
from blacksheep import Application, json
from blacksheep.server.routing import Router
app = Application(router=Router())
def add(number):
    async def item(item_id: int):
        return json({"item_id": item_id})
    app.router.add_get(f"/route-{number}/{{item_id}}", item)
for number in range(ROUTES):
    add(number)
""",
    "velocipy": """
from velocipy import VelociPy
app = VelociPy()
def add(number):
    async def item(item_id: int):
        return {"item_id": item_id}
    app.get(f"/route-{number}/{{item_id}}")(item)
for number in range(ROUTES):
    add(number)
""",
}
# What asks is not counted: it builds bodies for all scenarios, which takes longer than most of what is measured.
ASK = """
import sys, time
began = time.process_time()
PROGRAM
import asyncio
paused = time.process_time()
from benchmarks.answers import check
from benchmarks.asgi import Lifespan, ask
from benchmarks.scenarios import routed
began += time.process_time() - paused
async def serve():
    async with Lifespan(app):
        exchange = routed(ROUTES - 1)(0)
        check(exchange, await ask(app, exchange))
        milliseconds = (time.process_time() - began) * 1000
        pages = int(open("/proc/self/statm").read().split()[1])
        print(milliseconds, pages * 4096 / 2**20)
asyncio.run(serve())
"""


def importing(name: str) -> str:
    """The program that prints the milliseconds of the import, and the number of modules that are there then."""
    return TIMED.format(IMPORTS[name])


def serving(name: str, routes: int) -> str:
    """The program that prints the milliseconds from before the import until the last route has answered, and mebibytes of memory then."""
    return ASK.replace("PROGRAM", ROUTES[name]).replace("ROUTES", str(routes))


def taking_turns(programs: Mapping[str, str], rounds: int) -> Mapping[str, tuple[float, float]]:
    """What the programs print in their best round. One round before these writes the bytecode, as it is there for every user."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"))
    }
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(rounds + 1):
        for name, program in programs.items():
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
            first, second = done.stdout.split()
            results[name].append((float(first), float(second)))
    return {name: min(found[1:]) for name, found in results.items()}
