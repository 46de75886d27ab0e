"""The El Torito boot catalogue and what it points at ("El Torito" 1.0, sections 2 and 6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

from iso_builder.errors import MediaError
from iso_builder.image import BLOCK, SECTOR, Image
from iso_builder.volume import descriptors

_NAME = b"EL TORITO SPECIFICATION"
_MAX_IMAGES = 16
_LONGEST_BOOT_FILE = 32 << 20


class Platform(StrEnum):
    """Which firmware an entry is for."""

    BIOS = "BIOS"
    POWERPC = "PowerPC"
    MAC = "Mac"
    UEFI = "UEFI"
    OTHER = "other"


_PLATFORMS = {0: Platform.BIOS, 1: Platform.POWERPC, 2: Platform.MAC, 0xEF: Platform.UEFI}


@dataclass(frozen=True)
class BootImage:
    """One entry of the catalogue. ``offset`` is in bytes, ``sectors`` of 512 bytes."""

    platform: Platform
    bootable: bool
    emulation: bool
    load_segment: int
    sectors: int
    offset: int


@dataclass(frozen=True)
class BootCatalog:
    """The catalogue. ``problems`` say what a strict firmware would refuse."""

    offset: int
    images: tuple[BootImage, ...]
    problems: tuple[str, ...] = ()

    def image(self, platform: Platform) -> BootImage | None:
        """The first bootable entry for a platform."""
        return next((i for i in self.images if i.platform is platform and i.bootable), None)


class InfoTable(StrEnum):
    """State of the boot info table in a BIOS boot image (xorrisofs manual, -boot-info-table)."""

    VALID = "valid"
    ABSENT = "absent"
    WRONG = "wrong"


def _entry(raw: bytes, platform: Platform) -> BootImage:
    indicator, media, segment, _, _, sectors, lba = struct.unpack_from("<BBHBBHI", raw)
    return BootImage(
        platform=platform,
        bootable=indicator == 0x88,
        emulation=media & 0x0F != 0,
        load_segment=segment,
        sectors=sectors,
        offset=lba * BLOCK,
    )


def _validation_problems(raw: bytes) -> list[str]:
    problems = []
    if raw[0] != 1 or raw[30:32] != b"\x55\xaa":
        problems.append("the boot catalogue does not begin with a validation entry")
    elif sum(struct.unpack("<16H", raw)) & 0xFFFF:
        problems.append("the check sum of the boot catalogue is wrong")
    return problems


def read_catalog(image: Image) -> BootCatalog | None:
    """The boot catalogue; None when the image has no El Torito boot record."""
    record = next(
        (b for _, b in descriptors(image) if b[0] == 0 and b[7:39].rstrip(b"\0 ") == _NAME), None
    )
    if record is None:
        return None
    offset = int.from_bytes(record[71:75], "little") * BLOCK
    raw = image.read(offset, BLOCK)
    problems = _validation_problems(raw[:32])
    platform = _PLATFORMS.get(raw[1], Platform.OTHER)
    images = [_entry(raw[32:64], platform)]
    position, more = 64, True
    while more and position + 32 <= BLOCK and len(images) < _MAX_IMAGES:
        kind, number, count = struct.unpack_from("<BBH", raw, position)
        if kind not in (0x90, 0x91):
            break
        more = kind == 0x90
        platform = _PLATFORMS.get(number, Platform.OTHER)
        position += 32
        for _ in range(count):
            if position + 32 > BLOCK or len(images) >= _MAX_IMAGES:
                problems.append("the boot catalogue has more entries than fit into it")
                break
            images.append(_entry(raw[position : position + 32], platform))
            position += 32
            while position + 32 <= BLOCK and raw[position] == 0x44:  # extension of the entry
                position += 32
    for number, entry in enumerate(images, 1):
        if not 0 < entry.offset < image.size:
            problems.append(f"boot image {number} lies outside of the medium")
        elif entry.offset + entry.sectors * SECTOR > image.size:
            problems.append(f"boot image {number} ends after the medium does")
    return BootCatalog(offset, tuple(images), tuple(problems))


def info_table(image: Image, boot: BootImage) -> InfoTable:
    """Check the table that isolinux and grub 2 read their own place from.

    Bytes 8 to 23 of the boot image: block of the volume descriptor, block and length of the
    boot image, and the sum of its 32-bit words from byte 64 on.
    """
    head = image.read_some(boot.offset, 64)
    if len(head) < 64:
        return InfoTable.ABSENT
    descriptor, own, length, wanted = struct.unpack_from("<4I", head, 8)
    # After a growing session the descriptor is that of the last session, not in block 16.
    names_descriptor = image.read_some(descriptor * BLOCK, 6) == b"\x01CD001"
    names_itself = own * BLOCK == boot.offset
    if not names_descriptor and not names_itself:
        return InfoTable.ABSENT
    if not (names_descriptor and names_itself and 64 <= length <= _LONGEST_BOOT_FILE):
        return InfoTable.WRONG
    try:
        body = image.read(boot.offset + 64, length - 64)
    except MediaError:
        return InfoTable.WRONG
    body += bytes(-len(body) % 4)
    total = sum(struct.unpack(f"<{len(body) // 4}I", body)) & 0xFFFFFFFF
    return InfoTable.VALID if total == wanted else InfoTable.WRONG
