"""The install disk as partman's recipe: boot partitions, one volume group, the site's volumes.

partman counts in MB (10^6 bytes) and cuts volumes down to whole extents of 4 MiB, so sizes
are rounded up to an extent first and to a MB then. A volume without ``method`` is made and
left alone, which is what DRBD wants; partman still labels it, and late_command wipes that.

Nothing here is among the preseed's own answers: the script on the machine gives these to the
installer after it has chosen the disk, so that a script that fails leaves nothing that could
partition a disk.

``@{disk}`` stands for the disk. Lines that begin with ``@efi `` or ``@bios `` are kept on such
machines only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from b2ct.errors import B2ctError
from b2ct.model import Volume, VolumePurpose
from b2ct.render.debian.facts import BOOT_MIB, EFI_MIB, FILE_SYSTEM
from b2ct.render.parts import LEAST_REST, MIB, OVERHEAD, VOLUME_GROUP, size_mib

_MB = 10**6
_EXTENT_MIB = 4
#: Larger than any size: the volume that takes the rest gets all that grows.
_GREEDY = 1_000_000_000

#: Answers to what our script has made sure of. It has also cleared the disk: if partman still
#: finds LVM or RAID to remove, that is somebody else's.
_CONSENTS = (
    ("partman-md/device_remove_md", "false"),
    ("partman-lvm/device_remove_lvm", "false"),
    ("partman-lvm/confirm", "true"),
    ("partman-lvm/confirm_nooverwrite", "true"),
    ("partman-auto-lvm/no_boot", "true"),
    ("partman-basicfilesystems/no_swap", "false"),
    ("partman-partitioning/confirm_write_new_label", "true"),
    ("partman-efi/non_efi_system", "true"),
    ("partman/confirm", "true"),
    ("partman/confirm_nooverwrite", "true"),
)


@dataclass(frozen=True)
class _Line:
    """One volume of the recipe; ``mb`` 0 takes the rest."""

    mb: int
    file_system: str
    words: tuple[str, ...]

    def text(self) -> str:
        least = _mb(LEAST_REST)
        sizes = f"{self.mb} {self.mb} {self.mb}" if self.mb else f"{least} {_GREEDY} -1"
        return f"{sizes} {self.file_system} {' '.join(self.words)} ."


def needed_mib(volumes: Mapping[str, Volume]) -> int:
    """Give the smallest disk, in MiB, that holds ``volumes``."""
    own = sum(_whole_extents(size_mib(volume)) or LEAST_REST for volume in volumes.values())
    return own + BOOT_MIB + EFI_MIB + OVERHEAD


def raw_volumes(volumes: Mapping[str, Volume]) -> tuple[str, ...]:
    """Name the volumes that stay without a file system."""
    return tuple(name for name, volume in volumes.items() if volume.purpose is VolumePurpose.DRBD)


def storage_lines(volumes: Mapping[str, Volume]) -> tuple[str, ...]:
    """Write the answers about disk, partitions and volumes."""
    if not any(volume.mount == "/" for volume in volumes.values()):
        raise B2ctError("no volume is mounted on /", "give one volume `mount: /`")
    # partman gives what is left to the last one.
    order = sorted(volumes.items(), key=lambda item: item[1].size == "rest")
    lines = [_volume(name, volume) for name, volume in order]
    size = f"{sum(line.mb for line in lines)} MB" if lines[-1].mb else "max"
    group = " ".join(line.text() for line in lines)
    return (
        "d-i partman-auto/disk string /dev/@{disk}",
        "d-i grub-installer/bootdev string /dev/@{disk}",
        "d-i partman-auto/method string lvm",
        f"d-i partman-auto-lvm/new_vg_name string {VOLUME_GROUP}",
        f"d-i partman-auto-lvm/guided_size string {size}",
        "d-i partman-partitioning/default_label string gpt",
        f"@bios d-i partman-auto/expert_recipe string b2ct :: {_BIOS} {_COMMON} {group}",
        f"@efi d-i partman-auto/expert_recipe string b2ct :: {_EFI} {_COMMON} {group}",
        "d-i partman-auto/choose_recipe select b2ct",
        "d-i partman/choose_partition select finish",
        *(f"d-i {name} boolean {answer}" for name, answer in _CONSENTS),
    )


def _mb(mib: int) -> int:
    return -(-mib * MIB // _MB)


def _whole_extents(mib: int) -> int:
    return -(-mib // _EXTENT_MIB) * _EXTENT_MIB


_EFI = (
    f"{_mb(EFI_MIB)} {_mb(EFI_MIB)} {_mb(EFI_MIB)} fat32 $primary{{ }} $iflabel{{ gpt }}"
    " method{ efi } format{ } ."
)
_BIOS = "1 1 1 free $bios_boot{ } $primary{ } $iflabel{ gpt } method{ biosgrub } ."
_COMMON = (
    f"{_mb(BOOT_MIB)} {_mb(BOOT_MIB)} {_mb(BOOT_MIB)} {FILE_SYSTEM} $primary{{ }}"
    f" $defaultignore{{ }} method{{ format }} format{{ }} use_filesystem{{ }}"
    f" filesystem{{ {FILE_SYSTEM} }} mountpoint{{ /boot }} ."
    f" {_mb(LEAST_REST)} {_GREEDY} -1 {FILE_SYSTEM} $primary{{ }} $defaultignore{{ }}"
    f" method{{ lvm }} vg_name{{ {VOLUME_GROUP} }} ."
)


def _volume(name: str, volume: Volume) -> _Line:
    mb = _mb(_whole_extents(size_mib(volume)))
    words = ["$lvmok{ }", f"in_vg{{ {VOLUME_GROUP} }}", f"lv_name{{ {name} }}"]
    if volume.purpose is VolumePurpose.DRBD:
        return _Line(mb, FILE_SYSTEM, tuple(words))
    if volume.purpose is VolumePurpose.SWAP:
        return _Line(mb, "linux-swap", (*words, "method{ swap }", "format{ }"))
    if volume.mount is None:
        raise B2ctError(f"volume {name} has no mount point", "give it one below mount:")
    kind = volume.filesystem.value if volume.filesystem else FILE_SYSTEM
    words += ["method{ format }", "format{ }", "use_filesystem{ }", f"filesystem{{ {kind} }}"]
    return _Line(mb, kind, (*words, f"mountpoint{{ {volume.mount} }}"))
