"""Phase hooks: functions that are called at one point of every request below a router.

    on_request    before middleware, dependencies and handler; what it returns, if anything, is the response
    on_response   with the response, after all middleware; what it returns, if anything, takes its place
    on_error      with an exception that is about to be answered, whoever raised it
    on_sent       after the last byte, tear-downs and background work

What must be around something, or wants to catch, is middleware. A hook is a point, and several cost one call each. A route without hooks
has no trace of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from inspect import isawaitable
from typing import Any, Final, Literal, TypeAlias, cast

from msgspec import Struct

from velo_core.answers import AnswerError
from velo_core.background import report
from velo_core.errors import SetupError, where
from velo_core.hooks import OFFERED, call_hook, refused_parameters
from velo_core.plan import CallNext, Middleware
from velo_core.request import Request
from velo_core.response import Response
from velo_core.threads import on_loop

__all__ = ["NO_PHASES", "Hooks", "Phase", "Phases", "around", "checked", "sending", "sorted_hooks", "watching"]

Phase: TypeAlias = Callable[..., Any]
"""A hook: a plain function, which runs on the event loop, or a coroutine function."""

Hooks: TypeAlias = Mapping[Literal["on_request", "on_response", "on_error", "on_sent"], Phase | Sequence[Phase]]
"""Hooks of one route, by their phase."""


class Phases(Struct, frozen=True):
    """The hooks that hold for a route, in the order in which they run.

    Attributes:
        request: Those of outer routers first.
        response: Those of inner routers first, and so are the others.
        error: See there.
        sent: See there.
    """

    request: tuple[Phase, ...] = ()
    response: tuple[Phase, ...] = ()
    error: tuple[Phase, ...] = ()
    sent: tuple[Phase, ...] = ()

    def below(self, own: Mapping[str, Sequence[Phase]]) -> Phases:
        """What holds for a router or a route with hooks of its own, in this one."""
        if not any(own.values()):
            return self
        return Phases(
            (*self.request, *own["on_request"]),
            (*own["on_response"], *self.response),
            (*own["on_error"], *self.error),
            (*own["on_sent"], *self.sent),
        )


NO_PHASES: Final = Phases()


def checked(kind: str, function: Phase) -> Phase:
    """The hook, taking all that there is.

    Raises:
        SetupError: it wants to be given what there is not.
    """
    offered = OFFERED[kind]
    if not callable(function):
        raise SetupError("VELO_HOOK", f"{function!r} cannot be called, so it is no hook for {kind}")
    try:
        refused = refused_parameters(function, offered)
    except (TypeError, ValueError):  # a builtin without a signature
        return function
    if refused:
        message = f"{getattr(function, '__qualname__', function)!s} ({where(function)}) takes {', '.join(refused)}"
        raise SetupError("VELO_HOOK", f"{message}, but {kind} offers {', '.join(offered)}")

    @wraps(function)
    def hook(*given: object) -> object:
        return call_hook(function, **dict(zip(offered, given, strict=True)))

    code = getattr(function, "__code__", None)
    return function if code is not None and code.co_varnames[: code.co_argcount] == offered and not code.co_kwonlyargcount else hook


def sorted_hooks(hooks: Hooks) -> dict[str, list[Phase]]:
    """The hooks of a route, by all phases that there are.

    Raises:
        SetupError: there is no such phase, or a hook wants to be given what there is not.
    """
    found: dict[str, list[Phase]] = {kind: [] for kind in OFFERED}
    for kind, given in hooks.items():
        if kind not in found:
            raise SetupError("VELO_HOOK", f"there are no hooks for {kind!r}; there are {', '.join(OFFERED)}")
        several = cast("Sequence[Phase]", given if isinstance(given, list | tuple) else (given,))
        found[kind] = [checked(kind, one) for one in several]
    return found


def around(phases: Phases, answer_error: AnswerError) -> tuple[Middleware, ...]:
    """What calls the hooks before the rest and after it: one function, or none."""
    if not phases.request and not phases.response:
        return ()

    # One frame for all hooks together, and none but their own for those that are plain functions.
    async def phase_hooks(request: Request, call_next: CallNext) -> Response:
        response: Response | None = None
        try:
            for hook in phases.request:
                answered = hook(request)
                if answered is not None and (answered := await _awaited(answered)) is not None:
                    response = _response(answered, hook)
                    break
        except Exception as error:
            response = await answer_error(request, error)
        if response is None:
            response = await call_next(request)
        for hook in phases.response:
            changed = hook(request, response)
            if changed is not None and (changed := await _awaited(changed)) is not None:
                response = _response(changed, hook)
        return response

    return (phase_hooks,)


def watching(phases: Phases, answer_error: AnswerError) -> AnswerError:
    """What answers exceptions, once the hooks have seen them. One that fails is logged, and changes nothing."""
    if not phases.error:
        return answer_error

    async def watched(request: Request, error: Exception) -> Response:
        await on_loop()
        for hook in phases.error:
            try:
                await _called(hook, request, error)
            except Exception as failure:
                report("a hook of on_error failed", error=failure)
        return await answer_error(request, error)

    return watched


def sending(phases: Phases) -> Callable[[Request, Response], Awaitable[None]] | None:
    """What calls the hooks when the response has been sent. One that fails is logged, and keeps no other from being called."""
    if not phases.sent:
        return None

    async def sent(request: Request, response: Response) -> None:
        for hook in phases.sent:
            try:
                await _called(hook, request, response)
            except Exception as failure:
                report("a hook of on_sent failed", error=failure)

    return sent


async def _called(hook: Phase, *arguments: object) -> object:
    return await _awaited(hook(*arguments))


async def _awaited(result: object) -> object:
    return await cast("Awaitable[object]", result) if isawaitable(result) else result


def _response(value: object, hook: Phase) -> Response:
    if isinstance(value, Response):
        return value
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    raise TypeError(f"the hook {name} returned {type(value).__name__}; return a Response, or None to go on")
