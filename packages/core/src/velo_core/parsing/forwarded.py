"""What proxies say of the request that they received: `Forwarded` (RFC 7239) and the nodes in it.

Whether they are to be believed is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from velo_core.parsing.grammar import read_parameters, split_list
from velo_core.types import Address

__all__ = ["parse_forwarded", "parse_node"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_LONGEST_NODE: Final = len("[0000:0000:0000:0000:0000:ffff:255.255.255.255]:65535")


def parse_forwarded(values: Iterable[str]) -> list[Mapping[str, str]]:
    """The elements of a `Forwarded` field, the one of the nearest proxy last: lower-case names to values. Never raises.

    A malformed element is empty, so that it still stands for one proxy.

    Args:
        values: The value of each field.
    """
    return [read_parameters(f";{element}", 0) or _NOTHING for element in split_list(",".join(values))]


def parse_node(text: str) -> Address | None:
    """The address of a node (RFC 7239 section 6), of which X-Forwarded-For is a list too; port 0 if none is given. Never raises.

    `None` for `unknown`, for an obfuscated name such as `_gazonk`, and for what is no address. An IPv6 address may come without brackets,
    as in X-Forwarded-For, and one that stands for an IPv4 address becomes that.
    """
    if len(text) > _LONGEST_NODE or not text.isascii():
        return None
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            return None
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if "%" in host or (port and not (port.isdigit() and len(port) <= 5 and int(port) <= 65535)):
        return None
    from ipaddress import IPv6Address, ip_address  # imported where proxies are trusted, and nowhere else: the module is large

    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return Address(str(mapped or address), int(port or 0))
