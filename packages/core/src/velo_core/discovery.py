"""From an installation to a plugin: found by name, made, and held against the contract."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from velo_core.distributions import distribution_of
from velo_core.errors import Problem, where
from velo_core.hooks import refused_parameters
from velo_core.manifest import PLUGIN_API, Manifest, satisfies
from velo_core.plugin import ENTRY_POINTS, Installation, Plugin, Ready, labelled

if TYPE_CHECKING:
    from velo_core.options import Setting, Source

__all__ = ["HOOKS", "OVERRIDE", "instantiate"]

OVERRIDE = "VELO_IGNORE_PLUGIN_API"
"""Environment variable with the names, separated by commas, of plugins that are installed whatever level of the contract they want."""
HOOKS = {"install": ("router",), "find_problems": ("app",), "lifespan": ("app",), "closing": ("app",)}
"""What each method of a plugin can take."""

logger = logging.getLogger("velo.plugin")


def instantiate(installation: Installation) -> Ready | Problem:
    """The plugin of an installation, loaded by name if need be."""
    given = installation.given
    settings: dict[str, Setting] = {}
    plugin: object = _load(installation, given, settings) if isinstance(given, str) else given
    if isinstance(plugin, Problem):
        return plugin
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(plugin, Plugin) or not isinstance(manifest, Manifest):
        return Problem("VELO_PLUGIN_INVALID", _why_not(plugin, installation.place))
    ready = Ready(plugin, manifest, installation, settings=settings)
    return _wrong_level(ready) or _wrong_hook(ready) or ready


def _wrong_level(ready: Ready) -> Problem | None:
    name, wanted = ready.manifest.name, ready.manifest.requires_api
    if satisfies(PLUGIN_API, wanted):
        return None
    state = f"the plugin {ready.label} works with plugin API {wanted}, this velo-core has {PLUGIN_API}"
    if name in (one.strip() for one in os.environ.get(OVERRIDE, "").split(",")):
        logger.warning("%s; it runs all the same, because %s says so: expect it to fail in strange ways", state, OVERRIDE)
        return None
    advice = f"install a release of the plugin for it, or another velo-core; {OVERRIDE}={name} runs it all the same, at your own risk"
    return Problem("VELO_PLUGIN_API", f"{state}; {advice}")


def _wrong_hook(ready: Ready) -> Problem | None:
    for name, offered in HOOKS.items():
        function = getattr(ready.plugin, name)
        refused = refused_parameters(function, offered)
        if refused:
            message = (
                f"{name} of the plugin {ready.label} takes {' and '.join(map(repr, refused))} ({where(function)}), which nobody offers; "
                f"it can take {', '.join(offered)}"
            )
            return Problem("VELO_PLUGIN_HOOK", message)
    if inspect.iscoroutinefunction(ready.plugin.install):
        message = f"install of the plugin {ready.label} is a coroutine function; it only records, so write def, and open things in lifespan"
        return Problem("VELO_PLUGIN_HOOK", message)
    return None


def _why_not(thing: object, place: str) -> str:
    kind = type(thing).__qualname__
    if isinstance(thing, type) and issubclass(thing, Plugin):
        return f"{thing.__qualname__}, installed at {place}, is a class; make an instance: {thing.__qualname__}()"
    return f"{kind}, installed at {place}, is not a Plugin with a manifest = Manifest(name=...)"


def _load(installation: Installation, name: str, settings: dict[str, Setting]) -> object:
    """The plugin, or a `Problem`; `settings` is filled."""
    # This reads the metadata of every distribution: only those who ask for a name pay for that, and for reading options.
    from importlib.metadata import entry_points

    from velo_core.options import Source, read_options

    found = list(entry_points(group=ENTRY_POINTS, name=name))
    distributions = sorted({point.dist.name for point in found if point.dist is not None})
    if not found:
        known = ", ".join(sorted(entry_points(group=ENTRY_POINTS).names)) or "none"
        message = (
            f"no installed distribution offers the plugin {name!r} ({installation.place}); installed are: {known}. "
            f"Try: pip install velo-{name}"
        )
        return Problem("VELO_PLUGIN_UNKNOWN", message)
    if len(distributions) > 1:
        message = (
            f"the plugin {name!r} ({installation.place}) is offered by {' and '.join(distributions)}; uninstall one, or install an instance"
        )
        return Problem("VELO_PLUGIN_AMBIGUOUS", message)
    try:
        factory = cast("Callable[..., object]", found[0].load())
    except Exception as error:
        message = f"the plugin {name!r} ({installation.place}) could not be loaded from {found[0].value}: {type(error).__name__}: {error}"
        return Problem("VELO_PLUGIN_LOAD", message)
    origin = distribution_of(getattr(factory, "__module__", None))
    label = labelled(name, origin, installation.place)
    names = [point.name for point in entry_points(group=ENTRY_POINTS)]
    sources = [
        Source(installation.configured or {}, installation.place, "file"),
        _environment(name, names),
        Source(installation.options, installation.place, "code"),
    ]
    try:
        make, found_settings, problems = read_options(factory, sources)
    except (TypeError, ValueError) as error:  # it has no signature
        return Problem("VELO_PLUGIN_LOAD", f"the plugin {label} cannot be made of {found[0].value}: {error}")
    if problems:
        return Problem("VELO_PLUGIN_OPTIONS", "; ".join(f"the plugin {label} {one}" for one in problems))
    settings.update(found_settings)
    try:
        return make()
    except Exception as error:
        message = f"the plugin {label} could not be made from {found[0].value}: {type(error).__name__}: {error}"
        return Problem("VELO_PLUGIN_OPTIONS", message)


def _environment(name: str, names: Iterable[str]) -> Source:
    """The variables of a plugin, less those of others whose name begins with its own."""
    from velo_core.options import Source, prefix_of

    prefix = prefix_of(name)
    longer = [other for other in map(prefix_of, names) if other != prefix and other.startswith(prefix)]
    values = {
        key.removeprefix(prefix).lower(): value
        for key, value in os.environ.items()
        if key.startswith(prefix) and not any(key.startswith(other) for other in longer)
    }
    return Source(values, f"{prefix}{{NAME}}", "environment")
