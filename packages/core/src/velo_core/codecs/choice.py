"""Which family of models a type belongs to."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from velo_core.codecs.backend import Backend
from velo_core.codecs.fields import everything_in
from velo_core.codecs.msgspec_models import MsgspecBackend
from velo_core.codecs.own import ModelBackend, OwnModels
from velo_core.hints import parts
from velo_core.remembering import once_per_type

__all__ = ["backend_for", "default_backend", "has_fields", "is_model"]

default_backend = MsgspecBackend()


def _backends(own: Sequence[ModelBackend]) -> list[Backend]:
    found: list[Backend] = [OwnModels(own)] if own else []
    # A pydantic model can only be named where pydantic has been imported: not looking further costs nobody an import.
    if "pydantic" in sys.modules:
        from velo_core.codecs.pydantic_models import PydanticBackend

        found.append(PydanticBackend())
    return [*found, default_backend]


def backend_for(annotation: object, own: Sequence[ModelBackend] = ()) -> Backend:
    """The backend that reads and writes `annotation`.

    Args:
        annotation: The type.
        own: Families of models that go before those that Velo knows.

    Raises:
        TypeError: a model in it names something that cannot be found.
    """
    *special, default = _backends(own)
    for backend in special:
        if any(backend.claims(part) for part in everything_in(annotation)):
            return backend
    return default


def is_model(annotation: object, own: Sequence[ModelBackend] = ()) -> bool:
    """Whether a value of this type has fields, or has something with fields inside, and so comes from a body rather than a query."""
    return any(backend.is_model(part) for backend in _backends(own) for part in parts(annotation)) if own else _is_known_model(annotation)


@once_per_type
def _is_known_model(annotation: object) -> bool:
    return any(backend.is_model(part) for backend in _backends(()) for part in parts(annotation))


def has_fields(annotation: object, own: Sequence[ModelBackend] = ()) -> bool:
    """Whether a value of this type itself has fields, and so can be read from several parameters."""
    return any(backend.is_model(annotation) for backend in _backends(own)) if own else _has_known_fields(annotation)


@once_per_type
def _has_known_fields(annotation: object) -> bool:
    return any(backend.is_model(annotation) for backend in _backends(()))
