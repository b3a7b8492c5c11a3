"""What clients can ask of an application, as data: for OpenAPI documents and whatever else describes an interface.

It is read from the same bindings that run the requests, so that the two cannot disagree. Schemas are not made here: types are handed out as
they were declared, and `model_family` tells whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import getdoc
from typing import Annotated, Literal, Optional, TypeAlias, cast, get_args, get_origin

from msgspec import Struct

from velo_core.annotations import Annotation
from velo_core.codecs import Coding, ModelBackend, backend_for, media_type_of
from velo_core.contributions import OpenAPIContribution, openapi_of
from velo_core.errors import where
from velo_core.frozen import Frozen, Mounted
from velo_core.generators import event_data, item_of, may_be_text
from velo_core.hints import class_of, expand, is_union
from velo_core.markers import Marker
from velo_core.plan import Plan, Served
from velo_core.response import RedirectResponse, Response, StreamingResponse
from velo_core.results import Result, Shape
from velo_core.route import Route
from velo_core.router import Router
from velo_core.routing import Converter, Pattern
from velo_core.signatures import unwrap_callable
from velo_core.sse import ServerSentEvent
from velo_core.steps import Binding, Call, Extract, Hop, Read, ReadBody, ReadModel
from velo_core.types import MISSING
from velo_core.versioning import Deprecation, Versioning

__all__ = ["Operation", "OperationBody", "OperationParameter", "OperationResult", "dependencies", "model_family", "operations"]

ParameterLocation: TypeAlias = Literal["path", "host", "query", "header", "cookie", "body"]
ResponseClass: TypeAlias = type[Response]


class OperationParameter(Struct, frozen=True):
    """One value that a client sends.

    Attributes:
        name: On the wire; of a header in lower case.
        location: Where it is; `"body"` for a member of an object, or a field of a form.
        type: Declared type, without `Annotated` and without `None`.
        full: The same with what `Annotated` says besides markers, for the family of models that it belongs to.
        optional: Whether `None` is among the values.
        constraints: Bounds by name, wherever they were written: `{"ge": 1}`. Those of a collection hold for its items, but for lengths.
        required: Whether a request without it is refused.
        has_default: Whether `default` is known.
        default: Value if it is not sent.
        many: Whether a name can have several values.
        marker: What `Query(...)` and its like say.
        converter: Of the pattern, for what is in the path or the host.
    """

    name: str
    location: ParameterLocation
    type: object
    full: object
    optional: bool
    constraints: Mapping[str, object]
    required: bool
    has_default: bool
    default: object
    many: bool
    marker: Marker | None
    converter: Converter | None = None


class OperationBody(Struct, frozen=True):
    """One form that the body of a request can have.

    Attributes:
        media_types: That are accepted; any if there are none.
        type: What the whole body is, or `None` if it is an object of `parts`.
        parts: Members of the object, or fields of the form.
        required: Whether a request without a body is refused.
        forbids_extra: Whether members that are none of `parts` are refused.
        constraints: Bounds of the whole.
        marker: What `Body(...)` says of the whole.
        is_decoded: Whether Velo reads it, and so refuses other media types with a 415; what an extractor reads, it refuses itself.
    """

    media_types: tuple[str, ...]
    type: object | None
    parts: tuple[OperationParameter, ...]
    required: bool
    forbids_extra: bool
    constraints: Mapping[str, object]
    marker: Marker | None
    is_decoded: bool


class OperationResult(Struct, frozen=True):
    """What a handler answers when all is well.

    Attributes:
        status_code: Of the response, if the handler does not make it itself.
        media_types: Of the response, between which the request chooses; none if there is no content, or if only the response will tell.
        type: What is written, or one item of a stream; of events, what their data is written as. `None` if it is not declared.
        is_empty: Whether there is no content.
        is_stream: Whether items of `type` follow one another.
        is_partial: Whether fields of models may be left out, although they are required.
        by_alias: Whether fields have the names that their models give them in JSON, or those that they have in Python.
        response_classes: What the handler may return that is a response already.
    """

    status_code: int
    media_types: tuple[str, ...]
    type: object | None
    is_empty: bool
    is_stream: bool
    is_partial: bool
    by_alias: bool
    response_classes: tuple[ResponseClass, ...]


class Operation(Struct, frozen=True):
    """A route in its place, as clients see it.

    Attributes:
        methods: Without the automatic ones; empty for a websocket.
        path: The whole pattern without converters, such as `"/users/{user_id}"`. Braces that are meant literally are doubled.
        host: Pattern of the hosts it is for, without converters; all if `None`.
        name: The whole name.
        handler: The function.
        dependencies: The functions that run before it, in their order.
        place: File and line of the handler.
        routers: That it is on, from the application inwards.
        tags: For documentation.
        summary: For documentation.
        description: For documentation, the handler's docstring if the route has none.
        deprecated: For documentation.
        include_in_schema: For documentation.
        is_websocket: Whether it serves websockets.
        parameters: From path, host, query, headers and cookies.
        bodies: The forms that the body can have; none if nobody reads one.
        result: What comes back.
        contributions: What routers, plugins and dependencies add, outermost first.
        can_fail: Whether a request can have values that do not fit, so that there is a 422.
        forbids_extra: Where parameters that nobody takes are refused: `"query"`, `"cookie"`.
        max_content_length: Bytes of body accepted.
        timeout_seconds: After which there is a 503; never if `None`.
        version: That it is for; every version, or none, if `None`.
        versioning: How a request asks for that version; `None` if it does so by the path, or if there are no versions.
        deprecation: What all responses tell of its end.
        model_backends: Families of models that its types may be of, beyond those that Velo knows; the nearest first.
    """

    methods: tuple[str, ...]
    path: str
    host: str | None
    name: str
    handler: Callable[..., object]
    dependencies: tuple[Callable[..., object], ...]
    place: str
    routers: tuple[Router, ...]
    tags: tuple[str, ...]
    summary: str | None
    description: str | None
    deprecated: bool
    include_in_schema: bool
    is_websocket: bool
    parameters: tuple[OperationParameter, ...]
    bodies: tuple[OperationBody, ...]
    result: OperationResult
    contributions: tuple[OpenAPIContribution, ...]
    can_fail: bool
    forbids_extra: frozenset[str]
    max_content_length: int
    timeout_seconds: float | None
    version: str | None
    versioning: Versioning | None
    deprecation: Deprecation | None
    model_backends: tuple[ModelBackend, ...]


def model_family(annotation: object) -> str:
    """Whose models are in a type, and so who can make a schema of it: `"pydantic"` or `"msgspec"`, which knows all plain types."""
    return backend_for(annotation).family


def operations(frozen: Frozen, versioning: Versioning | None) -> tuple[Operation, ...]:
    """All operations, in the order of registration. A mount is none: what it serves is its own affair."""
    asked = versioning if frozen.versions else None
    return tuple(_operation(*one, asked) for one in _served(frozen))


def dependencies(frozen: Frozen) -> Iterator[tuple[Mounted, tuple[Callable[..., object], ...]]]:
    """Each route with the functions that run before its handler, in their order: a small part of what an operation tells."""
    for mounted, _, served in _served(frozen):
        yield mounted, tuple(call.function for call in _calls(served.binding))


def _served(frozen: Frozen) -> Iterator[tuple[Mounted, Plan, Served]]:
    plans: dict[int, Plan] = {}
    for entry in frozen.plans:
        plans.setdefault(id(entry.pattern), entry.plan)
    for mounted in frozen.routes:
        plan = plans.get(id(mounted.pattern))
        if plan is not None and isinstance(plan.endpoint, Served):
            yield mounted, plan, plan.endpoint


def _operation(mounted: Mounted, plan: Plan, served: Served, versioning: Versioning | None) -> Operation:
    route, inherited, binding = mounted.route, mounted.inherited, served.binding
    dependencies = tuple(call.function for call in _calls(binding))
    guards = (openapi_of(function) for function in dependencies)
    return Operation(
        methods=route.methods,
        path=_template(mounted.pattern),
        host=None if mounted.host is None else mounted.host.text,
        name=mounted.name,
        handler=route.handler,
        dependencies=dependencies,
        place=where(route.handler),
        routers=cast("tuple[Router, ...]", tuple(reversed(inherited.slots.holders))),
        tags=tuple(dict.fromkeys((*inherited.tags, *route.tags))),
        summary=route.summary,
        description=getdoc(unwrap_callable(route.handler)) if route.description is None else route.description,
        deprecated=route.deprecated,
        include_in_schema=route.include_in_schema,
        is_websocket=route.is_websocket,
        parameters=tuple(_parameters(mounted, binding)),
        bodies=tuple(_bodies(binding, _consumes(route, inherited.coding))),
        result=_result(route, binding, served.result),
        contributions=(*inherited.openapi, *(one for one in guards if one is not None)),
        can_fail=binding.can_fail,
        forbids_extra=frozenset(read.source for read in binding.reads if isinstance(read, ReadModel) and read.forbids_extra),
        max_content_length=plan.max_content_length,
        timeout_seconds=plan.timeout_seconds,
        version=mounted.version,
        versioning=None if mounted.version is None else versioning,
        deprecation=route.deprecation,
        model_backends=inherited.coding.backends,
    )


def _template(pattern: Pattern) -> str:
    """The pattern with the names of its parameters alone."""
    written: list[str] = []
    for segment in pattern.segments:
        names = [f"{{{parameter.name}}}" for parameter in segment.parameters]
        texts = [text.replace("{", "{{").replace("}", "}}") for text in segment.literals]
        written.append("".join(part for pair in zip(texts, [*names, ""], strict=True) for part in pair))
    return "/" + "/".join(written)


def _calls(binding: Binding) -> Iterator[Call]:
    for step in binding.steps:
        for call in step.steps if isinstance(step, Hop) else [step]:
            if isinstance(call, Call) and call is not binding.handler:
                yield call


def _parameters(mounted: Mounted, binding: Binding) -> Iterator[OperationParameter]:
    declared: dict[str, tuple[ParameterLocation, Converter]] = {one.name: ("path", one.converter) for one in mounted.pattern.parameters}
    for one in () if mounted.host is None else mounted.host.parameters:
        declared[one.name] = ("host", one.converter)
    for read in binding.reads:
        if isinstance(read, ReadModel):
            yield from (_parameter(one, _LOCATIONS[one.source], required=read.default is MISSING) for one in read.fields)
        elif read.source == "path":
            location, converter = declared.pop(read.key)
            yield _parameter(read, location, converter=converter)
        elif read.source in _LOCATIONS:
            yield _parameter(read, _LOCATIONS[read.source])
    for extract in binding.extracts:
        where_it_is = extract.extractor.location
        if where_it_is in ("query", "header", "cookie"):
            yield from (_parameter(one, _LOCATIONS[where_it_is], required=_is_required(extract)) for one in extract.fields)
    for name, (location, converter) in declared.items():  # only the request has them
        text = Read("", "path", name, declared=Annotation(type=converter.makes, full=converter.makes))
        yield _parameter(text, location, converter=converter)


_LOCATIONS: dict[str, ParameterLocation] = {"query": "query", "header": "header", "cookie": "cookie"}


def _is_required(extract: Extract) -> bool:
    return extract.default is MISSING


def _parameter(read: Read, location: ParameterLocation, *, converter: Converter | None = None, required: bool = True) -> OperationParameter:
    declared = cast("Annotation", read.declared)
    return OperationParameter(
        name=read.key,
        location=location,
        type=declared.type,
        full=declared.full,
        optional=declared.optional,
        constraints=dict(declared.constraints),
        required=required and read.default is MISSING and not read.may_be_absent,
        has_default=read.default is not MISSING,
        default=None if read.default is MISSING else read.default,
        many=read.many,
        marker=declared.marker,
        converter=converter,
    )


def _consumes(route: Route, above: Coding) -> tuple[str, ...]:
    coding = above.below(route.json, route.produces, route.consumes)
    return tuple(dict.fromkeys(media_type_of(codec) for codec in coding.codecs(coding.consumes)))


def _bodies(binding: Binding, consumes: tuple[str, ...]) -> Iterator[OperationBody]:
    if binding.body is not None:
        yield _body(binding.body, consumes)
    forms: dict[tuple[str, ...], list[Extract]] = {}
    for extract in binding.extracts:
        if extract.extractor.location == "body":
            forms.setdefault(extract.extractor.media_types, []).append(extract)
    for media_types, extracts in forms.items():
        parts = tuple(_parameter(one, "body", required=_is_required(extract)) for extract in extracts for one in extract.fields)
        closed = any(extract.forbids_extra for extract in extracts)
        yield OperationBody(media_types, None, parts, any(part.required for part in parts), closed, {}, None, False)


def _body(body: ReadBody, consumes: tuple[str, ...]) -> OperationBody:
    if body.parts:
        parts = tuple(_parameter(Read("", "body", one.key, default=one.default, declared=one.declared), "body") for one in body.parts)
        return OperationBody(consumes, None, parts, any(part.required for part in parts), False, {}, None, True)
    declared = body.declared
    raw = declared.type is bytes
    whole = cast("object", Optional[declared.full]) if declared.optional else declared.full  # noqa: UP045 - not a literal type
    required = body.default is MISSING and not raw  # an empty one has its bytes, too
    return OperationBody(() if raw else consumes, whole, (), required, False, dict(declared.constraints), declared.marker, not raw)


def _result(route: Route, binding: Binding, result: Result) -> OperationResult:
    """What is sent, by the declaration; nothing is known of the inside of a response that a handler makes itself."""
    made = tuple(_response_classes(binding.result if route.response_model is MISSING else MISSING))
    model = None if result.model is MISSING else result.model
    named = dict(result.headers).get("content-type", "").partition(";")[0]
    media_types = tuple(offer.media_type.partition(";")[0] for offer in result.offers) or ((named,) if named else ())
    if binding.yields:
        media_types = _stream_media_types(binding.result if route.response_model is MISSING else route.response_model, route.response_class)
        if media_types == ("text/event-stream",):
            model = None if may_be_text(result.model) else event_data(result.model)
    elif result.shape is Shape.MADE and route.response_class is not None:
        if issubclass(route.response_class, _OF_THEIR_OWN):  # what the handler returns is no content
            model, made = None, (route.response_class,)
        elif route.response_class.media_type is not None:
            media_types = (route.response_class.media_type,)
    empty = result.shape is Shape.NOTHING
    written = route.written
    partial = written.exclude_none or written.exclude_unset or written.exclude_defaults
    return OperationResult(result.status_code, media_types, model, empty, binding.yields, partial, written.by_alias, made)


_OF_THEIR_OWN = (StreamingResponse, RedirectResponse)
"""Responses, files among them, that are made of something else than their content."""


def _stream_media_types(declared: object, response_class: type[Response] | None) -> tuple[str, ...]:
    """What `generators.stream_maker` writes into the head."""
    if response_class is not None and response_class.media_type is not None:
        return (response_class.media_type,)
    item = item_of(declared)
    if item is MISSING:
        return ()
    if item is ServerSentEvent:
        return ("text/event-stream",)
    return ("application/octet-stream",) if item is bytes else ("text/plain",) if item is str else ("application/jsonl",)


def _response_classes(declared: object) -> Iterator[type[Response]]:
    hint = expand(declared)
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    for member in get_args(hint) if is_union(hint) else (hint,):
        kind = class_of(member)
        if kind is not None and issubclass(kind, Response):
            yield kind
