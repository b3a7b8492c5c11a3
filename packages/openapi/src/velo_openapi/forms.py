"""When two type hints mean the same."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Literal, TypeAlias, cast, get_args, get_origin

import msgspec

__all__ = ["Form", "form_of"]

Form: TypeAlias = Hashable


def form_of(hint: object) -> Form:
    """What hints have in common if they have the same schema. Holds identities, so it is good as long as the hint lives.

    Hints themselves will not do for keys: `int | str` equals `str | int`, `Literal[1]` equals `Literal[True]`, and what is in `Annotated`
    may equal anything, or have no hash. Nor will their text: two classes can have one name.
    """
    if isinstance(hint, type):
        return id(hint)
    if isinstance(hint, list):  # of a `Callable`
        return tuple(form_of(one) for one in cast("list[object]", hint))
    origin: object = get_origin(hint)
    if origin is None:
        return id(hint)
    if origin is Literal:
        return ("Literal", *((type(one).__name__, one) for one in get_args(hint)))
    if origin is Annotated:
        inner, *words = get_args(hint)
        return ("Annotated", form_of(inner), *(_form_of_word(one) for one in words))
    return (id(origin), *(form_of(one) for one in get_args(hint)))


def _form_of_word(word: object) -> Form:
    """Bounds of msgspec are values, which every route may write anew; of what else there is we know nothing."""
    if not isinstance(word, msgspec.Meta):
        return id(word)
    return (msgspec.Meta, repr(word))
