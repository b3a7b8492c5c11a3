"""Handlers that yield: how they are called, and what is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
from functools import wraps
from typing import Annotated, Any, cast, get_args, get_origin

from velo_core.codecs import Coding
from velo_core.hints import class_of, expand
from velo_core.json import encode_json
from velo_core.response import Response, StreamingResponse
from velo_core.sse import EventSourceResponse, ServerSentEvent
from velo_core.streams import Begun, Mapped, iterate
from velo_core.threads import InThread
from velo_core.types import MISSING

__all__ = ["item_of", "stepped", "stream_maker"]

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
        return lambda content: response_class(cast("Any", content), status_code)
    if item is MISSING:
        return lambda content: _by_first(cast("Begun[object]", content), status_code, response_class)
    return _typed_maker(item, status_code, response_class, coding)


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
