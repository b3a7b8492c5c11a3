"""From a signature to the steps that call it.

`bind` reads the signature of a handler and of everything it depends on, once, and writes down what has to happen for each request as a
flat tuple of steps. Nothing here knows of protocols or of code generation: `plan` turns the steps into a coroutine.

The order of the steps is the order of a request:

1. values from path, query, headers and cookies are read and converted, which is cheap and cannot wait;
2. dependencies that do not need the body run, each if its own values fit, so that authentication answers before validation does;
3. the body is read and decoded;
4. dependencies that need the body run;
5. if anything did not fit, all of it is reported in one answer;
6. the handler runs.

Neighbouring plain functions (`def`) become one `Hop`: one visit to the thread pool for all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, TypeAlias, cast, get_origin

from velo_core.annotations import Annotation, UnresolvedAnnotation, resolve
from velo_core.codecs import is_model
from velo_core.conversion import BodyConvert, ParameterConvert, body_conversion, parameter_conversion
from velo_core.errors import Problem, where
from velo_core.markers import Body, Cookie, Dependency, Header, Marker, Path, Query
from velo_core.names import Names
from velo_core.request import Request
from velo_core.watch import may_wait

__all__ = ["MISSING", "Binding", "Call", "Check", "Hop", "Kind", "Read", "ReadBody", "Step", "bind"]


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "MISSING"


MISSING: Final = Missing.MISSING
"""Stands for a default that was not given."""


class Kind(Enum):
    """How a function is called."""

    COROUTINE = "coroutine"
    INLINE = "inline"
    THREAD = "thread"
    ASYNC_GENERATOR = "async generator"
    GENERATOR = "generator"


@dataclass(frozen=True, slots=True)
class Read:
    """Takes one value from the head of the request.

    Attributes:
        variable: Name of the value in the plan.
        source: `"path"`, `"query"`, `"header"`, `"cookie"` or `"request"`.
        key: Name on the wire.
        index: Position among the path parameters.
        many: Whether all values of that name are wanted, as a list.
        convert: Makes the value of the declared type, or `INVALID`; `None` to keep the text.
        default: Value if there is none; `MISSING` if it is required.
        declared: What the signature says; `None` for the request itself.
    """

    variable: str
    source: str
    key: str
    index: int = -1
    many: bool = False
    convert: ParameterConvert | None = None
    default: object = MISSING
    declared: Annotation | None = None

    @property
    def can_fail(self) -> bool:
        """Whether the value may turn out to be `INVALID`."""
        return self.convert is not None


@dataclass(frozen=True, slots=True)
class ReadBody:
    """Reads the body and makes a value of it.

    Attributes:
        variable: Name of the value in the plan.
        convert: Makes the value from the bytes and the media type, or `INVALID`; `None` to keep the bytes.
        declared: What the signature says.
        default: Value for an empty body; `MISSING` if it is required.
    """

    variable: str
    convert: BodyConvert | None
    declared: Annotation
    default: object = MISSING


@dataclass(frozen=True, slots=True)
class Call:
    """Calls a dependency, or at the end the handler.

    Attributes:
        variable: Name of the result in the plan.
        function: What is called.
        name: Name of the function in the plan.
        arguments: Pairs of keyword (`None` for a positional argument) and variable, in order.
        kind: How it is called.
        guards: Variables that must be valid for the call to make sense.
        needs_body: Whether an argument comes from the body, directly or not.
        used: Whether anyone takes the result.
    """

    variable: str
    function: Callable[..., Any]
    name: str
    arguments: tuple[tuple[str | None, str], ...]
    kind: Kind
    guards: tuple[str, ...] = ()
    needs_body: bool = False
    used: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """Answers 422 with all that did not fit so far."""


@dataclass(frozen=True, slots=True)
class Hop:
    """Plain functions that run one after another in one visit to the thread pool."""

    steps: tuple[Call | Check, ...]

    @property
    def results(self) -> tuple[str, ...]:
        """Variables that are taken from the visit: what later steps use, or the handler's result."""
        return tuple(step.variable for step in self.steps if isinstance(step, Call) and step.used)


Step: TypeAlias = Read | ReadBody | Call | Check | Hop


@dataclass(frozen=True, slots=True)
class Binding:
    """How a handler is called.

    Attributes:
        steps: What happens, in order; the last one calls the handler.
        handler: The call of the handler.
        reads: The values from the head of the request.
        body: The value from the body, if any.
        result: Declared type of the result; `MISSING` if there is none.
        names: The names taken in the plan.
    """

    steps: tuple[Step, ...]
    handler: Call
    reads: tuple[Read, ...]
    body: ReadBody | None
    result: object
    names: Names

    @property
    def needs_request(self) -> bool:
        """Whether something asks for the `Request` object."""
        return any(read.source == "request" for read in self.reads)

    @property
    def can_fail(self) -> bool:
        """Whether the request can have values that do not fit."""
        return any(isinstance(step, Check) or (isinstance(step, Hop) and Check() in step.steps) for step in self.steps)

    @property
    def watched_from(self) -> int | None:
        """Index of the step from which on it is worth to know whether the client is still there; `None` if nothing waits.

        Not before the body has been read: whoever reads it hears of the end of the connection as well.
        """
        first = 0 if self.body is None else self.steps.index(self.body) + 1
        for index, step in enumerate(self.steps[first:], first):
            if isinstance(step, Call) and step.kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR) and may_wait(step.function):
                return index
        return None

    @property
    def opens(self) -> bool:
        """Whether a dependency has a tear-down."""
        return any(isinstance(step, Call) and step.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR) for step in self.steps)


def bind(
    handler: Callable[..., object],
    path_parameters: Sequence[str],
    *,
    dependencies: Sequence[Dependency] = (),
    overrides: Mapping[Callable[..., object], Callable[..., object]] | None = None,
    namespace: Mapping[str, object] | None = None,
    inline: bool = False,
    made: Mapping[str, type] | None = None,
) -> tuple[Binding | None, list[Problem]]:
    """The steps that serve a route, or the reasons why there can be none.

    Args:
        handler: The function of the route.
        path_parameters: Names in the path, in order.
        dependencies: Run before the handler; their results are dropped.
        overrides: Functions to call in place of others, for tests.
        namespace: Names visible where the handler was defined, beyond its module's, for annotations written as text.
        inline: Whether a plain handler runs on the event loop.
        made: Types that the pattern's converters already make of path parameters; `object` if it is not known.

    Returns:
        The binding, and all problems found. Without problems there is a binding.
    """
    binder = _Binder(path_parameters, overrides or {}, namespace or {}, made or {})
    for dependency in dependencies:
        binder.dependency(dependency, used=False)
    call = binder.call(handler, "result", inline=inline, is_handler=True)
    binder.check_path(handler)
    if call is None or binder.problems:
        return None, binder.problems
    return binder.finish(call), []


class _Binder:
    """Collects the steps of one route. Lives as long as `bind` runs."""

    def __init__(
        self,
        path_parameters: Sequence[str],
        overrides: Mapping[Callable[..., object], Callable[..., object]],
        namespace: Mapping[str, object],
        made: Mapping[str, type],
    ) -> None:
        self.path_parameters = list(path_parameters)
        self.overrides: dict[object, Callable[..., object]] = dict(overrides.items())
        self.namespace = namespace
        self.made = made
        self.names = Names()
        self.problems: list[Problem] = []
        self.reads: list[Read] = []
        self.calls: list[Call] = []
        self.body: ReadBody | None = None
        self.result: object = MISSING
        self.seen: dict[object, Call] = {}
        self.open: list[Callable[..., object]] = []

    # What happens to one function.

    def dependency(self, dependency: Dependency, name: str = "", *, used: bool = True) -> Call | None:
        """The call for a dependency: the one there already is, or a new one. `name` is what the one who asks calls the result."""
        identity = _identity(dependency.function)
        key = (identity, dependency.inline)
        if dependency.cached and key in self.seen:
            known = self.seen[key]
            if used and not known.used:
                index = self.calls.index(known)
                known = self.calls[index] = self.seen[key] = replace(known, used=True)
            return known
        function = self.overrides.get(identity, dependency.function)
        if function in self.open:
            path = " -> ".join(_name(one) for one in [*self.open[self.open.index(function) :], function])
            self.problem(
                "VELO_DEPENDENCY_CYCLE",
                f"dependencies go round in a circle: {path} ({where(function)}); let one of them not ask for the next",
            )
            return None
        self.open.append(function)
        call = self.call(function, name, inline=dependency.inline, used=used)
        self.open.pop()
        if call is not None:
            self.calls.append(call)
            if dependency.cached:
                self.seen[key] = call
        return call

    def call(
        self, function: Callable[..., object], wanted: str, *, inline: bool, used: bool = True, is_handler: bool = False
    ) -> Call | None:
        """Binds the parameters of a function."""
        try:
            signature, result = resolve(function, self.namespace)
        except UnresolvedAnnotation as error:
            self.problem("VELO_ANNOTATION", str(error))
            return None
        kind = kind_of(function, inline=inline)
        if is_handler:
            self.result = MISSING if result is None else result.type
            if kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR):
                message = f"the handler {_name(function)} ({where(function)}) yields; return a StreamingResponse of a generator instead"
                self.problem("VELO_HANDLER", message)
                return None
        name = self.names.free(_name(function))
        arguments: list[tuple[str | None, str]] = []
        guards: list[str] = []
        needs_body = False
        for parameter, annotation in signature:
            bound = self.parameter(function, parameter, annotation)
            if bound is None:
                continue
            keyword = parameter.name if parameter.kind is inspect.Parameter.KEYWORD_ONLY else None
            arguments.append((keyword, bound.variable))
            if isinstance(bound, Call):
                guards += [bound.variable] if bound.guards else []
                needs_body = needs_body or bound.needs_body
            elif isinstance(bound, ReadBody):
                guards.append(bound.variable)
                needs_body = True
            elif bound.can_fail:
                guards.append(bound.variable)
        variable = self.names.free(wanted or f"{_name(function)}_result")
        return Call(variable, function, name, tuple(arguments), kind, tuple(dict.fromkeys(guards)), needs_body, used)

    # What happens to one parameter.

    def parameter(
        self, function: Callable[..., object], parameter: inspect.Parameter, annotation: Annotation
    ) -> Read | ReadBody | Call | None:
        """Where the value of a parameter comes from; `None` if it stays away, or if there is a problem."""
        place = f"parameter {parameter.name!r} of {_name(function)} ({where(function)})"
        if isinstance(parameter.default, Dependency):
            return self.dependency(parameter.default, parameter.name)
        if isinstance(parameter.default, Marker):
            self.problem(
                "VELO_MARKER_DEFAULT",
                f"{place} has a marker as its default; write Annotated[..., {type(parameter.default).__name__}(...)], "
                "and the default after it",
            )
            return None
        if annotation.dependency is not None:
            return self.dependency(annotation.dependency, parameter.name)
        default: object = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
        if annotation.optional and default is MISSING:
            default = None
        target = annotation.type
        if isinstance(target, type) and issubclass(target, Request):
            known = [read for read in self.reads if read.source == "request"]
            return known[0] if known else self.read(Read("request", "request", ""))
        marker = annotation.marker
        if marker is None:
            marker = self._guess(parameter.name, target)
        try:
            if isinstance(marker, Body):
                return self.read_body(place, parameter.name, annotation, default)
            return self.read_parameter(place, parameter.name, annotation, marker, default)
        except TypeError as error:
            self.problem("VELO_TYPE", f"{place} has a type that cannot be read from a request: {error}")
            return None

    def _guess(self, name: str, target: object) -> Marker:
        if name in self.path_parameters:
            return Path()
        if is_model(target) or get_origin(target) in (list, set, frozenset, dict, tuple) or target in (dict, list, object):
            return Body()
        return Query()

    def read_parameter(self, place: str, name: str, annotation: Annotation, marker: Marker, default: object) -> Read | None:
        """A value from the path, the query, a header or a cookie."""
        source = _SOURCES[type(marker)]
        key = marker.alias or (name.replace("_", "-") if isinstance(marker, Header) else name)
        if isinstance(marker, Header):
            key = key.lower()
        index = -1
        if isinstance(marker, Path):
            if key not in self.path_parameters:
                self.problem("VELO_PATH_PARAMETER", f"{place} is a path parameter, but the path has no {{{key}}}; it has {self._listed()}")
                return None
            index = self.path_parameters.index(key)
            default = MISSING
        many = get_origin(annotation.type) in (list, set, frozenset, tuple) or annotation.type in (list, set, frozenset, tuple)
        if many and source in ("path", "cookie"):
            raise TypeError(f"a {source} parameter has one value, not several")
        required = default is MISSING and source != "path"
        for known in self.reads:  # somebody else may have asked for the same
            if (known.source, known.key, known.default, known.declared) == (source, key, default, annotation):
                return known
        made = self.made.get(key, str) if source == "path" else str
        convert = parameter_conversion((source, key), annotation, required=required, made=made)
        return self.read(Read(self.names.free(name), source, key, index, many, convert, default, annotation))

    def read(self, read: Read) -> Read:
        """Adds a value."""
        self.reads.append(read)
        return read

    def read_body(self, place: str, name: str, annotation: Annotation, default: object) -> ReadBody | None:
        """The value from the body."""
        if self.body is not None:
            if (self.body.declared, self.body.default) == (annotation, default):
                return self.body
            self.problem(
                "VELO_BODY_TWICE", f"{place} asks for the body, which is already read as {self.body.variable!r}; put both into one model"
            )
            return None
        convert = body_conversion(annotation, default, required=default is MISSING)
        self.body = ReadBody(self.names.free(name), convert, annotation, default)
        return self.body

    # The end.

    def check_path(self, handler: Callable[..., object]) -> None:
        """Reports names of the path that nobody takes: nearly always a spelling mistake."""
        taken = {read.key for read in self.reads if read.source == "path"}
        asks = any(read.source == "request" for read in self.reads)
        unused = [name for name in self.path_parameters if name not in taken]
        if unused and not asks and not self.problems:
            names = ", ".join(f"{{{name}}}" for name in unused)
            self.problem(
                "VELO_PATH_PARAMETER",
                f"{_name(handler)} ({where(handler)}) does not take {names} of its path; add a parameter of that name",
            )

    def problem(self, code: str, message: str) -> None:
        """Notes a mistake."""
        self.problems.append(Problem(code, message))

    def _listed(self) -> str:
        return ", ".join(f"{{{name}}}" for name in self.path_parameters) or "no parameters"

    def finish(self, handler: Call) -> Binding:
        """Puts the steps in order."""
        early = [call for call in self.calls if not call.needs_body]
        late = [call for call in self.calls if call.needs_body]
        steps: list[Step] = [*self.reads, *early]
        if self.body is not None:
            steps.append(self.body)
        steps += late
        if any(read.can_fail for read in self.reads) or (self.body is not None and self.body.convert is not None):
            steps.append(Check())
        steps.append(handler)
        return Binding(_hops(steps), handler, tuple(self.reads), self.body, self.result, self.names)


def _hops(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with neighbouring thread calls gathered. A check between two of them goes along, for it costs no visit of its own."""
    gathered: list[Step] = []
    group: list[Call | Check] = []

    def close() -> None:
        trailing = [group.pop()] if group and isinstance(group[-1], Check) else []
        if group:
            gathered.append(Hop(tuple(group)))
        gathered.extend(trailing)
        group.clear()

    for step in steps:
        if (isinstance(step, Call) and step.kind is Kind.THREAD) or (isinstance(step, Check) and group):
            group.append(step)
        else:
            close()
            gathered.append(step)
    close()
    return tuple(gathered)


def kind_of(function: Callable[..., object], *, inline: bool = False) -> Kind:
    """How `function` has to be called; looks through partials and at the `__call__` of objects."""
    target: object = function
    while hasattr(target, "func") and hasattr(target, "keywords"):
        target = cast("object", target.func)  # pyright: ignore[reportAttributeAccessIssue]: functools.partial, checked above
    if not (inspect.isroutine(target) or inspect.isclass(target)):
        target = type(target).__call__
    if inspect.isasyncgenfunction(target):
        return Kind.ASYNC_GENERATOR
    if inspect.iscoroutinefunction(target):
        return Kind.COROUTINE
    if inspect.isgeneratorfunction(target):
        return Kind.GENERATOR
    # Making an object does not block; visiting a thread for it would cost a hundred times the call.
    return Kind.INLINE if inline or inspect.isclass(target) else Kind.THREAD


def _identity(function: object) -> object:
    """What a function is known by: itself, or who it is if it has no hash, as the instance of a dataclass."""
    return function if isinstance(function, Hashable) else id(function)


def _name(function: object) -> str:
    while hasattr(function, "func"):
        function = cast("object", function.func)  # pyright: ignore[reportAttributeAccessIssue]: functools.partial
    return getattr(function, "__name__", type(function).__name__)


_SOURCES: dict[type[Marker], str] = {Query: "query", Header: "header", Cookie: "cookie", Path: "path"}
