"""Whose budget it is: from a client to the name of a counter.

What a client can vary freely must not end up in a key, or each variation is a fresh budget: not `X-Forwarded-For` and its kin, not the
spelling of the path, not the method, not the lower half of an IPv6 address.
"""

from __future__ import annotations

from hashlib import blake2b
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from velo_limiter.rules import RateLimitRule

__all__ = ["UNKNOWN_CLIENT", "client_group", "counter_name"]

UNKNOWN_CLIENT: Final = "unknown"
"""The one group of all clients without an address, as behind a Unix socket."""

HOST_BITS: Final = 64
"""Lower bits of an IPv6 address: one subscriber has all of them to choose from (RFC 6177)."""


def client_group(host: str | None) -> str:
    """The clients that share a budget with `host`.

    Args:
        host: Address of the peer as the server names it, without brackets or port; `None` or empty if there is none.

    Returns:
        An IPv4 address as it is, also when it came mapped into IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2); for any other IPv6
        address its /64; a text that is no address as it is; `UNKNOWN_CLIENT` for none.
    """
    if not host:
        return UNKNOWN_CLIENT
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except AddressValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> HOST_BITS << HOST_BITS)}/{128 - HOST_BITS}"


def counter_name(rule: RateLimitRule, key: str, scope: str = "") -> bytes:
    """The counter of `rule` for `key`: 16 bytes, however long the key is.

    A digest, so that a long header costs no memory, and neither memory dumps nor a shared store show addresses and API keys.

    Args:
        rule: Its limit, window and algorithm are part of the name: rules that only share a name do not share counters.
        key: Whose budget it is. May come from the client.
        scope: What keeps this key apart from the same text in another role; one line, never from the client.
    """
    text = f"{rule.identity}\n{scope}\n{key}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
