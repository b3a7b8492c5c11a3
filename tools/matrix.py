"""Every package with the others at the versions that its users can meet: `nox -s matrix`, `nox -s matrix -- --all`, `-- limiter`.

Each cell is an empty environment, outside of the tree, into which wheels that were built without sources are installed:

    newest     the package, its own tests, and the newest release that each bound allows
    lowest     the same with the oldest release that each direct bound allows
    alone      the package with the core and with what it declares, and nothing for tests: it imports, and its plugins load
    released   the last release of a plugin, its own tests at its tag, and the core of this tree
    example    an example with the packages that it states (inline script metadata) and nothing else: its application starts

Without names, it is what has changed since `--since` (the merge base with main) and what depends on that.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from workspace import ROOT, UV, Package, affected, git, last_tag, name_of, needed, packages

REPORT = ROOT / ".nox" / "results" / "matrix.md"
LOAD_PLUGINS = """
import importlib, importlib.metadata as metadata, sys
importlib.import_module(sys.argv[2])
for point in metadata.entry_points(group="velo.plugins"):
    if point.dist.name == sys.argv[1]:
        point.load()
"""
START = """
import asyncio, runpy, sys
app = runpy.run_path(sys.argv[1])["app"]
async def start():
    await app.startup()
    await app.shutdown()
asyncio.run(start())
"""


@dataclass
class Cell:
    """One combination.

    Attributes:
        what: Package or example.
        kind: See the module.
        outcome: `passed`, `failed`, or why it was not run.
        versions: What was installed.
        output: What failed, to be read.
    """

    what: str
    kind: str
    outcome: str = "passed"
    versions: dict[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0.0
    output: str = ""


class Environment:
    """An empty environment in a folder of its own."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.run(UV, "venv", "--quiet", "--python", python, str(folder / "venv"))

    def install(self, *requirements: str, lowest: bool = False) -> None:
        resolution = ["--resolution", "lowest-direct"] if lowest else []
        self.run(UV, "pip", "install", "--quiet", "--python", str(self.python), *requirements, *resolution)

    def versions(self) -> dict[str, str]:
        listed = self.run(UV, "pip", "list", "--quiet", "--python", str(self.python), "--format", "json")
        return {entry["name"]: entry["version"] for entry in json.loads(listed)}

    def run(self, *command: str) -> str:
        """What a command writes.

        Raises:
            Failed: its exit status is not 0.
        """
        environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT")}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout


class Failed(Exception):
    """A command failed; the message has what it wrote."""


def main() -> int:
    known = packages()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", choices=[[], *known], help="packages, by their folders")
    parser.add_argument("--all", action="store_true", help="every package and every example")
    parser.add_argument("--since", default="main", help="commit that changes are counted from")
    parser.add_argument("--python", default="3.11")
    parser.add_argument("--kinds", default="newest,lowest,alone,released,example")
    options = parser.parse_args()
    if options.all:
        chosen = list(known.values())
    elif options.names:
        chosen = [known[name] for name in options.names]
    else:
        chosen = affected(options.since, known)
    if not chosen:
        print("Nothing has changed; --all runs everything.")
        return 0
    with tempfile.TemporaryDirectory(prefix="velo-matrix-") as folder:
        wheels = build(known, Path(folder) / "wheels")
        cells: list[Cell] = []
        for cell, work in cells_of(chosen, known, wheels, set(options.kinds.split(",")), examples=options.all or not options.names):
            cells.append(run(cell, work, Path(folder) / str(len(cells)), options.python))
            print(f"{cell.outcome:10} {cell.what} {cell.kind} ({cell.seconds:.0f} s)", flush=True)
    report(cells)
    return 1 if any(cell.outcome == "failed" for cell in cells) else 0


def build(known: dict[str, Package], folder: Path) -> dict[str, Path]:
    """The wheels, by distribution, built as they are published: without the workspace's sources."""
    for package in known.values():
        command = [UV, "build", "--quiet", "--no-sources", "--wheel", "--package", package.name, "--out-dir", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True)
    return {package.name: next(folder.glob(f"{package.module}-*.whl")) for package in known.values()}


Work: TypeAlias = Callable[["Environment"], None]
"""Runs a cell in its environment."""


def cells_of(
    chosen: list[Package], known: dict[str, Package], wheels: dict[str, Path], kinds: set[str], *, examples: bool
) -> Iterator[tuple[Cell, Work | None]]:
    """What is to be run, each with the function that runs it in an environment."""
    for package in chosen:
        ours = {"package": package, "known": known, "wheels": wheels}
        for kind in ("newest", "lowest"):
            if kind in kinds:
                yield Cell(package.name, kind), partial(run_tests, **ours, lowest=kind == "lowest")
        if "alone" in kinds and package.short != "core":
            yield Cell(package.name, "alone"), partial(run_alone, **ours)
        if "released" in kinds and package.is_plugin:
            tag = last_tag(package)
            cell = Cell(package.name, "released", "passed" if tag else "no release")
            yield cell, partial(run_released, **ours, tag=tag) if tag else None
    if examples and "example" in kinds:
        for file in sorted(ROOT.glob("examples/*.py")):
            yield Cell(f"examples/{file.name}", "example"), partial(run_example, file=file, wheels=wheels)


def run(cell: Cell, work: Work | None, folder: Path, python: str) -> Cell:
    """Fills in a cell."""
    if work is None:
        return cell
    folder.mkdir()
    before = time.monotonic()
    try:
        environment = Environment(folder, python)
        work(environment)
        cell.versions = environment.versions()
    except Failed as failure:
        cell.outcome, cell.output = "failed", str(failure)
    cell.seconds = time.monotonic() - before
    shutil.rmtree(folder)
    return cell


# What is run.


def wheel(package: Package, wheels: dict[str, Path]) -> str:
    """The requirement of a wheel, with all its extras."""
    extras = f"[{','.join(package.extras)}]" if package.extras else ""
    return f"{package.name}{extras} @ {wheels[package.name].as_uri()}"


def siblings(package: Package, known: dict[str, Package], wheels: dict[str, Path], *, tests: bool) -> list[str]:
    """The wheels of the workspace that a package needs."""
    return [f"{one.name} @ {wheels[one.name].as_uri()}" for one in needed(package, known, tests=tests)]


def run_tests(environment: Environment, package: Package, known: dict[str, Package], wheels: dict[str, Path], *, lowest: bool) -> None:
    """A package's own tests against its wheel."""
    names = {one.name for one in known.values()}
    third = [line for line in (*package.requirements, *package.test_requirements) if name_of(line) not in names]
    if lowest:  # what tests are run with stays new: the bounds under test are those of what is published
        test_only = {name_of(line) for line in package.test_requirements} - {name_of(line) for line in package.requirements}
        pinned = [line for line in third if name_of(line) in test_only]
        environment.install(*pinned)
    environment.install(wheel(package, wheels), *siblings(package, known, wheels, tests=True), *third, lowest=lowest)
    shutil.copytree(package.folder / "tests", environment.folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    run_copied_tests(environment)


def run_copied_tests(environment: Environment) -> None:
    shutil.copy(ROOT / "pyproject.toml", environment.folder / "settings.toml")
    environment.run(str(environment.python), "-I", "-m", "pytest", "-q", "-c", "settings.toml", "tests")


def run_alone(environment: Environment, package: Package, known: dict[str, Package], wheels: dict[str, Path]) -> None:
    """A wheel with what it declares."""
    environment.install(f"{package.name} @ {wheels[package.name].as_uri()}", *siblings(package, known, wheels, tests=False))
    environment.run(str(environment.python), "-I", "-W", "error", "-c", LOAD_PLUGINS, package.name, package.module)


def run_released(environment: Environment, package: Package, tag: str, known: dict[str, Package], wheels: dict[str, Path]) -> None:
    """A plugin's last release with its own tests, on the core of this tree."""
    released = environment.folder / "released"
    archive = subprocess.run(["git", "archive", tag, f"packages/{package.short}"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(released, filter="data")
    old = Package(
        released / "packages" / package.short, tomllib.loads((released / "packages" / package.short / "pyproject.toml").read_text())
    )
    third = [line for line in (*old.requirements, *old.test_requirements) if name_of(line) not in {one.name for one in known.values()}]
    environment.install(str(old.folder), *siblings(old, known, wheels, tests=True), *third)
    shutil.copytree(old.folder / "tests", environment.folder / "tests")
    run_copied_tests(environment)


def run_example(environment: Environment, file: Path, wheels: dict[str, Path]) -> None:
    """An example with what it states."""
    stated = re.search(r"^# /// script\n((?:#.*\n)+?)# ///$", file.read_text(), re.MULTILINE)
    if stated is None:
        raise Failed(f"{file.name} does not say which packages it needs; write '# /// script' metadata with its dependencies")
    lines: list[str] = tomllib.loads(re.sub(r"^# ?", "", stated[1], flags=re.MULTILINE))["dependencies"]
    wanted = [with_wheel(line, wheels) for line in lines]
    needs = [f"velo-core @ {wheels['velo-core'].as_uri()}"] if not any(line.startswith("velo-core") for line in wanted) else []
    environment.install(*wanted, *needs)
    shutil.copy(file, environment.folder / file.name)
    environment.run(str(environment.python), "-I", "-c", START, file.name)


def with_wheel(line: str, wheels: dict[str, Path]) -> str:
    """A requirement, from the wheel if it is one of ours."""
    name = name_of(line)
    extras = re.search(r"\[[^]]*\]", line)
    return f"{name}{extras[0] if extras else ''} @ {wheels[name].as_uri()}" if name in wheels else line


# The report.


def report(cells: list[Cell]) -> None:
    """Prints a table of all cells, and keeps it."""
    shown = sorted(
        {name for cell in cells for name in cell.versions if name.startswith("velo-") or name in ("msgspec", "pydantic", "click")}
    )
    lines = ["| what | kind | outcome | s | " + " | ".join(shown) + " |", "|---|---|---|---|" + "---|" * len(shown)]
    for cell in cells:
        versions = " | ".join(cell.versions.get(name, "") for name in shown)
        lines.append(f"| {cell.what} | {cell.kind} | {cell.outcome} | {cell.seconds:.0f} | {versions} |")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n")
    for cell in cells:
        if cell.output:
            print(f"\n== {cell.what} {cell.kind}\n{cell.output[-6000:]}", file=sys.stderr)
    print("\n".join(["", *lines, "", f"git {git('rev-parse', '--short', 'HEAD')}"]))


if __name__ == "__main__":
    sys.exit(main())
