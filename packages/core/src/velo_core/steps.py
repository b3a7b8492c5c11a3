"""What happens for one request, as data: the steps that a plan runs.

`binding` writes them down, `generate` and `interpret` turn them into coroutines. Nothing here reads a signature or runs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct, field

from velo_core.annotations import Annotation
from velo_core.bodies import BodyConvert, BodyPart
from velo_core.callables import Kind, name_of
from velo_core.codecs import DEFAULT, Coding
from velo_core.conversion import ParameterConvert
from velo_core.errors import InvalidValue, where
from velo_core.markers import Dependency, Lifetime, Marker
from velo_core.names import Names
from velo_core.parameter_models import ModelConvert
from velo_core.threads import HANDLERS, SHARED_POOLS, ThreadPool
from velo_core.types import INVALID, MISSING
from velo_core.watch import may_wait

if TYPE_CHECKING:
    from velo_core.extractors import ExtractConvert, Extractor

__all__ = [
    "AppValue",
    "Binding",
    "Call",
    "Check",
    "Extract",
    "Given",
    "Hop",
    "Keep",
    "KnownNames",
    "Provider",
    "Read",
    "ReadBody",
    "ReadModel",
    "Step",
    "Surroundings",
]


class Read(Struct, frozen=True):
    """Takes one value from the head of the request.

    Attributes:
        variable: Name of the value in the plan.
        source: `"path"`, `"query"`, `"header"`, `"cookie"`, `"request"`, `"background"` or `"hints"`.
        key: Name on the wire.
        index: Position among the path parameters.
        many: Whether all values of that name are wanted, as a list.
        convert: Makes the value of the declared type, or `INVALID`; `None` to keep the text.
        default: Value if there is none; `MISSING` if it is required.
        declared: What the signature says; `None` for the request itself.
        may_be_absent: Whether a model does without it, by a default that only the model knows.
    """

    variable: str
    source: str
    key: str
    index: int = -1
    many: bool = False
    convert: ParameterConvert | None = None
    default: object = MISSING
    declared: Annotation | None = None
    may_be_absent: bool = False

    @property
    def can_fail(self) -> bool:
        """Whether the value may turn out to be `INVALID`."""
        return self.convert is not None


class ReadModel(Struct, frozen=True):
    """Makes a model of several values from the head of the request, one for each of its fields.

    Attributes:
        variable: Name of the model in the plan.
        source: As for `Read`.
        fields: How each value is found; they are converted by `convert`, and have no variables.
        convert: Makes the model, or `INVALID`.
        declared: What the signature says.
        default: Value if none of the parameters is there; `MISSING` if the model decides.
        forbids_extra: Whether parameters that nobody takes are refused.
    """

    variable: str
    source: str
    fields: tuple[Read, ...]
    convert: ModelConvert
    declared: Annotation
    default: object = MISSING
    forbids_extra: bool = False

    @property
    def can_fail(self) -> bool:
        """Whether the model may turn out to be `INVALID`."""
        return True


class KnownNames(Struct, frozen=True):
    """Refuses parameters that nobody takes.

    Attributes:
        variable: Of what has them in the plan: `"query"`, `"cookies"`, or what an extractor gave.
        check: Adds an error for each name that is not known.
    """

    variable: str
    check: Callable[[object, list[InvalidValue]], None]


class Extract(Struct, frozen=True):
    """Takes a value from what an extractor gave.

    Attributes:
        variable: Name of the value in the plan.
        origin: Variable of what it is taken from.
        is_guarded: Whether there may be nothing to take it from, because that could not be made.
        convert: Takes and converts it; `INVALID` if it does not fit.
        declared: What the signature says.
        default: Value if there is none; `MISSING` if it is required.
        fields: What is taken, for documentation: the value, or the fields of a model. `source` is the name of the extractor.
        extractor: Tells where documentation puts it.
        needs_body: Whether it comes from the body.
        forbids_extra: Whether names that nobody takes are refused.
    """

    variable: str
    origin: str
    is_guarded: bool
    convert: ExtractConvert
    declared: Annotation
    default: object
    fields: tuple[Read, ...]
    extractor: Extractor
    needs_body: bool = False
    forbids_extra: bool = False


class Keep(Struct, frozen=True):
    """Keeps a model in the request, for `Request.query_model` and `Request.body_model`.

    Attributes:
        name: `"query_model"` or `"body_model"`.
        variable: Name of the model in the plan.
    """

    name: str
    variable: str


class ReadBody(Struct, frozen=True):
    """Reads the body and makes a value of it, or several.

    Attributes:
        variable: Name of the value in the plan.
        convert: Makes the value from the bytes and the media type, or `INVALID`; `None` to keep the bytes.
        declared: What the signature says.
        default: Value for an empty body; `MISSING` if it is required.
        parts: Parameters that are members of an object in the body; if there are any, `convert` makes a tuple of their values, and
            `variable`, `declared` and `default` tell nothing.
        decode: Short for `convert` where the media type is JSON and the body fits; where it raises, `convert` has to say what is wrong.
    """

    variable: str
    convert: BodyConvert | None
    declared: Annotation
    default: object = MISSING
    parts: tuple[BodyPart, ...] = ()
    decode: Callable[[bytes], object] | None = None


class Call(Struct, frozen=True):
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
        lifetime: How long the result is good: of what has no tear-down, as long as all that it was made from.
        pool: Name of the threads it runs in, if it blocks.
    """

    variable: str
    function: Callable[..., Any]
    name: str
    arguments: tuple[tuple[str | None, str], ...]
    kind: Kind
    guards: tuple[str, ...] = ()
    needs_body: bool = False
    used: bool = True
    lifetime: Lifetime = "request"
    pool: str = HANDLERS

    @property
    def ends_early(self) -> bool:
        """Whether there is a tear-down that has to run before the response starts."""
        return self.kind.opens and self.lifetime == "handler"


class Given(Struct, frozen=True, eq=False):
    """What gives a value that is there already, before the application starts.

    Attributes:
        value: Given to all who ask.
    """

    value: object

    def __call__(self) -> object:
        """The value, as any other function of a dependency gives one."""
        return self.value


class AppValue(Struct, eq=False):
    """What a dependency gives that lives as long as the application. There is one for all who ask for the same.

    Attributes:
        call: How it is made.
        arguments: What it is made from, by the variables of `call`.
        value: What it is while the application runs, else `INVALID`.
    """

    call: Call
    arguments: Mapping[str, AppValue]
    value: object = INVALID

    @property
    def label(self) -> str:
        """Name and place, for messages."""
        return f"{name_of(self.call.function)} ({where(self.call.function)})"


class Provider(Struct, frozen=True):
    """What a router provides for a type.

    Attributes:
        dependency: How values of the type are made.
        place: File and line of the call of `provide`.
    """

    dependency: Dependency
    place: str


class Surroundings(Struct, frozen=True):
    """What a function finds around it.

    Attributes:
        overrides: Functions to call in place of others, or of what a router provides for a type.
        providers: By type.
        extractors: By marker.
        coding: How bodies are read.
        pools: Threads, by name.
        app_values: Those that have been asked for so far, in the order in which they can be made. Binding adds to them.
    """

    overrides: Mapping[Callable[..., object], Callable[..., object]] = field(
        default_factory=dict[Callable[..., object], Callable[..., object]]
    )
    providers: Mapping[object, Provider] = field(default_factory=dict[object, Provider])
    extractors: Mapping[type[Marker], Extractor] = field(default_factory=dict[type[Marker], "Extractor"])
    coding: Coding = DEFAULT
    pools: Mapping[str, ThreadPool] = SHARED_POOLS
    app_values: dict[object, AppValue] = field(default_factory=dict[object, AppValue])


class Check(Struct, frozen=True):
    """Answers 422 with all that did not fit so far."""


class Hop(Struct, frozen=True):
    """Plain functions that run one after another in one visit to a thread pool.

    Attributes:
        steps: The functions, and perhaps the check between them.
        pool: Name of the pool.
    """

    steps: tuple[Call | Check, ...]
    pool: str = HANDLERS

    @property
    def results(self) -> tuple[str, ...]:
        """Variables that are taken from the visit: what later steps use, or the handler's result."""
        return tuple(step.variable for step in self.steps if isinstance(step, Call) and step.used)


Step: TypeAlias = Read | ReadModel | KnownNames | Extract | Keep | ReadBody | Call | Check | Hop


class Binding(Struct, frozen=True):
    """How a handler is called.

    Attributes:
        steps: What happens, in order; the last one calls the handler.
        handler: The call of the handler.
        reads: The values from the head of the request.
        body: The value from the body, if any.
        result: Declared type of the result; `MISSING` if there is none.
        names: The names taken in the plan.
        extracts: The values that extractors give.
        constants: Values that live as long as the application, by variable.
        yields: Whether the handler yields what is sent.
    """

    steps: tuple[Step, ...]
    handler: Call
    reads: tuple[Read | ReadModel, ...]
    body: ReadBody | None
    result: object
    names: Names
    extracts: tuple[Extract, ...] = ()
    constants: Mapping[str, AppValue] = field(default_factory=dict[str, AppValue])
    yields: bool = False

    @property
    def parameters(self) -> tuple[Read, ...]:
        """The values from the head of the request one by one, those of models included."""
        return tuple(one for read in self.reads for one in (read.fields if isinstance(read, ReadModel) else (read,)))

    @property
    def needs_request(self) -> bool:
        """Whether something asks for the `Request` object, or for what it carries."""
        return any(read.source in ("request", "hints") for read in self.reads)

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
            if not isinstance(step, Call):
                continue
            if step.kind is Kind.ASYNC_MANAGER or (step.kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR) and may_wait(step.function)):
                return index
        return None

    @property
    def opens(self) -> bool:
        """Whether there is something to do after the response: a dependency has a tear-down, or tasks may be added."""
        return self.has_background or any(isinstance(step, Call) and step.kind.opens for step in self.steps)

    @property
    def has_background(self) -> bool:
        """Whether something asks for the tasks that run after the response."""
        return any(read.source == "background" for read in self.reads)

    @property
    def has_hints(self) -> bool:
        """Whether something asks for early hints."""
        return any(read.source == "hints" for read in self.reads)

    @property
    def ends_early(self) -> bool:
        """Whether a dependency is torn down before the response starts."""
        return any(isinstance(step, Call) and step.ends_early for step in self.steps)
