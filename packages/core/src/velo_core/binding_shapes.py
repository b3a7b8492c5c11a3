"""Handlers of one shape: what is found out for one of them holds for all.

An application has many handlers that take the same parameters, `(item_id: int)`, and differ in what they are called and in what they do.
The steps of the second one are those of the first, but for the last, which calls it. Only plain parameters are shared so: what a
dependency, an extractor or a model brings into a plan has names of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from velo_core.callables import Kind, kind_of, name_of
from velo_core.markers import Body
from velo_core.remembering import memory_of
from velo_core.signatures import Signature
from velo_core.steps import Binding, Call, Check, Hop, Read, Surroundings

__all__ = ["Shape", "bound_alike", "remember", "shape_of"]

_HEAD = ("path", "query", "header", "cookie")


class Shape(Struct, frozen=True):
    """What the steps of a route depend on, beside the function itself.

    Attributes:
        key: The same for shapes that are alike. Annotations and defaults are known by their `id`, for what is equal may not mean the same.
        signature: The parameters and the result.
        owners: What else `key` names by `id`; kept, or another object might get the same.
    """

    key: tuple[object, ...]
    signature: Signature
    owners: tuple[object, ...]


def shape_of(
    handler: Callable[..., object],
    signature: Signature,
    path_parameters: Sequence[str],
    surroundings: Surroundings,
    made: Mapping[str, type],
    inline: bool,
) -> Shape | None:
    """The shape of a handler; `None` if it is not one of many. See `binding.bind`."""
    kind = kind_of(handler, inline=inline)
    if kind.opens:
        return None
    key: list[object] = [id(surroundings), kind, *path_parameters, *made.values()]
    for one in signature.parameters:
        annotation = one.annotation
        if annotation.dependency is not None or annotation.marker.__class__ is Body:
            return None
        key += (one.name, id(annotation), id(one.default), one.is_keyword, one.is_annotated)
    key.append(signature.result and id(signature.result.type))
    return Shape(tuple(key), signature, (surroundings, made))


def bound_alike(shape: Shape, handler: Callable[..., object]) -> Binding | None:
    """The steps for a handler, from those of another one of its shape; `None` if there is none, or if the name would not do in there."""
    found: tuple[Shape, Binding] | None = memory_of(Shape).get(shape.key)
    if found is None:
        return None
    binding, known = found[1], found[1].handler
    name = name_of(handler)
    names = binding.names.renamed(known.name, name)
    if names is None:
        return None
    call = Call(known.variable, handler, name, known.arguments, known.kind, known.guards, known.needs_body, pool=known.pool)
    last = Hop((call,), known.pool) if known.kind is Kind.THREAD else call
    return Binding((*binding.steps[:-1], last), call, binding.reads, None, binding.result, names)


def remember(shape: Shape, binding: Binding) -> None:
    """Keeps the steps of a handler for others of its shape, if there is nothing but plain parameters in them."""
    handler, last = binding.handler, binding.steps[-1]
    alone = last == Hop((handler,), handler.pool) if handler.kind is Kind.THREAD else last is handler
    plain = all(isinstance(step, Check) or (isinstance(step, Read) and step.source in _HEAD) for step in binding.steps[:-1])
    names = {handler.variable, handler.name, *(one.name for one in shape.signature.parameters)}
    if alone and plain and not binding.constants and not binding.yields and binding.names.are(names):
        memory_of(Shape)[shape.key] = shape, binding  # the shape as well, for what its key names by `id` has to stay
