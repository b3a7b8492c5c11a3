"""From what a handler returns to a status, headers and a body.

The declared type decides, once, at start-up: `str` is text, `bytes` is bytes, `None` is 204, a `Response` is itself, and everything else is
JSON written as that type, so that what the type does not have cannot get out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, cast, get_args, get_origin
from uuid import UUID

from msgspec import Struct

from velo_core.codecs import DEFAULT, JSON_TYPE, PLAIN, Coding, PlainText, Shortcut, backend_for, is_model
from velo_core.codecs.backend import spelled
from velo_core.hints import class_of, expand, is_union
from velo_core.json import encode_json
from velo_core.remembering import memory_of
from velo_core.response import NO_HEADERS, REDIRECTING, JSONResponse, ReadyHeaders, RedirectResponse, Response, content_type
from velo_core.status import WITHOUT_CONTENT
from velo_core.types import MISSING, HeaderPairs

# Most applications stream nothing and have nothing to choose from.
if TYPE_CHECKING:
    from velo_core.negotiation import Negotiate, Offer

__all__ = ["Result", "Shape", "any_encoder", "encode_any", "result_of"]

JSON: Final = ReadyHeaders([("content-type", "application/json")])
TEXT: Final = ReadyHeaders([("content-type", content_type("text/plain"))])
BYTES: Final = ReadyHeaders([("content-type", "application/octet-stream")])


_TEXT, _BYTES = Shortcut(frozenset((str,))), Shortcut(frozenset((bytes,)))


class Shape(Enum):
    """What a handler returns."""

    RESPONSE = "a Response"
    NOTHING = "nothing"
    DATA = "data of a declared type"
    ANY = "something that shows when it is there"
    MADE = "something that a response is made of"
    OFFERED = "data in one of several forms"


class Result(Struct, frozen=True):
    """How results are written.

    Attributes:
        shape: What the handler returns.
        status_code: Of the response.
        headers: Of the response.
        encode: Result to body.
        model: The type that the body is written as, or one item of a stream; `MISSING` if there is none.
        shortcut: What a plan can write by itself: text, bytes, or JSON by `encode_json`.
        make: Result to response, where that is more than its parts.
        offers: The forms between which the request chooses; `headers` and `encode` tell nothing if there are any.
        negotiate: Chooses between them.
    """

    shape: Shape
    status_code: int
    headers: ReadyHeaders
    encode: Callable[[object], bytes]
    model: object = MISSING
    shortcut: Shortcut | None = None
    make: Callable[[object], Response] | None = None
    offers: tuple[Offer, ...] = ()
    negotiate: Negotiate | None = None

    @property
    def varies(self) -> bool:
        """Whether what is sent depends on the `Accept` of the request."""
        return any(name == "vary" for offer in self.offers for name, _ in offer.headers)

    @property
    def encodes_plainly(self) -> bool:
        """Whether nobody has said how a result of undeclared type becomes JSON."""
        return self.encode is _nothing


def result_of(
    declared: object,
    response_model: object,
    status_code: int | None,
    response_class: type[Response] | None = None,
    coding: Coding = DEFAULT,
    *,
    yields: bool = False,
) -> Result:
    """How the results of a handler are written.

    Args:
        declared: Annotation of the result, or `MISSING`.
        response_model: What the route says instead, or `MISSING`.
        status_code: What the route says, or `None`.
        response_class: What the route says, or `None`.
        coding: How results are written here.
        yields: Whether the handler yields; then what it yields is declared.

    Raises:
        TypeError: the type has no form in what the route produces, or does not go with the class.
    """
    if response_class is not None and not (isinstance(response_class, type) and issubclass(response_class, Response)):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
        raise TypeError(f"its response_class is {response_class!r}, which is no class of responses")
    if response_model is not MISSING or response_class is not None or yields:
        return _result_of(declared, response_model, status_code, response_class, coding, yields)
    memory, key = memory_of(result_of), (id(declared), status_code, id(coding))
    if key not in memory:
        memory[key] = _result_of(declared, MISSING, status_code, None, coding, yields=False), declared, coding
    return cast("Result", memory[key][0])


def _result_of(
    declared: object,
    response_model: object,
    status_code: int | None,
    response_class: type[Response] | None,
    coding: Coding,
    yields: bool,
) -> Result:
    if yields:
        from velo_core.generators import item_of, stream_maker

        item = item_of(declared if response_model is MISSING else response_model)
        status = status_code or 200
        return Result(Shape.MADE, status, NO_HEADERS, _nothing, item, make=stream_maker(item, status, response_class, coding))
    model = _without_responses(declared) if response_model is MISSING else expand(response_model)
    bare = _bare(model)
    if response_model is MISSING and _is_body_and_status(bare, coding):
        name = spelled(bare)
        raise TypeError(
            f"{name} would be a list in JSON, and no body with its status; write status_code=201 into the decorator, or return a Response; "
            f"if it is a list that you mean, say so: response_model={name}"
        )
    if bare is Response:
        return Result(Shape.RESPONSE, status_code or 200, NO_HEADERS, _nothing)
    nothing = bare is None or bare is type(None)
    is_redirect = response_class is not None and issubclass(response_class, RedirectResponse)
    status = status_code or (204 if nothing else 307 if is_redirect else 200)
    if nothing or status in WITHOUT_CONTENT:
        return Result(Shape.NOTHING, status, NO_HEADERS, _nothing)
    if response_class is not None and response_class is not Response:
        return _of_class(response_class, model, bare, status, coding)
    undeclared = bare is MISSING or bare is object or bare is Any
    if undeclared and coding.options.shapes:
        raise TypeError("there is no declared type whose fields could be left out; annotate the result, or give a response_model")
    if coding.produces is not None and (coding.produces_all or bare not in (str, bytes)):
        from velo_core.negotiation import negotiator

        offers = _offers(object if undeclared else model, bare, coding)
        return Result(
            Shape.OFFERED, status, NO_HEADERS, _nothing, MISSING if undeclared else model, offers=offers, negotiate=negotiator(offers)
        )
    if bare is str:
        return Result(Shape.DATA, status, TEXT, cast("Callable[[object], bytes]", str.encode), str, _TEXT)
    if bare is bytes:
        return Result(Shape.DATA, status, BYTES, _octets, bytes, _BYTES)
    if undeclared:
        encode = _nothing if coding.json is None else coding.encoder(object, coding.json)
        return Result(Shape.ANY, status, NO_HEADERS, encode)
    return Result(Shape.DATA, status, JSON, coding.encoder(model, coding.json), model, _shortcut(model, coding))


def _shortcut(model: object, coding: Coding) -> Shortcut | None:
    """What a plan writes by itself, if it is Velo's JSON that is written, and as it is."""
    if coding.json is not None or coding.options != PLAIN:
        return None
    return backend_for(model, coding.backends).shortcut(model)


def _offers(model: object, bare: object, coding: Coding) -> tuple[Offer, ...]:
    """The forms that a result can have.

    Raises:
        TypeError: there is no form that it can have.
    """
    from velo_core.negotiation import Offer

    offers: list[Offer] = []
    vary: HeaderPairs = [("vary", "Accept")] if len(coding.produces or ()) > 1 else []
    for codec in coding.codecs(coding.produces or ()):
        if isinstance(codec, PlainText) and not _is_single(bare):
            if coding.produces_all:
                raise TypeError("text/plain is for text, numbers and other single values; leave it away, or give a codec of your own")
            continue
        media_type = JSON_TYPE if codec is None else codec.media_type
        offers.append(Offer(media_type, ReadyHeaders([("content-type", media_type), *vary]), coding.encoder(model, codec)))
    if not offers:
        raise TypeError("nothing that is produced here fits it; add application/json to `produces`")
    return tuple(offers)


def _is_single(bare: object) -> bool:
    """Whether a type is that of a single value, which text can show."""
    members = get_args(bare) if is_union(bare) else (bare,)
    return all(get_origin(one) is Literal or issubclass(class_of(one) or object, _SINGLE) for one in members)


_SINGLE = (str, int, float, Decimal, UUID, date, time, timedelta, Enum, type(None))


def any_encoder(result: Result) -> Callable[[object], tuple[ReadyHeaders, bytes]]:
    """`encode_any`, with the JSON codec of the route."""
    if result.encodes_plainly:
        return encode_any
    encode = result.encode
    as_they_are = (str, bytes, bytearray, memoryview)
    return lambda value: encode_any(cast("object", value)) if isinstance(value, as_they_are) else (JSON, encode(value))


def _of_class(response_class: type[Response], model: object, bare: object, status: int, coding: Coding) -> Result:
    """Of a class that only names another media type, the parts will do; any other one is called with the result."""
    plain = response_class.__init__ in (Response.__init__, JSONResponse.__init__) and response_class.media_type is not None
    if plain and bare not in (MISSING, object, Any):
        headers = ReadyHeaders([("content-type", content_type(cast("str", response_class.media_type)))])
        if bare is str and not issubclass(response_class, JSONResponse):
            return Result(Shape.DATA, status, headers, cast("Callable[[object], bytes]", str.encode), str, _TEXT)
        if bare is bytes:
            return Result(Shape.DATA, status, headers, _octets, bytes, _BYTES)
        return Result(
            Shape.DATA, status, headers, coding.encoder(model, coding.json), model, None if bare is str else _shortcut(model, coding)
        )
    if issubclass(response_class, RedirectResponse) and status not in REDIRECTING:
        raise TypeError(f"a redirect has no status {status}; write status_code={', '.join(map(str, REDIRECTING))}, or leave it away")
    make = cast("Callable[..., Response]", response_class)
    return Result(Shape.MADE, status, NO_HEADERS, _nothing, model, make=lambda value: make(value, status_code=status))


def encode_any(value: object) -> tuple[ReadyHeaders, bytes]:
    """Headers and body for a result of undeclared type."""
    if isinstance(value, str):
        return TEXT, value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return BYTES, _octets(cast("object", value))
    return JSON, encode_json(value)


def _nothing(value: object) -> bytes:
    return b""


def _octets(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(cast("bytes", value))
    raise TypeError(f"a handler that is annotated to return bytes returned {type(value).__name__}")  # bytes(5) would be five zeros


def _without_responses(declared: object) -> object:
    """The data type in `Item | JSONResponse`; `Response` if there are only responses in it."""
    declared = expand(declared)
    bare = _bare(declared)
    members: tuple[object, ...] = get_args(bare) if is_union(bare) else (bare,)
    data = tuple(member for member in members if not issubclass(class_of(member) or object, Response))
    if not data:
        return Response
    return declared if len(data) == len(members) else cast("object", Union[data])  # noqa: UP007 - a tuple of types cannot be written with |


def _is_body_and_status(bare: object, coding: Coding) -> bool:
    """Whether a type is what handlers of Flask return: a body, its status, and perhaps headers."""
    items = cast("tuple[object, ...]", get_args(bare) if get_origin(bare) is tuple else ())
    if len(items) not in (2, 3) or not issubclass(class_of(items[1]) or object, int):
        return False
    body = expand(items[0])
    kind = class_of(body) or object
    return issubclass(kind, (str, bytes, dict, Response)) or is_model(body, coding.backends)


def _bare(model: object) -> object:
    return get_args(model)[0] if get_origin(model) is Annotated else model
