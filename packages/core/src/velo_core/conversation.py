"""How a websocket's plan begins and ends: what both kinds of plans call.

Until the handler has accepted, everything is answered as for HTTP: by a response, which refuses the handshake. From then on the end of the
handler is the end of the conversation, and what would have been a status is the code of the closing frame.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Final, cast

from velo_core.answers import AnswerError, with_response_headers
from velo_core.errors import HTTPError, ValidationError, WebSocketDisconnect, WebSocketError
from velo_core.open_sockets import GOING_AWAY
from velo_core.parsing.origin import parse_origin
from velo_core.response import Response
from velo_core.teardown import Teardown
from velo_core.watch import Deadline
from velo_core.websocket import Upgraded, WebSocket, requested_subprotocols

__all__ = ["Conversation", "abort_socket", "answer_socket", "check_handshake", "conversed", "finish_socket", "until_accepted"]

MAX_REASON_BYTES: Final = 123
"""What is left of a control frame of 125 bytes (RFC 6455 section 5.5) after the code."""
_CLOSE_CODES: Final = {400: 1007, 413: 1009, 415: 1003, 422: 1007, 503: 1013}
"""Codes for statuses that have one of nearly the same meaning (RFC 6455 section 7.4.1); other 4xx are 1008, other 5xx 1011."""


class Conversation:
    """What is around the steps of a websocket's plan: refuses handshakes that must not succeed, and ends the handler with its client.

    Raises:
        HTTPError: the handshake is refused.
        WebSocketDisconnect: at its end, in place of the cancellation, when the client has left.
        WebSocketError: likewise, when it has sent too large a message.
    """

    __slots__ = ("_socket",)

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    def __enter__(self) -> None:
        self._socket.begin()
        check_handshake(self._socket)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        socket = self._socket
        if socket.stand_down():
            left = cast("asyncio.Task[object]", asyncio.current_task()).uncancel()
            if left == 0 and isinstance(error, asyncio.CancelledError):
                raise socket.end from error


def until_accepted(socket: WebSocket, seconds: float) -> Deadline:
    """Gives what is inside of it so many seconds to accept the socket."""
    socket.deadline = Deadline(seconds)
    return socket.deadline


def check_handshake(socket: WebSocket) -> None:
    """Refuses handshakes that must not succeed, whatever a server lets pass.

    Browsers let every page open a websocket to every host, cookies included; only the `Origin` field tells who asks. Clients that are no
    browsers send none, and have to say who they are in other ways.

    Raises:
        HTTPError: 405, 400 or 403.
    """
    if socket.method not in ("GET", "CONNECT"):  # RFC 6455 section 4.2.1, RFC 8441 section 4
        raise HTTPError(405, "A websocket is opened with GET.", headers={"allow": "GET"})
    if socket.http_version == "1.0":
        raise HTTPError(400, "A websocket needs HTTP/1.1 (RFC 6455 section 4.2.1).")
    sent, subprotocols = socket.handshake
    if subprotocols and requested_subprotocols(subprotocols) is None:
        raise HTTPError(400, "Sec-WebSocket-Protocol is no list of different tokens (RFC 6455 section 4.1).")
    origins = socket.options.origins
    if origins is None or not sent:
        return
    origin = parse_origin(sent[0]) if len(sent) == 1 else None
    host = socket.authority
    own = origin is not None and host is not None and origin.serves(host, secure=socket.scheme == "https")
    if not own and origin not in origins:
        raise HTTPError(403, "Pages of this origin may not open a websocket here.")


def conversed(socket: WebSocket, result: object) -> Response:
    """The response when the handler has returned: one to the handshake, or `Upgraded`.

    Raises:
        HTTPError: the handler has refused the handshake by `close`.
        RuntimeError: it has neither accepted nor refused.
    """
    if socket.is_accepted:
        return Upgraded()
    if isinstance(result, Response):
        return result
    if socket.refusal is not None:
        raise HTTPError(403, socket.refusal or None)
    raise RuntimeError(f"the handler of {socket!r} returned without accept(), close() or a Response")


async def answer_socket(socket: WebSocket, error: Exception, answer_error: AnswerError) -> Response:
    """The response to an exception: one to the handshake, or `Upgraded` with the code that says the same; never raises."""
    error = _only_one(error)
    if isinstance(error, WebSocketDisconnect):  # nobody is there, and exception handlers have nothing to answer
        return Upgraded()
    if isinstance(error, WebSocketError):
        if socket.is_accepted:
            return Upgraded(error.close_code, error.reason)
        error = HTTPError(403, error.reason or None)
    response = await answer_error(socket, error)
    return Upgraded(close_code_of(response.status_code), reason_of(error)) if socket.is_accepted else response


def _only_one(error: Exception) -> Exception:
    """What a group says, if it says one thing: who sends and who receives may do so in a `TaskGroup`, and all of them hear of the end."""
    if not isinstance(error, ExceptionGroup):
        return error
    group = cast("ExceptionGroup[Exception]", error)
    disconnect, others = group.split(WebSocketDisconnect)
    if others is None:
        return WebSocketDisconnect() if disconnect is None else _first(disconnect)
    told, mistakes = others.split((HTTPError, WebSocketError))
    return group if told is None or mistakes is not None else _first(told)


def _first(group: ExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first(cast("ExceptionGroup[Exception]", first)) if isinstance(first, ExceptionGroup) else first


def close_code_of(status_code: int) -> int:
    """The code of a closing frame that comes closest to a status."""
    known = _CLOSE_CODES.get(status_code)
    if known is not None:
        return known
    return 1008 if 400 <= status_code < 500 else 1011 if status_code >= 500 else 1000


def reason_of(error: Exception) -> str:
    """What a closing frame tells of an error: nothing that an answer would not tell."""
    if isinstance(error, ValidationError) and error.errors:
        first = error.errors[0]
        text = ": ".join(filter(None, (".".join(map(str, first.loc)), first.message)))
    elif isinstance(error, HTTPError):
        text = error.detail or error.title
    else:
        text = ""
    return text.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


async def finish_socket(socket: WebSocket, response: Response, teardown: Teardown) -> None:
    """Refuses the handshake with `response`, or sends the closing frame; then closes what was opened."""
    failure: BaseException | None = None
    try:
        if not socket.is_accepted:
            await socket.deny(with_response_headers(socket, response))
        elif socket.close_code is not None:
            pass  # it has ended
        elif isinstance(response, Upgraded):
            await socket.close(response.close_code, response.reason)
        else:  # a middleware's own
            await socket.close(close_code_of(response.status_code))
    except WebSocketDisconnect as error:
        failure = error
    except BaseException as error:
        failure = error
        raise
    finally:
        socket.finish()
        if teardown.is_open:
            await teardown.finish(failure)


async def abort_socket(socket: WebSocket, error: BaseException, teardown: Teardown) -> None:
    """Ends a conversation whose task was cancelled, nearly always because the server stops."""
    try:
        await teardown.finish(error)
    finally:
        if socket.is_accepted:
            with suppress(Exception):
                await socket.close(1001, GOING_AWAY)
        socket.finish()
