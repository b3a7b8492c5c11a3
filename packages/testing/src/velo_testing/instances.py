"""Bodies and headers as the values that JSON schemas speak of, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Protocol, cast
from urllib.parse import quote

import msgspec

__all__ = ["Schemas", "instances_of"]

_URI = "urn:velo:document"


class _Error(Protocol):
    """An error as jsonschema has it."""

    message: str
    json_path: str
    schema_path: Iterable[str | int]


class Schemas:
    """The schemas of one document.

    Args:
        content: The document.

    Raises:
        ImportError: jsonschema is not installed; the message says what to install.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        try:
            self._library: Any = import_module("jsonschema")  # which has no types
            referencing: Any = import_module("referencing")
            kinds: Any = import_module("referencing.jsonschema")
        except ImportError as error:
            message = "contracts need jsonschema to hold bodies against schemas; try: pip install 'velo-testing[contract]'"
            raise ImportError(message) from error
        self._registry: Any = referencing.Registry().with_resource(_URI, kinds.DRAFT202012.create_resource(content))
        self._validators: dict[str, Any] = {}

    def trouble(self, pointer: str, instance: object) -> str | None:
        """What is wrong with a value, or `None`: `$.items[0].price: 'x' is not of type 'integer'`.

        Args:
            pointer: To the schema.
            instance: The value, as JSON has it.
        """
        validator = self._validators.get(pointer)
        if validator is None:
            kind: Any = self._library.Draft202012Validator
            schema = {"$ref": f"{_URI}#{quote(pointer)}"}
            validator = self._validators[pointer] = kind(schema, registry=self._registry, format_checker=kind.FORMAT_CHECKER)
        error = cast("_Error | None", self._library.exceptions.best_match(validator.iter_errors(instance)))
        return None if error is None else f"{error.json_path}: {error.message}"


def instances_of(media_type: str, body: bytes) -> list[object] | None:
    """The values in a body; one, but for streams of values. `None` for what has none, such as an image.

    Raises:
        ValueError: it is not what the media type says.
    """
    if media_type == "application/json" or media_type.endswith("+json"):
        return [json.loads(body)]
    if media_type in _LINES:
        return [json.loads(line) for line in re.split(rb"[\n\x1e]", body) if line.strip()]
    if media_type == "text/event-stream":
        return list(_events(body.decode()))
    if media_type in _MSGPACK:
        return [msgspec.to_builtins(msgspec.msgpack.decode(body))]
    return [body.decode()] if media_type.startswith("text/") else None


_LINES = frozenset(("application/jsonl", "application/x-ndjson", "application/json-seq"))
_MSGPACK = frozenset(("application/msgpack", "application/vnd.msgpack", "application/x-msgpack"))


def _events(text: str) -> Iterator[dict[str, object]]:
    """Events with their fields, as OpenAPI 3.2 sees them (section "Server-Sent Event Streams")."""
    for block in re.split(r"\n\n+", re.sub(r"\r\n?", "\n", text)):
        event: dict[str, object] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                event["data"] = f"{event['data']}\n{value}" if "data" in event else value
            elif name in ("event", "id"):
                event[name] = value
            elif name == "retry" and value.isdecimal():
                event["retry"] = int(value)
        if event:
            yield event
