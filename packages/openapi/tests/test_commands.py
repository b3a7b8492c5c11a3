"""`velo openapi`, as its users type it: through the entry point that the installed distribution has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator

pytestmark = pytest.mark.skipif(
    not entry_points(group="velo.commands", name="openapi"), reason="installed before it had this command; install velo-openapi again"
)

SHOP = '''
from enum import Enum
from typing import Annotated

import msgspec

from velo_core import Query, Router, Velo
from velo_openapi import OpenAPI


class Colour(Enum):
    red = "red"
    blue = "blue"


class Item(msgspec.Struct):
    name: str
    colours: set[Colour] = set()


app, admin = Velo(), Router("/admin")
app.install(OpenAPI(title="Shop", version="7", include=lambda one: not one.path.startswith("/admin")))
admin.install(OpenAPI(title="Back office", openapi_version="3.2"))


@app.get("/items")
async def items(
    words: Annotated[frozenset[str], Query(description="To look for.")] = frozenset({"tea", "salt", "pepper", "rice"}),
) -> list[Item]:
    """Finds items – those with all words."""
    return []


@admin.get("/orders")
async def orders() -> list[int]:
    """Shows orders."""
    return []


app.include(admin)
'''
PLAIN = '''
from velo_core import Velo

app = Velo()


@app.get("/tea")
async def tea() -> str:
    """Makes tea."""
    return "tea"
'''
CLASH = '''
from velo_core import Velo
from velo_openapi import OpenAPI, operation

app = Velo()
app.install(OpenAPI(title="Shop"))

for path in ("/a", "/b"):

    @app.get(path)
    @operation(operation_id="same")
    async def made() -> int:
        """Counts."""
        return 1
'''


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


@pytest.fixture
def velo(tmp_path: Path) -> Callable[..., Result]:
    """Runs a command to its end, in a folder with some applications."""
    for name, text in (("shop", SHOP), ("plain", PLAIN), ("clash", CLASH)):
        (tmp_path / f"{name}.py").write_text(text)

    def run(*arguments: str, seed: str = "random", without: str = "") -> Result:
        program = f"import sys; sys.modules.update(dict.fromkeys({without.split()!r})); from velo_cli import main; main()"
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-c", program, "openapi", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


Run = Callable[..., Result]


def test_the_document_goes_to_stdout_or_into_a_file(velo: Run, tmp_path: Path) -> None:
    shown, written = velo("export", "plain"), velo("export", "plain:app", "-o", "openapi.json")

    assert (shown.status, written.status, written.out) == (0, 0, "")
    assert (tmp_path / "openapi.json").read_text(encoding="utf-8") == shown.out
    document = json.loads(shown.out)
    assert document["paths"].keys() == {"/tea"}
    assert document["openapi"].startswith("3.1.")
    assert shown.out.endswith("}\n")


def test_an_application_without_the_plugin_has_a_default_document_and_is_told_so(velo: Run) -> None:
    result = velo("export", "plain")

    assert result.err == (
        "Note: the application does not install velo_openapi.OpenAPI; this is what it would serve with default options.\n"
    )
    assert json.loads(result.out)["info"] == {"title": "API", "version": "0.1.0"}


def test_the_same_application_gives_the_same_bytes(velo: Run) -> None:
    """Whatever the order in which this process holds what is in sets."""
    outputs = {velo("export", "shop", "--path", "/openapi.json", seed=seed).out for seed in ("1", "2", "3")}

    assert len(outputs) == 1
    assert "Finds items – those with all words." in outputs.pop()


@pytest.mark.parametrize(("version", "validator"), [("3.1", OpenAPIV31SpecValidator), ("3.2", OpenAPIV32SpecValidator)])
def test_the_version_can_be_chosen(velo: Run, version: Literal["3.1", "3.2"], validator: Any) -> None:
    for path in ("/openapi.json", "/admin/openapi.json"):
        document = json.loads(velo("export", "shop", "--path", path, "--openapi-version", version).out)

        assert document["openapi"].startswith(f"{version}.")
        validator(document).validate()


def test_of_several_documents_that_of_the_application_is_written_unless_another_is_named(velo: Run) -> None:
    usual = velo("export", "shop")

    assert json.loads(usual.out)["info"] == {"title": "Shop", "version": "7"}
    assert usual.err == "Note: this is /openapi.json; --path or --router names another: /admin/openapi.json.\n"
    for named in (["--path", "/admin/openapi.json"], ["--path", "admin/openapi.json"], ["--router", "/admin/"], ["--router", "admin"]):
        other = velo("export", "shop", *named)
        assert (json.loads(other.out)["paths"].keys(), other.err) == ({"/admin/orders"}, "")
        assert json.loads(other.out)["openapi"] == "3.2.0"  # as the plugin has it


def test_a_document_that_is_not_there_is_one_line(velo: Run) -> None:
    result = velo("export", "shop", "--path", "/nowhere")

    assert (result.status, result.out) == (1, "")
    assert result.err == "Error: there is no such document; name one with --path: /openapi.json, /admin/openapi.json\n"


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["nowhere"], 1, "there is no module 'nowhere'"),
        (["plain", "-o", "no/such/folder.json"], 1, "no/such/folder.json cannot be written: No such file or directory"),
        (["clash"], 1, "clash.py:10); give each another [OPENAPI_OPERATION_ID]"),
        (["plain", "--openapi-version", "2"], 2, "'2' is not one of '3.1', '3.2'"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_status(velo: Run, arguments: list[str], status: int, line: str) -> None:
    result = velo("export", *arguments)

    assert (result.status, result.out) == (status, "")
    assert line in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_check_finds_nothing_wrong_with_what_is_well_described(velo: Run) -> None:
    result = velo("check", "shop", "--strict")

    assert (result.status, result.out, result.err) == (0, "All is well.\n", "")


def test_warnings_end_with_1_in_strict_mode_alone(velo: Run) -> None:
    usual, strict = velo("check", "plain"), velo("check", "plain", "--strict")
    ignored = velo("check", "plain", "--strict", "--ignore", "default-title")

    assert usual.out == strict.out
    assert usual.out.splitlines()[-1] == "1 warning."
    assert (usual.status, strict.status, ignored.status) == (0, 1, 0)


def test_a_warning_says_where(velo: Run, tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text(PLAIN.replace('    """Makes tea."""\n', "    raise SystemExit\n"))

    result = velo("check", "bare", "--ignore", "default-title")

    assert result.out.splitlines()[0].startswith("warning: GET /tea (bare.py:7): neither summary nor description;")


def test_errors_end_with_1(velo: Run, tmp_path: Path) -> None:
    text = PLAIN.replace("Velo\n", "Velo\nfrom velo_openapi import OpenAPI\n", 1)
    text = text.replace("app = Velo()", "app = Velo()\napp.install(OpenAPI(title='Shop', info={'license': {}}))")
    (tmp_path / "invalid.py").write_text(text)

    for version in ("3.1", "3.2"):
        result = velo("check", "invalid", "--openapi-version", version)

        assert result.status == 1
        said = result.out.replace('"', "'")  # which quotes depends on whether jsonschema-rs is there
        assert said == "error: #/info/license: 'name' is a required property [invalid-structure]\n1 error.\n"
    assert "the operation id 'same' is given to GET /a (" in velo("check", "clash").err
    assert velo("check", "clash").status == 1


def test_findings_are_there_for_programs(velo: Run) -> None:
    found = json.loads(velo("check", "plain", "--json").out)

    assert [(one["level"], one["code"], one["place"]) for one in found] == [("warning", "default-title", "#/info/title")]


TWICE = """
from velo_core import HTTPError, Router, Velo
from velo_openapi import OpenAPI

app, admin = Velo(), Router("/admin")
app.install(OpenAPI(title="Shop"))
admin.install(OpenAPI(title="Back office"))


@admin.get("/orders", summary="Shows orders.")
async def orders() -> list[int]:
    raise HTTPError(410)


app.include(admin)
"""


def test_what_is_wrong_in_several_documents_is_told_once_with_paths_from_here(velo: Run, tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(TWICE)
    found = json.loads(velo("check", "twice", "--json").out)

    assert [(one["documents"], one["code"], one["place"]) for one in found] == [
        (["/openapi.json", "/admin/openapi.json"], "undocumented-status", "GET /admin/orders (twice.py:10)")
    ]
    assert velo("check", "twice").out.startswith("/openapi.json, /admin/openapi.json: warning: GET /admin/orders (twice.py:10): ")


@pytest.mark.parametrize(
    ("arguments", "error", "codes"),
    [
        (["nowhere"], "there is no module 'nowhere'", []),
        (["clash"], "the operation id 'same' is given to GET /a (", ["OPENAPI_OPERATION_ID"]),
        (["shop", "--path", "/nowhere"], "there is no such document; ", []),
    ],
)
def test_what_ends_the_command_is_there_for_programs(velo: Run, arguments: list[str], error: str, codes: list[str]) -> None:
    result = velo("check", "--json", *arguments)
    told = json.loads(result.err)

    assert (result.status, result.out) == (1, "")
    assert told["error"].startswith(error)
    assert [one["code"] for one in told["problems"]] == codes


def test_without_the_validator_check_says_what_to_install(velo: Run) -> None:
    result = velo("check", "shop", without="openapi_spec_validator")

    assert (result.status, result.out) == (1, "")
    assert result.err == "Error: there is no openapi-spec-validator to validate with; try: pip install 'velo-openapi[check]'\n"
    assert velo("export", "plain", without="openapi_spec_validator").status == 0
