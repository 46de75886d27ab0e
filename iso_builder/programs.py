"""Call the programs of other packages, and say which package a missing one is in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from iso_builder.errors import MediaError

_PACKAGES = {
    "mcopy": "mtools",
    "mkfs.vfat": "dosfstools",
    "syslinux": "syslinux",
    "xorriso": "xorriso",
}
_SYSTEM_FOLDERS = ":/usr/sbin:/sbin"


def run_program(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a program in the C locale and return what it wrote to standard output.

    :raises MediaError: when it is not installed, or with its last words when it fails.
    """
    path = os.environ.get("PATH", os.defpath) + _SYSTEM_FOLDERS
    program = shutil.which(argv[0], path=path)
    if program is None:
        package = _PACKAGES.get(argv[0], argv[0])
        raise MediaError(
            f"the program {argv[0]} is not installed",
            f"install the package {package} (Debian: apt install {package})",
        )
    done = subprocess.run(
        [program, *argv[1:]],
        env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = "; ".join(words[-3:]) or f"exit code {done.returncode}"
        raise MediaError(f"{argv[0]} failed: {said}", "see its own message above")
    return done.stdout
