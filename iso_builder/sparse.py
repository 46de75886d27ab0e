"""Copy an ISO in two steps: first what describes it, then the content of its files.

Between the steps the copy is sparse, and small enough for xorriso to work on at once. The
second step hashes what it copies, so that the media check costs no pass of its own.
"""

from __future__ import annotations

import bisect
import os
import queue
import threading
from collections.abc import Callable, Iterable

from iso_builder.copying import copy_range, write_all
from iso_builder.image import BLOCK, Extent, Image
from iso_builder.mediacheck import AREA_SIZE, BLANK, Digest, Implant, area_offset
from iso_builder.progress import Progress
from iso_builder.volume import Volume

#: A file below this size is copied with the descriptions.
_SMALLEST_HOLE = 64 << 10
#: Descriptors and GPT of the main tree, and of EL 10's second one.
_HEAD = 64 * BLOCK
_CHUNK = 8 << 20
_BUFFER = 1 << 20
#: How many chunks the copy may be ahead of the sum: they stay in the page cache.
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


def copy_contents(image: Image, part: int, contents: Iterable[Extent], progress: Progress) -> None:
    """Second step without a sum."""
    pieces = _pieces(contents, _CHUNK)
    total = sum(piece.size for piece in pieces)
    done = 0
    for piece in pieces:
        copy_range(image.fd, piece.offset, part, piece.offset, piece.size)
        _begin_writing(part, piece)
        done += piece.size
        progress("copying", done, total)


class _Copier(threading.Thread):
    """Copies pieces in order; ``wait`` returns when the next one is there."""

    def __init__(self, copy: Callable[[Extent], object], pieces: list[Extent]) -> None:
        super().__init__(name="copier", daemon=True)
        self._copy = copy
        self._pieces = pieces
        self._ready: queue.Queue[BaseException | None] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()

    def run(self) -> None:
        result: BaseException | None = None
        for piece in self._pieces:
            try:
                self._copy(piece)
            except BaseException as error:
                result = error
            while not self._stopped.is_set():
                try:
                    self._ready.put(result, timeout=0.5)
                    break
                except queue.Full:
                    continue
            if result is not None or self._stopped.is_set():
                return

    def wait(self) -> None:
        """Wait for the next piece; an error of its copy is raised here."""
        result = self._ready.get()
        if result is not None:
            raise result

    def stop(self) -> None:
        """End the thread before the file that it writes to is closed."""
        self._stopped.set()
        self.join()


def copy_and_sum(
    image: Image,
    part: int,
    contents: tuple[Extent, ...],
    *,
    volume: Volume,
    progress: Progress,
) -> Implant:
    """Second step with the sum of the media check, which is taken from the copy.

    ``volume`` is that of the finished image. One thread copies inside the kernel, this one
    sums up what is there: on two cores the copy costs nothing.
    """
    write_all(part, BLANK, area_offset(volume.descriptor))
    digest = Digest(volume.size)
    gaps = _pieces(between(contents, volume.size), _CHUNK)
    pieces = _pieces(contents, _CHUNK)
    copied = set(pieces)
    copier = _Copier(lambda p: copy_range(image.fd, p.offset, part, p.offset, p.size), pieces)
    buffer = memoryview(bytearray(_BUFFER))
    copier.start()
    try:
        for piece in sorted([*gaps, *pieces]):
            if piece in copied:
                copier.wait()
            for offset in range(piece.offset, piece.end, _BUFFER):
                count = os.preadv(part, [buffer[: min(_BUFFER, piece.end - offset)]], offset)
                digest.update(buffer[:count])
            _begin_writing(part, piece)
            progress("copying and summing up", piece.end, volume.size)
    finally:
        copier.stop()
    implant = digest.implant()
    area = implant.area()
    assert len(area) == AREA_SIZE
    write_all(part, area, area_offset(volume.descriptor))
    return implant
