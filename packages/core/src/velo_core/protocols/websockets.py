"""An adapter for websockets from the one for HTTP: the handshake is a request like any other, and what refuses it is a response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from msgspec.structs import replace

from velo_core.errors import WebSocketDisconnect
from velo_core.life import NO_LIFE, Life
from velo_core.request import Adapter
from velo_core.response import ReadyHeaders, Response, ready
from velo_core.teardown import Teardown
from velo_core.websocket import Channel

__all__ = ["websocket_adapter"]


def websocket_adapter(
    http: Adapter,
    channel: Callable[[Any, Any, Any], Channel],
    *,
    method: Callable[[Any], str],
    scheme: Callable[[Any], str],
    header_pairs: Callable[[Any], list[tuple[str, str]]],
    handshake: Callable[[Any], tuple[list[str], list[str]]],
    capabilities: Callable[[Any], frozenset[str]],
) -> Adapter:
    """The adapter for the websockets of a protocol.

    Args:
        http: That for its requests.
        channel: Opens a websocket, from scope, receive and send.
        method: See `Adapter`; so are the others.
    """

    async def send_response(
        response: Response, scope: object, receive: object, send: object, teardown: Teardown | None, life: Life = NO_LIFE
    ) -> None:
        failure: BaseException | None = None
        try:
            await channel(scope, receive, send).deny(response)
        except WebSocketDisconnect as error:
            failure = error
        finally:
            if teardown is not None:
                await teardown.finish(failure)

    async def deny_ready(scope: object, receive: object, send: object, status_code: int, header: tuple[str, str], content: bytes) -> None:
        await send_response(ready(status_code, ReadyHeaders([header]), content), scope, receive, send, None)

    def send_ready(status_code: int, content_type: str, content: str, may_be_head: bool) -> list[str]:
        return [f"await deny_ready(scope, receive, send, {status_code}, {content_type}, {content})"]

    return replace(
        http,
        method=method,
        scheme=scheme,
        header_pairs=header_pairs,
        handshake=handshake,
        native_header=_as_text,
        stream=_no_stream,
        read_body=_no_body,
        client_leaves=_never,
        capabilities=capabilities,
        send_response=send_response,
        send_ready=send_ready,
        constants={"deny_ready": deny_ready},
        channel=channel,
    )


def _as_text(header: tuple[str, str]) -> tuple[str, str]:
    return header


async def _no_stream(scope: object, receive: object) -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for chunk in nothing:
        yield chunk


async def _no_body(scope: object, receive: object, headers: object, limit: int) -> bytes:
    return b""


async def _never(scope: object, receive: object) -> None:
    await asyncio.Event().wait()
