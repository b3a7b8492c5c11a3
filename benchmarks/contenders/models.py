"""What the contenders share: the models, and what they answer with."""

import msgspec
import pydantic

from benchmarks.scenarios import CHUNK, EVENTS, HEADERS, ITEMS, STREAMED_BYTES

__all__ = ["CHUNK", "CHUNKS", "EVENTS", "HEADERS", "Item", "PydanticItem", "encode", "items", "pydantic_items"]

CHUNKS = STREAMED_BYTES // len(CHUNK)

encode = msgspec.json.Encoder().encode


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
