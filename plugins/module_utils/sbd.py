"""Disks of SBD: what lies on them, and whether a header may be written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.b2ct.cloud.plugins.module_utils.san import (
    SBD_MAGIC,
    Lun,
    Run,
    SanError,
    contents,
    find,
    first_bytes,
    number,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Step

#: Sectors that ``sbd create`` writes: the header and the slots of 255 members.
SECTORS = 511
_TIME = re.compile(r"^Timeout \((\w+)\)\s*:\s*(\d+)\s*$", re.MULTILINE)
_SLOT = re.compile(r"^\d+\t(\S+)\t(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Header:
    """The times on a disk, in seconds."""

    watchdog: int
    msgwait: int

    def __str__(self) -> str:
        return f"watchdog {self.watchdog} s, msgwait {self.msgwait} s"


@dataclass(frozen=True)
class Disk:
    """A disk as a member sees it; without a header, ``holds`` is in words what it carries."""

    device: str
    size: int
    header: Header | None
    holds: tuple[str, ...]


def read_header(listing: str) -> Header | None:
    """Read ``sbd -d DISK dump``; None where it tells no times."""
    times = {name: int(seconds) for name, seconds in _TIME.findall(listing)}
    if "watchdog" not in times or "msgwait" not in times:
        return None
    return Header(times["watchdog"], times["msgwait"])


def read_slots(listing: str) -> dict[str, str]:
    """Read ``sbd -d DISK list``: the message that lies in each member's slot."""
    return dict(_SLOT.findall(listing))


def look(run: Run, lun: Lun) -> Disk:
    """Give a disk with what it carries.

    :raises SanError: it is not seen, on too few paths, or cannot be read.
    """
    device, _ = find(run, lun)
    size = number(run, lun, device, "--getsize64")
    # Another member may have written it since it was read last.
    run("blockdev", "--flushbufs", device)
    beginning = first_bytes(lun, device, SECTORS * number(run, lun, device, "--getss"))
    if beginning.startswith(SBD_MAGIC):
        rc, out, err = run("sbd", "-d", device, "dump")
        header = read_header(out) if rc == 0 else None
        if header is None:
            raise SanError(
                f"{lun.name} ({device}) has a header that SBD cannot read: {err.strip() or out}"
            )
        return Disk(device, size, header, ())
    holds, _ = contents(run, lun, device)
    if not holds and beginning.strip(b"\0"):
        holds = ("data that no program here knows",)
    return Disk(device, size, None, holds)


def refusals(
    disks: Mapping[str, Disk], wanted: Header, erase: Sequence[str], running: Sequence[str]
) -> list[str]:
    """Say why no header must be written on these disks."""
    found = []
    for name, disk in disks.items():
        if disk.header == wanted:
            continue
        where = f"{name} ({disk.device})"
        if disk.holds and name not in erase:
            found.append(
                f"{where} holds {'; '.join(disk.holds)}. If that may be lost, write erase: [{name}]"
                " under cluster, sbd in site.yml"
            )
        elif disk.header is not None and running:
            found.append(
                f"{where} has {disk.header}, wanted is {wanted}, and SBD runs on"
                f" {', '.join(running)}; stop the cluster on all members first: systemctl stop"
                " pacemaker corosync"
            )
        elif disk.header is not None and name not in erase:
            found.append(
                f"{where} has {disk.header}, wanted is {wanted}. If no other cluster uses it, stop"
                " this one on all members (systemctl stop pacemaker corosync) and write"
                f" erase: [{name}] under cluster, sbd in site.yml"
            )
    return found


def header_steps(name: str, disk: Disk, wanted: Header) -> list[Step]:
    """Give what makes a disk ready; nothing where it is."""
    if disk.header == wanted:
        return []
    where = f"{name} ({disk.device})"
    # wipefs refuses a disk that something here uses.
    erased = [Step(f"erase what {where} holds, by consent", ("wipefs", "--all", disk.device))]
    times = ("-1", str(wanted.watchdog), "-4", str(wanted.msgwait))
    return [
        *(erased if disk.holds else []),
        Step(f"prepare {where} with {wanted}", ("sbd", "-d", disk.device, *times, "create")),
    ]
