"""Codecs: how a media type is read and written, JSON aside, behind one small protocol."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

import msgspec

from velo_core.errors import HTTPError
from velo_core.json import to_builtins

__all__ = ["Codec", "MessagePack", "PlainText", "native_types"]

_MAX_DEPTH: Final = 100
"""Levels of plain MessagePack that are read; typed values are only as deep as their type, or as the interpreter lets msgspec go."""


class Codec(Protocol):
    """Turns plain data into the bytes of a media type, and back.

    A codec may have `native_types`, a collection of `bytes`, `bytearray`, `memoryview`, `datetime`, `date`, `time`, `timedelta`, `UUID` and
    `Decimal`: those that it is given as they are, and not in the form that they have in JSON. It may have
    `aliases`, other names of the media type.
    """

    @property
    def media_type(self) -> str:
        """Such as `"application/yaml"`; parameters are sent as they stand here."""
        ...

    def encode(self, value: object) -> bytes:
        """The bytes for `value`: dicts with text as keys, lists, text, numbers, booleans, `None`, and the native types.

        Raises:
            TypeError: something in it has no form in this media type.
        """
        ...

    def decode(self, body: bytes) -> object:
        """What `body` says, as plain data.

        Raises:
            HTTPError: 400 when it is not well-formed.
        """
        ...


def native_types(codec: object) -> tuple[type, ...]:
    """The types that a codec writes itself."""
    return tuple(getattr(codec, "native_types", ()))


class MessagePack:
    """MessagePack, by msgspec. Maps have text as keys, as in JSON; dates with a time and bytes have forms of their own."""

    media_type: str = "application/msgpack"
    aliases: tuple[str, ...] = ("application/x-msgpack", "application/vnd.msgpack")
    native_types: tuple[type, ...] = (bytes, bytearray, memoryview, datetime)

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder(enc_hook=to_builtins).encode

    def encode(self, value: object) -> bytes:
        """See `Codec.encode`; also writes all that msgspec knows."""
        return self._encode(value)

    def decode(self, body: bytes) -> object:
        """See `Codec.decode`."""
        try:
            return _plain(body, _MAX_DEPTH)
        except RecursionError:
            raise malformed("it nests too deep") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed(str(error)) from None


def malformed(reason: str) -> HTTPError:
    """400 for a body that is not MessagePack."""
    return HTTPError(400, f"The request body is not well-formed MessagePack: {reason}.")


_map = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode
_array = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_scalar = msgspec.msgpack.Decoder().decode


def _plain(body: bytes | msgspec.Raw, depth: int) -> object:
    """Level by level, for msgspec alone would make dictionaries with numbers as keys, and numbers that hash alike are easy to find."""
    (first,) = bytes(memoryview(body)[:1]) or (0xC1,)
    if depth == 0:
        raise malformed("it nests too deep")
    if 0x80 <= first <= 0x8F or first in (0xDE, 0xDF):
        return {name: _plain(value, depth - 1) for name, value in _map(body).items()}
    if 0x90 <= first <= 0x9F or first in (0xDC, 0xDD):
        return [_plain(value, depth - 1) for value in _array(body)]
    value = _scalar(body)
    if isinstance(value, msgspec.msgpack.Ext):  # it would be no plain data, and no result can have it
        raise malformed(f"its extension type {value.code} is unknown")
    return value


class PlainText:
    """Text, for results that are text, a number or another single value; it is not read."""

    media_type: str = "text/plain; charset=utf-8"

    def encode(self, value: object) -> bytes:
        """The text, or the value as JSON has it."""
        if isinstance(value, str):
            return value.encode()
        if value is None or isinstance(value, bool | int | float):
            return msgspec.json.encode(value)
        raise TypeError(f"{type(value).__name__} has no form in plain text")

    def decode(self, body: bytes) -> object:
        """The text.

        Raises:
            HTTPError: 400 when it is not UTF-8.
        """
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise HTTPError(400, f"The request body is not UTF-8: {error}.") from None
