"""Look at FAT volumes with the tools of other people: fsck.vfat, mtools, blkid."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PARTITION_OFFSET = 1 << 20
_ENV = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "MTOOLSRC": ""}


def run(*argv: str | Path) -> str:
    done = subprocess.run(
        [str(a) for a in argv], env=_ENV, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def cut_partition(image: Path, volume: Path, offset: int = PARTITION_OFFSET) -> Path:
    """Copy the partition out of a key, sparsely: fsck.vfat takes no offset."""
    run("dd", f"if={image}", f"of={volume}", "bs=1M", f"skip={offset >> 20}", "conv=sparse")
    os.truncate(volume, image.stat().st_size - offset)
    return volume


def fsck(volume: Path) -> str:
    """Check a volume without repairing it; anything that fsck would mend is a failure."""
    report = run("fsck.vfat", "-n", "-v", volume)
    for complaint in ("differ", "Wrong", "wrong", "bad", "Orphan", "Reclaim", "Truncat", "should"):
        assert complaint not in report, report
    return report


def extract(volume: Path, folder: Path, offset: int = 0) -> dict[str, bytes]:
    """Copy everything out with mtools and return path -> content; folders end in "/"."""
    folder.mkdir()
    where = f"{volume}@@{offset}" if offset else str(volume)
    if run("mdir", "-b", "-i", where, "::/").strip():
        run("mcopy", "-s", "-n", "-i", where, "::/*", folder)
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        name = "/" + path.relative_to(folder).as_posix()
        found[name + "/" if path.is_dir() else name] = b"" if path.is_dir() else path.read_bytes()
    return found


def read_file(image: Path, name: str, offset: int = PARTITION_OFFSET) -> bytes:
    return subprocess.run(
        ["mtype", "-i", f"{image}@@{offset}", f"::{name}"],
        env=_ENV,
        capture_output=True,
        check=True,
    ).stdout


def probe(volume: Path, offset: int = 0) -> dict[str, str]:
    """Return what blkid finds (TYPE, LABEL, VERSION…): the code that udev uses on the server."""
    text = run("blkid", "-p", "-O", str(offset), "-o", "export", volume)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
