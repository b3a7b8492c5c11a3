"""Every behaviour is tested on every protocol, through generated plans and through interpreted ones."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from velo_core import Velo
from velo_testing import ProtocolName, TestClient

sys.path.insert(0, str(Path(__file__).parent))  # for modules such as `parameter_routes`, which several files share

Serve = Callable[..., TestClient]

# A busy machine is no failure.
settings.register_profile("unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

WAYS: list[tuple[ProtocolName, bool]] = [
    ("asgi", False),
    ("asgi", True),
    ("rsgi", False),
    ("rsgi", True),
    ("wsgi", False),
    ("wsgi", True),
]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "not_on_wsgi(reason): what WSGI has no way to do")


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{'interpreted' if way[1] else 'generated'}")
def way(request: pytest.FixtureRequest) -> tuple[ProtocolName, bool]:
    """A protocol, and whether plans are interpreted, for tests that make their own client."""
    marker: pytest.Mark | None = request.node.get_closest_marker("not_on_wsgi")
    if marker is not None and request.param[0] == "wsgi":
        pytest.skip(marker.args[0])
    return request.param


@pytest.fixture
def protocol(way: tuple[ProtocolName, bool]) -> ProtocolName:
    """The protocol alone, for what differs."""
    return way[0]


@pytest.fixture
def serve(way: tuple[ProtocolName, bool]) -> Iterator[Serve]:
    """Starts an application and gives a client for it; `serve(app, raise_app_exceptions=False)` to see its 500s."""
    protocol, interpreted = way
    with ExitStack() as stack:

        def start(app: Velo, *, raise_app_exceptions: bool = True) -> TestClient:
            app.interpreted = interpreted
            return stack.enter_context(TestClient(app, protocol=protocol, raise_app_exceptions=raise_app_exceptions))

        yield start


@pytest.fixture(params=[False, True], ids=["generated", "interpreted"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Velo]]:
    """Makes applications for WSGI servers, which are stopped at the end."""
    made: list[Velo] = []

    def make(**options: Any) -> Velo:
        made.append(Velo(interpreted=request.param, **options))
        return made[-1]

    yield make
    for app in made:
        app.wsgi.stop()
