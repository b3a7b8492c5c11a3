"""What a test client raises besides the exceptions of the application itself.

    ProtocolViolation     the application broke the rules of its protocol
    ContractViolation     a response is not in the OpenAPI document of the application
    LifespanFailed        the application could not start or stop, and gave no exception to raise instead
    ClientDisconnected    raised inside the application: it sends to a client that has left
    WebSocketDenied       the application has refused the handshake of a websocket
    WebSocketClosed       there are no more messages on a websocket, for it is closed

A time-out is `httpx2.ReadTimeout`, a response that breaks off is `httpx2.RemoteProtocolError`, and a request that no client could put on a
wire is `httpx2.LocalProtocolError`, as with a real connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import httpx2

__all__ = [
    "ClientDisconnected",
    "ContractCode",
    "ContractViolation",
    "LifespanFailed",
    "ProtocolViolation",
    "ViolationCode",
    "WebSocketClosed",
    "WebSocketDenied",
]

ViolationCode: TypeAlias = Literal[
    "VELO_VIOLATION_MESSAGE",
    "VELO_VIOLATION_ORDER",
    "VELO_VIOLATION_STATUS",
    "VELO_VIOLATION_HEADER_NAME",
    "VELO_VIOLATION_HEADER_VALUE",
    "VELO_VIOLATION_BODY",
    "VELO_VIOLATION_CONTENT_LENGTH",
    "VELO_VIOLATION_NO_RESPONSE",
    "VELO_VIOLATION_FILE",
    "VELO_VIOLATION_LIFESPAN",
    "VELO_VIOLATION_SUBPROTOCOL",
    "VELO_VIOLATION_CLOSE",
]
"""The stable codes of `ProtocolViolation`."""


class ProtocolViolation(Exception):
    """The application did what a real server would refuse, mangle or drop, so the test fails even if the application caught the error.

    Attributes:
        code: Stable; the message may be reworded at any time.
    """

    def __init__(self, code: ViolationCode, message: str) -> None:
        self.code: ViolationCode = code
        super().__init__(f"{message} [{code}]")


ContractCode: TypeAlias = Literal[
    "VELO_CONTRACT_OPERATION",
    "VELO_CONTRACT_STATUS",
    "VELO_CONTRACT_MEDIA_TYPE",
    "VELO_CONTRACT_HEADER",
    "VELO_CONTRACT_BODY",
]
"""The stable codes of `ContractViolation`."""


class ContractViolation(AssertionError):
    """A response that is not in the OpenAPI document of the application: one of the two is wrong.

    Attributes:
        code: Stable; the message may be reworded at any time.
        details: Lines below the message: the body, and where the handler is.
    """

    def __init__(self, code: ContractCode, message: str, details: Sequence[str] = ()) -> None:
        self.code: ContractCode = code
        self.details = tuple(details)
        super().__init__("\n  ".join((f"{message} [{code}]", *details)))


class LifespanFailed(Exception):
    """The application could not start or stop. Its own exception is raised instead of this one wherever there is one."""

    code = "VELO_LIFESPAN"


class ClientDisconnected(OSError):
    """The client left before this was sent (ASGI HTTP 2.4: `send` raises an `OSError`). An application may let it pass; no test fails."""

    code = "VELO_CLIENT_DISCONNECTED"


class WebSocketDenied(Exception):
    """The application refused the handshake.

    Attributes:
        response: What it answered in place of an acceptance.
    """

    code = "VELO_WEBSOCKET_DENIED"

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        super().__init__(f"the websocket was refused with {response.status_code}: {response.text[:200]}")


class WebSocketClosed(Exception):
    """There are no more messages: the websocket is closed, by the application or by the test itself.

    Attributes:
        close_code: Of the closing frame; 1005 if it had none, as always on RSGI, 1006 if there was no closing frame.
        reason: Text of the closing frame.
    """

    code = "VELO_WEBSOCKET_CLOSED"

    def __init__(self, close_code: int, reason: str = "") -> None:
        self.close_code = close_code
        self.reason = reason
        super().__init__(f"the websocket was closed with {close_code}" + (f": {reason}" if reason else ""))
