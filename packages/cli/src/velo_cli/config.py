"""`velo config`: the options of an application and of its plugins, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from velo_cli.options import factory_option, json_option, target_argument, verbose_option
from velo_cli.output import write_json, write_table
from velo_cli.target import Target

if TYPE_CHECKING:
    from velo_core import Setting

__all__ = ["config"]

MASK = "********"


@click.group()
def config() -> None:
    """Show the configuration and the options of an application and of its plugins."""


@config.command()
@target_argument
@factory_option
@json_option
@verbose_option
def show(target: str, factory: bool, as_json: bool, verbose: bool) -> None:
    """Show each option with its value and its origin.

    Those of the application are there if it is made by Velo.from_config, its own configuration if it is given one, those of plugins if they
    are installed by name. Secrets, and values of options that sound like secrets, are not shown.
    """
    app = Target.parse(target, factory=factory).load().app
    rows = _rows("app", app.settings)
    rows += [] if app.config is None else _rows("config", app.config.settings)
    for ready in app.plugins:
        rows += _rows(ready.manifest.name, ready.settings)
    if as_json:
        write_json([dict(zip(("of", "option", "value", "origin"), row, strict=True)) for row in rows])
    elif rows:
        write_table(("of", "option", "value", "origin"), rows)
    else:
        click.echo("The application has no options from files, no configuration, and no plugins that are installed by name.")


def _rows(of: str, settings: Mapping[str, Setting]) -> list[tuple[str, str, str, str]]:
    return [(of, name, _shown(name, setting), setting.origin) for name, setting in settings.items()]


def _shown(name: str, setting: Setting) -> str:
    from velo_core import Secret, sounds_secret

    if isinstance(setting.value, Secret) or (sounds_secret(name) and setting.origin != "default"):
        return MASK
    return repr(setting.value)
