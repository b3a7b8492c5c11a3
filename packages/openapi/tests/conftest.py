"""The torture application, for all tests here and for servers of their own."""

from __future__ import annotations

import sys
from pathlib import Path

# Tests are imported one by one, in the tree as in a copy of it, so their folder is on no path.
sys.path.insert(0, str(Path(__file__).parent))
