"""From what a request says to the value a handler asked for.

The functions made here are what a plan calls. None of them raises for a value that does not fit: they add the reasons to a list and return
`INVALID`, so that one answer can tell all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias, cast, get_origin

from velo_core.annotations import Annotation
from velo_core.codecs import DoesNotFit, backend_for
from velo_core.constraints import tests
from velo_core.errors import HTTPError, InvalidValue, not_found
from velo_core.parsing import parse_media_type
from velo_core.types import INVALID

__all__ = ["BodyConvert", "ParameterConvert", "body_conversion", "parameter_conversion"]

ParameterConvert: TypeAlias = Callable[[object, "list[InvalidValue]"], object]
"""(text, texts or `None`, errors) to a value or `INVALID`."""
BodyConvert: TypeAlias = Callable[[bytes, "str | None", "list[InvalidValue]"], object]
"""(body, Content-Type, errors) to a value or `INVALID`. Raises `HTTPError` 400 or 415."""

_COLLECTIONS = (list, set, frozenset, tuple)


def parameter_conversion(
    loc: tuple[str, str], annotation: Annotation, *, required: bool, made: type = str
) -> ParameterConvert | None:
    """How a path, query, header or cookie value becomes what is declared; `None` if the text itself is it.

    Args:
        loc: Where the value is, for messages.
        annotation: What is declared.
        required: Whether a missing value is an error, and not the default's business.
        made: Type of a path value that the pattern's converter has already made; `object` if it is not known.

    Raises:
        TypeError: the declared type cannot be read from text.
    """
    checks = tests(annotation.constraints)
    plain = made is object or annotation.full in (made, object)
    if plain and not checks and not required:
        return None
    convert = None if plain else backend_for(annotation.full).converter(annotation.full)
    over_items = (get_origin(annotation.type) or annotation.type) in _COLLECTIONS
    missing = InvalidValue(loc, "This value is required", "missing")
    in_path = loc[0] == "path"

    def to_value(value: object, errors: list[InvalidValue]) -> object:
        if value is None or value == []:
            errors.append(missing)
            return INVALID
        if convert is not None:
            try:
                value = convert(value)
            except DoesNotFit as error:
                if in_path and "/" in cast("str", value):
                    # Only an encoded slash can be inside a segment. Protocols that decode the path before we see it take it for a
                    # separator and find no route, and whether it is there must not decide between 404 and 422.
                    raise not_found() from None
                errors += _at(loc, error)
                return INVALID
        for code, message, fits in checks:
            if not _holds(code, fits, value, over_items):
                errors.append(InvalidValue(loc, message, code))
                return INVALID
        return value

    return to_value


def body_conversion(annotation: Annotation, default: object, *, required: bool) -> BodyConvert | None:
    """How a body becomes what is declared; `None` if the bytes themselves are it.

    Raises:
        TypeError: the declared type cannot be read from JSON.
    """
    checks = tests(annotation.constraints)
    raw = annotation.full is bytes
    if raw and not checks and required:
        return None
    decode = None if raw else backend_for(annotation.full).decoder(annotation.full)
    loc = ("body",)
    missing = InvalidValue(loc, "A request body is required", "missing")

    def to_value(body: bytes, content_type: str | None, errors: list[InvalidValue]) -> object:
        if not body and not raw:
            if not required:
                return default
            errors.append(missing)
            return INVALID
        value: object = body
        if decode is not None:
            if content_type != "application/json":
                require_json(content_type)
            try:
                value = decode(body)
            except DoesNotFit as error:
                errors += _at(loc, error)
                return INVALID
        for code, message, fits in checks:
            if not _holds(code, fits, value, False):
                errors.append(InvalidValue(loc, message, code))
                return INVALID
        return value

    return to_value


def require_json(content_type: str | None) -> None:
    """Refuses a body that does not say it is JSON in UTF-8.

    A body without a Content-Type is refused as well: a page of another site can send such a one without the browser asking us first.

    Raises:
        HTTPError: 415 (RFC 9110 section 15.5.16), with what is accepted in `accept`.
    """
    media = None if content_type is None else parse_media_type(content_type)
    if media is not None and media.matches_json and media.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8", "us-ascii"):
        return
    sent = "no Content-Type" if content_type is None else "another Content-Type"
    raise HTTPError(415, f"The request body has to be application/json; the request has {sent}.", headers={"accept": "application/json"})


def _holds(code: str, fits: Callable[[object], bool], value: object, over_items: bool) -> bool:
    if over_items and code not in ("min_length", "max_length"):
        return all(fits(item) for item in cast("Sequence[object]", value))
    return value is None or fits(value)


def _at(loc: tuple[str, ...], error: DoesNotFit) -> list[InvalidValue]:
    return [replace(one, loc=(*loc, *one.loc)) for one in error.errors]
