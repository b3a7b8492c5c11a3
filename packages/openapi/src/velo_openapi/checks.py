"""What a valid document still lacks: for those who read it, and for what is generated from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from velo_core import Operation
from velo_openapi.document import Document
from velo_openapi.options import DocumentOptions
from velo_openapi.schemas import Schema
from velo_openapi.sources import name_of, names, raised_statuses

__all__ = ["ERRORS", "RULES", "Finding", "check"]

RULES = {
    "anything": "A schema allows anything, for nothing is known of its type.",
    "body-of-get": "A GET, HEAD or DELETE request has a body, which has no meaning there (RFC 9110 section 9.3).",
    "default-title": "The document does not say of what it is.",
    "no-success": "An operation has no response of success.",
    "no-summary": "An operation says nothing of itself.",
    "not-in-document": "A route has no place of its own in the document.",
    "undescribed-parameter": "A parameter says nothing of itself.",
    "undescribed-tag": "A tag says nothing of itself.",
    "undocumented-security": "The header authorization is read, and the document asks for nothing.",
    "undocumented-status": "A handler or a dependency raises a status that the document does not have.",
    "unlike-problem": "A handler or a dependency raises what is a problem document, and the document has something else for the status.",
    "unknown-response": "Nothing is known of a response.",
    "unknown-security-scheme": "A security requirement names a scheme that nobody contributes.",
    "unused-component": "A component is contributed and never used.",
}
"""The warnings, by their codes, which are stable."""
ERRORS = {
    "duplicate-operation-id": "Two operations have one id.",
    "duplicate-parameter": "An operation has two parameters of one name in one place.",
    "invalid-default": "A default does not fit its own schema.",
    "invalid-structure": "Something is not what OpenAPI wants in its place, or is missing there.",
    "undeclared-path-parameter": "A path has a name in braces, and no parameter for it.",
    "undeclared-property": "A schema requires a property that it does not have.",
    "unreadable-document": "The validator takes something for granted that is not there.",
    "unresolved-reference": "There is nothing where a reference points.",
}
"""What makes a document invalid; beside them there are the codes of `OpenAPIError`."""
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_WORDS = frozenset(("title", "description", "default", "deprecated", "examples", "example"))
"""What says nothing of the values in a schema."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend.

    Attributes:
        code: One of `RULES`, or of an error: one of `ERRORS`, or that of an `OpenAPIError`.
        place: Operation with the file and line of its handler, or a JSON pointer into the document; empty for the whole of it.
        message: What is wrong, and what to do.
    """

    code: str
    place: str
    message: str

    @property
    def is_error(self) -> bool:
        """Whether the document is invalid, or not what was asked for."""
        return self.code not in RULES

    @property
    def line(self) -> str:
        """For people."""
        return f"{'error' if self.is_error else 'warning'}: {self.place + ': ' if self.place else ''}{self.message} [{self.code}]"

    @property
    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {"level": "error" if self.is_error else "warning", "code": self.code, "place": self.place, "message": self.message}


def check(document: Document, operations: Sequence[Operation]) -> list[Finding]:
    """All warnings about a document.

    Args:
        document: That is valid.
        operations: It was made of.
    """
    return list(_Checks(document, operations).findings())


class _Checks:
    def __init__(self, document: Document, operations: Sequence[Operation]) -> None:
        self.document = document
        self.content = document.content
        self.places = {place: name for name, place in document.places.items()}
        self.operations = {f"{method} {one.path} ({one.place})": one for one in operations for method in one.methods}

    def findings(self) -> Iterator[Finding]:
        """In the order of the document."""
        yield from self.of_document()
        yield from (Finding("not-in-document", "", warning) for warning in self.document.warnings)
        for method, path, made in _operation_objects(self.content):
            place = self.document.places.get(made.get("operationId", ""), f"{method.upper()} {path}")
            yield from self.of_operation(place, method, made)
            one = self.operations.get(place)
            if one is not None:
                yield from self.of_sources(place, one, made)
                yield from self.of_security(place, one, made)
        for name, schema in self.components("schemas").items():
            yield from _anything(f"#/components/schemas/{name}", f"#/components/schemas/{name}", schema)
        yield from self.of_components()

    def components(self, kind: str) -> Mapping[str, Any]:
        """The components of a kind, by name."""
        return cast("Mapping[str, Any]", self.content.get("components", {}).get(kind, {}))

    def of_document(self) -> Iterator[Finding]:
        """Title and tags."""
        if self.content["info"]["title"] == DocumentOptions().title:
            yield Finding("default-title", "#/info/title", "the title is the default one; give OpenAPI(title=..., version=...)")
        bare = [tag["name"] for tag in self.content.get("tags", ()) if not tag.get("description")]
        if bare:
            names = ", ".join(map(repr, bare))
            yield Finding(
                "undescribed-tag", "#/tags", f"no description of {names}; give OpenAPI(tags=[{{'name': ..., 'description': ...}}])"
            )

    def of_operation(self, place: str, method: str, made: Schema) -> Iterator[Finding]:
        """What the operation object shows."""
        if not (made.get("summary") or made.get("description")):
            yield Finding("no-summary", place, "neither summary nor description; give the handler a docstring")
        if method in ("get", "head", "delete") and "requestBody" in made:
            yield Finding(
                "body-of-get", place, f"a body in a {method.upper()} request, which many clients cannot send; use POST or a query"
            )
        bare = [one["name"] for one in made.get("parameters", ()) if "$ref" not in one and not one.get("description")]
        if bare:
            names = ", ".join(map(repr, bare))
            yield Finding("undescribed-parameter", place, f"no description of {names}; give the marker description=...")
        responses = cast("dict[str, Schema]", made.get("responses", {}))
        if not any(status[0] in "23d" for status in responses):
            yield Finding("no-success", place, "no response of success; declare one with status_code= or operation(responses=...)")
        for status, response in responses.items():
            if _is_unknown(status, response):
                hint = "declare what the handler returns, or give response_model= or operation(responses=...)"
                yield Finding("unknown-response", place, f"nothing is known of response {status}; {hint}")
        for where, schema in _schemas_of(made, responses):
            yield from _anything(place, where, schema)
        for requirement in made.get("security", ()):
            for name in requirement.keys() - self.components("securitySchemes").keys():
                message = f"there is no security scheme {name!r}; contribute it in components={{'securitySchemes': ...}}"
                yield Finding("unknown-security-scheme", place, message)

    def of_sources(self, place: str, one: Operation, made: Schema) -> Iterator[Finding]:
        """What handler and dependencies raise by their source."""
        responses = cast("dict[str, Schema]", made.get("responses", {}))
        told: set[int] = set()
        for function in (one.handler, *one.dependencies):
            for status, line in raised_statuses(function):
                known = next((key for key in (str(status), f"{status // 100}XX", "default") if key in responses), None)
                if status in told or (known is not None and self._is_problem(responses[known])):
                    continue
                told.add(status)
                raised = f"{name_of(function)} raises {status} in line {line}"
                given = f"responses={{{status}: HTTPError}}"
                hint = f"give operation({given})"
                if function is not one.handler:
                    hint = f"give the dependency the attribute openapi = OpenAPIContribution({given})"
                if known is None:
                    yield Finding("undocumented-status", place, f"{raised}; {hint}")
                else:
                    yield Finding("unlike-problem", place, f"{raised}, a problem document, and {known} has none; {hint}")

    def _is_problem(self, response: Schema) -> bool:
        """Whether a response may be a problem document, or anything."""
        reference = cast("str", response.get("$ref", ""))
        if reference:
            response = self.components("responses").get(reference.rpartition("/")[2], {})
        return bool({"application/problem+json", "application/*", "*/*"} & response.get("content", {}).keys())

    def of_security(self, place: str, one: Operation, made: Schema) -> Iterator[Finding]:
        """The header that OpenAPI has no parameter for, since security schemes say it."""
        if made.get("security") or self.content.get("security"):
            return
        readers = [function for function in (*one.dependencies, one.handler) if names(function, "authorization")]
        if readers or any(parameter.location == "header" and parameter.name == "authorization" for parameter in one.parameters):
            who = name_of(readers[0]) if readers else "a dependency"
            hint = "give it the attribute openapi = OpenAPIContribution(security=..., components={'securitySchemes': ...})"
            if readers and readers[0] is one.handler:
                hint = "read it in a dependency that has the attribute openapi = OpenAPIContribution(security=...)"
            yield Finding("undocumented-security", place, f"{who} reads the header authorization, which the document does not have; {hint}")

    def of_components(self) -> Iterator[Finding]:
        """What nobody refers to."""
        used = set(_references(self.content))
        required = {name for _, _, made in _operation_objects(self.content) for one in made.get("security", ()) for name in one}
        required |= {name for one in self.content.get("security", ()) for name in one}
        for kind, named in self.content.get("components", {}).items():
            for name in named:
                is_used = name in required if kind == "securitySchemes" else f"#/components/{kind}/{name}" in used
                if not is_used:
                    yield Finding("unused-component", f"#/components/{kind}/{name}", "nothing refers to it; leave it out, or use it")


def _operation_objects(content: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Method in lower case, path, and operation object."""
    for group in ("paths", "webhooks"):
        for path, item in cast("dict[str, Schema]", content.get(group, {})).items():
            known = {method: item[method] for method in _METHODS if method in item}
            others = {**item.get("additionalOperations", {}), **item.get("x-additionalOperations", {})}
            for method, made in (known | {name.lower(): one for name, one in others.items()}).items():
                yield method, path, made
                yield from ((method, path, one) for one in made.get("x-alternatives", ()))


def _is_unknown(status: str, response: Schema) -> bool:
    """Whether a response of success may be anything, and not a file, whose class is known."""
    content = cast("dict[str, Schema]", response.get("content", {}))
    if status == "default":
        return not any(media.get("schema") for media in content.values())
    return status.startswith("2") and content == {"*/*": {}} and response.get("description") not in ("The file", "A part of the file")


def _schemas_of(made: Schema, responses: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for parameter in made.get("parameters", ()):
        if "schema" in parameter:
            yield f"parameter {parameter['name']!r}", parameter["schema"]
    contents = [("the body", made.get("requestBody", {})), *((f"response {status}", one) for status, one in responses.items())]
    for where, holder in contents:
        for media_type, media in holder.get("content", {}).items():
            for key in ("schema", "itemSchema", "x-itemSchema"):
                if key in media:
                    yield f"{where} ({media_type})", media[key]


def _anything(place: str, where: str, schema: object) -> Iterator[Finding]:
    """The schemas in a schema that say nothing."""
    if not isinstance(schema, Mapping):
        return
    schema = cast("Mapping[str, Any]", schema)
    if not schema.keys() - _WORDS:
        kind = f"{schema['title']}, whose models do not say what is in them" if "title" in schema else "anything"
        said = "" if place == where else f"{where} is "
        yield Finding("anything", place, f"{said}{kind}; give it a type that has a schema")
        return
    for name, inner in schema.get("properties", {}).items():
        yield from _anything(place, f"{where}, member {name!r}" if place != where else f"member {name!r}", inner)
    inside: list[object] = [schema["items"]] if "items" in schema else []
    if schema.get("type") == "array" and not schema.keys() & {"items", "prefixItems"}:
        inside = [{}]
    inside += [one for key in ("anyOf", "oneOf", "allOf", "prefixItems") for one in schema.get(key, ())]
    for inner in inside:
        yield from _anything(place, where if place != where else "what is inside", inner)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in cast("Mapping[str, object]", value).items():
            if key == "$ref" and isinstance(one, str):
                yield one
            yield from _references(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _references(one)
