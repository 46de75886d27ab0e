"""Read a FAT volume inside an image: the EFI boot image of an ISO (Microsoft FAT 1.03)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from iso_builder.errors import MediaError
from iso_builder.image import Extent, Image
from iso_builder.volume import DAMAGED_HINT

_MAX_FILES = 4096
_MAX_DEPTH = 16
_MAX_FOLDER = 1 << 20
_LONG_NAME, _LABEL, _FOLDER = 0x0F, 0x08, 0x10
_DELETED = 0xE5


@dataclass(frozen=True)
class FatFile:
    """A file: its path with long names, its length and where its clusters are in the image."""

    path: str
    size: int
    extents: tuple[Extent, ...]


@dataclass(frozen=True)
class FatVolume:
    """A FAT volume. ``extent`` is its place in the image, ``free`` its free bytes."""

    extent: Extent
    bits: int
    label: str
    cluster: int  #: bytes
    free: int
    files: dict[str, FatFile] = field(repr=False)

    def find(self, path: str) -> FatFile | None:
        """The file of this path, upper and lower case being the same; None without one."""
        folded = path.casefold()
        return next((f for name, f in self.files.items() if name.casefold() == folded), None)


class _Reader:
    def __init__(self, image: Image, offset: int) -> None:
        self._image = image
        raw = image.read(offset, 512)
        (self.sector,) = struct.unpack_from("<H", raw, 11)
        cluster, reserved, fats, root, small = struct.unpack_from("<BHBHH", raw, 13)
        (fat_size,) = struct.unpack_from("<H", raw, 22)
        (large,) = struct.unpack_from("<I", raw, 32)
        sectors = small or large
        self.bits = 0
        label_at = 43
        if not fat_size:
            (fat_size,) = struct.unpack_from("<I", raw, 36)
            label_at, self.bits = 71, 32
        sane = (
            raw[510:512] == b"\x55\xaa"
            and self.sector in (512, 1024, 2048, 4096)
            and cluster in (1, 2, 4, 8, 16, 32, 64, 128)
            and fats in (1, 2)
            and reserved
            and fat_size
        )
        root_size = -(-root * 32 // (self.sector or 1)) * self.sector
        self._first = (reserved + fats * fat_size) * self.sector + root_size
        self.size = sectors * self.sector
        if not sane or self._first > self.size or offset + self.size > image.size:
            raise MediaError(
                f"the EFI boot image of {image.path} is not a FAT volume or is damaged",
                DAMAGED_HINT,
            )
        self.offset = offset
        self.cluster = cluster * self.sector
        self.clusters = (self.size - self._first) // self.cluster
        self.bits = self.bits or (12 if self.clusters < 4085 else 16)
        self.label = raw[label_at : label_at + 11].decode("ascii", "replace").rstrip()
        fat = image.read(offset + reserved * self.sector, min(fat_size * self.sector, 16 << 20))
        if len(fat) * 8 < self.clusters * self.bits:
            raise MediaError(
                f"the EFI boot image of {image.path} has too short a FAT", DAMAGED_HINT
            )
        self._fat = fat
        self._root = Extent(offset + self._first - root_size, root_size)
        self._root_cluster = struct.unpack_from("<I", raw, 44)[0] if self.bits == 32 else 0
        self.files: dict[str, FatFile] = {}
        self._followed = 0

    def _damaged(self, why: str) -> MediaError:
        return MediaError(
            f"the EFI boot image of {self._image.path} is damaged: {why}", DAMAGED_HINT
        )

    def _next(self, cluster: int) -> int:
        if self.bits == 12:
            (pair,) = struct.unpack_from("<H", self._fat, cluster * 3 // 2)
            return int(pair >> 4 if cluster & 1 else pair & 0xFFF)
        if self.bits == 16:
            return int(struct.unpack_from("<H", self._fat, cluster * 2)[0])
        return int(struct.unpack_from("<I", self._fat, cluster * 4)[0] & 0x0FFFFFFF)

    def chain(self, cluster: int, size: int | None) -> tuple[Extent, ...]:
        """Where the clusters of a file or folder are; ``size`` None: to the end of the chain."""
        extents: list[Extent] = []
        left = _MAX_FOLDER if size is None else size
        if left > max(self.size, _MAX_FOLDER):
            raise self._damaged("a file is larger than the whole")
        seen = 0
        while left > 0:
            if not 2 <= cluster < self.clusters + 2:
                if size is None and seen and cluster >= (1 << min(self.bits, 28)) - 8:
                    break
                raise self._damaged("a chain of clusters ends before its file does")
            # No cluster belongs to two files: all chains together are no longer than the FAT.
            self._followed += 1
            if self._followed > self.clusters:
                raise self._damaged("chains of clusters lead in circles")
            place = self.offset + self._first + (cluster - 2) * self.cluster
            part = min(self.cluster, left)
            if extents and extents[-1].end == place:
                extents[-1] = Extent(extents[-1].offset, extents[-1].size + part)
            else:
                extents.append(Extent(place, part))
            left -= part
            seen += 1
            cluster = self._next(cluster)
        return tuple(extents)

    def free(self) -> int:
        """Free bytes."""
        unused = sum(self._next(c) == 0 for c in range(2, self.clusters + 2))
        return unused * int(self.cluster)

    def walk_root(self) -> None:
        """Collect every file."""
        place = self.chain(self._root_cluster, None) if self.bits == 32 else (self._root,)
        self._walk(place, "", {0})

    def _walk(self, place: tuple[Extent, ...], path: str, above: set[int]) -> None:
        raw = b"".join(self._image.read(extent.offset, extent.size) for extent in place)
        long_name: dict[int, str] = {}
        for position in range(0, len(raw) - 31, 32):
            entry = raw[position : position + 32]
            attributes = entry[11]
            if entry[0] == 0:
                break
            if entry[0] == _DELETED:
                long_name = {}
            elif attributes & 0x3F == _LONG_NAME:
                spelt = entry[1:11] + entry[14:26] + entry[28:32]
                long_name[entry[0] & 0x3F] = spelt.decode("utf-16-le", "replace")
            elif attributes & _LABEL:
                if not path:
                    self.label = entry[:11].decode("ascii", "replace").rstrip()
                long_name = {}
            else:
                name = _name(entry, long_name)
                long_name = {}
                if name not in (".", ".."):
                    self._add(entry, f"{path}/{name}", above)

    def _add(self, entry: bytes, path: str, above: set[int]) -> None:
        high, low, size = struct.unpack_from("<H", entry, 20) + struct.unpack_from("<HI", entry, 26)
        first = low | (high << 16 if self.bits == 32 else 0)
        is_folder = bool(entry[11] & _FOLDER)
        if len(self.files) >= _MAX_FILES or (
            is_folder and (first in above or len(above) > _MAX_DEPTH)
        ):
            raise self._damaged("its folders lead in circles")
        if is_folder:
            self._walk(self.chain(first, None), path, above | {first})
        else:
            self.files[path] = FatFile(path, size, self.chain(first, size) if size else ())


def _name(entry: bytes, long_name: dict[int, str]) -> str:
    if long_name:
        joined = "".join(long_name[number] for number in sorted(long_name))
        return joined.split("\0")[0].rstrip("\uffff")
    # The code page is nowhere noted; 850 is what mtools takes.
    stem = entry[:8].decode("cp850").rstrip()
    suffix = entry[8:11].decode("cp850").rstrip()
    # Bits 3 and 4 of byte 12: stem and suffix are lower case (Windows NT and mtools).
    stem = stem.lower() if entry[12] & 0x08 else stem
    suffix = suffix.lower() if entry[12] & 0x10 else suffix
    return f"{stem}.{suffix}" if suffix else stem


def read_fat(image: Image, offset: int) -> FatVolume:
    """Read the FAT volume at byte ``offset``; :class:`MediaError` when it is none, or damaged."""
    reader = _Reader(image, offset)
    reader.walk_root()
    return FatVolume(
        extent=Extent(offset, reader.size),
        bits=reader.bits,
        label=reader.label,
        cluster=reader.cluster,
        free=reader.free(),
        files=reader.files,
    )


def read_fat_file(image: Image, file: FatFile, limit: int = 16 << 20) -> bytes:
    """The content of a file of at most ``limit`` bytes."""
    if file.size > limit:
        raise MediaError(f"{file.path} of {image.path} is larger than {limit} bytes", DAMAGED_HINT)
    return b"".join(image.read(extent.offset, extent.size) for extent in file.extents)
