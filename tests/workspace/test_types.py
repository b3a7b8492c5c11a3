"""Every Python file of the packages is read by a type checker, and every name in the settings leads to some."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYRIGHT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
PARTS = sorted(path for path in ROOT.glob("packages/*/*") if path.name in ("src", "tests") and path.is_dir())


@pytest.mark.parametrize("entry", PYRIGHT["include"])
def test_what_pyright_reads_is_there(entry: str) -> None:
    """By its own name: pyright finds nothing behind a wildcard inside a path, and does not say so."""
    place = ROOT / entry

    assert "*" not in entry
    assert place.suffix == ".py" if place.is_file() else any(place.rglob("*.py"))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.parent.name}/{part.name}")
def test_sources_and_tests_of_packages_are_read_by_pyright(part: Path) -> None:
    assert any(part.is_relative_to(ROOT / entry) for entry in PYRIGHT["include"])
    assert not any(part.is_relative_to(ROOT / entry) or (ROOT / entry).is_relative_to(part) for entry in PYRIGHT["exclude"])


def test_sources_of_packages_are_read_by_mypy() -> None:
    """The session `types` names `src` of each member of the workspace; a package with a flat layout would be left out."""
    members = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))

    assert members
    assert [member.name for member in members if not any((member / "src").rglob("*.py"))] == []
    assert '/ "src") for package in PACKAGES.values()' in (ROOT / "noxfile.py").read_text()
