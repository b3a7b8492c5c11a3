"""Entity tags and the lists of them in `If-Match` and `If-None-Match` (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2)."""

from __future__ import annotations

from msgspec import Struct

from velo_core.later import later
from velo_core.parsing.grammar import OWS, skip_white_space

__all__ = ["Etags", "format_etag", "parse_etags"]

# The possessive quantifier (*+) gives nothing back: no backtracking.
_TAG = later(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*+)"')
_OPAQUE = later(r"[\x21\x23-\x7e\x80-\xff]*")


class Etags(Struct, frozen=True):
    """What a precondition asks for.

    Attributes:
        any: It was `*`: whatever there is matches. Ask only if there is a current representation.
        strong: Opaque tags, without quotes, of the strong validators.
        weak: Those of the weak ones (`W/"..."`).
    """

    any: bool = False
    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()

    def matches_strong(self, etag: str) -> bool:
        """Strong comparison, for `If-Match`: both are strong and the same.

        Args:
            etag: The current one, as it stands in the `ETag` field.
        """
        if self.any:
            return True
        tag = _TAG.match(etag)
        return tag is not None and tag.end() == len(etag) and tag[1] is None and tag[2] in self.strong

    def matches_weak(self, etag: str) -> bool:
        """Weak comparison, for `If-None-Match`: the same, whether weak or not.

        Args:
            etag: The current one, as it stands in the `ETag` field.
        """
        if self.any:
            return True
        tag = _TAG.match(etag)
        return tag is not None and tag.end() == len(etag) and (tag[2] in self.strong or tag[2] in self.weak)


def parse_etags(value: str) -> Etags:
    """The entity tags in `value`, the value of `If-Match` or `If-None-Match` (of several fields, joined with a comma). Never raises.

    A malformed value matches nothing, which is the safe side of both fields: the full response is sent, or nothing is overwritten.
    """
    if value.strip(OWS) == "*":
        return Etags(any=True)
    tags: dict[bool, set[str]] = {True: set(), False: set()}
    position = _skip_commas(value, 0)
    while position < len(value):
        tag = _TAG.match(value, position)
        if tag is None:
            return Etags()
        tags[tag[1] is not None].add(tag[2])
        position = skip_white_space(value, tag.end())
        if position < len(value) and value[position] != ",":
            return Etags()
        position = _skip_commas(value, position)
    return Etags(strong=frozenset(tags[False]), weak=frozenset(tags[True]))


def format_etag(opaque: str, *, weak: bool = False) -> str:
    """An entity tag, such as `'"v1"'` or `'W/"v1"'`.

    Raises:
        ValueError: `opaque` has a quote, white space, a control character or one outside latin-1.
    """
    if not _OPAQUE.fullmatch(opaque):
        raise ValueError(f"{opaque[:100]!r} cannot be an entity tag: no quotes, white space or control characters, and only latin-1")
    return f'W/"{opaque}"' if weak else f'"{opaque}"'


def _skip_commas(value: str, position: int) -> int:
    """Empty members of a list are allowed (RFC 9110 section 5.6.1.2)."""
    position = skip_white_space(value, position)
    while value.startswith(",", position):
        position = skip_white_space(value, position + 1)
    return position
