"""Websockets of mounted ASGI applications: their messages become calls of our own `WebSocket`, so all that is around it holds for them."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from velo_core.errors import WebSocketDisconnect
from velo_core.mounting.asgi import ASGIApplication, Message, described
from velo_core.mounting.place import Place
from velo_core.response import Response
from velo_core.types import HeaderPairs
from velo_core.websocket import WebSocket

__all__ = ["bridged_socket"]


async def bridged_socket(app: ASGIApplication, socket: WebSocket, place: Place, state: MutableMapping[str, Any]) -> Response | None:
    """Lets a mounted application have a conversation; the response with which it refuses the handshake, if it does so.

    Raises:
        UnsupportedError: the application wants to tell a subprotocol, and the protocol cannot.
        Exception: what the application raised.
    """
    bridge = _Bridge(socket)
    scope = described(socket, place, state)
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if socket.scheme == "https" else "ws"
    scope["subprotocols"] = list(socket.subprotocols)
    scope["extensions"] = {"websocket.http.response": {}}
    await app(scope, bridge.receive, bridge.send)
    return bridge.denial


class _Bridge:
    """One websocket of a mounted application."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.denial: Response | None = None
        self._is_connected = False

    async def receive(self) -> Message:
        """What the client says."""
        if not self._is_connected:
            self._is_connected = True
            return {"type": "websocket.connect"}
        try:
            message = await self.socket.receive()
        except WebSocketDisconnect as end:
            return {"type": "websocket.disconnect", "code": end.close_code, "reason": end.reason}
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def send(self, message: Message) -> None:
        """Does what the application says."""
        kind = message["type"]
        if kind == "websocket.accept":
            headers = _pairs(message) if "accept_headers" in self.socket.capabilities else []
            await self.socket.accept(message.get("subprotocol"), headers)
        elif kind == "websocket.send":
            text: str | None = message.get("text")
            try:
                await (self.socket.send_bytes(message["bytes"]) if text is None else self.socket.send_text(text))
            except WebSocketDisconnect as end:
                raise ConnectionResetError("the client has left") from end  # an OSError, as the specification wants it
        elif kind == "websocket.close":
            await self.socket.close(message.get("code") or 1000, message.get("reason") or "")
        elif kind == "websocket.http.response.start" and not self.socket.is_accepted:
            self.denial = Response(b"", message["status"], _pairs(message))
        elif kind == "websocket.http.response.body" and self.denial is not None:
            self.denial.body += message.get("body", b"")
        else:
            raise RuntimeError(f"the mounted application sent {kind!r} where it cannot come")


def _pairs(message: Message) -> HeaderPairs:
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in message.get("headers") or ()]
