"""The bytes of FAT folder entries, short and long."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from iso_builder.fat.names import is_stored_short

_ENTRY = struct.Struct("<11sBBBHHHHHHHI")
_LABEL, _FOLDER, _FILE, _LONG = 0x08, 0x10, 0x20, 0x0F
_UNITS = 13


def dos_time(timestamp: int) -> tuple[int, int]:
    """Return (date, time) of a Unix time in UTC, clamped to what FAT can say (1980 to 2107)."""
    earliest = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
    latest = int(datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC).timestamp())
    when = datetime.fromtimestamp(min(max(timestamp, earliest), latest), UTC)
    date = (when.year - 1980) << 9 | when.month << 5 | when.day
    return date, when.hour << 11 | when.minute << 5 | when.second // 2


def _short(short: bytes, attribute: int, cluster: int, size: int, timestamp: int) -> bytes:
    date, time = dos_time(timestamp)
    return _ENTRY.pack(
        short, attribute, 0, 0, time, date, date, cluster >> 16, time, date, cluster & 0xFFFF, size
    )


def label_entry(label: str, timestamp: int) -> bytes:
    """Return the entry of the root folder that carries the volume label."""
    return _short(f"{label:<11}".encode("ascii"), _LABEL, 0, 0, timestamp)


def dot_entries(own: int, parent: int, timestamp: int) -> bytes:
    """Return "." and ".."; ``parent`` is 0 when it is the root folder."""
    return _short(b".          ", _FOLDER, own, 0, timestamp) + _short(
        b"..         ", _FOLDER, parent, 0, timestamp
    )


def folder_entry(name: str, short: bytes, cluster: int, timestamp: int) -> bytes:
    """Return the entries of a folder within its parent."""
    return _long(name, short) + _short(short, _FOLDER, cluster, 0, timestamp)


def file_entry(name: str, short: bytes, cluster: int, size: int, timestamp: int) -> bytes:
    """Return the entries of a file; an empty one has cluster 0."""
    return _long(name, short) + _short(short, _FILE, cluster, size, timestamp)


def _long(name: str, short: bytes) -> bytes:
    if is_stored_short(name, short):
        return b""
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7) + (checksum >> 1) + byte & 0xFF
    text = name.encode("utf-16-le")
    count = -(-len(text) // (2 * _UNITS))
    if len(text) % (2 * _UNITS):
        text = (text + b"\0\0").ljust(count * 2 * _UNITS, b"\xff")
    entries = []
    for number in range(count, 0, -1):
        part = text[(number - 1) * 2 * _UNITS : number * 2 * _UNITS]
        order = number | (0x40 if number == count else 0)
        entries.append(
            struct.pack(
                "<B10sBBB12sH4s", order, part[:10], _LONG, 0, checksum, part[10:22], 0, part[22:]
            )
        )
    return b"".join(entries)
