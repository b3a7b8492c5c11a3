"""The lifespan of a mounted ASGI application (ASGI lifespan 2.0), run as a server runs it: in a task that lives as long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

from velo_core.errors import SetupError
from velo_core.mounting.asgi import ASGIApplication, Message

__all__ = ["lifespan"]

SHUTDOWN_SECONDS: Final = 10
"""How long a mounted application may take to stop, before it is cancelled."""


@asynccontextmanager
async def lifespan(app: ASGIApplication, state: MutableMapping[str, Any], label: str) -> AsyncGenerator[None]:
    """Starts the application, and stops it at the end. One that does not know lifespans is left alone.

    Args:
        app: The application.
        state: What it wants to have with every request; it puts it there.
        label: Where it is mounted, for messages.

    Raises:
        SetupError: the application says that it could not start.
        Exception: what it raised while it started; or what it says it failed with when it stopped.
    """
    run = _Lifespan(app, state, label)
    await run.start()
    try:
        yield
    finally:
        await run.stop()


class _Lifespan:
    def __init__(self, app: ASGIApplication, state: MutableMapping[str, Any], label: str) -> None:
        self.label = label
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = loop.create_future()
        self.stopped: asyncio.Future[None] = loop.create_future()
        self.stopping = asyncio.Event()
        self.asked = 0

        async def run() -> None:
            await app({"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}, self.receive, self.send)

        self.task = asyncio.ensure_future(run())

    async def receive(self) -> Message:
        self.asked += 1
        if self.asked == 1:
            return {"type": "lifespan.startup"}
        await self.stopping.wait()
        if self.asked > 2:
            await asyncio.Event().wait()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        phase, _, outcome = kind.removeprefix("lifespan.").partition(".")
        future = {"startup": self.started, "shutdown": self.stopped}.get(phase)
        if future is None or outcome not in ("complete", "failed") or future.done():
            raise RuntimeError(f"the application mounted at {self.label} sent {kind!r} where it cannot come")
        if outcome == "complete":
            future.set_result(None)
        else:
            verb = "start" if phase == "startup" else "stop"
            message_text = f"the application mounted at {self.label} could not {verb}: {message.get('message') or 'it does not say why'}"
            future.set_exception(SetupError("VELO_MOUNT_LIFESPAN", message_text))

    async def start(self) -> None:
        try:
            await asyncio.wait({self.task, self.started}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self.task.cancel()
            raise
        if self.started.done():
            await self._end_if_failed(self.started)
        elif self.asked and not self.task.cancelled() and (error := self.task.exception()) is not None:
            error.add_note(f"while the application mounted at {self.label} was started")
            raise error
        # One that raised before it asked for anything does not know lifespans, and neither does one that returned.

    async def _end_if_failed(self, future: asyncio.Future[None]) -> None:
        if future.exception() is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
            if not self.task.cancelled():
                self.task.exception()  # it is told by the message already
            future.result()

    async def stop(self) -> None:
        if self.task.done():
            if not self.task.cancelled():
                self.task.exception()
            return
        self.stopping.set()
        await asyncio.wait({self.task, self.stopped}, return_when=asyncio.FIRST_COMPLETED, timeout=SHUTDOWN_SECONDS)
        if self.stopped.done():
            await self._end_if_failed(self.stopped)
            await asyncio.wait({self.task}, timeout=SHUTDOWN_SECONDS)
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task})
        if not self.task.cancelled() and (error := self.task.exception()) is not None:
            error.add_note(f"while the application mounted at {self.label} was stopped")
            raise error
