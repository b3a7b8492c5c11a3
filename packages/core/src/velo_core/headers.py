"""Header fields: an immutable multi-map for what was received, and a mutable, checked one for what will be sent.

Nothing that could split a response gets in: every public way in (constructors, `set`, `add`, `update`, `vary`, `[name] = value`)
goes through `check_header`. The one way around it is `_trusted`, named so that each use stands out in a review.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Self, TypeAlias, TypeVar, cast, overload

from velo_core.later import later

__all__ = ["HeaderSource", "Headers", "MutableHeaders", "check_header", "is_token"]

Default = TypeVar("Default")

# One character class and nothing after it: these cannot backtrack.
_TOKEN = later(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = later(r"[^\t\x20-\x7e\x80-\xff]")

_MAX_KNOWN_NAMES = 1024
_MAX_KNOWN_LENGTH = 64
_known_names: dict[str, str] = {}
"""Names that passed the check, each with its lower-case form: a look-up costs a quarter of the check. An application sends few different
names; for one that passes on names it was sent, the bounds keep this below 200 kB."""

_MASKED_NAMES = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})

_LOOKUPS_BEFORE_INDEX = 2
"""Most requests ask for one or two headers; scanning the pairs is then cheaper than building a dictionary of them."""


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 9110 section 5.6.2): one or more of the ASCII letters, digits and ``!#$%&'*+-.^_`|~``."""
    return _TOKEN.fullmatch(text) is not None


def check_header(name: str, value: str) -> tuple[str, str]:
    """The pair as it may be sent: the name in lower case, the value without the white space around it.

    White space around a value is removed, not refused: it is not part of the value (RFC 9110 section 5.5), the recipient would
    remove it over HTTP/1.1, and HTTP/2 forbids sending it (RFC 9113 section 8.2.1). Nothing but SP and HTAB is removed.

    Raises:
        ValueError: the name is not a token, or the value has a control character (CR, LF and NUL among them) or one outside
            latin-1. The message names the header and the character, never the value.
        TypeError: the name or the value is not a `str`.
    """
    checked_name = _known_names.get(name) or _check_name(name)
    try:
        value = value.strip(" \t")
    except (AttributeError, TypeError):
        raise TypeError(f"the value of header {checked_name!r} is {type(value).__name__}, not str") from None
    # Printable ASCII is what nearly every value is, and str answers that without a match object.
    if value.isascii() and value.isprintable():
        return checked_name, value
    forbidden = _FORBIDDEN.search(value)
    if forbidden is None:
        return checked_name, value
    character = ord(forbidden.group())
    reason = "control characters may not be sent" if character < 0x100 else "only latin-1 may be sent; encode it (RFC 8187)"
    raise ValueError(f"the value of header {checked_name!r} has U+{character:04X} at index {forbidden.start()}: {reason}")


def _check_name(name: str) -> str:
    try:
        sound = _TOKEN.fullmatch(name)
    except TypeError:
        raise TypeError(f"a header name is {type(name).__name__}, not str") from None
    if sound:
        lower = name.lower()
        if len(name) <= _MAX_KNOWN_LENGTH and len(_known_names) < _MAX_KNOWN_NAMES:
            _known_names[name] = lower
        return lower
    raise ValueError(f"{name[:100]!r} is not a header name: only letters, digits and !#$%&'*+-.^_`|~ may be in it, and at least one")


_new = object.__new__


class Headers:  # noqa: PLW1641 - not hashable, since a subclass is mutable
    """Immutable header fields: names in lower case, in the order received, duplicates kept.

    Look-ups ignore the case of the name. Iteration yields each name once; `len` counts the fields.

    Args:
        source: Pairs, a mapping, or other headers. All are checked by `check_header`.

    Raises:
        ValueError: a pair may not be sent.
        TypeError: a name or value is not a `str`.
    """

    __slots__ = ("_first", "_lookups", "_pairs")

    def __init__(self, source: HeaderSource = ()) -> None:
        self._pairs = [check_header(name, value) for name, value in _pairs_of(source)]
        self._first: dict[str, str] | None = None
        self._lookups = 0

    @classmethod
    def _trusted(cls, pairs: list[tuple[str, str]]) -> Self:
        """Headers of pairs that are known to be sound, unchecked: constants of the program, or what a server has parsed.

        Args:
            pairs: Names in lower case. Kept, not copied: nobody may change the list afterwards.
        """
        headers = _new(cls)
        headers._pairs = pairs
        headers._first = None
        headers._lookups = 0
        return headers

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: Default) -> str | Default: ...

    def get(self, name: str, default: object = None) -> object:
        """The first value of `name`, or `default`."""
        name = name.lower()
        first = self._first
        if first is None:
            if self._lookups < _LOOKUPS_BEFORE_INDEX:
                self._lookups += 1
                for key, value in self._pairs:
                    if key == name:
                        return value
                return default
            first = self._first = dict(reversed(self._pairs))  # reversed: the first of several fields is the one that stays
        return first.get(name, default)

    def get_all(self, name: str) -> list[str]:
        """Every value of `name` in order; empty if there is none."""
        name = name.lower()
        return [value for key, value in self._pairs if key == name]

    def items(self) -> tuple[tuple[str, str], ...]:
        """All fields in order, duplicates included."""
        return tuple(self._pairs)

    def keys(self) -> tuple[str, ...]:
        """The names, each once, in order of first appearance."""
        return tuple(dict.fromkeys(name for name, _ in self._pairs))

    def __getitem__(self, name: str) -> str:
        """The first value of `name`; KeyError if there is none."""
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        """Whether both have the same fields in the same order."""
        return self._pairs == other._pairs if isinstance(other, Headers) else NotImplemented

    def __repr__(self) -> str:
        shown = [(name, "***" if name in _MASKED_NAMES else value) for name, value in self._pairs]
        return f"{type(self).__name__}({shown!r})"


HeaderSource: TypeAlias = Headers | Mapping[str, str] | Iterable[tuple[str, str]]
"""What headers can be made of."""


def _pairs_of(source: HeaderSource) -> Iterable[tuple[str, str]]:
    kind = type(source)  # first, for asking whether something is a mapping costs more than the rest
    if kind is list or kind is tuple:
        return cast("Iterable[tuple[str, str]]", source)
    if kind is dict:
        return cast("dict[str, str]", source).items()
    if isinstance(source, Headers):
        return source.items()
    return cast("Mapping[str, str]", source).items() if isinstance(source, Mapping) else source


class MutableHeaders(Headers):
    """Header fields of a response or request to be sent; every pair that enters is checked by `check_header`.

    All methods that take a value raise what `check_header` raises, and then leave the headers as they were.
    """

    __slots__ = ()

    @classmethod
    def _trusted(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """As in `Headers`, but of a copy: `pairs` may be a constant that many responses start from."""
        headers = _new(cls)  # not by way of `super()`, which is as much again: each response that middleware touches passes
        headers._pairs = [*pairs]
        headers._first = None
        headers._lookups = 0
        return headers

    def _forget_index(self) -> None:
        self._first = None
        self._lookups = 0

    def add(self, name: str, value: str) -> None:
        """Appends a field, beside those of the same name."""
        self._pairs.append(check_header(name, value))
        self._forget_index()

    def set(self, name: str, value: str) -> None:
        """Puts one field in the place of all of that name."""
        pair = key, _ = check_header(name, value)
        self._pairs = [one for one in self._pairs if one[0] != key]
        self._pairs.append(pair)
        self._first = None  # as `_forget_index` does it, without its frame: most middleware that touches a response sets one field
        self._lookups = 0

    def setdefault(self, name: str, value: str) -> str:
        """The first value of `name`; `value`, once it is added, if there was none."""
        pair = check_header(name, value)
        present = self.get(pair[0])
        if present is not None:
            return present
        self._pairs.append(pair)
        self._forget_index()
        return pair[1]

    def update(self, source: HeaderSource) -> None:
        """Puts the fields of `source` in the place of those of the same names; duplicates within `source` are kept."""
        pairs = [check_header(name, value) for name, value in _pairs_of(source)]
        self._drop({name for name, _ in pairs})
        self._pairs.extend(pairs)

    def remove(self, name: str) -> None:
        """Drops every field of `name`; nothing happens if there is none."""
        self._drop({name.lower()})

    def vary(self, *names: str) -> None:
        """Adds header names to `Vary` without repeating any; `*` takes the place of all (RFC 9110 section 12.5.5).

        Raises:
            ValueError: a name is not a token.
        """
        for name in names:
            if not is_token(name):
                raise ValueError(f"{name[:100]!r} cannot be in Vary: it is not a header name")
        listed = [member.strip(" \t") for line in self.get_all("vary") for member in line.split(",")]
        merged: dict[str, str] = {}
        for name in (*listed, *names):
            if name:
                merged.setdefault(name.lower(), name)
        if merged:
            self.set("vary", "*" if "*" in merged else ", ".join(merged.values()))

    def _drop(self, names: AbstractSet[str]) -> None:
        self._pairs = [pair for pair in self._pairs if pair[0] not in names]
        self._forget_index()

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        """Drops every field of `name`; KeyError if there is none."""
        if name not in self:
            raise KeyError(name)
        self.remove(name)
