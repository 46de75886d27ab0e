"""Call the programs of other packages, and say which package a missing one is in."""

from __future__ import annotations

import os
import shutil
import signal
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


def run_program(
    argv: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    content: bytes = b"",
    files: Sequence[int] = (),
    limit_s: float | None = None,
) -> str:
    """Run a program in the C locale and return what it wrote to standard output.

    :param content: what it reads from standard input.
    :param files: open files that it inherits, under the same numbers.
    :param limit_s: seconds after which it counts as hanging; None: no limit.
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
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **(environment or {})},
            input=content,
            pass_fds=files,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(
            f"{argv[0]} did not end within {limit_s:.0f} seconds", "its input may be damaged"
        ) from error
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        errors = done.stderr.decode("utf-8", "replace")
        words = (errors.strip() or output.strip()).splitlines()
        said = "; ".join(words[-3:]) or f"exit code {done.returncode}"
        if done.returncode < 0:
            said = f"it was ended by {signal.Signals(-done.returncode).name}"
        raise MediaError(f"{argv[0]} failed: {said}", "see its own message above")
    return output
