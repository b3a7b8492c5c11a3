"""Options as `Router` takes them: what they are checked for, and what is known of the place where they stand."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TypeVar

from velo_core.codecs import Media
from velo_core.distributions import distribution_of
from velo_core.errors import SetupError
from velo_core.markers import Dependency
from velo_core.routing import TrailingSlash
from velo_core.slots import Slot

__all__ = ["checked_dependency", "label_of", "locals_of_caller", "media_of", "place_of_caller", "texts_of", "trailing_slash_of"]

T = TypeVar("T")


def texts_of(values: Sequence[str], name: str) -> tuple[str, ...]:
    """The texts of an option that takes several."""
    if isinstance(values, str):  # which would be a sequence of letters
        raise SetupError("VELO_WEBSOCKET_ORIGIN", f"{name} is the text {values!r}; write a tuple: {name}=({values!r},)")
    return tuple(values)


def media_of(given: Sequence[Media] | None, owner: str) -> tuple[Media, ...] | None:
    """The media types of an option; `None` if it was not given."""
    if given is None:
        return None
    if isinstance(given, str) or not given:
        raise SetupError(
            "VELO_CODEC", f"the media types of {owner!r} are {given!r}; write a tuple with at least one: ('application/json',)"
        )
    return tuple(given)


def checked_dependency(value: object) -> Dependency:
    """The value, if it is a dependency."""
    if isinstance(value, Dependency):
        return value
    raise SetupError("VELO_DEPENDENCY", f"{value!r} is not a dependency; write Depends({getattr(value, '__name__', 'function')})")


def place_of_caller() -> str:
    """`file:line` from which a method of the router was called."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]: documented, and in every implementation that matters here
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def label_of(slot: Slot[T], place: str) -> str:
    """A slot, and where it was declared."""
    origin = distribution_of(slot.module)
    return f"{slot!r}{f' of {origin}' if origin else ''}, declared at {place}"


def trailing_slash_of(value: str) -> TrailingSlash:
    """The policy of that name."""
    try:
        return TrailingSlash(value)
    except ValueError as error:
        known = ", ".join(repr(policy.value) for policy in TrailingSlash)
        raise SetupError("VELO_ROUTE_OPTION", f"the trailing_slash of a router is {value!r}; it has to be one of {known}") from error


def locals_of_caller() -> Mapping[str, object]:
    """Names that are local to the function in which a decorator is used; nothing at module level, where annotations find them anyway."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]: as in `place_of_caller`
    return {} if frame.f_code.co_name == "<module>" else dict(frame.f_locals)
