"""The protocols that the test clients speak: one module each, with the same parts in the same order (read, write, call, lifespan).

To add one: a module with a `Server`, its name in `ProtocolName`, an entry in `_SERVERS`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol, TypeAlias

from velo_testing.protocols.asgi import AsgiServer
from velo_testing.protocols.rsgi import RsgiServer
from velo_testing.protocols.wsgi import WsgiServer
from velo_testing.server import Server

__all__ = ["Application", "ProtocolName", "RsgiApplication", "server_for"]

ProtocolName: TypeAlias = Literal["asgi", "rsgi", "wsgi"]
"""Which door of an application a client uses."""


class RsgiApplication(Protocol):
    """An application whose RSGI door is a method, as with Velo."""

    @property
    def __rsgi__(self) -> Callable[..., Awaitable[object]]: ...


Application: TypeAlias = Callable[..., object] | RsgiApplication
"""Anything that a server can call."""


class _ServerFactory(Protocol):
    def __call__(self, app: object, *, root_path: str) -> Server: ...


_SERVERS: Mapping[str, _ServerFactory] = {"asgi": AsgiServer, "rsgi": RsgiServer, "wsgi": WsgiServer}


def server_for(protocol: ProtocolName, app: Application, *, root_path: str) -> Server:
    """What serves `app` on `protocol`.

    Raises:
        ValueError: the protocol is unknown, or has no root path though one is given.
    """
    if protocol not in _SERVERS:
        raise ValueError(f"{protocol!r} is not a protocol of the test client; it speaks {', '.join(_SERVERS)}")
    return _SERVERS[protocol](app, root_path=root_path)
