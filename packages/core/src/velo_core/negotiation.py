"""Choosing the media type of a response before the handler runs (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from velo_core.errors import HTTPError
from velo_core.parsing.accept import best_match
from velo_core.response import ReadyHeaders

__all__ = ["Negotiate", "Offer", "negotiator"]


class Offer(Struct, frozen=True):
    """One form that a result can have.

    Attributes:
        media_type: As it is sent.
        headers: Of a response in this form.
        encode: Result to body.
    """

    media_type: str
    headers: ReadyHeaders
    encode: Callable[[object], bytes]


Negotiate = Callable[[Sequence[str]], Offer]
"""The values of `Accept` to an offer. Raises `HTTPError` 406."""


def negotiator(offers: Sequence[Offer]) -> Negotiate:
    """The choice between `offers`, the server's favourite first. Without an `Accept` the first one is chosen."""
    by_name = {offer.media_type: offer for offer in reversed(offers)}
    names = tuple(by_name)[::-1]
    listed = ", ".join(names)

    def negotiate(accept: Sequence[str]) -> Offer:
        found = best_match(", ".join(accept) if accept else None, names)
        if found is not None:
            return by_name[found]
        raise HTTPError(
            406,
            f"This is available as {listed}, and the request accepts none of them.",
            headers={"vary": "Accept"},
            extensions={"available": list(names)},
        )

    return negotiate
