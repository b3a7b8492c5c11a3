"""Uvicorn: in this process if one is enough, else in workers that this process watches over.

Uvicorn's own supervisor starts a worker again that cannot start, for ever in older releases, and is not part of its public interface.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import signal
import socket
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import uvicorn
import uvicorn.config

from velo_cli.process import ENDING, hold_signals, ignore, signals_held, spawn, stop
from velo_cli.reports import Outbox
from velo_cli.settings import Settings
from velo_cli.worker import Ended, Life, load

__all__ = ["serve"]

SIGNALS_SECONDS = 0.2
"""How often the parent looks for signals while its workers serve."""


def serve(settings: Settings, outbox: Outbox) -> int:
    """Serves until a signal ends it, or a worker that ends by itself.

    Returns:
        The exit status.
    """
    try:
        if settings.in_process:
            _work(settings, outbox)
            return 0
        return _watch(settings, outbox)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _watch(settings: Settings, outbox: Outbox) -> int:
    workers: list[SpawnProcess] = []
    try:
        with signals_held():
            workers += [spawn(_work, settings, outbox) for _ in range(settings.workers)]
        # Not for ever: a signal that comes just before the wait begins does not end it.
        while not wait([worker.sentinel for worker in workers], SIGNALS_SECONDS):
            pass
        return 1
    finally:
        for number in ENDING:
            signal.signal(number, ignore)
        stop(workers, settings.shutdown_timeout)


def _work(settings: Settings, outbox: Outbox) -> None:
    if settings.listener is None:
        raise ValueError("Uvicorn is handed its socket")
    loaded = load(settings.target, outbox)
    config = uvicorn.Config(
        loaded.app,
        interface="asgi3",
        lifespan="off",  # see `_Server`
        log_config=_logging(settings),
        access_log=settings.access_log,
        proxy_headers=False,  # whom to believe is the application's to say, as on every server
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
    server = _Server(config, Life(loaded, outbox))
    hold_signals()  # until the start, which handles them itself, is under way
    for number in ENDING:
        signal.signal(number, server.handle_exit)
    try:
        server.run(sockets=[settings.listener])
    except Ended as end:
        raise SystemExit(end.status) from None


class _Server(uvicorn.Server):
    """A server around which the application starts and stops: Uvicorn itself would show the traceback of one that does not."""

    def __init__(self, config: uvicorn.Config, life: Life) -> None:
        super().__init__(config)
        self._life = life

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._life.start()
        try:
            await super().serve(sockets)
        finally:
            await self._life.stop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._life.closing()
        await super().shutdown(sockets)


class _NotCancelled(logging.Filter):
    """Leaves out the tracebacks of requests that were cancelled because they did not end in time; that they were is told."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _logging(settings: Settings) -> dict[str, object]:
    config = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    config["filters"] = {"not_cancelled": {"()": _NotCancelled}}
    config["handlers"]["default"]["filters"] = ["not_cancelled"]
    for name in ("uvicorn", "uvicorn.error"):
        config["loggers"][name]["level"] = "INFO" if settings.verbose else "WARNING"
    return config
