"""The disks of this machine: what they are, how they are named, what uses them.

Everything is read from text files and links below ``/sys``, ``/dev`` and ``/proc``; the
roots can be given, so that whole machines can be described by a folder of small files.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

#: What a running system cannot lose; the mount points of a device are compared with these.
SYSTEM_MOUNTS = frozenset(
    {"/", "/boot", "/boot/efi", "/efi", "/etc", "/home", "/opt", "/root", "/srv", "/usr", "/var"}
)
_SECTOR = 512  # /sys/block/*/size counts these, whatever the device's own blocks are
_USB_PATH = re.compile(r"/usb[0-9]+/")
_ESCAPE = re.compile(r"\\([0-7]{3})")
#: Never a place to write an image to, and there are many of them.
_PSEUDO = re.compile(r"(loop|ram|zram|dm-|md|nbd|sr|fd)[0-9]")

Number = tuple[int, int]


@dataclass(frozen=True)
class Host:
    """Where the machine is described."""

    sysfs: Path = Path("/sys")
    dev: Path = Path("/dev")
    proc: Path = Path("/proc")

    @property
    def by_id(self) -> Path:
        """The folder of the stable names that udev gives."""
        return self.dev / "disk/by-id"


@dataclass(frozen=True)
class BlockDevice:
    """A whole disk. ``size`` is in bytes; 0 means that there is no medium in the drive.

    ``mounts``, ``swaps`` and ``holders`` include what lies on its partitions and, through
    LVM, RAID and device mapper, above them.
    """

    name: str
    path: Path
    number: Number  #: major and minor
    size: int
    vendor: str
    model: str
    serial: str
    bus: str  #: "usb", "nvme", "mmc", "virtio", "scsi" (SATA and SAS too) or ""
    removable: bool
    read_only: bool
    logical_block: int  #: bytes; direct reads and writes are multiples of it
    by_id: tuple[Path, ...]
    partitions: tuple[str, ...]
    holders: tuple[str, ...]
    mounts: tuple[str, ...]
    swaps: tuple[str, ...]

    @property
    def system_mounts(self) -> tuple[str, ...]:
        """Those of ``mounts`` that belong to the running system."""
        return tuple(mount for mount in self.mounts if mount in SYSTEM_MOUNTS)

    @property
    def phrase(self) -> str:
        """What an admin types to confirm that this is the disk: model and serial number."""
        return f"{self.model} {self.serial}".strip()

    @property
    def identity(self) -> tuple[str, str, str, Number, int]:
        """What must not change between the question and the first byte written."""
        return (self.vendor, self.model, self.serial, self.number, self.size)


def list_devices(host: Host | None = None) -> tuple[BlockDevice, ...]:
    """Describe every real disk, sorted by name; loop, RAM and mapped devices are left out."""
    host = host or Host()
    mounts = _mounts(host)
    swaps = _swaps(host)
    links = _by_id_links(host)
    found = []
    for folder in sorted((host.sysfs / "block").glob("*")):
        real = folder.resolve()
        if _PSEUDO.match(folder.name) and not _USB_PATH.search(f"{real}/"):
            continue
        device = _describe(host, folder.name, real, links)
        if device is None:
            continue
        above = list(_above(host, real))
        names = {device.name, *device.partitions, *(name for name, _ in above)}
        numbers = {number for _, number in above}
        mounted = {
            point
            for number, source, point in mounts
            if number in numbers or (source and source in names)
        }
        btrfs = {
            f"btrfs {entry.parent.parent.name}"
            for entry in (host.sysfs / "fs/btrfs").glob("*/devices/*")
            if entry.name in names
        }
        layers = {name for name, _ in above} - {device.name, *device.partitions}
        found.append(
            replace(
                device,
                mounts=tuple(sorted(mounted)),
                swaps=tuple(sorted(names & swaps)),
                holders=tuple(sorted(layers | btrfs)),
            )
        )
    return tuple(found)


def resolve_name(host: Host, path: Path) -> str | None:
    """Return the kernel's name (``sdb``, ``sdb1``) of a path below /dev, or None."""
    with contextlib.suppress(OSError):
        real = path.resolve(strict=True)
        if real.parent == host.dev.resolve():
            return real.name
    return None


def _describe(
    host: Host, name: str, real: Path, links: dict[str, list[Path]]
) -> BlockDevice | None:
    number = _number(real)
    if number is None:
        return None
    usb = _usb_parent(real)
    return BlockDevice(
        name=name,
        path=host.dev / name,
        number=number,
        size=_integer(real / "size") * _SECTOR,
        vendor=_text(real / "device/vendor") if usb else "",
        model=_text(real / "device/model")
        or _text(real / "device/name")
        or (_text(usb / "product") if usb else ""),
        serial=(_text(usb / "serial") if usb else "")
        or _text(real / "device/serial")
        or _text(real / "serial"),
        bus=_bus(name, real),
        removable=_integer(real / "removable") == 1,
        read_only=_integer(real / "ro") == 1,
        logical_block=_integer(real / "queue/logical_block_size") or _SECTOR,
        by_id=tuple(sorted(links.get(name, []))),
        partitions=tuple(sorted(part.name for part in _partitions(real))),
        holders=(),
        mounts=(),
        swaps=(),
    )


def _bus(name: str, real: Path) -> str:
    if _USB_PATH.search(f"{real}/"):
        return "usb"
    for prefix, bus in (("nvme", "nvme"), ("mmcblk", "mmc"), ("vd", "virtio"), ("sd", "scsi")):
        if name.startswith(prefix):
            return bus
    return ""


def _usb_parent(real: Path) -> Path | None:
    """Find the USB device (not interface, not hub above it) that a disk belongs to."""
    for folder in real.parents:
        if (folder / "idVendor").exists():
            return folder
    return None


def _partitions(real: Path) -> Iterator[Path]:
    for entry in sorted(real.glob("*/partition")):
        yield entry.parent


def _above(host: Host, real: Path) -> Iterator[tuple[str, Number]]:
    """Yield a disk, its partitions and everything that is built on them."""
    waiting, seen = [real], set()
    while waiting:
        folder = waiting.pop()
        number = _number(folder)
        if folder in seen or number is None:
            continue
        seen.add(folder)
        yield folder.name, number
        waiting.extend(_partitions(folder))
        for holder in (folder / "holders").glob("*"):
            waiting.append((host.sysfs / "block" / holder.name).resolve())


def _mounts(host: Host) -> list[tuple[Number, str, str]]:
    """Return (number, kernel name of the source, mount point) of all mounts.

    The name counts besides the number, because btrfs gives its mounts numbers of its own.
    Init's list is read too: it sees the mounts of the host that a service may not see.
    """
    found = []
    for process in ("self", "1"):
        for line in _lines(host.proc / process / "mountinfo"):
            fields = line.split(" ")
            with contextlib.suppress(ValueError, IndexError):
                major, _, minor = fields[2].partition(":")
                source = _unescape(fields[fields.index("-") + 2])
                name = _source_name(host, source)
                found.append(((int(major), int(minor)), name, _unescape(fields[4])))
    return found


def _source_name(host: Host, source: str) -> str:
    if not source.startswith("/dev/"):
        return ""
    path = host.dev / source.removeprefix("/dev/")
    return resolve_name(host, path) or path.name


def _swaps(host: Host) -> set[str]:
    sources = (_unescape(line.split()[0]) for line in _lines(host.proc / "swaps") if line.strip())
    return {name for name in (_source_name(host, source) for source in sources) if name}


def _by_id_links(host: Host) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for link in host.by_id.glob("*"):
        name = resolve_name(host, link)
        if name:
            found.setdefault(name, []).append(link)
    return found


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)


def _number(folder: Path) -> Number | None:
    major, colon, minor = _text(folder / "dev").partition(":")
    return (int(major), int(minor)) if colon and (major + minor).isdecimal() else None


def _integer(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdecimal() else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _lines(path: Path) -> Iterable[str]:
    try:
        return path.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
