"""The command itself, and the commands that plugins add to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

import velo_core
from velo_cli.application import pass_application

if TYPE_CHECKING:
    from conftest import Result

Write = Callable[[str, str], Path]
Run = Callable[..., "Result"]

COMMAND = """
import click

print("imported")

@click.command()
@click.argument("name")
def greet(name: str) -> None:
    "Greets somebody."
    click.echo(f"Hello {name}")
"""


WITH_APPLICATION = """
import click
from velo_cli.application import pass_application

@click.command()
@click.option("--loud", is_flag=True)
@pass_application
@click.argument("name")
def paths(app, name: str, loud: bool) -> None:
    "Shows paths."
    text = f"{name}: {', '.join(one.path for one in app.operations)}"
    click.echo(text.upper() if loud else text)
"""
SHOP = """
from velo_core import Velo

def make():
    app = Velo()
    @app.get("/tea")
    async def tea() -> str:
        return "tea"
    return app

app = make()
"""


@pytest.fixture
def site(write: Write, tmp_path: Path) -> Path:
    """A folder with two distributions that bring commands."""
    for name in ("greeter", "rival"):
        write(f"site/{name}-1.2.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    write(
        "site/greeter-1.2.dist-info/entry_points.txt",
        "[velo.commands]\ngreet = greeting:greet\nbroken = broken:command\nnumber = number:three\nclash = a:b\nrun = a:b\n"
        "paths = paths:paths\n",
    )
    write("site/rival-1.2.dist-info/entry_points.txt", "[velo.commands]\nclash = c:d\n")
    write("site/greeting.py", COMMAND)
    write("site/paths.py", WITH_APPLICATION)
    write("site/broken.py", "import click\nimport nowhere\n")
    write("site/number.py", "three = 3\n")
    return tmp_path / "site"


def test_help_lists_the_commands_of_plugins_without_importing_them(velo: Run, site: Path) -> None:
    result = velo("--help", path=site)

    assert (result.status, result.err) == (0, "")
    listed = [line.split() for line in result.out.splitlines()]
    assert ["greet", "greeter", "1.2"] in listed
    assert ["broken", "greeter", "1.2"] in listed
    assert ["clash", "greeter", "1.2", "and", "rival", "1.2"] in listed
    assert [words for words in listed if words[:1] == ["run"]] == [["run", "Serve", "an", "application."]]
    assert "imported" not in result.out


def test_a_command_of_a_plugin_is_imported_when_it_is_named(velo: Run, site: Path) -> None:
    assert velo("greet", "Ada", path=site).out == "imported\nHello Ada\n"
    assert "Greets somebody." in velo("greet", "--help", path=site).out


def test_a_command_of_a_plugin_is_given_the_application_that_the_user_names(velo: Run, site: Path, write: Write) -> None:
    """Beside its own options and arguments, which may stand above and below."""
    write("shop.py", SHOP)

    assert velo("paths", "shop", "paths", path=site).out == "paths: /tea\n"
    assert velo("paths", "--loud", "--factory", "shop.py:make", "paths", path=site).out == "PATHS: /TEA\n"
    usage = velo("paths", "--help", path=site).out
    assert "TARGET NAME" in usage
    assert "Shows paths." in usage


def test_a_command_of_a_plugin_says_what_is_wrong_with_the_application_as_others_do(velo: Run, site: Path, write: Write) -> None:
    write("shop.py", "from velo_core import Velo\napp = Velo()\nraise RuntimeError('closed')\n")

    for more in ((), ("--verbose",)):
        told, known = (velo(name, "shop", *rest, *more, path=site) for name, *rest in (("paths", "x"), ("routes",)))

        assert (told.status, told.out) == (1, "")
        assert told.err.splitlines()[-1] == known.err.splitlines()[-1] == "Error: shop cannot be loaded: RuntimeError: closed (shop.py:3)"
        assert ("Traceback" in told.err) == ("Traceback" in known.err) == bool(more)


def test_a_command_with_an_application_can_be_tested_without_velo(tmp_path: Path) -> None:
    @click.command()
    @pass_application
    def nothing(app: velo_core.Velo) -> None:
        raise AssertionError

    result = CliRunner().invoke(nothing, [f"{tmp_path}/nowhere.py"])

    assert result.exit_code == 1
    assert result.output == f"Error: there is no file {tmp_path}/nowhere.py\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "broken",
            "the command 'broken' of greeter 1.2 cannot be loaded: ModuleNotFoundError: No module named 'nowhere' (site/broken.py:2)",
        ),
        ("number", "the command 'number' of greeter 1.2 cannot be loaded: TypeError: an object of type int is not a click command"),
        (
            "clash",
            (
                "the command 'clash' is offered by greeter 1.2 (site/greeter-1.2.dist-info/entry_points.txt:5) and "
                "rival 1.2 (site/rival-1.2.dist-info/entry_points.txt:2); uninstall one of them [VELO_COMMAND_DUPLICATE]"
            ),
        ),
    ],
)
def test_a_command_of_a_plugin_that_cannot_be_loaded_is_one_line(velo: Run, site: Path, name: str, line: str) -> None:
    result = velo(name, path=site)

    assert (result.status, result.out) == (1, "")
    assert result.err.replace(f"{site.parent}/", "") == f"Error: {line}\n"


def test_completion_offers_commands_without_importing_them(velo: Run, site: Path) -> None:
    asked = "import os; os.environ.update(_VELO_COMPLETE='bash_complete', COMP_WORDS='velo ', COMP_CWORD='1')"

    result = velo(python=("-c", f"{asked}; from velo_cli import main; main()"), path=site)

    assert {"plain,greet", "plain,broken", "plain,routes"} <= set(result.out.splitlines())
    assert "imported" not in result.out


def test_a_command_that_nobody_offers_ends_with_2(velo: Run) -> None:
    result = velo("nothing")

    assert result.status == 2
    assert result.err.splitlines()[-1].startswith("Error: No such command 'nothing'")


def test_the_version_is_that_of_the_command_and_of_the_core(velo: Run) -> None:
    import velo_cli

    assert velo("--version").out == f"velo-cli {velo_cli.__version__}, velo-core {velo_core.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_needs_neither_the_core_nor_a_server(velo: Run, arguments: list[str]) -> None:
    program = "import sys, atexit; atexit.register(lambda: print(sorted({'velo_core', 'granian', 'uvicorn', 'asyncio'} & {*sys.modules})))"

    result = velo(*arguments, python=("-c", f"{program}; from velo_cli import main; main()"))

    assert result.out.splitlines()[-1] == "[]"


def test_importing_the_package_needs_nothing(velo: Run) -> None:
    """Worker processes do, before they do what they are for."""
    result = velo(python=("-c", "import sys, velo_cli; print('click' in sys.modules)"))

    assert result.out == "False\n"


def test_what_ends_a_command_is_json_for_programs(velo: Run, write: Write) -> None:
    write("shop.py", "from velo_core import Velo\napp = Velo()\napp.get('/{x:a}')(print)\napp.get('/{x:b}')(print)\n")
    found, missing = velo("routes", "shop", "--json"), velo("routes", "nowhere", "--json")

    assert (found.status, found.out) == (1, "")
    assert len(json.loads(found.err)["problems"]) >= 2
    assert json.loads(found.err)["problems"][0].keys() == {"code", "message"}
    assert (missing.status, json.loads(missing.err)["problems"]) == (1, [])
    assert json.loads(missing.err)["error"].startswith("there is no module 'nowhere'; ")
