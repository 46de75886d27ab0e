"""Copy an ISO in two steps: first what describes it, then the content of its files.

Between the steps the copy is sparse, and small enough for xorriso to work on at once. The
second step hashes what it copies, so that the media check costs no pass of its own.
"""

from __future__ import annotations

import bisect
import os
import threading
from collections.abc import Iterable

from iso_builder.copying import copy_range, write_all
from iso_builder.errors import MediaError
from iso_builder.image import BLOCK, Extent, Image
from iso_builder.mediacheck import BLANK, Digest, Implant, area_offset
from iso_builder.progress import Progress
from iso_builder.volume import Volume

#: A file below this size is copied with the descriptions.
_SMALLEST_HOLE = 64 << 10
#: Descriptors and GPT of the main tree, and of EL 10's second one.
_HEAD = 64 * BLOCK
_CHUNK = 8 << 20
#: Small enough for the processor's cache.
_BUFFER = 256 << 10
#: How many chunks the copy may be ahead of the sum.
_AHEAD = 8


def content_extents(image: Image, volume: Volume, keep: Iterable[int]) -> tuple[Extent, ...]:
    """The places that only content of files takes: sorted, without overlap.

    Files that begin at an offset of ``keep`` are left out (boot images, which xorriso
    reads), and so is whatever a damaged image declares to be a file and a folder at once.
    """
    kept = set(keep)
    folders = sorted(volume.folders.values())
    candidates = sorted(
        {
            extent
            for file in volume.files.values()
            for extent in file.extents
            if extent.size >= _SMALLEST_HOLE and extent.offset >= _HEAD and file.offset not in kept
        }
    )
    found: list[Extent] = []
    for extent in candidates:
        after = bisect.bisect_left(folders, Extent(extent.end, 0))
        if any(folder.end > extent.offset for folder in folders[max(0, after - 1) : after]):
            continue
        if found and extent.offset < found[-1].end:
            joined = max(extent.end, found[-1].end) - found[-1].offset
            found[-1] = Extent(found[-1].offset, joined)
        elif extent.end <= image.size:
            found.append(extent)
    return tuple(found)


def between(extents: Iterable[Extent], end: int) -> list[Extent]:
    """What lies between sorted ``extents`` from 0 to ``end``."""
    gaps, position = [], 0
    for extent in extents:
        if extent.offset > position:
            gaps.append(Extent(position, extent.offset - position))
        position = max(position, extent.end)
    if position < end:
        gaps.append(Extent(position, end - position))
    return gaps


def copy_frame(image: Image, part: int, contents: Iterable[Extent]) -> None:
    """First step: copy everything of the image except ``contents``."""
    os.ftruncate(part, image.size)
    for gap in between(contents, image.size):
        copy_range(image.fd, gap.offset, part, gap.offset, gap.size)


def _pieces(extents: Iterable[Extent], size: int) -> list[Extent]:
    return [
        Extent(offset, min(size, extent.end - offset))
        for extent in extents
        for offset in range(extent.offset, extent.end, size)
    ]


def _begin_writing(part: int, piece: Extent) -> None:
    """Make the kernel write a piece to the disk now, not only when the file is synced.

    Linux does so for the dirty pages of a range that is not needed any more; they stay
    readable from memory while they are written.
    """
    os.posix_fadvise(part, piece.offset, piece.size, os.POSIX_FADV_DONTNEED)


def _copy_piece(image: Image, part: int, piece: Extent) -> None:
    if copy_range(image.fd, piece.offset, part, piece.offset, piece.size) != piece.size:
        raise MediaError(f"{image.path} became shorter while it was read")
    _begin_writing(part, piece)


def copy_contents(image: Image, part: int, contents: Iterable[Extent], progress: Progress) -> None:
    """Second step without a sum."""
    pieces = _pieces(contents, _CHUNK)
    total = sum(piece.size for piece in pieces)
    done = 0
    for piece in pieces:
        _copy_piece(image, part, piece)
        done += piece.size
        progress("copying", done, total)


class _Copier(threading.Thread):
    """Copies pieces in order, at most ``_AHEAD`` of them before ``allow`` was called for each."""

    def __init__(self, image: Image, part: int, pieces: list[Extent]) -> None:
        super().__init__(name="copier", daemon=True)
        self._image, self._part, self._pieces = image, part, pieces
        self._allowed = threading.Semaphore(_AHEAD)
        self._stopped = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Copy, until all is there, something fails or nobody waits for it any more."""
        try:
            for piece in self._pieces:
                self._allowed.acquire()
                if self._stopped:
                    return
                _copy_piece(self._image, self._part, piece)
        except BaseException as error:
            self._error = error

    def allow(self) -> None:
        """Let the copy go on by one piece; an error of the copy is raised here."""
        if self._error is not None:
            raise self._error
        self._allowed.release()

    def finish(self) -> None:
        """Wait for the last piece; an error of the copy is raised here."""
        self.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread before the file that it writes to is closed."""
        self._stopped = True
        self._allowed.release()
        self.join()


def copy_and_sum(
    image: Image,
    part: int,
    contents: tuple[Extent, ...],
    *,
    volume: Volume,
    progress: Progress,
) -> Implant:
    """Second step with the sum of the media check.

    ``volume`` is that of the finished image. One thread copies; this one sums up the same
    bytes of the base, and between them what is finished in the copy: on two cores the copy
    costs nothing, and the two stay close enough to read a slow disk once.
    """
    write_all(part, BLANK, area_offset(volume.descriptor))
    digest = Digest(volume.size)
    pieces = _pieces(contents, _CHUNK)
    copied = set(pieces)
    buffer = memoryview(bytearray(_BUFFER))
    copier = _Copier(image, part, pieces)
    copier.start()
    try:
        for piece in sorted([*_pieces(between(contents, volume.size), _CHUNK), *pieces]):
            source = image.fd if piece in copied else part
            for offset in range(piece.offset, piece.end, _BUFFER):
                view = buffer[: min(_BUFFER, piece.end - offset)]
                if os.preadv(source, [view], offset) != len(view):
                    raise MediaError(f"{image.path} became shorter while it was read")
                digest.update(view)
            if piece in copied:
                copier.allow()
            progress("copying and summing up", piece.end, volume.size)
        copier.finish()
    finally:
        copier.stop()
    implant = digest.implant()
    write_all(part, implant.area(), area_offset(volume.descriptor))
    return implant
