"""Serving anew after each change of a Python file."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import cache_from_source
from multiprocessing.context import SpawnProcess
from pathlib import Path

from watchfiles import PythonFilter, watch

from velo_cli.errors import Failure
from velo_cli.process import ENDING, signals_held, spawn, stop
from velo_cli.serving import serve
from velo_cli.settings import Settings

__all__ = ["serve_and_reload"]

POLL_MILLISECONDS = 200
"""How often to look whether the process that serves has ended."""


def serve_and_reload(settings: Settings) -> None:
    """Serves until a signal ends it, and starts again when a Python file below the target's folder changes.

    What is broken before the first change ends the command, as without reloading; what is broken by a change waits for the next one.

    Raises:
        SystemExit: the first start failed, and its reason is told.
    """
    ending = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda number, frame: ending.set())
    watching = watch(
        settings.target.folder,
        watch_filter=PythonFilter(),
        stop_event=ending,
        rust_timeout=POLL_MILLISECONDS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    next(watching, None)  # It watches before the application is imported: no change is missed.
    process, changed, waiting = _start(settings), False, False
    try:
        for changes in watching:
            if changes:
                stop([process], settings.shutdown_timeout)
                _forget_compiled(path for _, path in changes)
                process, changed, waiting = _start(settings), True, False
            elif process.exitcode is not None and not waiting:
                _tell(process.exitcode)
                if not changed:
                    raise SystemExit(1 if process.exitcode else 0)
                waiting = True
                sys.stderr.write("Waiting for a change.\n")
    finally:
        stop([process], settings.shutdown_timeout)


def _forget_compiled(sources: Iterable[str]) -> None:
    """Removes what Python has compiled of these files.

    It tells by second and size whether that is up to date, and would run the old one after a quick change.
    """
    for source in sources:
        with suppress(NotImplementedError, OSError):  # an interpreter without a cache; a folder that is not ours
            Path(cache_from_source(source)).unlink(missing_ok=True)


def _start(settings: Settings) -> SpawnProcess:
    with signals_held():
        return spawn(_serve, settings)


def _serve(settings: Settings) -> None:
    try:
        serve(settings)
    except Failure as failure:
        sys.stderr.write(f"{failure.details if settings.verbose else ''}Error: {failure.line}\n")
        raise SystemExit(1) from failure


def _tell(exit_code: int) -> None:
    """What a process that was killed could not tell itself."""
    if exit_code < 0:
        sys.stderr.write(f"Error: the server was ended by signal {-exit_code}\n")
