"""What a plugin says of itself, and whether it fits the contract of this velo-core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from msgspec import Struct

from velo_core.errors import SetupError
from velo_core.later import later

__all__ = ["PLUGIN_API", "Manifest", "satisfies"]

PLUGIN_API = "0.1"
"""Level of the plugin contract. It changes when the contract does, not with every release of velo-core."""

NAME: Final = later(r"[a-z0-9]+([-._][a-z0-9]+)*")
LEVEL: Final = later(r"(?P<numbers>\d+(\.\d+)*)(?P<prerelease>\.?(a|b|rc|dev)\d*)?")


class Manifest(Struct, frozen=True, kw_only=True):
    """What a plugin says of itself; readable without running it. Its version is that of the distribution it comes from.

    Names are the names of plugins, or capabilities that plugins provide. What matters to a plugin is what is on its own router or above,
    and for `conflicts` and `exclusive` what is below as well.

    Attributes:
        name: Unique: lower-case letters, digits and hyphens, such as `"limiter"`.
        requires_api: Levels of the plugin contract it works with, such as `">=0.1,<1"`.
        requires: Names that must be installed on the same router or above it; they come first.
        optional: Names that it uses if they are installed, and that come first then; `router.installed` tells.
        after: Names that come first if they are installed.
        before: Names that come later if they are installed.
        provides: Capabilities that others can require.
        exclusive: Those of `provides` that nobody else may provide.
        conflicts: Names that must not be installed beside it.
        multi: Whether it may be installed more than once on one router.

    Raises:
        SetupError: a name cannot be read, names are given as one text and not as a tuple, something exclusive is not provided, or the API
            level cannot be read.
    """

    name: str
    requires_api: str = f">={PLUGIN_API}"
    requires: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    multi: bool = False

    def __post_init__(self) -> None:
        for message in self._mistakes():
            raise SetupError("VELO_PLUGIN_MANIFEST", message)

    @property
    def is_supported(self) -> bool:
        """Whether this velo-core has a level of the contract that the plugin works with."""
        return satisfies(PLUGIN_API, self.requires_api)

    def _mistakes(self) -> Iterator[str]:
        if not (isinstance(self.name, str) and NAME.fullmatch(self.name)):  # pyright: ignore[reportUnnecessaryIsInstance]: untyped callers
            yield f"the name of a plugin is {self.name!r}; write lower-case letters, digits and hyphens, such as 'rate-limiter'"
        for field_name in ("requires", "optional", "after", "before", "provides", "exclusive", "conflicts"):
            given: object = getattr(self, field_name)
            if isinstance(given, str):
                yield f"{field_name} of the plugin {self.name!r} is the text {given!r}; write a tuple: {field_name}=({given!r},)"
            elif not isinstance(given, tuple) or not all(isinstance(name, str) for name in cast("tuple[object, ...]", given)):
                yield f"{field_name} of the plugin {self.name!r} is {given!r}; write a tuple of names"
        for name in self.exclusive:
            if name not in self.provides:
                yield f"{name!r} is exclusive to the plugin {self.name!r}, which does not provide it; add it to provides"
        try:
            satisfies(PLUGIN_API, self.requires_api)
        except ValueError:
            yield f"requires_api of the plugin {self.name!r} is {self.requires_api!r}; write bounds of an API level, such as '>=0.1,<1'"


def satisfies(level: str, specification: str) -> bool:
    """Whether an API level is within a specification such as `">=0.1,<1"`.

    A level that is a prerelease, `"1.0rc1"`, passes as the one that it leads to, and as the one before it as well: while 1.0 is being made,
    neither those who have prepared for it nor those who have not yet are kept out.

    Raises:
        ValueError: the specification cannot be read.
    """
    read = LEVEL.fullmatch(level)
    if read is None:
        raise ValueError(f"{level!r} is no API level")
    numbers, is_prerelease = _numbers(read["numbers"]), read["prerelease"] is not None
    held = [_holds(numbers, clause.strip(), is_prerelease) for clause in specification.split(",")]  # a list, so that all of it is read
    return all(held)


def _holds(level: tuple[int, ...], clause: str, is_prerelease: bool) -> bool:
    for operator in (">=", "<=", "==", "!=", ">", "<"):
        if clause.startswith(operator):
            bound = _numbers(clause[len(operator) :])
            size = max(len(level), len(bound))
            left, right = level + (0,) * (size - len(level)), bound + (0,) * (size - len(bound))
            return {
                ">=": left >= right,
                "<=": left <= right,
                "==": left == right,
                "!=": left != right,
                ">": left > right,
                "<": left < right or (is_prerelease and left == right),
            }[operator]
    raise ValueError(f"{clause!r} has no operator")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip().split("."))
