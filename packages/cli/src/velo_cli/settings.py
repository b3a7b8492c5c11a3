"""What `velo run` was asked for, in a form that any process can be given."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from velo_cli.address import Endpoint
from velo_cli.target import Target

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve.

    Attributes:
        target: The application.
        endpoint: Where.
        listener: A socket that listens there, for servers that can be handed one.
        server: `granian` or `uvicorn`.
        interface: `rsgi`, `asgi` or `wsgi`.
        workers: Processes that serve.
        access_log: Whether each request is a line on stdout.
        verbose: Whether tracebacks and what the server has to say are shown.
        shutdown_timeout: Seconds that requests get to end.
    """

    target: Target
    endpoint: Endpoint
    listener: socket.socket | None
    server: str
    interface: str
    workers: int
    access_log: bool
    verbose: bool
    shutdown_timeout: int

    @property
    def in_process(self) -> bool:
        """Whether the process that watches over the workers is itself the only one."""
        return self.server == "uvicorn" and self.workers == 1

    def announcement(self, label: str) -> str:
        """The line that tells where `label` is served."""
        workers = f"{self.workers} worker{'s' if self.workers != 1 else ''}"
        return f"Velo serves {label} on {self.endpoint.url} ({self.server}, {self.interface}, {workers})"
