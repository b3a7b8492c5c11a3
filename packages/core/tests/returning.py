"""Handlers that return what they are given."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import msgspec

__all__ = ["UNSET", "User", "returning"]


UNSET = object()


def returning(value: Any, annotation: object = UNSET) -> Callable[..., object]:
    """A handler that returns `value`; called if it is a function, so that each request has its own."""

    async def give() -> object:
        return value() if isinstance(value, FunctionType) else value

    give.__annotations__ = {} if annotation is UNSET else {"return": annotation}
    return give


class User(msgspec.Struct):
    id: int
