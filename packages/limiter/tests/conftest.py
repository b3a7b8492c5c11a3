"""What every test of this package keeps to."""

from hypothesis import HealthCheck, settings

# A busy machine is no failure.
settings.register_profile("unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
