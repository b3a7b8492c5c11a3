"""Which parameters of a route come from the body: one that is all of it, or several that share an object."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from velo_core.annotations import Annotation
from velo_core.bodies import BodyConvert, BodyPart, body_conversion, parts_conversion
from velo_core.codecs import Coding
from velo_core.markers import Body
from velo_core.names import Names
from velo_core.steps import ReadBody
from velo_core.types import MISSING

__all__ = ["BodyConflict", "BodyParameters"]


class BodyConflict(Exception):
    """Two parameters want the body, and it cannot be both."""


class _Asked(Struct, frozen=True):
    """A parameter that comes from the body.

    Attributes:
        function: Whose parameter it is.
        part: The parameter.
        embed: What its marker says.
        convert: How it is made if it is all of the body.
        decode: Short for that, where there is no more to it.
    """

    function: Callable[..., object]
    part: BodyPart
    embed: bool | None
    convert: BodyConvert | None
    decode: Callable[[bytes], object] | None

    @property
    def is_raw(self) -> bool:
        return self.part.declared.type is bytes and self.embed is not True


class BodyParameters:
    """Collects the parameters of a route that come from the body."""

    def __init__(self, names: Names, coding: Coding) -> None:
        self.names = names
        self.coding = coding
        self.asked: list[_Asked] = []

    def ask(self, function: Callable[..., object], name: str, annotation: Annotation, default: object, *, whole: bool = False) -> BodyPart:
        """A parameter, perhaps one that somebody has asked for before.

        Functions that want the same value get one, by whatever name; two parameters of one function are two values.

        Args:
            function: Whose parameter it is.
            name: Of the parameter.
            annotation: Of the parameter.
            default: Of the parameter, or `MISSING`.
            whole: Whether it is never a member of an object.

        Raises:
            TypeError: the type cannot be read from a body.
            BodyConflict: others want it differently.
        """
        marker = annotation.marker
        embed = False if whole else marker.embed if isinstance(marker, Body) else None
        key = (marker.alias if marker is not None else None) or name
        for known in self.asked:
            same = (known.part.declared, known.part.default) == (annotation, default)
            whole_of_it = embed is not True and known.embed is not True and False in (embed, known.embed)
            if same and (known.part.key == key or whole_of_it or (known.function is not function and embed is not True)):
                return known.part
        convert, decode = body_conversion(annotation, default, required=default is MISSING, coding=self.coding)
        asked = _Asked(function, BodyPart(self.names.free(name), key, annotation, default), embed, convert, decode)
        self._check(asked)
        self.asked.append(asked)
        return asked.part

    def _check(self, asked: _Asked) -> None:
        for known in self.asked:
            taken = f"the body, which is already read as {known.part.key!r}"
            if asked.is_raw or known.is_raw:
                raise BodyConflict(f"{taken}, and one of the two is all of its bytes; put both into one model, or ask for the bytes alone")
            if asked.embed is False or known.embed is False:
                raise BodyConflict(f"{taken}, and one of the two says embed=False; leave that away, or put both into one model")
            if asked.part.key == known.part.key:
                raise BodyConflict(f"{taken}, with another type or default; give one an alias, or both the same declaration")

    def step(self) -> ReadBody | None:
        """What reads the body, if anybody wants it."""
        if not self.asked:
            return None
        first = self.asked[0]
        if len(self.asked) == 1 and first.embed is not True:
            part = first.part
            return ReadBody(part.variable, first.convert, part.declared, part.default, decode=first.decode)
        parts = tuple(asked.part for asked in self.asked)
        return ReadBody("", parts_conversion(parts, self.coding), Annotation(type=dict, full=dict), MISSING, parts)
