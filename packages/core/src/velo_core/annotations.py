"""One annotation, taken apart: the type itself, and what is said about it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from velo_core.constraints import constraints_of
from velo_core.hints import expand, peel
from velo_core.markers import Dependency, Marker
from velo_core.remembering import once_per_type

__all__ = ["Annotation", "read_annotation"]


class Annotation(Struct, frozen=True):
    """One annotation, taken apart. Aliases and `NewType`s in it are replaced by what they stand for.

    Attributes:
        type: The type itself, without `Annotated` and without `None`.
        full: The type with all that `Annotated` says about it besides Velo's own, for the model backend.
        optional: Whether `None` is allowed.
        marker: Query, Header ..., if there is one.
        dependency: What `Depends` said, if it is there.
        constraints: Bounds, from whatever object in `Annotated` has them: a marker, `msgspec.Meta`, `annotated_types.Ge`, `pydantic.Field`.
    """

    type: object
    full: object
    optional: bool = False
    marker: Marker | None = None
    dependency: Dependency | None = None
    constraints: tuple[tuple[str, object], ...] = ()


@once_per_type
def read_annotation(hint: object) -> Annotation:
    """Takes one resolved annotation apart."""
    peeled = peel(expand(hint))
    markers = [item for item in peeled.metadata if isinstance(item, Marker)]
    dependencies = [item for item in peeled.metadata if isinstance(item, Dependency)]
    others = [item for item in peeled.metadata if not isinstance(item, Marker | Dependency)]
    full = Annotated[peeled.type, *others] if others else peeled.type
    return Annotation(
        type=peeled.type,
        full=full,
        optional=peeled.optional,
        marker=markers[-1] if markers else None,
        dependency=dependencies[-1] if dependencies else None,
        constraints=tuple(constraints_of(peeled.metadata).items()),
    )
