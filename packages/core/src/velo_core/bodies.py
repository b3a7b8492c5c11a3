"""From a request body to the values that a handler asked for: all of it for one of them, or a JSON object with a member for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Optional, TypeAlias, cast

import msgspec

from velo_core.annotations import Annotation
from velo_core.codecs import DoesNotFit, backend_for
from velo_core.conversion import Bounds, bounds_of, can_share, located
from velo_core.errors import HTTPError, InvalidValue
from velo_core.json import MsgspecJSON, malformed
from velo_core.parsing import parse_media_type
from velo_core.types import INVALID, MISSING

__all__ = ["BodyConvert", "BodyPart", "body_conversion", "parts_conversion"]

BodyConvert: TypeAlias = Callable[[bytes, "str | None", "list[InvalidValue]"], object]
"""(body, Content-Type, errors) to a value or `INVALID`, or to a tuple of these. Raises `HTTPError` 400 or 415."""

_json = MsgspecJSON()


def body_conversion(annotation: Annotation, default: object, *, required: bool) -> BodyConvert | None:
    """How a body becomes what is declared; `None` if the bytes themselves are it.

    Raises:
        TypeError: the declared type cannot be read from JSON.
    """
    loc = ("body",)
    bounds = bounds_of(loc, annotation)
    raw = annotation.type is bytes
    if raw and bounds is None and required:
        return None
    declared = _with_none(annotation)
    decode = None if raw else backend_for(declared).decoder(declared)
    missing = InvalidValue(loc, "A request body is required", "missing")
    shared = can_share(default)

    def to_value(body: bytes, content_type: str | None, errors: list[InvalidValue]) -> object:
        if not body and not required:
            return default if shared else deepcopy(default)
        if not body and not raw:
            errors.append(missing)
            return INVALID
        value: object = body
        if decode is not None:
            if content_type != "application/json":
                require_json(content_type)
            try:
                value = decode(body)
            except DoesNotFit as error:
                errors += located(loc, error)
                return INVALID
        return _held(value, bounds, errors)

    return to_value


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A parameter that is a member of the object in the body.

    Attributes:
        variable: Name of the value in the plan.
        key: Name of the member.
        declared: What the signature says.
        default: Value if there is no such member; `MISSING` if it is required.
    """

    variable: str
    key: str
    declared: Annotation
    default: object = MISSING


def parts_conversion(parts: Sequence[BodyPart]) -> BodyConvert:
    """How a body becomes the values of several parameters, in order.

    Raises:
        TypeError: the type of one cannot be read from JSON.
    """
    converts = [_member_conversion(part) for part in parts]

    def to_values(body: bytes, content_type: str | None, errors: list[InvalidValue]) -> object:
        given: Mapping[str, bytes] = {}
        if body:
            if content_type != "application/json":
                require_json(content_type)
            try:
                given = _members(body)
            except DoesNotFit as error:
                errors += located(("body",), error)
                return (INVALID,) * len(converts)
        return tuple([convert(given, errors) for convert in converts])

    return to_values


def _members(body: bytes) -> Mapping[str, bytes]:
    """The members of a JSON object, undecoded.

    Raises:
        HTTPError: 400, it is not JSON.
        DoesNotFit: it is no object.
    """
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except RecursionError:
        raise malformed("it nests too deep") from None
    except msgspec.ValidationError as error:
        _json.decode(body)  # the rest of it may not be JSON, and then it is a 400
        raise DoesNotFit([InvalidValue((), str(error), "type")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(str(error)) from None
    return {name: bytes(cast("bytes", value)) for name, value in members.items()}


def _member_conversion(part: BodyPart) -> Callable[[Mapping[str, bytes], list[InvalidValue]], object]:
    loc = ("body", part.key)
    bounds = bounds_of(loc, part.declared)
    declared = _with_none(part.declared)
    decode = backend_for(declared).decoder(declared)
    missing = InvalidValue(loc, "This field is required", "missing")
    shared = can_share(part.default)

    def to_value(given: Mapping[str, bytes], errors: list[InvalidValue]) -> object:
        text = given.get(part.key)
        if text is not None:
            try:
                return _held(decode(text), bounds, errors)
            except DoesNotFit as error:
                errors += located(loc, error)
                return INVALID
        if part.default is MISSING:
            errors.append(missing)
            return INVALID
        return part.default if shared else deepcopy(part.default)

    return to_value


def _held(value: object, bounds: Bounds | None, errors: list[InvalidValue]) -> object:
    return value if bounds is None or value is None or bounds.hold(value, errors) else INVALID


def _with_none(annotation: Annotation) -> object:
    return Optional[annotation.full] if annotation.optional else annotation.full  # noqa: UP045 - not a literal type


def require_json(content_type: str | None) -> None:
    """Refuses a body that does not say it is JSON in UTF-8.

    A body without a Content-Type is refused as well: a page of another site can send such a one without the browser asking us first.

    Raises:
        HTTPError: 415 (RFC 9110 section 15.5.16), with what is accepted in `accept`.
    """
    media = parse_media_type(content_type) if content_type else None
    if media is not None and media.matches_json and media.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8", "us-ascii"):
        return
    sent = "another Content-Type" if content_type else "no Content-Type"  # an empty one says nothing, and WSGI drops it
    raise HTTPError(415, f"The request body has to be application/json; the request has {sent}.", headers={"accept": "application/json"})
