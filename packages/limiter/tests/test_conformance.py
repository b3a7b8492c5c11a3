"""What every plugin has to keep."""

from typing import ClassVar

from velo_limiter import RateLimit, RateLimitAlgorithm, RateLimitRule
from velo_testing.conformance import PluginContract


class TestConformance(PluginContract):
    plugin = lambda: RateLimit([RateLimitRule("burst", 100, 60, RateLimitAlgorithm.FIXED_WINDOW)])  # noqa: E731 - as the page shows it
    options: ClassVar = {"rules": [{"name": "burst", "limit": 100, "window": 60, "algorithm": "fixed_window"}]}
