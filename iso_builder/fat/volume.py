"""Write a FAT volume: boot sector, FATs, folders and the content of the files."""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from iso_builder.copying import copy_range, write_all
from iso_builder.errors import MediaError
from iso_builder.fat import folders
from iso_builder.fat.geometry import FAT_COPIES, SECTOR, Geometry
from iso_builder.fat.names import short_names
from iso_builder.fat.tree import FatTree, File, Folder
from iso_builder.progress import Progress, silent
from iso_builder.sources import Data, FileRange

#: Sector of the copy of the FAT32 boot sector within the volume.
BACKUP_BOOT_SECTOR = 6
_FSINFO_SECTOR = 1
_MEDIA = 0xF8
#: int 18h (let the firmware try the next device), then halt for ever.
NOT_BOOTABLE = bytes.fromhex("cd18f4ebfd")
_SIGNATURE = b"\x55\xaa"


@dataclass
class _Allocation:
    """First clusters of everything, in the order of allocation."""

    first: dict[str, int] = field(default_factory=dict)
    runs: list[tuple[int, int]] = field(default_factory=list)
    next_free: int = 2

    def take(self, path: str, clusters: int) -> None:
        if not clusters:
            self.first[path] = 0
            return
        self.first[path] = self.next_free
        self.runs.append((self.next_free, clusters))
        self.next_free += clusters


def write_volume(
    target: int,
    start: int,
    tree: FatTree,
    geometry: Geometry,
    *,
    label: str,
    serial: int,
    timestamp: int,
    progress: Progress = silent,
) -> None:
    """Write the volume into the open file ``target``, from byte ``start`` on.

    The place must read as zeros: what is empty in the volume is not written, so the image
    stays sparse. ``serial`` is the volume's 32-bit number, ``timestamp`` the Unix time that
    every file gets.

    :raises MediaError: when a source cannot be read or is shorter than it said.
    """
    allocation = _allocate(tree, geometry)
    if allocation.next_free - 2 > geometry.clusters:
        raise AssertionError("the geometry does not hold the tree")
    boot = _boot_sector(geometry, label=label, serial=serial, hidden=start // SECTOR)
    write_all(target, boot, start)
    if geometry.bits == 32:
        info = _fsinfo(geometry.clusters + 2 - allocation.next_free, allocation.next_free)
        write_all(target, info, start + _FSINFO_SECTOR * SECTOR)
        write_all(target, boot + info, start + BACKUP_BOOT_SECTOR * SECTOR)
    table = _fat(geometry, allocation)
    for copy in range(FAT_COPIES):
        offset = geometry.reserved + copy * geometry.fat_sectors
        write_all(target, table, start + offset * SECTOR)
    for folder in tree.walk():
        content = _folder_bytes(folder, tree, allocation, label, timestamp)
        if folder is tree.root and geometry.bits == 16:
            place = geometry.root_sector * SECTOR
        else:
            place = geometry.offset(allocation.first[folder.path])
        write_all(target, content, start + place)
    _write_files(target, start, tree, geometry, allocation, progress=progress)


def _in_reading_order(tree: FatTree) -> list[File]:
    """Files in the order of their place on the source, so that it is read from end to end."""

    def place(file: File) -> tuple[str, int, str]:
        source = file.source
        if isinstance(source, FileRange):
            return str(source.path), source.offset, file.path
        return "", 0, file.path

    return sorted(tree.files(), key=place)


def _allocate(tree: FatTree, geometry: Geometry) -> _Allocation:
    allocation = _Allocation()
    for folder in tree.walk():
        is_root = folder is tree.root
        if is_root and geometry.bits == 16:
            allocation.first[folder.path] = 0
            continue
        size = 32 * folder.entry_count(is_root=is_root)
        allocation.take(folder.path, geometry.clusters_for(size))
    for file in _in_reading_order(tree):
        allocation.take(file.path, geometry.clusters_for(file.source.size))
    return allocation


def _boot_sector(geometry: Geometry, *, label: str, serial: int, hidden: int) -> bytes:
    wide = geometry.bits == 32
    small_total = geometry.total_sectors if geometry.total_sectors < 65536 and not wide else 0
    common = struct.pack(
        "<3s8sHBHBHHBHHHII",
        b"\xeb\x58\x90" if wide else b"\xeb\x3c\x90",
        b"MSWIN4.1",
        SECTOR,
        geometry.sectors_per_cluster,
        geometry.reserved,
        FAT_COPIES,
        geometry.root_entries,
        small_total,
        _MEDIA,
        0 if wide else geometry.fat_sectors,
        63,  # sectors a track and heads: what firmware without LBA assumes for disks
        255,
        hidden,
        0 if small_total else geometry.total_sectors,
    )
    extended = struct.pack(
        "<BBBI11s8s",
        0x80,
        0,
        0x29,
        serial & 0xFFFF_FFFF,
        f"{label:<11}".encode("ascii"),
        b"FAT32   " if wide else b"FAT16   ",
    )
    if wide:
        common += struct.pack(
            "<IHHIHH12x", geometry.fat_sectors, 0, 0, 2, _FSINFO_SECTOR, BACKUP_BOOT_SECTOR
        )
    return (common + extended + NOT_BOOTABLE).ljust(SECTOR - 2, b"\0") + _SIGNATURE


def _fsinfo(free: int, next_free: int) -> bytes:
    hint = next_free if free else 0xFFFF_FFFF
    return struct.pack("<4s480x4sII12x4s", b"RRaA", b"rrAa", free, hint, b"\0\0" + _SIGNATURE)


def _fat(geometry: Geometry, allocation: _Allocation) -> bytes:
    """Return the used beginning of the FAT; what follows is zeros."""
    end = 0x0FFF_FFFF if geometry.bits == 32 else 0xFFFF
    code = "I" if geometry.bits == 32 else "H"
    table = array(code, [end & ~0xFF | _MEDIA, end])
    for first, count in allocation.runs:
        table.extend(range(first + 1, first + count))
        table.append(end)
    if sys.byteorder == "big":
        table.byteswap()
    return table.tobytes()


def _folder_bytes(
    folder: Folder, tree: FatTree, allocation: _Allocation, label: str, timestamp: int
) -> bytes:
    if folder is tree.root:
        parts = [folders.label_entry(label, timestamp)]
    else:
        parent = folder.path.rpartition("/")[0]
        above = allocation.first[parent] if parent else 0
        parts = [folders.dot_entries(allocation.first[folder.path], above, timestamp)]
    names = folder.names
    for name, short in zip(names, short_names(names), strict=True):
        child = folder.folders.get(name)
        if child is not None:
            first = allocation.first[child.path]
            parts.append(folders.folder_entry(name, short, first, timestamp))
        else:
            file = folder.files[name]
            first = allocation.first[file.path]
            parts.append(folders.file_entry(name, short, first, file.source.size, timestamp))
    return b"".join(parts)


def _write_files(
    target: int,
    start: int,
    tree: FatTree,
    geometry: Geometry,
    allocation: _Allocation,
    *,
    progress: Progress,
) -> None:
    total = sum(file.source.size for file in tree.files())
    done = 0

    def moved(count: int) -> None:
        nonlocal done
        done += count
        progress("copying files", done, total)

    with ExitStack() as opened:
        handles: dict[Path, int] = {}
        for file, place in _placed(tree, geometry, allocation):
            source = file.source
            if isinstance(source, Data):
                write_all(target, source.content, start + place)
                moved(source.size)
                continue
            if source.path not in handles:
                # One source at a time: they come sorted by path, and there may be thousands.
                opened.close()
                handles = {source.path: _open(source.path)}
                opened.callback(os.close, handles[source.path])
            copied = copy_range(
                handles[source.path], source.offset, target, start + place, source.size, moved=moved
            )
            if copied != source.size:
                raise MediaError(
                    f"{source.path} ends in the middle of {file.path}",
                    "the file is truncated: fetch it again, or check it with b2ct base verify",
                )


def _placed(
    tree: FatTree, geometry: Geometry, allocation: _Allocation
) -> Iterator[tuple[File, int]]:
    for file in _in_reading_order(tree):
        if file.source.size:
            yield file, geometry.offset(allocation.first[file.path])


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise MediaError(f"cannot read {path}: {error.strerror}", "name a readable file") from error
