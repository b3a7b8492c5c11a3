"""The ids of operations: what handlers say, what the policy of a document says, or the names of the routes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from velo_core import Operation, Problem
from velo_openapi.options import options_of_handler

__all__ = ["OperationIds", "handler_key", "place_of"]


@dataclass(frozen=True, slots=True)
class _Given:
    """An id that was given to one method of an operation.

    Attributes:
        text: The id.
        one: The operation.
        method: Of the operation.
        by: The same for those that may share the id, for one handler said it of itself.
    """

    text: str
    one: Operation
    method: str
    by: Hashable


class OperationIds:
    """The ids of the operations of one document, each of which stands in it once.

    What a handler says is the id of its operation, or how its ids begin where it serves several methods, paths or versions.

    Args:
        operations: Of the document, webhooks included.
        policy: (operation, method) to the id, or to `None`.

    Attributes:
        places: By id, the method and path, and the file and line of the handler.
        problems: Ids that were given to several handlers, all but the first of which got longer ones.
    """

    def __init__(self, operations: Sequence[Operation], policy: Callable[[Operation, str], str | None] | None = None) -> None:
        self._operations = operations  # which are known by their `id`
        self._ids: dict[tuple[int, str], str] = {}
        self.places: dict[str, str] = {}
        self.problems: list[Problem] = []
        given = list(self._given(policy))
        self._give(given)
        told = {(id(one.one), one.method) for one in given}
        rest = [(_base(one.name, one, method), one, method) for one in operations for method in _methods(one)]
        self._lengthen([one for one in rest if (id(one[1]), one[2]) not in told], Counter(base for base, _, _ in rest))

    def of(self, one: Operation, method: str) -> str:
        """The id of one of the operations."""
        return self._ids[id(one), method]

    def _given(self, policy: Callable[[Operation, str], object] | None) -> Iterator[_Given]:
        for one in self._operations:
            said = options_of_handler(one.handler).operation_id
            for method in _methods(one):
                if said:
                    yield _Given(said, one, method, handler_key(one.handler))
                elif policy is not None:
                    found = self._ask(policy, one, method)
                    if found is not None:
                        yield _Given(found, one, method, (id(one), method))

    def _ask(self, policy: Callable[[Operation, str], object], one: Operation, method: str) -> str | None:
        try:
            found = policy(one, method)
        except Exception as error:  # it is the user's
            said = f"raised {type(error).__name__}: {error}"
        else:
            if found is None or (isinstance(found, str) and found):
                return found
            said = f"returned {found!r}, no text"
        message = f"operation_id of OpenAPI(...) {said}, for {place_of(one, method)}; correct it, or return None for the usual id"
        self.problems.append(Problem("OPENAPI_OPERATION_ID", message))
        return None

    def _give(self, given: Iterable[_Given]) -> None:
        grouped: dict[str, dict[Hashable, list[_Given]]] = {}
        for one in given:
            grouped.setdefault(one.text, {}).setdefault(one.by, []).append(one)
        longer: list[tuple[str, Operation, str]] = []
        for text, by in grouped.items():
            first, *others = by.values()
            if others:
                places = " and to ".join(place_of(one.one, one.method) for (one, *_) in by.values())
                message = f"the operation id {text!r} is given to {places}; give each another"
                self.problems.append(Problem("OPENAPI_OPERATION_ID", message))
            if len(first) == 1:
                self._note(text, first[0].one, first[0].method)
            longer += [(_base(text, one.one, one.method), one.one, one.method) for one in (first if len(first) > 1 else [])]
            longer += [(text, one.one, one.method) for members in others for one in members]
        self._lengthen(longer, Counter(base for base, _, _ in longer))

    def _lengthen(self, wanted: Sequence[tuple[str, Operation, str]], shared: Mapping[str, int]) -> None:
        """Gives ids, longer ones where others have them too: with method and path, then the version, then a number."""
        for base, one, method in wanted:
            found = base
            if shared[base] > 1 or base in self.places:
                found = "_".join((base, *re.findall(r"[A-Za-z0-9]+", f"{method.lower()} {one.path} {one.host or ''}")))
            if found in self.places and one.version is not None:
                found = "_".join((found, *re.findall(r"[A-Za-z0-9]+", one.version)))
            number, longest = 1, found
            while found in self.places:  # the types of parameters alone tell such routes apart
                number, found = number + 1, f"{longest}_{number + 1}"
            self._note(found, one, method)

    def _note(self, found: str, one: Operation, method: str) -> None:
        self._ids[id(one), method] = found
        self.places[found] = place_of(one, method)


def place_of(one: Operation, method: str) -> str:
    """Method and path, and the file and line of the handler."""
    return f"{method} {one.path} ({one.place})"


def handler_key(handler: Callable[..., object]) -> Hashable:
    """Equal for what is the same handler: a method of an object is another object each time it is looked up."""
    function: object = getattr(handler, "__func__", None)
    return id(handler) if function is None else (id(function), id(getattr(handler, "__self__", None)))


def _methods(one: Operation) -> tuple[str, ...]:
    return one.methods or ("WEBSOCKET",)


def _base(name: str, one: Operation, method: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", name) or "root"
    return f"{name}_{method.lower()}" if len(one.methods) > 1 else name
