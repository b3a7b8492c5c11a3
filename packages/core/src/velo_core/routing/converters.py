r"""Converters: from the text of one place in a path to a value, and back.

A converter says yes or no to a text; it never raises for one. Everything here is ASCII and canonical on purpose: `int()` alone would
also take `1_000`, ` 7 ` and `٤٢`, and take quadratic time for thousands of digits (CVE-2020-10735).

The second half judges regular expressions. Python's engine tries one way after the other, so an expression in which a text can be read in
very many ways hangs on the text that fits none of them. The expression is turned into its position automaton (Glushkov: one state for each
character class as it is written) and refused when the number of walks on which it can read one text grows with the text. That is so
exactly if one text leads from a state p back to p, from p to another state q, and from q back to q (Weber and Seidl, "On the degree of
ambiguity of finite automata", 1991): `\d+\d+`, and all the exponential cases such as `(a|aa)+`.

Where the translation is not exact it counts more ways than there are: a repeated group counts as repeated without end, and characters
that are not ASCII are all alike. A blunter rule, "no repeat inside a repeat", was refused: it forbids `[a-z]+(-[a-z]+)*`, the slug.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from itertools import chain, permutations, product
from math import isfinite
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, TypeVar, cast
from uuid import UUID

from velo_core.errors import SetupError

__all__ = [
    "CATCH_ALL",
    "CONVERTERS",
    "NO_MATCH",
    "STRING",
    "TYPED",
    "Converter",
    "FloatConverter",
    "IntConverter",
    "NoMatch",
    "PathConverter",
    "RegexConverter",
    "StrConverter",
    "UUIDConverter",
]

TYPED: Final = 50
"""The usual rank of a converter that takes only some texts; the built-in ones are below, so that none of them equals yours."""
STRING: Final = 100
"""The rank of `str`."""
CATCH_ALL: Final = 200
"""From this rank on a converter takes the whole rest of the path, with its slashes."""

_is_decimal: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch
_is_uuid: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch


class NoMatch:
    """The type of `NO_MATCH`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_MATCH"


NO_MATCH: Final = NoMatch()
"""What `Converter.parse` returns for a text that does not fit. `None` is a value like any other."""


class Converter(Protocol):
    """Reads and writes the values of one kind of parameter. Two that are equal (`==`) are the same converter."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def rank(self) -> int:
        """The lowest is tried first at one place. Two different converters of one rank at one place are reported as ambiguous."""
        ...

    @property
    def makes(self) -> type:
        """The type of the values. A handler that declares it gets the value without another conversion."""
        ...

    def parse(self, text: str, /) -> object:
        """The value of `text`, or `NO_MATCH`. Called for every path that gets this far, so its cost must have a bound.

        Args:
            text: Percent-decoded and never empty. One segment, in which a `/` came as `%2F`, or part of one; for a catch-all the rest
                of the path.
        """
        ...

    def format(self, value: object, /) -> str:
        """The text of `value`, not percent-encoded.

        Raises:
            TypeError, ValueError: the value has no text of this kind.
        """
        ...


@dataclass(frozen=True, slots=True)
class IntConverter:
    """`{id:int}`: ASCII digits, perhaps after a `-`; one spelling for one number, so no leading zeros and no `-0`."""

    name = "int"
    rank = 20
    makes = int

    def parse(self, text: str, /) -> object:
        """An `int` of at most 19 digits, which holds every signed 64-bit number."""
        # Measured against a compiled expression: 0.25 µs instead of 0.44 for a number, 0.15 instead of 0.25 for a word.
        if text.isdigit():
            digits = text
        elif text[:1] == "-" and text[1:].isdigit():
            digits = text[1:]
        else:
            return NO_MATCH
        fits = len(digits) <= 19 and text.isascii() and (digits[0] != "0" or text == "0")
        return int(text) if fits else NO_MATCH

    def format(self, value: object, /) -> str:
        """The number in digits; `TypeError` for anything but an `int`, `bool` included."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError("an int is needed")
        return format(value, "d")


@dataclass(frozen=True, slots=True)
class FloatConverter:
    """`{price:float}`: digits, perhaps with a `-` before and a fraction after a point; no exponent, no `inf`, no `nan`."""

    name = "float"
    rank = 30
    makes = float

    def parse(self, text: str, /) -> object:
        """A finite `float` of at most 32 characters."""
        return float(text) if len(text) <= 32 and _is_decimal(text) else NO_MATCH

    def format(self, value: object, /) -> str:
        """The shortest text that is read as the same number; `TypeError` for anything but an `int` or a `float`, `bool` included."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError("a float is needed")
        number = float(value)
        if not isfinite(number):
            raise ValueError("a finite number is needed")
        text = repr(number)
        return text if "e" not in text else _without_exponent(text)


@dataclass(frozen=True, slots=True)
class StrConverter:
    """`{name}`: one segment as it is. A `/` in the value came as `%2F` and is written as `%2F`."""

    name = "str"
    rank = STRING
    makes = str

    def parse(self, text: str, /) -> object:
        """The text itself, which must not be empty."""
        return text or NO_MATCH

    def format(self, value: object, /) -> str:
        """The text of a `str`, number, UUID or date, for parameters that the handler converts itself; `TypeError` for others.

        `None`, `bytes`, `bool` and containers have a `str()` too, but in a URL it is a mistake that nobody notices.
        """
        if isinstance(value, str):
            return str.__str__(value)  # not str(value): a member of `class Color(str, Enum)` is its value, not "Color.RED"
        if isinstance(value, bool) or not isinstance(value, (int, float, UUID, date)):
            raise TypeError("a str, number, UUID or date is needed")
        return str(value)


@dataclass(frozen=True, slots=True)
class PathConverter:
    """`{rest:path}`: the rest of the path, slashes included, exactly as sent (`a//b/` stays `a//b/`)."""

    name = "path"
    rank = CATCH_ALL
    makes = str

    def parse(self, text: str, /) -> object:
        """The text itself, which must not be empty nor begin with `/`: it would be an absolute path to whoever joins it to a folder."""
        return NO_MATCH if not text or text[0] == "/" else text

    def format(self, value: object, /) -> str:
        """The text; `TypeError` for anything but a `str`."""
        if not isinstance(value, str):
            raise TypeError("a str is needed")
        return str.__str__(value)


@dataclass(frozen=True, slots=True)
class UUIDConverter:
    """`{id:uuid}`: the 36 characters of RFC 9562 section 4, in either case; no braces, no `urn:`, no bare digits."""

    name = "uuid"
    rank = 10
    makes = UUID

    def parse(self, text: str, /) -> object:
        """A `UUID`."""
        return UUID(text) if _is_uuid(text) else NO_MATCH

    def format(self, value: object, /) -> str:
        """The UUID in lower case; `TypeError` for anything but a `UUID`."""
        if not isinstance(value, UUID):
            raise TypeError("a UUID is needed")
        return str(value)


CONVERTERS: Final[Mapping[str, Converter]] = MappingProxyType(
    {converter.name: converter for converter in (UUIDConverter(), IntConverter(), FloatConverter(), StrConverter(), PathConverter())}
)
"""The converters that every application knows, by the name that patterns use."""


@dataclass(frozen=True, slots=True)
class RegexConverter:
    """A parameter whose whole text matches a regular expression; the value is the text.

    Args:
        pattern: In the syntax of `re`, without backreferences and looking around.
        name: How messages call it.
        rank: See `Converter.rank`.
        max_length: Longer texts do not fit.

    Raises:
        SetupError: `VELO_ROUTE_REGEX`: the expression is malformed, or could take very long for some text.
    """

    pattern: str
    name: str = "regex"
    rank: int = TYPED
    max_length: int = 255
    makes = str
    _fits: Callable[[str], object] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            compiled = re.compile(self.pattern)
        except re.error as error:
            raise SetupError("VELO_ROUTE_REGEX", f"{self.pattern!r} is not a regular expression: {error}") from error
        reason = _danger(self.pattern)
        if reason is not None:
            raise SetupError("VELO_ROUTE_REGEX", f"the regular expression {self.pattern!r} {reason}")
        # fullmatch, because `$` also matches before a last line feed.
        object.__setattr__(self, "_fits", compiled.fullmatch)

    def parse(self, text: str, /) -> object:
        """The text itself if all of it matches."""
        return text if len(text) <= self.max_length and self._fits(text) else NO_MATCH

    def format(self, value: object, /) -> str:
        """The text; `TypeError` for anything but a `str`."""
        if not isinstance(value, str):
            raise TypeError("a str is needed")
        return str.__str__(value)


def _without_exponent(text: str) -> str:
    from decimal import Decimal  # seldom needed, and slow to import

    return format(Decimal(text), "f")


# The judge of regular expressions

_Node: TypeAlias = "tuple[object, object]"
"""What `re` parses into: an operation and its arguments, whose shape depends on the operation."""
_Nodes: TypeAlias = Sequence[_Node]

_OTHER: Final = 1 << 128
_ANY: Final = (_OTHER << 1) - 1
"""A set of characters is a number: one bit for each character of ASCII, and one for all others together."""
_CLASSES: Final[Mapping[str, Callable[[str], bool]]] = {
    "DIGIT": str.isdigit,
    "SPACE": str.isspace,
    "WORD": lambda character: character.isalnum() or character == "_",
}
_CHARACTERS: Final = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN"})
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})

_MAX_STATES: Final = 128
_MAX_CHOICES: Final = 8
"""States after which one character can lead to several others; each may double the work. Arbitrary; `jpg|jpeg|png` has one."""
_MAX_STEPS: Final = 100_000
"""Some tenths of a second of judging. Expressions in which no character leaves a choice need none of it."""
_TOO_MANY_WAYS: Final = (
    "can read one text in very many ways, which takes very long when none of them fits; make the parts tell each other apart"
)

_State = TypeVar("_State", bound=Hashable)


class _DangerError(Exception):
    """The reason, as the end of a sentence that begins with the expression."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of an expression: the states in which its texts can begin and end, and whether it has the empty text."""

    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    empty: bool = True


def _danger(pattern: str) -> str | None:
    """Why the expression could take very long, or `None`."""
    # The parser of `re` is private, but the other way is to write one; it is read here only, at start-up.
    parse = cast("Callable[[str], _Nodes]", import_module("re._parser").parse)
    automaton = _Automaton()
    try:
        whole = automaton.sequence(parse(pattern), bool(re.compile(pattern).flags & re.IGNORECASE))
        automaton.link((0,), whole.first)
        automaton.judge()
    except _DangerError as danger:
        return str(danger)
    return None


class _Automaton:
    """The position automaton of an expression; state 0 is the start."""

    def __init__(self) -> None:
        self._characters: list[int] = [0]
        self._follow: list[set[int]] = [set()]
        self._steps = 0

    def sequence(self, nodes: _Nodes, ignore_case: bool) -> _Piece:
        whole = _Piece()
        for operation, argument in nodes:
            whole = self._concatenate(whole, self._piece(str(operation), argument, ignore_case))
        return whole

    def link(self, last: Iterable[int], first: Iterable[int]) -> None:
        for source, target in product(last, first):
            if target in self._follow[source]:  # through an inner and an outer repeat: `(a+)+`
                raise _DangerError(_TOO_MANY_WAYS)
            self._follow[source].add(target)

    def _concatenate(self, left: _Piece, right: _Piece) -> _Piece:
        self.link(left.last, right.first)
        first = left.first + right.first if left.empty else left.first
        last = right.last + left.last if right.empty else right.last
        return _Piece(first, last, left.empty and right.empty)

    def _piece(self, operation: str, argument: object, ignore_case: bool) -> _Piece:
        if operation in _CHARACTERS:
            return self._state(_characters(operation, argument, ignore_case))
        if operation in _REPEATS:
            return self._repeat(*cast("tuple[int, int, _Nodes]", argument), ignore_case)
        if operation == "BRANCH":
            pieces = [self.sequence(nodes, ignore_case) for nodes in cast("tuple[None, list[_Nodes]]", argument)[1]]
            if sum(piece.empty for piece in pieces) > 1:  # `re` reads `c|c` as `c(|)`
                raise _DangerError(_TOO_MANY_WAYS)
            first, last = (tuple(chain.from_iterable(ends)) for ends in zip(*((piece.first, piece.last) for piece in pieces), strict=True))
            return _Piece(first, last, any(piece.empty for piece in pieces))
        if operation == "SUBPATTERN":
            _, added, removed, nodes = cast("tuple[int | None, int, int, _Nodes]", argument)
            return self.sequence(nodes, (ignore_case or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE)
        if operation == "ATOMIC_GROUP":
            return self.sequence(cast("_Nodes", argument), ignore_case)
        if operation == "AT":
            return _Piece()
        raise _DangerError(f"uses {operation}; a converter knows no backreferences, no conditions and no looking around")

    def _state(self, characters: int) -> _Piece:
        if len(self._follow) > _MAX_STATES:
            raise _DangerError(f"is too long: at most {_MAX_STATES} characters and classes, each counted as often as it must come")
        self._characters.append(characters)
        self._follow.append(set())
        state = len(self._follow) - 1
        return _Piece((state,), (state,), False)

    def _repeat(self, low: int, high: int, nodes: _Nodes, ignore_case: bool) -> _Piece:
        """`x{low,high}`; what must come and is a single class is written out, all the rest may come without end."""
        whole = _Piece()
        if len(nodes) == 1 and str(nodes[0][0]) in _CHARACTERS:
            for _ in range(low if high <= low + 1 else low - 1):
                whole, low, high = self._concatenate(whole, self.sequence(nodes, ignore_case)), low - 1, high - 1
        if high < 1:
            return whole
        body = self.sequence(nodes, ignore_case)
        if body.empty:  # the engine also tries which of the rounds was an empty one
            raise _DangerError(_TOO_MANY_WAYS)
        if high > 1:
            self.link(body.last, body.first)
        return self._concatenate(whole, _Piece(body.first, body.last, low < 1))

    def judge(self) -> None:
        """Raise if the number of walks that read one text is not bounded, or bounded too high."""
        states = range(len(self._follow))
        choices = [state for state in states if any(one != other for one, other in self._step((state, state)))]
        if not choices:
            return
        if len(choices) > _MAX_CHOICES:
            raise _DangerError(_TOO_MANY_WAYS)
        reach = [_reachable(state, self._follow.__getitem__) for state in states]
        loops = [state for state in states if state in reach[state]]
        for one, other in permutations(loops, 2):
            if other in reach[one] and (one, other, other) in self._reach((one, one, other)):
                raise _DangerError(_TOO_MANY_WAYS)

    def _reach(self, states: tuple[int, ...]) -> set[tuple[int, ...]]:
        return _reachable(states, self._step)

    def _step(self, states: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Where several walks can be after one more character, the same for all of them."""
        for following in product(*(self._follow[state] for state in states)):
            self._steps += 1
            if self._steps > _MAX_STEPS:
                raise _DangerError("is too involved to be judged; make it simpler")
            shared = _ANY
            for state in following:
                shared &= self._characters[state]
            if shared:
                yield following


def _reachable(start: _State, step: Callable[[_State], Iterable[_State]]) -> set[_State]:
    """Every state that one or more steps lead to."""
    found: set[_State] = set()
    waiting = [start]
    while waiting:
        new = set(step(waiting.pop())) - found
        found |= new
        waiting.extend(new)
    return found


def _characters(operation: str, argument: object, ignore_case: bool) -> int:
    """The set of characters that one class takes, or a larger one."""
    if operation == "ANY":
        return _ANY
    if operation == "LITERAL":
        return _range(cast("int", argument), cast("int", argument), ignore_case)
    if operation == "NOT_LITERAL":
        return _ANY ^ (_range(cast("int", argument), cast("int", argument), ignore_case) & ~_OTHER)
    found, negated = 0, False
    for kind, value in cast("_Nodes", argument):
        match str(kind):
            case "NEGATE":
                negated = True
            case "RANGE":
                found |= _range(*cast("tuple[int, int]", value), ignore_case)
            case "CATEGORY":
                found |= _category(str(value).removeprefix("CATEGORY_"))
            case _:
                found |= _range(cast("int", value), cast("int", value), ignore_case)
    return _ANY ^ (found & ~_OTHER) if negated else found


def _range(low: int, high: int, ignore_case: bool) -> int:
    found = _OTHER if high > 127 else 0
    for code in range(low, min(high, 127) + 1):
        found |= 1 << code
        if ignore_case:
            found |= 1 << ord(chr(code).swapcase()) | _OTHER  # KELVIN SIGN is a `k`, LONG S an `s`
    return found


def _category(name: str) -> int:
    matches = _CLASSES[name.removeprefix("NOT_")]
    found = sum(1 << code for code in range(128) if matches(chr(code)))
    return _ANY ^ found if name.startswith("NOT_") else found | _OTHER
