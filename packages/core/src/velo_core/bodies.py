"""From a request body to the values that a handler asked for: all of it for one of them, or an object with a member for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Generic, Optional, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Struct

from velo_core.annotations import Annotation
from velo_core.codecs import DEFAULT, JSON_TYPE, Codec, Coding, DoesNotFit, backend_for, media_type_of
from velo_core.conversion import Bounds, bounds_of, can_share, located
from velo_core.errors import HTTPError, InvalidValue
from velo_core.json import MsgspecJSON, malformed
from velo_core.parsing.media import parse_media_type
from velo_core.remembering import memory_of
from velo_core.types import INVALID, MISSING

__all__ = ["BodyConvert", "BodyPart", "body_conversion", "parts_conversion"]

BodyConvert: TypeAlias = Callable[[bytes, "str | None", "list[InvalidValue]"], object]
"""(body, Content-Type, errors) to a value or `INVALID`, or to a tuple of these. Raises `HTTPError` 400 or 415."""
Read: TypeAlias = Callable[[bytes], object]

T = TypeVar("T")

_json = MsgspecJSON()


def body_conversion(
    annotation: Annotation, default: object, *, required: bool, coding: Coding = DEFAULT
) -> tuple[BodyConvert | None, Read | None]:
    """How a body becomes what is declared; `None` if the bytes themselves are it.

    The second function is short for the first, for JSON that fits, where there is no more to it: see `Backend.quick_decoder`.

    Raises:
        TypeError: the declared type cannot be read from what the route consumes.
    """
    if default is not MISSING or not required:
        return _conversion(annotation, default, required, coding)
    memory, key = memory_of(body_conversion), (id(annotation), id(coding))
    if key not in memory:
        memory[key] = _conversion(annotation, default, required, coding), annotation, coding
    return cast("tuple[BodyConvert | None, Read | None]", memory[key][0])


def _conversion(annotation: Annotation, default: object, required: bool, coding: Coding) -> tuple[BodyConvert | None, Read | None]:
    loc = ("body",)
    bounds = bounds_of(loc, annotation)
    raw = annotation.type is bytes
    if raw and bounds is None and required:
        return None, None
    declared = _with_none(annotation)
    codecs = [] if raw else coding.codecs(coding.consumes)
    accepted: _Accepted[Read] = _Accepted([(codec, coding.decoder(declared, codec)) for codec in codecs])
    decode_json, pick = accepted.json, accepted.pick
    missing = InvalidValue(loc, "A request body is required", "missing")
    shared = can_share(default)

    def to_value(body: bytes, content_type: str | None, errors: list[InvalidValue]) -> object:
        if not body and not required:
            return default if shared else deepcopy(default)
        if not body and not raw:
            errors.append(missing)
            return INVALID
        value: object = body
        if not raw:
            decode = pick(content_type) if content_type != JSON_TYPE or decode_json is None else decode_json
            try:
                value = decode(body)
            except DoesNotFit as error:
                errors += located(loc, error)
                return INVALID
        return value if bounds is None else _held(value, bounds, errors)

    plain = required and bounds is None and None in codecs
    return to_value, backend_for(declared, coding.backends).quick_decoder(declared) if plain else None


class _Accepted(Generic[T]):
    """What is there for each media type that bodies can have.

    Attributes:
        json: What is there for JSON, if bodies can be that.
    """

    def __init__(self, known: Sequence[tuple[Codec | None, T]]) -> None:
        self.by_name: dict[str, T] = {}
        for codec, value in known:
            for name in (media_type_of(codec), *getattr(codec, "aliases", ())):
                self.by_name.setdefault(name, value)
        self.json = self.by_name.get(JSON_TYPE)
        self.listed = ", ".join(dict.fromkeys(media_type_of(codec) for codec, _ in known))

    def pick(self, content_type: str | None) -> T:
        """What is there for the Content-Type of a body; text and JSON have to be UTF-8.

        A body without a Content-Type is refused as well: a page of another site can send such a one without the browser asking us first.

        Raises:
            HTTPError: 415 (RFC 9110 section 15.5.16), with what is accepted in `accept`.
        """
        media = parse_media_type(content_type) if content_type else None
        if media is not None and media.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8", "us-ascii"):
            found = self.by_name.get(media.essence)
            if found is None and media.matches_json:
                found = self.json
            if found is not None:
                return found
        sent = "another Content-Type" if content_type else "no Content-Type"  # an empty one says nothing, and WSGI drops it
        raise HTTPError(415, f"The request body has to be {self.listed}; the request has {sent}.", headers={"accept": self.listed})


class BodyPart(Struct, frozen=True):
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


def parts_conversion(parts: Sequence[BodyPart], coding: Coding = DEFAULT) -> BodyConvert:
    """How a body becomes the values of several parameters, in order.

    Raises:
        TypeError: the type of one cannot be read from what the route consumes.
    """
    known: list[tuple[Codec | None, _Members]] = []
    for codec in coding.codecs(coding.consumes):
        is_json = media_type_of(codec) == JSON_TYPE
        split = _json_members(codec) if is_json else _data_members(cast("Codec", codec))
        known.append((codec, (split, [_member_conversion(part, coding, is_json=is_json) for part in parts])))
    accepted = _Accepted(known)

    def to_values(body: bytes, content_type: str | None, errors: list[InvalidValue]) -> object:
        split, converts = accepted.pick(content_type) if body else known[0][1]
        try:
            given: Mapping[str, object] = split(body) if body else {}
        except DoesNotFit as error:
            errors += located(("body",), error)
            return (INVALID,) * len(converts)
        return tuple([convert(given, errors) for convert in converts])

    return to_values


_Convert: TypeAlias = Callable[[Mapping[str, object], "list[InvalidValue]"], object]
_Members: TypeAlias = tuple[Callable[[bytes], Mapping[str, object]], list[_Convert]]


def _json_members(codec: Codec | None) -> Callable[[bytes], Mapping[str, object]]:
    """Takes a JSON object apart into members that are JSON themselves.

    Raises:
        HTTPError: 400, it is not JSON.
        DoesNotFit: it is no object.
    """

    def split(body: bytes) -> Mapping[str, object]:
        if codec is not None:
            codec.decode(body)
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

    return split


def _data_members(codec: Codec) -> Callable[[bytes], Mapping[str, object]]:
    """Takes an object of another media type apart into members that are plain data."""

    def split(body: bytes) -> Mapping[str, object]:
        data = codec.decode(body)
        if not isinstance(data, dict):
            raise DoesNotFit([InvalidValue((), "Expected `object`", "type")])
        return cast("Mapping[str, object]", data)

    return split


def _member_conversion(part: BodyPart, coding: Coding, *, is_json: bool) -> _Convert:
    loc = ("body", part.key)
    bounds = bounds_of(loc, part.declared)
    declared = _with_none(part.declared)
    backend = backend_for(declared, coding.backends)
    read = cast("Callable[[object], object]", backend.decoder(declared) if is_json else backend.reader(declared))
    missing = InvalidValue(loc, "This field is required", "missing")
    shared = can_share(part.default)

    def to_value(given: Mapping[str, object], errors: list[InvalidValue]) -> object:
        if part.key in given:
            try:
                return _held(read(given[part.key]), bounds, errors)
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
