"""What went wrong in one exchange, and which of it the test is told."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

import httpx2

from velo_testing.errors import ClientDisconnected, ProtocolViolation

__all__ = ["Failures"]


class Failures:
    """Collects while the application runs, and raises once.

    A violation comes before everything else, because it tells why the rest happened; then what failed in the test itself.

    Attributes:
        request_error: The test's own body failed.
        excused: Exceptions that the server itself raises in the application, with which it may end.
        are_told: Nothing more will be raised.
    """

    def __init__(self, *, raise_app_exceptions: bool) -> None:
        self.request_error: Exception | None = None
        self.excused: tuple[type[BaseException], ...] = (ClientDisconnected,)
        self.are_told = False
        self._raise_app_exceptions = raise_app_exceptions
        self._violation: ProtocolViolation | None = None
        self._errors: list[BaseException] = []

    @property
    def of_application(self) -> bool:
        """Whether the application has raised or reported an exception, or broken its protocol."""
        return bool(self._errors or self._violation)

    def report(self, error: BaseException) -> None:
        """Takes an exception of the application, unless it is excused."""
        if isinstance(error, asyncio.CancelledError):
            cancelled = error
            error = RuntimeError("the application let a cancellation escape, though nobody had cancelled it")
            error.__cause__ = cancelled
        if not self._is_excused(error):
            self._errors.append(error)

    def _is_excused(self, error: BaseException) -> bool:
        """Whether `error` is excused, was explicitly raised from one that is, or is a group of nothing else."""
        if isinstance(error, self.excused) or (error.__cause__ is not None and self._is_excused(error.__cause__)):
            return True
        if isinstance(error, BaseExceptionGroup):
            return all(self._is_excused(part) for part in cast("BaseExceptionGroup[BaseException]", error).exceptions)
        return False

    @contextmanager
    def checking(self) -> Generator[None]:
        """Remembers a violation that is raised inside, so that the test fails even if the application catches it."""
        try:
            yield
        except ProtocolViolation as violation:
            self._violation = self._violation or violation
            raise

    def find(self, *, is_broken: bool) -> BaseException | None:
        """What the test is to be told so far.

        Args:
            is_broken: Whether the client waits for a response that does not come to its end.
        """
        if self._violation is not None or self.request_error is not None:
            return self._violation or self.request_error
        if self._errors and self._raise_app_exceptions:
            return self._errors[0]
        if self._errors and is_broken:
            return httpx2.RemoteProtocolError("the application failed in the middle of its response, so the connection was closed")
        return None

    def tell(self, *, is_broken: bool) -> None:
        """Raises what `find` finds, the first time."""
        failure = self.find(is_broken=is_broken)
        if failure is not None and not self.are_told:
            self.are_told = True
            raise failure
