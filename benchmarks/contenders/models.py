"""What the contenders share: the models, and what they answer with."""

import msgspec
import pydantic

from benchmarks.scenarios import CHUNK, HEADERS, ITEMS, STREAMED_BYTES

__all__ = ["CHUNK", "CHUNKS", "HEADERS", "Item", "PydanticItem", "items", "pydantic_items"]

CHUNKS = STREAMED_BYTES // len(CHUNK)


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


class PydanticItem(pydantic.BaseModel):
    name: str
    price: float
    tags: list[str] = []


items = [Item(**item) for item in ITEMS]
pydantic_items = [PydanticItem(**item) for item in ITEMS]
