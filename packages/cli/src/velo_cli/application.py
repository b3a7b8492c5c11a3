"""What commands of plugins are made of: `pass_application`, for those that need an application, and `json_option`.

    @click.command()
    @pass_application
    @click.option("--loud", is_flag=True)
    def greet(app: Velo, loud: bool) -> None: ...

`@json_option` gives a command `--json`, and the argument `as_json`. What ends it is JSON then as well, on stderr: `{"error": ...,
"problems": [{"code": ..., "message": ...}]}`, with the problems of a `SetupError`.

This module is imported by modules that the entry-point group `velo.commands` names, and so by nobody who has no `velo` command.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, TypeVar

from velo_cli.errors import Failure
from velo_cli.options import factory_option, json_option, target_argument, told, verbose_option
from velo_cli.target import Target

if TYPE_CHECKING:
    from velo_core import Velo

__all__ = ["json_option", "pass_application"]

R = TypeVar("R")


def pass_application(command: Callable[Concatenate[Velo, ...], R]) -> Callable[..., R]:
    """Gives a command the application that the user names, frozen, as its first argument.

    The command has `TARGET`, `--factory` and `--verbose` then, as those of velo itself do, besides its own options and arguments. The
    application is not started; who needs that opens `async with app.scope() as scope:`.

    Raises:
        click.ClickException: from the command, if there is no such application, or if it cannot be loaded. Velo shows it as one line
            (with `--verbose` after the traceback), and ends with status 1.
    """

    @target_argument
    @factory_option
    @verbose_option
    @functools.wraps(command)
    def run(*arguments: object, target: str, factory: bool, verbose: bool, **options: object) -> R:
        try:
            app = Target.parse(target, factory=factory).load().app
        except Failure as failure:
            raise told(failure) from failure
        return command(app, *arguments, **options)

    return run
