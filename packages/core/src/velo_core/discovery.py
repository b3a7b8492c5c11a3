"""From an installation to a plugin: found by name, made, and held against the contract."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable
from typing import cast

from velo_core.errors import Problem, where
from velo_core.hooks import refused_parameters
from velo_core.manifest import PLUGIN_API, Manifest, satisfies
from velo_core.plugin import ENTRY_POINTS, Installation, Plugin, Ready

__all__ = ["HOOKS", "OVERRIDE", "instantiate"]

OVERRIDE = "VELO_IGNORE_PLUGIN_API"
"""Environment variable with the names, separated by commas, of plugins that are installed whatever level of the contract they want."""
HOOKS = {"install": ("router",), "lifespan": ("app",), "closing": ("app",)}
"""What each method of a plugin can take."""

logger = logging.getLogger("velo")


def instantiate(installation: Installation) -> Ready | Problem:
    """The plugin of an installation, loaded by name if need be."""
    given = installation.given
    plugin: object = _load(installation, given) if isinstance(given, str) else given
    if isinstance(plugin, Problem):
        return plugin
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(plugin, Plugin) or not isinstance(manifest, Manifest):
        return Problem("VELO_PLUGIN_INVALID", _why_not(plugin, installation.place))
    ready = Ready(plugin, manifest, installation)
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


def _load(installation: Installation, name: str) -> object:
    """The plugin, or a `Problem`."""
    from importlib.metadata import entry_points  # reads the metadata of every distribution: only those who ask for a name pay for that

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
    try:
        return factory(**installation.options)
    except Exception as error:
        message = f"the plugin {name!r} ({installation.place}) could not be made from {found[0].value}: {type(error).__name__}: {error}"
        return Problem("VELO_PLUGIN_OPTIONS", message)
