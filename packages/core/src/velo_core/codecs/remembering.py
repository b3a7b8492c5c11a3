"""What has been found out about a type, for as long as an application is made ready: its routes use the same few types again and again.

Outside of that nothing is kept. A type belongs to whoever defined it, and a memory that outlives the start would keep it alive for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TypeVar, cast, get_args, get_origin

__all__ = ["once_per_type", "remembering"]

T = TypeVar("T")

_known: ContextVar[dict[Hashable, tuple[object, object]] | None] = ContextVar("known", default=None)


@contextmanager
def remembering() -> Generator[None]:
    """Lets functions with `once_per_type` answer once for each type."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def once_per_type(function: Callable[[object], T]) -> Callable[[object], T]:
    """The function, which is called once for each type while there is `remembering`. What it raises is not kept.

    Args:
        function: Of a type hint and of nothing else. Its results are shared, so nobody may change them.
    """

    @wraps(function)
    def remembered(hint: object) -> T:
        known = _known.get()
        form = None if known is None else _form(hint)
        if known is None or form is None:
            return function(hint)
        key = function, form
        if key not in known:
            known[key] = hint, function(hint)  # the hint as well, so that its id is not given to another one
        return cast("T", known[key][1])

    return remembered


def _form(hint: object) -> Hashable:
    """What two hints have in common only if they mean the same: classes and the order that they stand in; `None` if there is more to it.

    Hints themselves will not do for keys: `int | str` equals `str | int`, and what is in `Annotated` may equal anything, or have no hash.
    """
    if isinstance(hint, type):
        return id(hint)
    origin = get_origin(hint)
    if origin is None:
        return None
    forms = tuple(_form(argument) for argument in get_args(hint))
    return None if None in forms or not forms else (id(origin), *forms)
