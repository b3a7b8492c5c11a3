"""What a response must keep to on every protocol, because HTTP says so and servers refuse or mangle what does not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from velo_testing.errors import ProtocolViolation

__all__ = ["HeaderList", "ResponseRules", "check_headers"]

HeaderList = Sequence[tuple[bytes, bytes]]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # all but the tab, RFC 9110 section 5.5
_BODILESS = {204: "15.3.5", 205: "15.3.6", 304: "15.4.5"}  # status -> section of RFC 9110


def check_headers(headers: HeaderList, *, lower_case: bool) -> None:
    """Refuses names and values that cannot be sent.

    Args:
        lower_case: Whether the protocol wants lower-case names, as ASGI does.

    Raises:
        ProtocolViolation: a name is no token, or a value holds control characters or begins or ends with white space (RFC 9110 section 5).
    """
    for name, value in headers:
        if _TOKEN.fullmatch(name) is None:
            raise ProtocolViolation("VELO_VIOLATION_HEADER_NAME", f"{name!r} is not a header name (RFC 9110 section 5.1)")
        if lower_case and name != name.lower():
            raise ProtocolViolation("VELO_VIOLATION_HEADER_NAME", f"the header name {name!r} must be lower-case")
        if _CONTROL.search(value):
            raise ProtocolViolation("VELO_VIOLATION_HEADER_VALUE", f"the header {name!r} has control characters in its value {value!r}")
        if value != value.strip(b" \t"):
            raise ProtocolViolation("VELO_VIOLATION_HEADER_VALUE", f"the header {name!r} has white space around its value {value!r}")


class ResponseRules:
    """Watches one response from its status to its last byte.

    Args:
        method: Of the request: a response to HEAD has no body, but may give the length that one to GET would have.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self._bodiless = "a response to HEAD (RFC 9110 section 9.3.2)" if method == "HEAD" else ""
        self._declared: int | None = None
        self._sent = 0

    def start(self, status: object, headers: HeaderList) -> int:
        """Checks what comes before the body; the headers themselves are `check_headers`' business.

        Returns:
            The status.
        """
        if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
            raise ProtocolViolation("VELO_VIOLATION_STATUS", f"{status!r} is not the status of a final response, an int from 200 to 599")
        declared = _content_length(headers)
        if status in _BODILESS and not self._bodiless:
            self._bodiless = f"a response with status {status} (RFC 9110 section {_BODILESS[status]})"
        if status == 204 and declared is not None:
            raise ProtocolViolation("VELO_VIOLATION_CONTENT_LENGTH", "a 204 must not have content-length (RFC 9110 section 8.6)")
        if status != 304 and self._method != "HEAD":
            self._declared = declared
        return status

    def chunk(self, size: int) -> None:
        """Checks `size` further bytes of body."""
        if size and self._bodiless:
            raise ProtocolViolation("VELO_VIOLATION_BODY", f"{self._bodiless} has no body, but the application sent {size} bytes")
        self._sent += size
        if self._declared is not None and self._sent > self._declared:
            raise self._length_violation("at least ")

    def end(self) -> None:
        """Checks that nothing is missing."""
        if self.short:
            raise self._length_violation("")

    @property
    def short(self) -> bool:
        """Whether fewer bytes were sent than content-length promises."""
        return self._declared is not None and self._sent < self._declared

    def _length_violation(self, more: str) -> ProtocolViolation:
        message = f"content-length says {self._declared}, but the application sent {more}{self._sent} bytes"
        return ProtocolViolation("VELO_VIOLATION_CONTENT_LENGTH", message)


def _content_length(headers: HeaderList) -> int | None:
    values = [value for name, value in headers if name.lower() == b"content-length"]
    if not values:
        return None
    if len(values) > 1 or re.fullmatch(rb"[0-9]+", values[0]) is None:
        message = f"content-length must be one number (RFC 9110 section 8.6), not {b', '.join(values)!r}"
        raise ProtocolViolation("VELO_VIOLATION_CONTENT_LENGTH", message)
    return int(values[0])
