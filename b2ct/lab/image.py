"""The guests' image: made from Debian's packages once, kept by the hash of its recipe.

A tree by mmdebstrap, written into a file as ext4 by mke2fs: no loop device, no partition
table, nothing mounted. Kernel and initrd lie beside it, for QEMU to load.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from b2ct.errors import B2ctError

SUITE: Final = "bookworm"
_RECIPE: Final = Path(__file__).parent / "image"
_FILES: Final = (
    "packages.txt",
    "early.sh",
    "setup.sh",
    "b2ctlab-guest",
    "b2ctlab-guest.service",
    "fence_b2ctlab",
)
_SIZE: Final = "8G"
#: What the tree and the written image take while it is made, in bytes.
_ROOM: Final = 4 << 30
_EXCLUDED: Final = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
#: Programs and the packages that bring them.
PROGRAMS: Final = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Image:
    """A finished image."""

    folder: Path

    @property
    def root(self) -> Path:
        """The root file system, raw; guests write to overlays above it."""
        return self.folder / "root.raw"

    @property
    def kernel(self) -> Path:
        """The kernel."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Its initrd."""
        return self.folder / "initrd.img"


@dataclass(frozen=True)
class Golden:
    """A saved machine."""

    folder: Path

    @property
    def root(self) -> Path:
        """Its disk, a layer above the image's."""
        return self.folder / "root.qcow2"

    @property
    def state(self) -> Path:
        """Its memory and devices, compressed."""
        return self.folder / "state.zst"


def cache_folder() -> Path:
    """Give where images and saved states are kept: ``B2CT_LAB_CACHE``, else the user's cache."""
    given = os.environ.get("B2CT_LAB_CACHE")
    if given:
        return Path(given).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "b2ct" / "lab"


def packages() -> tuple[str, ...]:
    """Give the packages of the image."""
    lines = (_RECIPE / "packages.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def recipe_hash() -> str:
    """Hash all that an image is made of, but for the versions that the archive has today."""
    digest = hashlib.sha256(f"{SUITE} {_SIZE}".encode())
    for name in _FILES:
        content = (_RECIPE / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def image_folder(cache: Path) -> Path:
    """Give where the image of today's recipe is, or will be."""
    return cache / f"image-{recipe_hash()}"


def ensure(cache: Path, say: Say) -> Image:
    """Give the image; make it if it is not there.

    :raises B2ctError: it cannot be made here; the message says why.
    """
    found = Image(image_folder(cache))
    if found.folder.is_dir():
        return found
    _demand()
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "image.lock"):
        if not found.folder.is_dir():
            demand_room(cache, _ROOM, "the image of the lab")
            with tempfile.TemporaryDirectory(prefix="making-", dir=cache) as temporary:
                folder = Path(temporary)
                folder.chmod(0o755)
                say("making the image from Debian's packages (once; 2 to 6 minutes)")
                _bootstrap(folder)
                say("writing the image's file system")
                made = _write(folder)
                made.rename(found.folder)
    return found


def _demand() -> None:
    for program, package in PROGRAMS.items():
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise B2ctError(
                f"the image of the lab is made with {program}, which is not here",
                f"install it: apt install {package}",
            )
    if os.geteuid() != 0:
        raise B2ctError(
            "making the image of the lab needs root, for the owners of its files",
            "make it once as root: sudo B2CT_LAB_CACHE=FOLDER b2ct lab image;"
            " then use the same B2CT_LAB_CACHE",
        )


def demand_room(folder: Path, needed: int, what: str) -> None:
    """Refuse to begin what will not fit."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise B2ctError(
            f"{what} needs {needed >> 20} MiB below {folder}, and {free >> 20} MiB are free",
            "free some space, or set B2CT_LAB_CACHE and XDG_STATE_HOME to folders with room",
        )


def sources() -> str:
    """Give a sources.list with the addresses that this machine takes its own Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"]
    done = subprocess.run(
        [*asked, "Created-By: Packages"], capture_output=True, text=True, check=False
    )
    lines = []
    for line in dict.fromkeys(done.stdout.splitlines()):
        address, suite, component = line.split()
        if re.fullmatch(rf"{SUITE}(-updates|-security)?", suite) and component == "main":
            lines.append(f"deb {address} {suite} main\n")
    return "".join(lines) or (
        f"deb http://deb.debian.org/debian {SUITE} main\n"
        f"deb http://deb.debian.org/debian {SUITE}-updates main\n"
        f"deb http://deb.debian.org/debian-security {SUITE}-security main\n"
    )


def bootstrap_argv(tree: Path) -> list[str]:
    """Give the command that makes the tree; sources come on its standard input."""
    return [
        *("mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(packages())}"),
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
        "--dpkgopt=force-unsafe-io",
        f'--essential-hook=sh "{_RECIPE / "early.sh"}" "$1"',
        f'--customize-hook=sh "{_RECIPE / "setup.sh"}" "$1"',
        *(SUITE, str(tree), "-"),
    ]


def _bootstrap(folder: Path) -> None:
    _run(bootstrap_argv(folder / "tree"), folder / "mmdebstrap.log", sources())


def _write(folder: Path) -> Path:
    tree, made = folder / "tree", folder / "image"
    made.mkdir(mode=0o755)
    for pattern, name in (("vmlinuz-*", "vmlinuz"), ("initrd.img-*", "initrd.img")):
        (found,) = (tree / "boot").glob(pattern)
        shutil.copyfile(found, made / name)
    options = "root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1"
    command = ["mke2fs", "-q", "-t", "ext4", "-L", "b2ctlab", "-d", str(tree), "-E", options]
    _run([*command, str(made / "root.raw"), _SIZE], folder / "mke2fs.log")
    return made


def _run(argv: list[str], log: Path, typed: str = "") -> None:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    with log.open("wb") as stream:
        done = subprocess.run(
            argv,
            input=typed.encode(),
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    if done.returncode != 0:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        told = next((line for line in reversed(lines) if line.startswith("E:")), "")
        raise B2ctError(
            f"{argv[0]} failed: {told or (lines[-1] if lines else 'it gave no reason')}",
            "see that the package mirror answers (apt-get update), and that there is room",
        )


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let one process at a time do something."""
    with file.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
