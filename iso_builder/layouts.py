"""Which of the four layouts of Enterprise Linux media an ISO has, or why it has none.

| layout | BIOS | UEFI | as a disk |
|---|---|---|---|
| EL 6 | isolinux | images/efiboot.img with grub legacy's BOOTX64.conf | MBR of isohybrid |
| EL 7, 8 | isolinux | images/efiboot.img with grub.cfg | MBR and GPT of isohybrid |
| EL 9 | isolinux | images/efiboot.img with grub.cfg | MBR and GPT of xorriso |
| EL 10 | grub 2 | an appended partition, no file of the tree | grub 2's MBR, GPT, a second tree |

Recipes: lorax, branches rhel7 to rhel10, ``x86.tmpl``; Anaconda of EL 6, ``mk-images``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from iso_builder import bootconfig
from iso_builder.bootconfig import Dialect
from iso_builder.eltorito import BootCatalog, BootImage, Platform, read_catalog
from iso_builder.errors import MediaError
from iso_builder.fatread import FatVolume, read_fat, read_fat_file
from iso_builder.image import BLOCK, Extent, Image
from iso_builder.partitions import Gpt, Mbr, read_gpt, read_mbr
from iso_builder.volume import DAMAGED_HINT, Volume, VolumeFile, read_volume

#: Configurations that boot loaders read; names are compared without regard to case.
_CONFIG_NAMES = frozenset(
    ("isolinux.cfg", "grub.cfg", "grub.conf", "boot.conf", "bootx64.conf", "bootia32.conf")
)
_LONGEST_CONFIG = 256 << 10
_ISOHYBRID_ENTRIES = 128
_FIRST_XORRISO_MAJOR = 9

_MAGIC = (
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\xfd7zXZ", "an xz archive: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"QFI\xfb", "a qcow2 disk image"),
    (b"hsqs", "a squashfs image"),
    (b"<!DOCTYPE", "a web page: the download did not give the ISO"),
    (b"<html", "a web page: the download did not give the ISO"),
)
_FOREIGN = (
    (("/install.amd", "/install.a64", "/install.386", "/.disk/cd_type"), "Debian's installer"),
    (("/casper",), "an Ubuntu medium"),
    (("/sources/boot.wim", "/sources/install.wim", "/bootmgr"), "a Windows medium"),
    (("/boot/x86_64/loader",), "a SUSE medium"),
    (("/arch",), "an Arch Linux medium"),
)


class Layout(StrEnum):
    """The layouts that can be remastered."""

    EL6 = "EL 6"
    EL7_8 = "EL 7/8"
    EL9 = "EL 9"
    EL10 = "EL 10"

    @property
    def kickstart_argument(self) -> str:
        """How the installer's kickstart argument is called."""
        return "ks" if self is Layout.EL6 else "inst.ks"

    @property
    def has_appended_partition(self) -> bool:
        """Whether the EFI boot image is a partition instead of a file."""
        return self is Layout.EL10


@dataclass(frozen=True)
class ConfigFile:
    """One copy of the boot configuration. ``in_fat``: it is inside the EFI boot image."""

    path: str
    in_fat: bool
    dialect: Dialect | None
    text: str

    @property
    def name(self) -> str:
        """How a report calls it."""
        return f"EFI boot image:{self.path}" if self.in_fat else self.path

    @property
    def is_dead(self) -> bool:
        """lorax leaves a template in isolinux/grub.conf that no boot loader ever reads."""
        return not self.in_fat and self.path.casefold() == "/isolinux/grub.conf"


@dataclass(frozen=True)
class Medium:
    """An ISO of a known layout, taken apart."""

    layout: Layout
    volume: Volume
    catalog: BootCatalog
    mbr: Mbr | None
    gpt: Gpt | None
    bios: BootImage
    uefi: BootImage
    fat: FatVolume
    configs: tuple[ConfigFile, ...]
    release: str  #: version in .discinfo, e.g. ``9.6``; may be empty


def decode(raw: bytes) -> str:
    """Text of a configuration; odd bytes survive the way back through :func:`encode`."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a configuration."""
    return text.encode("utf-8", "surrogateescape")


def read_file(image: Image, file: VolumeFile, limit: int) -> bytes:
    """The content of a file of the tree of at most ``limit`` bytes."""
    if file.size > limit:
        raise MediaError(f"{file.path} of {image.path} is larger than {limit} bytes", DAMAGED_HINT)
    return b"".join(image.read(extent.offset, extent.size) for extent in file.extents)


def _is_config(path: str) -> bool:
    return path.rsplit("/", 1)[-1].casefold() in _CONFIG_NAMES


def read_configs(image: Image, volume: Volume, fat: FatVolume | None) -> tuple[ConfigFile, ...]:
    """Every copy of the boot configuration, in the tree and in the EFI boot image."""
    configs = []
    for path, file in sorted(volume.files.items()):
        if _is_config(path):
            text = decode(read_file(image, file, _LONGEST_CONFIG))
            configs.append(ConfigFile(path, False, bootconfig.dialect_of(text), text))
    for path, inner in sorted(fat.files.items() if fat else ()):
        if _is_config(path):
            text = decode(read_fat_file(image, inner, _LONGEST_CONFIG))
            configs.append(ConfigFile(path, True, bootconfig.dialect_of(text), text))
    return tuple(configs)


def read_release(image: Image, volume: Volume) -> str:
    """The version in the second line of .discinfo, or nothing."""
    file = volume.files.get("/.discinfo")
    if file is None or file.size > BLOCK:
        return ""
    lines = decode(read_file(image, file, BLOCK)).splitlines()
    version = lines[1].strip() if len(lines) > 1 else ""
    return version if version.isascii() and version.isprintable() else ""


def check_is_iso(image: Image) -> None:
    """Refuse what is no ISO at all, and say what it is instead where that is easy to see."""
    if image.size == 0:
        raise MediaError(f"{image.path} is empty", "download it again")
    if image.read_some(16 * BLOCK + 1, 5) == b"CD001":
        return
    head = image.read_some(0, 16)
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise MediaError(f"{image.path} is not an ISO image but {what}", "name a boot ISO")
    raise MediaError(f"{image.path} is not an ISO image", "name a vendor's boot or netinst ISO")


def check_is_whole(image: Image, volume: Volume) -> None:
    """Refuse an image that is shorter than its volume says."""
    if volume.size > image.size:
        raise MediaError(
            f"{image.path} is cut short: it has {image.size} of {volume.size} bytes",
            "download it again",
        )


def _foreign(volume: Volume) -> str:
    for marks, what in _FOREIGN:
        if any(mark in volume.files or mark in volume.folders for mark in marks):
            return what
    return ""


def _refuse(image: Image, volume: Volume, reason: str) -> MediaError:
    what = _foreign(volume)
    if what == "Debian's installer":
        return MediaError(
            f"{image.path} is {what}, which is not remastered",
            "Debian keys are built from the packaged netboot installer",
        )
    said = f"{what}: " if what else ""
    return MediaError(
        f"{image.path} is {said}not laid out as a boot ISO of Enterprise Linux 6 to 10: {reason}",
        "use the vendor's unmodified boot or netinst ISO",
    )


def _uefi_file(volume: Volume, boot: BootImage) -> VolumeFile | None:
    return next((f for f in volume.files.values() if f.offset == boot.offset and f.size), None)


def _is_isolinux(image: Image, boot: BootImage) -> bool:
    return b"ISOLINUX" in image.read_some(boot.offset, 64 << 10)


def _major(release: str) -> int:
    digits = release.split(".", maxsplit=1)[0]
    return int(digits) if digits.isdecimal() and len(digits) < 4 else 0


def _isolinux_layout(gpt: Gpt | None, dialects: set[Dialect | None], release: str) -> Layout | None:
    if Dialect.GRUB2 not in dialects:
        return Layout.EL6 if Dialect.GRUB_LEGACY in dialects else None
    if gpt is None:
        return None
    if gpt.entries == _ISOHYBRID_ENTRIES:
        return Layout.EL7_8
    # A remastered EL 7 or 8 has xorriso's GPT as well; only its version tells then.
    major = _major(release)
    return Layout.EL7_8 if 0 < major < _FIRST_XORRISO_MAJOR else Layout.EL9


def read_medium(image: Image) -> Medium:
    """Take an ISO apart. Raises :class:`MediaError` with the reason for every other file."""
    check_is_iso(image)
    volume = read_volume(image)
    check_is_whole(image, volume)
    catalog = read_catalog(image)
    if catalog is None:
        raise _refuse(image, volume, "it has no El Torito boot record, so no CD boots from it")
    if catalog.problems:
        raise MediaError(f"{image.path} is damaged: {catalog.problems[0]}", DAMAGED_HINT)
    bios, uefi = catalog.image(Platform.BIOS), catalog.image(Platform.UEFI)
    if bios is None or uefi is None:
        missing = "BIOS" if bios is None else "UEFI"
        raise _refuse(image, volume, f"it has no boot entry for {missing}")
    if _foreign(volume):
        raise _refuse(image, volume, "another system's files are on it")
    fat = read_fat(image, uefi.offset)
    configs = read_configs(image, volume, fat)
    mbr, gpt = read_mbr(image), read_gpt(image)
    release = read_release(image, volume)
    appended = next(
        (p for p in (gpt.partitions if gpt else ()) if p.extent.offset == uefi.offset), None
    )
    layout: Layout | None = None
    file = _uefi_file(volume, uefi)
    if _is_isolinux(image, bios) and file is not None:
        efi = {c.dialect for c in configs if c.in_fat or c.path.casefold().startswith("/efi/")}
        layout = _isolinux_layout(gpt, efi, release)
    elif file is None and appended is not None and volume.find("/boot/grub2/grub.cfg"):
        layout = Layout.EL10
    if layout is None:
        raise _refuse(image, volume, "its boot loaders are not where they are on such a medium")
    return Medium(layout, volume, catalog, mbr, gpt, bios, uefi, fat, configs, release)


def efi_extent(medium: Medium) -> Extent:
    """Where the whole EFI boot image is, as the partition or the file that holds it."""
    file = _uefi_file(medium.volume, medium.uefi)
    if file is not None:
        return file.extents[0]
    for partition in medium.gpt.partitions if medium.gpt else ():
        if partition.extent.offset == medium.uefi.offset:
            return partition.extent
    return medium.fat.extent
