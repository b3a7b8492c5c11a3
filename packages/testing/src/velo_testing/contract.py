"""Responses held against the OpenAPI documents of an application."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

import httpx2

from velo_core import Velo
from velo_testing.documented import Described, Document, OperationFound
from velo_testing.errors import ContractCode, ContractViolation
from velo_testing.instances import Schemas, instances_of

__all__ = ["Contract", "Describes", "HasContent"]

_CAPABILITY = "openapi"
_SHOWN = 400  # bytes of a body that a message shows


class HasContent(Protocol):
    """A document, as plugins give it. Its `places`, if it has any, tell where handlers are: `{"show": "GET /items (shop.py:12)"}`."""

    @property
    def content(self) -> Mapping[str, Any]:
        """As plain data."""
        ...


class Describes(Protocol):
    """What a plugin with the capability `openapi` can do: `velo_openapi.OpenAPI`, or another."""

    def document(self, app: Velo, /) -> HasContent:
        """A document of the application, or of the part that the plugin is installed on."""
        ...


class Contract:
    """What an application promises: its OpenAPI documents, which its responses are held against.

    Args:
        documents: OpenAPI 3.1 or 3.2, as plain data. A response has to be in one of those that have the operation.
        ignore: Templates of paths that are not looked at, such as `"/internal/{path}"`; a parameter takes slashes, too.
    """

    def __init__(self, *documents: Mapping[str, Any], ignore: Iterable[str] = ()) -> None:
        self._given: Callable[[], Iterable[tuple[Mapping[str, Any], Mapping[str, str]]]] = lambda: [(one, {}) for one in documents]
        self._ignored = Document({"paths": {path: {} for path in ignore}})
        self._made: list[tuple[Document, Schemas]] | None = None

    @classmethod
    def of(cls, app: object, *, ignore: Iterable[str] = ()) -> Contract:
        """The contract of an application: the documents of its plugins with the capability `openapi`. They are made when they are needed.

        Routes with `include_in_schema=False` are not looked at.

        Args:
            app: With `velo_openapi.OpenAPI` or its like installed, on itself or on routers.
            ignore: More paths that are not looked at.

        Raises:
            TypeError: it is no Velo application; give its document to `Contract` itself.
            LookupError: at the first response, if no plugin has a document.
        """
        if not isinstance(app, Velo):
            raise TypeError(f"{app!r} is no Velo application; give its OpenAPI document: Contract(document)")
        ignored = tuple(ignore)
        known = _CONTRACTS.setdefault(app, {})
        if ignored not in known:
            made = known[ignored] = cls(ignore=ignored)
            made._given = lambda: _documents_of(app, made)
        return known[ignored]

    @property
    def documents(self) -> list[tuple[Document, Schemas]]:
        """What responses are held against; made at the first need."""
        if self._made is None:
            self._made = [(Document(content, places), Schemas(content)) for content, places in self._given()]
        return self._made

    def ignore(self, *paths: str) -> None:
        """Adds templates of paths that are not looked at."""
        self._ignored = Document({"paths": {**self._ignored.content["paths"], **{path: {} for path in paths}}})

    def check(self, response: httpx2.Response) -> None:
        """Holds a whole response against the documents, also one that came from a real server.

        Raises:
            ContractViolation: it is in none of them.
        """
        expected = self.expect(response.request, response.status_code, response.headers)
        for check in expected[:1]:
            check(response.content)

    def expect(self, request: httpx2.Request, status: int, headers: httpx2.Headers) -> list[Callable[[bytes], None]]:
        """Holds the head of a response against the documents.

        Returns:
            What the body is to be given to, decoded; nothing if the body is of no matter.

        Raises:
            ContractViolation: it is in none of them.
        """
        target = cast("bytes", request.extensions.get("target", request.url.raw_path))
        path = target.partition(b"?")[0].decode("latin-1")
        documents = self.documents  # which are made now, and may say what to ignore
        if self._ignored.templates(path):
            return []
        asked = f"{request.method} {path}"
        found = [(one, schemas) for document, schemas in documents for one in document.find(request.method, path)]
        if not found:
            self._expect_refusal(asked, request.method, path, status)
            return []
        checks: list[Callable[[bytes], None]] = []
        failures: list[ContractViolation] = []
        for operation, schemas in found:
            try:
                checks.append(_Answer(asked, operation, schemas, status, headers).expect_head(has_body=request.method != "HEAD"))
            except ContractViolation as violation:
                failures.append(violation)
        if not checks and not self._is_elsewhere(path, status) and not self._is_socket(path, status):
            raise failures[0]
        return [lambda body: _any_of(checks, body)] if checks else []

    def _expect_refusal(self, asked: str, method: str, path: str, status: int) -> None:
        """What every application answers where no operation is: 404, 405, 426, OPTIONS, and the path with or without its last slash."""
        is_known = any(document.templates(path) for document, _ in self.documents)
        if status == 405 or (status == 404 and not is_known) or (method == "OPTIONS" and status in (200, 204)):
            return
        if self._is_elsewhere(path, status) or self._is_socket(path, status):
            return
        said = "the document has the path, and not the method" if is_known else "no path of the document fits"
        hint = "add it to the document, or name the path in Contract.of(app, ignore=[...])"
        raise ContractViolation("VELO_CONTRACT_OPERATION", f"{asked} was answered with {status}, but {said}; {hint}")

    def _is_socket(self, path: str, status: int) -> bool:
        """Whether it is the answer to plain HTTP where a websocket is (RFC 9110 section 15.5.22)."""
        return status == 426 and any(document.is_websocket(path) for document, _ in self.documents)

    def _is_elsewhere(self, path: str, status: int) -> bool:
        """Whether it is a redirect to the path with or without its last slash, which no operation has for its own."""
        other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        return status in (301, 302, 307, 308) and any(
            document.templates(other, is_loose=False) and not document.templates(path, is_loose=False) for document, _ in self.documents
        )


class _Answer:
    """One response, and the operation that it should be of."""

    def __init__(self, asked: str, operation: OperationFound, schemas: Schemas, status: int, headers: httpx2.Headers) -> None:
        self.operation = operation
        self.schemas = schemas
        self.headers = headers
        self.what = f"{asked} was answered with {status}"
        self.of = f"{operation.label} documents"
        self.status = status

    def expect_head(self, *, has_body: bool) -> Callable[[bytes], None]:
        """Checks status, headers and media type.

        Returns:
            What checks the body.
        """
        response = self.operation.response(self.status)
        if response is None:
            known = ", ".join(self.operation.statuses) or "no response"
            raise self._violation("VELO_CONTRACT_STATUS", f"{self.what}, but {self.of} {known}")
        self._expect_headers(response)
        if not has_body or self.status in (204, 205, 304):
            return _nothing
        content = self.operation.document.inside(response, "content")
        if content is None:
            return self._expect_empty
        given = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        media = _media(content.content, given)
        if media is None:
            known = ", ".join(content.content)
            said = f"{given!r}" if given else "no content-type"
            raise self._violation("VELO_CONTRACT_MEDIA_TYPE", f"{self.what} and {said}, but {self.of} {known} for it")
        found = self.operation.document.inside(content, media)
        return _nothing if found is None else lambda body: self._expect_body(found, given, body)

    def _expect_headers(self, response: Described) -> None:
        for name in response.content.get("headers", {}):
            header = self.operation.document.inside(response, "headers", name)
            value = self.headers.get(name)
            if header is None or name.lower() == "content-type":
                continue
            if value is None:
                if header.content.get("required", False):
                    raise self._violation("VELO_CONTRACT_HEADER", f"{self.what} without the header {name!r}, but {self.of} it as required")
            elif "schema" in header.content:
                pointer = f"{header.pointer}/schema"
                troubles = [self.schemas.trouble(pointer, one) for one in _readings(value)]
                if all(troubles):
                    message = f"{self.what} and the header {name}: {value}, but by {self.operation.label} it does not fit: {troubles[0]}"
                    raise self._violation("VELO_CONTRACT_HEADER", message)

    def _expect_empty(self, body: bytes) -> None:
        if body:
            raise self._violation("VELO_CONTRACT_BODY", f"{self.what} and a body, but {self.of} none for it", body)

    def _expect_body(self, media: Described, media_type: str, body: bytes) -> None:
        items = next((key for key in ("itemSchema", "x-itemSchema") if key in media.content), None)
        key = items or "schema"
        if key not in media.content:
            return
        try:
            instances = instances_of(media_type, body)
        except ValueError as error:
            message = f"{self.what} and {media_type}, but the body is none: {error}"
            raise self._violation("VELO_CONTRACT_BODY", message, body) from error
        for number, instance in enumerate(instances or ()):
            trouble = self.schemas.trouble(f"{media.pointer}/{key}", instance)
            if trouble is not None:
                which = f"item {number} of the body" if items else "the body"
                message = f"{self.what}, but {which} is not what {self.of}: {trouble}"
                raise self._violation("VELO_CONTRACT_BODY", message, body)

    def _violation(self, code: ContractCode, message: str, body: bytes | None = None) -> ContractViolation:
        place = self.operation.place
        shown = [] if body is None else [f"body: {_excerpt(body)}"]
        return ContractViolation(code, message, [*shown, *([] if place is None else [f"handler: {place}"])])


_CONTRACTS: WeakKeyDictionary[Velo, dict[tuple[str, ...], Contract]] = WeakKeyDictionary()
"""Documents of large applications take some tenths of a second, and each test asks for them."""


def _documents_of(app: Velo, contract: Contract) -> Iterator[tuple[Mapping[str, Any], Mapping[str, str]]]:
    found = [ready.plugin for ready in app.plugins if _CAPABILITY in ready.names]
    if not found:
        hint = "install velo_openapi.OpenAPI, or give a document: Contract(document)"
        raise LookupError(f"the application has no OpenAPI document, for no plugin has the capability {_CAPABILITY!r}; {hint}")
    contract.ignore(*(one.path for one in app.operations if not one.include_in_schema))
    for plugin in found:
        document = cast("Describes", plugin).document(app)
        yield document.content, getattr(document, "places", {})


def _nothing(body: bytes) -> None:
    """A body that may be anything."""


def _any_of(checks: list[Callable[[bytes], None]], body: bytes) -> None:
    """The body has to fit one of the documents."""
    failures: list[ContractViolation] = []
    for check in checks:
        try:
            return check(body)
        except ContractViolation as violation:
            failures.append(violation)
    raise failures[0]


def _media(content: Mapping[str, Any], given: str) -> str | None:
    """The key of a content object for a media type, the most specific one (OpenAPI 3.1 section 4.8.14.1)."""
    kinds = {key.partition(";")[0].strip().lower(): key for key in content}
    main = given.partition("/")[0]
    return next((kinds[one] for one in (given, f"{main}/*", "*/*") if one in kinds), None)


def _readings(value: str) -> list[object]:
    """What the text of a header may be meant as: a number, or itself."""
    found: list[object] = [value]
    if re.fullmatch(r"-?[0-9]{1,18}", value):
        found.insert(0, int(value))
    elif re.fullmatch(r"-?[0-9]{1,18}\.[0-9]{1,18}", value):
        found.insert(0, float(value))
    elif value in ("true", "false"):
        found.insert(0, value == "true")
    return found


def _excerpt(body: bytes) -> str:
    text = body[:_SHOWN].decode("utf-8", "backslashreplace")
    return f"{text}{'...' if len(body) > _SHOWN else ''}"
