"""`WSGI`, what an application is for WSGI servers. What serves them is imported when one of them asks: most applications meet none."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from velo_core.protocols.application import Application

if TYPE_CHECKING:
    from velo_core.plan import Run
    from velo_core.protocols.wsgi import WSGICallable
    from velo_core.routing import Table

__all__ = ["WSGI"]

_MAKING: Final = Lock()


class WSGI(Application):
    """Makes an application callable by WSGI servers."""

    _wsgi_table: Table[Run] | None = None
    _wsgi: WSGICallable | None = None

    @property
    def wsgi(self) -> WSGICallable:
        """What WSGI servers call: `gunicorn shop:wsgi` where the module `shop` has `wsgi = app.wsgi`."""
        if self._wsgi is None:
            with _MAKING:
                if self._wsgi is None:
                    from velo_core.protocols.wsgi import WSGICallable

                    self._wsgi = WSGICallable(self)
        return self._wsgi

    def wsgi_table(self) -> Table[Run]:
        """What serves each path on WSGI."""
        table = self._wsgi_table
        if table is None:
            from velo_core.protocols.wsgi import ADAPTER

            table = self._wsgi_table = self.bind(ADAPTER)
        return table
