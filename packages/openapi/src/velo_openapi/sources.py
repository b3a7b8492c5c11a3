"""What a function does, as far as its source says so: which statuses it raises, which names it has."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import cast

from velo_core import HTTPError

__all__ = ["name_of", "names", "raised_statuses"]


def raised_statuses(function: Callable[..., object]) -> list[tuple[int, int]]:
    """Statuses with their lines: of `raise HTTPError(404)` in the function itself, with a status that is written there.

    What functions raise that it calls, and what it works out, is not seen; nor is anything where there is no source.
    """
    found_body = _source(function)
    if found_body is None:
        return []
    function, body, first = found_body
    names = cast("dict[str, object]", getattr(function, "__globals__", {}))
    found = ((_status(node.exc, names), node.lineno) for node in _statements(body) if isinstance(node, ast.Raise))
    return [(status, first + line - 1) for status, line in found if status is not None]


def names(function: Callable[..., object], word: str) -> bool:
    """Whether a function has a parameter of that name, or the word as a text, in any case."""
    found = _source(function)
    if found is None:
        return False
    arguments = (node.arg for node in ast.walk(found[1]) if isinstance(node, ast.arg))
    texts = (node.value for node in ast.walk(found[1]) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return any(one.lower() == word for one in (*arguments, *texts))


def name_of(function: object) -> str:
    """Its name, or that of its class."""
    return getattr(function, "__qualname__", type(function).__qualname__)


def _source(function: Callable[..., object]) -> tuple[Callable[..., object], ast.stmt, int] | None:
    """The function that is called in the end, its definition, and its first line; `None` if it has no source."""
    function = inspect.unwrap(function)
    if not inspect.isroutine(function):
        function = type(function).__call__  # an object that is called
    try:
        lines, first = inspect.getsourcelines(function)
        (body,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # no source, or not that of a statement, such as a lambda's
        return None
    return function, body, first


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that belong to a function, and not to one inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _statements(child)


def _status(raised: ast.expr | None, names: dict[str, object]) -> int | None:
    if not isinstance(raised, ast.Call) or _found(raised.func, names) is not HTTPError:
        return None
    given = raised.args[:1] or [keyword.value for keyword in raised.keywords if keyword.arg == "status_code"]
    match given:
        case [ast.Constant(value=int(status))]:
            return status
        case [ast.Attribute() as attribute]:
            named = _found(attribute, names)
            return named.value if isinstance(named, HTTPStatus) else None
        case _:
            return None


def _found(node: ast.expr, names: dict[str, object]) -> object:
    """What a name with dots stands for in a module."""
    if isinstance(node, ast.Attribute):
        return getattr(_found(node.value, names), node.attr, None)
    return names.get(node.id) if isinstance(node, ast.Name) else None
