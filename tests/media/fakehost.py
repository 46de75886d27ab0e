"""Whole machines in a folder: the parts of /sys, /dev and /proc that describe disks."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from iso_builder.devices import Host

_PCI = "devices/pci0000:00/0000:00:14.0"


@dataclass
class FakeHost:
    """Add disks to it, then give ``host`` to the code under test."""

    root: Path
    mountinfo: list[str] = field(default_factory=list)
    swaps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in ("sys/block", "dev/disk/by-id", "dev/mapper", "proc/self"):
            (self.root / folder).mkdir(parents=True)

    @property
    def host(self) -> Host:
        head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        (self.root / "proc/swaps").write_text(head + "".join(f"{s}\n" for s in self.swaps))
        (self.root / "proc/self/mountinfo").write_text("".join(f"{m}\n" for m in self.mountinfo))
        return Host(self.root / "sys", self.root / "dev", self.root / "proc")

    def disk(
        self,
        name: str,
        number: str,
        *,
        size: int = 16 * 10**9,
        usb: str = "1-2",
        vendor: str = "SanDisk",
        model: str = "Ultra Fit",
        serial: str = "4C530001",
        removable: bool = True,
        read_only: bool = False,
        partitions: int = 0,
    ) -> Path:
        """Add a disk; ``usb`` "" makes it one of the SATA kind. Return its by-id link."""
        parent = f"{_PCI}/usb1/{usb}" if usb else f"{_PCI}/ata1"
        scsi = f"{parent}/{usb}:1.0/host6/target6:0:0/6:0:0:0" if usb else f"{parent}/host0/0:0:0:0"
        folder = self._put(f"sys/{scsi}/block/{name}", dev=number, size=str(size // 512))
        self._put(folder, removable=str(int(removable)), ro=str(int(read_only)))
        self._put(f"{folder}/queue", logical_block_size="512")
        self._put(f"sys/{scsi}", vendor=f"{vendor:<8}", model=f"{model:<16}")
        self._link(f"{folder}/device", f"sys/{scsi}")
        self._link(f"sys/block/{name}", folder)
        (self.root / folder / "holders").mkdir()
        if usb:
            self._put(f"sys/{parent}", idVendor="0781", product="Cruzer", serial=serial)
        major, minor = number.split(":")
        stable = f"{'usb' if usb else 'ata'}-{vendor}_{model.replace(' ', '_')}_{serial}"
        stable += "-0:0" if usb else ""
        self._node(name, stable)
        for part in range(1, partitions + 1):
            dev = f"{major}:{int(minor) + part}"
            self._put(f"{folder}/{name}{part}", partition=str(part), dev=dev, size="2048")
            (self.root / folder / f"{name}{part}/holders").mkdir()
            self._node(f"{name}{part}", f"{stable}-part{part}")
        return self.root / "dev/disk/by-id" / stable

    def mapped(self, name: str, number: str, *under: str) -> None:
        """Add a device (``dm-0``, ``md0``) on top of others, such as ``sdb/sdb1``."""
        self._put(f"sys/devices/virtual/block/{name}", dev=number, size="2048")
        (self.root / f"sys/devices/virtual/block/{name}/holders").mkdir()
        self._link(f"sys/block/{name}", f"sys/devices/virtual/block/{name}")
        for lower in under:
            holders = (self.root / "sys/block" / lower).resolve() / "holders"
            holders.joinpath(name).symlink_to(self.root / "sys/block" / name)
        (self.root / "dev" / name).touch()

    def mount(self, number: str, source: str, where: str) -> None:
        line = f"30 1 {number} / {where} rw,relatime shared:1 - ext4 {source} rw"
        self.mountinfo.append(line)

    def swap(self, source: str) -> None:
        self.swaps.append(f"{source}\tpartition\t1048572\t0\t-2")

    def _put(self, folder: str, **files: str) -> str:
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text + "\n")
        return folder

    def _link(self, link: str, target: str) -> None:
        place = self.root / link
        place.symlink_to(os.path.relpath(self.root / target, place.parent))

    def _node(self, name: str, stable: str) -> None:
        node = self.root / "dev" / name
        if not node.exists():
            node.touch()
        (self.root / "dev/disk/by-id" / stable).symlink_to(f"../../{name}")
