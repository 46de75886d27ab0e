"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long one example takes depends on what else the machine does: no test asserts a time.
settings.register_profile("b2ct", deadline=None)
settings.load_profile("b2ct")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a deliberate change of a text rewrite its golden file; read the diff afterwards."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
