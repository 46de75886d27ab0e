"""What the role ``cluster`` promises: members with a majority, who can switch each other off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.b2ct.cloud.plugins.module_utils.cluster_state import State, read
from testinfra.host import Host

GROUPS = ("cluster",)
UNITS = ("corosync", "pacemaker")


@pytest.fixture(scope="module")
def state(host: Host) -> State:
    """Give what this member sees of the cluster."""
    done = host.run("crm_mon --one-shot --inactive --output-as=xml")
    assert done.rc == 0, f"the cluster does not answer: {done.stderr.strip() or done.stdout}"
    return read(done.stdout)


def test_starts_with_the_machine(host: Host) -> None:
    """Pacemaker runs, and starts with the machine."""
    assert host.service("pacemaker").is_running, "start it: systemctl start pacemaker"
    assert host.service("pacemaker").is_enabled, "enable it: systemctl enable pacemaker"


def test_quorum(host: Host, wanted: Mapping[str, Any], state: State) -> None:
    """The cluster has a majority, and every member is in it."""
    away = [name for name in wanted["cluster_members"] if name not in state.online]
    assert state.quorate, f"it has no majority; away: {', '.join(away)}"
    assert away == [], f"not in the cluster: {', '.join(away)}"


def test_links(host: Host, wanted: Mapping[str, Any]) -> None:
    """Every link of this member reaches every other member."""
    found = host.check_output("corosync-cfgtool -n")
    cut = re.findall(r"LINK: (\d+) .*?-> (\S+?)\)?\s.*?(?:disabled|disconnected)", found)
    assert cut == [], "; ".join(f"link {number} to {to} is cut" for number, to in cut)
    links = len(re.findall(r"LINK: \d+ .*\bconnected\b", found))
    members = wanted["cluster_members"]
    expected = sum(
        len(member["addresses"]) for name, member in members.items()
    ) - len(next(iter(members.values()))["addresses"])  # fmt: skip
    assert links >= expected, f"{links} of {expected} links are connected"


def test_fencing(host: Host, wanted: Mapping[str, Any], state: State) -> None:
    """Every fencing device of every member answers."""
    enabled = host.check_output("crm_attribute --query --name stonith-enabled --quiet")
    assert enabled.strip() == "true", "fencing is switched off: set stonith-enabled=true"
    devices = [one["name"] for levels in wanted["cluster_fencing"].values() for one in levels]
    dead = [name for name in devices if not state.running.get(name)]
    reasons = [str(one) for one in state.failures if one.resource in dead]
    assert dead == [], f"these do not answer: {', '.join(dead)}; {'; '.join(reasons)}"


def test_lock_managers(host: Host, wanted: Mapping[str, Any], state: State) -> None:
    """The lock managers of shared storage run on this member."""
    if not wanted["cluster_locks"]:
        pytest.skip("this cluster shares no file system")
    missing = state.missing({"dlm": True, "lvmlockd": True}, wanted["cluster_members"])
    assert missing == [], "; ".join(missing)


def test_key_is_secret(host: Host) -> None:
    """Only root reads the key of the cluster."""
    key = host.file("/etc/corosync/authkey")
    assert (key.user, key.mode) == ("root", 0o400), "chown root, chmod 0400"
