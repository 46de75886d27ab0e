"""Disks that are new or have grown in the array: the kernel asks again, multipath takes it over."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.b2ct.cloud.plugins.module_utils.san import Lun, Run, SanError, candidates
from ansible_collections.b2ct.cloud.plugins.module_utils.steps import Step

_SECTOR = 512
_MAPPER = Path("/dev/mapper")
_BLOCK = Path("/sys/class/block")
_HOSTS = Path("/sys/class/scsi_host")
#: Any channel, any target, any LUN.
_ALL = "- - -\n"
#: Until a disk that the kernel has found is a map of multipath.
_NAMED_S = 20.0


def is_there(lun: Lun, mapper: Path = _MAPPER) -> bool:
    """Tell whether the kernel has a device of this disk, however many paths it has."""
    return (mapper / lun.name).exists() or any(link.exists() for link in candidates(lun))


def scan(run: Run, awaited: Iterable[str], hosts: Path = _HOSTS, mapper: Path = _MAPPER) -> None:
    """Let the kernel ask every array for disks that it does not know yet.

    Sessions of iSCSI and ports of Fibre Channel are hosts as any controller is. multipathd gives
    the disks their names a little later: those that are awaited get some seconds.
    """
    for host in sorted(hosts.glob("host*")):
        with contextlib.suppress(OSError):  # one that is going away
            (host / "scan").write_text(_ALL, encoding="ascii")
    run("udevadm", "settle", "--timeout", "30")
    end = time.monotonic() + _NAMED_S
    while time.monotonic() < end and not all((mapper / name).exists() for name in awaited):
        time.sleep(0.5)


def rescan(lun: Lun, mapper: Path = _MAPPER, block: Path = _BLOCK) -> list[Step]:
    """Ask for a disk's size on each path, and give what takes it over.

    :raises SanError: its paths disagree, or it has become smaller.
    """
    mapped = mapper / lun.name
    if not mapped.exists():
        for link in candidates(lun):
            if link.exists():
                _ask(block / link.resolve().name)
        return []
    own = block / mapped.resolve().name
    paths = sorted((own / "slaves").glob("*"))
    sizes = {path.name: _ask(block / path.name) for path in paths}
    if not sizes:
        return []
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size >> 20} MiB" for name, size in sizes.items())
        raise SanError(
            f"{lun.name} ({lun.wwid}) has another size on each path: {told}; let the array show it"
            " alike on all of its ports"
        )
    size, has = next(iter(sizes.values())), _size(own)
    if size < has:
        raise SanError(
            f"{lun.name} ({lun.wwid}) has become smaller in the array, {size >> 20} MiB instead of"
            f" {has >> 20} MiB: what lies at its end is lost; make it as large as it was"
        )
    if size == has:
        return []
    words = f"take over that {lun.name} has grown by {(size - has) >> 20} MiB"
    return [Step(words, ("multipathd", "resize", "map", lun.name))]


def _ask(device: Path) -> int:
    """Let the kernel ask a disk for its size; give that, in bytes."""
    asked = device / "device" / "rescan"
    if asked.exists():  # disks of SCSI; others tell by themselves
        with contextlib.suppress(OSError):  # a path that is dead keeps its size
            asked.write_text("1\n", encoding="ascii")
    return _size(device)


def _size(device: Path) -> int:
    return int((device / "size").read_text(encoding="ascii")) * _SECTOR
