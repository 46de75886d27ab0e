"""Boot structures of an ISO read straight from its bytes, by the specifications alone.

QEMU's firmware forgives a wrong or missing GPT, a stale boot info table and a lost second
directory tree; these readers do not. Nothing here comes from iso_builder, which they judge.
Sources: UEFI 2.10 section 5 (GPT), El Torito 1.0, ECMA-119, mkisofs(8) "boot info table",
syslinux doc/isolinux.txt and isohdpfx, xorrisofs(1) --grub2-boot-info and --grub2-mbr.
"""

from __future__ import annotations

import hashlib
import io
import struct
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pycdlib

BLOCK = 2048
SECTOR = 512
#: A partition type of the GPT.
ESP = uuid.UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
BASIC_DATA = uuid.UUID("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7")


@dataclass(frozen=True)
class Partition:
    """A partition; ``start`` and ``sectors`` in units of 512 bytes."""

    number: int
    kind: uuid.UUID | int
    start: int
    sectors: int
    name: str = ""


@dataclass(frozen=True)
class BootImage:
    """An El Torito entry; ``block`` counts 2048 bytes, ``sectors`` 512."""

    platform: int
    block: int
    sectors: int


def read_at(image: Path, offset: int, size: int) -> bytes:
    """Return ``size`` bytes at ``offset``; fail when the file is shorter."""
    with image.open("rb") as handle:
        handle.seek(offset)
        data = handle.read(size)
    assert len(data) == size, f"{image} ends before byte {offset + size}"
    return data


def mbr(image: Path) -> tuple[Partition, ...]:
    """Return the used entries of the partition table in the first sector."""
    sector = read_at(image, 0, SECTOR)
    assert sector[510:] == b"\x55\xaa", "no MBR"
    found = []
    for number in range(4):
        entry = sector[446 + 16 * number :][:16]
        start, count = struct.unpack("<8xII", entry)
        if count:
            found.append(Partition(number + 1, entry[4], start, count))
            assert (start + count) * SECTOR <= image.stat().st_size, f"MBR {number + 1} too long"
    return tuple(found)


def _gpt_copy(image: Path, lba: int) -> tuple[bytes, bytes]:
    header = read_at(image, lba * SECTOR, 92)
    assert header[:8] == b"EFI PART", f"no GPT at sector {lba}"
    claimed = struct.unpack_from("<I", header, 16)[0]
    assert zlib.crc32(header[:16] + bytes(4) + header[20:]) == claimed, f"GPT {lba}: header CRC"
    assert struct.unpack_from("<Q", header, 24)[0] == lba, f"GPT {lba}: names another place"
    table, count, size, crc = struct.unpack_from("<QIII", header, 72)
    entries = read_at(image, table * SECTOR, count * size)
    assert zlib.crc32(entries) == crc, f"GPT {lba}: CRC of its entries"
    return header, entries


def gpt(image: Path) -> tuple[Partition, ...]:
    """Return the partitions; both copies must be there, sound, alike and refer to each other."""
    header, entries = _gpt_copy(image, 1)
    last = image.stat().st_size // SECTOR - 1
    backup_at, first_usable, last_usable = struct.unpack_from("<QQQ", header, 32)
    assert backup_at == last, f"backup GPT at sector {backup_at} of a disk that ends at {last}"
    backup, backup_entries = _gpt_copy(image, backup_at)
    assert struct.unpack_from("<Q", backup, 32)[0] == 1, "the backup names no primary GPT"
    assert backup_entries == entries, "the two copies of the GPT differ"
    assert backup[40:72] == header[40:72], "the two headers of the GPT differ"
    found = []
    for number in range(len(entries) // 128):
        entry = entries[128 * number :][:128]
        if entry[:16] == bytes(16):
            continue
        start, end = struct.unpack_from("<QQ", entry, 32)
        name = entry[56:].decode("utf-16-le").rstrip("\0")
        assert end <= last_usable, f"GPT {number + 1} ends behind the usable sectors"
        kind = uuid.UUID(bytes_le=entry[:16])
        found.append(Partition(number + 1, kind, start, end - start + 1, name))
    assert first_usable <= last_usable
    return tuple(found)


def boot_catalog(image: Path) -> tuple[BootImage, ...]:
    """Return the bootable entries of the El Torito catalogue, the default one first."""
    record = read_at(image, 17 * BLOCK, BLOCK)
    assert record[:39].rstrip(b"\0") == b"\0CD001\x01EL TORITO SPECIFICATION", "no El Torito"
    catalog = read_at(image, struct.unpack_from("<I", record, 71)[0] * BLOCK, BLOCK)
    validation = struct.unpack("<16H", catalog[:32])
    assert sum(validation) & 0xFFFF == 0, "validation entry: wrong check sum"
    assert catalog[30:32] == b"\x55\xaa", "validation entry: wrong key"
    platform, found, at = catalog[1], [], 32
    remaining, more = 1, True
    while remaining or more:
        entry = catalog[at : at + 32]
        at += 32
        if remaining == 0:
            if entry[0] not in (0x90, 0x91):
                break
            more, platform = entry[0] == 0x90, entry[1]
            remaining = struct.unpack_from("<H", entry, 2)[0]
            continue
        remaining -= 1
        sectors, block = struct.unpack_from("<HI", entry, 6)
        if entry[0] == 0x88:
            assert entry[1] == 0, "a boot image with emulation"
            found.append(BootImage(platform, block, sectors))
    return tuple(found)


def check_boot_info_table(image: Path, boot: BootImage, length: int) -> None:
    """Check the table that isolinux and grub find themselves by; ``length``: of the file."""
    content = read_at(image, boot.block * BLOCK, length)
    superblock, block, size, checksum = struct.unpack_from("<IIII", content, 8)
    # A medium with a second session has its superblock twice: there and in block 16.
    there, first = (read_at(image, at * BLOCK, 190) for at in (superblock, 16))
    assert there[:7] == b"\x01CD001\x01", f"boot info table: no superblock at {superblock}"
    for field, part in (("label", slice(40, 72)), ("root folder", slice(156, 190))):
        assert there[part] == first[part], f"boot info table: stale {field} at {superblock}"
    assert block == boot.block, f"boot info table: block {block}, is at {boot.block}"
    assert size == length, f"boot info table: {size} bytes, has {length}"
    padded = content[64:] + bytes(-len(content) % 4)
    total = sum(struct.unpack(f"<{len(padded) // 4}I", padded)) & 0xFFFFFFFF
    assert total == checksum, "boot info table: wrong check sum"


def check_grub2_boot_info(image: Path, boot: BootImage) -> None:
    """Check grub's own pointers: in its boot image (byte 2548) and in the MBR (byte 0x1b0)."""
    inside = struct.unpack("<Q", read_at(image, boot.block * BLOCK + 2548, 8))[0]
    assert inside == boot.block * 4 + 5, f"grub2 boot info: {inside} in block {boot.block}"
    in_mbr = struct.unpack("<Q", read_at(image, 0x1B0, 8))[0]
    assert in_mbr == boot.block * 4 + 4, f"grub2 MBR points to sector {in_mbr}"


def check_isohybrid_mbr(image: Path, boot: BootImage) -> None:
    """Check that the isohybrid MBR loads isolinux.bin from where it is."""
    pointer = struct.unpack("<I", read_at(image, 432, 4))[0]
    assert pointer == boot.block * 4, f"isohybrid MBR points to sector {pointer}"
    magic = read_at(image, boot.block * BLOCK + 64, 4)
    assert magic == b"\xfb\xc0\x78\x70", "isolinux.bin has no isohybrid signature"


class _Window(io.RawIOBase):
    """The file from ``offset`` on, as the kernel shows a partition."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file, self._offset = file, offset
        self.mode = "rb"
        file.seek(offset)

    def seek(self, position: int, whence: int = 0) -> int:
        if whence == 0:
            return self._file.seek(position + self._offset) - self._offset
        return self._file.seek(position, whence) - self._offset

    def tell(self) -> int:
        return self._file.tell() - self._offset

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def volume_labels(image: Path, offset: int = 0) -> dict[int, str]:
    """Return the volume ids by descriptor type: 1 is ISO 9660's, 2 is Joliet's."""
    found: dict[int, str] = {}
    for block in range(16, 32):
        descriptor = read_at(image, offset + block * BLOCK, BLOCK)
        assert descriptor[1:6] == b"CD001", f"no volume descriptor at block {block}"
        if descriptor[0] == 255:
            break
        if descriptor[0] in (1, 2):
            codec = "ascii" if descriptor[0] == 1 else "utf-16-be"
            found[descriptor[0]] = descriptor[40:72].decode(codec).rstrip(" \0")
    return found


@dataclass(frozen=True)
class Tree:
    """A Rock Ridge tree: path → SHA-256, and where its last file ends, in sectors of the image."""

    files: dict[str, str]
    end: int


def tree(image: Path, start: int = 0) -> Tree:
    """Read the tree whose superblock is 16 blocks behind the sector ``start``."""
    files: dict[str, str] = {}
    end = 0
    with image.open("rb") as handle:
        iso = pycdlib.PyCdlib()
        iso.open_fp(_Window(handle, start * SECTOR) if start else handle)
        try:
            for folder, _, names in iso.walk(rr_path="/"):
                for name in names:
                    path = f"{folder.rstrip('/')}/{name}"
                    content = io.BytesIO()
                    iso.get_file_from_iso_fp(content, rr_path=path)
                    files[path] = hashlib.sha256(content.getvalue()).hexdigest()
                    place = iso.get_record(rr_path=path).extent_location()
                    sectors = -(-len(content.getvalue()) // SECTOR)
                    end = max(end, start + place * 4 + sectors)
        finally:
            iso.close()
    return Tree(files, end)
