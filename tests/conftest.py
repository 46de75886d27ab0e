"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# How long one example takes depends on what else the machine does: no test asserts a time.
settings.register_profile("b2ct", deadline=None)
settings.load_profile("b2ct")
