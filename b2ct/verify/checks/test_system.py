"""What is true of every good node, whatever its roles: units, room, file systems."""

from __future__ import annotations

import pytest
from testinfra.host import Host

GROUPS = ("all",)
#: Percent of a file system, and of its inodes, that must be free.
LEAST_FREE = 5
#: Kinds of file systems that hold a node's own data; a full image of a CD is no fault.
REAL = ("ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "gfs2")
#: Made by the kernel or the container for itself.
_PASSED_OVER = ("/dev", "/proc", "/sys")


def _used(host: Host, what: str) -> dict[str, int]:
    """Give the percentage in use of each file system."""
    kinds = " ".join(f"-t {kind}" for kind in REAL)
    told = host.run(f"df {kinds} --output=target,{what}")
    rows = [line.rsplit(None, 1) for line in told.stdout.splitlines()[1:]]
    return {
        target.strip(): int(percent.rstrip("%"))
        for target, percent in rows
        if percent != "-" and not target.startswith(_PASSED_OVER)
    }


def test_no_unit_has_failed(host: Host) -> None:
    """No unit of systemd has failed"""
    told = host.check_output("systemctl list-units --state=failed --plain --no-legend --full")
    failed = [line.split()[0] for line in told.splitlines() if line.strip()]
    assert not failed, f"failed: {', '.join(failed)}; see: systemctl status {failed[0]}"


@pytest.mark.parametrize(
    ("what", "name"), [("pcent", "room"), ("ipcent", "inodes")], ids=["room", "inodes"]
)
def test_file_systems_have_room(host: Host, what: str, name: str) -> None:
    """Every file system has room"""
    found = _used(host, what)
    assert found, "df shows no file system"
    full = {path: used for path, used in found.items() if used > 100 - LEAST_FREE}
    told = ", ".join(f"{path} is {used} % full" for path, used in full.items())
    assert not full, f"{name}: {told}"


def test_nothing_went_read_only(host: Host) -> None:
    """The file systems for data can be written to"""
    for folder in ("/etc", "/var", "/var/log"):
        told = host.run("test -w %s && findmnt --noheadings --output OPTIONS -T %s", folder, folder)
        options = told.stdout.strip().split(",")
        assert "ro" not in options, f"{folder} is mounted read-only: look for faults of its disk"
