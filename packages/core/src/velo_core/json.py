"""Reading and writing JSON (RFC 8259), behind one small protocol.

msgspec does the work. What it leaves to us: bodies that nest too deep raise `RecursionError`, bad UTF-8 in a string raises
`UnicodeDecodeError`, and a mismatch of the outermost type is reported before the rest of the text has been read.
"""

from __future__ import annotations

import sys
from typing import Protocol, cast

import msgspec

from velo_core.errors import HTTPError

__all__ = ["JSONCodec", "MsgspecJSON", "encode_json", "malformed"]


class JSONCodec(Protocol):
    """Turns plain data into JSON and back."""

    def encode(self, value: object) -> bytes:
        """UTF-8 JSON text of `value`.

        Raises:
            TypeError: something in it has no JSON form.
        """
        ...

    def decode(self, body: bytes) -> object:
        """What `body` says, as dicts, lists, text, numbers, booleans and `None`.

        Raises:
            HTTPError: 400 when it is not well-formed JSON.
        """
        ...


def malformed(reason: str) -> HTTPError:
    """400 for a body that is not JSON."""
    return HTTPError(400, f"The request body is not well-formed JSON: {reason}.")


class _Dumps(Protocol):
    """What is used of a pydantic model."""

    def model_dump(self, *, mode: str, by_alias: bool) -> object: ...


def to_builtins(value: object) -> object:
    """What msgspec should encode in place of `value`, which it does not know. Pydantic models are dumped; the rest has no JSON form."""
    pydantic = sys.modules.get("pydantic")  # a model exists only if pydantic has been imported
    if pydantic is not None and isinstance(value, cast("type[_Dumps]", pydantic.BaseModel)):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has no JSON form; return plain data, a model, or a Response")


class MsgspecJSON:
    """The default: msgspec. Also writes structs, dataclasses, dates, UUIDs, decimals, enums, sets and pydantic models."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder(enc_hook=to_builtins)
        self._decoder = msgspec.json.Decoder()

    def encode(self, value: object) -> bytes:
        """UTF-8 JSON text of `value`; NaN and infinities are written as `null`, for JSON has no such numbers."""
        return self._encoder.encode(value)

    def decode(self, body: bytes) -> object:
        """See `JSONCodec.decode`."""
        try:
            return self._decoder.decode(body)
        except RecursionError:
            raise malformed("it nests too deep") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed(str(error)) from None


encode_json = msgspec.json.Encoder(enc_hook=to_builtins).encode
"""The encoding half of `MsgspecJSON`, without a frame of its own."""
