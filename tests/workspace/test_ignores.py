"""Whoever silences a check says why, next to it; and nobody silences a checker that does not read the file."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("packages", "tests", "examples", "benchmarks", "tools")
SILENT = re.compile(
    r"# ?(?:noqa(?::\s?[A-Z]+\d+(?:, ?[A-Z]+\d+)*)?|type: ignore(?:\[[^\]]*\])?|pyright: ignore(?:\[[^\]]*\])?|pragma: no cover)"
)
FILES = [
    file
    for folder in FOLDERS
    for file in (ROOT / folder).rglob("*.py")
    if file != Path(__file__) and not {"node_modules", ".venv", "build", "dist"} & set(file.parts)
]


def silenced() -> list[tuple[str, str]]:
    """Place and comment of each line on which a check is off."""
    found: list[tuple[str, str]] = []
    for file in FILES:
        for number, line in enumerate(file.read_text().split("\n"), 1):
            match = SILENT.search(line)
            if match is not None:
                found.append((f"{file.relative_to(ROOT)}:{number}", line[match.start() :]))
    return found


def test_every_silenced_check_says_why() -> None:
    assert silenced()
    assert [place for place, comment in silenced() if len(SILENT.sub("", comment).strip(" -:#")) < 4] == []


def test_mypy_is_silenced_where_it_reads_and_nowhere_else() -> None:
    assert [place for place, comment in silenced() if "type: ignore" in comment and "/src/" not in place] == []
