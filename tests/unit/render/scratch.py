"""A scratch root that the chroot %post and the installed programs run in, for real.

It holds copies of the few programs that they call and of those programs' libraries, so that
/etc, /root or /usr/libexec are never those of the machine that runs the tests. No mount is
needed: root uses chroot, anybody else a user namespace of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("bash", "cat", "chmod", "chown", "cp", "cut", "find", "getent", "grep", "ln", "mkdir",
            "mv", "rm", "sed", "sort")  # fmt: skip
IS_ROOT = os.geteuid() == 0
#: The admin's uid. A user namespace without help maps one account only, so that whoever is
#: not root sees the admin as that one.
ADA = 1000 if IS_ROOT else 0


def make_programs(folder: Path) -> Path:
    """Copy the programs and their libraries below ``folder``, once for many roots."""
    (folder / "usr/bin").mkdir(parents=True)
    found = [Path(shutil.which(name) or f"/missing/{name}") for name in PROGRAMS]
    for path in found:
        shutil.copy(path, folder / "usr/bin" / path.name)
    listed = subprocess.run(["ldd", *map(str, found)], capture_output=True, text=True, check=True)
    for library in sorted(set(re.findall(r"(?m)(?:=> |^\s+)(/\S+) \(0x", listed.stdout))):
        target = folder / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    return folder


@dataclass(frozen=True)
class Scratch:
    """A root folder with programs, accounts, and nothing else of a system."""

    root: Path

    def fill(self, programs: Path) -> None:
        shutil.copytree(programs, self.root, copy_function=os.link, dirs_exist_ok=True)
        (self.root / "bin").symlink_to("usr/bin")
        (self.root / "sbin").symlink_to("usr/bin")
        # On Enterprise Linux sh is bash.
        (self.root / "usr/bin/sh").symlink_to("bash")
        for folder in ("dev", "etc", "root", "tmp", "var/log/anaconda", "var/tmp", "var/lib",
                       "boot", "home/ada"):  # fmt: skip
            (self.root / folder).mkdir(parents=True)
        self.write("dev/null", "")
        self.write("etc/passwd", f"root:x:0:0:root:/root:/bin/bash\n"
                                 f"ada:x:{ADA}:{ADA}::/home/ada:/bin/bash\n")  # fmt: skip
        self.write("etc/group", f"root:x:0:\nada:x:{ADA}:\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\n")
        for name in ("restorecon", "chkconfig"):
            self.write(f"usr/bin/{name}", f'#!/bin/sh\necho "{name} $*" >>/calls\n', 0o755)

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def read(self, name: str) -> str:
        return self.path(name).read_text()

    def mode(self, name: str) -> int:
        return stat.S_IMODE(self.path(name).stat().st_mode)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` with this folder as the root of everything."""
        if IS_ROOT:
            inside = [shutil.which("chroot") or "/usr/sbin/chroot", str(self.root)]
        else:
            inside = ["unshare", "-r", "-R", str(self.root)]
        return subprocess.run(
            [*inside, *command],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
