"""The packages of the workspace and how they hang together, read from their metadata. For the other tools."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
UV = os.environ.get("UV", "uv")
"""uv tells what it starts where it is: it need not be on the path."""
SHARED = ("pyproject.toml", "noxfile.py", "tools/")
"""A change of these concerns every package."""


@dataclass(frozen=True, slots=True)
class Package:
    """A member of the workspace."""

    folder: Path
    pyproject: dict[str, Any]

    @property
    def short(self) -> str:
        """`limiter`."""
        return self.folder.name

    @property
    def name(self) -> str:
        return self.pyproject["project"]["name"]

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def version(self) -> str:
        return self.pyproject["project"]["version"]

    @property
    def extras(self) -> list[str]:
        return list(self.pyproject["project"].get("optional-dependencies", {}))

    @property
    def dependencies(self) -> list[str]:
        return self.pyproject["project"]["dependencies"]

    @property
    def requirements(self) -> list[str]:
        """Dependencies, with those of all extras."""
        extras: dict[str, list[str]] = self.pyproject["project"].get("optional-dependencies", {})
        return [*self.dependencies, *(line for extra in extras.values() for line in extra)]

    @property
    def test_requirements(self) -> list[str]:
        return self.pyproject["dependency-groups"]["test"]

    @property
    def is_plugin(self) -> bool:
        return "velo.plugins" in self.pyproject["project"].get("entry-points", {})


def packages() -> dict[str, Package]:
    """All of them, by the name of the folder."""
    files = sorted(ROOT.glob("packages/*/pyproject.toml"))
    return {file.parent.name: Package(file.parent, tomllib.loads(file.read_text())) for file in files}


def name_of(requirement: str) -> str:
    """The distribution that a requirement asks for."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def needed(package: Package, known: dict[str, Package], *, tests: bool = True) -> list[Package]:
    """The packages of the workspace that one needs, itself not included."""
    by_name = {one.name: one for one in known.values()}
    found: dict[str, Package] = {}

    def visit(lines: Iterable[str]) -> None:
        for one in (by_name[name_of(line)] for line in lines if name_of(line) in by_name):
            if one is not package and one.name not in found:
                found[one.name] = one
                visit(one.dependencies)

    visit([*package.requirements, *(package.test_requirements if tests else [])])
    return list(found.values())


def git(*arguments: str) -> str:
    """What git answers."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def last_tag(package: Package) -> str | None:
    """The tag of the last release, `velo-limiter-v0.1.0`."""
    tags = git("tag", "--list", f"{package.name}-v*", "--sort=-version:refname").split()
    return tags[0] if tags else None


def changed_files(since: str) -> list[str]:
    """Paths that differ from a commit, whether they are committed or not."""
    base = git("merge-base", since, "HEAD")
    return [*git("diff", "--name-only", base).split(), *git("ls-files", "--others", "--exclude-standard").split()]


def affected(since: str, known: dict[str, Package]) -> list[Package]:
    """The packages that have changed since a commit, and those that need them."""
    files = changed_files(since)
    if any(file.startswith(SHARED) for file in files):
        return list(known.values())
    changed = {name for name in known if any(file.startswith(f"packages/{name}/") for file in files)}
    return [one for one in known.values() if one.short in changed or any(other.short in changed for other in needed(one, known))]
