"""`examples/tenants.py`: a plugin with a marker, a converter, a codec, middleware, hooks and background work, over every protocol."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from velo_testing import ProtocolName, TestClient
from velo_testing.conformance import PluginContract

EXAMPLE = Path(__file__).parents[2] / "examples" / "tenants.py"
NAMES = runpy.run_path(str(EXAMPLE), run_name="tenants")


class TestConformance(PluginContract):
    plugin = NAMES["Tenants"]

    def test_it_imports_public_names_only(self) -> None:
        """The example is no module that can be found by its name."""
        assert "velo_core." not in EXAMPLE.read_text()


@pytest.fixture(params=get_args(ProtocolName))
def names(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    names = runpy.run_path(str(EXAMPLE), run_name="tenants")
    with TestClient(names["app"], protocol=request.param) as client:
        yield {**names, "client": client, "protocol": request.param}


def test_settings_of_the_tenant_are_read_and_converted(names: dict[str, Any]) -> None:
    answer = names["client"].get("/invoices/INV-7", headers={"x-tenant": "acme"})

    assert answer.json() == {"number": "INV-7", "currency": "EUR", "vat": 20}
    assert answer.headers["x-number"] == "1"


def test_a_result_is_written_as_a_table_for_those_who_ask(names: dict[str, Any]) -> None:
    answer = names["client"].get("/invoices/INV-7", headers={"x-tenant": "globex", "accept": "text/csv"})

    assert answer.headers["content-type"] == "text/csv"
    assert answer.text == "number,currency,vat\r\nINV-7,USD,0\r\n"


def test_what_is_done_is_counted_and_journalled(names: dict[str, Any]) -> None:
    """All of it once the application has stopped, for that waits for the work in the background."""
    tenants = names["tenants"]
    with TestClient(names["app"], protocol=names["protocol"]) as client:
        client.get("/invoices/INV-7", headers={"x-tenant": "acme"})
        assert client.get("/invoices/INV-8", headers={"x-tenant": "nobody"}).status_code == 404
        assert client.get("/invoices/7", headers={"x-tenant": "acme"}).status_code == 404

    assert tenants.served == {"acme": 1}
    assert sorted(line for line in tenants.journal if line[0].isdigit()) == [
        "1 GET /invoices/{number:invoice} 200",
        "2 GET /invoices/{number:invoice} 404",
        "3 GET  404",
    ]
    assert "HTTPError: 404 Not Found: There is no such tenant." in tenants.journal


def test_the_order_of_middleware_is_told_with_its_reasons(names: dict[str, Any]) -> None:
    (route,) = names["app"].describe().routes
    around = [(hook.function.rpartition(".")[2], hook.reason) for hook in route.hooks if hook.kind == "middleware"]
    own = [(name, reason) for name, reason in around if name in ("give_number", "say_number")]

    assert [name for name, _ in own] == ["give_number", "say_number"]
    assert "band observe; after give_number" in own[1][1]
