"""The seam between clients and protocols: who adds a protocol implements `Server`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from velo_testing.conversation import Conversation
from velo_testing.exchange import Exchange

__all__ = ["Host", "Server", "WebSocketServer"]


class Host(Protocol):
    """What runs the event loop that a server works on."""

    async def call_stopped(self, function: Callable[[asyncio.AbstractEventLoop], object]) -> None:
        """Calls `function` with this loop while it is not running, so that `loop.run_until_complete` works inside. Exceptions come back."""
        ...


class Server(Protocol):
    """Speaks one protocol to one application."""

    async def serve(self, exchange: Exchange) -> None:
        """Has the application answer one exchange; its exceptions come back."""
        ...

    async def start(self, host: Host) -> None:
        """Enters the lifespan of the application.

        Raises:
            Exception: the application's own, if it cannot start.
            LifespanFailed: it cannot start and gives no exception.
        """
        ...

    async def stop(self, host: Host) -> None:
        """Leaves the lifespan again; raises as `start` does."""
        ...


@runtime_checkable
class WebSocketServer(Protocol):
    """What a `Server` has besides whose protocol knows websockets."""

    async def converse(self, conversation: Conversation) -> None:
        """Has the application serve one websocket; its exceptions come back."""
        ...
