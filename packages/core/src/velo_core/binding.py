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

Neighbouring plain functions (`def`) of one pool become one `Hop`: one visit to its threads for all of them. What lives as long as the
application is no step at all: it is a constant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, TypeAlias, TypeVar, cast, get_args, get_origin

from msgspec import Struct
from msgspec.structs import replace

from velo_core.annotations import Annotation, read_annotation
from velo_core.arranging import Gathered, arrange
from velo_core.background import BackgroundTasks
from velo_core.binding_problems import advice, check_path, check_stream, check_websocket, is_service, label_of, not_a_class, outlives
from velo_core.binding_shapes import bound_alike, remember, shape_of
from velo_core.bodies import BodyPart
from velo_core.body_parameters import BodyConflict, BodyParameters
from velo_core.callables import Kind, identity_of, kind_of, name_of
from velo_core.codecs import UnsoundModel, has_fields, is_model
from velo_core.early_hints import EarlyHints
from velo_core.errors import Problem, where
from velo_core.head_parameters import HeadParameters, NotInPath, field_read
from velo_core.hints import class_of
from velo_core.markers import BUILT_IN, Body, Dependency, Lifetime, Marker, Path, Query
from velo_core.names import Names
from velo_core.remembering import once_per_type
from velo_core.request import Request
from velo_core.signatures import Parameter, Signature, UnresolvedAnnotation, resolve
from velo_core.steps import AppValue, Binding, Call, Extract, Given, Read, ReadModel, Surroundings
from velo_core.threads import HANDLERS, HANDLERS_POOL
from velo_core.types import MISSING

__all__ = ["Binder", "bind"]


def bind(
    handler: Callable[..., object],
    path_parameters: Sequence[str],
    *,
    dependencies: Sequence[Dependency] = (),
    surroundings: Surroundings | None = None,
    namespace: Mapping[str, object] | None = None,
    inline: bool = False,
    pool: str | None = None,
    made: Mapping[str, type] | None = None,
    is_websocket: bool = False,
) -> tuple[Binding | None, list[Problem]]:
    """The steps that serve a route, or the reasons why there can be none.

    Args:
        handler: The function of the route.
        path_parameters: Names in the path, in order.
        dependencies: Run before the handler; their results are dropped.
        surroundings: Providers, overrides, pools.
        namespace: Names visible where the handler was defined, beyond its module's, for annotations written as text.
        inline: Whether a plain handler runs on the event loop.
        pool: The threads that a plain handler runs in.
        made: Types that the pattern's converters already make of path parameters; `object` if it is not known.
        is_websocket: Whether there is a conversation, and no body.

    Returns:
        The binding, and all problems found. Without problems there is a binding.
    """
    if isinstance(handler, type):
        return None, [not_a_class(handler)]
    surroundings = surroundings or Surroundings()
    try:
        signature = resolve(handler, namespace or {})
    except UnresolvedAnnotation:  # told below, with all else that is wrong
        signature = None
    shape = None
    if signature is not None and not dependencies and pool is None and not is_websocket:
        shape = shape_of(handler, signature, path_parameters, surroundings, made or {}, inline)
    alike = None if shape is None else bound_alike(shape, handler)
    if alike is not None:
        return alike, []
    binder = Binder(surroundings, path_parameters, namespace or {}, made or {})
    binder.is_websocket = is_websocket
    for dependency in dependencies:
        binder.dependency(dependency, used=False)
    call = binder.call(Dependency(handler, inline=inline, pool=pool), handler, "result", is_handler=True, signature=signature)
    if not binder.problems:
        binder.problems += check_path(handler, binder.head)
    if is_websocket and call is not None:
        binder.problems += check_websocket(call, binder.body, binder.head, yields=binder.yields, declared=binder.result)
    if binder.yields:
        binder.problems += check_stream(handler, binder.calls)
    if call is None or binder.problems:
        return None, binder.problems
    binding = binder.finish(call)
    if shape is not None:
        remember(shape, binding)
    return binding, []


class Binder:
    """Collects the steps of one route, or of one scope outside of any request.

    Args:
        surroundings: What functions find around them.
        path_parameters: Names in the path, in order; `None` where there is no request.
        namespace: Names for annotations written as text.
        made: Types that the pattern's converters make.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        path_parameters: Sequence[str] | None,
        namespace: Mapping[str, object],
        made: Mapping[str, type],
    ) -> None:
        self.path_parameters = list(path_parameters or ())
        self.surroundings = surroundings
        self.backends = surroundings.coding.backends
        self.overrides = cast("Mapping[object, Callable[..., object]]", surroundings.overrides)
        self.namespace = namespace
        self.names = Names()
        self.problems: list[Problem] = []
        self.calls: list[Call] = []
        self.extracts: list[Extract] = []
        self.constants: dict[str, AppValue] = {}
        self.head = HeadParameters(self.names, self.path_parameters, made, self.backends)
        self.body = BodyParameters(self.names, surroundings.coding)
        self.kept: dict[str, ReadModel | BodyPart] = {}
        self.result: object = MISSING
        self.yields = False
        self.seen: dict[object, Call] = {}
        self.open: list[Callable[..., object]] = []
        # Why nothing can be read from a request here, if nothing can: there is none, or what is bound outlives it.
        self.no_request = "there is no request here" if path_parameters is None else ""
        self.for_app: Callable[..., object] | None = None
        self.is_websocket = False

    # What happens to one function.

    def dependency(self, dependency: Dependency, name: str = "", *, used: bool = True) -> Call | AppValue | None:
        """What a dependency gives: what is already there, or a new call. `name` is what the one who asks calls the result."""
        identity = identity_of(dependency.function)
        function = self.overrides.get(identity, dependency.function)
        key = (identity, dependency.inline, dependency.lifetime, dependency.pool)
        if self.for_app is not None and dependency.lifetime != "app":
            self.problem(
                "VELO_LIFETIME", f"{outlives(self.for_app, 'the application', function, dependency.lifetime)}; make that one of 'app'"
            )
            return None
        if dependency.cached and key in self.seen:
            known = self.seen[key]
            if used and not known.used:
                index = self.calls.index(known)
                known = self.calls[index] = self.seen[key] = replace(known, used=True)
            return known
        if function in self.open:
            path = " -> ".join(name_of(one) for one in [*self.open[self.open.index(function) :], function])
            self.problem(
                "VELO_DEPENDENCY_CYCLE",
                f"dependencies go round in a circle: {path} ({where(function)}); let one of them not ask for the next",
            )
            return None
        self.open.append(function)
        try:
            if dependency.lifetime == "app":
                return self.app_value(dependency, function, name, used=used)
            call = self.call(dependency, function, name, used=used)
        finally:
            self.open.pop()
        if call is not None:
            self.calls.append(call)
            if dependency.cached:
                self.seen[key] = call
        return call

    def app_value(self, dependency: Dependency, function: Callable[..., object], name: str, *, used: bool) -> AppValue | None:
        """The value that lives as long as the application. All routes share it if they would make it of the same."""
        outer = self.for_app, self.no_request
        self.for_app, self.no_request = function, f"{name_of(function)} lives as long as the application"
        try:
            signature = self.signature_of(function)
            if signature is None:
                return None
            arguments = [
                (parameter.name if parameter.is_keyword else None, parameter.name, bound)
                for parameter in signature.parameters
                if isinstance(bound := self.parameter(function, parameter), AppValue)
            ]
        finally:
            self.for_app, self.no_request = outer
        kind = self.kind(dependency, function)
        known = self.surroundings.app_values
        key: object = (identity_of(function), kind, dependency.pool, *((parameter, bound) for _, parameter, bound in arguments))
        value = known.get(key)
        if value is None or not dependency.cached:
            call = Call(
                variable="value",
                function=function,
                name=name_of(function),
                arguments=tuple((keyword, parameter) for keyword, parameter, _ in arguments),
                kind=kind,
                lifetime="app",
                pool=dependency.pool or HANDLERS,
            )
            value = AppValue(call, {parameter: bound for _, parameter, bound in arguments})
            if isinstance(function, Given):
                value.value = function.value
            known[key if dependency.cached else value] = value
        if self.for_app is None and value not in self.constants.values():
            self.constants[self.names.free(name or name_of(function))] = value
        return value

    def signature_of(self, function: Callable[..., object]) -> Signature | None:
        """Parameters and result of a function; `None` if there is a problem."""
        try:
            return resolve(function, self.namespace)
        except UnresolvedAnnotation as error:
            self.problem("VELO_ANNOTATION", str(error))
            return None

    def kind(self, dependency: Dependency, function: Callable[..., object]) -> Kind:
        """How a function is called. Notes a problem if that does not agree with its pool."""
        kind = kind_of(function, inline=dependency.inline, in_pool=dependency.pool is not None)
        pool = dependency.pool
        if pool is None:
            return kind
        if pool not in self.surroundings.pools:
            known = ", ".join(repr(name) for name in self.surroundings.pools)
            self.problem(
                "VELO_POOL", f"{label_of(function)} wants the pool {pool!r}, but there are {known}; add it: Velo(pools={{{pool!r}: 4}})"
            )
        elif not kind.blocks:
            why = "inline=True keeps it on the event loop" if dependency.inline else f"as {kind.value} it runs on the event loop"
            self.problem("VELO_POOL", f"{label_of(function)} wants the pool {pool!r}, but {why}; leave one of the two away")
        return kind

    def call(
        self,
        dependency: Dependency,
        function: Callable[..., object],
        wanted: str,
        *,
        used: bool = True,
        is_handler: bool = False,
        signature: Signature | None = None,
    ) -> Call | None:
        """Binds the parameters of a function."""
        signature = signature or self.signature_of(function)
        if signature is None:
            return None
        result = signature.result
        kind = self.kind(dependency, function)
        if is_handler:
            self.result = MISSING if result is None else result.type
        if is_handler and kind.opens:
            stream = self.stream(dependency, kind, function)
            if stream is None:
                return None
            function, kind = stream, Kind.COROUTINE
        name = self.names.free(name_of(function))
        arguments: list[tuple[str | None, str]] = []
        guards: list[str] = []
        needs_body = dependency.needs_body
        lifetime = dependency.lifetime
        for parameter in signature.parameters:
            bound = self.parameter(function, parameter)
            if bound is None:
                continue
            keyword = parameter.name if parameter.is_keyword else None
            arguments.append((keyword, self.variable_of(bound)))
            if isinstance(bound, Call):
                guards += [bound.variable] if bound.guards else []
                needs_body = needs_body or bound.needs_body
                if bound.lifetime == "handler" and lifetime == "request" and not is_handler:
                    lifetime = self.shortened(kind, function, bound)
            elif isinstance(bound, _TypedRequest):
                guards += bound.guards
                needs_body = needs_body or bound.needs_body
            elif isinstance(bound, Extract):
                guards.append(bound.variable)
                needs_body = needs_body or bound.needs_body
            elif isinstance(bound, BodyPart):
                guards.append(bound.variable)
                needs_body = True
            elif not isinstance(bound, AppValue) and bound.can_fail:
                guards.append(bound.variable)
        variable = self.names.free(wanted or f"{name_of(function)}_result")
        pool = dependency.pool or HANDLERS
        return Call(variable, function, name, tuple(arguments), kind, tuple(dict.fromkeys(guards)), needs_body, used, lifetime, pool)

    def stream(self, dependency: Dependency, kind: Kind, function: Callable[..., object]) -> Callable[..., object] | None:
        """What is called for a handler that yields; `None` if there is a problem."""
        if kind not in (Kind.ASYNC_GENERATOR, Kind.GENERATOR):
            message = f"the handler {label_of(function)} makes a context manager"
            message = f"{message}; take what it opens as a dependency: Depends({name_of(function)})"
            self.problem("VELO_HANDLER", message)
            return None
        from velo_core.generators import item_of, stepped

        self.yields = True
        try:
            item = item_of(self.result)
        except TypeError:  # which is reported with all else about the result
            item = MISSING
        pool = self.surroundings.pools.get(dependency.pool or HANDLERS, HANDLERS_POOL)
        return stepped(cast("Callable[..., Iterable[object]]", function), item, pool.run)

    def shortened(self, kind: Kind, function: Callable[..., object], bound: Call) -> Lifetime:
        """The lifetime of what asks for something that ends with the handler. What has a tear-down would still use it in there."""
        if kind.opens:
            message = outlives(function, "the request", bound.function, "handler")
            self.problem("VELO_LIFETIME", f"{message}; give both of them the same lifetime")
        return "handler"

    def variable_of(self, bound: _Bound) -> str:
        """The name of a value in the plan."""
        if isinstance(bound, AppValue):
            return next(variable for variable, value in self.constants.items() if value is bound)
        return bound.variable

    # What happens to one parameter.

    def parameter(self, function: Callable[..., object], parameter: Parameter) -> _Bound | None:
        """Where the value of a parameter comes from; `None` if it stays away, or if there is a problem."""
        annotation = parameter.annotation
        place = _Place(function, parameter.name)
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
        provided = self.provided(parameter.name, annotation)
        if provided is not None:
            return self.dependency(provided, parameter.name)
        if self.no_request:
            if parameter.default is MISSING or annotation.marker is not None:
                self.problem("VELO_NO_REQUEST", f"{place} has no value, for {self.no_request}; {advice(annotation)}")
            return None
        default = parameter.default
        if annotation.optional and default is MISSING:
            default = None
        if not parameter.is_annotated and self.head.is_request(parameter, websocket=self.is_websocket):
            return self.request(function, place, ())
        if _is_special(annotation.type):
            return self.special(function, place, annotation.type)
        marker = annotation.marker or self._guess(parameter.name, annotation.type)
        try:
            if isinstance(marker, Body):
                return self.body.ask(function, parameter.name, annotation, default)
            if not isinstance(marker, BUILT_IN):
                return self.extract(place, marker, parameter.name, annotation, default)
            return self.head.ask(parameter.name, annotation, marker, default)
        except NotInPath as error:
            self.problem("VELO_PATH_PARAMETER", f"{place} is a path parameter, but {error}")
            return None
        except BodyConflict as error:
            self.problem("VELO_BODY_TWICE", f"{place} asks for {error}")
            return None
        except UnsoundModel as error:
            self.problem("VELO_MODEL", str(error))
            return None
        except TypeError as error:
            if is_service(annotation) and not annotation.constraints:
                message = (
                    f"{place} is a {cast('type', annotation.type).__qualname__}, which nobody provides here and no request can be read as"
                )
                self.problem("VELO_NOT_PROVIDED", f"{message}; {advice(annotation)}")
                return None
            self.problem("VELO_TYPE", f"{place} has a type that cannot be read from a request: {error}")
            return None

    def special(self, function: Callable[..., object], place: _Place, target: object) -> _Bound | None:
        """What is known by its type alone: the request, and what each request has one of. Or a problem."""
        kind = class_of(target) or object
        if issubclass(kind, Request):  # a `WebSocket` among them
            if kind.is_websocket and not self.is_websocket:
                self.problem("VELO_WEBSOCKET_HANDLER", f"{place} is a WebSocket, but the route serves HTTP; use @app.websocket(...)")
                return None
            return self.request(function, place, get_args(target))
        if _is_config(kind):  # it has fields, and could be read from the body: by whoever sends one
            message = f"{place} is the configuration {kind.__qualname__}, which the application does not have"
            self.problem("VELO_NOT_PROVIDED", f"{message}; give it: Velo(config={kind.__name__}.load())")
            return None
        source, name = _OF_REQUEST[kind]
        return self.head.of_request(source, name)

    def request(self, function: Callable[..., object], place: _Place, models: tuple[object, ...]) -> _TypedRequest:
        """The request; a function that wants models in it waits for them."""
        self.head.of_request("request")
        kept: list[ReadModel | BodyPart] = []
        for name, model in zip(_KEPT, models, strict=False):
            if model in (None, NoneType, Any, object) or isinstance(model, TypeVar):
                continue
            try:
                read = self.request_model(function, name, read_annotation(model))
            except (BodyConflict, TypeError) as error:
                code = "VELO_BODY_TWICE" if isinstance(error, BodyConflict) else "VELO_TYPE"
                self.problem(code, f"the {name} of {place} cannot be read: it is {error}")
                continue
            kept.append(read)
            if self.kept.setdefault(name, read) is not read:
                others = self.kept[name].declared.type
                self.problem("VELO_TYPE", f"the {name} of {place} is another type than {others} elsewhere in this route; ask for the same")
        return _TypedRequest(tuple(read.variable for read in kept), any(isinstance(read, BodyPart) for read in kept))

    def request_model(self, function: Callable[..., object], name: str, annotation: Annotation) -> ReadModel | BodyPart:
        """What is read for one of the types in `Request[Filters, Item]`."""
        default = None if annotation.optional else MISSING
        if name == "body_model":
            return self.body.ask(function, name, annotation, default, whole=True)
        if not has_fields(annotation.type, self.backends):
            raise TypeError(f"{annotation.type}, which has no fields; write a model of the query, or None")
        return self.head.ask_model(name, annotation, Query(), default)

    def provided(self, name: str, annotation: Annotation) -> Dependency | None:
        """What a router provides for the type of a parameter that does not say itself where it comes from."""
        if annotation.marker is not None or not self.surroundings.providers or name in self.path_parameters:
            return None
        return self.provider_of(annotation.type) if isinstance(annotation.type, Hashable) else None

    def provider_of(self, kind: object) -> Dependency | None:
        """What is provided for a type, or what takes its place in a test."""
        provider = self.surroundings.providers.get(kind)
        if provider is None:
            return None
        function = self.overrides.get(kind)
        return provider.dependency if function is None else replace(provider.dependency, function=function)

    def _guess(self, name: str, target: object) -> Marker:
        if name in self.path_parameters:
            return _PATH
        return _BODY if _is_data(target) or is_model(target, self.backends) else _QUERY

    def extract(self, place: _Place, marker: Marker, name: str, annotation: Annotation, default: object) -> Extract | None:
        """A value that an extractor gives."""
        known = self.surroundings.extractors
        extractor = next((known[kind] for kind in type(marker).__mro__ if kind in known), None)
        if extractor is None:
            kind = type(marker).__qualname__
            message = f"{place} is marked with {kind}, which nobody reads here; install the plugin that does, or add_extractor({kind}, ...)"
            self.problem("VELO_EXTRACTOR", message)
            return None
        origin = self.dependency(extractor.dependency, extractor.name)
        if origin is None:
            return None
        variable = self.variable_of(origin)
        from velo_core.extractors import extracted

        made = extracted(extractor, marker, name, annotation, default)
        fields = tuple(field_read(extractor.name, one) for one in made.fields)
        for same in self.extracts:
            if (same.origin, same.default, same.declared, same.fields) == (variable, default, annotation, fields):
                return same
        extract = Extract(
            variable=self.names.free(name),
            origin=variable,
            is_guarded=isinstance(origin, Call) and bool(origin.guards),
            convert=made.convert,
            declared=annotation,
            default=default,
            fields=fields,
            extractor=extractor,
            needs_body=isinstance(origin, Call) and origin.needs_body,
            forbids_extra=made.forbids_extra,
        )
        self.extracts.append(extract)
        return extract

    # The end.

    def problem(self, code: str, message: str) -> None:
        """Notes a mistake."""
        self.problems.append(Problem(code, message))

    def finish(self, handler: Call) -> Binding:
        """Puts the steps in order."""
        body = self.body.step()
        kept = {name: read.variable for name, read in self.kept.items()}
        steps = arrange(Gathered(self.head.reads, self.calls, self.extracts, body, kept, tuple(self.constants)), handler)
        reads = tuple(self.head.reads)
        return Binding(steps, handler, reads, body, self.result, self.names, tuple(self.extracts), self.constants, self.yields)


class _TypedRequest(Struct, frozen=True):
    """The request, for a function that may want models in it.

    Attributes:
        guards: Their variables.
        needs_body: Whether one comes from the body.
    """

    guards: tuple[str, ...]
    needs_body: bool
    variable: str = "request"


class _Place(Struct, frozen=True, eq=False):
    """A parameter, for messages. Most have nothing wrong, so it is written when it is needed."""

    function: Callable[..., object]
    name: str

    def __str__(self) -> str:
        return f"parameter {self.name!r} of {label_of(self.function)}"


_Bound: TypeAlias = Read | ReadModel | Extract | BodyPart | Call | AppValue | _TypedRequest
"""Where the value of a parameter comes from."""
_OF_REQUEST: dict[type, tuple[str, str]] = {BackgroundTasks: ("background", "tasks"), EarlyHints: ("hints", "hints")}
"""What each request has one of, by type: the source, and the name in the plan."""
_BODIES: tuple[object, ...] = (dict, list, object)
"""Plain types that come from the body."""
_KEPT = ("query_model", "body_model")
"""What the arguments of `Request[...]` are, in order."""
_PATH, _QUERY, _BODY = Path(), Query(), Body()


@once_per_type
def _is_special(hint: object) -> bool:
    """Whether a parameter is known by its type alone, and is no value that somebody sends."""
    kind = class_of(hint) or object
    return issubclass(kind, Request) or kind in _OF_REQUEST or _is_config(kind)


@once_per_type
def _is_data(hint: object) -> bool:
    """Whether values have others in them, and so come from the body."""
    return get_origin(hint) in (list, set, frozenset, dict, tuple) or hint in _BODIES


def _is_config(kind: type) -> bool:
    """Whether it is a configuration. Nobody can have named one who has not imported what defines it, which most applications do not."""
    module = sys.modules.get("velo_core.config")
    return module is not None and issubclass(kind, cast("Any", module).Config)
