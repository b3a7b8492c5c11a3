"""Codecs and model backends: who turns JSON, other media types and text into the types that handlers declare, and back.

A type is given to the backend of an application or a plugin if a class of that is anywhere inside, else to pydantic if something of
pydantic's is, else to msgspec, which knows all other types.
"""

from velo_core.codecs.backend import MAX_ERRORS, PLAIN, Backend, Convert, Decode, DoesNotFit, Encode, Make, UnsoundModel
from velo_core.codecs.choice import backend_for, has_fields, is_model
from velo_core.codecs.coding import DEFAULT, JSON_TYPE, Coding, Media, media_type_of
from velo_core.codecs.exact import Shortcut
from velo_core.codecs.media import Codec, MessagePack, PlainText
from velo_core.codecs.omitting import WriteOptions
from velo_core.codecs.own import ModelBackend

__all__ = [
    "DEFAULT",
    "JSON_TYPE",
    "MAX_ERRORS",
    "PLAIN",
    "Backend",
    "Codec",
    "Coding",
    "Convert",
    "Decode",
    "DoesNotFit",
    "Encode",
    "Make",
    "Media",
    "MessagePack",
    "ModelBackend",
    "PlainText",
    "Shortcut",
    "UnsoundModel",
    "WriteOptions",
    "backend_for",
    "has_fields",
    "is_model",
    "media_type_of",
]
