"""Where the server listens: checked before it starts, so that a port in use is one line and not a worker's traceback."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from velo_cli.errors import Failure

__all__ = ["Endpoint", "bind"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to listen on.

    Attributes:
        host: As the user wrote it.
        address: IPv4 or IPv6 address of it.
        port: Never 0.
    """

    host: str
    address: str
    port: int

    @property
    def url(self) -> str:
        """What to type into a browser."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def bind(host: str, port: int) -> tuple[Endpoint, socket.socket]:
    """A socket that is bound, not listening yet.

    With `SO_REUSEADDR`, as servers do, so that connections of a server that has just ended are not in the way; without `SO_REUSEPORT`,
    which Granian sets: with it a second server would share the port of the first in silence.

    Args:
        host: Name or address.
        port: 0 for any that is free.

    Raises:
        Failure: with the reason why it cannot be had.
    """
    family, address = _resolve(host)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would allow what it forbids here: two servers on one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise Failure(_explained(error, host, port)) from error
    return Endpoint(host, address, listener.getsockname()[1]), listener


def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise Failure(f"the host {host!r} is not known; give an address of this machine, such as 127.0.0.1 or 0.0.0.0") from error
    family, *_, place = min(found, key=lambda one: one[0] != socket.AF_INET)  # `localhost` is both; clients try IPv4 in any case
    return family, str(place[0])


def _explained(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use by another program; choose one with --port, or --port 0 for any that is free"
    if error.errno == errno.EACCES:
        return f"port {port} needs privileges that this user does not have; choose one from 1024 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; 127.0.0.1 is reached from here alone, 0.0.0.0 from everywhere"
    return f"cannot listen on port {port} of {host}: {error.strerror or error}"
