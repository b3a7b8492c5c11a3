"""The order of the steps of a route; `binding` says why it is this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from msgspec import Struct

from velo_core.callables import Kind
from velo_core.parameter_models import known_names
from velo_core.steps import Call, Check, Extract, Hop, Keep, KnownNames, Read, ReadBody, ReadModel, Step

__all__ = ["Gathered", "arrange"]


class Gathered(Struct, frozen=True):
    """What a route needs, before it is in order.

    Attributes:
        reads: From the head of the request.
        calls: Of dependencies, each after those that it asks for.
        extracts: What is taken from what some of them give.
        body: What reads the body, if anything does.
        kept: Variables of models that are kept in the request, by the name they have there.
        constants: Variables of what lives as long as the application.
    """

    reads: Sequence[Read | ReadModel]
    calls: Sequence[Call]
    extracts: Sequence[Extract]
    body: ReadBody | None
    kept: Mapping[str, str]
    constants: Sequence[str]


def arrange(gathered: Gathered, handler: Call) -> tuple[Step, ...]:
    """The steps in order, `handler` last."""
    early: list[Step] = [step for variable in gathered.constants for step in _taken_from(variable, gathered.extracts)]
    late: list[Step] = []
    for call in gathered.calls:
        place = late if call.needs_body else early
        place.append(call)
        if gathered.extracts:
            place += _taken_from(call.variable, gathered.extracts)
    body = gathered.body
    steps: list[Step] = [*gathered.reads, *_known_names(gathered.reads), *_keep("query_model", gathered.kept), *early]
    steps += [] if body is None else [body]
    steps += [*_keep("body_model", gathered.kept), *late]
    if gathered.extracts or any(read.can_fail for read in gathered.reads) or (body is not None and body.convert is not None):
        steps.append(Check())
    return _hops([*steps, handler])


def _taken_from(origin: str, extracts: Sequence[Extract]) -> list[Step]:
    """What is taken from what an extractor gave."""
    mine = [extract for extract in extracts if extract.origin == origin]
    if not any(extract.forbids_extra for extract in mine):
        return [*mine]
    names = frozenset(field.key for extract in mine for field in extract.fields)
    return [*mine, KnownNames(origin, known_names(mine[0].extractor.name, names))]


def _keep(name: str, kept: Mapping[str, str]) -> list[Step]:
    """Keeps a model in the request, if somebody looks for it there."""
    return [Keep(name, kept[name])] if name in kept else []


def _known_names(reads: Sequence[Read | ReadModel]) -> list[Step]:
    """Refuses names that nobody takes, where a model says so."""
    checks: list[Step] = []
    if not any(read.forbids_extra for read in reads if isinstance(read, ReadModel)):
        return checks
    parameters = [one for read in reads for one in (read.fields if isinstance(read, ReadModel) else (read,))]
    for source in sorted({read.source for read in reads if isinstance(read, ReadModel) and read.forbids_extra}):
        names = frozenset(one.key for one in parameters if one.source == source)
        checks.append(KnownNames("query" if source == "query" else "cookies", known_names(source, names)))
    return checks


def _hops(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with neighbouring thread calls gathered. A check between two of them goes along, for it costs no visit of its own."""
    if not any(step.kind is Kind.THREAD for step in steps if isinstance(step, Call)):
        return tuple(steps)
    gathered: list[Step] = []
    group: list[Call | Check] = []

    def close() -> None:
        trailing = [group.pop()] if group and isinstance(group[-1], Check) else []
        if group:
            gathered.append(Hop(tuple(group), cast("Call", group[0]).pool))
        gathered.extend(trailing)
        group.clear()

    for step in steps:
        if isinstance(step, Call) and step.kind is Kind.THREAD:
            if group and step.pool != cast("Call", group[0]).pool:
                close()
            group.append(step)
        elif isinstance(step, Check) and group:
            group.append(step)
        else:
            close()
            gathered.append(step)
    close()
    return tuple(gathered)
