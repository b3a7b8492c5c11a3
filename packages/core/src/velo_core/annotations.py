"""What annotations say, once names are resolved and wrappers are taken off.

Annotations may be objects or text (`from __future__ import annotations`), and the names in them may be local to the function that registers
the handler. A name that cannot be found is an error at start-up, never a parameter that silently becomes something else.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, cast, get_type_hints

from velo_core.constraints import constraints_of
from velo_core.errors import where
from velo_core.hints import expand, peel
from velo_core.markers import Dependency, Depends, Marker

__all__ = ["Annotation", "UnresolvedAnnotation", "read_annotation", "resolve", "unwrap_callable"]


class UnresolvedAnnotation(Exception):
    """An annotation names something that cannot be found; the message says which and where."""


@dataclass(frozen=True, slots=True)
class Annotation:
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


def resolve(
    function: Callable[..., object], namespace: Mapping[str, object]
) -> tuple[list[tuple[inspect.Parameter, Annotation]], Annotation | None]:
    """The parameters of `function` with their annotations, and the annotation of its result (`None` if it has none).

    Args:
        function: A function, class, partial, or object with `__call__`. What a partial has bound is no parameter.
        namespace: Names visible where it was registered, beyond those of its module.

    Raises:
        UnresolvedAnnotation: a name in an annotation cannot be found.
    """
    target = unwrap_callable(function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UnresolvedAnnotation(f"the parameters of {function!r} cannot be read ({error}); wrap it in a function of your own") from error
    hints = _hints(target, namespace, function)
    bound = _bound_names(function)
    parameters: list[tuple[inspect.Parameter, Annotation]] = []
    for parameter in signature.parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD) or parameter.name in bound:
            continue  # takes whatever there is, and there is nothing; or has its value already
        unnamed = str if parameter.annotation is inspect.Parameter.empty else parameter.annotation
        hint = hints.get(parameter.name, unnamed)
        _refuse_uncalled(hint, parameter.name, function)
        parameters.append((parameter, read_annotation(hint)))
    if inspect.isclass(function) or "return" not in hints:
        return parameters, None
    result = expand(hints["return"])
    return parameters, Annotation(type=result, full=result)


def _is_marker_class(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, Marker)


def _refuse_uncalled(hint: object, name: str, function: Callable[..., object]) -> None:
    """A function in `Annotated` without `Depends` does nothing, and a guard that does nothing lets everybody in."""
    metadata: tuple[object, ...] = getattr(hint, "__metadata__", ())
    for item in metadata:
        is_marker = _is_marker_class(item)
        if not is_marker and not inspect.isroutine(item):
            continue
        label = getattr(item, "__name__", repr(item))
        meant = f"{label}()" if is_marker else "Depends(function)" if item is Depends else f"Depends({label})"
        place = f"parameter {name!r} of {getattr(function, '__qualname__', type(function).__qualname__)} ({where(function)})"
        raise UnresolvedAnnotation(f"{place} has {label} in its Annotated, which does nothing there; write {meant}")


def unwrap_callable(function: object) -> object:
    """The function whose code runs: behind partials, decorators that tell of it, callable objects. Of a class, what its signature is of."""
    while hasattr(function, "func") and hasattr(function, "keywords"):
        function = cast("object", function.func)
    if inspect.isclass(function):
        return _constructor(function)
    if not inspect.isroutine(function):
        return type(function).__call__
    return inspect.unwrap(cast("Callable[..., object]", function))


def _constructor(made: type) -> object:
    """Where the annotations of a class's arguments are: a constructor in Python, or the fields of a model whose constructor is not."""
    if any(hasattr(made, known) for known in ("__signature__", "__struct_fields__", "_fields")):  # pydantic, msgspec, named tuples
        return made
    for name in ("__init__", "__new__"):
        if inspect.isfunction(getattr(made, name)):
            return getattr(made, name)
    return made


def _bound_names(function: object) -> set[str]:
    """The arguments that partials have given by name. A default that a client could replace is not what they mean."""
    bound: set[str] = set()
    while hasattr(function, "func") and hasattr(function, "keywords"):
        bound |= cast("Mapping[str, object]", function.keywords).keys()
        function = cast("object", function.func)
    return bound


def _hints(target: object, namespace: Mapping[str, object], function: Callable[..., object]) -> dict[str, object]:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    try:
        return get_type_hints(target, localns=_names_for(target, namespace), include_extras=True)
    except NameError as error:
        raise UnresolvedAnnotation(
            f"an annotation of {name} ({where(function)}) names {error.name!r}, which cannot be found; "
            "import it where the function is defined, outside of `if TYPE_CHECKING`"
        ) from error
    except Exception as error:  # the text of an annotation can be anything
        raise UnresolvedAnnotation(f"an annotation of {name} ({where(function)}) is not a type: {error}") from error


def _names_for(target: object, namespace: Mapping[str, object]) -> dict[str, object]:
    """Names for annotations written as text: those of the functions around the target, then those where it was registered.

    A function that was not defined inside of another one cannot mean what is local where it is registered: its module goes first.
    """
    inner = getattr(target, "__func__", target)
    local = dict(namespace)
    if "<locals>" not in getattr(inner, "__qualname__", ""):
        module = sys.modules.get(getattr(inner, "__module__", ""))
        own = cast("Mapping[str, object]", getattr(inner, "__globals__", getattr(module, "__dict__", {})))
        local = {name: value for name, value in local.items() if name not in own}
    names = getattr(getattr(inner, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, getattr(inner, "__closure__", None) or (), strict=False):
        try:
            local[name] = cell.cell_contents
        except ValueError:  # a name of the enclosing function that has no value yet
            continue
    return local


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
