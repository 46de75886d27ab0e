"""Where tests write what thousands of examples throw away again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH = 1 << 30


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder that goes away: in memory, or in the usual place where that has no room."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ENOUGH
    place = _MEMORY if roomy else None
    with tempfile.TemporaryDirectory(prefix="b2ct-test-", dir=place) as name:
        yield Path(name)
