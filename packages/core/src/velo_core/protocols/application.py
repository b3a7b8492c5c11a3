"""What a protocol adapter needs from the application."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from velo_core.plan import Run
    from velo_core.request import Adapter
    from velo_core.routing import Table

__all__ = ["Application", "has_websockets"]


class Application(ABC):
    """The side of the application that adapters see."""

    @abstractmethod
    def bind(self, adapter: Adapter) -> Table[Run]:
        """What serves each path on the protocol of `adapter`. Freezes the application."""

    @abstractmethod
    async def startup(self) -> None:
        """Freezes the application and enters its lifespan; does nothing the second time."""

    @abstractmethod
    async def closing(self) -> None:
        """Tells the plugins that the end is near; does nothing the second time."""

    @abstractmethod
    async def shutdown(self) -> None:
        """Leaves the lifespan; does nothing if it was not entered."""


def has_websockets() -> bool:
    """Whether an application in this process may have a route for websockets. Then what serves them has to be imported at the start."""
    if "velo_core.websocket" not in sys.modules:
        return False
    import_module("velo_core.conversation")  # what their plans name, which are written at the first request
    return True
