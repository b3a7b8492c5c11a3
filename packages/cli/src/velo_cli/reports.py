"""What workers tell the process that started them: that they are ready, or why they are not."""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from velo_cli.errors import Failure
from velo_cli.process import signals_held

__all__ = ["Failed", "Outbox", "Ready", "Reports"]


@dataclass(frozen=True, slots=True)
class Ready:
    """The application has started in one worker.

    Attributes:
        label: Where it was found.
    """

    label: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The application did not start, or did not end well.

    Attributes:
        line: Why.
        details: Traceback.
    """

    line: str
    details: str


Report: TypeAlias = Ready | Failed


class Outbox(Protocol):
    """The worker's end."""

    def put(self, report: Report, /) -> None:
        """Tells the parent."""


class Queue(Protocol):
    """Both ends; `None` is the last report."""

    def put(self, report: Report | None, /) -> None:
        """Appends a report."""

    def get(self) -> Report | None:
        """Waits for a report."""


class _Whole:
    """The end of a worker that is a process of its own: a report is sent as a whole.

    A worker that a signal ended in the middle of one would keep the lock of the queue, and all others would wait for it, the parent too.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def put(self, report: Report, /) -> None:
        with signals_held():
            self._queue.put(report)


class Reports:
    """The parent's end. A context: when it is left, every report has been read.

    Args:
        workers: How many there are.
        in_process: Whether the worker is this process.
        announce: Called in a thread when all of them are ready, with the label, and an event that is set when it comes too late.
    """

    def __init__(self, workers: int, *, in_process: bool, announce: Callable[[str, threading.Event], None]) -> None:
        self.failure: Failure | None = None
        self._awaited = workers
        self._in_process = in_process
        self._announce = announce
        self._queue: Queue = queue.SimpleQueue() if in_process else multiprocessing.get_context("spawn").SimpleQueue()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    @property
    def outbox(self) -> Outbox:
        """For workers; can be handed to processes while they are started."""
        return self._queue if self._in_process else _Whole(self._queue)

    def __enter__(self) -> Reports:
        with signals_held():  # or the thread could take one that the main thread holds
            self._reader.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._queue.put(None)
        self._reader.join()

    def _read(self) -> None:
        while (report := self._queue.get()) is not None:
            if isinstance(report, Failed):  # all workers fail alike, and one line is enough
                self.failure = self.failure or Failure(report.line, report.details)
                continue
            self._awaited -= 1
            if not self._awaited and self.failure is None:
                self._announce(report.label, self._closing)
