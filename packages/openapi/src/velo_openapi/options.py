"""What is said about documents and operations beyond what their bindings tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, cast

import msgspec

from velo_core import Operation, Router
from velo_openapi.errors import OpenAPIError

__all__ = [
    "DocumentOptions",
    "OperationOptions",
    "Version",
    "is_type_schema",
    "media_types_of",
    "operation",
    "options_of_handler",
    "unfit",
]

Handler = TypeVar("Handler", bound=Callable[..., object])
Version: TypeAlias = Literal["3.1", "3.2"]
_ATTRIBUTE = "__velo_openapi__"


def _nothing() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOptions:
    """What a document says of itself; in the words of OpenAPI.

    Attributes:
        title: Of the interface.
        version: Of the interface.
        openapi_version: `"3.1"` or `"3.2"`.
        info: More members of the `info` object: `{"description": ..., "license": {"name": "MIT"}}`.
        servers: Server objects; where the application is mounted if there are none.
        tags: Tag objects, in their order. `parent`, `kind` and `summary` are for 3.2, and left out of 3.1.
        operation_id: (operation, method) to its id, or `None` for the usual one: the name of the route.
        webhooks: A router of its own whose routes are what this application calls; their names are the names of the webhooks.
        extra: More members of the document: `{"externalDocs": {"url": ...}}`.
    """

    title: str = "API"
    version: str = "0.1.0"
    openapi_version: Version = "3.1"
    info: Mapping[str, Any] = field(default_factory=_nothing)
    servers: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[Mapping[str, Any]] = ()
    operation_id: Callable[[Operation, str], str | None] | None = None
    webhooks: Router | None = None
    extra: Mapping[str, Any] = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        if self.openapi_version not in ("3.1", "3.2"):
            raise OpenAPIError("OPENAPI_OPTION", f"there is no openapi_version {self.openapi_version!r} here; write '3.1' or '3.2'")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationOptions:
    """What a handler says of its operation; see `operation`."""

    operation_id: str | None = None
    responses: Mapping[int | str, Any] = field(default_factory=dict[int | str, Any])
    callbacks: Mapping[str, Any] = field(default_factory=_nothing)
    extra: Mapping[str, Any] = field(default_factory=_nothing)


def operation(
    *,
    operation_id: str | None = None,
    responses: Mapping[int | str, Any] | None = None,
    callbacks: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Callable[[Handler], Handler]:
    """Says more about the operation of a handler, above or below `@app.get(...)`.

    Args:
        operation_id: In place of the usual one.
        responses: By status. A type is JSON of that type; a mapping is a response object, in which a schema may be a type as well. It goes
            over what is known of that status, which of an error is a problem document. `None` has no body.
        callbacks: Callback objects by name.
        extra: Members of the operation object, which win over all others: `{"x-internal": True}`.

    Raises:
        OpenAPIError: `OPENAPI_OPTION`, for what no document can have.
    """
    wrong = list(_mistakes(operation_id, responses or {}, {"callbacks": callbacks or {}, "extra": extra or {}}))
    if wrong:
        raise OpenAPIError("OPENAPI_OPTION", "; ".join(wrong))
    options = OperationOptions(operation_id=operation_id, responses=responses or {}, callbacks=callbacks or {}, extra=extra or {})

    def note(handler: Handler) -> Handler:
        setattr(handler, _ATTRIBUTE, options)
        return handler

    return note


def options_of_handler(handler: object) -> OperationOptions:
    """What was said of a handler."""
    found: object = getattr(handler, _ATTRIBUTE, None)
    return found if isinstance(found, OperationOptions) else OperationOptions()


def unfit(value: object) -> str | None:
    """Why a value has no form in JSON, if it has none."""
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        return f"has no form in JSON: {error}; write it as plain data"
    return None


def _mistakes(operation_id: object, responses: object, objects: Mapping[str, object]) -> Iterator[str]:
    if operation_id is not None and not (isinstance(operation_id, str) and operation_id):
        yield f"`operation_id` takes a text, not {operation_id!r}"
    if not isinstance(responses, Mapping):
        yield f"`responses` takes what is answered by status, such as {{404: None}}, not {responses!r}"
    else:
        yield from _response_mistakes(cast("Mapping[object, object]", responses))
    for name, one in objects.items():
        said = unfit(cast("object", one)) if isinstance(one, Mapping) else f"takes a mapping, not {one!r}"
        if said is not None:
            yield f"`{name}` {said}"


def _response_mistakes(responses: Mapping[object, object]) -> Iterator[str]:
    for status, given in responses.items():
        if not _STATUS(str(status)):
            yield f"`responses` takes statuses, their classes such as '4XX', and 'default', not {status!r}"
        if isinstance(given, str | bytes | int | float | list):
            yield f"`responses` takes a type, a Response object or None; for {status} it has {given!r}"
        elif isinstance(given, Mapping) and (said := unfit(_without_types(cast("Mapping[str, object]", given)))) is not None:
            yield f"`responses` {said}, for {status}"


def _without_types(response: Mapping[str, object]) -> Mapping[str, object]:
    nothing: Mapping[str, object] = {}
    content = {name: {**one, "schema": nothing} if is_type_schema(one) else one for name, one in media_types_of(response).items()}
    return {**response, "content": content} if content else response


def media_types_of(response: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    """The media type objects of a response object by name, those that are any."""
    content = response.get("content")
    if not isinstance(content, Mapping):
        return {}
    found = cast("Mapping[str, object]", content)
    return {name: cast("Mapping[str, object]", one) for name, one in found.items() if isinstance(one, Mapping)}


def is_type_schema(media_type: Mapping[str, object]) -> bool:
    """Whether the schema of a media type object is given as a type: everything that is no schema of JSON Schema."""
    return not isinstance(media_type.get("schema", {}), Mapping | bool | str | bytes | int | float | list | None)


_STATUS = re.compile(r"[1-5][0-9]{2}|[1-5]XX|default").fullmatch
"""Keys of a Responses object (OpenAPI 3.1 section 4.8.16)."""
