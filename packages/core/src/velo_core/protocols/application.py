"""What a protocol adapter needs from the application."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from velo_core.plan import Run
    from velo_core.request import Adapter
    from velo_core.routing import Table

__all__ = ["Application"]


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
