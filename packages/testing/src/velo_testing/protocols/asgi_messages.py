"""The dictionaries that ASGI is made of, read with their types checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from velo_testing.errors import ProtocolViolation
from velo_testing.rules import check_headers

__all__ = ["AsgiApplication", "HasDescriptor", "Message", "Scope", "field", "header_list", "items"]

Message: TypeAlias = Mapping[str, object]
Scope: TypeAlias = dict[str, object]
AsgiApplication: TypeAlias = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[object]]

T = TypeVar("T")
_REQUIRED = object()


@runtime_checkable
class HasDescriptor(Protocol):
    """An open file."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


def field(message: Message, name: str, kind: type[T], *, default: object = _REQUIRED) -> T:
    """The value of one key.

    Raises:
        ProtocolViolation: it is missing and has no default, or is of another type.
    """
    if not isinstance(message, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]: whatever the application has sent
        raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"a message must be a dict, not {message!r}")
    value = message.get(name, default)
    if value is _REQUIRED:
        raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"{name!r} is missing in {message!r}")
    return _checked(message, name, value, kind)


def items(message: Message, name: str, kind: type[T]) -> list[T]:
    """The items of a list, none if the key is missing.

    Raises:
        ProtocolViolation: it is no list, or an item is of another type.
    """
    value = message.get(name, ())
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"{name!r} of {message['type']} must be a list, not {value!r}")
    return [_checked(message, name, item, kind) for item in cast("Iterable[object]", value)]


def header_list(message: Message) -> list[tuple[bytes, bytes]]:
    """The headers of a message, none if it has no such key.

    Raises:
        ProtocolViolation: they are no pairs of bytes, or cannot be sent.
    """
    headers: list[tuple[bytes, bytes]] = []
    for pair in items(message, "headers", cast("type[Iterable[object]]", Iterable)):
        match tuple(pair):
            case (bytes(name), bytes(value)):
                headers.append((name, value))
            case _:
                raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"a header must be a pair of bytes, not {pair!r}")
    check_headers(headers, lower_case=True)
    return headers


def _checked(message: Message, name: str, value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise ProtocolViolation("VELO_VIOLATION_MESSAGE", f"{name!r} of {message.get('type')} must be {kind.__name__}, not {value!r}")
    return value
