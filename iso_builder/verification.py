"""Compare a built ISO with its base: what was meant to change did, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from iso_builder.eltorito import InfoTable, info_table
from iso_builder.fatread import FatFile
from iso_builder.image import Extent, Image
from iso_builder.layouts import Layout, Medium, read_medium
from iso_builder.partitions import BASIC_DATA, GptPartition, Mbr
from iso_builder.progress import Progress, silent
from iso_builder.volume import VolumeFile, read_volume

_CHUNK = 1 << 20
#: Boot code up to where isohybrid's and grub 2's MBR note the block of the BIOS boot image.
_MBR_CODE = 432
#: The boot info table, and the place where grub 2's boot image notes its own block.
_INFO_TABLE = Extent(8, 56)
_GRUB2_INFO = Extent(2548, 8)


class Change(StrEnum):
    """What became of a file."""

    ADDED = "added"
    CONFIG = "menu changed"
    BOOT = "own place noted anew"
    DAMAGED = "changed"
    REMOVED = "gone"


@dataclass(frozen=True)
class FileChange:
    """A file that is not as it was in the base. ``in_fat``: in the EFI boot image."""

    path: str
    in_fat: bool
    change: Change
    size: int

    @property
    def is_meant(self) -> bool:
        """Whether a build is meant to change it this way."""
        return self.change not in (Change.DAMAGED, Change.REMOVED)


@dataclass(frozen=True)
class VerifyReport:
    """How an ISO differs from its base. ``problems`` is empty when only what should changed."""

    iso: Path
    base: Path
    layout: Layout
    label: str
    base_label: str
    changes: tuple[FileChange, ...]
    unchanged: int  #: files that are byte for byte those of the base
    problems: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing changed that was not meant to."""
        return not self.problems


class _Stream:
    """The content of a file, read piece by piece whatever its extents are."""

    def __init__(self, image: Image, extents: tuple[Extent, ...]) -> None:
        self._pieces = (block for extent in extents for block in image.chunks(extent, _CHUNK))
        self._left = b""

    def read(self, size: int) -> bytes:
        parts = [self._left]
        have = len(self._left)
        while have < size:
            block = next(self._pieces, b"")
            if not block:
                break
            parts.append(block)
            have += len(block)
        joined = b"".join(parts) if len(parts) > 1 else parts[0]
        self._left = joined[size:]
        return joined[:size]


def _equal(first: _Stream, second: _Stream, size: int, masks: tuple[Extent, ...] = ()) -> bool:
    """Whether two contents of ``size`` bytes are the same outside of ``masks``."""
    for offset in range(0, size, _CHUNK):
        count = min(_CHUNK, size - offset)
        left, right = first.read(count), second.read(count)
        if offset == 0 and masks:
            left, right = _masked(left, masks), _masked(right, masks)
        if left != right:
            return False
    return True


def _masked(block: bytes, masks: tuple[Extent, ...]) -> bytes:
    content = bytearray(block)
    for mask in masks:
        last = min(mask.end, len(content))
        if mask.offset < last:
            content[mask.offset : last] = bytes(last - mask.offset)
    return bytes(content)


class _Comparison:
    def __init__(self, iso: Image, base: Image, progress: Progress) -> None:
        self.iso, self.base = iso, base
        self.new, self.old = read_medium(iso), read_medium(base)
        self.changes: list[FileChange] = []
        self.problems: list[str] = []
        self.unchanged = 0
        self._progress = progress
        self._compared: dict[tuple[tuple[Extent, ...], tuple[Extent, ...]], bool] = {}
        self._total = sum(file.size for file in self.old.volume.files.values())
        self._done = 0

    def _same(self, new: VolumeFile | FatFile, old: VolumeFile | FatFile) -> bool:
        if new.size != old.size:
            return False
        key = (new.extents, old.extents)
        if key not in self._compared:  # hard links are compared once
            pair = _Stream(self.iso, new.extents), _Stream(self.base, old.extents)
            self._compared[key] = _equal(*pair, old.size)
        return self._compared[key]

    def _kind(self, medium: Medium, path: str) -> Change:
        """What a change of this file of the tree means."""
        file = medium.volume.files[path]
        if any(c.path == path and not c.in_fat for c in medium.configs):
            return Change.CONFIG
        if medium.catalog.offset == file.offset:
            return Change.BOOT
        if medium.uefi.offset == file.offset:
            return Change.CONFIG  # its files are compared one by one
        if medium.bios.offset == file.offset:
            return Change.BOOT
        return Change.DAMAGED

    def files(self) -> None:
        """Compare the trees."""
        for path, old in self.old.volume.files.items():
            new = self.new.volume.files.get(path)
            if new is None:
                self.changes.append(FileChange(path, False, Change.REMOVED, 0))
            elif self._same(new, old):
                self.unchanged += 1
            else:
                kind = self._kind(self.old, path)
                is_bios = old.offset == self.old.bios.offset
                if is_bios and not self._is_relocated(new, old):
                    kind = Change.DAMAGED
                self.changes.append(FileChange(path, False, kind, new.size))
            self._done += old.size
            self._progress("comparing with the base", self._done, self._total)
        for path, new in self.new.volume.files.items():
            if path not in self.old.volume.files:
                self.changes.append(FileChange(path, False, Change.ADDED, new.size))
        if self.old.volume.symlinks.items() - self.new.volume.symlinks.items():
            self.problems.append("symbolic links are gone or changed")

    def _is_relocated(self, new: VolumeFile, old: VolumeFile) -> bool:
        """Whether a BIOS boot image differs only in what it notes about its own place."""
        if new.size != old.size:
            return False
        masks = (_INFO_TABLE, _GRUB2_INFO) if self.old.layout is Layout.EL10 else (_INFO_TABLE,)
        pair = _Stream(self.iso, new.extents), _Stream(self.base, old.extents)
        return _equal(*pair, old.size, masks)

    def fat(self) -> None:
        """Compare the files in the EFI boot images."""
        menus = {config.path for config in self.old.configs if config.in_fat}
        for path, old in self.old.fat.files.items():
            new = self.new.fat.files.get(path)
            if new is None:
                self.changes.append(FileChange(path, True, Change.REMOVED, 0))
            elif self._same(new, old):
                self.unchanged += 1
            else:
                kind = Change.CONFIG if path in menus else Change.DAMAGED
                self.changes.append(FileChange(path, True, kind, new.size))
        for path, new in self.new.fat.files.items():
            if path not in self.old.fat.files:
                self.changes.append(FileChange(path, True, Change.ADDED, new.size))
        if self.new.fat.label != self.old.fat.label:
            self.problems.append("the label of the EFI boot image changed")

    def boot_structures(self) -> None:
        """Compare what firmware reads: catalogue, MBR, GPT."""
        if self.new.layout is not self.old.layout:
            self.problems.append(f"the layout was {self.old.layout} and is {self.new.layout}")

        def catalog(medium: Medium) -> list[tuple[object, ...]]:
            return [
                (i.platform, i.bootable, i.emulation, i.load_segment, i.sectors)
                for i in medium.catalog.images
            ]

        if catalog(self.new) != catalog(self.old):
            self.problems.append("the boot catalogue has other entries")
        if info_table(self.iso, self.new.bios) is not InfoTable.VALID:
            self.problems.append("the boot info table of the BIOS boot image is wrong")
        if self.iso.read(0, _MBR_CODE) != self.base.read(0, _MBR_CODE):
            self.problems.append("the boot code in the MBR changed")
        for name, old, new in (
            ("MBR", self.old.mbr, self.new.mbr),
            ("GPT", self.old.gpt, self.new.gpt),
        ):
            if (old is None) != (new is None):
                self.problems.append(f"the {name} is {'gone' if new is None else 'new'}")
        if self.old.mbr and self.new.mbr and _marks(self.old.mbr) != _marks(self.new.mbr):
            self.problems.append("the MBR has other partitions")
        if self.old.gpt and self.new.gpt:
            self.problems += self.new.gpt.problems
            if _kinds(self.old.gpt.partitions) != _kinds(self.new.gpt.partitions):
                self.problems.append("the GPT has other partitions")
            if self.new.layout.has_appended_partition:
                self._second_tree()

    def _second_tree(self) -> None:
        first = self.new.gpt.partition(1) if self.new.gpt else None
        if first is None:
            return
        tree = read_volume(self.iso, first.extent.offset)
        if tree.label != self.new.volume.label or tree.files != self.new.volume.files:
            self.problems.append("partition 1 does not show what the medium has")


def _marks(mbr: Mbr) -> list[tuple[object, ...]]:
    return [(p.number, p.active, p.kind) for p in mbr.partitions]


def _kinds(partitions: tuple[GptPartition, ...]) -> list[tuple[object, ...]]:
    """Numbers and types; xorriso's filler at the end of a disk (``Gap1``) does not count."""
    return [
        (p.number, p.kind)
        for p in partitions
        if not (p.kind == BASIC_DATA and p.name.startswith("Gap"))
    ]


def verify_against_base(iso: Path, base: Path, *, progress: Progress = silent) -> VerifyReport:
    """Compare the ISO that was built with the base that it was built from, byte by byte.

    Raises :class:`~iso_builder.errors.MediaError` when one of them is no such ISO.
    """
    with Image(iso) as new, Image(base) as old:
        comparison = _Comparison(new, old, progress)
        comparison.files()
        comparison.fat()
        comparison.boot_structures()
        for change in comparison.changes:
            if not change.is_meant:
                where = "in the EFI boot image " if change.in_fat else ""
                comparison.problems.append(f"{change.path} {where}is {change.change}")
        return VerifyReport(
            iso=iso,
            base=base,
            layout=comparison.new.layout,
            label=comparison.new.volume.label,
            base_label=comparison.old.volume.label,
            changes=tuple(sorted(comparison.changes, key=lambda c: (c.in_fat, c.path))),
            unchanged=comparison.unchanged,
            problems=tuple(comparison.problems),
        )
