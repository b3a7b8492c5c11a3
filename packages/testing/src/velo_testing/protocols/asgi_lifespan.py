"""The lifespan of an ASGI application, which is one long call of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from velo_core import error_reporter
from velo_testing.errors import LifespanFailed, ProtocolViolation
from velo_testing.protocols.asgi_messages import AsgiApplication, Message, Scope, field

__all__ = ["Lifespan"]


class Lifespan:
    """One lifespan, from `start` to `stop`.

    An application that raises or returns before it has received `lifespan.startup` does not know lifespans, which is allowed. Whatever goes
    wrong later fails the test: with the exception that the application raised or reported, else with its own message.

    Attributes:
        state: What the application has put there; each request gets a copy.
    """

    def __init__(self, app: AsgiApplication) -> None:
        self.state: dict[str, object] = {}
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._asked: list[str] = []
        self._answers: list[str] = []
        self._raised: BaseException | None = None
        self._reported: list[Exception] = []
        self._failure: str | None = None
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Sends `lifespan.startup` and waits for the answer; see the class for errors."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="lifespan")
        await self._wait(lambda: bool(self._answers) or self._has_ended)
        if not self._answers and not self._asked:
            return
        try:
            self._judge("lifespan.startup.complete", "start-up")
        except BaseException:
            await self._cancel()
            raise

    async def stop(self) -> None:
        """Sends `lifespan.shutdown` and waits for the call to end; see the class for errors."""
        if not self._answers:  # not started, or no lifespan
            return
        self._stopping.set()
        await self._wait(lambda: self._has_ended)
        if "lifespan.shutdown" in self._asked:
            self._judge("lifespan.shutdown.complete", "shutdown")
        elif self._raised is not None:
            raise self._raised

    @property
    def _has_ended(self) -> bool:
        return self._task is None or self._task.done()

    async def _wait(self, ready: Callable[[], bool]) -> None:
        try:
            while not ready():
                self._changed.clear()
                await self._changed.wait()
            if self._failure is not None and self._task is not None:
                await asyncio.wait({self._task})  # it usually raises what has failed
        except asyncio.CancelledError:
            await self._cancel()
            raise

    async def _cancel(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1.0)

    def _judge(self, wanted: str, what: str) -> None:
        error = self._raised or (self._reported[0] if self._reported and self._failure is not None else None)
        if error is not None:
            if self._failure:
                error.add_note(f"raised during the {what} of the application, which says: {self._failure}")
            raise error
        if self._failure is not None:
            raise LifespanFailed(f"the {what} of the application failed: {self._failure or 'it gave no reason'}")
        if wanted not in self._answers:
            raise ProtocolViolation("VELO_VIOLATION_LIFESPAN", f"the application returned without {wanted}")

    async def _run(self) -> None:
        error_reporter.set(self._reported.append)
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._raised = error
        finally:
            asyncio.get_running_loop().call_soon(self._changed.set)  # when the task is done

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked.append("lifespan.startup")
        else:
            await self._stopping.wait()
            self._asked.append("lifespan.shutdown")
        return {"type": self._asked[-1]}

    async def _send(self, message: Message) -> None:
        kind = field(message, "type", str)
        step = self._asked[-1] if self._asked else "nothing"
        if kind not in (f"{step}.complete", f"{step}.failed") or (self._answers and self._answers[-1].startswith(step)):
            violation = ProtocolViolation("VELO_VIOLATION_LIFESPAN", f"{kind} cannot answer {step}")
            if self._asked:  # counts even if the application catches it
                self._raised = violation
            raise violation
        self._answers.append(kind)
        if kind.endswith(".failed"):
            self._failure = field(message, "message", str, default="")
        self._changed.set()
