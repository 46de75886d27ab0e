"""Copy byte ranges between files inside the kernel, where the kernel can."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

#: Bytes asked for at once: large enough to be cheap, small enough for a moving progress line.
CHUNK = 8 << 20
_CANNOT = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}


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

    ``copy_file_range`` keeps the bytes in the kernel (and shares blocks on file systems
    that can); where it is not to be had, for instance between two file systems on an old
    kernel, plain reads and writes do the same. ``moved`` is told each chunk's bytes.
    """
    done = 0
    in_kernel = True
    while done < size:
        want = min(CHUNK, size - done)
        if in_kernel:
            try:
                count = os.copy_file_range(
                    source, target, want, source_offset + done, target_offset + done
                )
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
                in_kernel = False
                continue
            if count == 0:
                # Some virtual file systems answer 0 although there is content.
                in_kernel = False
                continue
        else:
            block = os.pread(source, min(want, 1 << 20), source_offset + done)
            count = len(block)
            if not count:
                break
            write_all(target, block, target_offset + done)
        done += count
        moved(count)
    return done


def write_all(target: int, content: bytes | bytearray | memoryview, offset: int) -> None:
    """Write all of ``content`` at ``offset``; a short write is continued."""
    view = memoryview(content).cast("B")
    while view:
        count = os.pwrite(target, view, offset)
        view = view[count:]
        offset += count
