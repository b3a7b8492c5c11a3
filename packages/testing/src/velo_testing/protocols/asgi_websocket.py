"""ASGI's websockets (WebSocket 2.5), with the extension `websocket.http.response`. As strict as the strictest server, and a little more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote

from velo_testing.conversation import Closing, Conversation
from velo_testing.errors import ClientDisconnected, ProtocolViolation
from velo_testing.protocols.asgi_messages import AsgiApplication, Message, Scope, field, header_list

__all__ = ["serve_websocket"]

Step: TypeAlias = Callable[[Message], Awaitable[None]]

_MAX_REASON_BYTES = 123  # RFC 6455 section 5.5: what a control frame holds besides the code


def _scope(conversation: Conversation, root_path: str, state: Mapping[str, object]) -> Scope:
    request = conversation.request
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "wss" if request.scheme in ("https", "wss") else "ws",
        "path": root_path + request.path,
        "raw_path": quote(root_path).encode() + request.raw_path,
        "query_string": request.query,
        "root_path": root_path,
        "headers": list(request.headers),
        "client": request.client,
        "server": request.server,
        "subprotocols": list(conversation.subprotocols),
        "state": dict(state),
        "extensions": {"websocket.http.response": {}},
    }


class _Receive:
    """`receive`: the handshake, the messages of the client, the end.

    Attributes:
        is_connected: Whether the handshake was taken, before which nothing may be sent.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.is_connected = False

    async def __call__(self) -> Message:
        if not self.is_connected:
            self.is_connected = True
            return {"type": "websocket.connect"}
        message = await self._conversation.next_message()
        if isinstance(message, Closing):
            return {"type": "websocket.disconnect", "code": message.code, "reason": message.reason}
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}


class _Send:
    """`send`: an acceptance and messages, or a refusal."""

    def __init__(self, conversation: Conversation, receive: _Receive) -> None:
        self._conversation = conversation
        self._receive = receive
        self._steps: Mapping[str, Step] = {
            "websocket.accept": self._accept,
            "websocket.send": self._message,
            "websocket.close": self._close,
            "websocket.http.response.start": self._begin_denial,
            "websocket.http.response.body": self._deny,
        }

    async def __call__(self, message: Message) -> None:
        with self._conversation.failures.checking():
            kind = field(message, "type", str)
            if kind not in self._steps:
                raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"{kind!r} is not a message of a websocket")
            if not self._receive.is_connected:
                raise ProtocolViolation("VELO_VIOLATION_ORDER", f"{kind} was sent before websocket.connect was received")
            if self._conversation.has_left:
                raise ClientDisconnected("the client went away")
            if self._conversation.is_over:
                raise ProtocolViolation("VELO_VIOLATION_ORDER", f"{kind} was sent after the end")
            await self._steps[kind](message)

    async def _accept(self, message: Message) -> None:
        self._expect(message, accepted=False)
        subprotocol = field(message, "subprotocol", object, default=None)
        headers = header_list(message)
        if subprotocol is not None and subprotocol not in self._conversation.subprotocols:
            offered = ", ".join(self._conversation.subprotocols) or "none"
            raise ProtocolViolation(
                "VELO_VIOLATION_SUBPROTOCOL", f"{subprotocol!r} is not offered by the client, but {offered} (RFC 6455 section 4.2.2)"
            )
        if any(name == b"sec-websocket-protocol" for name, _ in headers):
            raise ProtocolViolation("VELO_VIOLATION_HEADER_NAME", "the subprotocol of websocket.accept is no header")
        self._conversation.accept(None if subprotocol is None else str(subprotocol), headers)

    async def _message(self, message: Message) -> None:
        self._expect(message, accepted=True)
        text, data = message.get("text"), message.get("bytes")
        if isinstance(text, str) and data is None:
            text.encode()  # a lone surrogate cannot be sent
            await self._conversation.say(text)
        elif isinstance(data, bytes) and text is None:
            await self._conversation.say(data)
        else:
            raise ProtocolViolation("VELO_VIOLATION_MESSAGE", "websocket.send has to have either `text`, a str, or `bytes`")

    async def _close(self, message: Message) -> None:
        code = field(message, "code", int, default=1000)
        reason = field(message, "reason", object, default="") or ""
        if self._conversation.accepted is None:
            self._expect(message, accepted=False)
            self._conversation.begin_denial(403, [(b"content-length", b"0")])
            self._conversation.deny(b"")
            return
        if not (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) and not 3000 <= code <= 4999:
            raise ProtocolViolation("VELO_VIOLATION_CLOSE", f"{code} cannot be sent as the code of a closing frame (RFC 6455 section 7.4)")
        if not isinstance(reason, str) or len(reason.encode()) > _MAX_REASON_BYTES:
            raise ProtocolViolation("VELO_VIOLATION_CLOSE", f"the reason of a closing frame is text of at most 123 bytes, not {reason!r}")
        self._conversation.end(code, reason)

    async def _begin_denial(self, message: Message) -> None:
        self._expect(message, accepted=False)
        self._conversation.begin_denial(message.get("status"), header_list(message))

    async def _deny(self, message: Message) -> None:
        if self._conversation.denial is None:
            raise ProtocolViolation("VELO_VIOLATION_ORDER", "websocket.http.response.body was sent before websocket.http.response.start")
        self._conversation.deny(field(message, "body", bytes, default=b""), more=field(message, "more_body", bool, default=False))

    def _expect(self, message: Message, *, accepted: bool) -> None:
        if self._conversation.denial is not None:
            raise ProtocolViolation("VELO_VIOLATION_ORDER", f"{message['type']} was sent after websocket.http.response.start")
        if (self._conversation.accepted is not None) is not accepted:
            when = "before" if accepted else "after"
            raise ProtocolViolation("VELO_VIOLATION_ORDER", f"{message['type']} was sent {when} websocket.accept")


async def serve_websocket(app: AsgiApplication, conversation: Conversation, *, root_path: str, state: Mapping[str, object]) -> None:
    """Has the application serve one websocket; its exceptions come back.

    Raises:
        ProtocolViolation: it returned before the end.
    """
    receive = _Receive(conversation)
    await app(_scope(conversation, root_path, state), receive, _Send(conversation, receive))
    if not conversation.is_over:
        with conversation.failures.checking():
            raise ProtocolViolation("VELO_VIOLATION_NO_RESPONSE", "the application returned without websocket.close")
