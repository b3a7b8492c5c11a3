"""Whether a document is valid, by openapi-spec-validator, which the extra `velo-openapi[check]` brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from velo_openapi.checks import Finding

__all__ = ["ValidatorMissing", "problems_of"]


class ValidatorMissing(Exception):
    """openapi-spec-validator is not installed, or is too old for this version of OpenAPI."""


class _Error(Protocol):
    """An error as jsonschema has it."""

    message: str
    context: list[_Error]

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
    found: list[Finding] = []
    try:
        found.extend(_findings(validator(content).iter_errors()))
    except Exception as error:  # it takes some objects for granted, which `extra` can have replaced
        found.append(Finding("invalid", "", f"the validator cannot read the document: {type(error).__name__}: {error}"))
    return found


def _findings(errors: Iterable[_Error]) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()
    for error in errors:
        inner = _deepest(error)
        place = "/".join(_escaped(one) for one in ("#", *inner.absolute_path))
        message = inner.message.partition("\n")[0]  # with jsonschema-rs, which it prefers, schema and value come on further lines
        if (place, message) not in told:
            told.add((place, message))
            yield Finding("invalid", place, message if len(message) < _LONGEST else f"{message[:_LONGEST]}...")


_LONGEST = 300  # a message of jsonschema has the whole value in it


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _deepest(error: _Error) -> _Error:
    """Of alternatives, the one that came furthest says most of what is wrong."""
    while error.context:
        error = max(error.context, key=lambda one: len(list(one.absolute_path)))
    return error
