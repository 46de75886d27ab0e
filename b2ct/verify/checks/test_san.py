"""What the role ``san`` promises: all disks on all paths, and the file system on every member."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.b2ct.cloud.plugins.module_utils.san import active_paths
from testinfra.host import Host

GROUPS = ("san",)
UNITS = ("pacemaker", "multipathd", "iscsid")
#: A file system that is fuller takes no new image of any size; percent.
FULL = 90


@pytest.fixture
def shared(wanted: Mapping[str, Any]) -> str:
    """Give the place of the shared file system; without one there is nothing to check."""
    if wanted["san_driver"] != "gfs2":
        pytest.skip("this SAN has no shared file system")
    return str(wanted["san_mount"])


def test_paths(host: Host, wanted: Mapping[str, Any]) -> None:
    """Every disk of the SAN is seen on as many paths as it should be."""
    few = []
    for name, lun in wanted["san_luns"].items():
        if lun["paths"] > 1:
            count = active_paths(host.run("multipath -ll %s", lun["wwid"]).stdout)
            if count < lun["paths"]:
                few.append(f"{name}: {count} of {lun['paths']}")
    assert few == [], f"paths that work: {'; '.join(few)}; look with: multipath -ll"


def test_volume_group(host: Host, wanted: Mapping[str, Any]) -> None:
    """The volume group is there, on all its disks, and shared as it should be."""
    group = wanted["san_volume_group"]
    options = "vg_lock_type,vg_lock_args,vg_missing_pv_count"
    found = host.run("vgs --noheadings --separator , --options %s %s", options, group)
    assert found.rc == 0, f"{group} is not there: {found.stderr.strip()}"
    kind, arguments, missing = found.stdout.strip().split(",")
    assert missing == "0", f"{missing} of its disks are missing"
    cluster = wanted["san_cluster"] if wanted["san_driver"] == "gfs2" else ""
    owner = arguments.partition(":")[2] if kind.strip() == "dlm" else ""
    assert owner == cluster, f"it belongs to {owner or 'no cluster'}, not to {cluster or 'none'}"


def test_volume(host: Host, wanted: Mapping[str, Any], shared: str) -> None:
    """The kernel knows the whole of the shared volume, whichever member has extended it."""
    volume = f"{wanted['san_volume_group']}/{wanted['san_filesystem']}"
    size = host.check_output("lvs --noheadings --nosuffix --units b --options lv_size %s", volume)
    known = host.check_output("blockdev --getsize64 /dev/%s", volume)
    assert int(known) == int(size), f"{known} of {size.strip()} bytes; lvchange --refresh {volume}"


def test_mounted(host: Host, wanted: Mapping[str, Any], shared: str) -> None:
    """The shared file system is mounted, and takes writes."""
    mount = host.mount_point(shared)
    assert mount.exists, f"{shared} is not mounted; look with: crm_mon --one-shot --inactive"
    assert mount.filesystem == "gfs2", f"{shared} is {mount.filesystem}"
    assert "rw" in mount.options, f"{shared} is read-only: its kernel has seen a fault (dmesg)"


def test_owner(host: Host, wanted: Mapping[str, Any], shared: str) -> None:
    """OpenNebula owns the shared folder."""
    folder = host.file(shared)
    owner = str(wanted["san_owner"])
    assert owner in {str(folder.uid), folder.user}, f"chown {owner} {shared}"


def test_room(host: Host, shared: str) -> None:
    """The shared file system has room."""
    used = host.check_output("df --output=pcent %s", shared)
    percent = int(re.findall(r"(\d+)%", used)[0])
    assert percent < FULL, f"{percent} % are used; see docs/storage.md, Full datastore"


def test_journals(host: Host, wanted: Mapping[str, Any], shared: str) -> None:
    """The shared file system has a journal for each member."""
    device = f"/dev/{wanted['san_volume_group']}/{wanted['san_filesystem']}"
    found = host.run("gfs2_edit -p jindex %s", device)
    assert found.rc == 0, found.stderr.strip()
    count = len(set(re.findall(r"\bjournal(\d+)\b", found.stdout)))
    needed = max(len(wanted["san_members"]), int(wanted["san_journals"]))
    assert count >= needed, f"{count} of {needed}; b2ct deploy SITE --stage storage adds them"
