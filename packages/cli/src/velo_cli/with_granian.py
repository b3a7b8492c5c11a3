"""Granian: the process that calls it watches over workers that it spawns."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import quote

from granian import _signals
from granian._granian import WorkerSignal
from granian.constants import Interfaces
from granian.log import LogLevels

if TYPE_CHECKING:
    from granian.server import MPServer as Server

    from velo_core import Velo
else:
    from granian.server import Server  # threads in place of processes on free-threaded Python

from velo_cli.errors import Failure, details
from velo_cli.process import adopt, hold_signals, ignore, release_signals, signals_held
from velo_cli.reports import Outbox
from velo_cli.settings import Settings
from velo_cli.target import Target
from velo_cli.worker import Ended, Life, load

__all__ = ["serve"]

_LOGGER = logging.getLogger("_granian")

Scope: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, object]]]
Send: TypeAlias = Callable[[MutableMapping[str, object]], Awaitable[None]]
Loader: TypeAlias = Callable[..., Callable[..., object]]
ASGI: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
WSGI: TypeAlias = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]

STACK_BYTES: Final = 16 * 2**20
"""Of a thread that runs a WSGI application, in place of the 2 MiB that Rust gives it.

Since CPython 3.12 code in C may call itself ten thousand times before it is stopped, and JSON nested as deep takes 4 MiB: with less,
one request of 10 kB ends the process.
"""


def serve(settings: Settings, outbox: Outbox) -> int:
    """Serves until a signal ends it, or a worker that ends by itself.

    Returns:
        The exit status.

    Raises:
        Failure: it cannot listen.
    """
    if settings.interface == "wsgi":
        os.environ.setdefault("RUST_MIN_STACK", str(STACK_BYTES))  # workers read it when they make their threads
    server = _Server(
        target=settings.target.text,
        address=settings.endpoint.address,
        port=settings.endpoint.port,
        interface=Interfaces(settings.interface),
        workers=settings.workers,
        log_level=LogLevels.info if settings.verbose else LogLevels.warning,
        log_dictconfig=_LOGGING,
        log_access=settings.access_log,
        workers_kill_timeout=settings.shutdown_timeout,
    )
    _LOGGER.disabled = not settings.verbose  # that a worker has ended is for us to say: we know why
    try:
        with _wsgi_stopped():
            server.serve(
                target_loader=cast("Loader", partial(_load, settings.interface, settings.target, outbox, os.getpid())), wrap_loader=False
            )
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except (OSError, RuntimeError) as error:  # the port was free a moment ago; Granian appends a backtrace of its own
        why = str(error).partition("\n")[0]
        raise Failure(f"granian cannot listen on {settings.endpoint.url}: {why}", details(error)) from error
    return 0


class _Server(Server):
    # Not a public method of Granian's: without it, only workers that a Ctrl-C meets while they import are less quiet.
    def _spawn_workers(self, spawn_target: object, target_loader: object) -> None:
        with signals_held():
            if self.interface == Interfaces.WSGI:
                spawn_target = partial(_serve_wsgi, cast("Callable[..., None]", spawn_target))
            super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType] - it has no annotations


# In the worker.


def _load(interface: str, target: Target, outbox: Outbox, parent: int) -> _RSGI | ASGI | WSGI:
    is_process = os.getpid() != parent  # or a thread, on free-threaded Python
    if is_process:
        adopt()
    loaded = load(target, outbox)
    if is_process:
        hold_signals()  # Granian's handlers, set before the application starts, do not end the start
    life = Life(loaded, outbox)
    if interface == "wsgi":
        return _wsgi(loaded.app, life)
    return _asgi(loaded.app, life) if interface == "asgi" else _RSGI(loaded.app, life)


class _RSGI:
    """An application whose start and end are told to the parent."""

    def __init__(self, app: Velo, life: Life) -> None:
        self._life = life
        self.__rsgi__ = app.__rsgi__  # which the server calls for each request; nothing of ours is in between

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        _leave_interrupts_to_parent(loop)
        _run(loop, self._life.start())
        _close_first(loop, self._life)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        _run(loop, self._life.stop())


def _run(loop: asyncio.AbstractEventLoop, step: Coroutine[object, object, None]) -> None:
    try:
        loop.run_until_complete(step)
    except Ended as end:
        raise SystemExit(end.status) from None


def _asgi(app: Velo, life: Life) -> ASGI:
    """The same for ASGI, where the server asks for start and end in a scope of their own."""

    async def lifespan(receive: Receive, send: Send) -> None:
        _leave_interrupts_to_parent(asyncio.get_running_loop())
        for name, step in (("startup", life.start), ("shutdown", life.stop)):
            await receive()
            try:
                await step()
            except Ended:
                _LOGGER.disabled = True  # the server would say that it failed, not why
                await send({"type": f"lifespan.{name}.failed"})
                return
            if name == "startup":
                _close_first(asyncio.get_running_loop(), life)
            await send({"type": f"lifespan.{name}.complete"})

    def call(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return lifespan(receive, send) if scope["type"] == "lifespan" else app(scope, receive, send)

    return call


def _wsgi(app: Velo, life: Life) -> WSGI:
    """The same for WSGI, where the server asks for neither: the start is here, and the end where the worker ends."""
    try:
        life.start_wsgi()
    except Ended as end:
        raise SystemExit(end.status) from None
    _STARTED.append(life)
    return app.wsgi


_STARTED: Final[list[Life]] = []
"""What has been started in this process and has to be stopped at its end."""


@contextmanager
def _wsgi_stopped() -> Generator[None]:
    """Stops at its end what was started for WSGI."""
    try:
        yield
    finally:
        while _STARTED:
            try:
                _STARTED.pop().stop_wsgi()
            except Ended as end:
                sys.exit(end.status)


def _serve_wsgi(target: Callable[..., None], *arguments: object) -> None:
    """Granian's function of a WSGI worker, with signals that are let through when it can act on them, and the application before it."""
    set_signals = _signals.set_sync_signals

    def set_signals_and_release() -> WorkerSignal:
        event: WorkerSignal = set_signals()  # type: ignore[no-untyped-call]  # it has no annotations
        _leave_interrupts_to_parent()
        _close_first_wsgi(event)
        release_signals()
        return event

    _signals.set_sync_signals = set_signals_and_release
    with _wsgi_stopped():
        target(*arguments)


def _close_first_wsgi(event: WorkerSignal) -> None:
    """On SIGTERM, has the application close, and then sets `event`: Granian begins to wait for the requests under way.

    A thread does both, and Granian's own handler nothing. The main thread waits for a lock until the end, and does not call a handler while
    another thread has taken the signal, as it may be when two come together.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, ignore)

    def watch() -> None:
        while True:  # for as long as the process lives: a signal finds somebody who reads
            if signal.SIGTERM in reader.recv(64):
                try:
                    for life in _STARTED:
                        life.closing_wsgi()
                finally:
                    event.set()

    threading.Thread(target=watch, name="velo-signals", daemon=True).start()


def _leave_interrupts_to_parent(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Undoes that Granian ends a worker on SIGINT: a Ctrl-C could end it before the parent knows why, which takes it for a crash."""
    if threading.current_thread() is threading.main_thread():
        if loop is not None:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, ignore)


def _close_first(loop: asyncio.AbstractEventLoop, life: Life) -> None:
    """Has the application close before Granian hears of the signal that ends it, and begins to wait for the requests under way.

    Granian has no hook for that, so its own handler is put behind ours. Where the loop does not show it, the application closes with its
    lifespans, after those requests.
    """
    handlers: Mapping[int, asyncio.Handle] = getattr(loop, "_signal_handlers", {})
    handle = handlers.get(signal.SIGTERM)
    callback, arguments = getattr(handle, "_callback", None), getattr(handle, "_args", ())
    if callback is None or threading.current_thread() is not threading.main_thread():
        return

    async def close() -> None:
        try:
            await life.closing()
        finally:
            callback(*arguments)

    tasks: set[asyncio.Task[None]] = set()
    loop.add_signal_handler(signal.SIGTERM, lambda: tasks.add(loop.create_task(close())))


# What the server writes.


class _AsSent(logging.Filter):
    """Writes the path into the access log as it came, encoded: decoded, a path could forge lines and move the cursor."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, Mapping):
            record.args = {**record.args, "path": quote(str(record.args.get("path")), safe="/!$&'()*+,;=:@~")}
        return True


_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"server": {"format": "[%(levelname)s] %(message)s"}, "access": {"format": "%(message)s"}},
    "filters": {"as_sent": {"()": _AsSent}},
    "handlers": {
        "server": {"formatter": "server", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
        # Not on the logger: a forked worker has the parent's loggers, and would encode twice.
        "access": {"formatter": "access", "filters": ["as_sent"], "class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "_granian": {"handlers": ["server"], "level": "INFO", "propagate": False},
        "granian.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}
