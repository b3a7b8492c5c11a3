"""Query strings and urlencoded forms: application/x-www-form-urlencoded as the WHATWG URL Standard reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar, overload

from velo_core.errors import HTTPError
from velo_core.parsing.percent import percent_decode

__all__ = ["MAX_PAIRS", "QueryParams", "last_values", "parse_query"]

Default = TypeVar("Default")

MAX_PAIRS: Final = 1000
"""What Django and PHP allow, too: beyond any form made by a person, and cheap to read."""


class QueryParams(Mapping[str, str]):
    """The parameters of a query, as `parse_query` makes them; immutable.

    As a mapping it gives the *last* value of each name; `get_all` gives every one.
    """

    # Without duplicates the dictionary says it all, and `_pairs` is None: that is nearly every query.
    __slots__ = ("_last", "_pairs")

    _last: dict[str, str]
    _pairs: tuple[tuple[str, str], ...] | None

    @overload
    def get(self, key: str, /) -> str | None: ...

    @overload
    def get(self, key: str, /, default: str | Default) -> str | Default: ...

    def get(self, key: str, /, default: object = None) -> object:
        """The last value of `key`, or `default`."""
        return self._last.get(key, default)

    def get_all(self, name: str) -> list[str]:
        """Every value of `name` in order; empty if there is none."""
        if self._pairs is None:
            return [self._last[name]] if name in self._last else []
        return [value for key, value in self._pairs if key == name]

    def multi_items(self) -> tuple[tuple[str, str], ...]:
        """All pairs in order, duplicates included."""
        return tuple(self._last.items()) if self._pairs is None else self._pairs

    def __getitem__(self, name: str) -> str:
        """The last value of `name`; KeyError if there is none."""
        return self._last[name]

    def __contains__(self, name: object) -> bool:
        return name in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        """How many different names there are."""
        return len(self._last)

    def __eq__(self, other: object) -> bool:
        """Whether both have the same pairs in the same order."""
        return self.multi_items() == other.multi_items() if isinstance(other, QueryParams) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.multi_items())

    def __repr__(self) -> str:
        return f"QueryParams({list(self.multi_items())!r})"


def parse_query(text: str, *, max_pairs: int = MAX_PAIRS) -> QueryParams:
    """The parameters in `text`, which has no leading `?`.

    Only `&` separates (`;` is data), `+` is a space, blank values are kept, empty pairs skipped. Percent-encoded bytes are read as
    UTF-8 with U+FFFD for what is not UTF-8; a broken escape is left as it stands.

    Args:
        text: As in the request target. Characters outside ASCII stand for themselves: an adapter that has bytes decodes them as UTF-8
            with `surrogateescape`.
        max_pairs: The most pairs that are read, empty ones included.

    Raises:
        HTTPError: 400, there are more pairs.
    """
    if not text:
        return _EMPTY
    parts = text.split("&", max_pairs)
    if len(parts) > max_pairs:
        raise HTTPError(400, f"More than {max_pairs} parameters were sent.")
    if "%" in text or "+" in text or not text.isascii():
        return _decode_all(parts)
    values: dict[str, str] = {}
    for part in parts:
        name, _, values[name] = part.partition("=")
    # An empty pair or name shows as the name "", a duplicate as a missing entry: both are rare enough to start again.
    if len(values) == len(parts) and "" not in values:
        return _made(values, None)
    return _decode_all(parts)


def last_values(text: str) -> Mapping[str, str]:
    """The last value of each name: what `parse_query` gives as a mapping, for those who need nothing else of it.

    Raises:
        HTTPError: as `parse_query`.
    """
    if "%" in text or "+" in text or not text.isascii():
        return parse_query(text)
    parts = text.split("&", MAX_PAIRS)
    values: dict[str, str] = {}
    for part in parts:
        name, _, values[name] = part.partition("=")
    return parse_query(text) if "" in values or len(parts) > MAX_PAIRS else values


def _made(values: dict[str, str], pairs: tuple[tuple[str, str], ...] | None) -> QueryParams:
    """Without a constructor of their own, these objects cost half as much."""
    query = QueryParams()
    query._last, query._pairs = values, pairs  # pyright: ignore[reportPrivateUsage]: made here and nowhere else
    return query


_EMPTY: Final = _made({}, None)


def _decode_all(parts: list[str]) -> QueryParams:
    pairs = tuple(_decoded(parts))
    return _made(dict(pairs), pairs)


def _decoded(parts: list[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        if part:
            name, _, value = part.partition("=")
            yield _decode(name), _decode(value)


def _decode(text: str) -> str:
    text = text.replace("+", " ")
    return percent_decode(text).decode("utf-8", "replace") if "%" in text or not text.isascii() else text
