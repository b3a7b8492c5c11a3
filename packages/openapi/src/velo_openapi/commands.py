"""`velo openapi`: documents as files, and what is wrong with them.

The entry point `velo.commands` names this module, so it is velo-cli that imports it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import click

from velo_cli.application import json_option, pass_application
from velo_core import Velo
from velo_openapi.checks import RULES, Finding, check
from velo_openapi.documents import Described, documents_of
from velo_openapi.errors import OpenAPIError
from velo_openapi.options import Version
from velo_openapi.plugin import OpenAPI
from velo_openapi.validation import ValidatorMissing, problems_of

__all__ = ["openapi"]

version_option = click.option(
    "--openapi-version", type=click.Choice(["3.1", "3.2"]), help="Default: the version that the plugin has, or else 3.1."
)
path_option = click.option("--path", metavar="PATH", help="The document that is served there, if there are several.")
router_option = click.option("--router", metavar="PREFIX", help="The document of the router with this prefix, if there are several.")


@click.group()
def openapi() -> None:
    """Write the OpenAPI document of an application, or check it."""


@openapi.command()
@pass_application
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write to, in place of stdout.")
@version_option
@path_option
@router_option
def export(app: Velo, output: Path | None, openapi_version: str | None, path: str | None, router: str | None) -> None:
    """Write the OpenAPI document of an application as JSON.

    It is the document that the application serves, as its plugin OpenAPI is set up; without that plugin, one with default options. What it
    has no place for is told on stderr. The same application gives the same bytes each time.
    """
    document = _one(_documents(app), path, router).make(cast("Version | None", openapi_version))
    if document.problems:
        raise click.ClickException(str(OpenAPIError.of(document.problems)))
    for warning in document.warnings:
        click.echo(f"Warning: {warning}", err=True)
    text = json.dumps(document.content, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.buffer.write(text.encode())
        return
    try:
        output.write_bytes(text.encode())
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error


@openapi.command("check")
@pass_application
@version_option
@path_option
@router_option
@click.option("--strict", is_flag=True, help="Warnings make the exit status 1, as errors do.")
@click.option(
    "--ignore", metavar="CODE", multiple=True, type=click.Choice(sorted(RULES)), help="A warning not to give; as often as you like."
)
@json_option
def check_(
    app: Velo,
    openapi_version: str | None,
    path: str | None,
    router: str | None,
    strict: bool,
    ignore: Sequence[str],
    as_json: bool,
) -> None:
    """Check the OpenAPI documents of an application.

    Errors are what makes a document invalid, by openapi-spec-validator (pip install 'velo-openapi[check]'). Warnings are what its readers
    and generators of clients would miss: responses that are not described, schemas that allow anything, statuses that a handler raises and
    the document does not have. The exit status is 1 if there is an error, or if the application cannot be loaded; 2 for a wrong command
    line.
    """
    documents = _documents(app)
    if path is not None or router is not None:
        documents = [_one(documents, path, router)]
    found: dict[Finding, list[str]] = {}
    for one in documents:
        for finding in _findings(one, openapi_version):
            if finding.code not in ignore:
                labels = found.setdefault(_from_here(finding), [])
                labels += [one.label] if one.label not in labels else []
    if as_json:
        rows = [{"documents": labels, **finding.as_json} for finding, labels in found.items()]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _tell(found, documents)
    if any(finding.is_error for finding in found) or (found and strict):
        raise click.exceptions.Exit(1)


def _from_here(finding: Finding) -> Finding:
    """Files below this folder as the user knows them."""
    here = f"({Path.cwd()}{os.sep}"
    return replace(finding, place=finding.place.replace(here, "("), message=finding.message.replace(here, "("))


def _tell(found: Mapping[Finding, Sequence[str]], documents: Sequence[Described]) -> None:
    for finding, labels in found.items():
        click.echo(f"{', '.join(labels) + ': ' if len(documents) > 1 else ''}{finding.line}")
    errors = sum(finding.is_error for finding in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    click.echo(
        ", ".join(f"{count} {what}{'s' if count != 1 else ''}" for count, what in counts if count) + "." if found else "All is well."
    )


def _findings(described: Described, version: str | None) -> list[Finding]:
    document = described.make(cast("Version | None", version))
    wrong = [Finding(one.code, "", one.message) for one in document.problems]
    try:
        problems = problems_of(document.content)
    except ValidatorMissing as missing:
        raise click.ClickException(str(missing)) from missing
    return [*wrong, *problems, *check(document, described.plugin.operations(described.app))]


def _documents(app: Velo) -> list[Described]:
    found = documents_of(app)
    if not found:
        click.echo(
            "Note: the application does not install velo_openapi.OpenAPI; this is what it would serve with default options.", err=True
        )
        found = [Described(app, OpenAPI(path=None), None, "", "")]
    return found


def _one(documents: Sequence[Described], path: str | None, router: str | None) -> Described:
    """The document that the user means; without a word about it, that of the application itself."""
    wanted, prefix = _with_slash(path), _with_slash(router)
    found = [one for one in documents if wanted in (None, one.path) and (prefix is None or prefix.rstrip("/") == one.prefix)]
    if path is None and router is None and len(found) > 1:
        found = [one for one in documents if not one.prefix]
        others = ", ".join(one.label for one in documents if one.prefix)
        if len(found) == 1:
            click.echo(f"Note: this is {found[0].label}; --path or --router names another: {others}.", err=True)
    if len(found) == 1:
        return found[0]
    labels = ", ".join(one.label for one in documents)
    raise click.ClickException(f"{'several documents fit' if found else 'there is no such document'}; name one with --path: {labels}")


def _with_slash(path: str | None) -> str | None:
    """A path begins with one; who leaves it out means the same."""
    return path if path is None or path.startswith("/") else f"/{path}"
