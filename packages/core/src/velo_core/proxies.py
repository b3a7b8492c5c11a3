"""Proxies that are believed: what they say of the client takes the place of what the connection says.

A proxy stands between the client and the server, so the connection tells the proxy's address, scheme and name. It adds fields that tell
those of the client. Anybody can send such fields, so they are read only from peers that the application names, and from the right: the
nearest proxy's word comes last, and the first address that is no proxy of ours is the client.

It is all done by an `Adapter` that answers four questions differently, so an application that trusts nobody pays nothing, and neither does
a request that does not ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import replace

from velo_core.errors import SetupError
from velo_core.parsing.forwarded import parse_forwarded, parse_node
from velo_core.parsing.grammar import split_list
from velo_core.request import Adapter
from velo_core.types import Address

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

__all__ = ["TrustedProxies"]

Field: TypeAlias = Literal["for", "proto", "host", "prefix"]

_DEFAULT_FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {"x-forwarded": ("for", "proto"), "forwarded": ("for", "proto", "host")}
_PREFIX = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@]+)+").fullmatch


class Origin(Struct, frozen=True):
    """What trusted proxies say of a request; `None` where they say nothing.

    Attributes:
        client: Who asked the outermost of them.
        scheme: Of that request, `"http"` or `"https"`.
        host: Host and port that it was for. Not checked.
        prefix: Path that was cut off on the way, without a slash at its end.
    """

    client: Address | None = None
    scheme: str | None = None
    host: str | None = None
    prefix: str | None = None


class TrustedProxies:
    """Which proxies are believed, and what they say. For `Velo(trusted_proxies=...)`.

    Args:
        networks: Addresses or networks of the proxies, such as `"10.0.0.0/8"`; `"unix"` for whoever connects by a Unix socket.
        header: Which fields they send: `"x-forwarded"` for X-Forwarded-For and its like, `"forwarded"` for Forwarded (RFC 7239). Only one
            of them, because a proxy that sends the one lets the other pass, whoever wrote it.
        fields: What they are believed about. With `"x-forwarded"`, that is the client's address (`"for"`) and the scheme (`"proto"`) by
            default, because most proxies let X-Forwarded-Host (`"host"`) and X-Forwarded-Prefix (`"prefix"`) pass unless they are told to
            set them. With `"forwarded"`, it is `"for"`, `"proto"` and `"host"`, which are one field and set together.

    Raises:
        SetupError: one of the networks is none; there is no such header, or it has no such field.
    """

    def __init__(
        self, *networks: str, header: Literal["x-forwarded", "forwarded"] = "x-forwarded", fields: Collection[Field] | None = None
    ) -> None:
        if header not in _DEFAULT_FIELDS:
            raise SetupError("VELO_PROXIES", f"trusted proxies send {header!r}; it has to be 'x-forwarded' or 'forwarded'")
        self.header = header
        self.fields = frozenset(_DEFAULT_FIELDS[header] if fields is None else fields)
        unknown = self.fields - set(get_args(Field)) | ({"prefix"} & self.fields if header == "forwarded" else frozenset[Field]())
        if unknown:
            raise SetupError("VELO_PROXIES", f"{header!r} of trusted proxies has no field {', '.join(map(repr, sorted(unknown)))}")
        self._unix = "unix" in networks
        self._networks = [_network(text) for text in networks if text != "unix"]

    @classmethod
    def of(cls, given: TrustedProxies | Sequence[str]) -> TrustedProxies | None:
        """From what `Velo` was given; `None` if nobody is trusted."""
        if isinstance(given, str):
            raise SetupError("VELO_PROXIES", f"the trusted proxies are the text {given!r}; write a list: [{given!r}]")
        return given if isinstance(given, TrustedProxies) else cls(*given) if given else None

    def trusts(self, address: Address | None) -> bool:
        """Whether the other end of a connection is one of the proxies."""
        if address is None or not address.host or address.host.startswith("/"):
            return self._unix
        node = parse_node(address.host)
        if node is None:
            return False
        from ipaddress import ip_address

        parsed = ip_address(node.host)
        return any(parsed in network for network in self._networks)

    def origin(self, peer: Address | None, find_all: Callable[[str], Sequence[str]]) -> Origin:
        """What the proxies say.

        Args:
            peer: The other end of the connection.
            find_all: All values of a header field, by its lower-case name.
        """
        if not self.trusts(peer):
            return Origin()
        return self._forwarded(find_all) if self.header == "forwarded" else self._x_forwarded(find_all)

    def _forwarded(self, find_all: Callable[[str], Sequence[str]]) -> Origin:
        elements = parse_forwarded(find_all("forwarded"))
        client, index = self._client([element.get("for", "") for element in elements])
        said: Mapping[str, str] = elements[index] if elements else {}
        return Origin(
            client if "for" in self.fields else None,
            _scheme(said.get("proto", "")) if "proto" in self.fields else None,
            said.get("host") if "host" in self.fields else None,
        )

    def _x_forwarded(self, find_all: Callable[[str], Sequence[str]]) -> Origin:
        nodes = _list(find_all("x-forwarded-for"))
        client, index = self._client(nodes)

        def said(field: Field) -> str | None:
            # Some proxies add to a list, as to that of addresses, and others put their own value in place of all.
            values = _list(find_all(f"x-forwarded-{field}")) if field in self.fields else []
            return (values[index] if len(values) == len(nodes) else values[-1]) if values else None

        prefix = (said("prefix") or "").removesuffix("/")
        return Origin(
            client if "for" in self.fields else None, _scheme(said("proto") or ""), said("host"), prefix if _PREFIX(prefix) else None
        )

    def _client(self, nodes: Sequence[str]) -> tuple[Address | None, int]:
        """The client, and the index of what is told by the proxy that it asked. Nobody is believed beyond an entry without an address."""
        client, index = None, -1
        for position in range(len(nodes) - 1, -1, -1):
            node = parse_node(nodes[position])
            if node is None:
                break
            client, index = node, position
            if not self.trusts(node):
                break
        return client, index

    def before(self, adapter: Adapter) -> Adapter:
        """How a protocol is read when these proxies may stand before the server."""

        def origin(scope: object) -> Origin:
            headers = adapter.raw_headers(scope)
            return self.origin(adapter.client(scope), lambda name: adapter.find_all_headers(headers, adapter.header_key(name)))

        def client(scope: object) -> Address | None:
            return origin(scope).client or adapter.client(scope)

        def scheme(scope: object) -> str:
            seen, said = adapter.scheme(scope), origin(scope).scheme
            if said is None:
                return seen
            return {"http": "ws", "https": "wss"}[said] if seen.startswith("ws") else said

        def authority(scope: object) -> str | None:
            said = origin(scope).host
            return adapter.authority(scope) if said is None else said

        def root_path(scope: object) -> str:
            return (origin(scope).prefix or "") + adapter.root_path(scope)

        return replace(adapter, client=client, scheme=scheme, authority=authority, root_path=root_path)


def _network(text: str) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network

    try:
        return ip_network(text)
    except ValueError as error:
        message = f"{text!r} is no network of trusted proxies ({error}); write an address, a network such as '10.0.0.0/8', or 'unix'"
        raise SetupError("VELO_PROXIES", message) from error


def _list(values: Sequence[str]) -> list[str]:
    return split_list(",".join(values))


def _scheme(text: str) -> str | None:
    return text.lower() if text.lower() in ("http", "https") else None
