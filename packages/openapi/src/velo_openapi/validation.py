"""Whether a document is valid, by openapi-spec-validator, which the extra `velo-openapi[check]` brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, cast
from urllib.parse import unquote

from velo_openapi.checks import Finding

__all__ = ["ValidatorMissing", "problems_of"]


class ValidatorMissing(Exception):
    """openapi-spec-validator is not installed, or is too old for this version of OpenAPI."""


class _Error(Protocol):
    """An error as jsonschema has it."""

    message: str
    context: list[_Error]
    instance: object
    validator: object

    @property
    def absolute_path(self) -> Iterable[str | int]:
        """From the document to the place."""
        ...


def problems_of(content: dict[str, Any]) -> list[Finding]:
    """What makes the document invalid: by the schemas of OpenAPI 3.1 and 3.2, and by the rules that no schema can say.

    Raises:
        ValidatorMissing: there is nothing to validate with; the message says what to install.
    """
    try:
        import openapi_spec_validator
    except ImportError as error:
        raise ValidatorMissing("there is no openapi-spec-validator to validate with; try: pip install 'velo-openapi[check]'") from error
    version = content["openapi"].rpartition(".")[0]
    validator: Any = getattr(openapi_spec_validator, f"OpenAPIV{version.replace('.', '')}SpecValidator", None)
    if validator is None:
        raise ValidatorMissing(
            f"this openapi-spec-validator knows no OpenAPI {version}; try: pip install --upgrade 'velo-openapi[check]', "
            "or check --openapi-version 3.1"
        )
    found = list(_dangling(content))
    try:
        found.extend(_findings(validator(content).iter_errors()))
    except Exception as error:  # it takes some objects for granted, which `extra` can have replaced
        if not found:
            message = f"the validator cannot read the document: {type(error).__name__}: {error}"
            found.append(Finding("unreadable-document", "", _short(message)))
    return found


def _dangling(content: Mapping[str, Any]) -> Iterator[Finding]:
    """References to nothing, each where it stands first; the validator ends at the first of them."""
    told: set[str] = set()
    for place, reference in _references(content, "#"):
        if reference not in told and not _is_there(content, reference):
            told.add(reference)
            yield Finding("unresolved-reference", place, f"there is no {reference}; contribute it in `components`, or refer to another")


def _references(value: object, place: str) -> Iterator[tuple[str, str]]:
    members: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        reference = mapping.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            yield place, reference
        members = mapping.items()
    elif isinstance(value, list):
        members = enumerate(cast("list[object]", value))
    for name, one in members:
        if name not in ("example", "examples", "default", "const", "enum"):  # data
            yield from _references(one, f"{place}/{_escaped(name)}")


def _is_there(content: object, reference: str) -> bool:
    for part in reference.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(content, list) and name.isdigit() and int(name) < len(cast("list[object]", content)):
            content = cast("list[object]", content)[int(name)]
        elif isinstance(content, Mapping) and name in content:
            content = cast("Mapping[str, object]", content)[name]
        else:
            return False
    return True


def _findings(errors: Iterable[_Error]) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()
    for error in errors:
        inner = _deepest(error)
        place = "/".join(_escaped(one) for one in ("#", *inner.absolute_path))
        message = inner.message.partition("\n")[0]  # with jsonschema-rs, which it prefers, schema and value come on further lines
        code = _code(inner)
        if code == "invalid-default":
            place, message = "", f"a default does not fit its schema: {message}"
        if (place, message) not in told:
            told.add((place, message))
            yield Finding(code, place, _short(message))


def _code(error: _Error) -> str:
    """What kind of error it is: by its class, or a default that does not fit, which the validator gives no place in the document."""
    is_of_schema = isinstance(error.validator, str) and not list(error.absolute_path)
    instance: object = error.instance
    is_whole = isinstance(instance, Mapping) and "openapi" in instance
    return _CODES.get(type(error).__name__, "invalid-default" if is_of_schema and not is_whole else "invalid-structure")


_CODES = {
    "DuplicateOperationIDError": "duplicate-operation-id",
    "ExtraParametersError": "undeclared-property",
    "ParameterDuplicateError": "duplicate-parameter",
    "UnresolvableParameterError": "undeclared-path-parameter",
}


def _short(message: str) -> str:
    return message if len(message) < _LONGEST else f"{message[:_LONGEST]}..."


_LONGEST = 300  # a message of jsonschema has the whole value in it


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _deepest(error: _Error) -> _Error:
    """Of alternatives, the one that came furthest says most of what is wrong."""
    while error.context:
        error = max(error.context, key=lambda one: len(list(one.absolute_path)))
    return error
