"""Serving, once or again after each change."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from velo_cli.address import Endpoint
from velo_cli.errors import Failure
from velo_cli.process import unwind_on_signals
from velo_cli.reports import Outbox, Reports
from velo_cli.settings import Settings

__all__ = ["serve"]

PROBE_SECONDS = 10
"""How long to wait for a server that is ready to accept a connection, before saying that it serves all the same."""


def serve(settings: Settings) -> None:
    """Serves until a signal ends it; says where when all workers are ready.

    Raises:
        Failure: the application or a worker failed.
    """
    server = _server(settings.server)
    if not settings.in_process:  # which is about to import the application
        unwind_on_signals()
    with Reports(settings.workers, in_process=settings.in_process, announce=partial(_announce, settings)) as reports:
        status = server(settings, reports.outbox)
    if reports.failure is not None:
        raise reports.failure
    if status:
        raise Failure(f"a worker of {settings.server} ended unexpectedly, and all others were ended")


def _server(name: str) -> Callable[[Settings, Outbox], int]:
    """What serves; only that server is imported."""
    if name == "granian":
        from velo_cli.with_granian import serve
    else:
        from velo_cli.with_uvicorn import serve
    return serve


def _announce(settings: Settings, label: str, closing: threading.Event) -> None:
    if settings.listener is None:
        _wait_for(settings.endpoint, closing)
    if not closing.is_set():
        with suppress(OSError):  # nobody reads what we write
            sys.stdout.write(settings.announcement(label) + "\n")
            sys.stdout.flush()


def _wait_for(endpoint: Endpoint, closing: threading.Event) -> None:
    """Waits until a connection is accepted: Granian opens its sockets after the application has started."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.address, endpoint.address)  # noqa: S104 - where to connect, not to listen
    deadline = time.monotonic() + PROBE_SECONDS
    while not closing.wait(0.01) and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((address, endpoint.port), timeout=1):
            return
