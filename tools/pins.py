"""Renew the pins: `uv run tools/pins.py` puts the newest versions that fit together into `[tool.uv] constraint-dependencies`.

The lock file is not committed, because it would be one file that every package's change touches; the pins keep a fresh checkout at the
versions the last run of the checks has seen. Read the difference, run `nox`, commit.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINS = re.compile(r"^constraint-dependencies = \[\n(.*?)^\]\n", re.MULTILINE | re.DOTALL)
EXPORT = "uv export --quiet --all-packages --all-groups --all-extras --no-emit-workspace --no-hashes --no-annotate --no-header"


def main() -> None:
    pyproject = ROOT / "pyproject.toml"
    before = pyproject.read_text()
    (ROOT / "uv.lock").unlink(missing_ok=True)
    try:
        pyproject.write_text(PINS.sub("", before))
        exported = subprocess.run(EXPORT.split(), cwd=ROOT, check=True, capture_output=True, text=True).stdout
    finally:
        pyproject.write_text(before)
    lines = "".join(f'    "{line}",\n' for line in pins(exported.splitlines()))
    pyproject.write_text(PINS.sub(lambda _: f"constraint-dependencies = [\n{lines}]\n", before))


def pins(exported: list[str]) -> list[str]:
    """`name==version` of each line; the marker stays only where different Pythons have different versions."""
    versions = Counter(line.partition("==")[0] for line in exported)
    return [line if versions[line.partition("==")[0]] > 1 else line.partition(" ;")[0] for line in exported]


if __name__ == "__main__":
    main()
