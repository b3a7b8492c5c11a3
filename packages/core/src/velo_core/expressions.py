r"""The judge of regular expressions: whether one could take very long for some text.

Python's engine tries one way after the other, so an expression in which a text can be read in very many ways hangs on the text that fits
none of them. The expression is turned into its position automaton (Glushkov: one state for each character class as it is written) and
refused when the number of walks on which it can read one text grows with the text. That is so exactly if one text leads from a state p
back to p, from p to another state q, and from q back to q (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991):
`\d+\d+`, and all the exponential cases such as `(a|aa)+`.

Where the translation is not exact it counts more ways than there are: a repeated group counts as repeated without end, and characters
that are not ASCII are all alike. A blunter rule, "no repeat inside a repeat", was refused: it forbids `[a-z]+(-[a-z]+)*`, the slug.

An expression that may begin anywhere in a text is tried at each of its characters, so a `\s+$` costs the square of the length. For those,
what is judged begins with whatever there may be before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain, permutations, product
from typing import Final, TypeAlias, TypeVar, cast

from msgspec import Struct

__all__ = ["danger", "search_danger"]

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
_BEFORE: Final[_Nodes] = [("MAX_REPEAT", (0, 2, [("ANY", None)]))]
"""What is before the place where an expression is found."""
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


class _Piece(Struct, frozen=True):
    """Part of an expression: the states in which its texts can begin and end, and whether it has the empty text."""

    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    empty: bool = True


def danger(pattern: str) -> str | None:
    """Why the expression could take very long for a text that all of it has to match, or `None`.

    Returns:
        The end of a sentence that begins with the expression.

    Raises:
        re.error: it is malformed.
    """
    flags = re.compile(pattern).flags
    return _judged(_parsed(pattern, flags), flags)


def search_danger(pattern: re.Pattern[str]) -> str | None:
    """The same for an expression that is looked for in a text, and may look around at its beginning."""
    nodes = _parsed(pattern.pattern, pattern.flags)
    around, rest = _split(nodes)
    parts = [*around, rest]
    if not _is_anchored(nodes, pattern.flags):
        parts.append([*_BEFORE, *_shortest(rest)])
    return next((reason for part in parts if (reason := _judged(part, pattern.flags)) is not None), None)


def _parsed(pattern: str, flags: int) -> _Nodes:
    # The parser of `re` is private, but the other way is to write one; it is read here only, at start-up.
    parse = cast("Callable[[str, int], _Nodes]", import_module("re._parser").parse)
    return parse(pattern, flags & ~re.DEBUG)


def _judged(nodes: _Nodes, flags: int) -> str | None:
    automaton = _Automaton()
    try:
        whole = automaton.sequence(nodes, bool(flags & re.IGNORECASE))
        automaton.link((0,), whole.first)
        automaton.judge()
    except _DangerError as reason:
        return str(reason)
    return None


def _split(nodes: _Nodes) -> tuple[list[_Nodes], _Nodes]:
    """What an expression looks at before it begins, such as the `(?=.*[0-9])` of a password, and the rest of it."""
    around: list[_Nodes] = []
    rest = list(nodes)
    while rest and str(rest[0][0]) in ("AT", "ASSERT", "ASSERT_NOT"):
        operation, argument = rest.pop(0)
        if str(operation) != "AT":
            around.append(cast("tuple[int, _Nodes]", argument)[1])
    return around, rest


def _is_anchored(nodes: _Nodes, flags: int) -> bool:
    """Whether an expression can only begin where the text does."""
    if not nodes:
        return False
    operation, argument = nodes[0]
    match str(operation):
        case "AT":
            begins = ("AT_BEGINNING_STRING", *(() if flags & re.MULTILINE else ("AT_BEGINNING",)))
            return str(argument) in begins or _is_anchored(nodes[1:], flags)
        case "ASSERT" | "ASSERT_NOT":
            return _is_anchored(nodes[1:], flags)
        case "SUBPATTERN":
            return _is_anchored(cast("tuple[object, int, int, _Nodes]", argument)[3], flags)
        case "BRANCH":
            return all(_is_anchored(one, flags) for one in cast("tuple[None, list[_Nodes]]", argument)[1])
        case _:
            return False


def _shortest(nodes: _Nodes) -> _Nodes:
    """The expression without what it may read at its end: by then it is found."""
    if nodes and str(nodes[-1][0]) in _REPEATS:
        operation, argument = nodes[-1]
        low, _, body = cast("tuple[int, int, _Nodes]", argument)
        return [*nodes[:-1], (operation, (low, low, body))]
    return nodes


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
        raise _DangerError(f"uses {operation}, which cannot be judged: no backreferences, no conditions, no looking around inside of it")

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
