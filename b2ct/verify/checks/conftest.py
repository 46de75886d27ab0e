"""The fixtures of every check. The engine (``b2ct.verify.worker``) brings this file along.

A check looks like this; its docstring is its line in the report::

    GROUPS = ("cache",)
    UNITS = ("squid",)  # whose journal explains a failure

    def test_port(host: Host, wanted: Mapping[str, Any]) -> None:
        "Squid listens on its port"
        port = wanted["squid_port"]
        assert host.socket(f"tcp://0.0.0.0:{port}").is_listening, f"nothing listens on {port}"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from b2ct.verify.job import JOB, Job


@pytest.fixture(scope="session")
def host(pytestconfig: pytest.Config) -> Host:
    """Give testinfra's host: commands run on it as root."""
    return pytestconfig.stash[JOB].host


@pytest.fixture(scope="session")
def wanted(pytestconfig: pytest.Config) -> Mapping[str, Any]:
    """Give the host's variables: the roles' defaults, and over them what the inventory says."""
    return pytestconfig.stash[JOB].target.variables


@pytest.fixture(scope="session")
def groups(pytestconfig: pytest.Config) -> Mapping[str, tuple[str, ...]]:
    """Give the names of the hosts of every group of the site."""
    return pytestconfig.stash[JOB].groups


@pytest.fixture(scope="session")
def job(pytestconfig: pytest.Config) -> Job:
    """Give all that is known of the host that is verified."""
    return pytestconfig.stash[JOB]
