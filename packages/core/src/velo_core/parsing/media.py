"""Media types (RFC 9110 section 8.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from velo_core.headers import is_token
from velo_core.parsing.grammar import OWS, read_parameters

__all__ = ["MediaType", "parse_media_type"]

_MAX_LENGTH: Final = 1024
"""Arbitrary, and generous: names have at most 127 characters each (RFC 6838 section 4.2), a boundary at most 70 (RFC 2046)."""


class MediaType(Struct, frozen=True):
    """One media type.

    Attributes:
        type: In lower case, such as `"text"`.
        subtype: In lower case, such as `"html"`.
        parameters: Names in lower case, values as sent, unquoted. Read-only.
    """

    type: str
    subtype: str
    parameters: Mapping[str, str]

    @property
    def essence(self) -> str:
        """Type and subtype without parameters, such as `"text/html"`."""
        return f"{self.type}/{self.subtype}"

    @property
    def charset(self) -> str | None:
        """The `charset` parameter in lower case."""
        charset = self.parameters.get("charset")
        return None if charset is None else charset.lower()

    @property
    def matches_json(self) -> bool:
        """Whether the content is JSON: `application/json`, or any type with the suffix `+json` (RFC 6839 section 3.1)."""
        return self.subtype.endswith("+json") or (self.subtype == "json" and self.type == "application")


def parse_media_type(text: str) -> MediaType | None:
    """The media type that `text` names, or `None` if it names none. Never raises.

    As strict as the grammar, parameters too: a body whose type two readers could read differently is refused, not guessed at.
    More than 1024 characters are no media type.
    """
    return _parse(text) if len(text) <= _MAX_LENGTH else None


@lru_cache(maxsize=128)
def _parse(text: str) -> MediaType | None:
    """Cached, since clients of one application send the same few; at worst 128 texts of 1024 characters are held."""
    essence, _, _ = text.partition(";")
    kind, slash, subtype = essence.strip(OWS).partition("/")
    if not (slash and is_token(kind) and is_token(subtype)):
        return None
    parameters = read_parameters(text, len(essence))
    return None if parameters is None else MediaType(kind.lower(), subtype.lower(), MappingProxyType(parameters))
