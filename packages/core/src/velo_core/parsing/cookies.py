"""Cookies: the `Cookie` field, read tolerantly, and `Set-Cookie`, written strictly (RFC 6265 and its revision, RFC 6265bis)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, TypeAlias

from velo_core.headers import is_token
from velo_core.later import later
from velo_core.parsing.dates import format_http_date

__all__ = ["SameSite", "format_set_cookie", "parse_cookies"]

SameSite: TypeAlias = Literal["strict", "lax", "none"]

_SAME_SITE: dict[str, str] = {"strict": "Strict", "lax": "Lax", "none": "None"}

_MAX_PAIR_BYTES: Final = 4096
_MAX_ATTRIBUTE_BYTES: Final = 1024
"""Browsers drop a larger cookie or attribute without a word (RFC 6265bis section 5.6), so it is refused here, where it can be seen."""

# Single character classes: nothing to backtrack over.
_COOKIE_OCTETS = later(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_PATH = later(r"[\x21-\x3a\x3c-\x7e]*")
_DOMAIN = later(r"[0-9A-Za-z._-]+")


def parse_cookies(header_values: Iterable[str]) -> dict[str, str]:
    """The cookies of a request, by name. Never raises: what cannot be read is left out.

    The first of several cookies with one name is taken. Browsers list the cookie with the longer path first and, among equals, the
    older one (RFC 6265bis section 5.8.3), so a cookie planted later from a sibling domain does not take the place of one that is
    there. Against a planted longer path only a `__Host-` name helps. For the same reason a cookie without a name is dropped: read
    as a name, the value `__Host-session=x` of such a cookie would pass for one that only this host can set. Nothing but SP and HTAB is
    trimmed, so no other kind of white space can hide a prefix.

    Args:
        header_values: The value of each `Cookie` field (HTTP/2 may split it, RFC 9113 section 8.2.3), or of the only one.
    """
    cookies: dict[str, str] = {}
    for header in (header_values,) if isinstance(header_values, str) else header_values:
        for crumb in header.split(";"):
            name, equals, value = crumb.partition("=")
            name = name.strip(" \t")
            if equals and name and name not in cookies:
                value = value.strip(" \t")
                enclosed = len(value) > 1 and value[0] == value[-1] == '"'
                cookies[name] = value[1:-1] if enclosed else value
    return cookies


def format_set_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    expires: datetime | float | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = True,
    http_only: bool = True,
    same_site: SameSite | None = "lax",
    partitioned: bool = False,
) -> str:
    """The value of a `Set-Cookie` field. To delete a cookie send an empty value, `max_age=0` and the path and domain it was set with.

    Args:
        name: A token. With the prefix `__Secure-` the cookie must be `secure`; with `__Host-` also have the path `/` and no domain.
        value: Cookie octets only: ASCII without controls, space, `"`, `,`, `;` and backslash. Encode anything else first.
        max_age: Seconds to live; 0 deletes.
        expires: An aware datetime or a POSIX timestamp. Prefer `max_age`, which does not depend on the client's clock.
        path: `None` leaves it to the browser: the directory of the request path.
        domain: `None` keeps the cookie to this host; a domain shares it with all hosts below.
        same_site: `None` leaves the attribute out. `"none"` needs `secure`.
        partitioned: Keyed by the top-level site (CHIPS); needs `secure`.

    Raises:
        ValueError: a part is not allowed, or the parts contradict each other so that a browser would drop the cookie.
    """
    _check_pair(name, value)
    _check_prefix(name, secure=secure, path=path, domain=domain)
    parts = [name + "=" + value]  # put together, for an f-string writes members of an enumeration by their names
    if expires is not None:
        parts.append(f"Expires={format_http_date(expires)}")
    if max_age is not None:
        parts.append(f"Max-Age={_checked_age(name, max_age)}")
    if domain is not None:
        parts.append(f"Domain={_checked_domain(name, domain)}")
    if path is not None:
        parts.append(f"Path={_checked_path(name, path)}")
    if secure:
        parts.append("Secure")
    elif same_site == "none" or partitioned:
        raise ValueError(f"cookie {name!r}: {'partitioned' if partitioned else 'SameSite=None'} needs secure")
    if http_only:
        parts.append("HttpOnly")
    if same_site is not None:
        parts.append(f"SameSite={_checked_same_site(name, same_site)}")
    if partitioned:
        parts.append("Partitioned")
    return "; ".join(parts)


def _check_pair(name: str, value: str) -> None:
    if not is_token(name):
        raise ValueError(f"{name[:100]!r} cannot name a cookie: it is not a token (RFC 9110 section 5.6.2)")
    if not _COOKIE_OCTETS.fullmatch(value):
        raise ValueError(f"cookie {name!r}: the value has a character that a cookie cannot carry; encode it, for example as base64url")
    if len(name) + len(value) > _MAX_PAIR_BYTES:
        raise ValueError(f"cookie {name!r}: name and value exceed {_MAX_PAIR_BYTES} bytes, so browsers would drop it")


def _check_prefix(name: str, *, secure: bool, path: str | None, domain: str | None) -> None:
    """Prefixes count in any case (RFC 6265bis section 4.1.3)."""
    prefix = name[:9].lower()
    if prefix == "__secure-" and not secure:
        raise ValueError(f"cookie {name!r}: the prefix __Secure- needs secure")
    if prefix.startswith("__host-") and not (secure and path == "/" and domain is None):
        raise ValueError(f"cookie {name!r}: the prefix __Host- needs secure, the path '/' and no domain")


def _checked_age(name: str, max_age: int) -> int:
    if max_age < 0:
        raise ValueError(f"cookie {name!r}: max_age is {max_age}; 0 deletes a cookie")
    return int(max_age)


def _checked_domain(name: str, domain: str) -> str:
    if len(domain) > 255 or not _DOMAIN.fullmatch(domain):
        raise ValueError(f"cookie {name!r}: {domain[:100]!r} is not a domain; write an international name in its xn-- form")
    return domain


def _checked_path(name: str, path: str) -> str:
    if not path.startswith("/") or len(path) > _MAX_ATTRIBUTE_BYTES or not _PATH.fullmatch(path):
        raise ValueError(f"cookie {name!r}: the path {path[:100]!r} must start with '/' and have only visible ASCII except ';'")
    return path


def _checked_same_site(name: str, same_site: str) -> str:
    written = _SAME_SITE.get(same_site)
    if written is None:
        raise ValueError(f"cookie {name!r}: same_site is 'strict', 'lax' or 'none', not {same_site!r}")
    return written
