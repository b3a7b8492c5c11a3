"""What a route reads and writes: its codecs, the families of models it knows, and how results are shaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from velo_core.codecs.backend import PLAIN, Decode, Encode
from velo_core.codecs.choice import backend_for, default_backend
from velo_core.codecs.media import Codec, MessagePack, PlainText, native_types
from velo_core.codecs.omitting import WriteOptions
from velo_core.codecs.own import ModelBackend
from velo_core.json import JSONCodec, MsgspecJSON

__all__ = ["DEFAULT", "JSON_TYPE", "Coding", "Media", "media_type_of"]

JSON_TYPE = "application/json"
Media = str | Codec
"""A media type that Velo has a codec for, or a codec."""


class Coding(Struct, frozen=True):
    """How bodies are read and results are written.

    Attributes:
        json: The JSON codec; Velo's own if `None`.
        produces: Media types that results can have, in the order of the server's liking; by the type of the result if `None`.
        produces_all: Whether these are for text and bytes as well, as they are if the route itself says so.
        consumes: Media types that bodies can have.
        options: How results are shaped.
        backends: Families of models beyond those that Velo knows, the nearest first.
    """

    json: JSONCodec | None = None
    produces: tuple[Media, ...] | None = None
    produces_all: bool = False
    consumes: tuple[Media, ...] = (JSON_TYPE,)
    options: WriteOptions = PLAIN
    backends: tuple[ModelBackend, ...] = ()

    def below(
        self,
        json: JSONCodec | None,
        produces: Sequence[Media] | None,
        consumes: Sequence[Media] | None,
        backends: Sequence[ModelBackend] = (),
    ) -> Coding:
        """What holds for a router below this one; `None` changes nothing."""
        return replace(
            self,
            json=self.json if json is None else json,
            produces=self.produces if produces is None else tuple(produces),
            consumes=self.consumes if consumes is None else tuple(consumes),
            backends=(*backends, *self.backends),
        )

    def codecs(self, media: Sequence[Media]) -> list[Codec | None]:
        """The codecs for media types; `None` is Velo's own JSON.

        Raises:
            TypeError: there is none for one of them.
        """
        return [self._codec(one) for one in media]

    def _codec(self, media: Media) -> Codec | None:
        if not isinstance(media, str):
            return None if type(cast("object", media)) is MsgspecJSON else media
        name = media.partition(";")[0].strip().lower()
        if name == JSON_TYPE:
            return None if self.json is None else _NamedJSON(self.json)
        if name == MessagePack.media_type or name in MessagePack.aliases:
            return MessagePack()
        if name == "text/plain":
            return PlainText()
        raise TypeError(f"there is no codec for {media!r}; Velo has application/json, application/msgpack and text/plain, or give a codec")

    def decoder(self, annotation: object, codec: Codec | None) -> Decode:
        """How a body becomes an `annotation`.

        Raises:
            TypeError: the type cannot be read.
        """
        backend = backend_for(annotation, self.backends)
        if codec is None:
            return backend.decoder(annotation)
        if media_type_of(codec) == JSON_TYPE:
            return backend.decoder(annotation, codec)
        if isinstance(codec, MessagePack) and backend is default_backend:
            return default_backend.message_pack_decoder(annotation, codec)
        read, decode = backend.reader(annotation), codec.decode
        return lambda body: read(decode(body))

    def encoder(self, annotation: object, codec: Codec | JSONCodec | None) -> Encode:
        """How a result is written as `annotation`.

        Raises:
            TypeError: the type cannot be written.
        """
        backend = backend_for(annotation, self.backends)
        if codec is None:
            return backend.encoder(annotation, self.options)
        write, encode = backend.writer(annotation, self.options, native_types(codec)), codec.encode
        return lambda value: encode(write(value))


class _NamedJSON:
    """A JSON codec with the media type that it need not tell itself."""

    media_type = JSON_TYPE

    def __init__(self, codec: JSONCodec) -> None:
        self.encode = codec.encode
        self.decode = codec.decode
        self.native_types = native_types(codec)


def media_type_of(codec: Codec | None) -> str:
    """The media type without parameters, in lower case."""
    return JSON_TYPE if codec is None else codec.media_type.partition(";")[0].strip().lower()


DEFAULT = Coding()
"""JSON by Velo's own codec, in and out."""
