"""What a plugin may not change behind everybody's back: a picture of the process, before and after."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import cast

__all__ = ["changes", "picture"]

SHARED = re.compile(r"velo(-\w+)?_\d+|velo-test-|asyncio_\d+")
"""Names of threads that live as long as the process."""
CONTAINERS = (dict, list, set)


def picture(package: str = "") -> dict[str, object]:
    """What can be seen of the process, by name.

    Args:
        package: Whose module-level dictionaries, lists and sets are looked at as well.
    """
    seen: dict[str, object] = {
        "threads": sorted(str(thread.name) for thread in threading.enumerate() if not _is_shared(thread)),
        "environment variables": {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))},
        "sys.path": list(sys.path),
        "the current folder": str(Path.cwd()),
        "files in the current folder": sorted(path.name for path in Path.cwd().iterdir() if path.name != "__pycache__"),
        "handlers of the root logger": [type(one).__qualname__ for one in logging.root.handlers],
        "the level of the root logger": logging.root.level,
        "filters of warnings": len(warnings.filters),
        "sys.excepthook": sys.excepthook,
    }
    if threading.current_thread() is threading.main_thread():
        seen["signal handlers"] = {number: signal.getsignal(number) for number in signal.valid_signals()}
    for name, module in sorted(sys.modules.items()):
        if package and (name == package or name.startswith(f"{package}.")):
            seen.update((f"{name}.{key}", text) for key, text in _globals(module).items())
    return seen


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """What is different, in words."""
    return [f"{name}: {before[name]!r} is now {after.get(name)!r}" for name in before if before[name] != after.get(name)]


def _is_shared(thread: threading.Thread) -> bool:
    """Whether a thread is the main one, one of a pool that lives as long as the process, or one of a test client."""
    return thread is threading.main_thread() or SHARED.match(thread.name) is not None


def _globals(module: ModuleType) -> dict[str, str]:
    found = cast("dict[str, object]", vars(module))
    return {key: repr(cast("object", value)) for key, value in found.items() if isinstance(value, CONTAINERS) and not key.startswith("__")}
