"""House rules that every package's metadata keeps."""

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
each_package = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


@each_package
def test_names_follow_the_folder(folder: Path) -> None:
    """packages/limiter is the distribution velo-limiter and the module velo_limiter, and the module says that it is typed."""
    assert project(folder)["name"] == f"velo-{folder.name}"
    assert [path.name for path in (folder / "src").glob("[!._]*")] == [f"velo_{folder.name}"]
    assert (folder / "src" / f"velo_{folder.name}" / "py.typed").exists()


@each_package
def test_what_is_published_is_complete(folder: Path) -> None:
    """Description, licence, versions of Python, and a changelog that has a section for this version."""
    metadata = project(folder)

    assert metadata["license"].startswith("MIT")  # what a wheel carries of others adds theirs
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert metadata["requires-python"] == ">=3.11"
    assert {"Typing :: Typed", "Framework :: AsyncIO"} < set(metadata["classifiers"])
    assert (folder / metadata["readme"]).read_text().startswith(f"# {metadata['name']}\n")
    assert re.search(rf"^## {re.escape(metadata['version'])}\b", (folder / "CHANGELOG.md").read_text(), re.MULTILINE)


@each_package
def test_every_requirement_has_both_bounds(folder: Path) -> None:
    """Workspace sources put no bound into a wheel, so each is written by hand."""
    metadata = project(folder)
    extras: dict[str, list[str]] = metadata.get("optional-dependencies", {})
    lines = [*metadata["dependencies"], *chain.from_iterable(extras.values())]
    unbounded = [line for line in lines if not re.search(r">=[\d.]+,<\d", line)]

    assert unbounded == []


def test_the_core_needs_msgspec_and_nothing_else() -> None:
    """The invariant of ARCHITECTURE.md; everything else is an extra or a package of its own."""
    names = [re.split(r"[^a-z0-9-]", line)[0] for line in project(ROOT / "packages" / "core")["dependencies"]]

    assert names == ["msgspec"]


@each_package
def test_a_changelog_fragment_is_one_sentence_of_a_known_kind(folder: Path) -> None:
    """`changelog.d/<id>.<kind>.md`, to be gathered into CHANGELOG.md at the next release."""
    for fragment in (folder / "changelog.d").glob("*"):
        assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|deprecated|removed|fixed|security)\.md", fragment.name), fragment
        assert len(fragment.read_text().strip().splitlines()) == 1, fragment


@pytest.mark.parametrize("example", sorted(ROOT.glob("examples/*.py")), ids=lambda path: path.name)
def test_an_example_states_the_packages_that_it_needs(example: Path) -> None:
    """In its first lines, as inline script metadata; the session `matrix` installs these and nothing else."""
    assert re.match(r"# /// script\n# dependencies = \[.*\]\n# ///\n", example.read_text())
