"""What can be called, and how: functions, coroutine functions, generators, context managers, classes, partials, objects."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Hashable
from contextlib import asynccontextmanager, contextmanager
from enum import Enum
from functools import partial
from types import FunctionType
from typing import Final, cast

__all__ = ["Kind", "identity_of", "kind_of", "name_of"]


class Kind(Enum):
    """How a function is called."""

    COROUTINE = "coroutine"
    INLINE = "inline"
    THREAD = "thread"
    ASYNC_GENERATOR = "async generator"
    GENERATOR = "generator"
    ASYNC_MANAGER = "async context manager"
    MANAGER = "context manager"

    @property
    def opens(self) -> bool:
        """Whether there is something to be torn down."""
        return self in _OPENING

    @property
    def blocks(self) -> bool:
        """Whether it is called in a thread, for it may block."""
        return self in _BLOCKING


_OPENING: Final = (Kind.ASYNC_GENERATOR, Kind.GENERATOR, Kind.ASYNC_MANAGER, Kind.MANAGER)
_BLOCKING: Final = (Kind.THREAD, Kind.GENERATOR, Kind.MANAGER)


@asynccontextmanager
async def _async_manager() -> AsyncGenerator[None]:
    yield


@contextmanager
def _manager() -> Generator[None]:
    yield


# All functions that contextlib's decorators return share their code. That they wrap a generator would not tell: others do that as well.
_ASYNC_MANAGER: Final = _async_manager.__code__
_MANAGER: Final = _manager.__code__


_COROUTINE: Final = inspect.CO_COROUTINE
_GENERATORS: Final = inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR


def kind_of(function: Callable[..., object], *, inline: bool = False, in_pool: bool = False) -> Kind:
    """How `function` has to be called; looks through partials and at the `__call__` of objects.

    Args:
        function: What is called.
        inline: Whether a plain function runs on the event loop.
        in_pool: Whether a class is called in a thread like a plain function.
    """
    if type(function) is FunctionType and not function.__dict__:  # nothing marks it as something else
        flags = function.__code__.co_flags
        if flags & _COROUTINE:
            return Kind.COROUTINE
        if not flags & _GENERATORS:
            return Kind.INLINE if inline else Kind.THREAD
    target: object = function
    while isinstance(target, partial):
        target = cast("object", target.func)
    if inspect.isclass(target):
        if hasattr(target, "__aenter__") and hasattr(target, "__aexit__"):
            return Kind.ASYNC_MANAGER
        if hasattr(target, "__enter__") and hasattr(target, "__exit__"):
            return Kind.MANAGER
        # Making an object does not block; visiting a thread for it would cost a hundred times the call.
        return Kind.THREAD if in_pool else Kind.INLINE
    if not inspect.isroutine(target):
        target = type(target).__call__
    code = getattr(getattr(target, "__func__", target), "__code__", None)
    if inspect.isasyncgenfunction(target):
        return Kind.ASYNC_GENERATOR
    if inspect.iscoroutinefunction(target):
        return Kind.COROUTINE
    if inspect.isgeneratorfunction(target):
        return Kind.GENERATOR
    if code is _ASYNC_MANAGER:
        return Kind.ASYNC_MANAGER
    if code is _MANAGER:
        return Kind.MANAGER
    return Kind.INLINE if inline else Kind.THREAD


def identity_of(function: object) -> object:
    """What a function is known by: itself, or who it is if it has no hash, as the instance of a dataclass."""
    return function if type(function) is FunctionType or isinstance(function, Hashable) else id(function)


def name_of(function: object) -> str:
    """The name of what is called, without those of the modules and classes around it."""
    while isinstance(function, partial):
        function = cast("object", function.func)
    return getattr(function, "__name__", type(function).__name__)
