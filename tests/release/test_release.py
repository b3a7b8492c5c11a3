"""A release, in a clone of this workspace: what it makes, and what it refuses."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("griffe", reason="the session `wheels` has it")
pytest.importorskip("towncrier", reason="the session `wheels` has it")

Call = Callable[..., str]


def call(folder: Path, *command: str, status: int = 0) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "clone"
    call(ROOT, "git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder))
    call(folder, "git", "checkout", "-q", "-B", "main")
    call(folder, "git", "config", "user.name", "Nobody")
    call(folder, "git", "config", "user.email", "nobody@example.com")
    for old in (folder / "packages" / "limiter" / "changelog.d").glob("*"):
        old.unlink()
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    call(folder, "git", "add", "--all")
    call(folder, "git", "commit", "--quiet", "--allow-empty", "--message", "work")


def write_fragment(folder: Path, name: str, text: str) -> None:
    path = folder / "packages" / "limiter" / "changelog.d" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "\n")
    commit(folder)


def release(folder: Path, *arguments: str, status: int = 0) -> str:
    return call(folder, sys.executable, "tools/release.py", *arguments, status=status)


def test_releases_follow_each_other_and_nothing_breaks_unseen(clone: Path) -> None:
    """One story, for each release builds on the one before."""
    changelog = clone / "packages" / "limiter" / "CHANGELOG.md"
    module = clone / "packages" / "limiter" / "src" / "velo_limiter" / "__init__.py"
    before = call(clone, "git", "rev-parse", "HEAD")

    assert "has no fragments" in release(clone, "limiter", status=1)
    assert call(clone, "git", "rev-parse", "HEAD") == before

    write_fragment(clone, "9.added.md", "Something new.")
    assert "Nothing has left this machine" in release(clone, "limiter")
    assert call(clone, "git", "tag").split() == ["velo-limiter-v0.1.0"]
    assert {path.name for path in (clone / "dist").iterdir()} == {"velo_limiter-0.1.0-py3-none-any.whl", "velo_limiter-0.1.0.tar.gz"}
    assert changelog.read_text().count("## 0.1.0 (") == 1
    assert "### Added\n\n- Something new.\n" in changelog.read_text()
    assert not list((clone / "packages" / "limiter").glob("changelog.d/*"))

    module.write_text(module.read_text().replace(", too_many_requests\n", "\n").replace('    "too_many_requests",\n', ""))
    write_fragment(clone, "10.fixed.md", "Something was wrong.")
    before = call(clone, "git", "rev-parse", "HEAD")
    refused = release(clone, "limiter", status=1)
    assert "too_many_requests" in refused
    assert "no fragment says so" in refused
    assert call(clone, "git", "rev-parse", "HEAD") == before

    write_fragment(clone, "11.removed.md", "`velo_limiter.too_many_requests()` is gone.")
    release(clone, "limiter")
    assert call(clone, "git", "tag").split() == ["velo-limiter-v0.1.0", "velo-limiter-v0.2.0"]
    assert 'version = "0.2.0"' in (clone / "packages" / "limiter" / "pyproject.toml").read_text()
    text = changelog.read_text()
    assert text.index("## 0.2.0 (") < text.index("### Removed") < text.index("### Fixed") < text.index("## 0.1.0 (")
    assert call(clone, "git", "worktree", "list").count("\n") == 1


def test_a_change_without_a_fragment_is_refused(clone: Path) -> None:
    source = clone / "packages" / "testing" / "src" / "velo_testing" / "rules.py"
    source.write_text(source.read_text() + "\n")

    assert "velo-testing changed since HEAD without a fragment" in release(clone, "--check", "--since", "HEAD", status=1)
    (clone / "packages" / "testing" / "changelog.d").mkdir(exist_ok=True)
    (clone / "packages" / "testing" / "changelog.d" / "9.fixed.md").write_text("Fixed.\n")
    assert "has a fragment" in release(clone, "--check", "--since", "HEAD")
