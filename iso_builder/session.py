"""Add files to an ISO in a growing session of xorriso, and keep everything that boots it.

``-boot_image any replay`` repeats the options that made the base: MBR, GPT, boot catalogue,
boot info tables, and EL 10's second tree. xorriso reads no content of files that stay, so
their places in the image may still be holes when it runs.
"""

from __future__ import annotations

import calendar
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iso_builder.errors import MediaError
from iso_builder.image import SECTOR, Extent
from iso_builder.partitions import EFI_SYSTEM
from iso_builder.programs import run_program
from iso_builder.volume import Volume


@dataclass(frozen=True)
class NewFile:
    """A file that the session adds, or puts in the place of one that is there."""

    path: str
    size: int
    replaces: bool = False


def session_time(created: str) -> int:
    """Unix time of what the session writes: SOURCE_DATE_EPOCH, or the base's own date.

    The same base and plan give the same image, whenever they are built.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdecimal() and len(epoch) < 12:
        return int(epoch)
    try:
        return calendar.timegm(time.strptime(created[:14], "%Y%m%d%H%M%S"))
    except ValueError:
        return 0


def grow(
    part: Path,
    base: Path,
    volume: Volume,
    *,
    label: str,
    files: tuple[NewFile, ...],
    disk: uuid.UUID | None = None,
    appended: Extent | None = None,
) -> None:
    """Write the session at the end of ``part``, in which everything but files is there already.

    The new files get their places and sizes, not their content: xorriso copies meaningless
    bytes of ``base`` there, so that no kickstart ever lies in a temporary file. The same
    goes for the EFI partition of EL 10, ``appended`` being the old one. ``disk`` is the GUID
    of the base's GPT, which the new GPT keeps.
    """
    argv = ["xorriso", "-no_rc", "-report_about", "WARNING", "-iso_rr_pattern", "off"]
    now = f"={session_time(volume.created)}"
    argv += ["-iso_nowtime", now, "-volume_date", "all_file_dates", "set_to_mtime"]
    argv += ["-stdio_sync", "off", "-padding", "0", "-dev", f"stdio:{part}"]
    argv += ["-joliet", "on" if volume.has_joliet else "off"]
    argv += ["-boot_image", "any", "replay", "-volid", label]
    if disk is not None:
        argv += ["-boot_image", "any", f"gpt_disk_guid={disk.bytes_le.hex()}"]
    position = 0
    for file in files:
        if file.replaces:
            argv += ["-rm", file.path, "--"]
        # Files of the same bytes of the same file would share their place.
        argv += ["-cut_out", str(base), str(position), str(file.size), file.path]
        argv += ["-chown", "0", file.path, "--", "-chgrp", "0", file.path, "--"]
        argv += ["-chmod", "0444", file.path, "--"]
        argv += ["-alter_date", "b", now, file.path, "--"]
        position += file.size
    folders = _folders(files)
    for folder in sorted(folders - set(volume.folders)):
        argv += ["-chmod", "0755", folder, "--"]
    # The session changed the folders now; their date is not to tell when.
    argv += ["-alter_date", "b", now, *sorted(folders), "--"]
    if appended is not None:
        first, last = appended.offset // SECTOR, appended.end // SECTOR - 1
        interval = f"--interval:local_fs:{first}d-{last}d::{base}"
        argv += ["-append_partition", "2", str(EFI_SYSTEM).upper(), interval]
    run_program([*argv, "-commit"])


def _folders(files: tuple[NewFile, ...]) -> set[str]:
    """Every folder that a file lies in, the root included."""
    inner = {f.path[:at] for f in files for at in range(1, len(f.path)) if f.path[at] == "/"}
    return {"/", *inner}


def place(volume: Volume, file: NewFile) -> int:
    """Where the session put a file; raises :class:`MediaError` when it is not as asked for."""
    found = volume.files.get(file.path)
    if found is None or found.size != file.size or len(found.extents) != 1:
        raise MediaError(f"xorriso did not write {file.path} as asked for")
    return found.offset


def write_files(part: int, volume: Volume, contents: Mapping[str, bytes]) -> None:
    """Put the content of the new files in its place."""
    taken: set[int] = set()
    for path, content in contents.items():
        offset = place(volume, NewFile(path, len(content)))
        if offset in taken:
            raise MediaError(f"xorriso gave {path} the place of another file")
        taken.add(offset)
        written = os.pwrite(part, content, offset)
        while written < len(content):
            written += os.pwrite(part, content[written:], offset + written)
