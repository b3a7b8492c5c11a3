"""Fixtures for pytest, which finds them by itself: `velo_client`, once for each protocol, for the application that `velo_app` gives."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from traceback import walk_tb
from types import TracebackType
from typing import TYPE_CHECKING, cast, get_args

import pytest

from velo_testing.protocols import Application, ProtocolName

if TYPE_CHECKING:
    from velo_testing.client import TestClient
    from velo_testing.contract import Contract

__all__ = ["velo_app", "velo_client", "velo_contract", "velo_protocol"]

OPTION = "velo_app"
CONTRACT = "velo_contract"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `velo_app = module:attribute` and `velo_contract = true` to pytest's configuration."""
    parser.addini(OPTION, "The application that the fixture velo_app gives, such as shop:app.", default="")
    parser.addini(CONTRACT, "Hold what velo_client receives against the OpenAPI document of the application.", type="bool", default=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Shows a test that received what is not in the document, and not how that was found: of the traceback, the lines of the test.

    `pytest --full-trace` shows all.
    """
    errors = sys.modules.get("velo_testing.errors")  # who has not imported it cannot have raised it
    if errors is None or call.excinfo is None or item.config.getoption("fulltrace"):
        return
    violation, kind = call.excinfo.value, cast("type[Exception]", errors.ContractViolation)
    if isinstance(violation, kind):
        violation.__cause__ = None  # which the message has already
        call.excinfo = pytest.ExceptionInfo[BaseException].from_exception(violation.with_traceback(_own(violation.__traceback__)))


def _own(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without what is between a test and its application."""
    kept: TracebackType | None = None
    for frame, line in reversed(list(walk_tb(traceback))):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _BETWEEN:
            kept = TracebackType(kept, frame, frame.f_lasti, line)
    return kept


_BETWEEN = frozenset(("velo_testing", "httpx2"))


@pytest.fixture(params=get_args(ProtocolName))
def velo_protocol(request: pytest.FixtureRequest) -> ProtocolName:
    """Each protocol in turn; a test that asks for this, or for `velo_client`, runs once for each."""
    return cast("ProtocolName", request.param)


@pytest.fixture
def velo_app(pytestconfig: pytest.Config) -> Application:
    """The application under test: define a fixture of this name that makes it, or set `velo_app = "shop:app"` for pytest.

    Raises:
        pytest.UsageError: there is neither.
    """
    target = str(pytestconfig.getini(OPTION))
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise pytest.UsageError(
            "velo_client needs an application: write a fixture velo_app that returns one, "
            "or velo_app = 'shop:app' into the configuration of pytest"
        )
    found: object = importlib.import_module(module)
    for name in attribute.split("."):
        found = getattr(found, name)
    return cast("Application", found)


@pytest.fixture
def velo_contract(velo_app: Application) -> Contract:
    """The OpenAPI documents of `velo_app`. A test that asks for it fails if `velo_client` receives what is in none of them.

    `velo_contract = true` in the configuration of pytest makes all tests ask for it. Clients of your own take it as an argument:
    `TestClient(app, contract=velo_contract)`. Define a fixture of this name for a document from elsewhere, or for paths to leave out:
    `Contract.of(velo_app, ignore=["/internal/{path}"])`.
    """
    from velo_testing.contract import Contract

    return Contract.of(velo_app)


@pytest.fixture
def velo_client(request: pytest.FixtureRequest, velo_app: Application, velo_protocol: ProtocolName) -> Iterator[TestClient]:
    """A `TestClient` for `velo_app`, started, once for each protocol."""
    from velo_testing.client import TestClient

    is_held = CONTRACT in request.fixturenames or bool(request.config.getini(CONTRACT))
    contract = cast("Contract", request.getfixturevalue(CONTRACT)) if is_held else False
    with TestClient(velo_app, protocol=velo_protocol, contract=contract) as client:
        yield client
