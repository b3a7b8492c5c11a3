"""`velo plugins`: what is installed, what an application uses, and what is wrong with either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

import click

from velo_cli.errors import Failure, reason
from velo_cli.offers import offered_twice, origin_of
from velo_cli.options import factory_option, json_option, verbose_option
from velo_cli.output import qualified_name, write_json, write_table
from velo_cli.target import Target

if TYPE_CHECKING:
    from velo_core import Manifest, Plugin, Velo

__all__ = ["plugins"]

PLUGINS = "velo.plugins"
COMMANDS = "velo.commands"

target_argument = click.argument("target", metavar="[TARGET]", required=False)


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(context: click.Context) -> None:
    """Show which plugins are installed, or used by an application; check them."""
    if context.invoked_subcommand is None:
        _show_available(as_json=False)


@plugins.command("list")
@target_argument
@factory_option
@json_option
@verbose_option
def list_(target: str | None, factory: bool, as_json: bool, verbose: bool) -> None:
    """Show which plugins are installed; with TARGET, which the application uses, in their order, and why.

    Nothing of an installed plugin is imported for the list.
    """
    if target is None:
        _show_available(as_json=as_json)
    else:
        _show_used(Target.parse(target, factory=factory).load().app, as_json=as_json)


@plugins.command()
@click.argument("name")
@json_option
@verbose_option
def show(name: str, as_json: bool, verbose: bool) -> None:
    """Show what an installed plugin says of itself, and which options it takes."""
    points = [point for point in entry_points(group=PLUGINS) if point.name == name]
    if not points:
        known = ", ".join(sorted(entry_points(group=PLUGINS).names)) or "none"
        raise Failure(f"no installed distribution offers the plugin {name!r}; installed are: {known}")
    described = _described(points[0])
    if as_json:
        write_json(described)
        return
    options = cast("list[dict[str, str]]", described.pop("options"))
    for key, value in described.items():
        if value not in ("", [], ()):
            text = ", ".join(map(str, cast("list[object] | tuple[object, ...]", value))) if isinstance(value, list | tuple) else value
            click.echo(f"{key.replace('_', ' '):14}{text}")
    if options:
        click.echo()
        write_table(tuple(options[0]), [tuple(option.values()) for option in options])


@plugins.command()
@target_argument
@factory_option
@json_option
@verbose_option
def doctor(target: str | None, factory: bool, as_json: bool, verbose: bool) -> None:
    """Check what is installed: names taken twice, what cannot be imported, what this velo-core is too old or too new for.

    With TARGET, the application as well. The exit status is 1 if something is wrong.
    """
    problems = [
        *_problems_of_names(PLUGINS, "plugin", "VELO_PLUGIN_AMBIGUOUS"),
        *_problems_of_names(COMMANDS, "command", "VELO_COMMAND_DUPLICATE"),
        *_problems_of_plugins(),
    ]
    if target is not None:
        try:
            Target.parse(target, factory=factory).load()
        except Failure as failure:
            problems.append(failure.line)
    if as_json:
        write_json(problems)
    else:
        for problem in problems:
            click.echo(f"- {problem}")
        click.echo(f"{len(problems)} problem{'s' if len(problems) != 1 else ''}." if problems else "All is well.")
    if problems:
        raise click.exceptions.Exit(1)


# What is installed.


def _show_available(*, as_json: bool) -> None:
    points = sorted(entry_points(group=PLUGINS), key=lambda point: (point.name, point.value))
    rows = [(point.name, point.dist.name if point.dist else "", point.dist.version if point.dist else "", point.value) for point in points]
    if as_json:
        write_json([dict(zip(("name", "distribution", "version", "entry_point"), row, strict=True)) for row in rows])
    elif rows:
        write_table(("name", "distribution", "version", "entry point"), rows)
    else:
        click.echo("No plugins are installed.")


def _described(point: EntryPoint) -> dict[str, object]:
    from velo_core import PLUGIN_API, options_of

    factory, manifest = _loaded(point)
    prefix = f"VELO_{point.name.upper().replace('-', '_').replace('.', '_')}_"
    options = [
        {
            "option": option.name,
            "type": _type_name(option.type),
            "default": "required" if option.is_required else repr(option.default),
            "variable": prefix + option.name.upper(),
        }
        for option in options_of(factory).values()
    ]
    said = {} if manifest is None else _fields(manifest)
    return {
        "name": said.pop("name", point.name),
        "distribution": f"{point.dist.name} {point.dist.version}" if point.dist else "",
        "entry_point": point.value,
        "about": _first_line(factory),
        **said,
        "plugin_api": f"{PLUGIN_API}, {'which fits' if manifest is None or manifest.is_supported else 'which does not fit'}",
        "options": options,
    }


def _loaded(point: EntryPoint) -> tuple[Callable[..., object], Manifest | None]:
    """What an entry point leads to, and its manifest if it is a class.

    Raises:
        Failure: it leads nowhere.
    """
    from velo_core import Manifest

    try:
        factory: object = point.load()
    except Exception as error:
        raise Failure(f"the plugin {point.name!r} of {origin_of(point)} cannot be imported: {reason(error)}") from error
    if not callable(factory):
        raise Failure(f"the plugin {point.name!r} of {origin_of(point)} is {factory!r}, which makes no plugin")
    manifest: object = getattr(factory, "manifest", None)
    return factory, manifest if isinstance(manifest, Manifest) else None


def _type_name(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "") if "object object" not in str(kind) else ""


def _fields(manifest: Manifest) -> dict[str, object]:
    return {name: getattr(manifest, name) for name in manifest.__struct_fields__}


def _first_line(thing: object) -> str:
    return (getattr(thing, "__doc__", None) or "").strip().partition("\n")[0]


def _problems_of_names(group: str, what: str, code: str) -> Iterator[str]:
    """Names that more than one distribution offers, or that are those of Velo's own commands."""
    from velo_cli.commands import OWN

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, []).append(point)
    for name, points in sorted(found.items()):
        if len(points) > 1:
            yield offered_twice(what, code, points)
        if group == COMMANDS and name in OWN:
            yield f"the command {name!r} of {origin_of(points[0])} is never run: velo has one of that name"


def _problems_of_plugins() -> Iterator[str]:
    from velo_core import PLUGIN_API

    for point in sorted(entry_points(group=PLUGINS), key=lambda point: point.name):
        try:
            _, manifest = _loaded(point)
        except Failure as failure:
            yield failure.line
            continue
        if manifest is None:
            continue
        if manifest.name != point.name:
            yield f"the plugin {point.name!r} of {origin_of(point)} calls itself {manifest.name!r}"
        if not manifest.is_supported:
            wanted = manifest.requires_api
            yield f"the plugin {point.name!r} of {origin_of(point)} works with plugin API {wanted}, this velo-core has {PLUGIN_API}"


# What an application uses.


def _show_used(app: Velo, *, as_json: bool) -> None:
    ready = app.plugins
    if as_json:
        write_json(
            [
                _fields(one.manifest)
                | {
                    "plugin": qualified_name(one.plugin),
                    "distribution": one.distribution,
                    "place": one.installation.place,
                    "reasons": list(one.reasons),
                    "install_seconds": one.times.install_seconds,
                }
                for one in ready
            ]
        )
    elif ready:
        rows = [
            (
                one.manifest.name,
                one.distribution or _module(one.plugin),
                one.manifest.requires_api,
                ", ".join(one.manifest.provides),
                one.installation.place,
                "; ".join(one.reasons),
            )
            for one in ready
        ]
        write_table(("name", "from", "api", "provides", "installed at", "why here"), rows)
    else:
        click.echo("The application uses no plugins.")


def _module(plugin: Plugin) -> str:
    return type(plugin).__module__
