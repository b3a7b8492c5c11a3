"""`velo plugins`."""

from __future__ import annotations

import dataclasses
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import click

from velo_cli.options import factory_option, json_option, verbose_option
from velo_cli.output import qualified_name, write_json, write_table
from velo_cli.target import Target

if TYPE_CHECKING:
    from velo_core import Manifest

__all__ = ["plugins"]

GROUP = "velo.plugins"


@click.command()
@click.argument("target", metavar="[TARGET]", required=False)
@factory_option
@json_option
@verbose_option
def plugins(target: str | None, factory: bool, as_json: bool, verbose: bool) -> None:
    """Show which plugins are installed; with TARGET, which the application uses, in their order.

    Nothing of an installed plugin is imported for the list.
    """
    if target is None:
        _show_available(as_json)
    else:
        _show_used(Target.parse(target, factory=factory), as_json)


def _show_available(as_json: bool) -> None:
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    rows = [(point.name, point.dist.name if point.dist else "", point.dist.version if point.dist else "", point.value) for point in points]
    if as_json:
        write_json([dict(zip(("name", "distribution", "version", "entry_point"), row, strict=True)) for row in rows])
    elif rows:
        write_table(("name", "distribution", "version", "entry point"), rows)
    else:
        click.echo("No plugins are installed.")


def _show_used(target: Target, as_json: bool) -> None:
    ready = target.load().app.plugins
    if as_json:
        write_json([_described(one.manifest) | {"plugin": qualified_name(one.plugin), "place": one.installation.place} for one in ready])
    elif ready:
        rows = [
            (
                one.manifest.name,
                qualified_name(one.plugin),
                one.manifest.requires_api,
                ", ".join(one.manifest.requires),
                ", ".join(one.manifest.provides),
                one.installation.place,
            )
            for one in ready
        ]
        write_table(("name", "plugin", "api", "requires", "provides", "installed at"), rows)
    else:
        click.echo("The application uses no plugins.")


def _described(manifest: Manifest) -> dict[str, object]:
    return dataclasses.asdict(manifest)
