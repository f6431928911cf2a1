"""Property tests here do not measure time: the machine may be busy, and a slow draw is no fault of the code."""

from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
