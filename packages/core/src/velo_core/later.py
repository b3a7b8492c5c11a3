"""Regular expressions that are compiled when they are used: most processes use few of them, and together they are a tenth of a start."""

from __future__ import annotations

import re
from typing import Any, cast

__all__ = ["later"]


def later(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What does as the compiled pattern when its methods are called."""
    return cast("re.Pattern[str]", _Later(pattern, flags))


class _Later:
    """A method is looked up once, and is an attribute from then on."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._written = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copies and inspects asks for what is not there
            raise AttributeError(name)
        method = getattr(re.compile(*self._written), name)
        setattr(self, name, method)
        return method
