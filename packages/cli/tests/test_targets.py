"""Which application a TARGET names, and what is said when it names none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Result

Write = Callable[[str, str], Path]
Run = Callable[..., "Result"]

APP = """
from velo_core import Velo
app = Velo()

@app.get("/")
async def index() -> str:
    return "app"
"""
TWO = """
from velo_core import Velo
shop, api = Velo(), Velo()

def make() -> Velo:
    return shop

def broken() -> Velo:
    raise ValueError("no settings")

def other() -> int:
    return 3
"""


def handlers(result: Result) -> list[str]:
    assert result.err == ""
    return [route["handler"] for route in json.loads(result.out)]


@pytest.mark.parametrize("target", ["shop.web:app", "shop.web", "shop/web.py", "shop/web.py:app"])
def test_a_target_is_a_module_or_a_file_and_its_attribute_is_app_by_default(velo: Run, write: Write, target: str) -> None:
    write("shop/web.py", APP)

    assert handlers(velo("routes", target, "--json")) == ["web.index" if ".py" in target else "shop.web.index"]


def test_a_file_finds_the_modules_beside_it(velo: Run, write: Write) -> None:
    write("examples/texts.py", "GREETING = '/hello'")
    write("examples/hunt.py", APP.replace('"/"', "texts.GREETING").replace("from velo_core", "import texts\nfrom velo_core", 1))

    assert json.loads(velo("routes", "examples/hunt.py", "--json").out)[0]["path"] == "/hello"


def test_a_file_in_a_package_is_imported_as_part_of_it(velo: Run, write: Write) -> None:
    write("shop/__init__.py", "")
    write("shop/texts.py", "GREETING = '/hello'")
    write("shop/web.py", APP.replace("from velo_core", "from .texts import GREETING\nfrom velo_core", 1).replace('"/"', "GREETING"))

    assert handlers(velo("routes", "shop/web.py", "--json")) == ["shop.web.index"]


def test_a_file_need_not_have_the_name_of_a_module(velo: Run, write: Write) -> None:
    write("01-hello.py", APP)

    assert handlers(velo("routes", "01-hello.py", "--json")) == ["01-hello.index"]


def test_the_only_application_of_a_module_is_found_whatever_its_name(velo: Run, write: Write) -> None:
    write("shop.py", APP.replace("app", "site") + "alias = site\n")

    assert handlers(velo("routes", "shop", "--json")) == ["shop.index"]


def test_an_attribute_may_be_dotted(velo: Run, write: Write) -> None:
    write("shop.py", APP + "class Holder:\n    inner = app\n")

    assert handlers(velo("routes", "shop:Holder.inner", "--json")) == ["shop.index"]


def test_a_factory_is_called(velo: Run, write: Write) -> None:
    write("shop.py", APP + "def make() -> Velo:\n    return app\n")

    assert handlers(velo("routes", "shop:make", "--factory", "--json")) == ["shop.index"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a b"], "'a b' names no application; write package.module:app or path/to/file.py:app"),
        (["two:"], "'two:' names no application; write package.module:app or path/to/file.py:app"),
        (["nowhere.py"], "there is no file nowhere.py"),
        (["folder/two"], "there is no file folder/two; did you mean folder/two.py?"),
        (["folder/"], "folder/ is a folder; name the file in it"),
        (["folder/notes.txt"], "folder/notes.txt is not a Python file; its name must end in .py"),
        (["calendar.py"], "calendar.py would take the place of the module 'calendar' that Python or a library uses; rename the file"),
        (["nowhere:app"], "there is no module 'nowhere'; looked in {folder} and among what is installed"),
        (["two.nowhere:app"], "there is no module 'two.nowhere'; looked in {folder} and among what is installed"),
        (["two"], "two has no 'app'; its applications are shop, api"),
        (["two:nothing"], "two has no 'nothing'; its applications are shop, api"),
        (["none"], "none has no 'app'; it has no Velo application"),
        (["two:make"], "two:make is the function make, not a Velo application; give --factory if it returns the application"),
        (["two:shop.__doc__"], "two:shop.__doc__ is an object of type str, not a Velo application"),
        (["two:shop", "--factory"], "two:shop is an object of type Velo; --factory is for a function that returns the application"),
        (["two:other", "--factory"], "two:other returned an object of type int, not a Velo application"),
        (["two:broken", "--factory"], "two:broken cannot be loaded: ValueError: no settings (two.py:9)"),
        (["raises"], "raises cannot be loaded: ModuleNotFoundError: No module named 'nowhere' (raises.py:2)"),
        (["syntax.py"], "syntax.py cannot be loaded: SyntaxError: '(' was never closed (syntax.py:1)"),
        (["script"], "script ends the program while it is loaded: SystemExit: 3 (script.py:2)"),
    ],
)
def test_a_target_that_cannot_be_loaded_is_one_line(velo: Run, write: Write, tmp_path: Path, arguments: list[str], line: str) -> None:
    for name, text in {
        "two.py": TWO,
        "none.py": "",
        "calendar.py": APP,
        "folder/two.py": TWO,
        "folder/notes.txt": "",
        "raises.py": "import json\nimport nowhere\n",
        "syntax.py": "app = (\n",
        "script.py": "import sys\nsys.exit(3)\n",
    }.items():
        write(name, text)

    result = velo("routes", *arguments)

    assert (result.status, result.out, result.err) == (1, "", f"Error: {line.format(folder=tmp_path)}\n")


def test_a_traceback_is_shown_only_if_it_is_asked_for(velo: Run, write: Write) -> None:
    write("raises.py", "import nowhere\n")

    lines = velo("routes", "raises", "--verbose").err.splitlines()

    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "Error: raises cannot be loaded: ModuleNotFoundError: No module named 'nowhere' (raises.py:1)"


def test_all_problems_of_an_application_are_listed(velo: Run, write: Write, tmp_path: Path) -> None:
    write("shop.py", APP + '\n@app.get("/{a")\nasync def one() -> str: ...\n\n@app.get("/{b")\nasync def two() -> str: ...\n')

    result = velo("routes", "shop")

    assert result.status == 1
    lines = result.err.splitlines()
    assert lines[0] == "Error: 2 problems keep the application from starting:"
    assert [line[:12] for line in lines[1:]] == ["  1. the pat", "  2. the pat"]
    assert f"{tmp_path / 'shop.py'}:9" in lines[1]
