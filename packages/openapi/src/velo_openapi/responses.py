"""Responses of an operation, in the words of OpenAPI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, cast

from velo_core import (
    EventSourceResponse,
    FileResponse,
    HTTPError,
    OpenAPIContribution,
    Operation,
    OperationResult,
    RedirectResponse,
    Response,
)
from velo_openapi.options import OperationOptions, Version, is_type_schema, media_types_of
from velo_openapi.parameters import Describe
from velo_openapi.problems import RESPONSES, problem_response
from velo_openapi.schemas import Schema, Wanted

__all__ = ["response_objects"]

_FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}


def _header(description: str, **members: object) -> Schema:
    return {"description": description, "schema": {"type": "string"}, **members}


_VARY: Schema = {"Vary": _header("`Accept`, which the media type depends on.", required=True)}
_DEPRECATION = {
    "deprecation": ("Deprecation", _header("Since when it should not be used any more (RFC 9745).", required=True)),
    "sunset": ("Sunset", _header("When it is going to stop to work (RFC 8594).", required=True)),
    "link": ("Link", _header("What is written about that, and what takes its place (RFC 8288).", required=True)),
}
_VALIDATORS: Schema = {
    "ETag": _header("Which version of the file it is (RFC 9110 section 8.8.3).", required=True),
    "Last-Modified": _header("When the file was changed (RFC 9110 section 8.8.2).", required=True),
}
_RANGES: Schema = {"Accept-Ranges": _header("`bytes`: parts can be asked for (RFC 9110 section 14.3).", required=True)}
_PART: Schema = {"Content-Range": _header("Which part it is; in a multipart response each part has its own.")}


def response_objects(
    operation: Operation, method: str, options: OperationOptions, version: Version, describe: Describe, problems: Iterable[int]
) -> dict[str, Schema]:
    """The response objects by status: what the handler declares, what it says besides, what others contribute, what Velo answers.

    Args:
        operation: Of which they are.
        method: One of its methods.
        options: What the handler says.
        version: Of OpenAPI.
        describe: Asks for schemas.
        problems: Statuses of Velo's own answers.
    """
    writer = _Writer(operation.result, method, version, describe)
    made: dict[str, Schema] = dict(writer.results())
    headers = dict(_headers_of(operation))
    for contribution in operation.contributions:
        headers |= cast("Schema", contribution.headers)
        for status, response in contribution.responses.items():
            made = writer.given(str(status), response, None) | made
        for code in _refusals(contribution):
            made.setdefault(str(code), _problem(code))
    for code in problems:
        made.setdefault(str(code), _problem(code))
    if options.responses:  # the handler tells what it makes, so that is known
        made.pop("default", None)
    for key, given in options.responses.items():
        made |= writer.given(str(key), given, made.get(str(key)))
    if len(operation.result.media_types) > 1:
        status = str(operation.result.status_code)
        made[status] = made[status] | {"headers": _VARY | made[status].get("headers", {})}
    if headers:
        made = {status: _with_headers(status, one, headers) for status, one in made.items()}
    return dict(sorted(made.items()))


def _with_headers(status: str, response: Schema, headers: Schema) -> Schema:
    """A response with the headers of every response. A refusal may come before those who set them."""
    if response == _problem(status):
        response = _problem_in_full(status)
        headers = {name: {key: value for key, value in one.items() if key != "required"} for name, one in headers.items()}
    return response if "$ref" in response else response | {"headers": headers | response.get("headers", {})}


def _headers_of(operation: Operation) -> Iterator[tuple[str, Schema]]:
    """Those of every response."""
    if operation.versioning is not None:
        yield "Vary", _header(f"`{operation.versioning.request_field}`, which the version depends on.")
    for name, _ in () if operation.deprecation is None else operation.deprecation.headers:
        yield _DEPRECATION[name]


def _refusals(contribution: OpenAPIContribution) -> Iterator[int]:
    """Statuses of a guard that does not say which: 401, and 403 if it looks for scopes, which a token may lack (RFC 6750 section 3.1)."""
    if contribution.security and not {"401", "403"} & {str(status) for status in contribution.responses}:
        yield 401
        if any(scopes for requirement in contribution.security for scopes in requirement.values()):
            yield 403


def _problem(status: int | str) -> Schema:
    """A problem document: a component where Velo knows the status, or else the same written out."""
    if str(status).isdecimal() and int(status) in RESPONSES:
        return {"$ref": f"#/components/responses/Problem{status}"}
    return _problem_in_full(str(status))


def _problem_in_full(status: str) -> Schema:
    known = RESPONSES.get(int(status)) if status.isdecimal() else None
    return dict(known) if known is not None else problem_response(_phrase(status))


def _phrase(status: str) -> str:
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return "A response"


class _Writer:
    """Response objects of one method of an operation."""

    def __init__(self, result: OperationResult, method: str, version: Version, describe: Describe) -> None:
        self.result = result
        self.method = method
        self.describe = describe
        self.item_key = "itemSchema" if version == "3.2" else "x-itemSchema"

    def results(self) -> Iterator[tuple[str, Schema]]:
        """What the handler declares, by status."""
        result = self.result
        status = str(result.status_code)
        if result.is_empty:
            yield status, {"description": _phrase(status)}
        elif result.is_stream:
            yield status, {"description": _phrase(status), "content": self._stream()}
        elif result.media_types:
            content = {name: self._content() for name in result.media_types}
            yield status, {"description": _phrase(status), "content": content}
        elif not result.response_classes:  # of undeclared type: it shows when it is there
            yield status, {"description": _phrase(status), "content": {"*/*": {}}}
        for kind in result.response_classes:
            yield from self._of_class(kind, status)

    def given(self, status: str, given: Any, known: Schema | None) -> dict[str, Schema]:
        """What the handler says of a status; of a file, that is all that a file can be."""
        if isinstance(given, Mapping):
            return {status: self._response_object(status, cast("Mapping[str, Any]", given), known)}
        if given is None:
            return {status: {"description": _phrase(status)}}
        if given is HTTPError:
            return {status: _problem(status)}
        if isinstance(given, type) and issubclass(given, Response):
            made = dict(self._of_class(given, status))
            return made if issubclass(given, FileResponse) else {status: next(iter(made.values())) | {"description": _phrase(status)}}
        return {
            status: {"description": _phrase(status), "content": {"application/json": {"schema": self._given_type(cast("object", given))}}}
        }

    def _response_object(self, status: str, given: Mapping[str, Any], known: Schema | None) -> Schema:
        """One in the words of OpenAPI, in which a schema may be a type; it goes over what is known, of an error its problem."""
        if "$ref" in given:
            return dict(given)
        if known is None or "$ref" in known:
            known = _problem_in_full(status) if status[0] in "45" else {"description": _phrase(status)}
        made = known | dict(given)
        if typed := {name: one for name, one in media_types_of(made).items() if is_type_schema(one)}:
            described = {name: {**one, "schema": self._given_type(one["schema"])} for name, one in typed.items()}
            made["content"] = dict(made["content"]) | described
        if not made.get("content", True):  # says that there is no body, as its absence does
            del made["content"]
        return made

    def _given_type(self, kind: object) -> Schema:
        return self.describe(Wanted(kind, "output"), lambda schema: schema)

    def _schema(self, kind: object) -> Schema:
        result = self.result
        return self.describe(Wanted(kind, "output", result.is_partial, by_alias=result.by_alias), lambda schema: schema)

    def _content(self) -> Schema:
        if self.result.type is None:
            return {}
        if self.result.type is bytes:
            return {"schema": dict(_FILE)}
        return {"schema": self._schema(self.result.type)}

    def _stream(self) -> Schema:
        """The content of a stream. 3.1 has no way to describe its items, so they are in an extension there.

        Without a `schema`: some readers take it for that of the whole text, others for that of an item.
        """
        kind = self.result.type
        content: Schema = {}
        for media_type in self.result.media_types or ("*/*",):
            if media_type == "text/event-stream":
                content[media_type] = {self.item_key: self._event(kind)}
            elif kind is str:
                content[media_type] = {"schema": {"type": "string"}}
            elif kind is None or kind is bytes:
                content[media_type] = {}
            else:
                content[media_type] = {self.item_key: self._schema(kind)}
        return content

    def _event(self, kind: object = None) -> Schema:
        """One event as OpenAPI 3.2 sees it (section "Server-Sent Event Streams"); its data is the JSON of a type, or text."""
        data: Schema = {"type": "string"}
        if kind is not None:
            data |= {"contentMediaType": "application/json", "contentSchema": self._schema(kind)}
        others: Schema = {"event": {"type": "string"}, "id": {"type": "string"}, "retry": {"type": "integer", "minimum": 0}}
        return {"type": "object", "properties": {"data": data} | others}

    def _of_class(self, kind: type[Response], status: str) -> Iterator[tuple[str, Schema]]:
        """What a response can be of which only the class is known."""
        if issubclass(kind, FileResponse):
            yield from self._file(kind, status)
        elif issubclass(kind, RedirectResponse):
            location = {"Location": {"required": True, "schema": {"type": "string", "format": "uri-reference"}}}
            yield status if status.startswith("3") else "3XX", {"description": "It is elsewhere", "headers": location}
        elif issubclass(kind, EventSourceResponse):
            yield status, {"description": _phrase(status), "content": {"text/event-stream": {self.item_key: self._event()}}}
        elif kind.media_type is not None and kind.media_type != "application/json":
            schema: Schema = {"schema": {"type": "string"}} if kind.media_type.startswith("text/") else {}
            yield status, {"description": _phrase(status), "content": {kind.media_type: schema}}
        else:
            yield "default", {"description": "What the handler makes", "content": {kind.media_type or "*/*": {}}}

    def _file(self, kind: type[Response], status: str) -> Iterator[tuple[str, Schema]]:
        """A file and, if somebody gets it, what conditions and ranges make of it; a range only of GET (RFC 9110 section 14.2)."""
        media_type = kind.media_type or "*/*"
        is_whole = status == "200"
        headers = _VALIDATORS | (_RANGES if is_whole else {})
        yield status, {"description": "The file", "headers": headers, "content": {media_type: {}}}
        yield "404", _problem(404)  # which the constructor raises
        if not is_whole or self.method not in ("GET", "HEAD"):
            return
        yield "304", {"description": "The client has it already", "headers": {"ETag": _VALIDATORS["ETag"]}}
        yield "412", _problem(412)
        if self.method == "GET":
            parts: Schema = {media_type: {}, "multipart/byteranges": {}} if kind.media_type else {"*/*": {}}
            yield "206", {"description": "A part of the file", "headers": _VALIDATORS | _PART, "content": parts}
            yield "416", _problem(416)
