"""From what a request says to the value a handler asked for.

The functions made here are what a plan calls. None of them raises for a value that does not fit: they add the reasons to a list and return
`INVALID`, so that one answer can tell all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, cast, get_args, get_origin
from uuid import UUID

from msgspec import MsgspecError, Struct
from msgspec.structs import replace

from velo_core.annotations import Annotation
from velo_core.codecs import MAX_ERRORS, Convert, DoesNotFit, ModelBackend, backend_for, is_model
from velo_core.codecs.text import TRUTH, integer, integer_reader, truth
from velo_core.constraints import Test, tests
from velo_core.errors import InvalidValue, not_found
from velo_core.hints import peel
from velo_core.remembering import memory_of
from velo_core.types import INVALID

__all__ = ["Bounds", "ParameterConvert", "bounds_of", "can_share", "located", "parameter_conversion"]

ParameterConvert: TypeAlias = Callable[[object, "list[InvalidValue]"], object]
"""(text, texts or `None`, errors) to a value or `INVALID`."""

_COLLECTIONS = (list, set, frozenset, tuple)
_SPELLED = (str, int, float, UUID)
"""What path values can be made of and still be read as another type, for their text is the one that was sent."""
_OF_THE_WHOLE = ("min_length", "max_length")


def parameter_conversion(
    loc: tuple[str, str], annotation: Annotation, *, required: bool, made: type = str, backends: Sequence[ModelBackend] = ()
) -> ParameterConvert | None:
    """How a path, query, header or cookie value becomes what is declared; `None` if the text itself is it.

    Args:
        loc: Where the value is, for messages.
        annotation: What is declared.
        required: Whether a missing value is an error, and not the default's business.
        made: Type of the values that the pattern's converter makes; `object` if it does not tell.
        backends: Families of models that Velo does not know.

    Raises:
        TypeError: the declared type cannot be read from text, or from what the pattern's converter makes of it.
    """
    # Parameters of one name and declaration are read alike in all routes: `item_id: int`.
    memory, key = memory_of(parameter_conversion), (loc, id(annotation), required, made, id(backends))
    if key not in memory:
        memory[key] = _conversion(loc, annotation, required, made, backends), annotation, backends
    return cast("ParameterConvert | None", memory[key][0])


def _conversion(
    loc: tuple[str, str], annotation: Annotation, required: bool, made: type, backends: Sequence[ModelBackend]
) -> ParameterConvert | None:
    bounds = bounds_of(loc, annotation)
    plain = made is object or annotation.full is Any or (isinstance(annotation.full, type) and issubclass(made, annotation.full))
    if not plain and made not in _SPELLED:
        raise TypeError(f"it is {getattr(annotation.type, '__name__', annotation.type)}, and the path makes {made.__name__} of it")
    if plain and bounds is None and not required:
        return None
    convert = None if plain else backend_for(annotation.full, backends).converter(annotation.full)
    missing = InvalidValue(loc, "This value is required", "missing")
    in_path = loc[0] == "path"

    def to_value(value: object, errors: list[InvalidValue]) -> object:
        if value is None or value == []:
            errors.append(missing)
            return INVALID
        if convert is not None:
            if made is not str:
                value = str(value)
            try:
                value = convert(value)
            except DoesNotFit as error:
                if in_path and "/" in cast("str", value):
                    # Only an encoded slash can be inside a segment. Protocols that decode the path before we see it take it for a
                    # separator and find no route, and whether it is there must not decide between 404 and 422.
                    raise not_found() from None
                errors += located(loc, error)
                return INVALID
        return value if bounds is None or bounds.hold(value, errors) else INVALID

    return _shorter(convert, annotation, to_value) if made is str else to_value


def _shorter(convert: Convert | None, annotation: Annotation, to_value: ParameterConvert) -> ParameterConvert:
    """The same, with a short way for text that nearly all requests have: one frame for the commonest types in place of three or four."""
    if convert is truth and not annotation.constraints:
        find = TRUTH.get

        def to_truth(value: Any, errors: list[InvalidValue]) -> object:
            found = find(value)
            return to_value(value, errors) if found is None else found

        return to_truth
    read = integer_reader(dict(annotation.constraints)) if convert is integer else None
    if read is None:
        return to_value

    def to_integer(value: Any, errors: list[InvalidValue]) -> object:
        if value is not None and value.isdigit():
            try:
                return read(value)
            except MsgspecError:
                pass  # what is wrong says the long way
        return to_value(value, errors)

    return to_integer


def can_share(default: object) -> bool:
    """Whether all requests can get this one object, because none can change it for the next."""
    if isinstance(default, tuple):
        return all(can_share(item) for item in cast("tuple[object, ...]", default))
    return not (isinstance(default, list | dict | set | bytearray) or is_model(type(default)))


class Bounds(Struct, frozen=True):
    """What a value has to keep to.

    Attributes:
        loc: Where the value is.
        of_value: For the value itself.
        of_items: For each item of it.
        ordered: Whether the items have positions that the client knows.
    """

    loc: tuple[str, ...]
    of_value: Sequence[Test]
    of_items: Sequence[Test] = ()
    ordered: bool = False

    def hold(self, value: object, errors: list[InvalidValue]) -> bool:
        """Whether all of them hold; what does not is added to `errors`."""
        for code, message, fits in self.of_value:
            if not fits(value):
                errors.append(InvalidValue(self.loc, message, code))
                return False
        return not self.of_items or self._hold_for_items(cast("Iterable[object]", value), errors)

    def _hold_for_items(self, items: Iterable[object], errors: list[InvalidValue]) -> bool:
        before = len(errors)
        for index, item in enumerate(items):
            failed = [] if item is None else [(code, message) for code, message, fits in self.of_items if not fits(item)]
            errors += [InvalidValue((*self.loc, index) if self.ordered else self.loc, message, code) for code, message in failed[:1]]
            if len(errors) - before == MAX_ERRORS:
                break
        return len(errors) == before


def bounds_of(loc: tuple[str, ...], annotation: Annotation) -> Bounds | None:
    """The bounds of a value, if it has any. Those of a collection hold for each item, but for its length.

    Raises:
        TypeError: a bound does not work with values of the declared type.
    """
    constraints = dict(annotation.constraints)
    if not constraints:
        return None
    kind = get_origin(annotation.type) or annotation.type
    if kind not in _COLLECTIONS:
        return Bounds(loc, tests(constraints, kind))
    of_value = {name: bound for name, bound in constraints.items() if name in _OF_THE_WHOLE}
    of_items = {name: bound for name, bound in constraints.items() if name not in _OF_THE_WHOLE}
    item = peel(next(iter(get_args(annotation.type)), object)).type
    return Bounds(loc, tests(of_value, kind), tests(of_items, item), ordered=kind in (list, tuple))


def located(loc: tuple[str, ...], error: DoesNotFit) -> list[InvalidValue]:
    """The errors of a value that is at `loc`."""
    return [replace(one, loc=(*loc, *one.loc)) for one in error.errors]
