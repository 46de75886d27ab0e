"""Where the bytes of a file on a medium come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iso_builder.errors import MediaError


@dataclass(frozen=True)
class Data:
    """Bytes in memory: configurations, kickstarts, manifests."""

    content: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content)


@dataclass(frozen=True)
class FileRange:
    """``size`` bytes of a local file from ``offset`` on: a whole file, or an extent of an ISO."""

    path: Path
    offset: int
    size: int


Source = Data | FileRange


def whole_file(path: Path) -> FileRange:
    """Name a whole local file as a source; :class:`MediaError` when it cannot be one."""
    try:
        size = path.stat().st_size
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise MediaError(message, "name a file that exists") from error
    if not path.is_file():
        raise MediaError(f"{path} is not a regular file", "name a regular file")
    return FileRange(path, 0, size)
