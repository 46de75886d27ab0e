"""Rules about the install disk: chosen by one stable selector, and never a stick."""

from __future__ import annotations

import re
from typing import Final

from b2ct.check.report import Report, few
from b2ct.check.setups import Setup, setups
from b2ct.model import Disk, DiskRule, DiskType, Erase, format_size
from b2ct.places import Path

SELECTORS: Final = ("by_id", "by_path", "serial", "rule", "device")
_PARTITION: Final = re.compile(r"(?:[shv]d[a-z]+\d+|xvd[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+)p\d+)")
_WHOLE: Final = re.compile(r"(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)")
#: Names below /dev/disk/by-id of what sits upon disks, not of disks.
_UPON_DISKS: Final = ("dm-", "lvm-", "md-")


def selectors(report: Report) -> None:
    """Every node has an install disk, named by exactly one selector."""
    for setup in setups(report.site):
        disk = setup.hardware.disk
        if disk is None:
            if setup.nodes:
                _no_disk(report, setup)
            continue
        given = [name for name in SELECTORS if getattr(disk, name) is not None]
        path = setup.path("disk")
        if not given:
            report.problem(
                path,
                "nothing says which disk",
                "add by_id, by_path, serial or rule",
                rests_on=setup.rests_on("disk"),
            )
        elif len(given) > 1:
            report.problem(
                path,
                f"{' and '.join(given)} both choose a disk",
                "keep one",
                rests_on=setup.rests_on("disk"),
            )
        _names(report, setup, disk)
        if disk.rule is not None:
            _rule(report, setup, disk, disk.rule)
        if disk.erase is Erase.ANYTHING and setup.nodes:
            report.note(
                setup.path("disk", "erase"),
                "whatever the disk holds is lost without a question",
                "blank or b2ct is safer once the site runs",
            )


def _no_disk(report: Report, setup: Setup) -> None:
    where: Path = ("nodes", setup.nodes[0]) if setup.node else ("hardware", setup.name or "")
    report.problem(
        where,
        f"there is no install disk for {few(setup.nodes)}",
        "add disk: with by_id, by_path, serial or rule",
        rests_on=setup.rests_on("disk"),
    )


def _names(report: Report, setup: Setup, disk: Disk) -> None:
    if disk.by_id is not None:
        path = setup.path("disk", "by_id")
        if disk.by_id.startswith("usb-"):
            report.problem(
                path,
                f"{disk.by_id!r} is a USB device, as the install key is",
                "name the fixed disk of the machine",
            )
        elif disk.by_id.startswith(_UPON_DISKS):
            report.problem(
                path, f"{disk.by_id!r} is no disk but something upon disks", "name the disk"
            )
        elif re.search(r"-part\d+$", disk.by_id):
            report.problem(path, f"{disk.by_id!r} is a partition", "name the whole disk")
    if disk.by_path is not None:
        path = setup.path("disk", "by_path")
        if "-usb" in disk.by_path:
            report.problem(
                path,
                f"{disk.by_path!r} is behind USB, as the install key is",
                "name the fixed disk of the machine",
            )
        elif re.search(r"-part\d+$", disk.by_path):
            report.problem(path, f"{disk.by_path!r} is a partition", "name the whole disk")
    if disk.device is not None:
        _kernel_name(report, setup, disk, disk.device)


def _kernel_name(report: Report, setup: Setup, disk: Disk, device: str) -> None:
    path = setup.path("disk", "device")
    if _PARTITION.fullmatch(device):
        report.problem(path, f"{device!r} is a partition", "name the whole disk")
    elif not _WHOLE.fullmatch(device):
        report.problem(
            path, f"{device!r} is no kernel name of a disk", "write one like sda or nvme0n1"
        )
    if disk.consent_to_unstable_name:
        report.note(
            path,
            f"{device!r} may be another disk, even a stick, at the next start",
            "by_id, by_path, serial and rule stay the same",
        )
    else:
        report.problem(
            path,
            f"kernel names such as {device!r} change from start to start",
            "use by_id, by_path, serial or rule, or consent with consent_to_unstable_name: true",
        )


def _rule(report: Report, setup: Setup, disk: Disk, rule: DiskRule) -> None:
    path = setup.path("disk", "rule")
    low, high = rule.min_size, rule.max_size
    if low is not None and high is not None and low > high:
        report.problem(
            path,
            f"min_size {format_size(low)} is more than max_size {format_size(high)}",
            "swap them",
        )
    elif disk.size is not None and not (low or 0) <= disk.size <= (high or disk.size):
        report.problem(
            path,
            f"the rule does not match the disk's own size, {format_size(disk.size)}",
            "correct min_size, max_size or size",
            rests_on=setup.rests_on("disk"),
        )
    if low is None and high is None:
        kind = "disk" if rule.type is DiskType.ANY else f"{rule.type.value} disk"
        report.note(
            path,
            f"the rule takes any {kind}; a machine with two of them will refuse to install",
            "add min_size and max_size",
        )


def drive_numbers(report: Report) -> None:
    """A drive's own number or name belongs to one node."""
    seen: dict[tuple[str, str], Path] = {}
    for setup in setups(report.site):
        disk = setup.hardware.disk
        if disk is None:
            continue
        for name in ("by_id", "serial"):
            value = getattr(disk, name)
            if value is None:
                continue
            path = setup.path("disk", name)
            if len(setup.nodes) > 1:
                report.problem(
                    path,
                    f"{len(setup.nodes)} nodes cannot have the same drive {value!r}",
                    "write disk: at each node, or use by_path or rule here",
                )
            elif (name, value) in seen and seen[name, value] != path:
                report.problem(
                    path,
                    f"the drive {value!r} is in another node already,"
                    f" on line {report.line(seen[name, value])}",
                    "read each machine's own with: lsblk -do +SERIAL",
                )
            elif (name, value) in seen:
                report.problem(
                    path,
                    f"several nodes cannot have the same drive {value!r}",
                    "write disk: at each node, or use by_path or rule here",
                )
            seen.setdefault((name, value), path)
