"""A client that openapi-python-client generates from the torture application's document compiles, and calls the application."""

from __future__ import annotations

import compileall
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser.errors import GeneratorError
from torture.app import app
from torture.models import Pair

from velo_core import Query, Velo
from velo_openapi import DocumentOptions, build

PACKAGE = "torture_client"
LEFT_OUT = {
    "GET /places/query-types": "enumerations of texts and numbers together are unknown to the generator",
    "GET /places/headers": "so are lists in headers",
    "POST /payloads/everything": "its model has an enumeration of texts and numbers in it",
    "POST /payloads/raw": "OpenAPI 3.1 describes bytes by a media type alone, and the generator asks for a schema",
}
MEDIA_TYPES_UNKNOWN_TO_THE_GENERATOR = r"nsupported content.type (\*/\*|application/msgpack|application/jsonl|text/x-lines)"


@dataclass(frozen=True)
class Generated:
    """What was generated, where, and what the generator said."""

    folder: Path
    told: Sequence[GeneratorError]

    def model(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{PACKAGE}.models"), name)

    def operation(self, name: str) -> Any:
        """The module of an operation, as `payloads.payloads_struct`."""
        return importlib.import_module(f"{PACKAGE}.api.{name}")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    """The client, which can be imported until the tests of this module end."""
    folder = tmp_path_factory.mktemp("generated")
    source = folder / "openapi.json"
    document = build(app.operations, DocumentOptions(title="Torture"))
    source.write_text(json.dumps(msgspec.to_builtins(document.content)))
    config = Config.from_sources(ConfigFile(post_hooks=[]), MetaType.NONE, source, "utf-8", False, folder / PACKAGE)
    told = generate(config=config)
    sys.path.insert(0, str(folder))
    try:
        yield Generated(folder / PACKAGE, told)
    finally:
        sys.path.remove(str(folder))
        for name in [one for one in sys.modules if one.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


@pytest.fixture
def client(generated: Generated, live: str) -> Iterator[Any]:
    with importlib.import_module(PACKAGE).Client(base_url=live, raise_on_unexpected_status=True) as client:
        yield client


def test_it_has_every_operation_but_those_that_the_generator_cannot_express(generated: Generated) -> None:
    left_out = {
        match[1] for one in generated.told if (match := re.search(r"parsing (\S+ \S+) .*Endpoint will not be generated", one.header))
    }
    modules = [one for one in generated.folder.glob("api/*/*.py") if one.name != "__init__.py"]

    assert left_out == LEFT_OUT.keys()
    assert len(modules) + len(left_out) >= 70


def test_it_has_every_model_and_result_but_those_of_media_types_unknown_to_the_generator(generated: Generated) -> None:
    others = [one for one in generated.told if "Endpoint will not be generated" not in one.header]
    wrong = [one for one in others if not re.search(MEDIA_TYPES_UNKNOWN_TO_THE_GENERATOR, one.detail or "")]

    assert [one for one in wrong if "/components/schemas/Everything" not in (one.detail or "")] == []


def test_places_of_arrays_end_by_a_number_and_items_of_any_kind_are_said() -> None:
    """In place of `false` and of nothing, which generators do not read."""
    plain = Velo()

    @plain.get("/")
    async def found(pair: Annotated[tuple[int, str] | None, Query()] = None) -> tuple[Pair, list[Any]]:
        return Pair(1), []

    content: Any = build(plain.operations, DocumentOptions(title="Arrays")).content
    operation = content["paths"]["/"]["get"]
    choices = [operation["parameters"][0]["schema"], operation["responses"]["200"]["content"]["application/json"]["schema"]]

    assert [(len(one["prefixItems"]), one["maxItems"], "items" in one) for one in (*choices, content["components"]["schemas"]["Pair"])] == [
        (2, 2, False)
    ] * 3
    assert choices[1]["prefixItems"][1] == {"type": "array", "items": {}}


def test_it_compiles_and_all_of_it_can_be_imported(generated: Generated) -> None:
    assert compileall.compile_dir(generated.folder, quiet=1, force=True)

    package = importlib.import_module(PACKAGE)
    for one in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        importlib.import_module(one.name)


def test_values_of_paths_arrive(generated: Generated, client: Any) -> None:
    id, day = UUID(int=7), date(2026, 2, 28)
    level, choice = generated.model("Level")(3), generated.model("PlacesPathTypesChoice")("b")

    types = generated.operation("places.places_path_types").sync(id, day, level, choice, client=client)

    assert types == [str(id), "2026-02-28", 3, "b"]


def test_values_of_queries_arrive(generated: Generated, client: Any) -> None:
    colour = generated.model("Colour")
    required, lists = generated.operation("places.places_query_required"), generated.operation("places.places_query_lists")
    search = generated.operation("places.places_query_pydantic").sync(client=client, word="tea & salt", since=date(2026, 2, 28))

    assert required.sync(client=client, number=-2, colour=colour.GREEN, word="é&=") == [-2, "green", "é&="]
    assert lists.sync(client=client, numbers=[1, 2], words=["b", "a"], colours=[colour.RED]) == [[1, 2], ["a", "b"], None, ["red"]]
    assert (search.word, search.limit, search.since) == ("tea & salt", 10, date(2026, 2, 28))


@pytest.mark.filterwarnings("ignore:Setting per-request cookies:DeprecationWarning")  # the generated client does that
def test_values_of_headers_and_cookies_arrive(generated: Generated, client: Any) -> None:
    unset = importlib.import_module(f"{PACKAGE}.types").UNSET  # it does not write cookies that are no texts
    everywhere, cookies = generated.operation("places.places_everywhere"), generated.operation("places.places_cookies")

    assert everywhere.sync(3, client=client, page=2, x_tag="tag", seen=unset) == [3, 2, "tag", False]
    assert cookies.sync(client=client, session="abcd1", visits=unset) == ["abcd1", 0, None]


ECHOED: list[tuple[str, str, dict[str, Any]]] = [
    ("payloads_struct", "Item", {"name": "tea", "price": 3, "tags": ["hot"]}),
    ("payloads_strict", "Strict", {"firstName": "ada", "lastName": None}),
    ("payloads_recursive", "Node", {"value": 1, "children": [{"value": 2, "children": [{"value": 3, "children": []}]}]}),
    ("payloads_generic", "PageItem", {"items": [{"name": "tea", "price": 0, "tags": []}], "total": 1}),
    ("payloads_tagged", "Dog", {"type": "dog", "barks": True}),
    (
        "payloads_a_pydantic_model",
        "Person",
        {"name": "Ada", "age": 36, "address": {"street": "High Street", "zip": "12345"}, "nick": ["A"]},
    ),
    ("payloads_a_tree", "Tree", {"name": "root", "below": [{"name": "leaf", "below": []}]}),
    ("payloads_a_figure", "Square", {"kind": "square", "side": 2.5}),
]


@pytest.mark.parametrize(("operation", "model", "value"), ECHOED)
def test_models_come_back_as_they_were_sent(generated: Generated, client: Any, operation: str, model: str, value: dict[str, Any]) -> None:
    sent = generated.model(model).from_dict(value)

    got = generated.operation(f"payloads.{operation}").sync(client=client, body=sent)

    assert got == sent
    assert got.to_dict() == value


def test_models_that_are_written_otherwise_than_read_are_two(generated: Generated, client: Any) -> None:
    got = generated.operation("payloads.payloads_computed").sync(client=client, body=generated.model("ComputedInput")(count=4))

    assert got == generated.model("ComputedOutput")(count=4, double=8)


def test_who_is_authenticated_is_let_in(generated: Generated, client: Any, live: str) -> None:
    secret, kind = generated.operation("guards.guards_secret"), importlib.import_module(PACKAGE).AuthenticatedClient

    with kind(base_url=live, token="right", raise_on_unexpected_status=True) as known:
        assert secret.sync_detailed(client=known).status_code == 200
    with kind(base_url=live, token="wrong", raise_on_unexpected_status=True) as unknown:
        refused = secret.sync_detailed(client=unknown)

    assert refused.status_code == 401
    assert isinstance(refused.parsed, generated.model("Problem"))
    assert refused.parsed.status == 401


def test_problems_are_models_too(generated: Generated, client: Any) -> None:
    item, strict = generated.model("Item")(name=""), generated.model("Strict")(first_name="Ada")
    missing = generated.operation("places.places_path_bounds").sync_detailed(1, 0.5, "x", client=client)

    for name, body in (("payloads_struct", item), ("payloads_strict", strict)):
        got = generated.operation(f"payloads.{name}").sync(client=client, body=body)
        assert isinstance(got, generated.model("ValidationProblem"))
        assert got.status == 422
        assert got.errors
    assert missing.status_code == missing.parsed.status
