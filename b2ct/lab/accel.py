"""Whether this host's KVM runs a guest: found out by letting it run one, not by the device."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from b2ct.lab.image import Image, Say
from b2ct.lab.process import tied
from b2ct.lab.qemu import PROGRAM

_DEVICE: Final = Path("/dev/kvm")
#: A kernel says its first word within a second where KVM works.
_PATIENCE_S: Final = 8.0
_FIRST_WORD: Final = b"Linux version"


def accelerator(image: Image, say: Say) -> str:
    """Give ``kvm`` where a kernel starts under it, else ``tcg``; ``B2CT_LAB_ACCEL`` decides."""
    given = os.environ.get("B2CT_LAB_ACCEL", "")
    if given in {"kvm", "tcg"}:
        return given
    if os.access(_DEVICE, os.R_OK | os.W_OK) and _speaks(image):
        return "kvm"
    say("KVM runs no guest here: emulating, which is some ten times slower")
    return "tcg"


def _speaks(image: Image) -> bool:
    with tempfile.TemporaryDirectory(prefix="b2ct-kvm-") as folder:
        console = Path(folder, "console")
        child = subprocess.Popen(
            tied(
                [
                    *(PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-m", "256"),
                    *("-machine", "q35", "-accel", "kvm", "-cpu", "host", "-no-reboot"),
                    *("-kernel", str(image.kernel), "-append", "console=ttyS0 panic=-1"),
                    *("-serial", f"file:{console}"),
                ]
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + _PATIENCE_S
            while child.poll() is None and time.monotonic() < deadline:
                if console.exists() and _FIRST_WORD in console.read_bytes():
                    return True
                time.sleep(0.1)
            return console.exists() and _FIRST_WORD in console.read_bytes()
        finally:
            child.kill()
            child.wait()
