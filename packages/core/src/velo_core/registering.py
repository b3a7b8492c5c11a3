"""Options as `Router` takes them: what they are checked for, and what is known of the place where they stand."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from velo_core.errors import SetupError, where
from velo_core.types import TrailingSlash

# Every module that says `from velo_core import Velo` imports this one: what only some applications use is imported where it is used.
if TYPE_CHECKING:
    from velo_core.codecs import Media
    from velo_core.markers import Dependency
    from velo_core.plan import Middleware
    from velo_core.router import Router
    from velo_core.slots import Slot

__all__ = [
    "Included",
    "check_middleware",
    "check_path",
    "check_takes",
    "checked_dependency",
    "checked_exception",
    "label_of",
    "locals_of_caller",
    "media_of",
    "place_of_caller",
    "texts_of",
    "trailing_slash_of",
    "versions_given",
]

T = TypeVar("T")


class Included(Struct, frozen=True):
    """A router in another one."""

    router: Router
    prefix: str
    tags: tuple[str, ...]


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


def check_path(path: object) -> None:
    """Refuses what is no text: a decorator without parentheses gets the function as its path, and would register nothing."""
    if isinstance(path, str):
        return
    if callable(path):
        name = getattr(path, "__name__", path)
        raise SetupError("VELO_ROUTE_PATTERN", f"{name!s} ({where(path)}) stands where the path belongs; write @app.get('/...')")
    raise SetupError("VELO_ROUTE_PATTERN", f"the path {path!r} is no text; write @app.get('/...')")


def check_takes(function: object, parts: Sequence[str], code: str, thing: str) -> None:
    """Refuses a function that cannot be called with so many arguments by their place."""
    name = getattr(function, "__qualname__", function)
    if not callable(function):
        raise SetupError(code, f"{function!r} is no {thing}; write a function ({', '.join(parts)})")
    import inspect

    try:
        taken = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without a signature
        return
    try:
        taken.bind(*parts)
    except TypeError as error:
        raise SetupError(code, f"{name!s} ({where(function)}) is no {thing}: it has to take ({', '.join(parts)})") from error


def check_middleware(function: Middleware) -> Middleware:
    """The middleware, if it can be called as such."""
    if isinstance(function, type):
        name, place = function.__qualname__, where(function)
        raise SetupError("VELO_MIDDLEWARE", f"{name} ({place}) is a class; middleware is a function (request, call_next)")
    check_takes(function, ("request", "call_next"), "VELO_MIDDLEWARE", "middleware")
    return function


def checked_exception(kind: object) -> type[Exception]:
    """The class, if it is one of exceptions."""
    if isinstance(kind, type) and issubclass(kind, Exception):
        return kind
    problem = f"{kind!r} is not a class of exceptions; give one that is derived from Exception, such as HTTPError"
    if isinstance(kind, int):
        problem += f", and look at its status_code: {kind}"
    elif not isinstance(kind, type) and callable(kind):
        problem += ": @app.exception_handler(HTTPError)"
    raise SetupError("VELO_EXCEPTION_HANDLER", problem)


def checked_dependency(value: object) -> Dependency:
    """The value, if it is a dependency."""
    from velo_core.markers import Dependency

    if isinstance(value, Dependency):
        return value
    raise SetupError("VELO_DEPENDENCY", f"{value!r} is not a dependency; write Depends({getattr(value, '__name__', 'function')})")


def place_of_caller() -> str:
    """`file:line` from which a method of the router was called."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]: documented, and in every implementation that matters here
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def label_of(slot: Slot[T], place: str) -> str:
    """A slot, and where it was declared."""
    from velo_core.distributions import distribution_of

    origin = distribution_of(slot.module)
    return f"{slot!r}{f' of {origin}' if origin else ''}, declared at {place}"


def trailing_slash_of(value: str) -> TrailingSlash:
    """The policy of that name."""
    try:
        return TrailingSlash(value)
    except ValueError as error:
        known = ", ".join(repr(policy.value) for policy in TrailingSlash)
        raise SetupError("VELO_ROUTE_OPTION", f"the trailing_slash of a router is {value!r}; it has to be one of {known}") from error


def versions_given(version: str | Sequence[str] | None) -> tuple[str, ...]:
    """The versions of an option; see `versioning.versions_of`."""
    if version is None:
        return ()
    from velo_core.versioning import versions_of

    return versions_of(version)


def locals_of_caller() -> Mapping[str, object]:
    """Names that are local to the function in which a decorator is used; nothing at module level, where annotations find them anyway."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]: as in `place_of_caller`
    return {} if frame.f_code.co_name == "<module>" else dict(frame.f_locals)
