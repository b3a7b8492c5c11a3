"""Plugins while the application starts, closes and stops: each with a limit of time, and named when it is at fault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from inspect import iscoroutine
from typing import TYPE_CHECKING, cast

from velo_core.errors import SetupError, where
from velo_core.hooks import call_hook
from velo_core.plugin import Plugin, Ready

if TYPE_CHECKING:
    from velo_core.app import Velo

__all__ = ["close_plugins", "lifespan_of", "running"]

logger = logging.getLogger("velo.plugin")


def lifespan_of(function: Callable[..., object], app: Velo) -> AbstractAsyncContextManager[object]:
    """The lifespan of the application itself, called with the application if it takes that.

    Raises:
        SetupError: it is no context manager, nearly always because a decorator is missing.
    """
    context = call_hook(function, app=app)
    if isinstance(context, AbstractAsyncContextManager):
        return cast("AbstractAsyncContextManager[object]", context)
    if iscoroutine(context):
        context.close()
    message = f"the lifespan of the application ({where(function)}) gives {type(context).__qualname__}, no asynchronous context manager"
    raise SetupError("VELO_APP_LIFESPAN", f"{message}; write @asynccontextmanager before an async def that yields once")


@asynccontextmanager
async def running(ready: Ready, app: Velo) -> AsyncGenerator[None]:
    """The lifespan of a plugin, entered and left within the limit.

    It is left without an exception, whatever goes wrong elsewhere: what stands after its `yield` runs, be there a `finally` or not.

    Raises:
        SetupError: it takes too long, or is no context manager.
        BaseException: what the plugin raised, with a note that names it.
    """
    before = time.perf_counter()
    with _blamed(ready, "started"):
        context: object = call_hook(ready.plugin.lifespan, app=app)
        if not isinstance(context, AbstractAsyncContextManager):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped plugins
            message = (
                f"lifespan of the plugin {ready.label} returned {type(context).__qualname__} ({where(ready.plugin.lifespan)}), "
                "no asynchronous context manager; write @asynccontextmanager before it"
            )
            raise SetupError("VELO_PLUGIN_HOOK", message)
        async with _limited(ready, app.plugin_timeout_seconds, "start"):
            await context.__aenter__()
    ready.times.start_seconds = time.perf_counter() - before
    try:
        yield
    finally:
        with _blamed(ready, "stopped"):
            async with _limited(ready, app.plugin_timeout_seconds, "stop"):
                await context.__aexit__(None, None, None)


async def close_plugins(plugins: Iterable[Ready], app: Velo) -> None:
    """Runs `closing` of each plugin that has one. What goes wrong is logged: it keeps neither the others nor the end from coming."""
    for ready in plugins:
        if type(ready.plugin).closing is Plugin.closing:
            continue
        try:
            async with _limited(ready, app.plugin_timeout_seconds, "close"):
                await call_hook(ready.plugin.closing, app=app)
        except Exception:
            logger.exception("the plugin %s did not close", ready.label)


@contextmanager
def _blamed(ready: Ready, what: str) -> Generator[None]:
    """Adds a note to what the plugin raises."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while the plugin {ready.label} was {what}")
        raise


@asynccontextmanager
async def _limited(ready: Ready, timeout_seconds: float | None, what: str) -> AsyncGenerator[None]:
    limit = asyncio.timeout(timeout_seconds)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        message = (
            f"the plugin {ready.label} did not {what} within {timeout_seconds:g} s and was cancelled; "
            "the traceback shows where it waited. Velo(plugin_timeout_seconds=...) sets the limit"
        )
        raise SetupError("VELO_PLUGIN_TIMEOUT", message) from error
