"""`RSGI`, what an application is for RSGI servers: which plan serves a request, and the lifespan.

How a request is read and a response is sent stands in `rsgi`, which is imported when the first server starts the application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from velo_core.protocols.application import Application, has_websockets
from velo_core.types import WEBSOCKET

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from velo_core.plan import Run
    from velo_core.protocols.rsgi import HTTP, Scope
    from velo_core.routing import Table

__all__ = ["RSGI"]


class RSGI(Application):
    """Makes an application callable by RSGI servers."""

    _rsgi_table: Table[Run] | None = None
    _rsgi_websockets: Table[Run] | None = None
    _rsgi_head: Callable[[HTTP], object]
    """What is answered to in place of the protocol object for HEAD. Set with the first table."""

    def __rsgi__(self, scope: Scope, protocol: HTTP) -> Awaitable[None]:
        """Serves one request. Not a coroutine function itself: the plan's own coroutine is what the server awaits."""
        if scope.proto != "http":
            return self._serve_rsgi_websocket(scope, protocol)
        table = self._rsgi_table
        if table is None:
            table = self._bind_rsgi()
        method, path = scope.method, scope.path
        # As `Table.find` does it; here it saves the commonest of all requests a frame.
        answers = table.static.get(path)
        answer = None if answers is None else answers.get(method)
        run, values = table.search(method, path) if answer is None else answer
        if method == "HEAD":
            return run(scope, protocol, self._rsgi_head(protocol), values)
        return run(scope, protocol, protocol, values)

    def _bind_rsgi(self) -> Table[Run]:
        from velo_core.protocols.rsgi import ADAPTER, WithoutContent, websocket_adapter

        if has_websockets():
            websocket_adapter()
        self._rsgi_head = WithoutContent
        table = self._rsgi_table = self.bind(ADAPTER)
        return table

    def _serve_rsgi_websocket(self, scope: Scope, protocol: object) -> Awaitable[None]:
        table = self._rsgi_websockets
        if table is None:
            from velo_core.protocols.rsgi import websocket_adapter

            table = self._rsgi_websockets = self.bind(websocket_adapter())
        run, values = table.find(WEBSOCKET, scope.path)
        return run(scope, protocol, protocol, values)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the application; called by the server with its loop, which does not run yet."""
        loop.run_until_complete(self.startup())
        self._bind_rsgi()  # now, for the first request is to find all there

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stops the application; called by the server with its loop, which does not run any more."""
        loop.run_until_complete(self.shutdown())
