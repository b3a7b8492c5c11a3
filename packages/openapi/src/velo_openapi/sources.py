"""Which statuses a function raises, as far as its source says so."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import cast

from velo_core import HTTPError

__all__ = ["raised_statuses"]


def raised_statuses(function: Callable[..., object]) -> list[tuple[int, int]]:
    """Statuses with their lines: of `raise HTTPError(404)` in the function itself, with a status that is written there.

    What functions raise that it calls, and what it works out, is not seen; nor is anything where there is no source.
    """
    function = inspect.unwrap(function)
    if not inspect.isroutine(function):
        function = type(function).__call__  # an object that is called
    names = cast("dict[str, object]", getattr(function, "__globals__", {}))
    try:
        lines, first = inspect.getsourcelines(function)
        (body,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # no source, or not that of a statement, such as a lambda's
        return []
    found = ((_status(node.exc, names), node.lineno) for node in _statements(body) if isinstance(node, ast.Raise))
    return [(status, first + line - 1) for status, line in found if status is not None]


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
