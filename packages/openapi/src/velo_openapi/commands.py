"""`velo openapi`: documents as files, and what is wrong with them.

The entry point `velo.commands` names this module, so it is velo-cli that imports it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import click

from velo_cli.application import pass_application
from velo_core import Velo
from velo_openapi.checks import RULES, Finding, check
from velo_openapi.document import Document
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
    described = _one(_documents(app), path, router)
    document = _made(described, openapi_version)
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
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
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
    the document does not have. The exit status is 1 if there is an error.
    """
    documents = _documents(app)
    if path is not None or router is not None:
        documents = [_one(documents, path, router)]
    found = [(one.label, finding) for one in documents for finding in _findings(one, openapi_version) if finding.code not in ignore]
    errors = sum(finding.is_error for _, finding in found)
    if as_json:
        rows = [{"document": label, **finding.as_json} for label, finding in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _tell(found, documents)
    if errors or (found and strict):
        raise click.exceptions.Exit(1)


def _tell(found: Sequence[tuple[str, Finding]], documents: Sequence[Described]) -> None:
    for label, finding in found:
        line = finding.line.replace(f"({Path.cwd()}{os.sep}", "(")  # files below this folder, as the user knows them
        click.echo(f"{label + ': ' if len(documents) > 1 else ''}{line}")
    errors = sum(finding.is_error for _, finding in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    click.echo(
        ", ".join(f"{count} {what}{'s' if count != 1 else ''}" for count, what in counts if count) + "." if found else "All is well."
    )


def _findings(described: Described, version: str | None) -> list[Finding]:
    try:
        document = described.make(cast("Version | None", version))
    except OpenAPIError as error:
        return [Finding("invalid", "", str(error))]
    try:
        problems = problems_of(document.content)
    except ValidatorMissing as missing:
        raise click.ClickException(str(missing)) from missing
    return [*problems, *check(document, described.plugin.operations(described.app))]


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
    found = [one for one in documents if path in (None, one.path) and (router is None or router.rstrip("/") == one.prefix)]
    if path is None and router is None and len(found) > 1:
        found = [one for one in documents if not one.prefix]
        others = ", ".join(one.label for one in documents if one.prefix)
        if len(found) == 1:
            click.echo(f"Note: this is {found[0].label}; --path or --router names another: {others}.", err=True)
    if len(found) == 1:
        return found[0]
    labels = ", ".join(one.label for one in documents)
    raise click.ClickException(f"{'several documents fit' if found else 'there is no such document'}; name one with --path: {labels}")


def _made(described: Described, version: str | None) -> Document:
    try:
        return described.make(cast("Version | None", version))
    except OpenAPIError as error:
        raise click.ClickException(str(error)) from error
