"""The first sector of a key: boot code and one partition."""

from __future__ import annotations

import struct

from iso_builder.errors import MediaError

SECTOR = 512
#: Boot code ends where the disk signature begins.
CODE_LIMIT = 440
TYPE_FAT16_LBA = 0x0E
TYPE_FAT32_LBA = 0x0C
_HEADS, _TRACK = 255, 63


def master_boot_record(
    boot_code: bytes, *, kind: int, start: int, sectors: int, active: bool, signature: int
) -> bytes:
    """Return the 512 bytes of an MBR with one partition.

    :param kind: type byte of the partition.
    :param start: first sector of the partition.
    :param sectors: its length.
    :param signature: the disk's 32-bit number, which kernels show as PARTUUID.
    """
    if len(boot_code) > CODE_LIMIT:
        raise MediaError(
            f"the boot code for the MBR has {len(boot_code)} bytes, {CODE_LIMIT} fit",
            "reinstall the package syslinux-common",
        )
    entry = struct.pack(
        "<B3sB3sII",
        0x80 if active else 0,
        _chs(start),
        kind,
        _chs(start + sectors - 1),
        start,
        sectors,
    )
    return (
        boot_code.ljust(CODE_LIMIT, b"\0")
        + struct.pack("<IH", signature & 0xFFFF_FFFF, 0)
        + entry.ljust(64, b"\0")
        + b"\x55\xaa"
    )


def _chs(sector: int) -> bytes:
    cylinder, rest = divmod(sector, _HEADS * _TRACK)
    if cylinder > 1023:
        return b"\xfe\xff\xff"
    head, number = divmod(rest, _TRACK)
    return bytes([head, (number + 1) | (cylinder >> 2 & 0xC0), cylinder & 0xFF])
