"""Copy byte ranges between files as fast as the file system can."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Callable

#: Bytes copied at a time. Measured on ext4: a buffer that stays in the processor's cache beats
#: copy_file_range by a third to a half where source and target do not lie alike within
#: their pages, and extents of an ISO (2 KiB blocks) in clusters (4 KiB) often do not.
_CHUNK = 256 << 10
_REPORT_EVERY = 8 << 20
_FICLONERANGE = 0x4020940D
_BLOCK = 4096


def copy_range(
    source: int,
    source_offset: int,
    target: int,
    target_offset: int,
    size: int,
    *,
    moved: Callable[[int], None] = lambda count: None,
) -> int:
    """Copy ``size`` bytes between two open files; return how many the source had.

    File systems that share blocks between files (XFS, btrfs) share what lies alike within
    whole blocks. ``moved`` is told of the bytes copied since it was last told.
    """
    size = max(0, min(size, os.fstat(source).st_size - source_offset))
    lead = -source_offset % _BLOCK
    middle = (size - lead) // _BLOCK * _BLOCK
    alike = (source_offset - target_offset) % _BLOCK == 0
    if not (
        alike
        and middle > 0
        and _clone(source, source_offset + lead, target, target_offset + lead, middle)
    ):
        return _copy(source, source_offset, target, target_offset, size, moved)
    done = _copy(source, source_offset, target, target_offset, lead, moved)
    moved(middle)
    done += middle
    return done + _copy(
        source, source_offset + done, target, target_offset + done, size - done, moved
    )


def write_all(target: int, content: bytes | bytearray | memoryview, offset: int) -> None:
    """Write all of ``content`` at ``offset``; a short write is continued."""
    view = memoryview(content).cast("B")
    while view:
        count = os.pwrite(target, view, offset)
        view = view[count:]
        offset += count


def _clone(source: int, source_offset: int, target: int, target_offset: int, size: int) -> bool:
    """Share whole blocks; False where that cannot be done."""
    request = struct.pack("=qQQQ", source, source_offset, size, target_offset)
    with contextlib.suppress(OSError):
        fcntl.ioctl(target, _FICLONERANGE, request)
        return True
    return False


def _copy(  # noqa: PLR0917 - the signature of copy_range
    source: int,
    source_offset: int,
    target: int,
    target_offset: int,
    size: int,
    moved: Callable[[int], None],
) -> int:
    done = told = 0
    view = memoryview(bytearray(min(_CHUNK, size)))
    while done < size:
        count = os.preadv(source, [view[: min(_CHUNK, size - done)]], source_offset + done)
        if count == 0:
            break
        write_all(target, view[:count], target_offset + done)
        done += count
        if done - told >= _REPORT_EVERY or done == size:
            moved(done - told)
            told = done
    return done
