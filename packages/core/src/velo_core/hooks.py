"""Calling methods of plugins, and phase hooks, with those of the arguments that they take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

__all__ = ["OFFERED", "call_hook", "refused_parameters"]

T = TypeVar("T")

_KINDS = inspect.Parameter

OFFERED: Final[dict[str, tuple[str, ...]]] = {
    "on_request": ("request",),
    "on_response": ("request", "response"),
    "on_error": ("request", "error"),
    "on_sent": ("request", "response"),
}
"""What phase hooks are called with; see `phases`."""


def call_hook(function: Callable[..., T], **offered: object) -> T:
    """The result of `function`, called with what it takes of `offered`.

    Arguments are passed by name; the first parameter may have any name and gets the first one, as it always did.
    """
    positional, named = _matched(function, tuple(offered))
    return function(*(offered[name] for name in positional), **{name: offered[name] for name in named})


def refused_parameters(function: Callable[..., object], offered: Sequence[str]) -> list[str]:
    """Names of the parameters that `function` must be given and that are not offered."""
    positional, named = _matched(function, offered)
    parameters = [
        one for one in inspect.signature(function).parameters.values() if one.kind not in (_KINDS.VAR_POSITIONAL, _KINDS.VAR_KEYWORD)
    ]
    return [one.name for one in parameters[len(positional) :] if one.name not in named and one.default is _KINDS.empty]


def _matched(function: Callable[..., object], offered: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names that are passed by position, and those that are passed by name."""
    parameters = list(inspect.signature(function).parameters.values())
    positional: list[str] = []
    if parameters and parameters[0].kind in (_KINDS.POSITIONAL_ONLY, _KINDS.POSITIONAL_OR_KEYWORD) and parameters[0].name not in offered:
        positional = list(offered[:1])
    names = {one.name for one in parameters[len(positional) :] if one.kind in (_KINDS.POSITIONAL_OR_KEYWORD, _KINDS.KEYWORD_ONLY)}
    everything = any(one.kind is _KINDS.VAR_KEYWORD for one in parameters)
    return positional, [name for name in offered if name not in positional and (name in names or everything)]
