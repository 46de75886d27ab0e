"""For pytest in a scenario: a test module without ``testinfra_hosts`` means every host."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Name the hosts before testinfra looks for them."""
    if not hasattr(metafunc.module, "testinfra_hosts"):
        metafunc.module.testinfra_hosts = os.environ["B2CT_TEST_HOSTS"].split()
