"""A booted machine, saved: guests of the same shape resume from it instead of booting.

A machine of that shape boots once, with cables pulled and no name; its memory and its disk are
kept beside the image. A clone gets a layer above that disk and the saved memory; then it is told
who it is (``identity.py``), and its cards and random numbers become its own.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from b2ct.errors import B2ctError
from b2ct.lab.image import Golden, Image, Say, locked
from b2ct.lab.lab import Lab
from b2ct.lab.make import lay_out_saved
from b2ct.lab.plan import Guest
from b2ct.lab.qemu import KERNEL, PROGRAM

_SAVE_LIMIT_S: Final = 300.0
NAME: Final = "golden"


def shape(guest: Guest) -> dict[str, object]:
    """Give what a saved machine and its clone must have in common."""
    card = {"watchdog": True} if guest.watchdog else {}
    return {
        **card,
        "memory": guest.memory_mib,
        "cpus": guest.cpus,
        "cards": len(guest.cards),
        "own_disk": guest.own_disk,
        "disks": [(disk.name, disk.size, disk.wwn, disk.wwid, disk.paths) for disk in guest.disks],
    }


def golden_folder(cache: Path, image: Image, guest: Guest, accel: str) -> Path:
    """Give where the saved machine of a guest's shape is, or will be."""
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False)
    recipe = [image.folder.name, accel, version.stdout, KERNEL, shape(guest)]
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    return cache / f"golden-{digest[:16]}"


def ensure(cache: Path, image: Image, guest: Guest, accel: str, say: Say) -> Golden:
    """Give the saved machine of a guest's shape; boot and save one if it is not there."""
    found = Golden(golden_folder(cache, image, guest, accel))
    if found.folder.is_dir():
        return found
    with locked(cache / f"{found.folder.name}.lock"):
        if not found.folder.is_dir():
            say("booting a machine of this shape once, to resume from it (1 to 3 minutes)")
            with tempfile.TemporaryDirectory(prefix="making-", dir=cache) as temporary:
                _save(Path(temporary), image, guest, accel).rename(found.folder)
    return found


def _save(temporary: Path, image: Image, guest: Guest, accel: str) -> Path:
    folder = temporary / "lab"
    lab = Lab(folder, lay_out_saved(guest, NAME, image=image, folder=folder, accel=accel))
    kept = temporary / "kept"
    kept.mkdir()
    try:
        lab.start_keeper(with_me=True)
        lab.power(NAME, "on")
        lab.greet(lab.running.guest(NAME))
        lab.freeze(NAME)
        target = kept / "state.zst"
        lab.monitor(NAME, "migrate", uri=f"exec:zstd -1 -q > {shlex.quote(str(target))}")
        _await_saved(lab)
        lab.power(NAME, "off")
        (lab.running.guest(NAME).folder / "root.qcow2").rename(kept / "root.qcow2")
    finally:
        lab.down()
    return kept


def _await_saved(lab: Lab) -> None:
    deadline = time.monotonic() + _SAVE_LIMIT_S
    while True:
        told = lab.monitor(NAME, "query-migrate")
        if told.get("status") == "completed":
            return
        if told.get("status") in {"failed", "cancelled"} or time.monotonic() > deadline:
            raise B2ctError(f"QEMU could not save the machine: {told.get('error-desc', told)}")
        time.sleep(0.1)
