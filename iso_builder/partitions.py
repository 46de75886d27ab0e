"""MBR and GPT of a disk image, read and judged (UEFI specification 2.10, chapter 5)."""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass

from iso_builder.errors import MediaError
from iso_builder.image import SECTOR, Extent, Image

EFI_SYSTEM = uuid.UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
BASIC_DATA = uuid.UUID("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7")

_HEADER = struct.Struct("<8sIIII4Q16sQIII")
_MAX_ENTRIES = 1024
_PROTECTIVE = 0xEE


@dataclass(frozen=True)
class MbrPartition:
    """An entry of the MBR. ``start`` and ``sectors`` are in sectors of 512 bytes."""

    number: int
    active: bool
    kind: int
    start: int
    sectors: int


@dataclass(frozen=True)
class Mbr:
    """The first sector. ``has_code`` tells whether a BIOS finds a program there."""

    partitions: tuple[MbrPartition, ...]
    has_code: bool
    is_protective: bool


@dataclass(frozen=True)
class GptPartition:
    """An entry of the GPT, in bytes."""

    number: int
    kind: uuid.UUID
    name: str
    extent: Extent


@dataclass(frozen=True)
class Gpt:
    """A GPT with its backup. ``problems`` is empty for one that a strict firmware accepts."""

    partitions: tuple[GptPartition, ...]
    disk: uuid.UUID
    entries: int
    first_usable: int  #: sector
    backup: int  #: sector of the backup header
    has_backup: bool
    at_end: bool  #: the backup is in the last sector: false on a stick larger than the image
    problems: tuple[str, ...]

    def partition(self, number: int) -> GptPartition | None:
        """The partition of this number."""
        return next((p for p in self.partitions if p.number == number), None)


@dataclass(frozen=True)
class _Header:
    own: int
    other: int
    first_usable: int
    last_usable: int
    table: int
    count: int
    entry_size: int
    table_sum: int
    disk: bytes
    sum_is_right: bool


def read_mbr(image: Image) -> Mbr | None:
    """The MBR; None without its signature."""
    raw = image.read_some(0, SECTOR)
    if len(raw) < SECTOR or raw[510:512] != b"\x55\xaa":
        return None
    partitions = []
    for number in range(4):
        status, _, kind, _, start, sectors = struct.unpack_from("<B3sB3sII", raw, 446 + 16 * number)
        if sectors:
            partitions.append(MbrPartition(number + 1, status == 0x80, kind, start, sectors))
    return Mbr(
        partitions=tuple(partitions),
        has_code=any(raw[:440]),
        is_protective=any(p.kind == _PROTECTIVE for p in partitions),
    )


def _read_header(image: Image, sector: int) -> _Header | None:
    raw = image.read_some(sector * SECTOR, SECTOR)
    if len(raw) < SECTOR or raw[:8] != b"EFI PART":
        return None
    fields = _HEADER.unpack_from(raw)
    _, _, size, wanted, _, own, other, first, last, disk, table, count, entry_size, table_sum = (
        fields
    )
    right = False
    if _HEADER.size <= size <= SECTOR:
        right = zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) == wanted
    return _Header(
        own, other, first, last, table, count, entry_size, table_sum, disk, sum_is_right=right
    )


def _table(image: Image, header: _Header) -> bytes | None:
    """The partition entries; None when the header asks for something absurd."""
    if not (0 < header.count <= _MAX_ENTRIES and 128 <= header.entry_size <= 4096):
        return None
    try:
        return image.read(header.table * SECTOR, header.count * header.entry_size)
    except MediaError:
        return None


def _entries(table: bytes, size: int) -> tuple[GptPartition, ...]:
    partitions = []
    for number, position in enumerate(range(0, len(table), size), 1):
        kind, _, first, last, _ = struct.unpack_from("<16s16sQQQ", table, position)
        if any(kind):
            name = table[position + 56 : position + 128].decode("utf-16-le", "replace")
            partitions.append(
                GptPartition(
                    number,
                    uuid.UUID(bytes_le=kind),
                    name.split("\0")[0],
                    Extent(first * SECTOR, max(0, last + 1 - first) * SECTOR),
                )
            )
    return tuple(partitions)


def _judge(name: str, header: _Header, table: bytes | None, sector: int) -> list[str]:
    problems = []
    if not header.sum_is_right:
        problems.append(f"the check sum of the {name} header is wrong")
    if header.own != sector:
        problems.append(f"the {name} header says that it is in sector {header.own}, not {sector}")
    if table is None:
        problems.append(f"the {name} partition table lies outside of the medium")
    elif zlib.crc32(table) != header.table_sum:
        problems.append(f"the check sum of the {name} partition table is wrong")
    return problems


def read_gpt(image: Image) -> Gpt | None:
    """The GPT with everything that is wrong with it; None when there is none at all."""
    main = _read_header(image, 1)
    if main is None:
        return None
    table = _table(image, main)
    problems = _judge("GPT", main, table, 1)
    last = image.size // SECTOR - 1
    backup = _read_header(image, main.other)
    if backup is None:
        problems.append(f"there is no backup GPT in sector {main.other}")
    else:
        second = _table(image, backup)
        problems += _judge("backup GPT", backup, second, main.other)
        if backup.disk != main.disk or (table is not None and second != table):
            problems.append("the backup GPT differs from the GPT")
    if main.other > last:
        problems.append(f"the GPT belongs to a disk of {main.other + 1} sectors, not {last + 1}")
    partitions = _entries(table, main.entry_size) if table is not None else ()
    problems += [
        f"partition {p.number} ends after the medium does"
        for p in partitions
        if p.extent.end > image.size
    ]
    return Gpt(
        partitions=partitions,
        disk=uuid.UUID(bytes_le=main.disk),
        entries=main.count,
        first_usable=main.first_usable,
        backup=main.other,
        has_backup=backup is not None,
        at_end=main.other == last,
        problems=tuple(problems),
    )
