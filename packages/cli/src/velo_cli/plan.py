"""`velo plan`."""

from __future__ import annotations

import click

from velo_cli.errors import Failure
from velo_cli.options import factory_option, json_option, target_argument, verbose_option
from velo_cli.output import write_json
from velo_cli.target import Target

__all__ = ["plan"]


@click.command()
@target_argument
@click.argument("method")
@click.argument("path")
@click.option("--host", help="Host that the request is for, where routes depend on that.")
@factory_option
@json_option
@verbose_option
def plan(target: str, method: str, path: str, host: str | None, factory: bool, as_json: bool, verbose: bool) -> None:
    """Show the code that serves a request: velo plan shop:app GET /users/1.

    PATH is that of a request, or the pattern of a route. A path that no route serves has a plan too, which answers 404 or 405.
    """
    app = Target.parse(target, factory=factory).load().app
    try:
        found = app.plan(method.upper(), path, host=host)
    except LookupError as error:
        raise Failure(str(error)) from error
    if as_json:
        write_json({"label": found.label, "source": found.source})
    else:
        click.echo(f"# {found.label}")
        click.echo(found.source, nl=False)
