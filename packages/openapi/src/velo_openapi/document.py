"""The document of some operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec

from velo_core import Operation, Problem
from velo_openapi.errors import OpenAPIError
from velo_openapi.operation_ids import OperationIds, place_of
from velo_openapi.options import DocumentOptions, options_of_handler
from velo_openapi.parameters import parameter_objects, request_body
from velo_openapi.problems import RESPONSES, SCHEMAS, possible_problems
from velo_openapi.responses import response_objects
from velo_openapi.schemas import Key, Schema, Schemas, Wanted
from velo_openapi.starting import Components, webhooks_of

__all__ = ["Document", "build", "draft"]

_METHODS = frozenset(("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"))
_NEW_TAG_MEMBERS = ("parent", "kind", "summary")
_NAME = re.compile(r"\{([^{}]+)\}")
_REFERENCE = re.compile(rb'"\$ref":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Document:
    """An OpenAPI document.

    Attributes:
        content: As plain data, which is yours to change: no part of it is anybody else's, or stands in it twice.
        warnings: What could not be said in it, or is better said: one sentence each.
        places: By the id of an operation, its method and path, and the file and line of its handler.
        problems: What is not in it as it was asked for.
    """

    content: dict[str, Any]
    warnings: tuple[str, ...]
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    problems: tuple[Problem, ...] = ()


def build(operations: Sequence[Operation], options: DocumentOptions, *, root_path: str = "") -> Document:
    """The document.

    Args:
        operations: Those of the application, or some of them.
        options: What the document says of itself.
        root_path: Where the application is mounted, if no servers are given.

    Raises:
        OpenAPIError: with all that cannot be as it was asked for.
    """
    made = draft(operations, options, root_path=root_path)
    if made.problems:
        raise OpenAPIError.of(made.problems)
    return made


def draft(operations: Sequence[Operation], options: DocumentOptions, *, root_path: str = "") -> Document:
    """The document, whatever is wrong: what cannot be as it was asked for is left out, and told in its `problems`."""
    return _Builder([one for one in operations if one.include_in_schema], options, root_path).build()


class _Builder:
    """Collects what a document is made of. Schemas are filled in at the end, when all types are known."""

    def __init__(self, operations: Sequence[Operation], options: DocumentOptions, root_path: str) -> None:
        self.operations = operations
        self.options = options
        self.root_path = root_path
        self.warnings: list[str] = []
        self.schemas = Schemas(dict.fromkeys(backend for one in operations for backend in one.model_backends))
        self.pending: list[tuple[Schema, Key, Callable[[Schema], Schema], str]] = []
        self.components = Components()
        self.tags: dict[str, Schema] = {str(tag["name"]): dict(tag) for tag in options.tags}
        self.hooks, wrong = webhooks_of(options)
        self.ids = OperationIds([*operations, *self.hooks], options.operation_id)
        self.problems: list[Problem] = [*wrong, *self.ids.problems]
        self.place = ""

    def build(self) -> Document:
        paths, sockets = self.paths()
        webhooks = self.webhooks()
        self.schemas.make()
        self.problems += self.schemas.problems
        for slot, key, shape, place in self.pending:
            self._fill(slot, key, shape, place)
        options = self.options
        servers = [dict(one) for one in options.servers] or ([{"url": self.root_path}] if self.root_path else [])
        content: dict[str, Any] = {
            "openapi": {"3.1": "3.1.1", "3.2": "3.2.0"}[options.openapi_version],
            "info": {"title": options.title, "version": options.version, **options.info},
            "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        }
        if options.openapi_version == "3.2":
            del content["jsonSchemaDialect"]
        if servers:
            content["servers"] = servers
        content["paths"] = paths
        if webhooks:
            content["webhooks"] = webhooks
        content["components"] = {}
        if self.tags:
            content["tags"] = [self._tag(tag) for tag in self.tags.values()]
        if sockets:
            content["x-websockets"] = sockets
        content |= options.extra
        if "components" not in options.extra:
            content["components"] = self._components(content)
        if not content["components"]:
            del content["components"]
        return Document(self._plain(content), tuple(self.warnings), self.ids.places, tuple(self.problems))

    # Paths.

    def paths(self) -> tuple[Schema, Schema]:
        """The path items, and the websockets, which OpenAPI has no place for."""
        grouped: dict[str, tuple[str, list[Operation]]] = {}
        sockets: Schema = {}
        for one in self.operations:
            if one.is_websocket:
                self.put(sockets, _literal(one.path), one, "WEBSOCKET", {})
                continue
            grouped.setdefault(_NAME.sub("{}", one.path), (_literal(one.path), []))[1].append(one)
        return {path: self.item(found, path) for path, found in grouped.values()}, sockets

    def webhooks(self) -> dict[str, Schema]:
        """The path items of the webhooks, by name."""
        named: dict[str, list[Operation]] = {}
        for one in self.hooks:
            named.setdefault(one.name, []).append(one)
        return {name: self.item(found, is_ours=True) for name, found in named.items()}

    def item(self, operations: Iterable[Operation], path: str = "", *, is_ours: bool = False) -> Schema:
        """One path item. Paths that differ in nothing but the names of parameters are one path, with the names of the first."""
        item: Schema = {}
        names = _NAME.findall(path)
        for one in operations:
            renamed = dict(zip(_NAME.findall(one.path), names, strict=False))
            for method in one.methods:
                field = method.lower()
                target = item
                if self.options.openapi_version == "3.2" and method not in _METHODS | {"QUERY"}:
                    target, field = item.setdefault("additionalOperations", {}), method
                elif self.options.openapi_version == "3.1" and method not in _METHODS:
                    target, field = item.setdefault("x-additionalOperations", {}), method
                self.put(target, field, one, method, renamed, is_ours=is_ours)
        return item

    def put(self, target: Schema, key: str, one: Operation, method: str, renamed: Mapping[str, str], *, is_ours: bool = False) -> None:
        """Puts an operation in its place; beside the one that is there, if that is of another host, version, or type of a parameter.

        Where something in it, which nobody foresaw, is not what it should be, that is a problem.
        """
        self.place = place_of(one, method)
        try:
            made = self.operation(one, method, renamed, is_ours=is_ours)
        except Exception as error:
            message = f"{self.place} cannot be described, and is left out: {type(error).__name__}: {error}; correct what it says of itself"
            self.problems.append(Problem("OPENAPI_OPERATION", message))
            return
        if target.setdefault(key, made) is not made:
            target[key].setdefault("x-alternatives", []).append(made)
            self.warnings.append(f"{self.place} is in x-alternatives of another route: OpenAPI has one for path and method")

    def operation(self, one: Operation, method: str, renamed: Mapping[str, str], *, is_ours: bool = False) -> Schema:
        """One operation object.

        Args:
            one: What it is of.
            method: One of its methods.
            renamed: Names that its parameters have in the document.
            is_ours: Whether it is this application that asks: a webhook. Then bodies are what we write, and responses what we read.
        """
        said = options_of_handler(one.handler)
        describe = self.describe_theirs if is_ours else self.describe
        made: Schema = {}
        if one.tags:
            made["tags"] = list(one.tags)
            for tag in one.tags:
                self.tags.setdefault(tag, {"name": tag})
        summary, description = _words(one)
        if summary:
            made["summary"] = summary
        if description:
            made["description"] = description
        made["operationId"] = self.ids.of(one, method)
        contributed: list[Schema] = [dict(given) for contribution in one.contributions for given in contribution.parameters]
        parameters = [*parameter_objects(one, describe), *contributed]
        for parameter in parameters:
            if parameter.get("in") == "path":
                parameter["name"] = renamed.get(parameter["name"], parameter["name"])
        if parameters:
            made["parameters"] = parameters
        body = request_body(one, describe)
        if body is not None:
            made["requestBody"] = body
        if not one.is_websocket:
            answers = () if is_ours else possible_problems(one)  # Velo answers nothing in place of others
            made["responses"] = response_objects(one, method, said, self.options.openapi_version, describe, answers)
        if said.callbacks:
            made["callbacks"] = dict(said.callbacks)
        if one.deprecated:
            made["deprecated"] = True
        security = _security(one)
        if security:
            made["security"] = security
        if one.version is not None:
            made["x-version"] = one.version
        if one.host is not None:
            made["servers"] = [_server(one)]
        self.contribute(one)
        return made | dict(said.extra)

    def describe(self, wanted: Wanted, shape: Callable[[Schema], Schema]) -> Schema:
        """See `Describe`."""
        slot: Schema = {}
        self.pending.append((slot, self.schemas.ask(wanted), shape, self.place))
        return slot

    def describe_theirs(self, wanted: Wanted, shape: Callable[[Schema], Schema]) -> Schema:
        """The same, where it is the other side that reads what is written here."""
        return self.describe(replace(wanted, mode="output" if wanted.mode == "input" else "input"), shape)

    def _fill(self, slot: Schema, key: Key, shape: Callable[[Schema], Schema], place: str) -> None:
        schema = self.schemas.of(key)
        try:
            slot.update(shape(schema))
        except (TypeError, ValueError, RecursionError) as error:  # of an example, say
            slot.update(schema)
            message = f"an example or a default of {place} has no form in JSON: {error}; write it as plain data"
            self.problems.append(Problem("OPENAPI_VALUE", message))

    # What belongs to the document.

    def contribute(self, one: Operation) -> None:
        """Adds components and tags of contributions."""
        for contribution in one.contributions:
            self.problems += self.components.add(contribution, self.place)
            for tag in contribution.tags:
                name = cast("str", tag["name"])
                self.tags[name] = {**tag, **self.tags.get(name, {})}

    def _components(self, used: Schema) -> Schema:
        made: Schema = {kind: dict(named) for kind, named in self.components.named.items()}
        referred = _references({**used, "components": made})
        problems = {f"Problem{status}": one for status, one in RESPONSES.items() if f"#/components/responses/Problem{status}" in referred}
        if problems:
            made["responses"] = problems | made.get("responses", {})
            referred |= _references(problems)
        own = {name: one for name, one in SCHEMAS.items() if f"#/components/schemas/{name}" in referred}
        named = self.schemas.components | made.get("schemas", {}) | own
        if named:
            made["schemas"] = dict(sorted(named.items()))
        return made

    def _plain(self, content: Schema) -> Schema:
        """The document as plain data."""
        try:
            encoded = msgspec.json.encode(content)
        except (TypeError, ValueError, RecursionError) as error:
            place = "".join(f"[{key!r}]" for key in _misfit(content))
            message = f"what is at {place} of the document has no form in JSON: {error}; write it as plain data"
            self.problems.append(Problem("OPENAPI_VALUE", message))
            encoded = _encoded(content)
        return msgspec.json.decode(encoded, type=dict[str, Any])

    def _tag(self, tag: Schema) -> Schema:
        if self.options.openapi_version == "3.2":
            return tag
        return {key: value for key, value in tag.items() if key not in _NEW_TAG_MEMBERS}


def _words(one: Operation) -> tuple[str, str]:
    """Summary and description: of a docstring, the first line is one if it is alone, and the rest is the other."""
    text = one.description or ""
    if one.summary is not None:
        return one.summary, text
    first, _, rest = text.partition("\n")
    if not rest.startswith("\n") and rest:
        first, rest = "", text
    return first.strip(), rest.strip()


def _literal(path: str) -> str:
    """The path as OpenAPI writes it: braces that are meant literally are percent-encoded."""
    return path.replace("{{", "%7B").replace("}}", "%7D")


def _security(one: Operation) -> list[Schema]:
    """Alternatives, each of which meets every contribution."""
    found: list[Schema] = [{}]
    for contribution in one.contributions:
        if contribution.security:
            found = [known | {name: list(scopes) for name, scopes in new.items()} for known in found for new in contribution.security]
    return found if found != [{}] else []


def _server(one: Operation) -> Schema:
    names = _NAME.findall(one.host or "")
    host = re.sub(r"\{([^{}:]+):[^{}]*\}", r"{\1}", one.host or "")
    variables = {name.partition(":")[0]: {"default": name.partition(":")[0]} for name in names}
    return {"url": f"//{host}"} | ({"variables": variables} if variables else {})


def _references(value: Schema) -> set[str]:
    """What is referred to, found in the text: a walk through the data takes ten times as long."""
    return {found.decode() for found in _REFERENCE.findall(_encoded(value))}


def _encoded(value: object) -> bytes:
    """As JSON, with `null` in place of what has no form there."""
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError):
        return msgspec.json.encode(_fitting(value))


def _fitting(value: object, depth: int = 0) -> object:
    """The data with `None` in place of what has no form in JSON."""
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError):
        if depth == _DEEPEST or not isinstance(value, Mapping | list | tuple):
            return None
        if isinstance(value, Mapping):
            members = cast("Mapping[object, object]", value)
            return {key: _fitting(one, depth + 1) for key, one in members.items() if isinstance(key, str | int)}
        return [_fitting(one, depth + 1) for one in cast("Sequence[object]", value)]
    return value


def _misfit(value: object, depth: int = 0) -> Iterator[object]:
    """The way to what cannot be encoded."""
    members: Iterable[tuple[object, object]] = cast("Mapping[object, object]", value).items() if isinstance(value, Mapping) else ()
    if isinstance(value, list | tuple):
        members = enumerate(cast("Sequence[object]", value))
    for key, one in members:
        try:
            msgspec.json.encode({key: one})
        except (TypeError, ValueError, RecursionError):
            yield key
            if depth < _DEEPEST:
                yield from _misfit(one, depth + 1)
            return


_DEEPEST = 30
"""Members of members that are looked through; a value that has itself inside has no end."""
