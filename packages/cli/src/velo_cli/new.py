"""`velo new plugin NAME` and `velo new app NAME`: projects that work as they are written."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from velo_cli.errors import Failure

__all__ = ["new"]

SUFFIX = ".tmpl"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
HIDDEN = {"gitignore": ".gitignore", "github": ".github"}
"""Files and folders that would mean something where they are kept."""


@click.group()
def new() -> None:
    """Write a new plugin or application, with tests that pass."""


folder_option = click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to write it. Default: the name of the project."
)


@new.command()
@click.argument("name")
@folder_option
def plugin(name: str, folder: Path | None) -> None:
    """Write a plugin that can be published: sources, tests, metadata.

    NAME is what applications install it by, such as greeter; the distribution is velo-greeter.
    """
    name = _checked(name.removeprefix("velo-"))
    distribution = f"velo-{name}"
    values = _values(distribution, f"velo_{name.replace('-', '_')}") | {"name": name, "class": _class_name(name), "title": _title(name)}
    _write("plugin", folder or Path(distribution), values)
    click.echo(f"{folder or distribution} is a plugin. Try:\n  cd {folder or distribution}\n  pip install -e . --group dev\n  pytest")


@new.command()
@click.argument("name")
@folder_option
def app(name: str, folder: Path | None) -> None:
    """Write an application: a router, tests over every protocol, options in pyproject.toml.

    NAME is that of the project, such as shop.
    """
    module = _checked(name).replace("-", "_")
    if module in sys.stdlib_module_names or module in ("tests", "pytest") or module.startswith("velo_"):
        raise Failure(f"{name!r} would take the place of the module {module!r}; take another name")
    _write("app", folder or Path(name), _values(name, module))
    click.echo(f"{folder or name} is an application. Try:\n  cd {folder or name}\n  velo run {module}.app:app\n  pytest")


def _checked(name: str) -> str:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise Failure(f"{name!r} is no name for a project; write lower-case letters, digits and hyphens, such as rate-limiter")
    return name


def _values(distribution: str, module: str) -> dict[str, str]:
    from velo_core import PLUGIN_API

    return {
        "distribution": distribution,
        "module": module,
        "core": _bounds(version("velo-core")),
        "api": f">={PLUGIN_API},<{int(PLUGIN_API.partition('.')[0]) + 1}",
    }


def _bounds(installed: str) -> str:
    """`>=0.1,<0.2`: from the installed version to the next one that may break something."""
    major, minor = (int(part) for part in re.findall(r"\d+", installed)[:2])
    return f">={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _title(name: str) -> str:
    return name.replace("-", " ").capitalize()


def _write(kind: str, folder: Path, values: Mapping[str, str]) -> None:
    """Writes the files of a template into a folder that is new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is there already, and not empty; name another one with --folder")
    for path, text in _files(files("velo_cli").joinpath("templates", kind)):
        file = folder / _filled(path, values)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_filled(text, values), encoding="utf-8")


def _files(template: Traversable, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and text of each file."""
    for entry in sorted(template.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, f"{path}{HIDDEN.get(entry.name, entry.name)}/")
        elif entry.name.endswith(SUFFIX):
            name = entry.name.removesuffix(SUFFIX)
            yield f"{path}{HIDDEN.get(name, name)}", entry.read_text(encoding="utf-8")


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@@{name}@@", value)
    return text
