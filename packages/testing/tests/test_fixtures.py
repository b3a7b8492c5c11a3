"""The fixtures, in a pytest of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

from velo_testing import ProtocolName

APP = """
from velo_core import Velo

app = Velo()

@app.get("/")
async def index() -> str:
    return "welcome"
"""
TEST = """
def test_it(velo_client, velo_protocol):
    assert velo_client.get("/").text == "welcome"
"""
NONE = ["-p", "no:velo", "-p", "velo_testing.fixtures"]  # whether or not it is installed with its entry point


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", *NONE, "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own command


def test_a_client_runs_each_test_over_each_protocol(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "test_shop.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nvelo_app = shop:app\npythonpath = .\n")

    done = run_pytest(tmp_path, "-v")

    assert done.returncode == 0, done.stdout
    for protocol in get_args(ProtocolName):
        assert f"test_shop.py::test_it[{protocol}] PASSED" in done.stdout


def test_an_application_can_be_a_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(f"import pytest\n{APP}\n@pytest.fixture\ndef velo_app():\n    return app\n{TEST}")

    assert run_pytest(tmp_path).returncode == 0


def test_without_an_application_it_says_how_to_name_one(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(TEST)

    done = run_pytest(tmp_path)

    assert done.returncode != 0
    assert "write a fixture velo_app that returns one" in done.stdout


def test_the_plugin_is_declared_for_pytest() -> None:
    """And loads the module that has the fixtures."""
    from importlib.metadata import entry_points

    (point,) = entry_points(group="pytest11", name="velo")
    assert point.value == "velo_testing.fixtures"
