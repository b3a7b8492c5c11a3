"""What a function takes, and what its annotations mean.

Annotations may be objects or text (`from __future__ import annotations`), and the names in them may be local to the function that registers
the handler. A name that cannot be found is an error at start-up, never a parameter that silently becomes something else.

There are two ways. The long one is that of `inspect.signature` and `typing.get_type_hints`, which know everything that can be called. The
short one reads the same off a plain function, which nearly all are, and takes what a text means from those that the long way has gone
before: a handler with a body, two queries and two nested dependencies, all annotated by text, took 14 300 instructions of bytecode at the
start with it and 24 400 without (CPython 3.13). It gives up where it is not sure, so that everything that is wrong is found and said by the
long way.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType, NoneType
from typing import Annotated, ForwardRef, Literal, cast, get_args, get_origin, get_type_hints

from msgspec import Struct

from velo_core.annotations import Annotation, read_annotation
from velo_core.errors import where
from velo_core.hints import expand
from velo_core.markers import Depends, Marker
from velo_core.remembering import memory_of, once_per_type
from velo_core.types import MISSING

__all__ = ["Parameter", "Signature", "UnresolvedAnnotation", "resolve", "unwrap_callable"]


class UnresolvedAnnotation(Exception):
    """An annotation names something that cannot be found; the message says which and where."""


class Parameter(Struct, frozen=True, eq=False):
    """A parameter that gets a value.

    Attributes:
        name: Its name.
        annotation: What it says; `str` if it says nothing.
        default: Value if there is none; `MISSING` if it is required.
        is_keyword: Whether it is given by its name only.
        is_annotated: Whether there is an annotation.
    """

    name: str
    annotation: Annotation
    default: object
    is_keyword: bool
    is_annotated: bool


class Signature(Struct, frozen=True, eq=False):
    """What a function takes and gives.

    Attributes:
        parameters: Those that get a value.
        result: The annotation of the result, if there is one.
    """

    parameters: tuple[Parameter, ...]
    result: Annotation | None


def resolve(function: Callable[..., object], namespace: Mapping[str, object]) -> Signature:
    """The parameters of `function`, and its result.

    Args:
        function: A function, class, partial, or object with `__call__`. What a partial has bound is no parameter.
        namespace: Names visible where it was registered, beyond those of its module.

    Raises:
        UnresolvedAnnotation: a name in an annotation cannot be found.
    """
    known = memory_of(resolve)
    found: _Found | None = known.get(id(function))
    if found is not None and namespace.keys().isdisjoint(found.names):
        return found.signature
    found = _quickly(function, namespace)
    if found is None:
        return _thoroughly(function, namespace)
    known[id(function)] = found
    return found.signature


class _Found(Struct, frozen=True, eq=False):
    """A signature, and for whom it is right.

    Attributes:
        function: Whose it is; kept, for it is known by its `id`.
        signature: What it is.
        names: Those that annotations name as text. With other values for them it would be another one.
    """

    function: object
    signature: Signature
    names: frozenset[str]


class _Meaning(Struct, frozen=True, eq=False):
    """What a text means as an annotation in one module.

    Attributes:
        hint: What it means.
        names: Those that are in it.
        module: The names of the module; kept, for they are known by their `id`.
    """

    hint: object
    names: frozenset[str]
    module: object


# The short way.


def _quickly(function: Callable[..., object], namespace: Mapping[str, object]) -> _Found | None:
    """The signature of a plain function; `None` for anything else, or if there is something in it that has to be looked at well."""
    if type(function) is not FunctionType or getattr(function, "__type_params__", None) or not _SPECIAL.isdisjoint(function.__dict__):
        return None
    try:
        annotations = function.__annotations__
    except Exception:  # they are evaluated here and now since Python 3.14
        return None
    code, names = function.__code__, frozenset[str]()
    taken: list[Parameter] = []
    last = code.co_argcount + code.co_kwonlyargcount
    defaults = function.__defaults__ or ()
    first_default = code.co_argcount - len(defaults)
    meanings = memory_of(_Meaning)
    result: Annotation | None = None
    for index, name in enumerate((*code.co_varnames[:last], "return")):
        if name not in annotations:
            hint: object = str
            if index == last:
                break
        else:
            hint = annotations[name]
            if type(hint) is str:
                meaning: _Meaning | None = meanings.get((id(function.__globals__), hint))
                if meaning is None:
                    return None
                hint, names = meaning.hint, names | meaning.names
            elif hint is None:
                hint = NoneType
        annotation = _known_result(hint) if index == last else _known_parameter(hint)
        if annotation is None:
            return None
        if index == last:
            result = annotation
            break
        is_keyword = index >= code.co_argcount
        if is_keyword:
            default = (function.__kwdefaults__ or {}).get(name, MISSING)
        else:
            default = defaults[index - first_default] if index >= first_default else MISSING
        taken.append(Parameter(name, annotation, default, is_keyword, name in annotations))
    if names and not (namespace.keys().isdisjoint(names) and names.isdisjoint(code.co_freevars)):
        return None
    return _Found(function, Signature(tuple(taken), result), names)


_SPECIAL = frozenset({"__wrapped__", "__signature__", "__no_type_check__"})
"""Attributes of functions that are not what they seem."""


@once_per_type
def _known_parameter(hint: object) -> Annotation | None:
    """The annotation of a parameter; `None` if there is something in it that has to be looked at well."""
    return read_annotation(hint) if _is_resolved(hint) and not _uncalled(hint) else None


@once_per_type
def _known_result(hint: object) -> Annotation | None:
    """The same for a result."""
    return _read_result(hint) if _is_resolved(hint) else None


def _is_resolved(hint: object) -> bool:
    """Whether there is no text left in a hint that stands for a type."""
    if isinstance(hint, type):
        return True
    if isinstance(hint, str | ForwardRef):
        return False
    origin = get_origin(hint)
    if origin is Literal:
        return True
    inside = get_args(hint)[:1] if origin is Annotated else get_args(hint)
    return all(_is_resolved(one) for part in inside for one in (cast("list[object]", part) if isinstance(part, list) else (part,)))


@once_per_type
def _read_result(hint: object) -> Annotation:
    result = expand(hint)
    return Annotation(type=result, full=result)


# The long way.


def _thoroughly(function: Callable[..., object], namespace: Mapping[str, object]) -> Signature:
    """The signature of whatever can be called."""
    target = unwrap_callable(function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UnresolvedAnnotation(f"the parameters of {function!r} cannot be read ({error}); wrap it in a function of your own") from error
    hints = _hints(target, namespace, function)
    bound = _bound_names(function)
    parameters: list[Parameter] = []
    empty = inspect.Parameter.empty
    for parameter in signature.parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD) or parameter.name in bound:
            continue  # takes whatever there is, and there is nothing; or has its value already
        unnamed = str if parameter.annotation is empty else parameter.annotation
        hint = hints.get(parameter.name, unnamed)
        _refuse_uncalled(hint, parameter.name, function)
        default = MISSING if parameter.default is empty else parameter.default
        is_keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        parameters.append(Parameter(parameter.name, read_annotation(hint), default, is_keyword, parameter.annotation is not empty))
    if inspect.isclass(function) or "return" not in hints:
        return Signature(tuple(parameters), None)
    return Signature(tuple(parameters), _read_result(hints["return"]))


def _is_marker_class(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, Marker)


def _uncalled(hint: object) -> list[object]:
    """Functions and classes of markers in `Annotated`, which mean nothing there."""
    metadata: tuple[object, ...] = getattr(hint, "__metadata__", ())
    return [item for item in metadata if _is_marker_class(item) or inspect.isroutine(item)]


def _refuse_uncalled(hint: object, name: str, function: Callable[..., object]) -> None:
    """A function in `Annotated` without `Depends` does nothing, and a guard that does nothing lets everybody in."""
    for item in _uncalled(hint):
        is_marker = _is_marker_class(item)
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
    local = _names_for(target, namespace)
    try:
        hints = get_type_hints(target, localns=local, include_extras=True)
        _learn(target, hints, local)
    except NameError as error:
        raise UnresolvedAnnotation(
            f"an annotation of {name} ({where(function)}) names {error.name!r}, which cannot be found; "
            "import it where the function is defined, outside of `if TYPE_CHECKING`"
        ) from error
    except Exception as error:  # the text of an annotation can be anything
        raise UnresolvedAnnotation(f"an annotation of {name} ({where(function)}) is not a type: {error}") from error
    return hints


def _learn(target: object, hints: Mapping[str, object], local: Mapping[str, object]) -> None:
    """Remembers what the texts of a function mean, if it is the same in all of its module."""
    if not isinstance(target, FunctionType) or getattr(target, "__type_params__", None):
        return
    meanings, module = memory_of(_Meaning), target.__globals__
    for name, text in cast("Mapping[str, object]", target.__annotations__).items():
        key = id(module), text
        if not isinstance(text, str) or name not in hints or key in meanings:
            continue
        code = compile(text, "<annotation>", "eval")
        names = frozenset(code.co_names)
        if any(isinstance(one, CodeType) for one in code.co_consts) or not local.keys().isdisjoint(names):
            continue
        # A text in the text may name something else that is local, and all of its names are known only if there is none.
        if _is_resolved(cast("object", eval(code, module, {}))):  # noqa: S307 - the annotation, which has been evaluated just now
            meanings[key] = _Meaning(hints[name], names, module)


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
