"""A key: an image file with an MBR and one FAT partition."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from iso_builder.copying import write_all
from iso_builder.errors import MediaError
from iso_builder.fat import FatTree, Geometry, choose_geometry, label_problem, write_volume
from iso_builder.mbr import TYPE_FAT16_LBA, TYPE_FAT32_LBA, master_boot_record
from iso_builder.progress import Progress, silent
from iso_builder.sources import Data

#: Where the partition begins: every partitioning program's choice, aligned for flash memory.
PARTITION_OFFSET = 1 << 20
_SECTOR = 512


def check_label(label: str) -> None:
    """Refuse a label that a FAT key cannot carry."""
    if problem := label_problem(label):
        raise MediaError(problem, "choose a label of 1 to 11 of A-Z, 0-9, '-' and '_'")


def write_key(
    image: Path,
    tree: FatTree,
    *,
    label: str,
    boot_code: bytes,
    active: bool,
    timestamp: int,
    slack: int,
    size: int | None = None,
    bits: int | None = None,
    progress: Progress = silent,
) -> Geometry:
    """Write the key of ``tree`` to ``image``, an empty file, sparsely.

    :param active: mark the partition as the one that BIOS boots.
    :param slack: bytes to leave free.
    :param size: length of the image in bytes; None: as small as it can be.
    :param bits: 16 or 32 for the FAT; None: by size.
    """
    check_label(label)
    volume_size = None if size is None else size - PARTITION_OFFSET
    geometry = choose_geometry(tree, slack=slack, size=volume_size, bits=bits)
    start = PARTITION_OFFSET // _SECTOR
    number = _fingerprint(label, tree)
    mbr = master_boot_record(
        boot_code,
        kind=TYPE_FAT32_LBA if geometry.bits == 32 else TYPE_FAT16_LBA,
        start=start,
        sectors=geometry.total_sectors,
        active=active,
        signature=number,
    )
    length = PARTITION_OFFSET + geometry.total_sectors * _SECTOR
    with image.open("r+b") as handle:
        target = handle.fileno()
        os.truncate(target, max(length, size or 0))
        write_all(target, mbr, 0)
        write_volume(
            target,
            PARTITION_OFFSET,
            tree,
            geometry,
            label=label,
            serial=number,
            timestamp=timestamp,
            progress=progress,
        )
    return geometry


def _fingerprint(label: str, tree: FatTree) -> int:
    """Return a 32-bit number that differs between keys and is equal for equal content."""
    digest = hashlib.sha256(label.encode())
    for file in tree.files():
        digest.update(f"\0{file.path}\0{file.source.size}\0".encode())
        if isinstance(file.source, Data):
            digest.update(file.source.content)
    return int.from_bytes(digest.digest()[:4], "little") or 1
