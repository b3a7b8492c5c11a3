"""The `Host` field (RFC 9110 section 7.2), read more strictly than its grammar.

What is used to build URLs or to choose a route may hold nothing that means something else elsewhere in a URL: with
`Host: example.com/abc?bar=`, a URL put together from parts and read again has another path than the request.
"""

from __future__ import annotations

from typing import Final

from velo_core.later import later

__all__ = ["parse_host"]

_MAX_LENGTH: Final = 255 + len(":65535")
"""A name in the DNS has at most 255 octets (RFC 1035 section 2.3.4)."""

_NAME = later(r"[0-9a-z_-]{1,63}(?:\.[0-9a-z_-]{1,63})*\.?")
"""Labels of at most 63 octets, and dots, which are in no label: this cannot backtrack. Looking at each label took three times as long."""
_IPV6 = later(r"[0-9a-f:.]+")


def parse_host(value: str) -> tuple[str, int | None] | None:
    """Host in lower case and port (`None` if not given), or `None` if `value` is not a host. Never raises.

    A host is a name of letters, digits, `-` and `_` (as in the names of containers), an IPv4 address, or an IPv6 address in its
    brackets, which stay. User information, percent-encoding, white space, commas, anything outside ASCII and the empty host are
    refused; an international name arrives in its `xn--` form. A dot at the end is part of the name: `example.com.` is not
    `example.com`.
    """
    if len(value) > _MAX_LENGTH or not value.isascii():
        return None
    value = value.lower()
    if value.startswith("["):
        address, bracket, rest = value[1:].partition("]")
        host, colon, port = f"[{address}]", rest[:1], rest[1:]
        sound = bool(bracket) and colon in ("", ":") and _is_ipv6(address)
    else:
        host, _, port = value.partition(":")
        sound = _NAME.fullmatch(host) is not None
    if not sound:
        return None
    if not port:
        return host, None
    return (host, int(port)) if port.isdigit() and len(port) <= 5 and int(port) <= 65535 else None


def _is_ipv6(address: str) -> bool:
    if not _IPV6.fullmatch(address):  # without this, ipaddress would take a zone, which has no meaning in a URL here: fe80::1%eth0
        return False
    from ipaddress import IPv6Address  # imported when a literal comes, which is rare: the module is large

    try:
        IPv6Address(address)
    except ValueError:
        return False
    return True
