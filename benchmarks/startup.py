"""What starting costs, each time in a process of its own: importing, routes until the first one is served, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

__all__ = ["IMPORTS", "import_milliseconds", "routes_to_first_request"]

IMPORTS = {
    "raw": "asyncio",
    "velo": "velo_core",
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
ASK = """
import sys, time
began = time.process_time()
PROGRAM
import asyncio
from benchmarks.in_process import Lifespan, ask
from benchmarks.scenarios import routed
async def serve():
    async with Lifespan(app):
        await ask(app, routed(ROUTES - 1)(0))
        milliseconds = (time.process_time() - began) * 1000
        pages = int(open("/proc/self/statm").read().split()[1])
        print(milliseconds, pages * 4096 / 2**20)
asyncio.run(serve())
"""


def import_milliseconds(name: str, rounds: int) -> tuple[float, float]:
    """Processor time of the import at its best, and the number of modules that are there then."""
    milliseconds, modules = _best(TIMED.format(IMPORTS[name]), rounds)
    return milliseconds, modules


def routes_to_first_request(name: str, routes: int, rounds: int) -> tuple[float, float]:
    """Milliseconds from before the import until the last route has answered, and mebibytes of resident memory then."""
    program = ASK.replace("PROGRAM", ROUTES[name]).replace("ROUTES", str(routes))
    milliseconds, mebibytes = _best(program, rounds)
    return milliseconds, mebibytes


def _best(program: str, rounds: int) -> list[float]:
    """What the program prints, of the round with the smallest first number. The first round may have to compile what it imports."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    results: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPYCACHEPREFIX"] = folder
        for _ in range(rounds + 1):
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
            results.append([float(word) for word in done.stdout.split()])
    return min(results[1:])
