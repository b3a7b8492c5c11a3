"""What has been found out while an application is made ready: its routes use the same few types and dependencies again and again.

Outside of that nothing is kept. A type belongs to whoever defined it, and a memory that outlives the start would keep it alive for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin

__all__ = ["memory_of", "once_per_type", "remembering"]

T = TypeVar("T")

_known: ContextVar[dict[object, dict[Any, Any]] | None] = ContextVar("known", default=None)


@contextmanager
def remembering() -> Generator[None]:
    """Lets functions with `once_per_type` answer once for each type."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def memory_of(owner: object) -> dict[Any, Any]:
    """What `owner` has put into it since the start began; empty, and kept by nobody, while there is no `remembering`.

    Where an `id` is the key, what it belongs to has to be kept with the value, or another object may get the same.
    """
    known = _known.get()
    if known is None:
        return {}
    memory = known.get(owner)
    if memory is None:
        memory = known[owner] = {}
    return memory


def once_per_type(function: Callable[[object], T]) -> Callable[[object], T]:
    """The function, which is called once for each type while there is `remembering`. What it raises is not kept.

    Args:
        function: Of a type hint and of nothing else. Its results are shared, so nobody may change them.
    """

    @wraps(function)
    def remembered(hint: object) -> T:
        known = _known.get()
        if known is None:
            return function(hint)
        memory = known.get(function)
        if memory is None:
            memory = known[function] = {}
        found = memory.get(id(hint))
        if found is None:  # `dict[str, int]` is a new object wherever it is written
            form = form_of(hint)
            result: T = memory[form][1] if form in memory else function(hint)
            found = memory[id(hint)] = hint, result
            if form is not None:
                memory[form] = found
        return found[1]

    return remembered


def form_of(hint: object) -> Hashable:
    """What two hints have in common only if they mean the same: classes and the order that they stand in; `None` if there is more to it.

    Hints themselves will not do for keys: `int | str` equals `str | int`, and what is in `Annotated` may equal anything, or have no hash.
    """
    if isinstance(hint, type):
        return id(hint)
    origin: object
    arguments: tuple[object, ...]
    if type(hint) is GenericAlias:  # as nearly all are; the functions of `typing` think of everything
        origin, arguments = hint.__origin__, hint.__args__
    else:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is None:
            return None
    forms = [id(argument) if isinstance(argument, type) else form_of(argument) for argument in arguments]
    return None if None in forms or not forms else (id(origin), *forms)
