"""Disks that several nodes share: what a node sees of them, and what lies on them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

#: Runs a program: its return code, output and errors.
Run = Callable[..., "tuple[int, str, str]"]
#: What looking at a disk gives.
Found = TypeVar("Found")
BY_ID = Path("/dev/disk/by-id")
#: The first bytes of a disk that SBD has prepared; no other program knows them.
SBD_MAGIC = b"SBD_SBD_"
_PATH_OF = re.compile(r"^[\s|`\\-]*\d+:\d+:\d+:\d+\s+(\S+)\s+\S+\s+(.*)$", re.MULTILINE)

#: Arguments that several modules take; their documentation is in doc_fragments/disks.py.
ERASE: dict[str, Any] = {"erase": {"type": "list", "elements": "str", "default": []}}
GROUP: dict[str, Any] = {
    "volume_group": {"type": "str", "required": True},
    "cluster": {"type": "str", "default": ""},
}
VOLUME: dict[str, Any] = {
    "volume_group": GROUP["volume_group"],
    "name": {"type": "str", "required": True},
}


@dataclass(frozen=True)
class Lun:
    """A disk as the site describes it."""

    name: str
    wwid: str
    paths: int


@dataclass(frozen=True)
class Seen:
    """A disk as a node sees it; ``holds`` are signatures in words, ``group`` is LVM's."""

    device: str
    paths: int
    size: int
    holds: tuple[str, ...]
    group: str


class SanError(Exception):
    """A refusal, with what to do."""


def run(*argv: str) -> tuple[int, str, str]:
    """Run a program; one that is missing has failed."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return 127, "", f"{argv[0]} is not installed"
    return done.returncode, done.stdout, done.stderr


def active_paths(listing: str) -> int:
    """Count the paths of ``multipath -ll DEVICE`` that work."""
    return sum(
        "failed" not in state and "faulty" not in state and "offline" not in state
        for _, state in _PATH_OF.findall(listing)
    )


def candidates(lun: Lun) -> list[Path]:
    """Give where udev puts a disk of this WWID that has one path."""
    if lun.wwid.startswith(("eui.", "uuid.")):
        return [BY_ID / f"nvme-{lun.wwid}"]
    if lun.wwid.startswith("virtio-"):
        return [BY_ID / lun.wwid]
    return [BY_ID / f"scsi-{lun.wwid}", BY_ID / f"wwn-0x{lun.wwid[1:]}"]


def find(run: Run, lun: Lun) -> tuple[str, int]:
    """Give a disk's device and its number of working paths.

    :raises SanError: the node does not see it, or on too few paths.
    """
    mapped = Path("/dev/mapper") / lun.name
    if lun.paths > 1 or mapped.exists():
        rc, out, _ = run("multipath", "-ll", lun.wwid)
        count = active_paths(out) if rc == 0 else 0
        if count and mapped.exists():
            if count < lun.paths:
                raise SanError(
                    f"{lun.name} ({lun.wwid}) is seen on {count} path{'s' * (count != 1)} of"
                    f" {lun.paths}; look with: multipath -ll {lun.name}"
                )
            return str(mapped), count
        raise SanError(_unseen(run, lun))
    for link in candidates(lun):
        if link.exists():
            return str(link), 1
    raise SanError(_unseen(run, lun))


def _unseen(run: Run, lun: Lun) -> str:
    others = seen_wwids(run)
    told = f"seen are {', '.join(others)}" if others else "no disk of a SAN is seen at all"
    return f"{lun.name} ({lun.wwid}) is not seen; {told}"


def each(
    luns: Mapping[str, Mapping[str, Any]], look: Callable[[Lun], Found]
) -> tuple[dict[str, Found], list[str]]:
    """Look at every disk that a module was told of; give what was found, and why not."""
    seen = {}
    problems = []
    for name, said in luns.items():
        try:
            seen[name] = look(Lun(name, said["wwid"], int(said["paths"])))
        except SanError as error:
            problems.append(str(error))
    return seen, problems


def seen_wwids(run: Run) -> list[str]:
    """Give the WWIDs of all whole disks that this node sees."""
    found = set()
    if BY_ID.is_dir():
        for link in BY_ID.iterdir():
            name = link.name
            if "-part" in name:
                continue
            if name.startswith("wwn-0x"):
                found.add("3" + name[6:])
            elif name.startswith(("virtio-", "nvme-eui.", "nvme-uuid.")):
                found.add(name.removeprefix("nvme-"))
    return sorted(found)


def look(run: Run, lun: Lun) -> Seen:
    """Give a disk with what it holds."""
    device, paths = find(run, lun)
    size = number(run, lun, device, "--getsize64")
    holds, group = contents(run, lun, device)
    if first_bytes(lun, device, len(SBD_MAGIC)) == SBD_MAGIC:
        holds = ("the header of SBD, with which a cluster fences", *holds)
    return Seen(device, paths, size, holds, group)


def number(run: Run, lun: Lun, device: str, asked: str) -> int:
    """Ask ``blockdev`` for a number of a disk, such as ``--getsize64``."""
    rc, out, err = run("blockdev", asked, device)
    if rc != 0:
        raise SanError(f"{lun.name} ({device}) cannot be read: {err.strip()}")
    return int(out)


def first_bytes(lun: Lun, device: str, count: int) -> bytes:
    """Read the beginning of a disk."""
    try:
        with Path(device).open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise SanError(f"{lun.name} ({device}) cannot be read: {error.strerror}") from None


def contents(run: Run, lun: Lun, device: str) -> tuple[tuple[str, ...], str]:
    """Say in words what a disk holds, as far as programs know it, and name its volume group."""
    _, out, _ = run("pvs", "--noheadings", "--options", "vg_name", device)
    group = out.strip()
    rc, found, err = run("wipefs", "--json", "--no-act", device)
    if rc != 0:
        raise SanError(f"what {lun.name} ({device}) holds cannot be read: {err.strip()}")
    return signatures(found, group), group


def signatures(listing: str, group: str) -> tuple[str, ...]:
    """Say in words what ``wipefs --json --no-act`` found."""
    found = json.loads(listing or "{}").get("signatures") or []
    told = []
    for one in found:
        kind = str(one.get("type"))
        words = {
            "LVM2_member": "a physical volume of LVM",
            "gpt": "a partition table (gpt)",
            "dos": "a partition table (dos)",
            "PMBR": "a partition table (gpt)",
        }.get(kind, f"a signature of {kind}")
        if kind == "LVM2_member" and group:
            words += f", of the volume group {group}"
        if one.get("label"):
            words += f", labelled {one['label']}"
        if one.get("uuid") and kind != "LVM2_member":
            words += f", UUID {one['uuid']}"
        told.append(words)
    return tuple(dict.fromkeys(told))


def refusals(
    luns: Mapping[str, Seen], group: str, erase: Sequence[str], cluster: str, locked_by: str
) -> list[str]:
    """Say why the volume group must not be made or used on these disks."""
    found = []
    for name, seen in luns.items():
        if seen.holds and seen.group != group and name not in erase:
            found.append(
                f"{name} ({seen.device}) holds {'; '.join(seen.holds)}. If that may be lost, write"
                f" erase: [{name}] under san in site.yml"
            )
    ours = any(seen.group == group for seen in luns.values())
    if ours and cluster and locked_by != cluster:
        owner = f"the cluster {locked_by!r}" if locked_by else "no cluster"
        found.append(
            f"the volume group {group} belongs to {owner}, this one is {cluster!r}; write that name"
            " under cluster, or change the group's with: vgchange --lock-type"
        )
    return found


def lock_owner(run: Run, group: str) -> str:
    """Give the cluster that a shared volume group belongs to; empty for none."""
    rc, out, _ = run("vgs", "--noheadings", "--options", "vg_lock_type,vg_lock_args", group)
    words = out.split()
    if rc != 0 or len(words) < 2 or words[0] != "dlm":
        return ""
    return words[1].partition(":")[2]
