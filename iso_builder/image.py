"""Read an image file or a stick by offset; every read is bounded and checked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from iso_builder.errors import MediaError

#: Logical sector of a CD, and of ISO 9660.
BLOCK = 2048
#: Sector of a disk.
SECTOR = 512

_LARGEST_READ = 64 << 20


@dataclass(frozen=True, order=True)
class Extent:
    """``size`` bytes from ``offset`` on."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.offset + self.size


class Image:
    """An open image. Use it as a context manager.

    ``size`` is in bytes. Reads past the end and unreadable places raise :class:`MediaError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise MediaError(
                f"cannot read {path}: {error.strerror}", "check the path and its permissions"
            ) from error
        mode = os.fstat(self.fd).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            self.close()
            raise MediaError(f"{path} is neither a file nor a disk", "name an ISO image")
        self.size = os.lseek(self.fd, 0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def read(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes at ``offset``."""
        if offset < 0 or size < 0 or size > _LARGEST_READ or offset + size > self.size:
            raise MediaError(
                f"{self.path} is damaged: it refers to bytes {offset} to {offset + size}, "
                f"but has {self.size}",
                "download it again and compare its checksum",
            )
        return self._read(offset, size)

    def read_some(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes at ``offset``: fewer, or none, at the end of the image."""
        if offset < 0 or offset >= self.size:
            return b""
        return self._read(offset, max(0, min(size, self.size - offset, _LARGEST_READ)))

    def _read(self, offset: int, size: int) -> bytes:
        blocks = []
        while size:
            try:
                block = os.pread(self.fd, size, offset)
            except OSError as error:
                message = f"cannot read {self.path} at byte {offset}: {error.strerror}"
                raise MediaError(message, "try another medium or download it again") from error
            if not block:
                raise MediaError(f"{self.path} became shorter while it was read")
            blocks.append(block)
            offset += len(block)
            size -= len(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def chunks(self, extent: Extent, size: int = 1 << 20) -> Iterator[bytes]:
        """The bytes of an extent, ``size`` at a time."""
        offset = extent.offset
        while offset < extent.end:
            block = self.read(offset, min(size, extent.end - offset))
            yield block
            offset += len(block)
