"""What an OpenAPI document says of a request: the operation, and the response that a status stands for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

__all__ = ["Described", "Document", "OperationFound"]


@dataclass(frozen=True, slots=True)
class Described:
    """A part of a document.

    Attributes:
        pointer: To it, as JSON pointers are written (RFC 6901): `/paths/~1items/get`.
        content: Itself.
    """

    pointer: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OperationFound:
    """The operation that a request is one of.

    Attributes:
        document: That has it.
        method: Of the operation.
        path: Its template.
        described: The operation object.
    """

    document: Document
    method: str
    path: str
    described: Described

    @property
    def label(self) -> str:
        """For messages: `GET /items/{number} (operationId 'show')`."""
        name = self.described.content.get("operationId")
        return f"{self.method} {self.path}" + (f" (operationId {name!r})" if name else "")

    @property
    def place(self) -> str | None:
        """File and line of its handler, from the current folder; `None` if that is not known."""
        known = self.document.places.get(self.described.content.get("operationId", ""), "")
        return known.rpartition("(")[2].removesuffix(")").removeprefix(f"{Path.cwd()}{os.sep}") or None

    @property
    def statuses(self) -> list[str]:
        """That it documents."""
        return sorted(self.described.content.get("responses", {}))

    def response(self, status: int) -> Described | None:
        """The response object for a status; `None` if it has none."""
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            found = self.document.inside(self.described, "responses", key)
            if found is not None:
                return found
        return None


class Document:
    """An OpenAPI document, 3.1 or 3.2.

    Args:
        content: As plain data.
        places: By the id of an operation, what it is, and the file and line of its handler in parentheses.
    """

    def __init__(self, content: Mapping[str, Any], places: Mapping[str, str] | None = None) -> None:
        self.content = content
        self.places = places or {}
        self._prefixes = _prefixes(content)
        self._templates = sorted(((_Template(path), path) for path in content.get("paths", {})), key=lambda one: one[0].order)
        self._sockets = [_Template(path) for path in content.get("x-websockets", {})]

    def find(self, method: str, path: str) -> list[OperationFound]:
        """The operation that a request is one of, and its alternatives: those for other hosts, versions and types (`x-alternatives`).

        Args:
            method: HEAD is taken for GET where only that is documented.
            path: Undecoded, without the query.
        """
        for template in self.templates(path):
            found = self._operation(method, template)
            if found is not None:
                return [found, *_alternatives(found)]
        return []

    def templates(self, path: str, *, is_loose: bool = True) -> list[str]:
        """The templates of paths that a path fits, the most likely first.

        Args:
            path: Undecoded.
            is_loose: Whether a parameter may take slashes where no template fits otherwise: OpenAPI does not tell which ones do.
        """
        paths = self._below_servers(path)
        for loosely in (False, True) if is_loose else (False,):
            found = [text for template, text in self._templates for one in paths if template.fits(one, is_loose=loosely)]
            if found:
                return list(dict.fromkeys(found))
        return []

    def is_websocket(self, path: str) -> bool:
        """Whether a path, undecoded, is that of a websocket (`x-websockets`)."""
        return any(template.fits(one, is_loose=False) for template in self._sockets for one in self._below_servers(path))

    def _below_servers(self, path: str) -> list[str]:
        return [path.removeprefix(prefix) or "/" for prefix in self._prefixes if path.startswith(prefix)]

    def inside(self, described: Described, *keys: str) -> Described | None:
        """The object under some keys, with references followed; `None` if there is none."""
        for key in keys:
            found: object = described.content.get(key)
            if not isinstance(found, Mapping):
                return None
            described = self._followed(Described(f"{described.pointer}/{_escaped(key)}", cast("Mapping[str, Any]", found)))
        return described

    def _operation(self, method: str, template: str) -> OperationFound | None:
        item = self.inside(Described("", self.content), "paths", template)
        if item is None:
            return None
        for name in (method, *(("GET",) if method == "HEAD" else ())):
            for keys in ((name.lower(),), ("additionalOperations", name), ("x-additionalOperations", name)):
                found = self.inside(item, *keys)
                if found is not None:
                    return OperationFound(self, name, template, found)
        return None

    def _followed(self, described: Described) -> Described:
        seen: set[str] = set()
        while isinstance(reference := described.content.get("$ref"), str) and reference.startswith("#/") and reference not in seen:
            seen.add(reference)
            content: Any = self.content
            for part in reference[2:].split("/"):
                content = content[unquote(part).replace("~1", "/").replace("~0", "~")]
            described = Described(unquote(reference[1:]), content)
        return described


def _alternatives(found: OperationFound) -> Iterator[OperationFound]:
    for number, one in enumerate(cast("Sequence[Mapping[str, Any]]", found.described.content.get("x-alternatives", ()))):
        described = Described(f"{found.described.pointer}/x-alternatives/{number}", one)
        yield OperationFound(found.document, found.method, found.path, described)


class _Template:
    """The template of a path: `/items/{number}`."""

    def __init__(self, text: str) -> None:
        parts = re.split(r"\{[^{}]*\}", text)
        literals = [re.escape(unquote(part)) for part in parts]
        self._strict = re.compile("[^/]+".join(literals), re.DOTALL)
        self._loose = re.compile(".+".join(literals), re.DOTALL)
        self.order = (len(parts), -sum(map(len, parts)))
        """Of several that fit, the one with fewer parameters, then the one with more text."""

    def fits(self, path: str, *, is_loose: bool) -> bool:
        # An encoded slash is no slash, so segments are decoded one by one, and what is one segment stays one.
        if is_loose:
            return self._loose.fullmatch(unquote(path)) is not None
        decoded = "/".join(unquote(segment).replace("/", "\ue000") for segment in path.split("/"))
        return self._strict.fullmatch(decoded) is not None


def _prefixes(content: Mapping[str, Any]) -> list[str]:
    """Paths of the servers, the longest first, and none: a client in a test may be behind the proxy that cuts one off."""
    servers = cast("Sequence[Mapping[str, Any]]", content.get("servers", ()))
    found = {urlsplit(str(server.get("url", ""))).path.rstrip("/") for server in servers}
    return sorted({*found, ""}, key=len, reverse=True)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
