"""What can be wrong with a route as a whole, and words for what is wrong with a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import cast

from velo_core.annotations import Annotation
from velo_core.body_parameters import BodyParameters
from velo_core.callables import Kind, name_of
from velo_core.errors import Problem, where
from velo_core.head_parameters import HeadParameters
from velo_core.hints import class_of
from velo_core.markers import Lifetime
from velo_core.response import Response
from velo_core.steps import Call

__all__ = ["advice", "check_path", "check_stream", "check_websocket", "is_service", "label_of", "not_a_class", "outlives"]


def check_path(handler: Callable[..., object], head: HeadParameters) -> Iterator[Problem]:
    """Reports names of the path that nobody takes: nearly always a spelling mistake."""
    unused = head.untaken()
    if unused and not head.has("request"):
        names = ", ".join(f"{{{name}}}" for name in unused)
        yield Problem("VELO_PATH_PARAMETER", f"{label_of(handler)} does not take {names} of its path; add a parameter of that name")


def not_a_class(handler: type) -> Problem:
    """That a handler is a class: an object of it would be the result."""
    message = f"the handler {label_of(handler)} is a class; give it a function, or an instance that can be called: {handler.__name__}()"
    return Problem("VELO_HANDLER", message)


def check_websocket(handler: Call, body: BodyParameters, head: HeadParameters, *, yields: bool, declared: object) -> Iterator[Problem]:
    """Reports what no websocket can have, and the want of what each needs."""
    if not head.has("request") and not issubclass(class_of(declared) or object, Response):  # which refuses the handshake
        message = f"{label_of(handler.function)} takes no WebSocket, so it can neither accept nor talk"
        yield Problem("VELO_WEBSOCKET_HANDLER", f"{message}; add a parameter socket: WebSocket")
    if handler.kind is not Kind.COROUTINE or yields:
        message = f"{label_of(handler.function)} serves websockets, and has to be an `async def`, for it waits for messages"
        yield Problem("VELO_WEBSOCKET_HANDLER", message)
    if body.asked:
        variable = body.asked[0].part.variable
        message = f"{variable!r} of {label_of(handler.function)} wants a body, which the handshake of a websocket does not have"
        yield Problem("VELO_WEBSOCKET_HANDLER", f"{message}; take a WebSocket, and await socket.receive_json(...)")


def check_stream(handler: Callable[..., object], calls: Sequence[Call]) -> Iterator[Problem]:
    """Reports what ends before a handler that yields does."""
    ending = [call for call in calls if call.ends_early]
    if ending:
        message = f"{label_of(handler)} yields after {label_of(ending[0].function)} has ended, whose lifetime is 'handler'"
        yield Problem("VELO_LIFETIME", f"{message}; make that one of 'request', which ends after the last item")


def label_of(function: object) -> str:
    """Name and place of a function."""
    return f"{name_of(function)} ({where(function)})"


def outlives(function: object, whole: str, asked: object, lifetime: Lifetime) -> str:
    """That a function lives longer than what it asks for."""
    return f"{label_of(function)} lives as long as {whole}, but asks for {label_of(asked)}, whose lifetime is {lifetime!r}"


def is_service(annotation: Annotation) -> bool:
    """Whether a parameter is of a class that somebody wrote, and does not say where it comes from."""
    kind = annotation.type
    return annotation.marker is None and isinstance(kind, type) and kind.__module__ != "builtins" and not issubclass(kind, Enum)


def advice(annotation: Annotation) -> str:
    """What to do about a parameter that has no value."""
    if is_service(annotation):
        name = cast("type", annotation.type).__name__
        return f"provide it, router.provide({name}, ...), install the plugin that does, or write Annotated[{name}, Depends(...)]"
    return "give it a default, or make it a dependency: Annotated[..., Depends(...)]"
