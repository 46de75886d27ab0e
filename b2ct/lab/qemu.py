"""The command line of QEMU for a guest: a pure function of what the machine is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from b2ct.lab.plan import HOST_MAC, OWN_DISK, Guest

PROGRAM: Final = "qemu-system-x86_64"
#: Sockets of a guest, below the lab's folder of sockets: monitor, console, the lab's own port.
QMP, CONSOLE, PORT = "qmp", "console", "port"
#: Old enough that it costs little in emulation; its SVM lets a guest run guests of its own.
_CPU: Final = {"tcg": "qemu64,+npt", "kvm": "host"}
_ACCEL: Final = {"tcg": "tcg,thread=multi", "kvm": "kvm"}
#: The board's own watchdog is not used: what watches a guest is a card (lab.yml), or softdog.
KERNEL: Final = (
    "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off modprobe.blacklist=iTCO_wdt quiet"
)


@dataclass(frozen=True)
class Wire:
    """A private network: a multicast group that only this host's loopback carries."""

    group: str
    port: int


@dataclass(frozen=True)
class Surroundings:
    """What a guest is given by its lab. ``sockets`` is short: such a path holds 107 bytes."""

    lab: str
    accel: str
    kernel: Path
    initrd: Path
    root: Path
    own: Path
    luns: Path
    console_log: Path
    sockets: Path
    ssh_port: int
    wires: tuple[Wire, ...]


def argv(guest: Guest, around: Surroundings) -> list[str]:
    """Give the command line of a guest that boots."""
    words = [PROGRAM, "-name", f"b2ct-lab-{around.lab}-{guest.name}"]
    words += ["-nodefaults", "-no-user-config", "-display", "none"]
    words += ["-machine", "q35", "-accel", _ACCEL[around.accel], "-cpu", _CPU[around.accel]]
    words += ["-smp", str(guest.cpus), "-m", str(guest.memory_mib)]
    words += ["-kernel", str(around.kernel), "-initrd", str(around.initrd), "-append", KERNEL]
    words += [*_channel(around, QMP), "-mon", f"chardev={QMP},mode=control"]
    words += _channel(around, CONSOLE, f",logfile={around.console_log},logappend=on")
    words += ["-serial", f"chardev:{CONSOLE}"]
    words += [*_channel(around, PORT), "-device", "virtio-serial-pci"]
    words += ["-device", f"virtserialport,chardev={PORT},name=b2ct.lab"]
    words += ["-device", "virtio-rng-pci"]
    if guest.watchdog:
        words += ["-device", "i6300esb", "-action", "watchdog=reset"]
    words += _disk("root", around.root, "qcow2", "b2ctroot")
    if guest.own_disk:
        words += _disk("own", around.own, "raw", OWN_DISK)
    words += _shared(guest, around.luns)
    words += _card("host", HOST_MAC, f"user,hostfwd=tcp:127.0.0.1:{around.ssh_port}-:22")
    for card in guest.cards:
        wire = around.wires[card.segment]
        network = f"socket,mcast={wire.group}:{wire.port},localaddr=127.0.0.1"
        words += _card(card.name, card.mac, network)
    return words


def _channel(around: Surroundings, name: str, more: str = "") -> list[str]:
    path = around.sockets / name
    return ["-chardev", f"socket,id={name},path={path},server=on,wait=off{more}"]


def _file(name: str, path: Path, form: str, locking: str = "auto") -> list[str]:
    # The host's cache is one for all guests, and outlives a guest that is switched off.
    cache = "cache.direct=off,cache.no-flush=on"
    file = f"driver=file,filename={path},locking={locking},node-name={name}-file,{cache}"
    return ["-blockdev", file, "-blockdev", f"driver={form},node-name={name},file={name}-file"]


def _disk(name: str, path: Path, form: str, serial: str) -> list[str]:
    device = f"virtio-blk-pci,id={name}-disk,drive={name},serial={serial}"
    return [*_file(name, path, form), "-device", device]


def _shared(guest: Guest, folder: Path) -> list[str]:
    """Attach each shared disk once a path: path N of every disk hangs on controller N."""
    words: list[str] = []
    for path in range(max((disk.paths for disk in guest.disks), default=0)):
        words += ["-device", f"virtio-scsi-pci,id=path{path}"]
        for unit, disk in enumerate(guest.disks):
            if path < disk.paths:
                name = f"{disk.name}-path{path}"
                words += _file(name, folder / f"{disk.name}.raw", "raw", "off")
                device = f"scsi-hd,id={name}-disk,bus=path{path}.0,lun={unit},drive={name}"
                device += f",share-rw=on,serial={disk.name},wwn={disk.wwn},product=b2ct-lab"
                words += ["-device", device]
    return words


def _card(name: str, mac: str, network: str) -> list[str]:
    kind, _, options = network.partition(",")
    device = f"virtio-net-pci,id={name},netdev=net-{name},mac={mac},romfile="
    return ["-netdev", f"{kind},id=net-{name},{options}", "-device", device]


def shown(words: Sequence[str]) -> str:
    """Write a command line for people, an option a line."""
    return " ".join(f"\\\n  {word}" if word.startswith("-") else word for word in words)
