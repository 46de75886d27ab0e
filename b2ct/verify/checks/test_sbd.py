"""What SBD promises: disks that all members read, and a watchdog over each member."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.b2ct.cloud.plugins.module_utils.san import Lun, candidates
from ansible_collections.b2ct.cloud.plugins.module_utils.sbd import Header, read_header, read_slots
from ansible_collections.b2ct.cloud.plugins.module_utils.watchdog import CLASS, kernel_name
from testinfra.host import Host

GROUPS = ("sbd",)
UNITS = ("sbd", "pacemaker")


@pytest.fixture(scope="module")
def devices(host: Host) -> dict[str, str]:
    """Give the device of each disk that SBD on this member was told of."""
    found = host.run("cat /etc/default/sbd /etc/sysconfig/sbd 2>/dev/null").stdout
    told = re.findall(r'^SBD_DEVICE="([^"]*)"', found, re.MULTILINE)
    assert told, "no disk is named: b2ct deploy SITE --stage storage"
    return {path.rpartition("/")[2]: path for path in told[0].split(";")}


def test_runs_with_the_cluster(host: Host) -> None:
    """SBD runs, and starts whenever Corosync does."""
    assert host.service("sbd").is_running, "restart the member: SBD starts with Corosync only"
    needed = host.check_output("systemctl show --value --property Requires corosync")
    assert "sbd.service" in needed.split(), "enable it: systemctl enable sbd"


def test_disks(host: Host, wanted: Mapping[str, Any], devices: Mapping[str, str]) -> None:
    """Each disk of SBD is the one of the site file, with the times that are wanted."""
    times = Header(wanted["cluster_sbd_watchdog_timeout"], wanted["cluster_sbd_msgwait"])
    disks = wanted["cluster_sbd_disks"]
    assert len(devices) == len(disks), f"{len(devices)} of {len(disks)} disks are in use"
    for name, disk in disks.items():
        links = {path.name for path in candidates(Lun(name, disk["wwid"], disk["paths"]))}
        mine = [path for link, path in devices.items() if link in {name, *links}]
        assert mine, f"{name} is not in use; in use are {', '.join(devices.values())}"
        listing = host.run("sbd -d %s dump", mine[0])
        assert listing.rc == 0, f"{name} cannot be read: {listing.stderr.strip()}"
        assert read_header(listing.stdout) == times, f"{name} has other times than {times}"


def test_slots(host: Host, wanted: Mapping[str, Any], devices: Mapping[str, str]) -> None:
    """Every member has its slot on every disk of SBD, and no pill lies in it."""
    for name, device in devices.items():
        slots = read_slots(host.check_output("sbd -d %s list", device))
        without = [member for member in wanted["cluster_members"] if member not in slots]
        assert without == [], f"{name} has no slot for {', '.join(without)}"
        waiting = [f"{slots[one]} for {one}" for one in wanted["cluster_members"]
                   if slots[one] != "clear"]  # fmt: skip
        assert waiting == [], f"on {name} lies {', '.join(waiting)}"


def test_watchdog_is_held(host: Host, wanted: Mapping[str, Any]) -> None:
    """SBD holds the watchdog of this member, and it is armed with the time that is wanted."""
    daemon = host.check_output("systemctl show --value --property MainPID sbd")
    files = host.run(f"readlink /proc/{daemon}/fd/*").stdout
    held = [name for name in files.split() if "watchdog" in name]
    assert held, "SBD has no watchdog open; see journalctl -u sbd"
    name = kernel_name(held[0])
    place = str(CLASS / name)
    state, timeout = (host.check_output("cat %s/%s", place, what) for what in ("state", "timeout"))
    assert state == "active", f"{name} is {state}"
    want = wanted["cluster_sbd_watchdog_timeout"]
    assert int(timeout) == want, f"{name} waits {timeout} s, not {want}"


def test_pacemaker_waits(host: Host, wanted: Mapping[str, Any]) -> None:
    """Pacemaker waits until a pill counts as taken, and trusts no watchdog without a disk."""
    asked = "crm_attribute --query --name %s --default 0 --quiet"
    given = host.check_output(asked, "stonith-timeout").rstrip("s")
    assert int(given) > wanted["cluster_sbd_msgwait"] * 1.2, f"stonith-timeout is {given} s"
    diskless = host.check_output(asked, "stonith-watchdog-timeout").rstrip("s")
    assert diskless == "0", "set it to 0: crm_attribute --name stonith-watchdog-timeout --update 0"


def test_file_is_in_use(host: Host) -> None:
    """SBD has started after its file was written."""
    daemon = host.check_output("systemctl show --value --property MainPID sbd")
    age = host.check_output("ps -o etimes= -p %s", daemon)
    started = int(host.check_output("date +%s")) - int(age)
    place = host.check_output("ls /etc/default/sbd /etc/sysconfig/sbd 2>/dev/null; true").split()[0]
    written = int(host.check_output("stat --format %%Y %s", place))
    assert written <= started, f"{place} is newer: restart the member at a quiet time"
