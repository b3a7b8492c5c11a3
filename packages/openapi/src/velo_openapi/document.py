"""The document of some operations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from velo_core import Operation, Velo
from velo_openapi.errors import OpenAPIError
from velo_openapi.options import DocumentOptions, OperationOptions, options_of_handler
from velo_openapi.parameters import parameter_objects, request_body
from velo_openapi.problems import RESPONSES, SCHEMAS
from velo_openapi.responses import response_objects
from velo_openapi.schemas import Key, Schema, Schemas, Wanted

__all__ = ["Document", "build"]

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
    """

    content: dict[str, Any]
    warnings: tuple[str, ...]
    places: Mapping[str, str] = field(default_factory=dict[str, str])


def build(operations: Sequence[Operation], options: DocumentOptions, *, root_path: str = "") -> Document:
    """The document.

    Args:
        operations: Those of the application, or some of them.
        options: What the document says of itself.
        root_path: Where the application is mounted, if no servers are given.

    Raises:
        OpenAPIError: contributions do not go together, or two operations were given one id.
    """
    return _Builder([one for one in operations if one.include_in_schema], options, root_path).build()


class _Builder:
    """Collects what a document is made of. Schemas are filled in at the end, when all types are known."""

    def __init__(self, operations: Sequence[Operation], options: DocumentOptions, root_path: str) -> None:
        self.operations = operations
        self.options = options
        self.root_path = root_path
        self.warnings: list[str] = []
        self.schemas = Schemas(dict.fromkeys(backend for one in operations for backend in one.model_backends))
        self.pending: list[tuple[Schema, Key, Callable[[Schema], Schema]]] = []
        self.components: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, Schema] = {tag["name"]: dict(tag) for tag in options.tags}
        hooks = options.webhooks
        self.hooks = [] if hooks is None else _operations_of(hooks)
        # One id for one method of one operation.
        self.shared_names = {name for name, count in Counter(self._base_ids([*operations, *self.hooks])).items() if count > 1}
        self.ids: dict[str, str] = {}

    def build(self) -> Document:
        paths, sockets = self.paths()
        webhooks = {one.name: self.item([one]) for one in self.hooks}
        self.schemas.make()
        for slot, key, shape in self.pending:
            slot.update(shape(self.schemas.of(key)))
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
        return Document(msgspec.json.decode(_encoded(content)), tuple(self.warnings), self.ids)

    # Paths.

    def paths(self) -> tuple[Schema, Schema]:
        """The path items, and the websockets, which OpenAPI has no place for."""
        grouped: dict[str, tuple[str, list[Operation]]] = {}
        sockets: Schema = {}
        for one in self.operations:
            if one.is_websocket:
                sockets[_literal(one.path)] = self.operation(one, "WEBSOCKET", {})
                continue
            grouped.setdefault(_NAME.sub("{}", one.path), (_literal(one.path), []))[1].append(one)
        return {path: self.item(found, path) for path, found in grouped.values()}, sockets

    def item(self, operations: Iterable[Operation], path: str = "") -> Schema:
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
                made = self.operation(one, method, renamed)
                if target.setdefault(field, made) is not made:  # of another host, another version, or other types of its parameters
                    target[field].setdefault("x-alternatives", []).append(made)
                    place = f"{method} {one.path} ({one.place})"
                    self.warnings.append(f"{place} is in x-alternatives of another route: OpenAPI has one for path and method")
        return item

    def operation(self, one: Operation, method: str, renamed: Mapping[str, str]) -> Schema:
        """One operation object."""
        said = options_of_handler(one.handler)
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
        made["operationId"] = self.operation_id(one, method, said)
        contributed: list[Schema] = [dict(given) for contribution in one.contributions for given in contribution.parameters]
        parameters = [*parameter_objects(one, self.describe), *contributed]
        for parameter in parameters:
            if parameter.get("in") == "path":
                parameter["name"] = renamed.get(parameter["name"], parameter["name"])
        if parameters:
            made["parameters"] = parameters
        body = request_body(one, self.describe)
        if body is not None:
            made["requestBody"] = body
        if not one.is_websocket:
            made["responses"] = response_objects(one, said, self.options.openapi_version, self.describe)
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

    def operation_id(self, one: Operation, method: str, said: OperationOptions) -> str:
        """The id: what the handler says, what the policy says, or the name of the route, with method and path if others have it too."""
        policy = self.options.operation_id
        found = said.operation_id or (None if policy is None else policy(one, method))
        if found is None:
            found = _base_id(one, method)
            if found in self.shared_names:
                found = "_".join((found, *re.findall(r"[A-Za-z0-9]+", f"{method.lower()} {one.path} {one.host or ''}")))
                if found in self.ids and one.version is not None:
                    found = "_".join((found, *re.findall(r"[A-Za-z0-9]+", one.version)))
                number, base = 1, found
                while found in self.ids:  # the types of parameters alone tell such routes apart
                    number, found = number + 1, f"{base}_{number + 1}"
        place = f"{method} {one.path} ({one.place})"
        if found in self.ids:
            message = f"{place} and {self.ids[found]} both have the operation id {found!r}; give one of them another"
            raise OpenAPIError("OPENAPI_OPERATION_ID", message)
        self.ids[found] = place
        return found

    @staticmethod
    def _base_ids(operations: Iterable[Operation]) -> Iterator[str]:
        for one in operations:
            yield from (_base_id(one, method) for method in one.methods or ("WEBSOCKET",))

    def describe(self, wanted: Wanted, shape: Callable[[Schema], Schema]) -> Schema:
        """See `Describe`."""
        slot: Schema = {}
        self.pending.append((slot, self.schemas.ask(wanted), shape))
        return slot

    # What belongs to the document.

    def contribute(self, one: Operation) -> None:
        """Adds components and tags of contributions."""
        for contribution in one.contributions:
            for kind, named in contribution.components.items():
                known = self.components.setdefault(kind, {})
                for name, component in named.items():
                    if known.setdefault(name, component) != component:
                        message = f"two plugins contribute different {kind} of the name {name!r}, to {one.path} ({one.place}); rename one"
                        raise OpenAPIError("OPENAPI_COMPONENT", message)
            for tag in contribution.tags:
                name = cast("str", tag["name"])
                self.tags[name] = {**tag, **self.tags.get(name, {})}

    def _components(self, used: Schema) -> Schema:
        made: Schema = {kind: dict(named) for kind, named in self.components.items()}
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

    def _tag(self, tag: Schema) -> Schema:
        if self.options.openapi_version == "3.2":
            return tag
        return {key: value for key, value in tag.items() if key not in _NEW_TAG_MEMBERS}


def _operations_of(router: Any) -> list[Operation]:
    """The operations of a router that nobody serves."""
    described = Velo()
    described.include(router)
    return list(described.operations)


def _base_id(one: Operation, method: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", one.name) or "root"
    return f"{name}_{method.lower()}" if len(one.methods) > 1 else name


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
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        place = "".join(f"[{key!r}]" for key in _misfit(value))
        raise OpenAPIError(
            "OPENAPI_VALUE", f"what is at {place} of the document has no form in JSON: {error}; write it as plain data"
        ) from error


def _misfit(value: object) -> Iterator[object]:
    """The way to what cannot be encoded."""
    members: Iterable[tuple[object, object]] = cast("Mapping[object, object]", value).items() if isinstance(value, Mapping) else ()
    if isinstance(value, (list, tuple)):
        members = enumerate(cast("Sequence[object]", value))
    for key, one in members:
        try:
            msgspec.json.encode(one)
        except (TypeError, ValueError, RecursionError):
            yield key
            yield from _misfit(one)
            return
