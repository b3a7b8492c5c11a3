"""The command `velo`: its own commands, and those that plugins bring.

A command is imported when it is named, and only then: `velo --help` reads the names of plugins' commands from their metadata, so that none
of them can make it slow or break it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from velo_cli import __version__
from velo_cli.errors import Failure, details, reason
from velo_cli.options import Told, told

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["velo"]

GROUP = "velo.commands"
OWN = {
    "config": "Show the options of an application and of its plugins.",
    "new": "Write a new plugin or application, with tests that pass.",
    "plan": "Show the code that serves a request.",
    "plugins": "Show which plugins are installed, or used by an application; check them.",
    "routes": "Show the routes of an application.",
    "run": "Serve an application.",
}
"""Commands of this package, each in a module of its name."""


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.UsageError, Told):  # a wrong command line is for who typed it
            raise
        except (Failure, click.ClickException) as failure:
            raise told(failure) from failure

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*OWN, *_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN:
            return _command(getattr(importlib.import_module(f"velo_cli.{cmd_name}"), cmd_name))
        points = _points().get(cmd_name)
        return _load(cmd_name, points) if points else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from velo_cli.offers import origins_of

        plugins = [(name, origins_of(points)) for name, points in sorted(_points().items()) if name not in OWN]
        for title, rows in (("Commands", list(OWN.items())), ("Commands of plugins", plugins)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=OWN.get(name)) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def _points() -> dict[str, list[EntryPoint]]:
    """What plugins offer, by the name of the command."""
    from importlib.metadata import entry_points  # which reads the metadata of every distribution: not for commands of our own

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def _load(name: str, points: list[EntryPoint]) -> click.Command:
    from velo_cli.offers import offered_twice, origins_of

    if len(points) > 1:
        raise Failure(offered_twice("command", "VELO_COMMAND_DUPLICATE", points))
    try:
        return _command(points[0].load())
    except Exception as error:
        raise Failure(f"the command {name!r} of {origins_of(points)} cannot be loaded: {reason(error)}", details(error)) from error


def _command(found: object) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"an object of type {type(found).__qualname__} is not a click command")
    return found


def _show_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        import velo_core

        click.echo(f"velo-cli {__version__}, velo-core {velo_core.__version__}")
        context.exit()


@click.command(cls=_Commands)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the versions, and end.")
def velo() -> None:
    """Serve and inspect Velo applications."""
