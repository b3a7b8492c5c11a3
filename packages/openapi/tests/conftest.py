"""The torture application, for all tests here and for servers of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Tests are imported one by one, in the tree as in a copy of it, so their folder is on no path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def live() -> Iterator[str]:
    """The URL of the torture application under Granian."""
    from torture.serving import served

    with served() as url:
        yield url
