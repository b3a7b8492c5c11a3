"""Every check of the workspace. `nox` runs all of them, `nox -l` lists them, `nox -s "tests-3.13(core)" -- -k cookie` runs a part of one.

Only `core_alone` names a package: sessions come from the metadata of the workspace's members. Environments come from `uv sync`, so they
hold the versions pinned in `[tool.uv] constraint-dependencies`; what is tested as a wheel is installed into an empty environment instead,
away from the tree, where only what the wheel declares can be imported.
"""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
RESULTS = ROOT / ".nox" / "results"


@dataclass(frozen=True, slots=True)
class Package:
    """One member of the workspace, as its `pyproject.toml` describes it."""

    folder: Path
    pyproject: dict[str, Any]

    @property
    def name(self) -> str:
        return self.pyproject["project"]["name"]

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def extras(self) -> dict[str, list[str]]:
        return self.pyproject["project"].get("optional-dependencies", {})

    @property
    def requirements(self) -> list[str]:
        """What a user gets, with all extras."""
        return [*self.pyproject["project"]["dependencies"], *(line for extra in self.extras.values() for line in extra)]

    @property
    def test_requirements(self) -> list[str]:
        return self.pyproject["dependency-groups"]["test"]

    @property
    def wheel(self) -> Path:
        return DIST / f"{self.module}-{self.pyproject['project']['version']}-py3-none-any.whl"


def members() -> Iterator[Package]:
    """The workspace's members, in the order of their folders."""
    for pattern in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]:
        for folder in sorted(ROOT.glob(pattern)):
            if (folder / "pyproject.toml").exists():
                yield Package(folder, tomllib.loads((folder / "pyproject.toml").read_text()))


PACKAGES = {package.folder.name: package for package in members()}
BY_NAME = {package.name: package for package in PACKAGES.values()}
PYTHONS = sorted({v for p in PACKAGES.values() for v in nox.project.python_versions(p.pyproject)}, key=lambda v: int(v.split(".")[1]))
each_package = nox.parametrize("folder", [nox.param(name, id=name) for name in PACKAGES])  # a text, because it goes into reports

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
# A Python that is not here is skipped and said so at the end; it is neither downloaded nor an error, on a developer's machine as in CI.
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
# As many sessions at once as there are processors; `-j 1` shows what they print as it comes.
nox.options.allow_parallel = True
nox.options.parallel = "auto"


def offer_pyenv_versions() -> None:
    """Let every Python that pyenv has installed be found, not only the ones it has switched on in this folder."""
    if shutil.which("pyenv") is None:
        return

    def ask(*question: str) -> list[str]:
        return subprocess.run(["pyenv", *question], capture_output=True, text=True, check=False).stdout.replace(":", "\n").split()

    wanted = [version for version in ask("versions", "--bare") if re.fullmatch(r"\d+\.\d+\.\d+", version)]
    wanted = [version for version in wanted if version.rpartition(".")[0] in PYTHONS]
    os.environ["PYENV_VERSION"] = ":".join(dict.fromkeys([*ask("version-name"), *wanted]))


offer_pyenv_versions()
# Where it is set, as it is in most container images, each of the hundreds of processes that tests start would compile all it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def sync(session: nox.Session, *selection: str) -> None:
    """Make the session's environment hold exactly `selection` of the workspace, at the pinned versions."""
    session.run_install("uv", "sync", "--quiet", "--no-default-groups", *selection)


HUNG_SECONDS = 600


def pytest(session: nox.Session, *arguments: str | Path, isolated: bool = False) -> None:
    """Run pytest and keep its numbers for the closing line; what it remembers is the session's own, for others run at the same time."""
    name = re.sub(r"[^a-z0-9.]+", "-", session.name).strip("-")
    own = [f"--junit-xml={RESULTS / name}.xml", f"--override-ini=cache_dir={ROOT / '.nox' / 'cache' / name}"]
    # A test that hangs shows where, and ends its run; without this it would take the time of all the others.
    own += [f"--override-ini=faulthandler_timeout={HUNG_SECONDS}", "--override-ini=faulthandler_exit_on_timeout=true"]
    python = ["python", "-I"] if isolated else ["python"]
    session.run(*python, "-m", "pytest", *own, *map(str, arguments), *session.posargs)


STARTED_SECONDS = time.time()


@atexit.register
def closing_line() -> None:
    """The numbers of all pytest runs together, in pytest's words, as the last line."""
    if "--parallel-worker" in sys.argv:  # one session of a run that will end with this line
        return
    reports = [report for report in RESULTS.glob("*.xml") if report.stat().st_mtime >= STARTED_SECONDS - 1]
    total: Counter[str] = Counter()
    seconds = 0.0
    for suite in (suite for report in reports for suite in ElementTree.parse(report).iter("testsuite")):  # noqa: S314 - our own file
        counts = {kind: int(suite.attrib[kind]) for kind in ("failures", "errors", "skipped")}
        total.update(failed=counts["failures"], errors=counts["errors"], skipped=counts["skipped"])
        total.update(passed=int(suite.attrib["tests"]) - sum(counts.values()))
        seconds += float(suite.attrib["time"])
    if reports:
        said = ", ".join(f"{total[kind]} {kind}" for kind in ("failed", "passed", "skipped", "errors") if total[kind]) or "no tests ran"
        print(f"===== {said} in {seconds:.2f}s ({len(reports)} pytest runs) =====", flush=True)


@nox.session(allow_parallel=False)  # so it comes first, and has written the lock file when others read it
def lint(session: nox.Session) -> None:
    """Ruff: rules and format, everywhere."""
    sync(session, "--only-group", "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def layers(session: nox.Session) -> None:
    """Imports go down only, between packages and inside them; the packages' metadata keeps the house rules."""
    sync(session, "--all-packages", "--group", "layers", "--group", "test")
    for package in PACKAGES.values():
        if "importlinter" in package.pyproject.get("tool", {}):
            session.run("lint-imports", "--config", str(package.folder / "pyproject.toml"))
    pytest(session, "tests/workspace")


@nox.session
def types(session: nox.Session) -> None:
    """Types: pyright strict on everything, mypy strict on what is published.

    Editors show what pyright says, and tests and examples are what users' code looks like, so pyright reads all of it. mypy reads the
    sources alone: its users meet Velo's annotations, not Velo's tests.
    """
    sync(session, "--all-packages", "--all-extras", "--group", "types", "--group", "test")
    session.run("pyright", "--project", "pyproject.toml", "--warnings")
    session.run("mypy", *(str(package.folder.relative_to(ROOT) / "src") for package in PACKAGES.values()))


@nox.session(python=PYTHONS)
@each_package
def tests(session: nox.Session, folder: str) -> None:
    """One package's tests on one Python, with nothing installed that it does not declare."""
    package = PACKAGES[folder]
    sync(session, "--package", package.name, "--all-extras", "--group", "test")
    pytest(session, package.folder.relative_to(ROOT) / "tests")


@nox.session(name="tests-examples")
def tests_examples(session: nox.Session) -> None:
    """Every program in examples/, started and asked."""
    if not (ROOT / "tests" / "examples").exists():
        session.skip("there is no tests/examples yet")
    sync(session, "--all-packages", "--all-extras", "--group", "test")
    pytest(session, "tests/examples")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site without a network; a broken link or reference fails."""
    sync(session, "--only-group", "docs")
    session.run("zensical", "build", "--strict", "--clean")


@nox.session
def docs_code(session: nox.Session) -> None:
    """Run every Python block of the documentation."""
    sync(session, "--all-packages", "--all-extras", "--group", "test")
    pytest(session, "tests/test_documentation.py")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every package as it would be published, and read what came out."""
    sync(session, "--only-group", "wheels")
    shutil.rmtree(DIST, ignore_errors=True)
    for package in PACKAGES.values():
        build = ("uv", "build", "--quiet", "--no-sources", "--package", package.name, "--out-dir")
        session.run(*build, str(DIST))  # the sdist, and the wheel from the sdist
        session.run(*build, str(DIST / "from-tree"), "--wheel")
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.glob("velo*"))))
    pytest(session, "tests/wheels", "tests/release")


@nox.session(reuse_venv=False, requires=["wheels"])
@each_package
def wheel_tests(session: nox.Session, folder: str) -> None:
    """One package's tests against its wheel, in an empty environment, away from the tree."""
    package = PACKAGES[folder]
    with away_from_the_tree(session, package) as pins:
        extras = f"[{','.join(package.extras)}]" if package.extras else ""
        wheel = f"{package.name}{extras} @ {package.wheel.as_uri()}"
        session.install(wheel, *siblings(package), *package.test_requirements, "--constraint", str(pins))
        run_copied_tests(session, package)


@nox.session(reuse_venv=False, requires=["wheels"], python=PYTHONS[0])
@each_package
def lowest(session: nox.Session, folder: str) -> None:
    """The same on the oldest Python, with the oldest release that each bound allows."""
    package = PACKAGES[folder]
    with away_from_the_tree(session, package, pinned=package.test_requirements) as pins:
        wheel = f"{package.name} @ {package.wheel.as_uri()}"
        wanted = [line for line in (*package.requirements, *package.test_requirements) if name_of(line) not in BY_NAME]
        session.install(wheel, *siblings(package), *wanted, "--constraint", str(pins), "--resolution", "lowest-direct")
        run_copied_tests(session, package)


@nox.session(reuse_venv=False, requires=["wheels"])
def core_alone(session: nox.Session) -> None:
    """velo-core in an empty environment brings msgspec and nothing else, and imports nothing else."""
    core = PACKAGES["core"]
    with away_from_the_tree(session, core) as pins:
        session.install(str(core.wheel), "--constraint", str(pins))
        listed = session.run("uv", "pip", "list", "--quiet", "--format", "json", silent=True)
        names = {entry["name"] for entry in json.loads(str(listed))}
        if names != {"velo-core", "msgspec"}:
            session.error(f"an empty environment with velo-core holds {sorted(names)}")
        session.run("python", "-I", "-W", "error", "-c", f"import {core.module}")


@nox.session(python="3.13", default=False, allow_parallel=False)
def bench(session: nox.Session) -> None:
    """Velo beside its peers: a table and a plot in benchmarks/results. `-- --quick` for a first look; see benchmarks/README.md."""
    away = "--no-config"  # the workspace's constraints are not for peers
    session.install(away, "-e", str(PACKAGES["core"].folder))
    try:
        session.install(away, "-r", "benchmarks/peers.txt")
    except CommandFailed:  # one that cannot be had here does not keep the others away; the report names it
        for line in (ROOT / "benchmarks" / "peers.txt").read_text().splitlines():
            if line and not line.startswith("#"):
                with suppress(CommandFailed):
                    session.install(away, line)
    session.run("python", "-m", "benchmarks", *session.posargs, env={"PYTHONDONTWRITEBYTECODE": None})


@nox.session(default=False)
def matrix(session: nox.Session) -> None:
    """Packages with the oldest, the newest and the released versions of each other: what has changed, or `-- --all` (tools/matrix.py)."""
    sync(session, "--only-group", "matrix")
    session.run("python", "tools/matrix.py", *session.posargs)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Make a release of one package on this machine, `-- limiter`: version, changelog, files, commit and tag. Nothing is uploaded."""
    sync(session, "--only-group", "release")
    session.run("python", "tools/release.py", *session.posargs)


@nox.session(default=False)
def fragments(session: nox.Session) -> None:
    """What has changed since main is told in a fragment; `-- --since <commit>` for another one."""
    sync(session, "--only-group", "release")
    session.run("python", "tools/release.py", "--check", *session.posargs)


@nox.session(requires=["wheels"])
def generated(session: nox.Session) -> None:
    """What `velo new plugin` writes, as a wheel in an empty environment with the core and velo-testing alone: its own tests pass."""
    sync(session, "--package", "velo-cli")
    with tempfile.TemporaryDirectory(prefix="velo-generated-") as folder:
        away = Path(folder)
        session.run("velo", "new", "plugin", "greeter", "--folder", str(away / "plugin"), silent=True)
        session.run_install("uv", "build", "--quiet", "--wheel", str(away / "plugin"), "--out-dir", str(away / "dist"))
        (wheel,) = (away / "dist").glob("*.whl")
        python = away / "venv" / "bin" / "python"
        session.run_install("uv", "venv", "--quiet", str(away / "venv"))
        ours = [f"{PACKAGES[name].name} @ {PACKAGES[name].wheel.as_uri()}" for name in ("core", "testing")]
        session.run_install("uv", "pip", "install", "--quiet", "--python", str(python), str(wheel), *ours, "pytest>=8.4,<10")
        shutil.rmtree(away / "plugin" / "src")  # what is tested is what is installed
        with session.chdir(away / "plugin"):
            session.run(str(python), "-I", "-m", "pytest", "-W", "error", "-v", "--no-header", external=True)
            start = "from velo_core import Velo; app = Velo(); {}; app.freeze()"
            by_name = start.format("app.install('greeter', greeting='Hi')")
            by_object = start.format("from velo_greeter import Greeter; app.install(Greeter('Hi'))")
            for program in (by_name, by_object):
                session.run(str(python), "-I", "-W", "error", "-c", program, external=True)


def name_of(requirement: str) -> str:
    """The distribution that a requirement asks for, without extras and bounds."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def siblings(package: Package) -> list[str]:
    """The wheels of the workspace that `package`, its tests or another of these wheels asks for. What is not declared is not there."""
    wanted: dict[str, str] = {}

    def visit(requirements: Iterable[str]) -> None:
        for sibling in (BY_NAME[name_of(line)] for line in requirements if name_of(line) in BY_NAME):
            if sibling is not package and sibling.name not in wanted:
                wanted[sibling.name] = f"{sibling.name} @ {sibling.wheel.as_uri()}"
                visit(sibling.pyproject["project"]["dependencies"])

    visit([*package.requirements, *package.test_requirements])
    return list(wanted.values())


@contextmanager
def away_from_the_tree(session: nox.Session, package: Package, pinned: Iterable[str] | None = None) -> Generator[Path]:
    """Work in a folder outside the workspace that has the package's tests and pytest's settings; gives the file of pins.

    The settings get another name: uv would read the workspace's sources and constraints from a `pyproject.toml`.
    """
    pins: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
    if pinned is not None:
        names = {name_of(line) for line in pinned}
        pins = [line for line in pins if name_of(line) in names]
    with tempfile.TemporaryDirectory(prefix=f"{package.name}-") as folder:
        away = Path(folder)
        shutil.copytree(package.folder / "tests", away / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", away / "settings.toml")
        (away / "pins.txt").write_text("\n".join(pins))
        with session.chdir(away):
            yield away / "pins.txt"


def run_copied_tests(session: nox.Session, package: Package) -> None:
    """Run the tests in the current folder, after a look that the code under test is the installed one."""
    session.run("python", "-I", "-c", f"import {package.module} as m; assert 'site-packages' in m.__file__, m.__file__", silent=True)
    pytest(session, "-c", "settings.toml", "tests", isolated=True)
