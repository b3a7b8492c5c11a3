"""The `Origin` field (RFC 6454 section 7): who a browser makes a request for."""

from __future__ import annotations

from typing import Final, NamedTuple

from velo_core.parsing.host import parse_host

__all__ = ["Origin", "parse_origin"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """What a page was loaded from. Two are the same if all three parts are."""

    scheme: str
    host: str
    port: int | None

    def serves(self, host: str, *, secure: bool) -> bool:
        """Whether a request to `host`, a value of the `Host` field, goes to where the page came from.

        The scheme is compared only where our own is known to be the secure one: behind a proxy that ends TLS, ours says nothing.

        Args:
            host: Without a port, that of this origin's scheme is meant.
            secure: Whether the request came by TLS.
        """
        if secure and self.scheme != "https":
            return False
        default = _DEFAULT_PORTS.get(self.scheme)
        if host == (self.host if self.port == default else f"{self.host}:{self.port}"):  # as browsers write it: nothing to parse
            return True
        parsed = parse_host(host)
        if parsed is None:
            return False
        name, port = parsed
        return (name, default if port is None else port) == (self.host, self.port)


def parse_origin(value: str) -> Origin | None:
    """Scheme, host and port, or `None` for what is no origin, `null` among them. Never raises.

    The port is that of the scheme if none is given.
    """
    scheme, separator, rest = value.partition("://")
    scheme = scheme.lower()
    if not separator or not (scheme.isascii() and scheme.isalnum()):
        return None
    parsed = parse_host(rest)
    if parsed is None:
        return None
    host, port = parsed
    return Origin(scheme, host, _DEFAULT_PORTS.get(scheme) if port is None else port)
