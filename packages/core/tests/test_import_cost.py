"""What is installed beside velo-core does not matter until somebody asks for it by name. Counted, not timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
from velo_core import Velo
app = Velo()

@app.get("/")
async def index() -> str:
    return "index"

app.freeze()
print(json.dumps({"modules": sorted(sys.modules), "opened": [path for path in opened if "dist-info" in path]}))
"""


def report(*folders: Path) -> dict[str, list[str]]:
    """What is imported, and which metadata is opened, when an application starts in a process of its own."""
    paths = [str(folder) for folder in folders]
    program = f"import sys; sys.path[:0] = {paths!r}\n{PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return json.loads(done.stdout)


@pytest.fixture
def fifty(tmp_path: Path) -> Path:
    """A folder with 50 distributions that offer plugins and commands, and do harm when they are imported."""
    for number in range(50):
        info = tmp_path / f"velo_idle_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: velo-idle-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[velo.plugins]\nidle-{number} = velo_idle_{number}:Idle\n[velo.commands]\nidle-{number} = velo_idle_{number}:idle\n"
        )
        (tmp_path / f"velo_idle_{number}.py").write_text("raise SystemExit('imported')\n")
    return tmp_path


def test_fifty_distributions_that_are_only_there_are_neither_imported_nor_read(fifty: Path) -> None:
    without, beside = report(), report(fifty)

    assert beside["modules"] == without["modules"]
    assert beside["opened"] == without["opened"] == []
    assert "importlib.metadata" not in beside["modules"]
