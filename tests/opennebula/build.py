"""Builds the packages for dpkg and rpm, and a signed repository laid out as the vendor's.

Usage: python -m tests.opennebula.build      (it prints the folder)

::

    repo2.key                               the signing key, a throw-away one of this machine
    fingerprint, ca.pem, server.pem         for those who use the repository, and for its server
    repo/7.0/Debian/12/dists/stable/…       apt
    repo/7.0/AlmaLinux/9/repodata/…         dnf
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from pathlib import Path

from tests.containers import vendor
from tests.containers.places import CACHE
from tests.opennebula.content import packages

FOLDER = CACHE / "opennebula"
VERSIONS = ("6.10", "7.0")
DEBIAN, EL = ("12", "13"), ("9",)
#: Under this name containers know the server.
SERVER = "packages.scenario.example.org"
VENDOR = vendor.Vendor("b2ct tests (not OpenNebula)", FOLDER, SERVER, key_file="repo2.key")


def _mark() -> str:
    said = [repr(packages(version)) for version in VERSIONS]
    said += [Path(file).read_text() for file in (__file__, vendor.__file__)]
    return hashlib.sha256("".join([*said, VENDOR.fingerprint]).encode()).hexdigest()


def build() -> Path:
    """Make what is not there yet, and give the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        VENDOR.keys()
        mark, made_of = _mark(), FOLDER / "made-of"
        if made_of.exists() and made_of.read_text() == mark:
            return FOLDER
        shutil.rmtree(FOLDER / "repo", ignore_errors=True)
        for version in VERSIONS:
            content, base, full = packages(version), FOLDER / "repo" / version, f"{version}.0"
            for major in DEBIAN:
                VENDOR.apt_repository(
                    content, full, base / "Debian" / major, component="opennebula"
                )
            for major in EL:
                VENDOR.dnf_repository(content, full, base / "AlmaLinux" / major)
        shutil.copy(FOLDER / "repo2.key", FOLDER / "repo" / "repo2.key")
        vendor.run(
            "tar", "--create", "--file", "repo.tar", "--sort=name", "--mtime=@0", "repo",
            "server.pem", cwd=FOLDER,
        )  # fmt: skip
        made_of.write_text(mark)
    return FOLDER


if __name__ == "__main__":
    print(build())
