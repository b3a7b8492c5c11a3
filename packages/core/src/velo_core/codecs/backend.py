"""What a model backend is: the protocol, and the words it speaks in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from velo_core.codecs.exact import Shortcut
from velo_core.codecs.fields import Field
from velo_core.codecs.omitting import WriteOptions
from velo_core.errors import InvalidValue
from velo_core.json import JSONCodec

__all__ = [
    "MAX_ERRORS",
    "PLAIN",
    "Backend",
    "Convert",
    "Decode",
    "DoesNotFit",
    "Encode",
    "Make",
    "Read",
    "UnsoundModel",
    "Write",
    "does_not_fit",
    "spelled",
]

PLAIN: Final = WriteOptions()
"""As the model says, and no more than it has."""
MAX_ERRORS: Final = 100
"""Errors listed for one value: enough for any form, and no way to make us write a long answer to a short question."""

Decode: TypeAlias = Callable[[bytes], object]
"""JSON text to a value. Raises `DoesNotFit`, or `HTTPError` 400 when it is not JSON."""
Convert: TypeAlias = Callable[[object], object]
"""Text, or a list of texts, to a value. Raises `DoesNotFit`."""
Read: TypeAlias = Callable[[object], object]
"""Plain data to a value. Raises `DoesNotFit`."""
Write: TypeAlias = Callable[[object], object]
"""A handler's result to plain data, with whatever the declared type does not have left out. Raises `TypeError` if it is not of the type."""
Encode: TypeAlias = Callable[[object], bytes]
"""A handler's result to JSON text, with whatever the declared type does not have left out. Raises `TypeError` if it is not of the type."""
Make: TypeAlias = "Callable[[Mapping[str, object], bool], object]"
"""(values by the names of the fields, whether these are all) to a model. Raises `DoesNotFit`; if these are not all, because others did not
fit, it does nothing but that, and only for what is wrong with those that there are."""


class DoesNotFit(Exception):
    """A value is not of the type that was asked for; the locations in `errors` are relative to that value."""

    def __init__(self, errors: Sequence[InvalidValue]) -> None:
        self.errors = tuple(errors[:MAX_ERRORS])
        super().__init__("; ".join(error.message for error in self.errors))


class UnsoundModel(TypeError):
    """A model has a field that can never be read, so no route can use it; the message says all, for all of these routes."""


def does_not_fit(message: str) -> DoesNotFit:
    """One error, about the value itself."""
    return DoesNotFit([InvalidValue((), message, "type")])


def spelled(annotation: object) -> str:
    """The type as messages name it."""
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)


class Backend(Protocol):
    """One family of model types. Asked at start-up only: what it returns are plain functions, and those are what a plan calls.

    Each method raises `TypeError` for a type that the family cannot handle.
    """

    family: str
    """Whose models these are, for documentation."""

    def claims(self, annotation: object) -> bool:
        """Whether `annotation` itself (not something inside it) is of this family."""
        ...

    def is_model(self, annotation: object) -> bool:
        """Whether `annotation` itself is of this family and has fields."""
        ...

    def decoder(self, annotation: object, codec: JSONCodec | None = None) -> Decode:
        """How to read JSON as `annotation`: what is JSON at all says `codec`, or Velo's own."""
        ...

    def quick_decoder(self, annotation: object) -> Decode | None:
        """The same in fewer steps, for JSON that fits; for any other it raises, and `decoder` says what is wrong. May not exist."""
        ...

    def reader(self, annotation: object) -> Read:
        """How to make an `annotation` of plain data, which came from any media type."""
        ...

    def converter(self, annotation: object) -> Convert:
        """How to read text from a path, query, header or cookie as `annotation`: lax about `"1"` for 1, strict about all else."""
        ...

    def encoder(self, annotation: object, options: WriteOptions = PLAIN) -> Encode:
        """How to write a result as `annotation`. A value that is not of the type is converted to it first, which drops what it lacks."""
        ...

    def writer(self, annotation: object, options: WriteOptions = PLAIN, native: tuple[type, ...] = ()) -> Write:
        """The same, but to plain data for a codec that writes the types in `native` itself."""
        ...

    def shortcut(self, annotation: object) -> Shortcut | None:
        """What `velo_core.json.encode_json` writes as the encoder would."""
        ...

    def fields(self, annotation: object) -> Sequence[Field]:
        """The fields of a model that is read from several parameters: query, headers, cookies."""
        ...

    def forbids_extra(self, annotation: object) -> bool:
        """Whether such a model refuses what no field of it takes."""
        ...

    def maker(self, annotation: object) -> Make:
        """How to make such a model of values that have the types of its fields."""
        ...
