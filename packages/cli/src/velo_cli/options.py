"""What the commands that take an application have in common."""

from __future__ import annotations

import click

from velo_cli.errors import Failure

__all__ = ["VERBOSE", "factory_option", "json_option", "target_argument", "told", "verbose_option"]

VERBOSE = "velo_cli.verbose"
"""Key in `click.Context.meta`: whether tracebacks are shown."""


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.meta[VERBOSE] = value
    return value


target_argument = click.argument("target", metavar="TARGET")
factory_option = click.option("--factory", is_flag=True, help="TARGET is a function that returns the application.")
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
verbose_option = click.option("--verbose", is_flag=True, callback=_remember, help="Show tracebacks, and what the server has to say.")


def told(failure: Failure) -> click.ClickException:
    """The failure as click shows it; its traceback is written at once if the user wants tracebacks."""
    if click.get_current_context().meta.get(VERBOSE):
        click.echo(failure.details, err=True, nl=False)
    return click.ClickException(failure.line)
