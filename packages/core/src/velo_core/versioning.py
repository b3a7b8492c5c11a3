"""Versions of an API: where requests name them, and what clients are told of those that will go.

By path, a version is part of the pattern, and nothing is left to do when a request comes. By header or media type there is one table for
each version, and the request says which (`selection`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Final, Literal

from msgspec import Struct, field

from velo_core.errors import HTTPError, SetupError
from velo_core.headers import is_token
from velo_core.parsing.accept import parse_accept
from velo_core.parsing.dates import format_http_date
from velo_core.plan import CallNext, Middleware
from velo_core.request import Request
from velo_core.response import Response

__all__ = ["Deprecation", "Versioning", "announcing", "varying", "versions_of"]

_PLACE: Final = "{version}"
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?").fullmatch
_LINK = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+").fullmatch


class Deprecation(Struct, frozen=True):
    """That something should not be used any more, and when it will go. Every response of it says so.

    Attributes:
        since: From when on, which may lie ahead (`Deprecation`, RFC 9745). A date begins at midnight UTC.
        sunset: When it is going to stop to work (`Sunset`, RFC 8594); not before `since`. Nothing happens by itself then.
        link: URL of a text about it (relation `deprecation`).
        successor: URL of what takes its place (relation `successor-version`, RFC 5829).

    Raises:
        SetupError: a moment has no time zone, the sunset comes before the deprecation, or a link is no URL.
    """

    since: datetime | date
    sunset: datetime | date | None = None
    link: str | None = None
    successor: str | None = None

    def __post_init__(self) -> None:
        if self.sunset is not None and _moment(self.sunset) < _moment(self.since):
            raise SetupError("VELO_DEPRECATION", f"the sunset {self.sunset} comes before the deprecation {self.since} (RFC 9745 section 4)")
        for link in (self.link, self.successor):
            if link is not None and not _LINK(link):
                raise SetupError("VELO_DEPRECATION", f"{link!r} is no URL for a link; percent-encode what cannot stand in one")
        _moment(self.since)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The fields that say so."""
        fields = [("deprecation", f"@{int(_moment(self.since).timestamp())}")]
        if self.sunset is not None:
            fields.append(("sunset", format_http_date(_moment(self.sunset))))
        links = (("deprecation", self.link), ("successor-version", self.successor))
        return fields + [("link", f'<{link}>; rel="{relation}"') for relation, link in links if link is not None]


def _moment(value: datetime | date) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time.min, UTC)
    if value.tzinfo is None:
        raise SetupError("VELO_DEPRECATION", f"{value!r} has no time zone; write datetime(..., tzinfo=UTC), or a date")
    return value.astimezone(UTC)


class Versioning(Struct, frozen=True):
    """Where requests name the version that they want. For `Velo(versioning=...)`; made by `path`, `header` and `media_type`.

    Attributes:
        by: Which of the three it is.
        where: Prefix, name of the header, or media type, with `{version}` in the place of the version; or the name of a parameter.
        default: The version for requests that name none.
        deprecated: Versions that should not be used any more.
    """

    by: Literal["path", "header", "media type"]
    where: str
    default: str | None = None
    deprecated: Mapping[str, Deprecation] = field(default_factory=dict[str, Deprecation])

    @classmethod
    def path(cls, prefix: str = "/v{version}", *, deprecated: Mapping[str, Deprecation] | None = None) -> Versioning:
        """Versions are the beginning of the path: `/v1/users`.

        Args:
            prefix: With `{version}` in the place of the version.
            deprecated: Versions that should not be used any more.

        Raises:
            SetupError: the prefix has no place for a version.
        """
        if prefix.count(_PLACE) != 1 or not prefix.startswith("/"):
            message = f"the prefix {prefix!r} is to begin with a slash and have {_PLACE} once, as in '/v{_PLACE}'"
            raise SetupError("VELO_VERSIONING", message)
        return cls("path", prefix, None, dict(deprecated or {}))

    @classmethod
    def header(
        cls, name: str = "api-version", *, default: str | None = None, deprecated: Mapping[str, Deprecation] | None = None
    ) -> Versioning:
        """Versions are the value of a header: `Api-Version: 1`.

        Args:
            name: Of the header.
            default: The version for requests without it; `None` for 400.
            deprecated: Versions that should not be used any more.

        Raises:
            SetupError: this is no name of a header.
        """
        if not is_token(name):
            raise SetupError("VELO_VERSIONING", f"{name!r} is no name of a header; write one such as 'api-version'")
        return cls("header", name.lower(), default, dict(deprecated or {}))

    @classmethod
    def media_type(
        cls, where: str = "version", *, default: str | None = None, deprecated: Mapping[str, Deprecation] | None = None
    ) -> Versioning:
        """Versions are part of what the client accepts: `Accept: application/json; version=1`.

        Args:
            where: Name of the parameter; or a media type with `{version}` in the place of the version, such as
                `"application/vnd.example.v{version}+json"`.
            default: The version for requests that accept anything; `None` for 406.
            deprecated: Versions that should not be used any more.

        Raises:
            SetupError: this is neither.
        """
        if not is_token(where.replace(_PLACE, "1").replace("/", "", 1)) or (("/" in where) != (_PLACE in where)) or where.count(_PLACE) > 1:
            example = f"'application/vnd.example.v{_PLACE}+json'"
            message = f"{where!r} is neither the name of a parameter nor a media type with {_PLACE} in it, such as {example}"
            raise SetupError("VELO_VERSIONING", message)
        return cls("media type", where.lower(), default, dict(deprecated or {}))

    @property
    def request_field(self) -> str:
        """The field of the request that decides, for `Vary`."""
        return {"path": "", "header": self.where, "media type": "accept"}[self.by]

    @property
    def refusal_status(self) -> int:
        """What answers a request that asks for no version, or for one that there is not."""
        return 406 if self.by == "media type" else 400

    def prefix(self, version: str) -> str:
        """The prefix of a version."""
        return self.where.replace(_PLACE, version)

    def read(self, find_all: Callable[[str], Sequence[str]], known: Iterable[str]) -> str | None:
        """The version that a request asks for; `None` if it asks for none.

        Args:
            find_all: All values of a header field.
            known: The versions that there are; of several that a client accepts, the one that it likes best of these.
        """
        values = find_all(self.request_field)
        if self.by == "header":
            return ",".join(values).strip() if values else None
        items = sorted(parse_accept(values), key=lambda item: -item.quality)
        named = [self._of(item.range.essence, item.range.parameters) for item in items if item.quality]
        asked = [version for version in named if version]
        return next((version for version in asked if version in known), asked[0] if asked else None)

    def _of(self, essence: str, parameters: Mapping[str, str]) -> str | None:
        if "/" not in self.where:
            return parameters.get(self.where)
        before, _, after = self.where.partition(_PLACE)
        fits = essence.startswith(before) and essence.endswith(after) and len(essence) > len(before) + len(after)
        return essence[len(before) : len(essence) - len(after)] if fits else None

    def without_versions(self, values: Sequence[str]) -> list[str]:
        """An `Accept` field as if no version were in it, for the choice between forms of one version."""
        ranges: list[str] = []
        for item in parse_accept(values):
            essence, parameters = item.range.essence, dict(item.range.parameters)
            if "/" not in self.where:
                parameters.pop(self.where, None)
            elif self._of(essence, parameters) and "+" in essence:
                essence = f"{item.range.type}/{essence.rpartition('+')[2]}"  # RFC 6838 section 4.2.8
            listed = "".join(f';{name}="{value}"' for name, value in parameters.items() if '"' not in value and "\\" not in value)
            ranges.append(f"{essence}{listed};q={item.quality:.3f}")
        return ranges

    def refusal(self, known: Sequence[str]) -> Callable[[Request], HTTPError]:
        """What answers a request whose path exists, but not in the version that it asks for, or not without a version."""
        place = {"header": f"the header {self.where}", "media type": f"Accept ({self.where})"}.get(self.by, "")

        def refuse(request: Request) -> HTTPError:
            asked = request.parts[2][0]
            detail = f"Name a version in {place}." if asked is None else f"There is no such version of this; {place} names it."
            return HTTPError(self.refusal_status, detail, extensions={"versions": list(known)})

        return refuse


def versions_of(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """The versions that an option names.

    Raises:
        SetupError: one of them is none.
    """
    versions = () if value is None else tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
    for version in versions:
        if not isinstance(version, str) or not _VERSION(version):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            message = f"{version!r} is no version; write letters, digits, and between them dots, hyphens and underscores: version='1'"
            raise SetupError("VELO_VERSION", message)
    return tuple(dict.fromkeys(versions))


def varying(field: str) -> Middleware:
    """Tells caches that the response depends on a field of the request (RFC 9110 section 12.5.5)."""

    async def vary(request: Request, call_next: CallNext) -> Response:
        request.response_headers.add("vary", field)
        return await call_next(request)

    return vary


def announcing(deprecation: Deprecation) -> Middleware:
    """Tells clients of a deprecation."""
    headers = deprecation.headers

    async def announce(request: Request, call_next: CallNext) -> Response:
        for name, value in headers:
            request.response_headers.add(name, value)
        return await call_next(request)

    return announce
