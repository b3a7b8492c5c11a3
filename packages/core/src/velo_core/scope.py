"""What lives as long as the application, and dependencies for code that serves no request: commands, tasks, tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TypeVar, cast, overload

from velo_core.binding import Binder
from velo_core.calls import run_call
from velo_core.errors import SetupError
from velo_core.markers import Dependency
from velo_core.steps import AppValue, Call, Given, Surroundings
from velo_core.teardown import Teardown
from velo_core.threads import ThreadPool
from velo_core.types import INVALID

__all__ = ["Container", "Scope", "not_started"]

T = TypeVar("T")


class Container:
    """The values that live as long as the application.

    Args:
        surroundings: Those of the application's own router. `app_values` has what routes ask for; scopes may add to it.
        pools: By name.
    """

    def __init__(self, surroundings: Surroundings, pools: Mapping[str, ThreadPool]) -> None:
        self.surroundings = surroundings
        self.pools = pools
        self._teardown: Teardown | None = None
        self._making = asyncio.Lock()

    @property
    def values(self) -> Sequence[AppValue]:
        """All of them, each after those it is made of."""
        return tuple(self.surroundings.app_values.values())

    @property
    def is_open(self) -> bool:
        """Whether the values are there."""
        return self._teardown is not None

    @asynccontextmanager
    async def lifetime(self) -> AsyncGenerator[None]:
        """Makes all values, and tears them down in reverse.

        Raises:
            BaseException: what a dependency raised, at its start or at its end.
        """
        error: BaseException | None = None
        teardown = Teardown()
        self._making = asyncio.Lock()  # each start may have a loop of its own
        try:
            await self._make(teardown)
            self._teardown = teardown
            yield
        except BaseException as raised:
            error = raised
        self._teardown = None
        error = await teardown.close(error)
        for value in self.values:
            if not isinstance(value.call.function, Given):
                value.value = INVALID
        if error is not None:
            raise error

    async def make_missing(self) -> None:
        """Makes what a scope has asked for and no route does."""
        async with self._making:
            await self._make(cast("Teardown", self._teardown))

    async def _make(self, teardown: Teardown) -> None:
        """Makes what is not there yet. What has no tear-down is made at the same time as others that could be.

        What has one is entered in this task, one after another: many context managers have to be left in the task that has entered them.
        """
        missing = [value for value in self.values if value.value is INVALID]
        while missing:
            ready = [value for value in missing if all(one.value is not INVALID for one in value.arguments.values())]
            outcomes = await asyncio.gather(
                *(self._make_one(value, teardown) for value in ready if not value.call.kind.opens), return_exceptions=True
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            for value in ready:
                if value.call.kind.opens:
                    await self._make_one(value, teardown)
            missing = [value for value in missing if value not in ready]

    async def _make_one(self, value: AppValue, teardown: Teardown) -> None:
        arguments = {variable: one.value for variable, one in value.arguments.items()}
        try:
            value.value = await run_call(value.call, arguments, teardown, self.pools)
        except Exception as error:
            error.add_note(f"while {value.label} was made, which lives as long as the application")
            raise


def not_started(values: Mapping[str, AppValue]) -> SetupError | None:
    """Why a handler cannot be called that takes `values`, if one of them is not there."""
    for value in values.values():
        if value.value is INVALID:
            message = f"{value.label} lives as long as the application, which has not been started; let the server run its lifespan"
            return SetupError("VELO_NOT_STARTED", f"{message}, or await app.startup() yourself")
    return None


class Scope:
    """Dependencies outside of any request, opened as they are asked for and torn down together at the end; see `Velo.scope`.

    Like a request, it is for one task. All who ask for the same dependency in one scope share one result.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._binder = Binder(container.surroundings, None, {}, {})
        self._values: dict[str, object] = {}
        self._teardown = Teardown()

    async def __aenter__(self) -> Scope:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ended = await self._teardown.close(error)
        if ended is not None and ended is not error:
            raise ended

    async def get(self, kind: type[T]) -> T:
        """What the application's own router provides for a type. It is open until the scope ends, whatever its lifetime.

        Raises:
            SetupError: nobody provides it, or it cannot be made without a request.
        """
        dependency = self._binder.provider_of(kind)
        if dependency is None:
            message = f"nobody provides {kind.__qualname__}; app.provide({kind.__name__}, ...), or install the plugin that does"
            raise SetupError("VELO_NOT_PROVIDED", message)
        bound = self._binder.dependency(dependency)
        self._check()
        await self._make(early=False)
        return cast("T", self._values[self._binder.variable_of(cast("Call | AppValue", bound))])

    @overload
    async def call(self, function: Callable[..., Awaitable[T]], *, pool: str | None = None) -> T: ...
    @overload
    async def call(self, function: Callable[..., T], *, pool: str | None = None) -> T: ...
    async def call(self, function: Callable[..., object], *, pool: str | None = None) -> object:
        """What `function` returns, called with its dependencies as a handler would be. Arguments of your own: `functools.partial`.

        Dependencies with the lifetime `"handler"` are torn down when it has returned.

        Args:
            function: A coroutine function, or a plain one, which is called in a thread.
            pool: Name of the threads.

        Raises:
            SetupError: a parameter could only be read from a request.
        """
        known = len(self._binder.calls)
        call = self._binder.call(Dependency(function, pool=pool), function, "result", is_handler=True)
        self._check()
        try:
            await self._make(early=True)
            result = await run_call(cast("Call", call), self._values, self._teardown, self._container.pools)
        except BaseException as error:
            await self._teardown.end_early(error)
            raise
        else:
            await self._teardown.end_early()
        finally:
            self._forget([one for one in self._binder.calls[known:] if one.lifetime == "handler"])
        return result

    async def _make(self, *, early: bool) -> None:
        """Runs the calls that have been added."""
        if any(one.value is INVALID for one in self._binder.constants.values()):
            await self._container.make_missing()
        self._values.update((variable, one.value) for variable, one in self._binder.constants.items())
        for call in self._binder.calls:
            if call.variable not in self._values:
                ends_early = early and call.ends_early
                self._values[call.variable] = await run_call(call, self._values, self._teardown, self._container.pools, early=ends_early)

    def _forget(self, ended: Sequence[Call]) -> None:
        """Drops what has been torn down: who asks again gets a new one."""
        binder = self._binder
        for call in ended:
            self._values.pop(call.variable, None)
        binder.calls = [call for call in binder.calls if call not in ended]
        binder.seen = {key: call for key, call in binder.seen.items() if call not in ended}

    def _check(self) -> None:
        problems, self._binder.problems = self._binder.problems, []
        if problems:
            raise SetupError.of(problems)
