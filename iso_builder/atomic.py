"""Outputs that are whole or not there.

An output is written to a hidden file in its target's folder, fsynced and renamed. The
hidden file is held with ``flock`` while it is written; one that nobody holds was left by
a killed run and is removed by the next run that writes to the same target.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from iso_builder.errors import MediaError

_MARK = ".b2ct-part-"


def _explain(target: Path, error: OSError) -> MediaError:
    hints = {
        errno.ENOSPC: "free some space or choose another folder with -o",
        errno.EDQUOT: "the disk quota is used up: free some space or choose another folder",
        errno.EACCES: "choose a folder that you may write to",
        errno.EPERM: "choose a folder that you may write to",
        errno.EROFS: "the file system is read-only: choose another folder",
        errno.ENOENT: "create the folder first",
        errno.ELOOP: "the path runs through a loop of symbolic links: name a real folder",
        errno.EFBIG: "the file system holds no file of this size: choose another one",
    }
    reason = error.strerror or str(error)
    return MediaError(f"cannot write {target}: {reason}", hints.get(error.errno or 0, ""))


def remove_litter(target: Path) -> None:
    """Remove the hidden files that killed runs left for ``target``; leave those in use."""
    with contextlib.suppress(OSError):
        for left in target.parent.glob(f".{target.name}{_MARK}*"):
            with contextlib.suppress(OSError):
                handle = os.open(left, os.O_RDWR)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()
                finally:
                    os.close(handle)


@contextlib.contextmanager
def atomic_output(target: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Give a hidden path beside ``target`` to write to; rename it to ``target`` at the end.

    On any error, and on a kill, ``target`` stays as it was. ``OSError`` of the body
    becomes a :class:`MediaError` that names the target and the remedy.
    """
    if target.is_dir():
        raise MediaError(f"cannot write {target}: it is a folder", "name a file with -o")
    remove_litter(target)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}{_MARK}", dir=target.parent)
    except OSError as error:
        raise _explain(target, error) from error
    part = Path(name)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield part
        # The body may have replaced the file by one of its own: sync what has the name now.
        with part.open("rb") as written:
            os.fchmod(written.fileno(), mode)
            os.fsync(written.fileno())
        part.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _explain(target, error) from error
    finally:
        part.unlink(missing_ok=True)
        os.close(handle)
