"""Handlers that tell their names."""

from collections.abc import Callable

__all__ = ["handler", "named"]


async def handler() -> str:
    return "handled"


def named(name: str) -> Callable[..., object]:
    """A handler that tells its name."""

    async def tell() -> str:
        return name

    tell.__name__ = name
    return tell
