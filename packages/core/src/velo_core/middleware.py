"""The order of the middleware of one router: bands, and edges between those of one band.

    outermost   sees everything: the identifier of a request, headers for every response
    observe     measures and logs what comes and goes
    shed        refuses before anything costs much: limits, hosts that are allowed, sizes
    security    decides who may: authentication, CORS, CSRF
    session     loads and stores what belongs to a visitor
    default     everything that says nothing
    innermost   works on what the handler answers: compression, caching

Between routers there is nothing to order: middleware of a child is inside that of its parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

from velo_core.errors import Problem, SetupError, where
from velo_core.plan import Middleware

__all__ = ["Around", "Band", "ordered"]

Band: TypeAlias = Literal["outermost", "observe", "shed", "security", "session", "default", "innermost"]
"""Where middleware belongs, from the outside inwards."""

BANDS: Final[tuple[str, ...]] = get_args(Band)


class Around(Struct, frozen=True):
    """Middleware as it was registered.

    Attributes:
        function: The middleware.
        name: By which others name it.
        band: Where it belongs.
        before: Names of those that are to be inside of it, if they are there.
        after: Names of those that are to be around it, if they are there.
    """

    function: Middleware
    name: str
    band: Band = "default"
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        function: Middleware,
        name: str | None = None,
        band: Band = "default",
        before: str | Sequence[str] = (),
        after: str | Sequence[str] = (),
    ) -> Around:
        """From what `Router.add_middleware` takes.

        Raises:
            SetupError: there is no such band.
        """
        if band not in BANDS:
            known = ", ".join(map(repr, BANDS))
            raise SetupError("VELO_MIDDLEWARE", f"the band of {_label(function)} is {band!r}; it has to be one of {known}")
        return cls(function, name or _name(function), band, _texts(before), _texts(after))

    @property
    def label(self) -> str:
        """For messages."""
        return f"{self.name} ({where(self.function)})"

    @property
    def reason(self) -> str:
        """Why it is where it is; empty if it says nothing about that."""
        edges = [f"{word} {', '.join(names)}" for word, names in (("before", self.before), ("after", self.after)) if names]
        return "; ".join([*((f"band {self.band}",) if edges or self.band != "default" else ()), *edges])


def ordered(registered: Sequence[Around], above: Sequence[Around] = ()) -> list[Around]:
    """The middleware of one router, outermost first: by band, within a band as the edges want it, and else as it was registered.

    Args:
        registered: In the order of registration.
        above: That of the routers above, which is around all of it.

    Raises:
        SetupError: `VELO_MIDDLEWARE_ORDER`: edges contradict each other, the bands, or what routers are to each other.
    """
    names: dict[str, list[Around]] = {}
    for one in registered:
        names.setdefault(one.name, []).append(one)
    outside = {one.name: one for one in above}
    problems: list[Problem] = []
    follows: dict[int, set[int]] = {id(one): set() for one in registered}
    for one in registered:
        problems += (
            _problem(f"{one.label} is to be before {outside[name].label}, which is on a router above and so around it")
            for name in one.before
            if name in outside and name not in names
        )
        pairs = [(one, other) for name in one.before for other in names.get(name, ())]
        pairs += [(other, one) for name in one.after for other in names.get(name, ())]
        for outer, inner in pairs:
            if BANDS.index(outer.band) > BANDS.index(inner.band):
                bands = f"the band {outer.band!r} of the first is inside the band {inner.band!r} of the second"
                problems.append(_problem(f"{outer.label} is to be before {inner.label}, but {bands}"))
            elif outer is not inner:
                follows[id(inner)].add(id(outer))
    if problems:
        raise SetupError.of(problems)
    found: list[Around] = []
    for band in BANDS:
        found += _sorted([one for one in registered if one.band == band], follows)
    return found


def _sorted(members: list[Around], follows: dict[int, set[int]]) -> list[Around]:
    """Those of one band: the first that waits for nobody, again and again."""
    found: list[Around] = []
    waiting = list(members)
    while waiting:
        left = {id(one) for one in waiting}
        ready = next((one for one in waiting if not follows[id(one)] & left), None)
        if ready is None:
            raise SetupError("VELO_MIDDLEWARE_ORDER", f"middleware waits for each other: {_cycle(waiting, follows)}; drop one of the edges")
        waiting.remove(ready)
        found.append(ready)
    return found


def _cycle(waiting: Sequence[Around], follows: dict[int, set[int]]) -> str:
    """A way round, from the inside outwards."""
    by_id = {id(one): one for one in waiting}
    way = [waiting[0]]
    while True:
        following = next(by_id[one] for one in follows[id(way[-1])] if one in by_id)
        if following in way:
            return " after ".join(one.label for one in [*way[way.index(following) :], following])
        way.append(following)


def _problem(message: str) -> Problem:
    return Problem("VELO_MIDDLEWARE_ORDER", f"{message}; drop that edge, or change a band")


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _name(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _label(function: object) -> str:
    return f"{_name(function)} ({where(function)})"
