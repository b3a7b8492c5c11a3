"""Numbers that hash alike.

Text has hashes that nobody can foresee; numbers, decimals and UUIDs have not. A set or the keys of a dictionary made of ten thousand that
were chosen to hash alike take seconds to build, and of all that a body can hold, minutes. So a body of a type that has such in it is looked
at before it becomes one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final, Literal, Protocol, cast, get_args, get_origin
from uuid import UUID

from velo_core.codecs.fields import everything_in
from velo_core.errors import HTTPError
from velo_core.hints import class_of, is_union, peel

__all__ = ["collision_guard"]

_ALIKE: Final = 200
"""How many different values may hash alike: it happens to none by chance, and so few cost nothing."""


class _PydanticField(Protocol):
    annotation: object


def collision_guard(annotation: object) -> Callable[[object], None] | None:
    """A test for plain data that is to become `annotation`, which raises `HTTPError` 400; `None` if nothing in there can collide."""
    return _check if any(_can_collide(part) for part in _parts(annotation)) else None


def _parts(annotation: object) -> Iterator[object]:
    """Everything in a type, and in the fields of pydantic models that are in it."""
    waiting, seen = [annotation], list[object]()
    while waiting:
        for part in everything_in(waiting.pop()):
            if any(part is known for known in seen):
                continue
            seen.append(part)
            yield part
            fields = cast("Mapping[str, _PydanticField]", getattr(class_of(part), "__pydantic_fields__", {}))
            waiting += [field.annotation for field in fields.values()]


def _can_collide(part: object) -> bool:
    kind, arguments = class_of(part), get_args(part)
    if kind is None or not issubclass(kind, Mapping | Set):
        return False
    return not arguments or not _is_safe(arguments[0])


def _is_safe(key: object) -> bool:
    """Whether such keys hash by chance, or are few."""
    key = peel(key).type
    if is_union(key):
        return all(_is_safe(member) for member in get_args(key))
    kind = class_of(key)
    if get_origin(key) is Literal or key is bool:
        return True
    return kind is not None and issubclass(kind, Enum | str | bytes)


def _check(data: object) -> None:
    waiting = [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            items: Iterable[object] = cast("dict[object, object]", one).keys()
            waiting += cast("dict[object, object]", one).values()
        elif isinstance(one, list):
            items = cast("list[object]", one)
            waiting += items
        else:
            continue
        if len(cast("list[object]", one)) > _ALIKE and _most_alike(items) > _ALIKE:
            raise HTTPError(400, "The request body has too many numbers that cannot be told apart quickly.")


def _most_alike(items: Iterable[object]) -> int:
    hashes = {repr(item): _hash(item) for item in items if isinstance(item, str | int | float)}
    return Counter(hashes.values()).most_common(1)[0][1] if hashes else 0


def _hash(item: str | float) -> int:
    """The hash that the value will have, whatever it will be read as."""
    if not isinstance(item, str):
        return hash(item)
    if len(item) > 4300:
        return hash(item)
    try:
        return hash(UUID(item)) if len(item) in (32, 36) else hash(Decimal(item))
    except (ValueError, InvalidOperation):
        return hash(item)
