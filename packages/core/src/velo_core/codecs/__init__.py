"""Model backends: who turns JSON and text into the types that handlers declare, and back.

`backend_for` gives a type to pydantic if something of pydantic's is anywhere inside, else to msgspec, which knows all other types.
"""

from __future__ import annotations

import sys

from velo_core.codecs.backend import MAX_ERRORS, Backend, Convert, Decode, DoesNotFit, Encode, Make
from velo_core.codecs.exact import Shortcut
from velo_core.codecs.fields import everything_in
from velo_core.codecs.msgspec_models import MsgspecBackend
from velo_core.hints import parts

__all__ = [
    "MAX_ERRORS",
    "Backend",
    "Convert",
    "Decode",
    "DoesNotFit",
    "Encode",
    "Make",
    "Shortcut",
    "backend_for",
    "has_fields",
    "is_model",
]

_msgspec = MsgspecBackend()


def _backends() -> list[Backend]:
    # A pydantic model can only be named where pydantic has been imported: not looking further costs nobody an import.
    if "pydantic" not in sys.modules:
        return [_msgspec]
    from velo_core.codecs.pydantic_models import PydanticBackend

    return [PydanticBackend(), _msgspec]


def backend_for(annotation: object) -> Backend:
    """The backend that reads and writes `annotation`.

    Raises:
        TypeError: a model in it names something that cannot be found.
    """
    *special, default = _backends()
    for backend in special:
        if any(backend.claims(part) for part in everything_in(annotation)):
            return backend
    return default


def is_model(annotation: object) -> bool:
    """Whether a value of this type has fields, or has something with fields inside, and so comes from a body rather than a query."""
    return any(backend.is_model(part) for backend in _backends() for part in parts(annotation))


def has_fields(annotation: object) -> bool:
    """Whether a value of this type itself has fields, and so can be read from several parameters."""
    return any(backend.is_model(annotation) for backend in _backends())
