"""The walls between the packages, read from the source, so that an import inside a function or under `TYPE_CHECKING` counts as well."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import velo_core

ROOT = Path(__file__).parents[2]
FOLDERS = {path.parent.name: path.parent for path in sorted(ROOT.glob("packages/*/pyproject.toml"))}
MODULES = {name: next((folder / "src").glob("velo_*")).name for name, folder in FOLDERS.items()}
CORE = FOLDERS["core"] / "src" / "velo_core"


def imports(source: Path) -> Iterator[tuple[str, str | None, int]]:
    """Each `(module, name, line)` that a file imports; the name is `None` for `import module`."""
    for node in ast.walk(ast.parse(source.read_text(), source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name, node.lineno) for alias in node.names)


def files(*folders: Path) -> list[Path]:
    return sorted(file for folder in folders for file in folder.rglob("*.py"))


@pytest.mark.parametrize("package", sorted(FOLDERS.keys() - {"core"}))
def test_a_package_uses_only_public_names_of_the_core(package: str) -> None:
    """`from velo_core import Name` with a name of `velo_core.__all__`, and no other way in; its tests keep to the same."""
    public = {*velo_core.__all__, "__version__"}
    broken = [
        f"{file.relative_to(ROOT)}:{line}: {module}.{name or '*'}"
        for file in files(FOLDERS[package] / "src", FOLDERS[package] / "tests")
        for module, name, line in imports(file)
        if module.startswith("velo_core.") or (module == "velo_core" and name is not None and name not in public)
    ]

    assert broken == []


def command_modules(package: str) -> set[Path]:
    """Files with commands for velo. It is velo-cli that imports these, so they may use what it has for them."""
    project = tomllib.loads((FOLDERS[package] / "pyproject.toml").read_text())["project"]
    named: dict[str, str] = project.get("entry-points", {}).get("velo.commands", {})
    return {FOLDERS[package] / "src" / f"{value.partition(':')[0].replace('.', '/')}.py" for value in named.values()}


@pytest.mark.parametrize("package", sorted(FOLDERS))
def test_a_package_imports_no_other_package_than_the_core(package: str) -> None:
    """A plugin asks for a capability, it does not import the package that has it; the core imports no plugin."""
    forbidden = set(MODULES.values()) - {"velo_core", MODULES[package]}
    broken = [
        f"{file.relative_to(ROOT)}:{line}: {module}"
        for file in files(FOLDERS[package] / "src")
        for module, _, line in imports(file)
        if module.partition(".")[0] in forbidden and not (module == "velo_cli.application" and file in command_modules(package))
    ]

    assert broken == []


def test_no_module_of_the_core_enters_through_the_door() -> None:
    """`velo_core/__init__.py` collects the public names; what it collects must not import it back."""
    broken = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in files(CORE)
        if file != CORE / "__init__.py"
        for module, name, line in imports(file)
        if module == "velo_core" and (name is None or name in velo_core.__all__)
    ]

    assert broken == []
