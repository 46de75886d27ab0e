"""Repositories are mounted on use through the caches; keys that are not known are refused."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from tests.containers.places import SCENARIOS

SCENARIO = SCENARIOS / "cvmfs_client"
CACHE = "http://10.89.0.31:3128"
FOLDER = Path(os.environ["B2CT_TEST_CACHE"]) / "cvmfs"
NODES = {"node1": "10.89.0.21", "node2": "10.89.0.22"}
SERVER = "https://packages.scenario.example.org/repo"


@pytest.fixture(params=NODES)
def client(request: pytest.FixtureRequest) -> Host:
    return testinfra.get_host(f"podman://{request.param}")


def asked() -> list[str]:
    """Give who asked the cache for what."""
    text = testinfra.get_host("podman://control1").file("/run/asked").content_string
    return str(text).splitlines()


def run(variables: dict[str, object], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", "--inventory", str(SCENARIO / "inventory"),
         "--extra-vars", json.dumps(variables), *arguments, str(SCENARIO / "converge.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["known.vendor.example.org", "belle.own.example.org"])
def test_a_repository_is_mounted_on_use(client: Host, name: str) -> None:
    """By the kernel's automounter, from the servers of its domain, through the cache."""
    client.run(f"umount /cvmfs/{name}")
    assert f" /cvmfs/{name} " not in client.file("/proc/mounts").content_string
    assert client.file(f"/cvmfs/{name}/hello").content_string == f"hello from {name}\n"
    assert f"cvmfs2 /cvmfs/{name} tmpfs ro," in client.file("/proc/mounts").content_string
    address = NODES[client.backend.name]
    assert f"{address} http://stratum-one.example.org/cvmfs/{name}/hello" in asked()


def test_what_is_not_wanted_is_not_mounted(client: Host) -> None:
    assert client.run("ls /cvmfs/foreign.vendor.example.org").rc != 0


def test_a_repository_of_another_key_is_refused() -> None:
    """The site's own domain is vouched for by the site's own key, and by no other."""
    name = "forged.own.example.org"
    done = run({"cvmfs_client_repositories": [name, "belle.own.example.org"]})
    try:
        assert done.returncode == 0, done.stdout[-3000:]
        for node, address in NODES.items():
            client = testinfra.get_host(f"podman://{node}")
            assert client.run(f"ls /cvmfs/{name}").rc != 0
            path = f"http://stratum-one.example.org/cvmfs/{name}/.cvmfswhitelist"
            assert f"{address} {path}" in asked()
            # The client was told: its own command is there to say what it reads now.
            assert client.file("/run/cvmfs-reloaded").exists
    finally:
        back = run({})
    assert back.returncode == 0, back.stdout[-3000:]


def test_what_the_client_reads(client: Host) -> None:
    said = client.check_output("cvmfs_config showconfig belle.own.example.org").splitlines()
    assert "CVMFS_REPOSITORIES=known.vendor.example.org,belle.own.example.org" in said
    assert f"CVMFS_HTTP_PROXY={CACHE}" in said
    assert "CVMFS_QUOTA_LIMIT=4096" in said
    assert "CVMFS_PUBLIC_KEY=/etc/cvmfs/keys/own.example.org/b2ct-0.pub" in said
    assert client.check_output(". /etc/profile.d/b2ct-belle2.sh; echo $BELLE2_CONDB_PROXY") == CACHE


def test_packages_are_the_vendors(client: Host) -> None:
    """Installed from the repository that the key vouches for."""
    if client.exists("rpm"):
        assert "Key ID" in client.check_output("rpm -qi cvmfs")
        signed = client.check_output("rpm -q --qf '%{SIGPGP:pgpsig}%{RSAHEADER:pgpsig}' cvmfs")
        key = (FOLDER / "fingerprint").read_text()[-16:].lower()
        assert key in signed
        return
    assert "packages.scenario.example.org" in client.check_output("apt-cache policy cvmfs")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"cvmfs_client_key_fingerprint": "0" * 40}, f"and {'0' * 40} is expected"),
        ({"cvmfs_client_package_repository": "http://packages.scenario.example.org/repo"},
         "addresses of packages and key are https://"),
        ({"cvmfs_client_proxies": ["10.89.0.31:3128"]}, "proxies are http://address:port"),
        ({"cvmfs_client_repositories": ["belle"]}, "Repositories are full names"),
    ],
    ids=["another fingerprint", "no TLS", "proxy", "repository"],
)  # fmt: skip
def test_the_role_refuses(said: dict[str, object], told: str) -> None:
    done = run(said)
    assert done.returncode != 0
    # Both machines refuse.
    assert " ".join(done.stdout.split()).count(told) >= len(NODES), done.stdout
    # What stood in the list of packages' sources stands there still.
    for node in NODES:
        client = testinfra.get_host(f"podman://{node}")
        assert client.run("grep -r stranger /etc/apt/sources.list.d /etc/yum.repos.d").rc != 0


def test_another_key_is_refused(client: Host) -> None:
    """Where none is trusted yet, and the right one is taken afterwards."""
    node = client.backend.name
    folder = "/etc/pki/rpm-gpg" if client.exists("rpm") else "/etc/apt/keyrings"
    (key,) = client.check_output(f"find {folder} -iname '*cernvm*'").split()
    client.check_output(f"rm {key}")
    done = run({"cvmfs_client_key_url": f"{SERVER}/stranger.key"}, f"--limit={node}")
    assert done.returncode != 0
    assert "is expected: either the owner has a new key" in " ".join(done.stdout.split())
    assert not client.file(key).exists
    back = run({}, f"--limit={node}")
    assert back.returncode == 0, back.stdout[-3000:]
    assert client.file(key).exists


def test_packages_of_a_stranger_are_refused(client: Host) -> None:
    """The key is right, and the packages are signed by another: apt and dnf see to that."""
    node = client.backend.name
    remove = "dnf -q -y remove cvmfs" if client.exists("rpm") else "apt-get -qq -y purge cvmfs"
    client.run("umount /cvmfs/*")
    client.check_output(remove)
    client.run("dnf clean all; rm -rf /var/lib/apt/lists/packages*")
    done = run({"cvmfs_client_package_repository": f"{SERVER}/stranger"}, f"--limit={node}")
    assert done.returncode != 0
    assert not client.file("/usr/bin/cvmfs_config").exists
    back = run({}, f"--limit={node}")
    assert back.returncode == 0, back.stdout[-3000:]
    assert client.file("/cvmfs/belle.own.example.org/hello").exists
