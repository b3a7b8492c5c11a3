"""The responses that Velo itself makes: problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator

from velo_core import Operation
from velo_openapi.schemas import Schema

__all__ = ["RESPONSES", "SCHEMAS", "possible_problems", "problem_response"]

SCHEMAS: dict[str, Schema] = {
    "Problem": {
        "title": "Problem",
        "description": "What went wrong (RFC 9457).",
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
        "required": ["type", "title", "status"],
    },
    "ValidationProblem": {
        "title": "ValidationProblem",
        "description": "All values of the request that do not fit.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                        "message": {"type": "string"},
                        "code": {"type": "string"},
                    },
                    "required": ["loc", "message", "code"],
                },
            },
        },
        "required": ["type", "title", "status", "errors"],
    },
}

_WORDS = {
    400: "The request cannot be read.",
    401: "Who asks has to say who they are.",
    403: "Who asks may not do this.",
    404: "There is nothing here.",
    406: "There is no form of it that the request accepts.",
    412: "It is not the version that the request is meant for.",
    413: "The body is too large.",
    415: "The body is of a media type that is not accepted.",
    416: "There is no such part.",
    422: "Values of the request do not fit.",
    429: "Too many requests.",
    503: "It took too long.",
}


def _text(description: str, *, required: bool = False) -> Schema:
    return {"description": description, **({"required": True} if required else {}), "schema": {"type": "string"}}


_HEADERS: dict[int, Schema] = {
    401: {"WWW-Authenticate": _text("How to say who one is (RFC 9110 section 11.6.1).")},
    406: {"Vary": _text("What the response depends on.", required=True)},
    415: {"Accept": _text("Media types that are accepted, where it is for the type that the body is refused.")},
    416: {"Content-Range": _text("How long the whole is.", required=True)},
}
"""Headers of problems: those that Velo always sends are required, others depend on who refuses."""


def problem_response(description: str, schema: str = "Problem", headers: Schema | None = None) -> Schema:
    """The response object of a problem document."""
    content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, **({"headers": headers} if headers else {}), "content": content}


RESPONSES: dict[int, Schema] = {
    status: problem_response(words, "ValidationProblem" if status == 422 else "Problem", _HEADERS.get(status))
    for status, words in _WORDS.items()
}


def possible_problems(operation: Operation) -> Iterator[int]:
    """The statuses with which Velo can answer in place of the handler."""
    reads_body = bool(operation.bodies)
    if operation.versioning is not None:
        yield operation.versioning.refusal_status
    if reads_body or any(parameter.location == "query" for parameter in operation.parameters):
        yield 400  # too many parameters in the query, a body that is not what it says
    if any(parameter.location == "path" for parameter in operation.parameters):
        yield 404
    if len(operation.result.media_types) > 1:
        yield 406
    if reads_body:
        yield 413
    if any(body.is_decoded for body in operation.bodies):
        yield 415
    if operation.can_fail:
        yield 422
    if operation.timeout_seconds is not None:
        yield 503
