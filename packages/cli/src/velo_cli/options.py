"""What the commands that take an application have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import click

from velo_cli.errors import Failure

__all__ = ["VERBOSE", "Told", "factory_option", "json_option", "target_argument", "told", "verbose_option"]

VERBOSE = "velo_cli.verbose"
"""Key in `click.Context.meta`: whether tracebacks are shown."""
JSON = "velo_cli.json"
"""Key in `click.Context.meta`: whether what is written is for programs."""


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.meta[VERBOSE] = value
    return value


def _remember_json(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.meta[JSON] = value
    return value


target_argument = click.argument("target", metavar="TARGET")
factory_option = click.option("--factory", is_flag=True, help="TARGET is a function that returns the application.")
json_option = click.option("--json", "as_json", is_flag=True, callback=_remember_json, is_eager=True, help="Write JSON, errors too.")
verbose_option = click.option("--verbose", is_flag=True, callback=_remember, help="Show tracebacks, and what the server has to say.")


class Told(click.ClickException):
    """What ends a command, as the user sees it.

    Args:
        line: For people.
        problems: Code and message of each, if there are codes.
        as_json: Whether it is written for programs.
    """

    def __init__(self, line: str, problems: Sequence[tuple[str, str]] = (), *, as_json: bool) -> None:
        super().__init__(line)
        self.problems = problems
        self.as_json = as_json

    def show(self, file: IO[str] | None = None) -> None:
        """Writes it to stderr."""
        if not self.as_json:
            super().show(file)
            return
        import json

        problems = [{"code": code, "message": message} for code, message in self.problems]
        click.echo(json.dumps({"error": self.message, "problems": problems}, indent=2, ensure_ascii=False), err=True)


def told(failure: Failure | click.ClickException) -> click.ClickException:
    """The failure as click shows it; its traceback is written at once if the user wants tracebacks."""
    meta = click.get_current_context().meta
    as_json = bool(meta.get(JSON))
    if isinstance(failure, Failure):
        if meta.get(VERBOSE) and not as_json:
            click.echo(failure.details, err=True, nl=False)
        return Told(failure.line, failure.problems, as_json=as_json)
    return Told(failure.message, as_json=True) if as_json else failure
