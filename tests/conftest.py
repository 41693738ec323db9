"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import settings

# No wall-clock in a unit test: on two busy cores an example's time says nothing about the code.
settings.register_profile("sparkctl", deadline=None)
settings.load_profile("sparkctl")
