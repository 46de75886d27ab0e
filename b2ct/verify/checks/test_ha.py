"""What the roles ``fence``, ``drbd`` and ``heartbeat`` promise: a pair that can take over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from b2ct.verify.job import Job

GROUPS = ("ha",)
UNITS = ("heartbeat", "drbd", "pacemaker", "corosync")
_CONNECTED = ("Connected", "Established")


@pytest.fixture
def heartbeat(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the variables where Heartbeat is the engine."""
    if not wanted["heartbeat_nodes"]:
        pytest.skip("the engine is not Heartbeat")
    return wanted


@pytest.fixture
def group(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what moves: ``address``, ``volumes`` and ``units``, whatever the engine."""
    role = "heartbeat" if wanted["heartbeat_nodes"] else "control_ha"
    return {name: wanted[f"{role}_{name}"] for name in ("address", "volumes", "units")}


def test_copies_are_connected(host: Host, wanted: Mapping[str, Any]) -> None:
    """Both copies of every volume are connected, and up to date."""
    for resource in wanted["drbd_resources"]:
        name = resource["name"]
        connection = host.check_output("drbdadm cstate %s", name).split()[0]
        assert connection in _CONNECTED, f"{name} is {connection}: see docs/ha.md"
        disks = host.check_output("drbdadm dstate %s", name).split()[-1]
        assert disks == "UpToDate/UpToDate", f"{name} is {disks}: see docs/ha.md"


def test_copies_connect_again(host: Host) -> None:
    """DRBD waits for the address that a pulled cable takes away, instead of giving up."""
    assert host.sysctl("net.ipv4.ip_nonlocal_bind") == 1, "run: systemctl restart systemd-sysctl"


def test_secrets_are_root_s(host: Host, wanted: Mapping[str, Any]) -> None:
    """What holds the pair's secrets can be read by root only."""
    files = ["/etc/b2ct/ha/drbd.secret"]
    files += [f"/etc/drbd.d/{resource['name']}.res" for resource in wanted["drbd_resources"]]
    files += [f"/etc/b2ct/fence/{name}.json" for name in wanted["fence_nodes"]]
    if wanted["heartbeat_nodes"]:
        files.append("/etc/ha.d/authkeys")
    for name in files:
        found = host.file(name)
        assert (found.user, found.mode) == ("root", 0o600), f"chmod 0600 {name}"


def test_the_other_node_can_be_fenced(host: Host, wanted: Mapping[str, Any], job: Job) -> None:
    """The other node's power can be asked for, so it can be switched off."""
    for node in wanted["drbd_nodes"]:
        if node["host"] == job.target.name:
            continue
        done = host.run("/usr/local/sbin/b2ct-fence %s status", node["host"])
        assert done.rc in (0, 2), f"fencing of {node['host']} does not work: {done.stderr.strip()}"


def test_copies_are_compared(host: Host) -> None:
    """The timer that compares both copies runs."""
    assert host.service("b2ct-drbd-verify.timer").is_running
    assert host.service("b2ct-drbd-verify.timer").is_enabled


def test_heartbeat_sees_the_other_node(host: Host, heartbeat: Mapping[str, Any], job: Job) -> None:
    """Heartbeat runs, starts with the machine, and sees the other node on every link."""
    assert host.service("heartbeat").is_running, "start it: systemctl start heartbeat"
    assert host.service("heartbeat").is_enabled, "enable it: systemctl enable heartbeat"
    (peer,) = [n["name"] for n in heartbeat["heartbeat_nodes"] if n["host"] != job.target.name]
    state = host.run("cl_status nodestatus %s", peer).stdout.strip()
    assert state == "active", f"{peer} is {state or 'unknown'}"
    for link in heartbeat["heartbeat_links"]:
        state = host.run("cl_status hblinkstatus %s %s", peer, link["interface"]).stdout.strip()
        assert state == "up", f"the link {link['interface']} to {peer} is {state or 'unknown'}"


def test_group_is_whole(host: Host, group: Mapping[str, Any]) -> None:
    """Address, volumes and services are on one node, all together."""
    mounted = {one["mount"]: host.mount_point(one["mount"]).exists for one in group["volumes"]}
    active = any(mounted.values())
    address = group["address"].partition("/")[0]
    has = bool(re.search(r"\binet\b", host.run("ip -o addr show to %s", address).stdout))
    assert has == active, f"{address} is {'here' if has else 'not here'}, the volume otherwise"
    away = [place for place, there in mounted.items() if there != active]
    assert away == [], f"not mounted: {', '.join(away)}"
    for unit in group["units"]:
        # Neither engine starts what is not installed.
        if not host.service(unit).exists:
            continue
        assert host.service(unit).is_running == active, (
            f"{unit} {'does not run' if active else 'runs on the node that stands by'}"
        )
        enabled = host.run("systemctl is-enabled %s", unit).stdout.strip()
        assert enabled != "enabled", f"the pair starts it: systemctl disable {unit}"
