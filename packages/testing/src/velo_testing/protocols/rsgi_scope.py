"""What an RSGI application sees of a request before its body. Every attribute is computed at each access, as Granian does it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import overload

from velo_testing.request import RequestHead

__all__ = ["RSGIHTTPScope", "RSGIHeaders"]

_VISIBLE = re.compile(rb"[\t\x20-\x7e]*")


class RSGIHeaders:
    """Request headers by lower-case name; look-ups ignore case. A value with other than visible ASCII characters is hidden, not decoded."""

    __slots__ = ("_values",)

    def __init__(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._values: dict[str, list[str | None]] = {}
        for name, value in headers:
            text = value.decode("ascii") if _VISIBLE.fullmatch(value) else None
            self._values.setdefault(name.decode("ascii"), []).append(text)

    def keys(self) -> list[str]:
        """Each name once, in the order of first appearance, also those whose values are hidden."""
        return list(self._values)

    def values(self) -> list[str]:
        """All values that are not hidden, those of one name together."""
        return [value for _, value in self.items()]

    def items(self) -> list[tuple[str, str]]:
        """All pairs whose value is not hidden, those of one name together."""
        return [(name, value) for name, values in self._values.items() for value in values if value is not None]

    @overload
    def get(self, key: str, default: None = None) -> str | None: ...
    @overload
    def get(self, key: str, default: str) -> str: ...
    def get(self, key: str, default: str | None = None) -> str | None:
        """The first value, or `default` if there is none or it is hidden."""
        value = self._find(key)[:1]
        return value[0] if value and value[0] is not None else default

    def get_all(self, key: str) -> list[str]:
        """The values that are not hidden."""
        return [value for value in self._find(key) if value is not None]

    def _find(self, key: str) -> list[str | None]:
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]: whatever the application has passed
            raise TypeError(f"'{type(key).__name__}' object is not an instance of 'str'")
        return self._values.get(key.lower(), [])

    def __getitem__(self, key: str) -> str:
        values = self._find(key)
        if not values:
            raise KeyError(key)
        return values[0] or ""  # a hidden value is empty here

    def __contains__(self, key: str) -> bool:
        return bool(self._find(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._values)


class RSGIHTTPScope:
    """The connection scope. There is no raw path, no state and nothing about TLS."""

    __slots__ = ("_request",)

    def __init__(self, request: RequestHead) -> None:
        self._request = request

    @property
    def proto(self) -> str:
        """Always `"http"` here."""
        return "http"

    @property
    def rsgi_version(self) -> str:
        """The version that Granian 2.8 gives."""
        return "1.6"

    @property
    def http_version(self) -> str:
        """Always `"1.1"` here."""
        return "1.1"

    @property
    def server(self) -> str:
        """`"host:port"`."""
        return _address(self._request.server)

    @property
    def client(self) -> str:
        """`"host:port"`."""
        return _address(self._request.client)

    @property
    def scheme(self) -> str:
        """`"http"` or `"https"`."""
        return self._request.scheme

    @property
    def method(self) -> str:
        """Upper-case."""
        return self._request.method

    @property
    def path(self) -> str:
        """Percent-decoded: `%2F` is a slash, what is not UTF-8 becomes U+FFFD."""
        return self._request.path

    @property
    def query_string(self) -> str:
        """As sent, without the question mark."""
        return self._request.query.decode("ascii")

    @property
    def headers(self) -> RSGIHeaders:
        """A new mapping at each access."""
        return RSGIHeaders(self._request.headers)

    @property
    def authority(self) -> None:
        """Only HTTP/2 and requests to a proxy have one."""
        return


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
