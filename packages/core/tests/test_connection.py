"""Finding the TCP connection of a request among the descriptors of the process, and what can be learned from it."""

import socket
import sys
from collections.abc import Callable, Iterator

import pytest

from velo_core import Address
from velo_core.protocols.connection import Connection

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell less, or nothing")


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A server's end of a connection, and the client's."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        listener = socket.create_server((request.param, 0), family=family)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener, socket.create_connection(listener.getsockname()[:2]) as client, listener.accept()[0] as server:
        yield server, client


def ends(server: socket.socket) -> tuple[Address, Address]:
    return Address(*server.getpeername()[:2]), Address(*server.getsockname()[:2])


def test_what_the_client_has_got_is_known(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    connection = Connection.find(*ends(server))
    assert connection is not None
    before = connection.acknowledged()
    server.sendall(bytes(1000))
    client.recv(1000, socket.MSG_WAITALL)
    after = connection.acknowledged()
    connection.close()

    assert (before, after) == (0, 1000)


def test_an_aborted_connection_ends_for_the_client_although_the_server_holds_its_socket(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    connection = Connection.find(*ends(server))
    assert connection is not None
    connection.abort()
    connection.close()

    assert client.recv(1) == b""


def test_giving_up_the_hold_leaves_the_connection_alone(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    connection = Connection.find(*ends(server))
    assert connection is not None
    connection.close()
    server.sendall(b"still there")

    assert client.recv(11) == b"still there"


def test_a_connection_that_has_ended_says_so(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    connection = Connection.find(*ends(server))
    assert connection is not None
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a farewell
    client.close()
    server.settimeout(60)
    with pytest.raises(ConnectionResetError):
        server.recv(1)

    with pytest.raises(ConnectionResetError):
        connection.acknowledged()
    connection.close()


Change = Callable[[Address, Address], tuple[Address | None, Address | None]]
CHANGES: list[Change] = [
    lambda client, server: (client._replace(port=client.port ^ 1), server),
    lambda client, server: (client, server._replace(port=server.port ^ 1)),
    lambda client, server: (client._replace(host="192.0.2.1"), server),
    lambda client, server: (client._replace(port=0), server),
    lambda client, server: (client._replace(host="not an address"), server),
    lambda client, server: (None, server),
    lambda client, server: (client, None),
]


@pytest.mark.parametrize(
    "change",
    CHANGES,
    ids=["other client port", "other server port", "other host", "port unknown", "no address", "client unknown", "server unknown"],
)
def test_another_connection_is_not_taken_for_it(pair: tuple[socket.socket, socket.socket], change: Change) -> None:
    assert Connection.find(*change(*ends(pair[0]))) is None


def test_a_server_that_listens_on_all_addresses_may_tell_only_that(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = ends(pair[0])
    connection = Connection.find(client, server._replace(host="0.0.0.0"))  # noqa: S104 - what a server tells, nothing is bound
    assert connection is not None
    connection.close()
