"""What ends a command, in one line."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import cast

__all__ = ["Failure", "Signalled", "details", "reason"]


class Failure(Exception):
    """The command cannot go on.

    Args:
        line: What is wrong and what to do, for stderr.
        details: A traceback, shown before the line with `--verbose`.
        problems: Code and message of each mistake in it, for programs.
    """

    def __init__(self, line: str, details: str = "", problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(line)
        self.line = line
        self.details = details
        self.problems = problems


class Signalled(SystemExit):
    """A signal ends this process, which has something to give back first; status 0, for it is the way to end it."""

    def __init__(self) -> None:
        super().__init__(0)


def reason(error: BaseException) -> str:
    """`RuntimeError: no database (shop.py:12)`: an exception of the user's code in one line, with the place to look at."""
    error = _unwrapped(error)
    message = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
    place = _place(error)
    return type(error).__name__ + (f": {message}" if message else "") + (f" ({place})" if place else "")


def _unwrapped(error: BaseException) -> BaseException:
    """The one exception that task groups wrap."""
    inner = cast("tuple[BaseException, ...]", getattr(error, "exceptions", ())) if _is_group(error) else ()
    return _unwrapped(inner[0]) if len(inner) == 1 else error


def _is_group(error: BaseException) -> bool:
    return isinstance(error, BaseExceptionGroup)  # not in place: of what, is unknown, and so would be the type of all that comes of it


def details(error: BaseException) -> str:
    """The traceback, as Python prints it."""
    return "".join(traceback.format_exception(error))


def _place(error: BaseException) -> str:
    """`file:line` where the user's code raised: below it are the libraries that it called, above it is what loads it."""
    if isinstance(error, SyntaxError):
        return f"{_short(error.filename)}:{error.lineno}" if error.filename else ""
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__) if not _is_library(frame)]
    return f"{_short(places[-1][0])}:{places[-1][1]}" if places else ""


def _is_library(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in sys.stdlib_module_names or package.startswith("velo_") or "site-packages" in Path(frame.f_code.co_filename).parts


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
