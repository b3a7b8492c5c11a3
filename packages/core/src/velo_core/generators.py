"""Handlers that yield: how they are called, and what is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
from functools import wraps
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from velo_core.codecs import Coding
from velo_core.hints import class_of, expand, is_union, peel
from velo_core.json import encode_json
from velo_core.response import Response, StreamingResponse
from velo_core.sse import EventSourceResponse, ServerSentEvent
from velo_core.streams import Begun, Mapped, iterate
from velo_core.threads import InThread
from velo_core.types import MISSING

__all__ = ["event_data", "item_of", "may_be_text", "stepped", "stream_maker"]

_ITERABLES = (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator)
_begin = Begun[object].begin


def item_of(declared: object) -> object:
    """The type of what a handler yields, by the annotation of its result; `MISSING` if that does not say.

    Raises:
        TypeError: the annotation is of something that is not iterated.
    """
    if declared is MISSING:
        return MISSING
    hint = expand(declared)
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if class_of(hint) not in _ITERABLES:
        raise TypeError(f"it yields, but is annotated with {hint!r}; write AsyncIterator[...] with the type of one item, or Iterator[...]")
    item: object = (*get_args(hint), MISSING)[0]
    return MISSING if item is Any or item is object else item


def stepped(
    function: Callable[..., AsyncIterable[object] | Iterable[object]], item: object, in_thread: InThread
) -> Callable[..., Coroutine[object, object, AsyncIterator[object]]]:
    """What calls a handler that yields: it gives an iterator that has been stepped to its first item.

    So an error before that can still be answered, dependencies that fit the handler's errors see them, and its time is limited. Events are
    an exception: the first one may be hours away, and clients want to see the response begin.

    Args:
        function: The handler.
        item: Type of what it yields.
        in_thread: Steps a plain generator.
    """

    @wraps(function)
    async def begin(*arguments: object, **named: object) -> AsyncIterator[object]:
        iterator = iterate(function(*arguments, **named), in_thread)
        return iterator if _is_event(item) else await _begin(iterator)

    return begin


def stream_maker(item: object, status_code: int, response_class: type[Response] | None, coding: Coding) -> Callable[[object], Response]:
    """The function that makes a response of such an iterator.

    Bytes and text are sent as they are, events as events, and everything else as JSON Lines, written as that type.

    Args:
        item: Type of what is yielded; `MISSING` if the first item is to show it.
        status_code: Of the response.
        response_class: What the route wants instead of `StreamingResponse`.
        coding: How items are written here.

    Raises:
        TypeError: the type has no JSON form, or the class cannot be of a stream.
    """
    if response_class is not None and not issubclass(response_class, StreamingResponse):
        raise TypeError(f"it yields, but its response_class is {response_class.__name__}; that has to be a kind of StreamingResponse")
    if response_class is not None and issubclass(response_class, EventSourceResponse):
        return _event_maker(item, status_code, response_class, coding)
    if item is MISSING:
        return lambda content: _by_first(cast("Begun[object]", content), status_code, response_class)
    return _typed_maker(item, status_code, response_class, coding)


def event_data(item: object) -> object:
    """The type that the `data` of events is written as, by that of an item; `MISSING` if only events or text are declared."""
    members = [one for one in _members(item) if one is not ServerSentEvent]
    if all(one is str or one is MISSING for one in members):
        return MISSING
    return cast("object", Union[tuple(members)])  # noqa: UP007 - a tuple of types cannot be written with |


def may_be_text(item: object) -> bool:
    """Whether the data of an event may be text as it is, or is what a handler makes an event of, and not JSON for sure."""
    for one in _members(item):
        kind = peel(one).type
        if get_origin(kind) is Literal and any(isinstance(value, str) for value in get_args(kind)):
            return True
        named = class_of(kind)
        if one is MISSING or kind is Any or named is object or (named is not None and issubclass(named, str | ServerSentEvent)):
            return True
    return False


def _members(item: object) -> tuple[object, ...]:
    hint = item if item is MISSING else expand(item)
    return get_args(hint) if is_union(hint) else (hint,)


def _event_maker(item: object, status_code: int, response_class: type[EventSourceResponse], coding: Coding) -> Callable[[object], Response]:
    """Events of which the data is written as it is declared; but text is sent as it is."""
    data = event_data(item)
    if data is MISSING:
        return lambda content: response_class(cast("Any", content), status_code)
    encode = coding.encoder(data, None)

    def event(one: object) -> object:
        return one if one is None or isinstance(one, ServerSentEvent | str) else ServerSentEvent(encode(one).decode())

    return lambda content: response_class(Mapped(cast("AsyncIterator[object]", content), event), status_code)


def _typed_maker(
    item: object, status_code: int, response_class: type[StreamingResponse] | None, coding: Coding
) -> Callable[[object], Response]:
    if _is_event(item):
        return lambda content: EventSourceResponse(cast("AsyncIterator[object]", content), status_code)
    of, media_type = response_class or StreamingResponse, None if response_class is None else response_class.media_type
    if item is bytes or item is str:
        kind = media_type or ("text/plain" if item is str else "application/octet-stream")
        return lambda content: of(cast("AsyncIterator[bytes | str]", content), status_code, None, kind)
    encode = coding.encoder(item, None)  # another codec might write several lines
    kind = media_type or "application/jsonl"
    return lambda content: of(Mapped(cast("AsyncIterator[object]", content), lambda one: encode(one) + b"\n"), status_code, None, kind)


def _by_first(content: Begun[object], status_code: int, response_class: type[StreamingResponse] | None) -> Response:
    first = content.first[0] if content.first else MISSING
    of, media_type = response_class or StreamingResponse, None if response_class is None else response_class.media_type
    if isinstance(first, ServerSentEvent):
        return EventSourceResponse(content, status_code)
    if isinstance(first, bytes | str):
        kind = media_type or ("text/plain" if isinstance(first, str) else "application/octet-stream")
        return of(cast("AsyncIterator[bytes | str]", content), status_code, None, kind)
    return of(Mapped(content, lambda one: encode_json(one) + b"\n"), status_code, None, media_type or "application/jsonl")


def _is_event(item: object) -> bool:
    return item is ServerSentEvent
