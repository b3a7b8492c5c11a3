"""What `nox -s wheels` has built into dist/, compared with what the packages say about themselves."""

import configparser
import re
import tomllib
from email.message import Message
from email.parser import Parser
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
FOLDERS = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
each_package = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
pytestmark = pytest.mark.skipif(not DIST.exists(), reason="nothing is built; run `nox -s wheels`")


class Built:
    """One wheel, next to the metadata it was built from."""

    def __init__(self, folder: Path) -> None:
        self.project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        self.stem = f"{self.project['name'].replace('-', '_')}-{self.project['version']}"
        self.path = DIST / f"{self.stem}-py3-none-any.whl"
        with ZipFile(self.path) as wheel:
            self.contents = {name: wheel.read(name) for name in wheel.namelist()}

    def information(self, name: str) -> str:
        return self.contents[f"{self.stem}.dist-info/{name}"].decode()

    @property
    def metadata(self) -> Message:
        return Parser().parsestr(self.information("METADATA"))


def requirements(project: dict[str, Any]) -> set[Requirement]:
    """The requirements as written, the ones of an extra with its marker."""
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    marked = [f"{line} ; extra == '{extra}'" for extra, lines in extras.items() for line in lines]
    return {Requirement(line) for line in [*project["dependencies"], *marked]}


@each_package
def test_the_wheel_requires_what_was_written(folder: Path) -> None:
    """Name, version, bounds, extras: nothing is lost or loosened on the way."""
    built = Built(folder)
    metadata = built.metadata

    assert metadata["Name"] == built.project["name"]
    assert metadata["Version"] == built.project["version"]
    assert metadata["Requires-Python"] == built.project["requires-python"]
    assert {Requirement(line) for line in metadata.get_all("Requires-Dist", [])} == requirements(built.project)
    assert set(metadata.get_all("Provides-Extra", [])) == set(built.project.get("optional-dependencies", {}))


@each_package
def test_the_wheel_can_be_uploaded_anywhere(folder: Path) -> None:
    """Metadata 2.4 is what PEP 639 needs and what every index knows; the licence is inside."""
    built = Built(folder)

    assert built.metadata["Metadata-Version"] == "2.4"
    assert str(built.metadata["License-Expression"]).startswith("MIT")  # what a wheel carries of others adds theirs
    assert built.information("licenses/LICENSE") == (ROOT / "LICENSE").read_text()


@each_package
def test_the_wheel_holds_the_whole_package_and_nothing_else(folder: Path) -> None:
    """Every source file and py.typed; no tests, caches or files of the workspace."""
    built = Built(folder)
    source = folder / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    files = {file for file in files if not re.search(r"(^|/)(\.[^/]*$|__pycache__/)", file)}

    assert {name for name in built.contents if ".dist-info/" not in name} == files


@each_package
def test_the_wheel_registers_the_entry_points(folder: Path) -> None:
    """Commands and plugins are found by the names that the package declares."""
    built = Built(folder)
    declared: dict[str, dict[str, str]] = dict(built.project.get("entry-points", {}))
    if "scripts" in built.project:
        declared["console_scripts"] = built.project["scripts"]
    parser = configparser.ConfigParser(delimiters="=")
    if declared:
        parser.read_string(built.information("entry_points.txt"))

    assert {section: dict(parser[section]) for section in parser.sections()} == declared


@each_package
def test_the_wheel_from_the_sdist_is_the_wheel_from_the_tree(folder: Path) -> None:
    """Byte for byte: the sdist has all that the build needs, and building twice gives the same."""
    built = Built(folder)

    from_sdist, from_tree = (sha256(path.read_bytes()).hexdigest() for path in (built.path, DIST / "from-tree" / built.path.name))

    assert from_sdist == from_tree
