"""`velo new`: what it writes works as it is."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Result

Write = Callable[[str, str], Path]
Run = Callable[..., "Result"]
MODULES = ["-p", "velo_testing.fixtures", "-p", "no:velo", "-p", "no:asyncio", "-p", "no:cacheprovider"]


def run_tests(folder: Path) -> str:
    """Runs the tests that are in a project, with its sources importable as if it were installed."""
    command = [sys.executable, "-m", "pytest", "-W", "error", *MODULES]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def placeholders(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if "@@" in path.name or (path.is_file() and "@@" in path.read_text())]


def test_the_tests_of_a_new_plugin_pass(velo: Run, tmp_path: Path) -> None:
    result = velo("new", "plugin", "night-greeter")
    folder = tmp_path / "velo-night-greeter"
    metadata = tomllib.loads((folder / "pyproject.toml").read_text())

    assert result.status == 0, result.err
    assert "pytest" in result.out
    assert placeholders(folder) == []
    assert metadata["project"]["dependencies"] == ["velo-core>=0.1,<0.2"]
    assert metadata["project"]["entry-points"]["velo.plugins"] == {"night-greeter": "velo_night_greeter:NightGreeter"}
    assert (folder / "src/velo_night_greeter/py.typed").exists()
    assert (folder / ".github/workflows/ci.yml").exists()
    assert (folder / ".gitignore").exists()
    assert " passed" in run_tests(folder)


def test_the_tests_of_a_new_application_pass(velo: Run, tmp_path: Path) -> None:
    result = velo("new", "app", "my-shop")
    folder = tmp_path / "my-shop"

    assert result.status == 0, result.err
    assert placeholders(folder) == []
    assert " passed" in run_tests(folder)


def test_the_routes_of_a_new_application_are_shown(velo: Run) -> None:
    velo("new", "app", "shop", "--folder", ".")
    routes = velo("routes", "shop.app:app")

    assert "/notes/{note_id:int}" in routes.out, routes.err


@pytest.mark.parametrize("kind", ["plugin", "app"])
@pytest.mark.parametrize("name", ["Shop", "my shop", "1st", "a--b", "../up", "import", "shop_x", ""])
def test_a_name_that_cannot_be_one_is_refused(velo: Run, tmp_path: Path, kind: str, name: str) -> None:
    result = velo("new", kind, name)

    assert result.status == 1
    assert "is no name for a project" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["json", "tests", "pytest", "velo-core"])
def test_a_name_that_is_taken_is_refused(velo: Run, name: str) -> None:
    assert "take another name" in velo("new", "app", name).err


def test_what_is_there_is_not_touched(velo: Run, write: Write) -> None:
    path = write("velo-greeter/pyproject.toml", "mine")
    result = velo("new", "plugin", "greeter")

    assert result.status == 1
    assert result.err == "Error: velo-greeter is there already, and not empty; name another one with --folder\n"
    assert path.read_text() == "mine"
