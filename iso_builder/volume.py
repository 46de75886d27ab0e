"""The file tree of an ISO 9660 volume, read with pycdlib.

pycdlib gets a window on the image that has a budget: a damaged or malicious tree can make
it read in circles or ask for gigabytes, and ends in a :class:`MediaError` then. The window
hides what is not the tree (the system area and the boot record), because pycdlib refuses a
whole image for a fault there, and this library reads those parts itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import pycdlib

from iso_builder.errors import MediaError
from iso_builder.image import BLOCK, Extent, Image

_SYSTEM_AREA = 16 * BLOCK
_MAX_DESCRIPTORS = 32
_MAX_NODES = 200_000
_MAX_DEPTH = 64
# A vendor's DVD with 12,000 files has 3 MB of directories and path tables. pycdlib makes
# objects of some forty times the size.
_MAX_BYTES_READ = 16 << 20
# Legitimate readers look at a block a few times; a loop looks at it without end.
_MAX_READS_OF_A_BLOCK = 64

DAMAGED_HINT = "download it again and compare its checksum"


@dataclass(frozen=True)
class VolumeFile:
    """A file of the volume. ``extents`` are in bytes from the start of the image."""

    path: str
    size: int
    extents: tuple[Extent, ...]

    @property
    def offset(self) -> int:
        """Where its content begins."""
        return self.extents[0].offset if self.extents else 0


@dataclass(frozen=True)
class Volume:
    """What an ISO 9660 volume holds. Paths are absolute, with Rock Ridge names where it has any.

    ``size`` is the volume's own length in bytes, from its primary descriptor; ``symlinks``
    maps a path to its target, never followed here.
    """

    label: str
    size: int
    descriptor: int  #: offset of the primary volume descriptor
    has_rock_ridge: bool
    has_joliet: bool
    created: str  #: seventeen characters of ECMA-119 8.4.26.1, e.g. ``2026112018405800`` and a zone
    files: dict[str, VolumeFile] = field(repr=False)
    folders: dict[str, Extent] = field(repr=False)
    symlinks: dict[str, str] = field(repr=False)

    def find(self, path: str) -> VolumeFile | None:
        """The file of this path, upper and lower case being the same; None without one."""
        exact = self.files.get(path)
        if exact is not None:
            return exact
        folded = path.casefold()
        return next((f for name, f in self.files.items() if name.casefold() == folded), None)

    def paths(self) -> frozenset[str]:
        """Every path that is taken: files, folders and symbolic links."""
        return frozenset(self.files) | frozenset(self.folders) | frozenset(self.symlinks)


class _Window(io.RawIOBase):
    """What pycdlib may see of the image: read-only, counted, from ``start`` on."""

    mode = "rb"

    def __init__(self, image: Image, start: int, boot_records: tuple[int, ...]) -> None:
        super().__init__()
        self._image = image
        self._start = start
        self._boot_records = boot_records
        self._position = 0
        self._left = _MAX_BYTES_READ
        self._seen: dict[int, int] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        origin = (0, self._position, self._image.size - self._start)[whence]
        self._position = max(0, origin + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = self._image.size
        size = min(size, max(0, self._image.size - self._start - self._position))
        block = self._position // BLOCK
        self._seen[block] = self._seen.get(block, 0) + 1
        self._left -= size
        if self._left < 0 or self._seen[block] > _MAX_READS_OF_A_BLOCK:
            raise MediaError(
                f"the directories of {self._image.path} are damaged: they lead in circles",
                DAMAGED_HINT,
            )
        content = bytearray(self._image.read_some(self._start + self._position, size))
        self._hide(content)
        self._position += len(content)
        return bytes(content)

    def _hide(self, content: bytearray) -> None:
        hidden = [Extent(0, _SYSTEM_AREA)]
        # Without its name a boot record means nothing to pycdlib.
        hidden += [Extent(offset + 7, 32) for offset in self._boot_records]
        for extent in hidden:
            first = max(extent.offset - self._position, 0)
            last = min(extent.end - self._position, len(content))
            if first < last:
                content[first:last] = bytes(last - first)


def descriptors(image: Image, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Offset and content of each volume descriptor (ECMA-119 section 8), the last one included."""
    for number in range(_MAX_DESCRIPTORS):
        offset = start + _SYSTEM_AREA + number * BLOCK
        block = image.read_some(offset, BLOCK)
        if len(block) < BLOCK or block[1:6] != b"CD001":
            return
        yield offset, block
        if block[0] == 255:
            return


def _record_name(record: Any, rock_ridge: bool) -> str:  # noqa: ANN401 - pycdlib has no types
    if rock_ridge and record.rock_ridge is not None:
        name = record.rock_ridge.name()
        if name:
            return str(name.decode("utf-8", "surrogateescape"))
    name = record.file_identifier().decode("utf-8", "surrogateescape")
    return str(name.split(";")[0].rstrip("."))


def _file_extents(record: Any, image: Image, start: int, path: str) -> tuple[Extent, ...]:  # noqa: ANN401
    extents: list[Extent] = []
    while record is not None and len(extents) < _MAX_DEPTH:
        extent = Extent(start + record.extent_location() * BLOCK, record.get_data_length())
        if extent.end > image.size and extent.size:
            raise MediaError(
                f"{image.path} is cut short or damaged: {path} would end at byte {extent.end}, "
                f"but the image has {image.size}",
                DAMAGED_HINT,
            )
        if extent.size:
            extents.append(extent)
        record = record.data_continuation
    return tuple(extents)


class _Tree:
    """Collects the tree of an opened pycdlib object."""

    def __init__(self, image: Image, start: int, rock_ridge: bool) -> None:
        self._image, self._start, self._rock_ridge = image, start, rock_ridge
        self.files: dict[str, VolumeFile] = {}
        self.folders: dict[str, Extent] = {}
        self.symlinks: dict[str, str] = {}
        self._nodes = 0
        self._seen: set[int] = set()

    def walk(self, record: Any, path: str, depth: int) -> None:  # noqa: ANN401
        extent = Extent(
            self._start + record.extent_location() * BLOCK, max(record.get_data_length(), BLOCK)
        )
        if depth > _MAX_DEPTH or extent.offset in self._seen:
            raise MediaError(
                f"the directories of {self._image.path} are damaged: {path} leads in a circle",
                DAMAGED_HINT,
            )
        self._seen.add(extent.offset)
        self.folders[path or "/"] = extent
        continued = {id(c.data_continuation) for c in record.children if not c.is_dir()}
        for child in record.children:
            if child.is_dot() or child.is_dotdot() or id(child) in continued:
                continue
            self._nodes += 1
            if self._nodes > _MAX_NODES:
                raise MediaError(f"{self._image.path} has more than {_MAX_NODES} files")
            self._add(child, f"{path}/{_record_name(child, self._rock_ridge)}", depth)

    def _add(self, child: Any, path: str, depth: int) -> None:  # noqa: ANN401
        extra = child.rock_ridge if self._rock_ridge else None
        if extra is not None and extra.child_link_record_exists():
            child = extra.cl_to_moved_dr or child
        if child.is_dir():
            self.walk(child, path, depth + 1)
        elif extra is not None and extra.is_symlink():
            self.symlinks[path] = extra.symlink_path().decode("utf-8", "surrogateescape")
        else:
            extents = _file_extents(child, self._image, self._start, path)
            self.files[path] = VolumeFile(path, sum(e.size for e in extents), extents)


def read_volume(image: Image, start: int = 0) -> Volume:
    """Read the volume that begins at byte ``start``: 0, or the start of EL 10's partition 1.

    Raises :class:`MediaError` for anything that is not a whole, readable ISO 9660 volume.
    """
    found = list(descriptors(image, start))
    primary = next(((offset, block) for offset, block in found if block[0] == 1), None)
    if primary is None:
        raise MediaError(f"{image.path} is not an ISO 9660 image", "name a vendor's boot ISO")
    boot_records = tuple(offset - start for offset, block in found if block[0] == 0)
    window = _Window(image, start, boot_records)
    iso = pycdlib.PyCdlib()
    try:
        iso.open_fp(cast(BinaryIO, window))
        rock_ridge = iso.has_rock_ridge()
        tree = _Tree(image, start, rock_ridge)
        tree.walk(iso.pvd.root_directory_record(), "", 0)
        joliet = iso.has_joliet()
    except MediaError:
        raise
    except Exception as error:  # whatever a damaged image makes pycdlib stumble over
        raise MediaError(
            f"the directories of {image.path} cannot be read: {error or type(error).__name__}",
            DAMAGED_HINT,
        ) from error
    offset, block = primary
    return Volume(
        label=block[40:72].decode("utf-8", "replace").rstrip(" \0"),
        size=int.from_bytes(block[80:84], "little") * BLOCK,
        descriptor=offset,
        has_rock_ridge=rock_ridge,
        has_joliet=joliet,
        created=block[813:829].decode("ascii", "replace"),
        files=tree.files,
        folders=tree.folders,
        symlinks=tree.symlinks,
    )
