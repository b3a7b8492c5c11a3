"""`velo.toml`, or `[tool.velo]` of `pyproject.toml`: found, and read into tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from velo_core.errors import SetupError

__all__ = ["FILE", "default_file", "find_tables", "read_tables"]

FILE: Final = "velo.toml"
_PROJECT: Final = "pyproject.toml"


def read_tables(path: str | Path | None) -> tuple[Path, Mapping[str, object]]:
    """The file, and what it says.

    Args:
        path: `velo.toml`, or a `pyproject.toml`; by default the one of them that is in the current folder.

    Raises:
        SetupError: there is no such file, or it cannot be read.
    """
    file = default_file() if path is None else Path(path)
    if file is None:
        raise SetupError("VELO_CONFIG_FILE", f"neither {FILE} nor {_PROJECT} is in {Path.cwd()}; name the file: Velo.from_config('...')")
    tables = _read(file)
    if file.name == _PROJECT:
        tool = tables.get("tool", {})
        if not isinstance(tool, dict) or "velo" not in tool:
            raise SetupError("VELO_CONFIG_FILE", f"{file} has no table [tool.velo]")
        tables = cast("Mapping[str, object]", tool["velo"])
    return file, tables


def find_tables() -> tuple[Path, Mapping[str, object]] | None:
    """As `read_tables`, or `None` if the current folder has no file that says anything of Velo.

    Raises:
        SetupError: the file cannot be read.
    """
    file = default_file()
    if file is None:
        return None
    if file.name == _PROJECT:
        tool = _read(file).get("tool", {})
        if not isinstance(tool, dict) or "velo" not in tool:
            return None
    return read_tables(file)


def default_file() -> Path | None:
    """`velo.toml` or `pyproject.toml` in the current folder."""
    return next((Path(name) for name in (FILE, _PROJECT) if Path(name).is_file()), None)


def _read(file: Path) -> Mapping[str, object]:
    import tomllib  # only applications with such a file pay for reading one

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError("VELO_CONFIG_FILE", f"{file} cannot be read: {error}") from error
