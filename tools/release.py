"""Release one package: `nox -s release -- limiter`. Everything happens here; nothing is uploaded, nothing is pushed.

    1. the changes since the last release have fragments, and what breaks its users is one of them (griffe compares the public names)
    2. the next version, by the kinds of the fragments; `--version` says another one
    3. version, changelog and a commit, in a tree of its own: this one is untouched until all is well
    4. sdist and wheel, built without sources; twine reads them; the wheel of the sdist is that of the tree
    5. this branch gets the commit and the tag, `dist/` the files

Without a package, `--check` says which packages have changed since `--since` without a fragment.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import griffe
from packaging.version import Version
from workspace import ROOT, UV, Package, changed_files, git, last_tag, packages

MARKER = "<!-- releases, newest first -->\n"
BREAKING = {"removed", "changed"}
KINDS = {*BREAKING, "added", "deprecated", "fixed", "security"}


class Refused(Exception):
    """Something has to be done first; the message says what."""


def main() -> int:
    known = packages()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("package", nargs="?", choices=list(known))
    parser.add_argument("--version", help="in place of the one that follows from the fragments")
    parser.add_argument("--check", action="store_true", help="only look at fragments and at the public names")
    parser.add_argument("--since", default="main", help="for --check without a package")
    options = parser.parse_args()
    try:
        if options.package is None:
            check_fragments(known, options.since)
        else:
            package = known[options.package]
            check_release(package)
            if not options.check:
                release(package, options.version)
    except Refused as refusal:
        print(f"Refused: {refusal}", file=sys.stderr)
        return 1
    return 0


# Checks.


def fragments(package: Package) -> dict[str, list[Path]]:
    """The fragments of a package, by kind."""
    found: dict[str, list[Path]] = {}
    for path in sorted((package.folder / "changelog.d").glob("*.*.md")):
        found.setdefault(path.name.split(".")[-2], []).append(path)
    return found


def check_fragments(known: dict[str, Package], since: str) -> None:
    """Refuses changes of what is published that no fragment tells of."""
    files = changed_files(since)
    silent = [
        package.name
        for package in known.values()
        if any(file.startswith(f"packages/{package.short}/src/") for file in files)
        and not any(file.startswith(f"packages/{package.short}/changelog.d/") for file in files)
    ]
    if silent:
        raise Refused(
            f"{', '.join(silent)} changed since {since} without a fragment; write packages/<package>/changelog.d/<issue>.<kind>.md, "
            f"kind being one of {', '.join(sorted(KINDS))}"
        )
    print("Every package that has changed has a fragment.")


def check_release(package: Package) -> None:
    """Refuses a release that nobody is told of, or that breaks its users without saying so."""
    found = fragments(package)
    if not found:
        raise Refused(f"{package.name} has no fragments in changelog.d/, so there is nothing to release")
    unknown = sorted(set(found) - KINDS)
    if unknown:
        raise Refused(f"fragments of {package.name} are of an unknown kind: {', '.join(unknown)}")
    tag = last_tag(package)
    if tag is None:
        print(f"{package.name} has not been released yet; there is nothing to compare with.")
        return
    breakages = list(breaking_changes(package, tag))
    for line in breakages:
        print(line)
    if breakages and not BREAKING & set(found):
        raise Refused(
            f"{len(breakages)} changes break users of {tag}, and no fragment says so; write one of the kind 'removed' or 'changed', "
            "or take them back"
        )
    print(f"{len(breakages)} breaking changes since {tag}, all of them declared." if breakages else f"Nothing breaks users of {tag}.")


def breaking_changes(package: Package, tag: str) -> Iterator[str]:
    """What is gone, or takes other arguments, among the public names."""
    path = f"packages/{package.short}/src"
    old = griffe.load_git(package.module, ref=tag, repo=ROOT, search_paths=[path], allow_inspection=False)
    new = griffe.load(package.module, search_paths=[ROOT / path], allow_inspection=False)
    for breakage in griffe.find_breaking_changes(old, new):
        yield breakage.explain(griffe.ExplanationStyle.ONE_LINE)


def next_version(package: Package, wanted: str | None) -> str:
    """The version that follows from what the fragments say; before 1.0 a minor version may break."""
    tag, current = last_tag(package), Version(package.version)
    if wanted is not None:
        if Version(wanted) < current or (tag and Version(wanted) == current):
            raise Refused(f"{wanted} does not follow {package.version}")
        return wanted
    if tag is None:
        return package.version
    kinds = set(fragments(package))
    if kinds <= {"fixed", "security"}:
        return f"{current.major}.{current.minor}.{current.micro + 1}"
    return f"{current.major + 1}.0.0" if kinds & BREAKING and current.major else f"{current.major}.{current.minor + 1}.0"


# The release.


def release(package: Package, wanted: str | None) -> None:
    """See the module."""
    if git("status", "--porcelain", "--untracked-files=no"):
        raise Refused("there are changes that are not committed")
    version = next_version(package, wanted)
    tag = f"{package.name}-v{version}"
    if git("tag", "--list", tag):
        raise Refused(f"{tag} is there already")
    with own_tree() as tree:
        folder = tree / "packages" / package.short
        write_version(folder, package, version)
        write_changelog(folder, version)
        run("git", "add", "--all", str(folder), folder=tree)
        run("git", "commit", "--quiet", "--message", f"{package.short}: release {version}", folder=tree)
        files = build(tree, package, version)
        commit = run("git", "rev-parse", "HEAD", folder=tree).strip()
        (ROOT / "dist").mkdir(exist_ok=True)
        for file in files:
            shutil.copy(file, ROOT / "dist" / file.name)
    git("merge", "--quiet", "--ff-only", commit)
    git("tag", "--annotate", tag, "--message", f"{package.name} {version}")
    names = " ".join(f"dist/{file.name}" for file in files)
    print(f"{tag}: {names}\nNothing has left this machine. To publish: git push origin HEAD {tag}, then upload {names}")


@contextmanager
def own_tree() -> Generator[Path]:
    """A second tree at the commit of this one, which is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="velo-release-") as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--quiet", "--detach", str(tree))
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def write_version(folder: Path, package: Package, version: str) -> None:
    """Puts the version into the metadata, and into the module if that has it."""
    module = folder / "src" / package.module / "__init__.py"
    for file, pattern in ((folder / "pyproject.toml", r'^version = ".*"$'), (module, r'^__version__ = ".*"$')):
        text = file.read_text()
        file.write_text(re.sub(pattern, lambda found: f'{found[0].partition(" = ")[0]} = "{version}"', text, count=1, flags=re.MULTILINE))


def write_changelog(folder: Path, version: str) -> None:
    """Turns the fragments into a section."""
    changelog = folder / "CHANGELOG.md"
    text = changelog.read_text()
    if MARKER not in text:
        changelog.write_text(re.sub(r"(?=^## |\Z)", f"{MARKER}\n", text, count=1, flags=re.MULTILINE))
    config = str(ROOT / "tools" / "towncrier.toml")
    run("towncrier", "build", "--yes", "--config", config, "--dir", str(folder), "--version", version, folder=folder)
    before, heading, after = re.split(rf"^(## {re.escape(version)}\b.*\n)", changelog.read_text(), maxsplit=1, flags=re.MULTILINE)
    # A first release has a section of its version already, whose text stays. Sections stand apart by one empty line.
    after = re.sub(rf"^## {re.escape(version)}\b.*\n", "\n", after, count=1, flags=re.MULTILINE)
    after = re.sub(r"^(?=## )", "\n", after, flags=re.MULTILINE)
    changelog.write_text(re.sub(r"\n{3,}", "\n\n", before + heading + after))


def build(tree: Path, package: Package, version: str) -> list[Path]:
    """Sdist and wheel, checked."""
    out = tree / "out"
    time = run("git", "log", "-1", "--format=%ct", folder=tree).strip()
    command = [UV, "build", "--quiet", "--no-sources", "--package", package.name, "--out-dir"]
    run(*command, str(out), folder=tree, SOURCE_DATE_EPOCH=time)  # the sdist, and the wheel of the sdist
    run(*command, str(out / "tree"), "--wheel", folder=tree, SOURCE_DATE_EPOCH=time)
    wheel, sdist = out / f"{package.module}-{version}-py3-none-any.whl", out / f"{package.module}-{version}.tar.gz"
    if contents(wheel) != contents(out / "tree" / wheel.name):
        raise Refused("the wheel of the sdist is not the wheel of the tree: the sdist lacks files")
    print(run("twine", "check", "--strict", str(wheel), str(sdist), folder=tree).strip())
    return [sdist, wheel]


def contents(wheel: Path) -> dict[str, str]:
    """The files of a wheel, by name, with what is in them."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def run(*command: str, folder: Path, **environment: str) -> str:
    """What a command writes.

    Raises:
        Refused: it fails; the message has what it said.
    """
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
