"""`examples/health.py`: what it says of itself, well and ill, over every protocol."""

import asyncio
import runpy
from pathlib import Path
from typing import Any, get_args

import pytest

from velo_core import Velo
from velo_testing import AsyncTestClient, ProtocolName, TestClient
from velo_testing.conformance import PluginContract

EXAMPLE = Path(__file__).parents[2] / "examples" / "health.py"
NAMES = runpy.run_path(str(EXAMPLE), run_name="health")


class TestConformance(PluginContract):
    plugin = NAMES["Health"]

    def test_it_imports_public_names_only(self) -> None:
        """The example is no module that can be found by its name."""
        assert "velo_core." not in EXAMPLE.read_text()


@pytest.fixture(params=get_args(ProtocolName))
def client(request: pytest.FixtureRequest) -> Any:
    names = runpy.run_path(str(EXAMPLE), run_name="health")
    with TestClient(names["app"], protocol=request.param) as client:
        yield client, names


def test_it_is_well_as_long_as_its_store_is_open(client: Any) -> None:
    http, names = client
    assert http.get("/health/live").json() == {"status": "well"}
    assert http.get("/health/ready").json() == {
        "status": "well",
        "checks": [{"name": "store", "status": "well", "critical": True, "trouble": None}],
    }

    names["app"][names["STORE"]].is_open = False
    response = http.get("/health/ready")
    assert response.status_code == 503
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["checks"][0]["trouble"] == "ConnectionError: the store is closed"


def test_the_store_is_given_by_type_and_found_in_its_slot(client: Any) -> None:
    http, _ = client
    assert http.get("/values/a").json() == {"missing": "a", "known": 0}
    assert http.put("/values/a?value=1").status_code == 204
    assert http.get("/values/a").text == "1"


def test_what_hangs_is_ill_and_what_is_not_critical_does_not_matter() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    app = Velo()
    app.install(NAMES["Health"]())
    app.add_health_check("slow", hang, critical=False, timeout_seconds=0.01)
    with TestClient(app) as http:
        response = http.get("/health/ready")
        assert (response.status_code, response.json()["status"]) == (200, "well")
        assert response.json()["checks"] == [{"name": "slow", "status": "ill", "critical": False, "trouble": None}]


async def test_it_is_not_ready_any_more_while_it_closes() -> None:
    app = Velo()
    app.install(NAMES["Health"]())
    async with AsyncTestClient(app) as http:
        await app.closing()
        assert (await http.get("/health/ready")).status_code == 503
        assert (await http.get("/health/live")).status_code == 200
