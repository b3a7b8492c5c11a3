"""What annotations say, once names are resolved and wrappers are taken off.

Annotations may be objects or text (`from __future__ import annotations`), and the names in them may be local to the function that registers
the handler. A name that cannot be found is an error at start-up, never a parameter that silently becomes something else.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Union, cast, get_args, get_origin, get_type_hints

from velo_core.errors import where
from velo_core.markers import Dependency, Marker

__all__ = ["Annotation", "UnresolvedAnnotation", "read_annotation", "resolve", "unwrap_callable"]

CONSTRAINTS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")


class UnresolvedAnnotation(Exception):
    """An annotation names something that cannot be found; the message says which and where."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation, taken apart.

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


def resolve(
    function: Callable[..., object], namespace: Mapping[str, object]
) -> tuple[list[tuple[inspect.Parameter, Annotation]], Annotation | None]:
    """The parameters of `function` with their annotations, and the annotation of its result (`None` if it has none).

    Args:
        function: A function, class, partial, or object with `__call__`.
        namespace: Names visible where it was defined, beyond those of its module.

    Raises:
        UnresolvedAnnotation: a name in an annotation cannot be found.
    """
    target = unwrap_callable(function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UnresolvedAnnotation(f"the parameters of {function!r} cannot be read ({error}); wrap it in a function of your own") from error
    hints = _hints(target, namespace, function)
    parameters: list[tuple[inspect.Parameter, Annotation]] = []
    for parameter in signature.parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue  # takes whatever there is, and there is nothing
        parameters.append((parameter, read_annotation(hints.get(parameter.name, str))))
    result = None if inspect.isclass(function) or "return" not in hints else read_annotation(hints["return"])
    return parameters, result


def unwrap_callable(function: object) -> object:
    """The function whose code runs: behind partials, decorators that tell of it, classes and callable objects."""
    while hasattr(function, "func") and hasattr(function, "keywords"):
        function = cast("object", function.func)  # pyright: ignore[reportAttributeAccessIssue]: functools.partial, checked above
    if inspect.isclass(function):
        return function.__init__
    if not inspect.isroutine(function):
        return type(function).__call__
    return inspect.unwrap(cast("Callable[..., object]", function))


def _hints(target: object, namespace: Mapping[str, object], function: Callable[..., object]) -> dict[str, object]:
    local = dict(namespace)
    inner = getattr(target, "__func__", target)
    names = getattr(getattr(inner, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, getattr(inner, "__closure__", None) or (), strict=False):
        try:
            local[name] = cell.cell_contents
        except ValueError:  # a name of the enclosing function that has no value yet
            continue
    try:
        return get_type_hints(target, localns=local, include_extras=True)
    except NameError as error:
        raise UnresolvedAnnotation(
            f"an annotation of {getattr(function, '__qualname__', function)!s} ({where(function)}) names {error.name!r}, which cannot be found; "
            "import it where the function is defined, outside of `if TYPE_CHECKING`"
        ) from error
    except TypeError as error:
        raise UnresolvedAnnotation(f"an annotation of {getattr(function, '__qualname__', function)!s} ({where(function)}) is not a type: {error}") from error


def read_annotation(hint: object) -> Annotation:
    """Takes one resolved annotation apart."""
    metadata: list[object] = []
    bare, optional = _strip(hint, metadata)
    markers = [item for item in metadata if isinstance(item, Marker)]
    dependencies = [item for item in metadata if isinstance(item, Dependency)]
    others = [item for item in metadata if not isinstance(item, Marker | Dependency)]
    full = Annotated[bare, *others] if others else bare  # pyright: ignore[reportInvalidTypeForm]: built at run time
    constraints: dict[str, object] = {}
    for item in metadata:
        constraints |= _constraints(item)
    return Annotation(
        type=bare,
        full=full,
        optional=optional,
        marker=markers[-1] if markers else None,
        dependency=dependencies[-1] if dependencies else None,
        constraints=tuple(constraints.items()),
    )


def _strip(hint: object, metadata: list[object]) -> tuple[object, bool]:
    """The type inside aliases, `Annotated` and `... | None`; what `Annotated` says goes to `metadata`."""
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            metadata += more
        elif type(hint).__name__ == "TypeAliasType":  # PEP 695; the type has this name in 3.12 and in typing_extensions
            hint = cast("object", hint.__value__)  # pyright: ignore[reportAttributeAccessIssue]: every alias has it
        elif get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
            optional = True
            rest = tuple(inner for inner in get_args(hint) if inner is not type(None))
            hint = cast("object", Union[rest])  # noqa: UP007 - a tuple of types cannot be written with |
        else:
            return hint, optional


def _constraints(item: object) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in CONSTRAINTS:
        value = getattr(item, name, None)
        if value is not None:
            found[name] = value
    for inner in cast("list[object]", getattr(item, "metadata", ())):  # pydantic's Field keeps its bounds there
        found |= _constraints(inner)
    return found


