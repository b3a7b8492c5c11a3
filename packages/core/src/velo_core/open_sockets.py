"""The websockets of an application that are open, so that they end with it. Every application has this, and few have websockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from velo_core.errors import WebSocketError

if TYPE_CHECKING:
    from velo_core.websocket import WebSocket

__all__ = ["GOING_AWAY", "OpenSockets"]

GOING_AWAY: Final = "The server stops."


class OpenSockets:
    """The conversations that an application is in, so that they can be ended with it."""

    def __init__(self) -> None:
        self._open: dict[WebSocket, asyncio.Task[object]] = {}
        self.are_closing = False

    def add(self, socket: WebSocket, task: asyncio.Task[object]) -> None:
        """Notes a socket that was accepted, and the task that serves it.

        Raises:
            WebSocketError: 1001, because the application stops.
        """
        self._open[socket] = task
        if self.are_closing:
            raise WebSocketError(1001, GOING_AWAY)

    def discard(self, socket: WebSocket) -> None:
        """Forgets a socket that has ended."""
        self._open.pop(socket, None)

    async def close(self, patience_seconds: float) -> None:
        """Ends all conversations with 1001, and waits for their handlers; who takes longer than `patience_seconds` is cancelled."""
        self.are_closing = True
        try:
            tasks = {*self._open.values(), *(asyncio.ensure_future(socket.close(1001, GOING_AWAY)) for socket in self._open)}
            for _ in range(2):  # the second time for those that were cancelled
                if tasks:
                    _, tasks = await asyncio.wait(tasks, timeout=patience_seconds)
                for task in tasks:
                    task.cancel()
        finally:
            self.are_closing = False
