"""What the role ``cvmfs_client`` promises: repositories that are mounted on use, by the caches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("cvmfs",)
UNITS = ("autofs",)


def test_autofs_runs(host: Host) -> None:
    """Autofs runs, starts with the machine, and knows /cvmfs."""
    assert host.service("autofs").is_running, "start it: systemctl start autofs"
    assert host.service("autofs").is_enabled, "enable it: systemctl enable autofs"
    assert host.file("/etc/auto.master.d/cvmfs.autofs").contains("^/cvmfs /etc/auto.cvmfs$")


def test_configuration(host: Host, wanted: Mapping[str, Any]) -> None:
    """CVMFS is told of the site's repositories and caches."""
    told = host.check_output(
        '. /etc/cvmfs/default.local; echo "$CVMFS_REPOSITORIES"; echo "$CVMFS_HTTP_PROXY"'
    )
    repositories, proxy = told.splitlines()
    assert repositories.split(",") == wanted["cvmfs_client_repositories"]
    assert proxy == ("|".join(wanted["cvmfs_client_proxies"]) or "DIRECT")


def test_caches_answer(host: Host, wanted: Mapping[str, Any]) -> None:
    """Every cache of the site takes connections from here."""
    silent = [
        proxy
        for proxy in wanted["cvmfs_client_proxies"]
        if not host.addr(proxy.split("//")[1].rpartition(":")[0].strip("[]"))
        .port(int(proxy.rpartition(":")[2]))
        .is_reachable
    ]
    assert silent == [], f"no connection to {', '.join(silent)}"


def test_repositories(host: Host, wanted: Mapping[str, Any]) -> None:
    """Every repository can be mounted and read."""
    failed = []
    for name in wanted["cvmfs_client_repositories"]:
        done = host.run("timeout 60 cvmfs_config probe %s", name)
        if done.rc != 0:
            failed.append(f"{name} ({(done.stdout + done.stderr).strip()[-100:]})")
    assert failed == [], f"cannot be mounted: {'; '.join(failed)}"


def test_packages_are_verified(host: Host) -> None:
    """The vendor's packages are taken only with the vendor's signature."""
    apt = host.file("/etc/apt/sources.list.d/cernvm.sources")
    dnf = host.file("/etc/yum.repos.d/cernvm.repo")
    if apt.exists:
        assert apt.contains("^Signed-By: /")
        assert not apt.contains("[Tt]rusted: *yes")
        return
    if not dnf.exists:
        pytest.fail("the vendor's repository is not set up")
    assert dnf.contains("^gpgcheck=1$")
    assert dnf.contains("^sslverify=1$")
