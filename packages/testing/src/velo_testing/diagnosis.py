"""Where an application hangs, for the messages of time-outs."""

from __future__ import annotations

import asyncio
import sys
import traceback
from types import FrameType

__all__ = ["task_is_at", "thread_is_at"]

_SHOWN = 5  # innermost frames; more hides the line that matters


def task_is_at(task: asyncio.Task[None]) -> str:
    """The innermost places where a suspended task waits, one per line."""
    frames: list[FrameType] = []
    awaited: object = task.get_coro()
    while awaited is not None:
        # Coroutines, generators and asynchronous generators name the same two things differently.
        for prefix in ("cr", "gi", "ag"):
            frame = getattr(awaited, f"{prefix}_frame", None)
            if frame is not None:
                frames.append(frame)
                break
        else:
            break
        awaited = getattr(awaited, "gi_yieldfrom" if prefix == "gi" else f"{prefix}_await", None)
    return _listed(frames)


def thread_is_at(identifier: int | None) -> str:
    """The innermost places that a running thread executes, one per line."""
    frame = sys._current_frames().get(identifier or 0)  # pyright: ignore[reportPrivateUsage]: the documented way to see other threads
    return _listed([] if frame is None else [found for found, _ in reversed(list(traceback.walk_stack(frame)))])


def _listed(frames: list[FrameType]) -> str:
    places = [f"  {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}" for frame in frames[-_SHOWN:]]
    return "\n".join(places) or "  (nowhere: it is not running)"
