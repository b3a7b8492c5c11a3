"""`velo.toml` and `[tool.velo]`: options of the application, and which plugins are installed where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from velo_core.codecs import Media
from velo_core.config import Config
from velo_core.errors import Problem, SetupError
from velo_core.json import JSONCodec
from velo_core.options import Setting, Source, read_options
from velo_core.plan import Middleware
from velo_core.plugin import Installation
from velo_core.proxies import TrustedProxies
from velo_core.request_ids import RequestIDs
from velo_core.routing import join
from velo_core.tables import read_tables
from velo_core.versioning import Versioning
from velo_core.watch import OnDisconnect

if TYPE_CHECKING:
    from velo_core.router import Router

__all__ = ["Configuration", "Configured", "install_configured", "read_configuration"]

TABLES = ("app", "plugins", "config")
KEYS = ("name", "on", "options")
NAMES: Mapping[str, object] = {
    "Config": Config,
    "JSONCodec": JSONCodec,
    "Media": Media,
    "Middleware": Middleware,
    "OnDisconnect": OnDisconnect,
    "RequestIDs": RequestIDs,
    "TrustedProxies": TrustedProxies,
    "Versioning": Versioning,
}
"""What the signature of `Velo` names; its module imports them for type checkers alone."""


class Configured(Struct, frozen=True):
    """A plugin in the file.

    Attributes:
        name: Of its entry point.
        on: Path prefix or name of the router; empty for the application.
        options: Plain data.
        place: For messages: `velo.toml, plugins[0]`.
    """

    name: str
    on: str
    options: Mapping[str, object]
    place: str


class Configuration(Struct, frozen=True):
    """What the file says.

    Attributes:
        path: The file.
        app: Arguments for `Velo`, each with its origin.
        plugins: In order.
        tables: All that it says.
    """

    path: Path
    app: Mapping[str, Setting]
    plugins: tuple[Configured, ...]
    tables: Mapping[str, object]


def read_configuration(path: str | Path | None, factory: Callable[..., object], overrides: Mapping[str, object]) -> Configuration:
    """What a file says, checked as far as that goes without the plugins.

    Args:
        path: `velo.toml`, or a `pyproject.toml`; by default the one of them that is in the current folder.
        factory: `Velo`, whose signature says what `[app]` may have.
        overrides: Arguments from code, which win.

    Raises:
        SetupError: the file cannot be read, or says what nobody understands; all of it at once.
    """
    file, tables = read_tables(path)
    problems: list[str] = [f"there is no table {name!r}; tables are {', '.join(TABLES)}" for name in tables if name not in TABLES]
    app, plugins = tables.get("app", {}), tables.get("plugins", [])
    arguments: dict[str, Setting] = {}
    if isinstance(app, dict):
        sources = [Source(cast("dict[str, object]", app), str(file), "file"), Source(overrides, "code", "code")]
        _, settings, wrong = read_options(factory, sources, names=NAMES)
        problems += [f"the application {one}" for one in wrong]
        arguments = {name: one for name, one in settings.items() if one.origin != "default"}
    else:
        problems.append("app is no table; write [app]")
    found: list[Configured] = []
    for number, entry in enumerate(cast("list[object]", plugins) if isinstance(plugins, list) else [plugins]):
        made = _configured(entry, f"{file}, plugins[{number}]")
        problems += [made] if isinstance(made, str) else []
        found += [made] if isinstance(made, Configured) else []
    if problems:
        raise SetupError.of(Problem("VELO_CONFIG_FILE", f"{file}: {one}") for one in problems)
    return Configuration(file, arguments, tuple(found), tables)


def _configured(entry: object, place: str) -> Configured | str:
    """A plugin of the file, or what is wrong with it."""
    if not isinstance(entry, dict):
        return "a plugin is no table; write [[plugins]], with double brackets, and name = '...' below it"
    table = cast("dict[str, object]", entry)
    number = place.rpartition(", ")[2]
    for key in table:
        if key not in KEYS:
            return f"{number} has no key {key!r}; it has name, on, options, and what is for the plugin itself goes into options"
    name, on, options = table.get("name"), table.get("on", ""), table.get("options", {})
    if not isinstance(name, str):
        return f"{number} has no name; write name = 'limiter', the name of an entry point"
    if not isinstance(on, str):
        return f"{number}: on is the prefix or the name of a router, such as '/admin'"
    if not isinstance(options, dict):
        return f"{number}: options is no table"
    return Configured(name, on, cast("dict[str, object]", options), place)


def install_configured(root: Router, plugins: Sequence[Configured]) -> list[Problem]:
    """Installs the plugins of a file on their routers, before those that code has installed there.

    Returns:
        What is wrong: routers that are not there.
    """
    routers = list(_routers(root)) if plugins else []
    problems: list[Problem] = []
    new: dict[Router, list[Installation]] = {}
    for one in plugins:
        found = dict.fromkeys(router for path, name, router in routers if one.on in (path, name)) if one.on else {root: None}
        if len(found) == 1:
            (router,) = found
            new.setdefault(router, []).append(Installation(one.name, {}, router, one.place, one.options))
            continue
        known = ", ".join(sorted({repr(path or name) for path, name, router in routers if (path or name) and router is not root})) or "none"
        state = "is the prefix or name of several routers; give them names of their own" if found else f"is no router; there are {known}"
        problems.append(Problem("VELO_CONFIG_ROUTER", f"the plugin {one.name!r} ({one.place}) goes on {one.on!r}, which {state}"))
    for router, installations in new.items():
        router.installations[:0] = installations
    return problems


def _routers(root: Router, path: str = "", name: str = "") -> Iterator[tuple[str, str, Router]]:
    """Every router with its whole prefix and its whole name."""
    yield path, name, root
    for child in root.children:
        router = child.router
        whole = f"{name}.{router.name}" if name and router.name else name or router.name
        try:
            prefix = join(join(path, child.prefix), router.prefix)
        except SetupError:  # the walk that makes the plans reports it
            continue
        yield from _routers(router, prefix, whole)
