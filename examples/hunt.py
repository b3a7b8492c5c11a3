# /// script
# dependencies = ["velo-core[pydantic]", "velo-limiter"]
# ///
"""A small shop: lists, looks up and adds items, with at most 60 requests a minute for each client."""

from typing import Annotated, TypedDict

import msgspec
from pydantic import BaseModel

from velo_core import Depends, Header, Query, Velo
from velo_limiter import Limiter, MemoryStorage, RateLimitAlgorithm, RateLimitRule, rate_limit

app = Velo()
limiter = Limiter(storage=MemoryStorage())
per_minute = RateLimitRule(name="per-minute", limit=60, window=60, algorithm=RateLimitAlgorithm.TOKEN_BUCKET)


class Item(BaseModel):
    id: int
    name: str
    price: float


class NewItem(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    price: Annotated[float, msgspec.Meta(gt=0)]
    tags: list[str] = []


class Page(TypedDict):
    page: int
    size: int


ITEMS = [Item(id=number, name=f"Item {number}", price=number * 1.5) for number in range(1, 251)]


async def page_params(page: Annotated[int, Query(ge=1)] = 1, size: Annotated[int, Query(le=100)] = 20) -> Page:
    return {"page": page, "size": size}


@app.get("/")
async def index() -> dict[str, str]:
    return {"name": "hunt", "items": app.url_for("list_items")}


@app.get("/items", response_model=list[Item], tags=["items"], dependencies=[Depends(rate_limit(limiter, rules=[per_minute]))])
async def list_items(
    page: Annotated[Page, Depends(page_params)],
    x_request_id: Annotated[str | None, Header()] = None,
) -> list[Item]:
    start = (page["page"] - 1) * page["size"]
    return ITEMS[start : start + page["size"]]


@app.get("/users/{user_id}")
async def get_user(user_id: int) -> dict[str, int | str]:
    return {"id": user_id, "name": f"User {user_id}"}


@app.post("/items", status_code=201, tags=["items"])
async def add_item(item: NewItem) -> NewItem:
    return item
