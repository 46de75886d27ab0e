"""The install disk: partitions, one volume group named ``b2ct``, and the site's volumes.

DRBD backing volumes are no business of the installer (``logvol`` cannot make a volume without
a file system): the volume group keeps their room free (``--reserved-space``), and %post makes
them with lvcreate.

``@{disk}`` stands for the disk that %pre chose. Lines that begin with ``@efi `` or ``@bios ``
are kept on such machines only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from b2ct.errors import B2ctError
from b2ct.model import Volume, VolumePurpose
from b2ct.render.el.facts import Facts
from b2ct.render.parts import LEAST_REST, OVERHEAD, VOLUME_GROUP, size_mib
from b2ct.render.quoting import kickstart_quote


@dataclass(frozen=True)
class BootLoader:
    """What the installed boot loader does besides the release's own.

    ``append`` goes to the kernel's command line; ``password_hash`` (GRUB's PBKDF2) guards the
    menu against changes, not against booting. GRUB 1 of EL 6 knows no such hash.
    """

    append: str
    password_hash: str | None


@dataclass(frozen=True)
class RawVolume:
    """A volume that %post makes without a file system; ``mib`` 0 takes what is left."""

    name: str
    mib: int


def needed_mib(facts: Facts, volumes: Mapping[str, Volume]) -> int:
    """Give the smallest disk, in MiB, that holds ``volumes``."""
    return sum(size_mib(volume) or LEAST_REST for volume in volumes.values()) + (
        facts.boot_mib + facts.efi_mib + OVERHEAD
    )


def raw_volumes(volumes: Mapping[str, Volume]) -> tuple[RawVolume, ...]:
    """Give the DRBD backing volumes, one that takes the rest last."""
    raw = [
        RawVolume(name, size_mib(volume))
        for name, volume in volumes.items()
        if volume.purpose is VolumePurpose.DRBD
    ]
    return tuple(sorted(raw, key=lambda volume: volume.mib == 0))


def storage_lines(facts: Facts, volumes: Mapping[str, Volume], boot: BootLoader) -> tuple[str, ...]:
    """Write the commands for the disk, the volumes and the boot loader."""
    if not any(volume.mount == "/" for volume in volumes.values()):
        raise B2ctError("no volume is mounted on /", "give one volume `mount: /`")
    reserved = sum(volume.mib for volume in raw_volumes(volumes))
    lines = [
        "ignoredisk --only-use=@{disk}",
        "zerombr",
        "clearpart --all --initlabel --drives=@{disk}",
    ]
    if facts.reqpart:
        lines.append("reqpart")
    else:
        lines.append(f"@efi part /boot/efi --fstype=efi --size={facts.efi_mib} --ondisk=@{{disk}}")
    lines += [
        f"part /boot --fstype={facts.file_system} --size={facts.boot_mib} --ondisk=@{{disk}}",
        "part pv.01 --size=1024 --grow --ondisk=@{disk}",
        f"volgroup {VOLUME_GROUP} pv.01" + (f" --reserved-space={reserved}" if reserved else ""),
    ]
    lines += [
        _logvol(facts, name, volume)
        for name, volume in volumes.items()
        if volume.purpose is not VolumePurpose.DRBD
    ]
    lines.append(_bootloader(facts, boot))
    return tuple(lines)


def _bootloader(facts: Facts, boot: BootLoader) -> str:
    line = f"bootloader --location=mbr {facts.boot_drive}@{{disk}} --timeout=5"
    if boot.append:
        line += f" --append={kickstart_quote(boot.append)}"
    if boot.password_hash and facts.grub2:
        line += f" --iscrypted --password={boot.password_hash}"
    return line


def _logvol(facts: Facts, name: str, volume: Volume) -> str:
    if volume.purpose is VolumePurpose.SWAP:
        where, file_system = "swap", "swap"
    else:
        if volume.mount is None:
            raise B2ctError(f"volume {name} has no mount point", "give it one below mount:")
        where = volume.mount
        file_system = volume.filesystem.value if volume.filesystem else facts.file_system
    mib = size_mib(volume)
    size = f"--size={mib}" if mib else f"--size={LEAST_REST} --grow"
    return f"logvol {where} --vgname={VOLUME_GROUP} --name={name} {size} --fstype={file_system}"
