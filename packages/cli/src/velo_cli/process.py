"""Processes and signals: a Ctrl-C reaches every process of the terminal at once, and exactly one of them may act on it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import NoReturn, TypeVarTuple, Unpack

from velo_cli.errors import Signalled

__all__ = [
    "ENDING",
    "adopt",
    "exit_on_signals",
    "hold_signals",
    "ignore",
    "release_signals",
    "signals_held",
    "spawn",
    "stop",
    "unwind_on_signals",
]

Arguments = TypeVarTuple("Arguments")

GRACE_SECONDS = 5
"""What a process gets beyond the time-out it was told to keep, before it is killed."""
ENDING = (signal.SIGINT, signal.SIGTERM)


def exit_on_signals() -> None:
    """Makes SIGINT and SIGTERM end this process at once, with status 0: for as long as modules are imported, the user's above all.

    An exception would have to find its way through them. Python wraps one that leaves `__set_name__`, prints and drops one that is raised
    in a destructor or where an import forgets a lock, and a bare `except:` takes it for a module that is missing.
    """
    for number in ENDING:
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed, replaced by something else, or just being written to
            stream.flush()
    os._exit(0)


def unwind_on_signals() -> None:
    """Makes the signals that would end this process at once raise `Signalled` instead: it has something to give back.

    To be called when all is imported.
    """
    for number in ENDING:
        if signal.getsignal(number) is _exit:
            signal.signal(number, _unwind)


def _unwind(number: int, frame: FrameType | None) -> NoReturn:
    for ending in ENDING:  # once is enough: what follows has an end
        signal.signal(ending, ignore)
    raise Signalled


def hold_signals() -> None:
    """Keeps SIGINT and SIGTERM from this process, and from those that it starts, until `release_signals`. None is lost."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def release_signals() -> None:
    """Lets SIGINT and SIGTERM through, and with them those that came meanwhile."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


@contextmanager
def signals_held() -> Generator[None]:
    """Holds signals for a moment, above all while processes are started.

    A Ctrl-C would otherwise find those while they import, before they `adopt`, and each would print a traceback; and this one between the
    start of a process and the note of it.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # they may have been held already


def adopt() -> None:
    """Is the first thing a worker does: from now on its parent ends it, with SIGTERM, and a Ctrl-C is the parent's to act on."""
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, ignore)
    release_signals()


def ignore(number: int, frame: FrameType | None) -> None:
    """Handles a signal by doing nothing. `SIG_IGN` would be inherited by programs that the user's code starts."""


def spawn(function: Callable[[Unpack[Arguments]], None], *arguments: *Arguments) -> SpawnProcess:
    """Runs `function` in a fresh interpreter that ends on SIGTERM alone. To be called with `signals_held`."""
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(function, *arguments))
    process.start()
    return process


def _run(function: Callable[[Unpack[Arguments]], None], *arguments: *Arguments) -> None:
    adopt()
    # Spawning is for our processes. What the user's code starts is as everywhere, and so are Granian's workers: it forks where that is the
    # default, and a spawned one can crash when it ends (its threads meet an interpreter that is being taken down, before Python 3.14).
    multiprocessing.set_start_method(None, force=True)
    function(*arguments)


def stop(processes: Sequence[SpawnProcess], timeout_seconds: float) -> None:
    """Ends all `processes`, with SIGTERM, and with SIGKILL those that are not gone in time."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + timeout_seconds + GRACE_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()
