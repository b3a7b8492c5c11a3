"""Responses of an operation, in the words of OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, cast

from velo_core import EventSourceResponse, FileResponse, Operation, OperationResult, RedirectResponse, Response
from velo_openapi.options import OperationOptions, Version
from velo_openapi.parameters import Describe
from velo_openapi.problems import possible_problems
from velo_openapi.schemas import Schema, Wanted

__all__ = ["response_objects"]

_EVENT: Schema = {
    "type": "object",
    "properties": {
        "data": {"type": "string"},
        "event": {"type": "string"},
        "id": {"type": "string"},
        "retry": {"type": "integer", "minimum": 0},
    },
}
"""An event as OpenAPI 3.2 sees it (section "Server-Sent Event Streams")."""
_FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}


def _header(description: str, **members: object) -> Schema:
    return {"description": description, "schema": {"type": "string"}, **members}


_VARY: Schema = {"Vary": _header("`Accept`, which the media type depends on.", required=True)}
_VALIDATORS: Schema = {
    "ETag": _header("Which version of the file it is (RFC 9110 section 8.8.3).", required=True),
    "Last-Modified": _header("When the file was changed (RFC 9110 section 8.8.2).", required=True),
}
_RANGES: Schema = {"Accept-Ranges": _header("`bytes`: parts can be asked for (RFC 9110 section 14.3).", required=True)}
_PART: Schema = {"Content-Range": _header("Which part it is; in a multipart response each part has its own.")}


def response_objects(operation: Operation, options: OperationOptions, version: Version, describe: Describe) -> dict[str, Schema]:
    """The response objects by status: what the handler declares, what it says besides, what others contribute, what Velo answers."""
    made: dict[str, Schema] = dict(_results(operation.result, version, describe))
    headers: Schema = {}
    for contribution in operation.contributions:
        headers |= cast("Schema", contribution.headers)
        for status, response in contribution.responses.items():
            made.setdefault(str(status), cast("Schema", response))
    if any(contribution.security for contribution in operation.contributions):
        for code in (401, 403):
            made.setdefault(str(code), _problem(code))
    for code in possible_problems(operation):
        made.setdefault(str(code), _problem(code))
    if options.responses:  # the handler tells what it makes, so that is known
        made.pop("default", None)
    for key, given in options.responses.items():
        made[str(key)] = _given(str(key), given, made.get(str(key)), describe)
    if len(operation.result.media_types) > 1:
        status = str(operation.result.status_code)
        made[status] = made[status] | {"headers": _VARY | made[status].get("headers", {})}
    if headers:
        made = {status: one if "$ref" in one else one | {"headers": headers | one.get("headers", {})} for status, one in made.items()}
    return dict(sorted(made.items()))


def _problem(status: int) -> Schema:
    return {"$ref": f"#/components/responses/Problem{status}"}


def _given(status: str, given: Any, known: Schema | None, describe: Describe) -> Schema:
    if isinstance(given, Mapping):
        base = {} if known is None or "$ref" in known else known
        return {"description": _phrase(status)} | base | dict(cast("Mapping[str, Any]", given))
    if given is None:
        return {"description": _phrase(status)}
    schema = describe(Wanted(given, "output"), lambda schema: schema)
    return {"description": _phrase(status), "content": {"application/json": {"schema": schema}}}


def _phrase(status: str) -> str:
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return "A response"


def _results(result: OperationResult, version: Version, describe: Describe) -> Iterator[tuple[str, Schema]]:
    status = str(result.status_code)
    if result.is_empty:
        yield status, {"description": _phrase(status)}
    elif result.is_stream:
        yield status, {"description": _phrase(status), "content": _stream(result, version, describe)}
    elif result.media_types:
        content = {name: _content(result, describe) for name in result.media_types}
        yield status, {"description": _phrase(status), "content": content}
    elif not result.response_classes:  # of undeclared type: it shows when it is there
        yield status, {"description": _phrase(status), "content": {"*/*": {}}}
    for kind in result.response_classes:
        yield from _of_class(kind, status, version)


def _content(result: OperationResult, describe: Describe) -> Schema:
    if result.type is None:
        return {}
    if result.type is bytes:
        return {"schema": dict(_FILE)}
    return {"schema": describe(Wanted(result.type, "output", result.is_partial, by_alias=result.by_alias), lambda schema: schema)}


def _stream(result: OperationResult, version: Version, describe: Describe) -> Schema:
    """The content of a stream. 3.1 has no way to describe its items, so they are in an extension there.

    Without a `schema`: some readers take it for that of the whole text, others for that of an item.
    """
    content: Schema = {}
    for media_type in result.media_types or ("*/*",):
        if media_type == "text/event-stream":
            content[media_type] = _events(version)
        elif result.type is str:
            content[media_type] = {"schema": {"type": "string"}}
        elif result.type is None or result.type is bytes:
            content[media_type] = {}
        else:
            content[media_type] = _items(describe(Wanted(result.type, "output"), lambda schema: schema), version)
    return content


def _events(version: Version) -> Schema:
    """Events. In 3.1 there is no schema: some readers of documents would hold each event against it, and others the whole text."""
    return {"itemSchema": dict(_EVENT)} if version == "3.2" else {"x-itemSchema": dict(_EVENT)}


def _items(schema: Schema, version: Version) -> Schema:
    return {"itemSchema": schema} if version == "3.2" else {"x-itemSchema": schema}


def _of_class(kind: type[Response], status: str, version: Version) -> Iterator[tuple[str, Schema]]:
    """What a response can be of which only the class is known."""
    if issubclass(kind, FileResponse):
        yield "200", {"description": "The file", "headers": _VALIDATORS | _RANGES, "content": {kind.media_type or "*/*": {}}}
        yield "206", {"description": "A part of the file", "headers": _VALIDATORS | _PART, "content": {"*/*": {}}}
        yield "304", {"description": "The client has it already", "headers": {"ETag": _VALIDATORS["ETag"]}}
        yield from ((str(one), _problem(one)) for one in (412, 416))
    elif issubclass(kind, RedirectResponse):
        location = {"Location": {"required": True, "schema": {"type": "string", "format": "uri-reference"}}}
        yield "3XX", {"description": "It is elsewhere", "headers": location}
    elif issubclass(kind, EventSourceResponse):
        yield status, {"description": _phrase(status), "content": {"text/event-stream": _events(version)}}
    elif kind.media_type is not None and kind.media_type != "application/json":
        schema: Schema = {"schema": {"type": "string"}} if kind.media_type.startswith("text/") else {}
        yield status, {"description": _phrase(status), "content": {kind.media_type: schema}}
    else:
        yield "default", {"description": "What the handler makes", "content": {kind.media_type or "*/*": {}}}
