"""Content negotiation by media type (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from velo_core.later import later
from velo_core.parsing.grammar import split_list
from velo_core.parsing.media import MediaType, parse_media_type

__all__ = ["AcceptItem", "best_match", "parse_accept"]

_MAX_ITEMS: Final = 100
"""Browsers send fewer than ten. Each is compared with every offer, so what comes after is not read."""

_LONGEST_CACHED: Final = 1024
"""Clients of one application send the same few fields. At worst 128 of this many characters are held."""

_QUALITY = later(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class AcceptItem(Struct, frozen=True):
    """One media range and how much it is wanted.

    Attributes:
        range: Type and subtype may be `"*"`; parameters without `q`.
        quality: 0 (not acceptable) to 1.
    """

    range: MediaType
    quality: float

    @property
    def specificity(self) -> int:
        """Orders the ranges that match one offer: `*/*` is 0, `text/*` 1, `text/html` 2, and one more for each parameter."""
        return (self.range.type != "*") + (self.range.subtype != "*") + len(self.range.parameters)

    def matches(self, offer: MediaType) -> bool:
        """Whether `offer` lies in the range. It must have each parameter of the range; without `charset` it counts as UTF-8."""
        wanted = self.range
        if wanted.type not in ("*", offer.type) or wanted.subtype not in ("*", offer.subtype):
            return False
        return all(_parameter(offer, name) == value.lower() for name, value in wanted.parameters.items())


def _parameter(offer: MediaType, name: str) -> str | None:
    value = offer.parameters.get(name, "utf-8" if name == "charset" else None)
    return None if value is None else value.lower()


def parse_accept(values: str | Iterable[str]) -> tuple[AcceptItem, ...]:
    """The media ranges of an `Accept` field in the order sent. Never raises: malformed ones are left out, as are those after the 100th.

    Args:
        values: The value of the field, or of each `Accept` field.
    """
    text = values if isinstance(values, str) else ",".join(values)
    return _parse_short(text) if len(text) <= _LONGEST_CACHED else _parse(text)


def _parse(text: str) -> tuple[AcceptItem, ...]:
    return tuple(item for member in islice(split_list(text), _MAX_ITEMS) if (item := _item(member)) is not None)


_parse_short = lru_cache(maxsize=128)(_parse)


def _item(member: str) -> AcceptItem | None:
    media = parse_media_type(member)
    if media is None or (media.type == "*" and media.subtype != "*"):
        return None
    parameters = dict(media.parameters)
    quality = parameters.pop("q", "1")
    if not _QUALITY.fullmatch(quality):
        return None
    return AcceptItem(MediaType(media.type, media.subtype, MappingProxyType(parameters)), float(quality))


def best_match(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer that the client likes best; `None` if it accepts none of them (406, or answer with what there is).

    For each offer the most specific range that matches decides, and `q=0` excludes. Of equally liked offers the first one wins.

    Args:
        accept: The value of the `Accept` field. Missing, empty or without one well-formed range, it accepts everything.
        offers: Media types that can be sent, the server's favourite first.

    Raises:
        ValueError: an offer is not a media type.
    """
    parsed = [_checked_offer(offer) for offer in offers]
    items = () if accept is None else parse_accept(accept)
    if not items:
        return offers[0] if offers else None
    qualities = [_quality_of(offer, items) for offer in parsed]
    best = max(qualities, default=0.0)
    return offers[qualities.index(best)] if best > 0 else None


def _quality_of(offer: MediaType, items: tuple[AcceptItem, ...]) -> float:
    deciding = max((item for item in items if item.matches(offer)), key=lambda item: item.specificity, default=None)
    return 0.0 if deciding is None else deciding.quality


def _checked_offer(offer: str) -> MediaType:
    media = parse_media_type(offer)
    if media is None:
        raise ValueError(f"{offer[:100]!r} is not a media type that can be offered")
    return media
