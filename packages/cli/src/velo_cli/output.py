"""Tables and JSON on stdout."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

import click

__all__ = ["qualified_name", "write_json", "write_lines", "write_table"]

GAP = "  "


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes `rows` in columns under `head`."""
    write_lines([head, *rows])


def write_lines(lines: Sequence[Sequence[str]], *, indent: str = "") -> None:
    """Writes `lines` in columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo(indent + GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def write_json(value: object) -> None:
    """Writes `value`, indented."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def qualified_name(thing: object) -> str:
    """`module.qualname` of a function or class, or of the class of anything else."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    if not hasattr(thing, "__qualname__"):
        thing = type(thing)
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', '?')}"
