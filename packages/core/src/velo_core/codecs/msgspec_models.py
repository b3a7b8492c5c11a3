"""The default model backend: structs, dataclasses, attrs classes, typed dictionaries, named tuples, and all plain types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
from msgspec import inspect

from velo_core.codecs.backend import PLAIN, Convert, Decode, DoesNotFit, Encode, Make, Read, Write, does_not_fit, spelled
from velo_core.codecs.collisions import collision_guard
from velo_core.codecs.exact import Shortcut, exactly, shortcut
from velo_core.codecs.explain import explain
from velo_core.codecs.fields import Field, everything_in, fields_of, is_namedtuple, is_typeddict, model_class
from velo_core.codecs.media import MessagePack
from velo_core.codecs.media import malformed as malformed_message_pack
from velo_core.codecs.omitting import WriteOptions, omitting
from velo_core.codecs.text import text_converter
from velo_core.constraints import compiled_pattern, constraints_of, is_inexact
from velo_core.errors import HTTPError
from velo_core.hints import class_of, peel
from velo_core.json import JSONCodec, MsgspecJSON, encode_json, malformed, to_builtins
from velo_core.remembering import once_per_type

if TYPE_CHECKING:
    from velo_core.codecs.pattern_guard import PatternGuard

__all__ = ["MsgspecBackend"]

_plain = MsgspecJSON()
_SIZE_UNKNOWN = 1_048_576
"""Bytes: how large plain data is taken to be, for the work that goes into telling what is wrong with it."""


class MsgspecBackend:
    """See `Backend`."""

    family = "msgspec"

    def claims(self, annotation: object) -> bool:
        """Everything: this is the backend for what no other claims."""
        return True

    def is_model(self, annotation: object) -> bool:
        """Struct, dataclass, attrs class, `TypedDict` or `NamedTuple`."""
        return model_class(annotation) is not None or is_namedtuple(annotation)

    def decoder(self, annotation: object, codec: JSONCodec | None = None) -> Decode:
        """See `Backend.decoder`."""
        if codec is not None:
            read, decode = self.reader(annotation), codec.decode
            return lambda body: read(decode(body))
        return _json_decoder(annotation)

    def quick_decoder(self, annotation: object) -> Decode | None:
        """See `Backend.quick_decoder`: msgspec alone, where there is no more to it."""
        has_more = collision_guard(annotation) is not None or _pattern_guard(annotation) is not None
        return None if has_more else _bare_decoder(annotation)

    def message_pack_decoder(self, annotation: object, codec: MessagePack) -> Decode:
        """How to read MessagePack as `annotation`."""
        anything = any(part is Any or part is object for part in everything_in(annotation))
        if anything or collision_guard(annotation) is not None:  # `codec` takes no keys but text
            read = self.reader(annotation)
            return lambda body: read(codec.decode(body))
        check_type(annotation)
        guard = _pattern_guard(annotation)
        decode = _typed_decode(
            msgspec.msgpack.Decoder(cast("type[object]", annotation)).decode, annotation, codec.decode, malformed_message_pack
        )
        if guard is None:
            return decode

        def decode_guarded(body: bytes) -> object:
            value = decode(body)
            guard.check(codec.decode(body))
            return value

        return decode_guarded

    def reader(self, annotation: object) -> Read:
        """See `Backend.reader`. Keys are text, as in JSON."""
        check_type(annotation)
        patterns = _pattern_guard(annotation)
        target = cast("type[object]", annotation)
        guard = collision_guard(annotation)

        def read(data: object) -> object:
            if guard is not None:
                guard(data)
            try:
                value = msgspec.convert(data, target, str_keys=True)
            except msgspec.ValidationError as error:
                raise DoesNotFit(explain(data, annotation, _SIZE_UNKNOWN) or does_not_fit(str(error)).errors) from None
            if patterns is not None:
                patterns.check(data)
            return value

        return read

    def converter(self, annotation: object) -> Convert:
        """See `Backend.converter`."""
        return text_converter(annotation)

    def encoder(self, annotation: object, options: WriteOptions = PLAIN) -> Encode:
        """See `Backend.encoder`."""
        if options != PLAIN:
            prepare = self._prepare(annotation, options)
            return lambda value: encode_json(prepare(value))
        return _json_encoder(annotation)

    def writer(self, annotation: object, options: WriteOptions = PLAIN, native: tuple[type, ...] = ()) -> Write:
        """See `Backend.writer`."""
        prepare, native_types = self._prepare(annotation, options), cast("tuple[type[bytes], ...]", native)
        return lambda value: msgspec.to_builtins(prepare(value), builtin_types=native_types, str_keys=True, enc_hook=to_builtins)

    def _prepare(self, annotation: object, options: WriteOptions) -> Write:
        """Makes of a result what is written: no more than the type has, checked and without what is left out if that is wanted."""
        check_type(annotation, (object,))
        fits = exactly(annotation)
        omit = omitting(annotation, options) if options.shapes else None

        def prepare(value: object) -> object:
            if not fits(value):
                value = _converted(value, annotation, fits)
            if options.validate:
                _validate(value, annotation)
            return value if omit is None else omit(value)

        return prepare

    def shortcut(self, annotation: object) -> Shortcut | None:
        """See `Backend.shortcut`."""
        return shortcut(annotation)

    def fields(self, annotation: object) -> Sequence[Field]:
        """See `Backend.fields`."""
        return fields_of(annotation)

    def forbids_extra(self, annotation: object) -> bool:
        """See `Backend.forbids_extra`: a struct can say so."""
        config = getattr(class_of(annotation), "__struct_config__", None)
        return config is not None and config.forbid_unknown_fields

    def maker(self, annotation: object) -> Make:
        """See `Backend.maker`."""
        kind = cast("Callable[..., object]", class_of(annotation))
        arguments = {field.name: _argument(kind, field.attribute) for field in fields_of(annotation)}
        if is_typeddict(kind):
            return lambda values, complete: dict(values)

        def make(values: Mapping[str, object], complete: bool) -> object:
            if not complete:
                return None
            try:
                return kind(**{arguments[name]: value for name, value in values.items()})
            except (ValueError, TypeError) as error:  # as msgspec takes them: a rule over several fields, in `__post_init__`
                raise does_not_fit(str(error)) from error

        return make


@once_per_type
def _bare_decoder(annotation: object) -> Decode:
    check_type(annotation)
    check_bounds(annotation)
    return msgspec.json.Decoder(cast("type[object]", annotation)).decode


@once_per_type
def _json_decoder(annotation: object) -> Decode:
    decode, guard = _typed_decode(_bare_decoder(annotation), annotation, _plain.decode, malformed), _pattern_guard(annotation)
    if guard is None:
        return decode

    def decode_guarded(body: bytes) -> object:
        value = decode(body)
        if not body.isascii() or b"\\" in body:  # no other text is read in two ways
            guard.check(_plain.decode(body))
        return value

    return decode_guarded


def _pattern_guard(annotation: object) -> PatternGuard | None:
    if not check_bounds(annotation):
        return None
    from velo_core.codecs.pattern_guard import pattern_guard  # few have patterns

    return pattern_guard(annotation)


@once_per_type
def _json_encoder(annotation: object) -> Encode:
    check_type(annotation, (object,))
    fits = exactly(annotation)

    def encode(value: object) -> bytes:
        return encode_json(value if fits(value) else _converted(value, annotation, fits))

    return encode


class _AttrsAttribute(Protocol):
    alias: str


def _argument(kind: object, attribute: str) -> str:
    """The name that the constructor has for an attribute: attrs takes leading underscores off."""
    known = getattr(getattr(kind, "__attrs_attrs__", None), attribute, None)
    return attribute if known is None else cast("_AttrsAttribute", known).alias


def _typed_decode(decode_typed: Decode, annotation: object, decode_plain: Decode, malformed: Callable[[str], HTTPError]) -> Decode:
    """How to read a format for which msgspec has a decoder of the type."""
    guard = collision_guard(annotation)

    def decode(body: bytes) -> object:
        try:
            if guard is not None:
                guard(decode_plain(body))
            return decode_typed(body)
        except RecursionError:
            raise malformed("it nests too deep") from None
        except msgspec.ValidationError as error:
            raise _refusal(body, annotation, error, decode_plain, malformed) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed(str(error)) from None

    return decode


def _refusal(
    body: bytes, annotation: object, error: msgspec.ValidationError, decode_plain: Decode, malformed: Callable[[str], HTTPError]
) -> Exception:
    """What answers a body that does not fit. That was found before the rest of it was read, which may not be well-formed: a 400 then."""
    try:
        return DoesNotFit(explain(decode_plain(body), annotation, len(body)) or does_not_fit(str(error)).errors)
    except RecursionError:
        return malformed("it nests too deep")


def _validate(value: object, annotation: object) -> None:
    """Checks all that the type says: bounds, and the types of plain fields.

    Raises:
        TypeError: the value does not fit.
    """
    try:
        msgspec.convert(msgspec.to_builtins(value, enc_hook=to_builtins), cast("type[object]", annotation))
    except msgspec.ValidationError as error:
        raise TypeError(f"the result is not {spelled(annotation)}: {error}") from error


def _converted(value: object, annotation: object, fits: Convert) -> object:
    """The value as the declared type has it, without all that the type does not have.

    Raises:
        TypeError: it cannot be read as the type.
    """
    target = cast("type[object]", annotation)
    try:
        converted = msgspec.convert(value, target, from_attributes=True)
        if fits(converted):
            return converted
        # An instance of the right class is taken as it is, and one of its fields has too much.
    except msgspec.ValidationError:
        pass  # objects, where the type wants dictionaries
    try:
        return msgspec.convert(msgspec.to_builtins(value, enc_hook=to_builtins), target)
    except msgspec.ValidationError as error:
        raise TypeError(f"the result is not {spelled(annotation)}: {error}") from error


# Types that would fail only when a request comes.


def check_type(annotation: object, but: Sequence[type] = ()) -> None:
    """Refuses what msgspec takes for a type of your own, and so never reads; besides what is in `but`.

    Raises:
        TypeError: there is such a type in it, or the fields of a model name something that cannot be found.
        UnsoundModel: msgspec refuses a field of a model, for its type or its bounds, or would count in steps that are not those written.
    """
    try:
        unknown, inexact = None, False
        for info in _described(inspect.type_info(cast("type[object]", annotation)), set()):
            if isinstance(info, inspect.CustomType) and unknown is None and info.cls not in but:
                unknown = info.cls
            elif isinstance(info, inspect.FloatType) and info.multiple_of is not None:
                inexact = inexact or is_inexact(info.multiple_of)
    except NameError as error:
        raise TypeError(f"it names {error.name!r}, which cannot be found; define it in the module of the class that names it") from error
    except TypeError as error:
        from velo_core.codecs.soundness import unsound  # only what does not start needs it

        raise unsound(annotation) or error from error
    except RecursionError as error:
        raise TypeError("it has an alias that contains itself, which msgspec cannot read; write a model instead, or Any") from error
    if inexact:
        from velo_core.codecs.soundness import uncountable

        raise uncountable(annotation)
    if unknown is not None:
        hint = "; write Any" if unknown is object else ""
        raise TypeError(f"{unknown.__module__}.{unknown.__qualname__} is no type that has a JSON form{hint}")


def _described(info: object, seen: set[int]) -> Iterator[object]:
    """A description of a type, and of all that is inside."""
    yield info
    if id(info) in seen:
        return
    seen.add(id(info))
    for child in (*_children(info), *(field.type for field in getattr(info, "fields", ()))):
        yield from _described(child, seen)


def _children(info: object) -> Iterator[object]:
    for name in ("type", "item_type", "key_type", "value_type", "types", "item_types"):
        child = getattr(info, name, None)
        if isinstance(child, tuple):
            yield from cast("tuple[object, ...]", child)
        elif isinstance(child, inspect.Type):
            yield child


@once_per_type
def check_bounds(annotation: object) -> bool:
    """Refuses bounds inside of a type that do no good, and tells whether there are patterns among them.

    One that msgspec does not look at is worse than none, and so is a pattern that could take very long.

    Raises:
        TypeError: a field or an item has bounds from elsewhere than `msgspec.Meta`, or such a pattern.
    """
    of_the_whole = peel(annotation).metadata
    has_patterns = False
    for part in everything_in(annotation):
        for item in peel(part).metadata:
            if isinstance(item, msgspec.Meta) and item.pattern is not None:
                compiled_pattern(item.pattern)
                has_patterns = True
            foreign = not isinstance(item, msgspec.Meta) and bool(constraints_of([item]))
            if foreign and not any(item is known for known in of_the_whole):
                raise TypeError(f"msgspec does not look at {item!r} inside of a type; write it as msgspec.Meta(...)")
    return has_patterns
