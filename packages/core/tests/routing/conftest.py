"""Both ways into a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from velo_core.routing.table import Table

Found = tuple[str, tuple[object, ...]]


@pytest.fixture(params=["decoded", "raw"])
def find(request: pytest.FixtureRequest) -> Callable[[Table[str], str, str], Found]:
    """Both ways in answer alike for a path without a `%`."""
    if request.param == "decoded":
        return lambda table, method, path: table.find(method, path)
    return lambda table, method, path: table.find_raw(method, path.encode().decode("latin-1"))
