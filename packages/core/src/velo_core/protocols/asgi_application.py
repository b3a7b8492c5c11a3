"""`ASGI`, what an application is for ASGI servers: which plan serves a scope, and the lifespan.

How a scope is read and a response is sent stands in `asgi`, which is imported when the first server starts the application.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from velo_core.errors import SetupError
from velo_core.protocols.application import Application, has_websockets
from velo_core.types import WEBSOCKET

if TYPE_CHECKING:
    from velo_core.plan import Run
    from velo_core.protocols.asgi import Receive, Scope, Send
    from velo_core.routing import Table

__all__ = ["ASGI"]

PERCENT: Final = ord("%")
"""As a number: looking for `b"%"` in bytes was measured at 540 ns, for a number at 30."""


class ASGI(Application):
    """Makes an application callable by ASGI servers."""

    _asgi_table: Table[Run] | None = None
    _asgi_websockets: Table[Run] | None = None
    _asgi_find: Callable[[Table[Run], str, Scope], tuple[Run, tuple[object, ...]]]
    """Set with the first table; a look-up of the module would cost encoded paths more."""

    def _serve_asgi(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serves one connection scope.

        Not a coroutine function, so that the plan's own coroutine is what the server awaits: a frame between them would cost a tenth of the
        shortest request.
        """
        if scope["type"] != "http":
            return self._asgi_other(scope, receive, send)
        table = self._asgi_table
        if table is None:
            table = self._bind_asgi()
        raw_path = scope.get("raw_path")
        if scope.get("root_path") or (raw_path is not None and PERCENT in raw_path):
            run, values = self._asgi_find(table, scope["method"], scope)
        else:
            # As `Table.find` does it; here it saves the commonest of all requests a frame.
            answers = table.static.get(scope["path"])
            answer = None if answers is None else answers.get(scope["method"])
            run, values = table.search(scope["method"], scope["path"]) if answer is None else answer
        return run(scope, receive, send, values)

    # Servers that run ASGI 2 and WSGI applications as well take what is not a coroutine function for one of those.
    if sys.version_info >= (3, 12):
        __call__ = inspect.markcoroutinefunction(_serve_asgi)
    else:

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            """Serves one connection scope."""
            await self._serve_asgi(scope, receive, send)

    def _bind_asgi(self) -> Table[Run]:
        from velo_core.protocols.asgi import ADAPTER, find, websocket_adapter

        if has_websockets():
            websocket_adapter()
        self._asgi_find = find
        table = self._asgi_table = self.bind(ADAPTER)
        return table

    def _asgi_other(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "websocket":
            return self._serve_websocket(scope, receive, send)
        if scope["type"] == "lifespan":
            return _lifespan(self, self._bind_asgi, receive, send)
        return _unknown(scope)

    def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        table = self._asgi_websockets
        if table is None:
            from velo_core.protocols.asgi import find, websocket_adapter

            self._asgi_find = find
            table = self._asgi_websockets = self.bind(websocket_adapter())
        raw_path = scope.get("raw_path")
        if scope.get("root_path") or (raw_path is not None and PERCENT in raw_path):
            run, values = self._asgi_find(table, WEBSOCKET, scope)
        else:
            run, values = table.find(WEBSOCKET, scope["path"])
        return run(scope, receive, send, values)


async def _unknown(scope: Scope) -> None:
    raise SetupError("VELO_ASGI_SCOPE", f"the server opened a {scope['type']!r} scope, which Velo does not know")


async def _lifespan(app: Application, bind: Callable[[], object], receive: Receive, send: Send) -> None:
    await receive()
    try:
        await app.startup()
        bind()  # now, for the first request is to find all there
    except BaseException as error:
        await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
        raise
    await send({"type": "lifespan.startup.complete"})
    await receive()
    try:
        await app.shutdown()
    except BaseException as error:
        await send({"type": "lifespan.shutdown.failed", "message": f"{type(error).__name__}: {error}"})
        raise
    await send({"type": "lifespan.shutdown.complete"})
