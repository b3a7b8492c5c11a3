"""Families of models that an application or a plugin brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, get_args

import msgspec
from msgspec.structs import replace

from velo_core.codecs.backend import PLAIN, Convert, Decode, DoesNotFit, Encode, Make, Read, Write, does_not_fit, spelled
from velo_core.codecs.collisions import collision_guard
from velo_core.codecs.exact import Shortcut
from velo_core.codecs.fields import Field, everything_in
from velo_core.codecs.msgspec_models import check_type
from velo_core.codecs.omitting import WriteOptions
from velo_core.errors import InvalidValue
from velo_core.hints import class_of, peel
from velo_core.json import JSONCodec, MsgspecJSON, encode_json, to_builtins

__all__ = ["ModelBackend", "OwnModels"]

_plain = MsgspecJSON()


class ModelBackend(ABC):
    """A family of model types, for `Router.add_model_backend`.

    It is asked at start-up, and what it returns is called for requests. It has to know its own classes only: lists, dictionaries, unions
    with `None` and other models that they are in are Velo's business.
    """

    @abstractmethod
    def claims(self, annotation: object) -> bool:
        """Whether `annotation` is a class of this family."""

    @abstractmethod
    def reader(self, annotation: Any) -> Callable[[object], object]:
        """What makes an instance of plain data: dicts, lists, text, numbers, booleans, `None`.

        It raises `ValueError` or `TypeError` for data that does not fit, or `DoesNotFit` to tell all that is wrong, each with its place.
        """

    @abstractmethod
    def writer(self, annotation: Any) -> Callable[[Any], object]:
        """What makes plain data of an instance. It raises `TypeError` for a value that is none."""

    def from_text(self, annotation: Any) -> Callable[[str], object]:
        """What makes an instance of the text of a query, a path, a header or a cookie.

        Raises:
            TypeError: there is none, which is so unless this method is replaced: instances come from bodies.
        """
        raise TypeError(f"{spelled(annotation)} cannot be read from text; declare it as the body, or ask for its parts")

    def json_schema(self, annotation: Any) -> Mapping[str, object] | None:
        """The JSON schema (draft 2020-12) of the plain data of a class, for OpenAPI documents; `None` if it is not told.

        It is put in wherever the class is, so it refers to nothing outside of itself.
        """
        return None

    def is_model(self, annotation: object) -> bool:
        """Whether a parameter of the type comes from the body if it does not say where from."""
        try:
            self.from_text(annotation)
        except TypeError:
            return True
        return False


class OwnModels:
    """See `Backend`: what has classes of `backends` in it."""

    family = "own"

    def __init__(self, backends: Sequence[ModelBackend]) -> None:
        self.backends = backends

    def owner(self, annotation: object) -> ModelBackend | None:
        """The backend of a class."""
        return next((backend for backend in self.backends if backend.claims(annotation)), None)

    def claims(self, annotation: object) -> bool:
        """See `Backend.claims`."""
        return self.owner(annotation) is not None

    def is_model(self, annotation: object) -> bool:
        """See `Backend.is_model`."""
        owner = self.owner(annotation)
        return owner is not None and owner.is_model(annotation)

    def decoder(self, annotation: object, codec: JSONCodec | None = None) -> Decode:
        """See `Backend.decoder`."""
        read, decode = self.reader(annotation), (codec or _plain).decode
        return lambda body: read(decode(body))

    def quick_decoder(self, annotation: object) -> Decode | None:
        """See `Backend.quick_decoder`: what is read by others."""
        return None

    def reader(self, annotation: object) -> Read:
        """See `Backend.reader`."""
        guard = collision_guard(annotation)
        read = self._read(annotation)

        def guarded(data: object) -> object:
            if guard is not None:
                guard(data)
            return read(data)

        return guarded

    def _read(self, annotation: object) -> Read:
        peeled = peel(annotation)
        if peeled.optional:
            inner = self._read(peeled.type)
            return lambda data: None if data is None else inner(data)
        owner = self.owner(peeled.type)
        if owner is not None:
            return _telling(owner.reader(peeled.type))
        arguments = get_args(peeled.type)
        if class_of(peeled.type) is list and len(arguments) == 1:
            return _each(self._read(arguments[0]))
        if class_of(peeled.type) is dict and len(arguments) == 2 and arguments[0] is str:
            return _each_value(self._read(arguments[1]))
        return self._inside(annotation)

    def _inside(self, annotation: object) -> Read:
        """For models of other families that have some of ours as fields."""
        check_type(annotation, self.classes(annotation))
        target = cast("type[object]", annotation)

        def make(kind: type, data: object) -> object:
            owner = self.owner(kind)
            if owner is None:
                raise TypeError(f"{kind.__qualname__} has no form in plain data")
            try:
                return owner.reader(kind)(data)
            except DoesNotFit as error:
                raise ValueError(str(error)) from error

        def read(data: object) -> object:
            try:
                return msgspec.convert(data, target, dec_hook=make, str_keys=True)
            except msgspec.ValidationError as error:
                raise _placed(str(error)) from None

        return read

    def classes(self, annotation: object) -> tuple[type, ...]:
        """The classes in `annotation` that are ours."""
        return tuple(part for part in everything_in(annotation) if isinstance(part, type) and self.claims(part))

    def converter(self, annotation: object) -> Convert:
        """See `Backend.converter`."""
        owner = self.owner(peel(annotation).type)
        if owner is None:
            raise TypeError("a class of your own stands alone, or is the body")
        return _telling(cast("Read", owner.from_text(peel(annotation).type)))

    def encoder(self, annotation: object, options: WriteOptions = PLAIN) -> Encode:
        """See `Backend.encoder`."""
        write = self.writer(annotation, options)
        return lambda value: encode_json(write(value))

    def writer(self, annotation: object, options: WriteOptions = PLAIN, native: tuple[type, ...] = ()) -> Write:
        """See `Backend.writer`."""
        if options.shapes:
            raise TypeError("exclude_none and its like work with models that Velo knows; let the backend leave them out")
        writers: dict[type, Callable[[Any], object]] = {}
        native_types = cast("tuple[type[bytes], ...]", native)
        owner = self.owner(peel(annotation).type)
        direct = None if owner is None else owner.writer(peel(annotation).type)

        def plain(value: object) -> object:
            kind = type(value)
            found = writers.get(kind)
            if found is None:
                of_kind = self.owner(kind)
                if of_kind is None:
                    return to_builtins(value)
                found = writers[kind] = of_kind.writer(kind)
            return found(value)

        def write(value: object) -> object:
            if direct is not None and value is not None:
                value = direct(value)
            return msgspec.to_builtins(value, builtin_types=native_types, str_keys=True, enc_hook=plain)

        return write

    def shortcut(self, annotation: object) -> Shortcut | None:
        """See `Backend.shortcut`: what is written by others."""
        return None

    def fields(self, annotation: object) -> Sequence[Field]:
        """See `Backend.fields`."""
        raise TypeError(f"the fields of {spelled(annotation)} are not known; declare it as the body")

    def forbids_extra(self, annotation: object) -> bool:
        """See `Backend.forbids_extra`."""
        return False

    def maker(self, annotation: object) -> Make:
        """See `Backend.maker`."""
        raise TypeError(f"the fields of {spelled(annotation)} are not known; declare it as the body")


def _telling(read: Read) -> Read:
    """The reader, with `DoesNotFit` for what it raises."""

    def told(data: object) -> object:
        try:
            return read(data)
        except (ValueError, TypeError) as error:
            raise does_not_fit(str(error)) from error

    return told


def _each(read: Read) -> Read:
    def read_all(data: object) -> object:
        if not isinstance(data, list):
            raise does_not_fit("Expected `array`")
        values: list[object] = []
        _collect(enumerate(cast("list[object]", data)), read, lambda key, value: values.append(value))
        return values

    return read_all


def _each_value(read: Read) -> Read:
    def read_all(data: object) -> object:
        if not isinstance(data, dict):
            raise does_not_fit("Expected `object`")
        values: dict[object, object] = {}
        _collect(cast("Mapping[str, object]", data).items(), read, values.__setitem__)
        return values

    return read_all


def _collect(items: Any, read: Read, keep: Callable[[Any, object], object]) -> None:
    errors: list[InvalidValue] = []
    for key, item in items:
        try:
            keep(key, read(item))
        except DoesNotFit as error:
            errors += [replace(one, loc=(key, *one.loc)) for one in error.errors]
    if errors:
        raise DoesNotFit(errors)


def _placed(message: str) -> DoesNotFit:
    """Msgspec's message, with the place that it ends with."""
    reason, _, path = message.partition(" - at `$")
    steps = path.rstrip("`").replace("[", ".").replace("]", "").split(".")
    loc = tuple(int(step) if step.isdecimal() else step for step in steps if step)
    return DoesNotFit([InvalidValue(loc, reason, "type")])
