"""velo-cli: the `velo` command."""

__version__ = "0.1.0"

__all__ = ["main"]


def main() -> None:
    """Runs `velo` with the arguments of this process, and ends the process.

    Raises:
        SystemExit: always. Status 0 when all went well, 1 for a failure that one line on stderr tells, 2 for a wrong command line.
    """
    from velo_cli.commands import velo  # every worker process imports this package again; only the command itself needs click

    velo(prog_name="velo")
