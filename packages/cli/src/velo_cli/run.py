"""`velo run`."""

from __future__ import annotations

import importlib.util

import click

from velo_cli.address import bind
from velo_cli.errors import Failure
from velo_cli.options import factory_option, target_argument, verbose_option
from velo_cli.process import exit_on_signals
from velo_cli.settings import Settings
from velo_cli.target import Target

__all__ = ["run"]

INTERFACES = {"granian": ("rsgi", "asgi", "wsgi"), "uvicorn": ("asgi",)}
"""What each server speaks, the default first."""
BACKLOG = 2048
"""Connections that may wait; the default of Uvicorn."""


@click.command()
@target_argument
@factory_option
@click.option("--server", type=click.Choice(list(INTERFACES)), default="granian", show_default=True, help="What serves.")
@click.option("--interface", type=click.Choice(["rsgi", "asgi", "wsgi"]), help="Default: rsgi with granian, asgi with uvicorn.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name; 0.0.0.0 is reached from other machines.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any that is free.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that serve.")
@click.option("--reload", is_flag=True, help="Start again when a Python file below the target's folder changes.")
@click.option("--access-log", is_flag=True, help="Write a line for each request.")
@click.option(
    "--shutdown-timeout", type=click.IntRange(1), metavar="SECONDS", help="What requests get to end. Default: 10, with --reload 1."
)
@verbose_option
def run(
    target: str,
    factory: bool,
    server: str,
    interface: str | None,
    host: str,
    port: int,
    workers: int,
    reload: bool,
    access_log: bool,
    shutdown_timeout: int | None,
    verbose: bool,
) -> None:
    """Serve an application until Ctrl-C.

    TARGET is package.module:app, or a file such as examples/hunt.py:app. Without ":app" it is the attribute `app`, or the only application
    there is.
    """
    exit_on_signals()
    if interface is None:
        interface = INTERFACES[server][0]
    elif interface not in INTERFACES[server]:
        raise click.UsageError(f"{server} does not speak {interface}; leave --interface out, or take --server granian")
    if reload and workers > 1:
        raise click.UsageError("--reload serves with one worker; leave --workers out")
    _require(server, reload)
    found = Target.parse(target, factory=factory)
    endpoint, listener = bind(host, port)
    with listener:
        if server == "granian":  # opens its own sockets, one in each worker
            listener.close()
        else:
            listener.listen(BACKLOG)  # from now on connections wait, for the first worker or, while it starts again, for the next
        settings = Settings(
            target=found,
            endpoint=endpoint,
            listener=None if server == "granian" else listener,
            server=server,
            interface=interface,
            workers=workers,
            access_log=access_log,
            verbose=verbose,
            shutdown_timeout=shutdown_timeout or (1 if reload else 10),
        )
        _serve(settings, reload)


def _serve(settings: Settings, reload: bool) -> None:
    if reload:
        from velo_cli.reload import serve_and_reload

        serve_and_reload(settings)
    else:
        from velo_cli.serving import serve

        serve(settings)


def _require(server: str, reload: bool) -> None:
    """Raises `Failure` for what is not installed."""
    if importlib.util.find_spec(server) is None:
        raise Failure(f"{server} is not installed; try: pip install 'velo-cli[{server}]'")
    if reload and importlib.util.find_spec("watchfiles") is None:
        raise Failure("--reload needs watchfiles; try: pip install 'velo-cli[reload]'")
