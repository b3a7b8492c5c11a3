"""The TCP connection under a request, for protocols that do not tell how a response gets on.

RSGI's streams take everything at once, however slow the client is, and end as if they were whole when they fail. The process has the
socket, though: it is found by the addresses of its two ends, and the kernel knows how many bytes the client has acknowledged.

The descriptor is duplicated first and compared then, so that a number that the server uses again in between cannot be mistaken. Nothing is
read from the socket and nothing written to it.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from velo_core.types import Address

__all__ = ["Connection"]

_DESCRIPTORS: Final = "/dev/fd"
"""One entry for each descriptor of the process, on Linux, macOS and the BSDs."""

_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
# struct tcp_info of Linux: 8 bytes of flags, 24 numbers of 32 bits, 2 of 64, then tcpi_bytes_acked (since 4.1).
_BYTES_ACKED: Final = struct.Struct("=120xQ")
_CLOSED: Final = 7  # TCP_CLOSE, the first byte of it


class Connection:
    """A connection of this process, held open until `close`.

    Args:
        held: A duplicate of the server's socket.
    """

    def __init__(self, held: socket.socket) -> None:
        self._socket = held

    @classmethod
    def find(cls, client: Address | None, server: Address | None) -> Connection | None:
        """The connection between two addresses, or `None`: not TCP, not in this process, or nothing here tells. May take milliseconds."""
        if client is None or server is None or not client.port:
            return None
        for held in _sockets():
            with suppress(OSError, ValueError):
                # The server may listen on all addresses and tell only that. Ports and the client's address are enough: two connections
                # cannot share all three.
                peer = held.getpeername()
                if held.getsockname()[1] == server.port and peer[1] == client.port and _same_host(peer[0], client.host):
                    return cls(held)
            held.close()
        return None

    def acknowledged(self) -> int | None:
        """Bytes that the client has acknowledged since the connection began; `None` where the kernel does not tell.

        Raises:
            ConnectionResetError: the connection has ended.
        """
        if _TCP_INFO is None:
            return None
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
        except OSError:
            return None
        if info and info[0] == _CLOSED:
            raise ConnectionResetError("the connection has ended")
        if len(info) < _BYTES_ACKED.size:
            return None
        acknowledged: int = _BYTES_ACKED.unpack_from(info)[0]
        return acknowledged

    def abort(self) -> None:
        """Ends the connection in both directions, so that the client sees that what it got is not whole."""
        with suppress(OSError):  # it has ended already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives up the hold. The server's own socket stays as it is."""
        self._socket.close()


def _sockets() -> Iterator[socket.socket]:
    """Duplicates of all stream sockets of the process; who takes one closes it."""
    try:
        names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - nothing else needs `pathlib`, which is slow to import
    except OSError:
        return
    for name in names:
        try:
            number = os.dup(int(name))
        except (OSError, ValueError):  # closed since, or none left
            continue
        try:
            held = socket.socket(fileno=number) if stat.S_ISSOCK(os.fstat(number).st_mode) else None
        except OSError:
            held = None
        if held is not None and held.family in (socket.AF_INET, socket.AF_INET6) and held.type == socket.SOCK_STREAM:
            yield held
        elif held is not None:
            held.close()
        else:
            os.close(number)


def _same_host(one: str, other: str) -> bool:
    from ipaddress import ip_address

    return ip_address(one.partition("%")[0]) == ip_address(other.partition("%")[0])  # zones are written as name or as number
