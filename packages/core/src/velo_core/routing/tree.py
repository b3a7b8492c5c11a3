"""A tree of segments: what matches a path, the most specific pattern first.

Theory of operation
-------------------
Patterns that begin alike share nodes: one node for each beginning, one step from node to node for each segment. Two segments are alike
if they have the same literal text and equal converters; names do not count, values are positional. At a node the text of the next
segment is tried against what may follow, from the most to the least specific (`Segment.order`):

1. literal text: one look-up in a dictionary, however many there are;
2. the other steps, a chain of alternatives.

So "most specific" is decided segment by segment from the left, and it does not matter what was added first. A step that leads nowhere is
taken back, and the next alternative of the last node that has one is tried. A node whose patterns do not know the method is nowhere, too:
a pattern that only answers POST never hides a less specific one that answers GET.

What it costs: every node stands for one beginning, so no look-up comes to a node twice, and it comes only to nodes whose beginning matches
the path. Literal siblings cost nothing, others one attempt for each converter. That leaves no exponential case: a tree in which one path
leads to 2**n nodes has 2**n of them, and a path leads no deeper than the deepest pattern, however long it is. Many compound segments at
one place (`/@{user}`, `/v{major}.{minor}`) are told apart by a dictionary as well, one for each pair of lengths of their beginnings and
ends. There is no cache of any kind: one that is filled by URLs is filled by whoever sends URLs.

What is found is not in the nodes but in a list beside them, by the number of the node. So the same nodes serve trees with other values
(`mapped`): an application is looked through for clashes with its plans, and each protocol finds in the same nodes what runs there.

Measured and refused (CPython 3.13.0 without profile-guided optimisation, `Tree.find` alone, one parameter and two): a recursive function,
0.60 and 1.01 us against 0.55 and 0.86 for the loop, and it ends at the recursion limit; Python source generated for each tree, about 0.26
and 0.40, which is a few per cent of the shortest request, for a second implementation of everything said here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations, groupby, product, zip_longest
from types import MappingProxyType
from typing import Final, Generic, TypeAlias, TypeVar

from msgspec import Struct

from velo_core.routing.converters import CATCH_ALL, NO_MATCH, Converter, StrConverter
from velo_core.routing.pattern import Pattern, Segment

__all__ = ["Answers", "Clash", "Parse", "Tree", "Values"]

T = TypeVar("T")
U = TypeVar("U")

Values: TypeAlias = tuple[object, ...]
"""Those of the parameters of a pattern, in order."""
Answers: TypeAlias = Mapping[str, tuple[T, tuple[()]]]
"""By method, what is found where a path ends: the value, and an empty tuple, which makes it ready to be returned for a static path."""
Parse: TypeAlias = Callable[[str], object]
"""`Converter.parse`."""

_STRING: Final = 0
_CONVERTED: Final = 1  # these two are single parameters of one segment
_COMPOUND: Final = 2
_CATCH_ALL: Final = 3
_JUMP: Final = 4

_NO_TARGETS: Final[Mapping[tuple[str, str], None]] = MappingProxyType({})


class Clash(Struct, Generic[T], frozen=True):
    """Two patterns of one method that cannot both be served.

    Attributes:
        code: `VELO_ROUTE_DUPLICATE` or `VELO_ROUTE_AMBIGUOUS`.
        message: What is wrong between the patterns. What their values are, and where they come from, is yours to add.
        method: The method of both.
        patterns: Of duplicates, the one that was added first comes first.
        values: Those of `patterns`.
    """

    code: str
    message: str
    method: str
    patterns: tuple[Pattern, Pattern]
    values: tuple[T, T]


class Tree(Generic[T]):
    """Values by pattern and method. Insert everything, `freeze`, then look up, from any number of threads.

    Paths are given as `path.split("/")`, each segment percent-decoded; `path.split("/", depth + 1)` is enough.
    """

    def __init__(self) -> None:
        self._root = _Node(0)
        self._answers: list[dict[str, tuple[T, tuple[()]]]] = [{}]
        self._branching: list[_Node] = []  # those before segments with parameters, which `freeze` has to look at
        self._clashes: list[Clash[T]] = []
        self._last: dict[str, tuple[Parse, int]] | None = None
        self._is_literal = True
        self.depth = 0
        """The number of segments of the longest pattern."""

    def insert(
        self, pattern: Pattern, method: str, value: T, *, weak: bool = False, declared: Pattern | None = None, also: str = ""
    ) -> Answers[T]:
        """Adds one value.

        Args:
            pattern: Of the paths that it is for.
            method: Any text; the tree knows no method.
            value: What to find.
            weak: Whether it gives way, in silence, to a value for the same pattern and method that is not weak.
            declared: What a `Clash` shows in place of `pattern`.
            also: Another method that it is for, but weakly.

        Returns:
            All that is found for exactly this pattern, by method; what is added later will be in it.
        """
        segments, declared = pattern.segments, declared or pattern
        if pattern.parameters:
            self._is_literal = False
        if len(segments) > self.depth:
            self.depth = len(segments)
        node = self._root
        for segment in segments:
            node = self._child(node, segment)
        answers = self._answers[node.index]
        first = node.declared.get(method)
        if first is not None and not weak:
            message = f"{method} {first.text} and {method} {declared.text} match the same paths"
            self._clashes.append(Clash("VELO_ROUTE_DUPLICATE", message, method, (first, declared), (answers[method][0], value)))
        elif weak:
            answers.setdefault(method, (value, ()))
        else:
            answers[method] = (value, ())
            node.declared[method] = declared
        if also:
            answers.setdefault(also, (value, ()))
        return answers

    def _child(self, node: _Node, segment: Segment) -> _Node:
        """The node behind `segment`, new if need be."""
        if not segment.parameters:
            text = segment.literals[0]
            child = node.literals.get(text)
            if child is None:
                child = node.literals[text] = self._new_node()
            return child
        if not node.others:
            self._branching.append(node)
        alike = node.others.setdefault(segment.literals, [])
        for other in alike:
            if other.segment is segment or other.segment.converters == segment.converters:
                return other.node
        alike.append(_Child(segment, self._new_node()))
        return alike[-1].node

    def _new_node(self) -> _Node:
        node = _Node(len(self._answers))
        self._answers.append({})
        return node

    def freeze(self) -> list[Clash[T]]:
        """Makes what was inserted searchable. Returns what cannot be told apart; of duplicates, the first is found."""
        clashes = list(self._clashes)
        for node in self._branching:
            children = node.children()
            node.steps = _chain(children)
            if len(children) == 1:
                continue
            for _, equals in groupby(children, key=lambda child: child.segment.order):
                for one, other in combinations(equals, 2):
                    clashes += self._ambiguities(one.node, other.node)
        return clashes

    def mapped(self, function: Callable[[str, T], U]) -> Tree[U]:
        """The same patterns with other values, of methods and values, as searchable as this tree is. Nothing can be inserted into it."""
        tree: Tree[U] = Tree()
        tree._root, tree._last, tree._is_literal, tree.depth = self._root, self._last, self._is_literal, self.depth
        tree._answers = [{method: (function(method, value), ()) for method, (value, _) in answers.items()} for answers in self._answers]
        return tree

    def answers(self, path: str) -> Answers[T]:
        """All that is found for the only path of a pattern without parameters that was inserted, by method."""
        node = self._root
        for text in path.split("/")[1:]:
            node = node.literals[text]
        return self._answers[node.index]

    def find(self, method: str, segments: Sequence[str]) -> tuple[T, Values] | tuple[()] | None:
        """The value of the most specific pattern that matches and knows the method, and the values of its parameters, in order.

        Returns:
            `None` if no pattern matches; `()` if one does, or a catch-all may, but none that knows the method: ask `methods`.
        """
        # One piece, because a function for each kind of step would be called for each segment. `_following` says the same in short.
        text: str = segments[0]
        if text:
            return None
        count = len(segments)
        answers = self._answers
        node: _Node = self._root
        step: _Step | None
        index = 1
        values: Values = ()
        found: Values | None
        waiting: list[tuple[_Step, int, Values]] = []
        missed: tuple[()] | None = None
        while True:
            # Here: `values` are those on the way to `node`, and `segments[index:]` are not matched yet.
            if index == count:
                answer = answers[node.index].get(method)
                if answer is not None:
                    return answer[0], values
                if answers[node.index]:
                    missed = ()
                step = None
            else:
                text = segments[index]
                child = node.literals.get(text)
                step = node.steps
                if child is not None:
                    if step is not None and text:
                        waiting.append((step, index, values))
                    node = child
                    index += 1
                    continue
                if not text:
                    step = None  # nothing but a literal one matches an empty segment
            # Here: `step` is what is to be tried next on `segments[index]`, if anything is.
            while True:
                if step is None:
                    if not waiting:
                        return missed
                    step, index, values = waiting.pop()
                    text = segments[index]
                kind = step.kind
                if kind == _STRING:
                    found = (text,)
                elif kind == _CONVERTED:
                    value = step.parse(text)
                    found = None if value is NO_MATCH else (value,)
                elif kind == _COMPOUND:
                    found = step.match(text)
                elif kind == _CATCH_ALL:
                    answer = answers[step.node.index].get(method)
                    if answer is not None:
                        value = step.parse("/".join(segments[index:]))
                        if value is not NO_MATCH:
                            return answer[0], (*values, value)
                    missed = ()
                    found = None
                else:
                    step = step.target(text)
                    continue
                if found is not None:
                    if step.next is not None:
                        waiting.append((step.next, index, values))
                    node = step.node
                    index += 1
                    values += found
                    break
                step = step.next

    def last_places(self) -> dict[str, tuple[Parse, Answers[T]]]:
        """By a beginning of literal text only, such as `/users`: what is tried first on one more segment, which is not literal.

        Only where that is a single parameter and no catch-all. If it fits and knows the method, it is what `find` finds: to be more
        specific, a pattern would have to be static.

        Returns:
            The converter's `parse` of such a parameter, and what is found behind it.
        """
        if self._last is None:
            self._last = last = {}
            waiting = [("", self._root)]
            while waiting:
                beginning, node = waiting.pop()
                for text, child in node.literals.items():
                    path, step = f"{beginning}/{text}", child.steps
                    if step is not None and step.kind <= _CONVERTED:
                        last[path] = step.parse, step.node.index
                    if child.literals:
                        waiting.append((path, child))
        return {path: (parse, self._answers[index]) for path, (parse, index) in self._last.items()}

    def methods(self, segments: Sequence[str]) -> set[str]:
        """The methods of all patterns that match."""
        count = len(segments)
        return {method for index, answers in self._visit(segments) if index == count for method in answers}

    def beginnings(self) -> Collection[str] | None:
        """The first segments of all patterns, if they are all literal."""
        return self._root.literals.keys() if self._root.steps is None else None

    def longest_prefix(self, segments: Sequence[str], method: str) -> T | None:
        """The value of the longest pattern that matches the beginning of the path, of several that long the most specific one."""
        found = self._answers[0].get(method)
        if self._is_literal:  # short for what is below; every path that is not found asks for it
            node = self._root
            for text in segments[1:]:
                child = node.literals.get(text)
                if child is None:
                    break
                node = child
                found = self._answers[node.index].get(method, found)
            return None if found is None else found[0]
        length = 1
        for index, answers in self._visit(segments):
            if index > length and method in answers:
                found, length = answers[method], index
        return None if found is None else found[0]

    def _visit(self, segments: Sequence[str]) -> Iterator[tuple[int, Answers[T]]]:
        """Every node that the path leads to, in the order in which `find` comes to them: how many of `segments` it takes, what is there."""
        if segments[0]:
            return
        count = len(segments)
        waiting: list[tuple[int, _Node]] = [(1, self._root)]
        while waiting:
            index, node = waiting.pop()
            yield index, self._answers[node.index]
            if index < count:
                waiting += _following(node, segments, index, count)

    def _ambiguities(self, one: _Node, other: _Node) -> Iterator[Clash[T]]:
        """Pairs of one method below two steps of which neither is more specific."""
        for first_node, second_node in product(one.below(), list(other.below())):
            for method in first_node.declared.keys() & second_node.declared.keys():
                first, second = first_node.declared[method], second_node.declared[method]
                if self._may_meet(first, second):
                    message = (
                        f"{method} {first.text} and {method} {second.text} can match the same path and none is more specific:"
                        " the converters that tell them apart have the same rank"
                    )
                    values = (self._answers[first_node.index][method][0], self._answers[second_node.index][method][0])
                    yield Clash("VELO_ROUTE_AMBIGUOUS", message, method, (first, second), values)

    def _may_meet(self, first: Pattern, second: Pattern) -> bool:
        """Whether one path can match both patterns; in doubt, yes."""
        for one, other in zip_longest(first.segments, second.segments):
            if one is None or other is None:
                return False
            if one.is_catch_all or other.is_catch_all:
                return True
            if (one.is_static and other.match(one.literals[0]) is None) or (other.is_static and one.match(other.literals[0]) is None):
                return False
        return True


class _Child(Struct, frozen=True, eq=False):
    """A segment with parameters, and the node behind it."""

    segment: Segment
    node: _Node


class _Node:
    """One beginning of patterns.

    Attributes:
        index: Where a tree has what is found when the path ends here.
        literals: The nodes behind literal segments.
        others: Those behind segments with parameters; by literals, so that 10 000 of them are not compared with each other.
        steps: The first alternative to `literals`; made of `others` by `Tree.freeze`.
        declared: The patterns of those values that are not weak, by method.
    """

    __slots__ = ("declared", "index", "literals", "others", "steps")

    def __init__(self, index: int) -> None:
        self.index = index
        self.literals: dict[str, _Node] = {}
        self.others: dict[tuple[str, ...], list[_Child]] = {}
        self.steps: _Step | None = None
        self.declared: dict[str, Pattern] = {}

    def children(self) -> list[_Child]:
        """All of `others`, the most specific first, in an order that does not depend on who came first."""
        children = [child for alike in self.others.values() for child in alike]
        if len(children) > 1:
            children.sort(key=lambda child: (child.segment.order, [converter.name for converter in child.segment.converters]))
        return children

    def below(self) -> Iterator[_Node]:
        """This node and all behind it."""
        waiting: list[_Node] = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.literals.values()
            waiting += (child.node for alike in node.others.values() for child in alike)


class _Step(Struct, frozen=True, eq=False):
    """One alternative at a node, or a jump to those of many compound segments that are worth trying.

    One class for all kinds: the interpreter remembers where the attributes of a class are, and in the loop of `find` it has to remember
    one class only.

    Attributes:
        kind: `_STRING` if the value is the segment as it is, `_CONVERTED` for any other single parameter, or as the segment is.
        next: What is to be tried afterwards.
        node: Where it leads.
        match: `Segment.match`.
        parse: `Converter.parse`, for a single parameter.
        before: For a jump: how long the literal text is with which its segments begin.
        after: For a jump: how long that is with which they end.
        targets: For a jump: by beginning and end, the first of the steps that have them; the last of these goes on to `next`.
    """

    kind: int
    next: _Step | None
    node: _Node
    match: Callable[[str], Values | None]
    parse: Callable[[str], object]
    before: int = 0
    after: int = 0
    targets: Mapping[tuple[str, str], _Step | None] = _NO_TARGETS

    def target(self, text: str) -> _Step | None:
        """For a jump: the step to go on with."""
        return self.targets.get((text[: self.before], text[len(text) - self.after :]), self.next)


_NOWHERE: Final = _Node(0)
"""Where a jump leads, which has targets in its place."""


def _chain(children: Sequence[_Child]) -> _Step | None:
    """The steps for `children`, in this order."""
    if len(children) == 1:
        return _steps(children, None)
    first: _Step | None = None
    runs = [(lengths, list(run)) for lengths, run in groupby(children, key=lambda child: child.segment.literal_lengths)]
    for (_, before, after), run in reversed(runs):
        if len(run) == 1 or not run[0].segment.is_compound:
            first = _steps(run, first)
            continue
        alike: dict[tuple[str, str], list[_Child]] = {}
        for child in run:
            alike.setdefault((child.segment.literals[0], child.segment.literals[-1]), []).append(child)
        targets = {ends: _steps(some, first) for ends, some in alike.items()}
        first = _Step(_JUMP, first, _NOWHERE, _match_nothing, _match_nothing, before, after, targets)
    return first


def _steps(children: Sequence[_Child], following: _Step | None) -> _Step | None:
    for child in reversed(children):
        segment = child.segment
        converter = segment.parameters[0].converter
        following = _Step(_kind(segment, converter), following, child.node, segment.match, converter.parse)
    return following


def _kind(segment: Segment, converter: Converter) -> int:
    if any(segment.literals):
        return _COMPOUND
    if type(converter) is StrConverter:  # a subclass may read it differently
        return _STRING
    return _CATCH_ALL if converter.rank >= CATCH_ALL else _CONVERTED


def _match_nothing(text: str) -> None:
    """What stands in a jump, which is never asked."""


def _following(node: _Node, segments: Sequence[str], index: int, count: int) -> list[tuple[int, _Node]]:
    """The nodes that the next segment leads to, the least specific first, and how many segments they take."""
    text = segments[index]
    literal = node.literals.get(text)
    following = [] if literal is None else [(index + 1, literal)]
    step = node.steps if text else None
    while step is not None:
        if step.kind == _JUMP:
            step = step.target(text)
            continue
        takes_rest = step.kind == _CATCH_ALL
        if step.match("/".join(segments[index:]) if takes_rest else text) is not None:
            following.append((count if takes_rest else index + 1, step.node))
        step = step.next
    following.reverse()
    return following
