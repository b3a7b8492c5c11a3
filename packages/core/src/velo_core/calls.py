"""Running the calls of a binding one by one: for the interpreter, for what lives as long as the application, and for scopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar, cast

from velo_core.callables import Kind
from velo_core.steps import Call
from velo_core.teardown import Teardown
from velo_core.threads import ThreadPool

__all__ = ["apply", "manager_of", "run_call"]

T = TypeVar("T")


def manager_of(call: Call) -> Callable[..., Any]:
    """What is called: the function itself, or what makes a context manager of it if it yields."""
    if call.kind is Kind.ASYNC_GENERATOR:
        return asynccontextmanager(call.function)
    return contextmanager(call.function) if call.kind is Kind.GENERATOR else call.function


def apply(call: Call, function: Callable[..., T], values: Mapping[str, object]) -> T:
    """Calls `function` with the arguments of `call`, taken from `values`."""
    positional = [values[variable] for keyword, variable in call.arguments if keyword is None]
    named = {keyword: values[variable] for keyword, variable in call.arguments if keyword is not None}
    return function(*positional, **named)


async def run_call(
    call: Call, values: Mapping[str, object], teardown: Teardown, pools: Mapping[str, ThreadPool], *, early: bool | None = None
) -> object:
    """The result of a call; what it opens is left to `teardown`, early if its lifetime says so or `early` does."""
    if call.kind is Kind.THREAD:
        return await pools[call.pool].run(partial(apply, call, call.function, values))
    result = apply(call, manager_of(call), values)
    if not call.kind.opens:
        return await result if call.kind is Kind.COROUTINE else result
    if early is None:
        early = call.ends_early
    if call.kind.blocks:
        return await teardown.enter_in_thread(cast("AbstractContextManager[object]", result), pools[call.pool].run, early=early)
    return await teardown.enter(cast("AbstractAsyncContextManager[object]", result), early=early)
