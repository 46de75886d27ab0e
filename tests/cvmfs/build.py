"""Builds the packages for dpkg and rpm, their signed repository, and two CVMFS repositories.

Usage: python -m tests.cvmfs.build      (it prints the folder)

::

    signing.key, fingerprint, ca.pem, server.pem      as of tests.containers.vendor
    vendor.pub, own.pub and their private keys         keys of CVMFS repositories
    repo/apt, repo/yum/cvmfs/EL/9/x86_64              packages
    repo/cvmfs/NAME/.cvmfswhitelist …                 repositories
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from pathlib import Path

from tests.containers import vendor
from tests.containers.places import CACHE
from tests.containers.vendor import File, Package

FOLDER = CACHE / "cvmfs"
DEBIAN, EL = ("bookworm", "trixie"), ("9",)
#: Under this name containers know the server.
SERVER = "packages.scenario.example.org"
VENDOR = vendor.Vendor("b2ct tests (not CernVM)", FOLDER, SERVER)
STRANGER = vendor.Vendor("b2ct tests (a stranger)", FOLDER / "stranger", SERVER)
#: Repositories and whose key signs them.
REPOSITORIES = {
    "known.vendor.example.org": "vendor",
    "belle.own.example.org": "own",
    # Its domain's key is the site's own, and it is signed by another.
    "forged.own.example.org": "vendor",
}
_FILES = Path(__file__).parent / "files"


def packages() -> tuple[Package, ...]:
    """Give what a client installs."""
    programs = {
        path: File((_FILES / Path(path).name).read_text(), 0o755)
        for path in ("/usr/bin/cvmfs_config", "/usr/sbin/mount.cvmfs", "/etc/auto.cvmfs")
    }
    defaults = "CVMFS_HTTP_PROXY=\nCVMFS_QUOTA_LIMIT=4000\nCVMFS_CACHE_BASE=/var/lib/cvmfs\n"
    domain = (
        "CVMFS_SERVER_URL=http://stratum-one.example.org/cvmfs/@fqrn@\n"
        "CVMFS_KEYS_DIR=/etc/cvmfs/keys/vendor.example.org\n"
    )
    return (
        Package(
            "cvmfs",
            files={**programs, "/etc/cvmfs/default.conf": File(defaults)},
            folders=("/etc/cvmfs/config.d", "/etc/cvmfs/default.d", "/var/lib/cvmfs", "/cvmfs"),
            requires=("cvmfs-config-default",),
        ),
        Package(
            "cvmfs-config-default",
            files={
                "/etc/cvmfs/domain.d/vendor.example.org.conf": File(domain),
                "/etc/cvmfs/keys/vendor.example.org/vendor.pub": File(
                    (FOLDER / "vendor.pub").read_text()
                ),
            },
        ),
    )


def _keys() -> None:
    VENDOR.keys()
    STRANGER.folder.mkdir(exist_ok=True)
    STRANGER.keys()
    for name in ("vendor", "own"):
        key = FOLDER / f"{name}.key"
        if not key.exists():
            vendor.run("openssl", "genrsa", "-out", str(key), "2048")
            vendor.run(
                "openssl", "rsa", "-in", str(key), "-pubout", "-out", str(FOLDER / f"{name}.pub")
            )


def _repositories(root: Path) -> None:
    for name, signer in REPOSITORIES.items():
        folder = root / name
        folder.mkdir(parents=True)
        (folder / ".cvmfswhitelist").write_text(f"{name}\n")
        (folder / "hello").write_text(f"hello from {name}\n")
        vendor.run(
            "openssl", "dgst", "-sha256", "-sign", str(FOLDER / f"{signer}.key"), "-out",
            str(folder / ".cvmfswhitelist.sig"), str(folder / ".cvmfswhitelist"),
        )  # fmt: skip


def _mark() -> str:
    said = [repr(packages()), VENDOR.fingerprint, STRANGER.fingerprint]
    said += [Path(file).read_text() for file in (__file__, vendor.__file__)]
    return hashlib.sha256("".join(said).encode()).hexdigest()


def build() -> Path:
    """Make what is not there yet, and give the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _keys()
        mark, made_of = _mark(), FOLDER / "made-of"
        if made_of.exists() and made_of.read_text() == mark:
            return FOLDER
        repo = FOLDER / "repo"
        shutil.rmtree(repo, ignore_errors=True)
        for release in DEBIAN:
            VENDOR.apt_repository(packages(), "2.11.5", repo / "apt", suite=f"{release}-prod")
        for major in EL:
            VENDOR.dnf_repository(packages(), "2.11.5", repo / "yum/cvmfs/EL" / major / "x86_64")
        # The same packages, signed by somebody else.
        STRANGER.apt_repository(
            packages(), "2.11.5", repo / "stranger/apt", suite=f"{DEBIAN[0]}-prod"
        )
        STRANGER.dnf_repository(
            packages(), "2.11.5", repo / "stranger/yum/cvmfs/EL" / EL[0] / "x86_64"
        )
        shutil.copy(FOLDER / "signing.key", repo / "signing.key")
        shutil.copy(STRANGER.folder / "signing.key", repo / "stranger.key")
        _repositories(repo / "cvmfs")
        vendor.run(
            "tar", "--create", "--file", "repo.tar", "--sort=name", "--mtime=@0", "repo",
            "server.pem", cwd=FOLDER,
        )  # fmt: skip
        made_of.write_text(mark)
    return FOLDER


if __name__ == "__main__":
    print(build())
