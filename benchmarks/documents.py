"""`python -m benchmarks.documents`: what the OpenAPI document of an application with 1 000 routes and 50 models costs.

Each kind of models in a process of its own; processor time, the best of some rounds.
"""

from __future__ import annotations

import subprocess
import sys

__all__ = ["ROUTES", "document_milliseconds"]

ROUTES = 1000
PROGRAM = """
import time
from typing import Annotated, Any
import msgspec, pydantic
from velo_core import Header, Path, Query, Router, Velo
from velo_openapi import DocumentOptions, build

class Address(msgspec.Struct):
    street: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]

class Place(pydantic.BaseModel):
    street: str = pydantic.Field(min_length=1, max_length=80)

def of_msgspec(number):
    price = (Annotated[int, msgspec.Meta(ge=0)], 0)
    fields = [("name", str), ("price", *price), ("address", Address | None, None), ("tags", list[str], []), ("weight", float, 0.0)]
    return msgspec.defstruct(f"Item{number}", fields, module=__name__)

def of_pydantic(number):
    price = (Annotated[int, pydantic.Field(ge=0)], 0)
    fields = dict(name=(str, ...), price=price, address=(Place | None, None), tags=(list[str], []), weight=(float, 0.0))
    return pydantic.create_model(f"Thing{number}", **fields)

kinds = {"msgspec": [of_msgspec], "pydantic": [of_pydantic], "both": [of_msgspec, of_pydantic]}["KIND"]
models = [kinds[number % len(kinds)](number) for number in range(50)]

def things(number, model):
    router = Router(f"/things-{number}", tags=[f"tag {number % 20}"])

    @router.get("/", name=f"list {number}")
    async def listed(page: Annotated[int, Query(ge=1)] = 1, word: Annotated[str | None, Query(max_length=50)] = None) -> list[model]:
        "Lists things."

    @router.get("/{thing_id}", name=f"show {number}")
    async def show(thing_id: int, if_match: Annotated[str | None, Header()] = None) -> model:
        "Shows one."

    @router.post("/", name=f"create {number}", status_code=201)
    async def create(thing: model) -> model:
        "Adds one."

    @router.put("/{thing_id}", name=f"change {number}")
    async def change(thing_id: Annotated[int, Path(ge=1)], thing: model, dry_run: bool = False) -> model:
        "Changes one."

    return router

app = Velo()
for number in range(ROUTES // 4):
    app.include(things(number, models[number % len(models)]))
app.freeze()

def spent():
    began = time.process_time()
    msgspec.json.encode(build(app.operations, DocumentOptions()).content)
    return (time.process_time() - began) * 1000

print(min(spent() for _ in range(ROUNDS)))
"""


def document_milliseconds(kind: str, rounds: int = 7, routes: int = ROUTES) -> float:
    """Processor time of making the document and writing it, of `"msgspec"` models, `"pydantic"` ones, or `"both"`."""
    program = PROGRAM.replace("KIND", kind).replace("ROUTES", str(routes)).replace("ROUNDS", str(rounds))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    for name in ("msgspec", "pydantic", "both"):
        print(f"{name}: {document_milliseconds(name):.0f} ms for {ROUTES} routes")
