"""Type hints, taken apart: aliases, `NewType`, `Annotated`, and what is inside of something else."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NewType, Protocol, TypeVar, Union, cast, get_args, get_origin

from msgspec import Struct

__all__ = ["Peeled", "class_of", "expand", "is_union", "parts", "peel", "substitute"]


class Peeled(Struct, frozen=True):
    """A hint without its wrappers.

    Attributes:
        type: What is left.
        optional: Whether `None` was an alternative.
        metadata: What `Annotated` said, innermost first.
    """

    type: object
    optional: bool
    metadata: tuple[object, ...]


class _Alias(Protocol):
    """What aliases of `typing` and of `typing_extensions` have."""

    __value__: object
    __type_params__: tuple[object, ...]


class _TakesArguments(Protocol):
    """What can be parametrised."""

    def __getitem__(self, arguments: object, /) -> object: ...


def class_of(hint: object) -> type[object] | None:
    """The class that a hint is, or that it is a parametrised form of; `None` if it is no class."""
    if type(hint) is type:
        return cast("type[object]", hint)
    kind = get_origin(hint) or hint
    return cast("type[object]", kind) if isinstance(kind, type) else None


def expand(hint: object) -> object:
    """The hint with what aliases (PEP 695) and `NewType`s stand for in their places, at any depth, and `Any` for an `object` inside.

    Model backends know only some of the kinds of alias there are. A recursive alias stays where it comes back.
    """
    return _expand(hint, ())


def _expand(hint: object, open_aliases: tuple[object, ...]) -> object:
    if type(hint) is type:  # nearly all are: nothing can be inside
        return hint
    origin, arguments = get_origin(hint), get_args(hint)
    alias = origin if _is_alias(origin) else hint
    if _is_alias(alias):
        if any(alias is one for one in open_aliases):
            return hint
        known = cast("_Alias", alias)
        value = substitute(known.__value__, dict(zip(known.__type_params__, arguments, strict=False)))
        return _expand(value, (*open_aliases, alias))
    if isinstance(hint, NewType):
        return _expand(hint.__supertype__, open_aliases)
    if not arguments or origin in (Literal, Callable):
        return hint
    # `object` inside of a type is what strict type checkers leave of `Any`; msgspec takes it for a class of its own.
    expanded = tuple(Any if argument is object else _expand(argument, open_aliases) for argument in arguments)
    if all(new is old for new, old in zip(expanded, arguments, strict=True)):
        return hint
    if is_union(hint):
        return cast("object", Union[expanded])  # noqa: UP007 - a tuple of types cannot be written with |
    return cast("_TakesArguments", origin)[expanded[0] if len(expanded) == 1 else expanded]


def substitute(hint: object, arguments: Mapping[object, object]) -> object:
    """The hint with type variables replaced; one that has no replacement becomes `Any`."""
    if isinstance(hint, TypeVar):
        return arguments.get(hint, Any)
    variables = () if isinstance(hint, type) else cast("tuple[object, ...]", getattr(hint, "__parameters__", ()))
    if not variables:
        return hint
    return cast("_TakesArguments", hint)[tuple(arguments.get(one, Any) for one in variables)]


def _is_alias(hint: object) -> bool:
    return type(hint).__name__ == "TypeAliasType"  # that of `typing` or that of `typing_extensions`, which are not the same


def is_union(hint: object) -> bool:
    """Whether this is `A | B`, however it was written."""
    return get_origin(hint) in (Union, types.UnionType)


def peel(hint: object) -> Peeled:
    """Takes `Annotated` and `None` off an expanded hint, however they are nested."""
    optional = False
    metadata: list[object] = []
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            metadata += more
        elif is_union(hint) and type(None) in get_args(hint):
            optional = True
            rest = tuple(inner for inner in get_args(hint) if inner is not type(None))
            hint = cast("object", Union[rest])  # noqa: UP007 - a tuple of types cannot be written with |
        else:
            return Peeled(hint, optional, tuple(metadata))


def parts(hint: object) -> list[object]:
    """The hint and all that it is made of: `list[Item | None]` gives itself, `Item | None`, `Item` and `NoneType`."""
    found: list[object] = [hint]
    for inner in get_args(hint):
        found += parts(inner)
    return found
