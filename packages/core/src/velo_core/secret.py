"""`Secret`: a value that nobody sees by accident."""

from __future__ import annotations

import re
from typing import Final, Generic, NoReturn, TypeVar, cast

from velo_core.later import later

__all__ = ["MASK", "Secret", "sounds_secret"]

T = TypeVar("T")

MASK: Final = "********"
"""What is shown in place of a secret; it does not tell the length."""

_NAMES: Final = later(r"secret|password|passwd|token|credential|private|api_?key|(^|[_.])key$|dsn|url$", re.IGNORECASE)


class Secret(Generic[T]):
    """A value that `repr`, `str`, formatting, logging, JSON and pickles do not show; `reveal` does.

        key: Secret[str]

        sign(message, config.key.reveal())

    Two are equal if their values are; of text and bytes, the comparison takes as long wherever they differ.

    Args:
        value: What is kept.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # brings OpenSSL along; few compare secrets

        mine, theirs = cast("object", self._value), cast("Secret[object]", other)._value
        if isinstance(mine, str) and isinstance(theirs, str):
            return compare_digest(mine.encode("utf-8", "surrogatepass"), theirs.encode("utf-8", "surrogatepass"))
        if isinstance(mine, bytes) and isinstance(theirs, bytes):
            return compare_digest(mine, theirs)
        return bool(mine == theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return MASK

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T]:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: what it keeps would be readable in the result; reveal() it, or read it again over there")


def sounds_secret(name: str) -> bool:
    """Whether a value of this name is better not shown. URLs of databases have passwords in them."""
    return _NAMES.search(name) is not None
