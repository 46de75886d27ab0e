"""The shared volume group and its file system: what is still to be made, as commands in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.b2ct.cloud.plugins.module_utils.san import Run, SanError
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Step

#: LVM's least size of a physical volume to be worth growing: less is lost to rounding.
_SLACK = 64 << 20


@dataclass(frozen=True)
class Wanted:
    """The volume group, and the file system on it (none with ``name`` empty).

    Sizes are in bytes; ``size`` 0 takes the whole group. ``cluster`` is empty for a group
    without locks.
    """

    group: str
    disks: tuple[str, ...]
    cluster: str
    name: str = ""
    size: int = 0
    journals: int = 0
    journal_size: int = 128 << 20
    mount: str = ""

    @property
    def device(self) -> str:
        return f"/dev/{self.group}/{self.name}"

    @property
    def table(self) -> str:
        return f"{self.cluster}:{self.name}"


def group_steps(run: Run, wanted: Wanted, to_erase: Sequence[str]) -> list[Step]:
    """Give what makes the volume group of these disks."""
    rc, out, _ = run("vgs", "--noheadings", "--options", "pv_name", wanted.group)
    members = set(out.split()) if rc == 0 else set()
    missing = [disk for disk in wanted.disks if not members & _names(run, disk)]
    steps = [
        Step(f"erase what {disk} holds, by consent", ("wipefs", "--all", "--force", disk))
        for disk in missing
        if disk in to_erase
    ]
    if not missing:
        return _resized(run, wanted)
    if members:
        words = f"add {', '.join(missing)} to the volume group {wanted.group}"
        return [*steps, Step(words, ("vgextend", "--yes", wanted.group, *missing))]
    shared = ("--shared", "--lock-type", "dlm") if wanted.cluster else ()
    what = "shared volume group" if shared else "volume group"
    words = f"make the {what} {wanted.group} of {', '.join(missing)}"
    make = ("vgcreate", "--yes", *shared, "--setautoactivation", "n", wanted.group, *missing)
    return [*steps, Step(words, make)]


def _resized(run: Run, wanted: Wanted) -> list[Step]:
    """Give what takes over a disk that has grown."""
    steps = []
    for disk in wanted.disks:
        sizes = _sizes(run, "pvs", "dev_size,pv_size", disk)
        if len(sizes) == 2 and sizes[0] - sizes[1] > _SLACK:
            steps.append(Step(f"use the room that {disk} has won", ("pvresize", disk)))
    return steps


def _sizes(run: Run, program: str, fields: str, name: str) -> list[int]:
    """Ask LVM for sizes in bytes; nothing where it does not know the name."""
    options = ("--noheadings", "--nosuffix", "--units", "b", "--options", fields)
    rc, out, _ = run(program, *options, name)
    return [int(float(word)) for word in out.split()] if rc == 0 else []


def _names(run: Run, disk: str) -> set[str]:
    """Give the names that LVM may know a disk by."""
    rc, out, _ = run("pvs", "--noheadings", "--options", "pv_name", disk)
    return {disk, *(out.split() if rc == 0 else ())}


def volume_steps(run: Run, wanted: Wanted) -> list[Step]:
    """Give what makes or grows the logical volume, and makes the file system on it.

    :raises SanError: the volume holds something else.
    """
    path = f"{wanted.group}/{wanted.name}"
    size = ("--size", f"{wanted.size}b") if wanted.size else ("--extents", "100%FREE")
    sizes = _sizes(run, "lvs", "lv_size,vg_free", path)
    if not sizes:
        make = ("lvcreate", "--yes", "--wipesignatures", "n", "--activate", "sy", *size,
                "--name", wanted.name, wanted.group)  # fmt: skip
        return [Step(f"make the volume {path}", make), _file_system(wanted)]
    label = _label(run, wanted)
    if label is None:
        return [_file_system(wanted)]
    if label != wanted.table:
        raise SanError(
            f"{wanted.device} holds a file system of the cluster {label.partition(':')[0]!r}"
            f" ({label}), this one is {wanted.cluster!r}; if no other cluster uses it, rename it"
            f" with: tunegfs2 -o locktable={wanted.table} {wanted.device}"
        )
    has, free = sizes
    grows = wanted.size - has if wanted.size else free
    if grows <= _SLACK:
        return []
    more = ("--size", f"{wanted.size}b") if wanted.size else ("--extents", "+100%FREE")
    return [Step(f"grow the volume {path} by {grows >> 20} MiB", ("lvextend", *more, path))]


def refresh_steps(run: Run, group: str, name: str) -> list[Step]:
    """Give what loads a volume anew that is larger than this node's kernel knows.

    A volume that is not active here has no device, and is loaded as it is when it becomes active.
    """
    path = f"{group}/{name}"
    sizes = _sizes(run, "lvs", "lv_size", path)
    rc, known, _ = run("blockdev", "--getsize64", f"/dev/{path}")
    if not sizes or rc != 0 or int(known) >= sizes[0]:
        return []
    return [Step(f"take over that the volume {path} has grown", ("lvchange", "--refresh", path))]


def mounted_steps(run: Run, wanted: Wanted, room: int, size: int, has_grown: bool) -> list[Step]:
    """Give what grows the mounted file system: journals for new members, and room.

    ``room`` and ``size`` are bytes: of the file system, and of the volume below. A small
    difference is what a file system needs for itself, or less than its next piece.
    """
    steps = []
    if has_grown or size - room > max(_SLACK, size // 10):
        steps.append(Step(f"grow the file system at {wanted.mount}", ("gfs2_grow", wanted.mount)))
    has = journals(run, wanted.device)
    if 0 < has < wanted.journals:
        count = wanted.journals - has
        words = f"add {count} journal{'s' * (count != 1)} to the file system at {wanted.mount}"
        size = str(wanted.journal_size >> 20)
        steps.append(Step(words, ("gfs2_jadd", "-j", str(count), "-J", size, wanted.mount)))
    return steps


def journals(run: Run, device: str) -> int:
    """Count the journals of a GFS2 file system; 0 where they cannot be read."""
    rc, out, _ = run("gfs2_edit", "-p", "jindex", device)
    return len(set(re.findall(r"\bjournal(\d+)\b", out))) if rc == 0 else 0


def _file_system(wanted: Wanted) -> Step:
    size = str(wanted.journal_size >> 20)
    return Step(
        f"make the GFS2 file system {wanted.table} with {wanted.journals} journals on"
        f" {wanted.device}",
        ("mkfs.gfs2", "-O", "-q", "-p", "lock_dlm", "-t", wanted.table,
         "-j", str(wanted.journals), "-J", size, wanted.device),
    )  # fmt: skip


def _label(run: Run, wanted: Wanted) -> str | None:
    """Give the lock table of the file system on the volume; None where it holds nothing."""
    rc, out, _ = run("blkid", "--probe", "--output", "export", wanted.device)
    if rc == 2:  # nothing found
        return None
    found = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    if rc != 0 or found.get("TYPE") != "gfs2":
        raise SanError(
            f"{wanted.device} holds {found.get('TYPE', 'something unknown')}, not GFS2; remove the"
            f" volume if that may be lost: lvremove {wanted.group}/{wanted.name}"
        )
    return found.get("LABEL", "")
