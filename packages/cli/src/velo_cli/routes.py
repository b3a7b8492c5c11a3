"""`velo routes`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypedDict

import click

from velo_cli.options import factory_option, json_option, target_argument, verbose_option
from velo_cli.output import qualified_name, write_json, write_lines, write_table
from velo_cli.target import Target

if TYPE_CHECKING:
    from velo_core import Velo

__all__ = ["routes"]


ASSET = "__velo_asset__"
"""Attribute of handlers that send what a page of theirs is made of: true for what is left out of the list."""


class Row(TypedDict):
    """A route, as it is shown."""

    methods: list[str]
    automatic_methods: list[str]
    host: str | None
    path: str
    version: str | None
    name: str
    handler: str
    tags: list[str]


@click.command()
@target_argument
@factory_option
@click.option("--all", "everything", is_flag=True, help="Show the files of documentation pages and their like, too.")
@click.option("--hooks", is_flag=True, help="Show what runs for each route besides its handler, in its order, and why.")
@json_option
@verbose_option
def routes(target: str, factory: bool, everything: bool, hooks: bool, as_json: bool, verbose: bool) -> None:
    """Show the routes of an application, in the order of registration.

    HEAD in parentheses is answered by the route of GET. OPTIONS is answered on every path. Files that documentation pages are made of are
    left out; --all shows them.
    """
    app = Target.parse(target, factory=factory).load().app
    hidden = 0 if everything else sum(_is_asset(one.route.handler) for one in app.routes)
    if hidden and not as_json:
        click.echo(f"Note: {hidden} files of pages are not shown; --all shows them.", err=True)
    if hooks:
        _show_hooks(app, everything=everything, as_json=as_json)
        return
    rows = _rows(app, everything=everything)
    if as_json:
        write_json(rows)
    elif rows:
        versions = any(row["version"] for row in rows)
        lines = [
            (
                _methods(row),
                f"{row['host'] or ''}{row['path']}",
                *((row["version"] or "",) if versions else ()),
                row["name"],
                row["handler"],
                ", ".join(row["tags"]),
            )
            for row in rows
        ]
        write_table(("methods", "path", *(("version",) if versions else ()), "name", "handler", "tags"), lines)
    else:
        click.echo("The application has no routes.")


def _is_asset(handler: object) -> bool:
    return bool(getattr(handler, ASSET, False))


def _show_hooks(app: Velo, *, everything: bool, as_json: bool) -> None:
    shown = {(one.route.methods, one.pattern.text) for one in app.routes if everything or not _is_asset(one.route.handler)}
    found = [route for route in app.describe().routes if (route.methods, route.path) in shown]
    if as_json:
        write_json([dataclasses.asdict(route) for route in found])
    for route in () if as_json else found:
        version = f" version {route.version}" if route.version else ""
        click.echo(f"{', '.join(route.methods) or 'WEBSOCKET'} {route.host or ''}{route.path}{version}")
        rows = [(hook.kind, hook.function, hook.reason) for hook in route.hooks]
        write_lines([*rows, ("handler", route.handler, route.place)], indent="  ")


def _rows(app: Velo, *, everything: bool) -> list[Row]:
    taken = {(one.pattern.text, method) for one in app.routes for method in one.route.methods}
    return [
        Row(
            methods=["WEBSOCKET"] if one.route.is_websocket else list(one.route.methods),
            automatic_methods=_automatic(one.route.methods, {method for path, method in taken if path == one.pattern.text}),
            host=None if one.host is None else one.host.text,
            path=one.pattern.text,
            version=one.version,
            name=one.name,
            handler=qualified_name(one.route.handler),
            tags=list(dict.fromkeys((*one.inherited.tags, *one.route.tags))),
        )
        for one in app.routes
        if everything or not _is_asset(one.route.handler)
    ]


def _automatic(methods: tuple[str, ...], taken: set[str]) -> list[str]:
    """What is answered besides `methods`, on a path whose routes have `taken`; nothing by a websocket, which has no methods."""
    if not methods:
        return []
    return [*(["HEAD"] if "GET" in methods and "HEAD" not in taken else []), *(["OPTIONS"] if "OPTIONS" not in taken else [])]


def _methods(row: Row) -> str:
    """`GET (HEAD)`; OPTIONS would stand in every line."""
    return ", ".join(row["methods"]) + (" (HEAD)" if "HEAD" in row["automatic_methods"] else "")
